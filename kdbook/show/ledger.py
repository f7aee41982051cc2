"""The ledger as a table to read on a page: a claim with its verdict, and one line for each number behind it."""

from html import escape
from pathlib import Path

from IPython.display import HTML

from kdbook.lab.claims import Row, rows

LEFT = "text-align:left;vertical-align:top"


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
    headings = ["measured", "published", "reference", "check"] + ["yours (provisional)"] * bool(quick_folder)
    head = "".join(f'<th scope="col" style="{LEFT}">{heading}</th>' for heading in headings)
    body = "".join(_lines(row, len(headings)) for row in rows(chapter, quick_folder))
    return HTML(f"<table><thead><tr>{head}</tr></thead>{body}</table>")


def _lines(row: Row, columns: int) -> str:
    """A claim as a group of rows: its statement across all columns, then a row a number."""
    claim = row.claim
    told = f"<b>{escape(row.verdict)}</b> · {escape(claim.statement)} (summary, by reading: {claim.summary_verdict})"
    lines = [f'<th scope="rowgroup" colspan="{columns}" style="{LEFT};font-weight:normal">{told}</th>']
    if not row.measured:
        lines.append(f'<td colspan="{columns}" style="{LEFT}">by reading: {escape(claim.published)}</td>')
    for m in row.measured:
        numbers = f"{m.check.label} ({m.check.unit})", m.check.expected, m.ours or "-", m.outcome, m.yours or "-"
        lines.append(_cells(*numbers[:columns]))
    return "<tbody>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</tbody>"


def _cells(*texts: object) -> str:
    return "".join(f'<td style="{LEFT}">{escape(str(text))}</td>' for text in texts)
