"""The ledger as texts: `results/CLAIMS.md`, the four counts of the README, and a table for the terminal."""

import textwrap
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Template

from kdbook import require
from kdbook.data.files import REPOSITORY, write_atomically
from kdbook.lab import verdicts as words
from kdbook.lab.claims import READ, RECALLED, UNTESTABLE, Measured, Row, number, rows
from kdbook.lab.runs import outdated

MARKDOWN = REPOSITORY / "results" / "CLAIMS.md"
PAGE = Path(__file__).with_name("claims.md")  # a template
README, SUMMARY_MARKS = REPOSITORY / "README.md", ("<!-- claims -->", "<!-- end of claims -->")
LINE = ["ours [95 % interval]", "n", "carried over", "S", "MDE", "draws needed"]  # of a claim's first key check
# Findings first, then what we owe, then what is not measured.
ORDER = (
    *(words.CONTRADICTED, words.SAYING_CORRECTED, words.PARTLY, words.SHOWN_OTHER_SIZE, words.SHOWN, words.HOLDS),
    *(words.CANNOT_TELL, words.PENDING, READ, RECALLED, UNTESTABLE),
)


def findings_first(found: Iterable[Row]) -> list[Row]:
    """Rows by verdict, then chapter."""
    return sorted(found, key=lambda row: (ORDER.index(row.verdict), row.claim.chapter))


def told(m: Measured) -> dict[str, str]:
    """What a line on a check says, by the heading of its column."""
    aim, check = m.aim, m.check
    sense = -1 if check.relation == "less" else 1  # from the check's own sense to the aim's, and back
    carried = "-" if m.carried is None else number(m.carried)
    band = "-"
    if aim and aim.band:
        none = m.carried - sense * sum(aim.band) / 2 if check.relation else 0.0
        band = " to ".join(number(none + sense * edge) for edge in aim.band[::sense])
    return {
        "measured": f"{check.label} ({check.unit})" + " (key)" * check.key + " (control)" * check.control,
        "ours [95 % interval]": str(m.ours) if m.ours else "-",
        "n": str(m.ours.n) if m.ours else "-",
        "published": "-" if check.published is None else number(check.published),
        "carried over": carried,
        "band": band,
        "S": number(aim.smallest) if aim and aim.smallest else "-",
        "MDE": "-" if m.detectable is None or m.ours.n < 2 else number(m.detectable),
        "q": "-" if m.q is None else number(m.q),
        "outcome": m.outcome + f": {'; '.join(m.failed)}" * (m.outcome == words.TOO_SMALL) or "-",
        "draws needed": "-" if m.needed is None else number(max(m.needed, m.ours.n + 1)),
    }


def write_markdown(path: Path = MARKDOWN) -> Path:
    """Write the ledger of the full results as one readable page, findings first; returns its path."""
    every = findings_first(rows())
    keys = [m for row in every for m in row.keys if m.q is not None]
    sure = sum(m.outcome in (words.SHOWN, words.OTHER_SIZE) and m.q < words.LEVEL for m in keys)
    about = {"every": every, "keys": len(keys), "sure": sure, "level": words.LEVEL, "order": ORDER, "of_line": LINE}
    about |= {"counts": Counter(row.verdict for row in every), "outdated": outdated()}
    page = Template(PAGE.read_text(encoding="utf-8"), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    write_atomically(Path(path), page.render(about, told=told, first=first, reasons=reasons).encode())
    return Path(path)


def first(row: Row) -> list[str]:
    """What a claim's line says of the first of its key checks; where a control fails, this stands in place of draws."""
    if not row.keys:
        return ["-"] * len(LINE)
    said = told(row.keys[0])
    said[LINE[0]] += f" {row.keys[0].check.unit}"
    if any(m.outcome == words.TOO_SMALL for m in row.keys):
        said[LINE[-1]] = "a control fails"
    return [said[heading] for heading in LINE]


def reasons(row: Row) -> list[str]:
    """Why the smallest effects of a claim's checks, and its bands, are what they are; each once."""
    found = [m.check.smallest_reason and f"S: {m.check.smallest_reason}" for m in row.measured]
    found += [m.check.tolerance_reason and f"band: {m.check.tolerance_reason}" for m in row.measured]
    return [*dict.fromkeys(filter(None, found))]


def write_summary(path: Path = README) -> Path:
    """Put four counts between the README's two marks; returns its path.

    Raises
    ------
    ValueError
        When the marks are not there.
    """
    text = Path(path).read_text()
    before, mark, rest = text.partition(SUMMARY_MARKS[0])
    _, end, after = rest.partition(SUMMARY_MARKS[1])
    require(mark and end, f"{path}", f"a text with the marks {' and '.join(SUMMARY_MARKS)}", "one without")
    counts = Counter(row.verdict for row in rows() if row.verdict not in (READ, RECALLED, UNTESTABLE))
    kinds = {
        "shown here, in the published size or another": (words.SHOWN, words.SHOWN_OTHER_SIZE, words.HOLDS),
        "shown in part": (words.PARTLY,),
        "contradicted, or a common saying corrected": (words.CONTRADICTED, words.SAYING_CORRECTED),
        "we cannot tell: our experiment is too small or too uncertain": (words.CANNOT_TELL, words.PENDING),
    }
    table = [f"| of {counts.total()} tested statements | number |", "| --- | ---: |"]
    table += [f"| {kind} | {sum(counts[word] for word in found)} |" for kind, found in kinds.items()]
    write_atomically(Path(path), f"{before}{mark}\n{chr(10).join(table)}\n{end}{after}".encode())
    return Path(path)


def print_table(chapter: str | None = None, quick_folder: Path | None = None, width: int = 120) -> None:
    """Print claim, published as carried over, reference, yours and verdict: a line a claim, a line a key check."""
    sizes = (max(20, width - 76), 17, 26, 10, 19)

    def line(*texts):
        cells = [textwrap.shorten(t, size, placeholder=" …") for t, size in zip(texts, sizes, strict=True)]
        print(" ".join(f"{cell:<{size}}" for cell, size in zip(cells, sizes, strict=True)).rstrip())

    line("claim", "published", "reference", "yours", "verdict")
    for row in findings_first(rows(chapter, quick_folder)):
        print(f"{row.claim.chapter} {row.claim.id} ".ljust(sum(sizes) + 3 - len(row.verdict), "."), row.verdict)
        for m in row.keys:
            yours = f"({number(m.yours.mean)})" if m.yours else "-"
            line(f"- {m.check.label}", told(m)["carried over"], str(m.ours or "-"), yours, m.outcome)
    print("reference: mean of the full results [95 % interval over draws]; (yours): your quick run, provisional")
