"""The ledger as a table to read on a page: a claim with its verdict, and one line for each number behind it."""

from html import escape
from pathlib import Path

from IPython.display import HTML

from kdbook.lab.claims import Row, rows


def show_ledger(chapter: str, quick_folder: Path | None = None) -> HTML:
    """The claims of a chapter: what was published, what was measured, and the verdict.

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
    headings = ["claim", "verdict", "measured", "published", "reference", "check"] + ["yours (provisional)"] * bool(
        quick_folder
    )
    head = "".join(f'<th style="text-align:left">{heading}</th>' for heading in headings)
    body = "".join(_lines(row, bool(quick_folder)) for row in rows(chapter, quick_folder))
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _lines(row: Row, yours: bool) -> str:
    claim, height = row.claim, max(1, len(row.measured))
    first = _cell(f"{claim.statement} (summary, by reading: {claim.summary_verdict})", height)
    first += _cell(row.verdict, height, bold=True)
    if not row.measured:
        return f"<tr>{first}{_cell('by reading')}{_cell(claim.published)}{_cell('-') * (2 + yours)}</tr>"
    lines = []
    for at, m in enumerate(row.measured):
        numbers = _cell(f"{m.check.label} ({m.check.unit})") + _cell(m.check.expected)
        numbers += _cell(m.ours or "-") + _cell(m.outcome)
        lines.append(f"<tr>{first if at == 0 else ''}{numbers}{_cell(m.yours or '-') if yours else ''}</tr>")
    return "".join(lines)


def _cell(text: object, height: int = 1, bold: bool = False) -> str:
    style = "text-align:left;vertical-align:top" + (";font-weight:bold" if bold else "")
    return f'<td rowspan="{height}" style="{style}">{escape(str(text))}</td>'
