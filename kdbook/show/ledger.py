"""The ledger as a table to read on a page: a line a claim, findings first, with the numbers behind it folded."""

import os
from html import escape
from pathlib import Path

from IPython.display import HTML

from kdbook.lab import Row, findings_first, rows, told

LEFT = "text-align:left;vertical-align:top"
SHORT = ("measured", "ours [95 % interval]", "n", "carried over", "outcome")  # of a check, in the folded part


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
    found = findings_first(rows(chapter, quick_folder))
    return HTML("".join(_claim(row, quick_folder is not None) for row in found))


def _claim(row: Row, yours: bool) -> str:
    """A claim as one line that unfolds to a table, a line a number."""
    claim = row.claim
    line = f"<summary><b>{escape(row.verdict)}</b> · {escape(claim.statement)}</summary>"
    note = f"<p>Published: {escape(claim.published)}. The summary, by reading: {claim.summary_verdict}.</p>"
    if not row.measured:
        return f"<details>{line}{note}</details>"
    head = "".join(_cell("th", heading) for heading in [*SHORT, *["yours (provisional)"] * yours])
    body = ""
    for m in row.measured:
        cells = [told(m)[column] for column in SHORT] + [str(m.yours or "-")] * yours
        body += f"<tr>{''.join(_cell('td', cell) for cell in cells)}</tr>"
    return f"<details>{line}{note}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"


def _cell(tag: str, text: str) -> str:
    return f'<{tag} style="{LEFT}">{escape(text)}</{tag}>'
