"""The ledger as a table to read on a page: a line a claim, findings first, with the numbers behind it folded."""

import os
from pathlib import Path

from IPython.display import HTML
from jinja2 import Template

from kdbook.lab import findings_first, rows, told

TEMPLATE = Path(__file__).with_name("ledger.html")


def show_ledger(chapter: str, quick_folder: Path | None = None) -> HTML:
    """The claims of a chapter: a verdict a line; unfolded, what was published and measured.

    Parameters
    ----------
    chapter : str
        Two digits.
    quick_folder : Path, optional
        Output folder of the reader's own run; its numbers are provisional and decide nothing. Without it their column
        is left out.

    Returns
    -------
    HTML
        Leave it as the last expression of a cell.
    """
    quick_folder = None if os.environ.get("KDBOOK_PAGE") else quick_folder  # committed pages show the reference alone
    page = Template(TEMPLATE.read_text(encoding="utf-8"), autoescape=True)
    found = findings_first(rows(chapter, quick_folder))
    return HTML(page.render(found=found, told=told, yours=quick_folder is not None))
