"""The ledger as texts: `results/CLAIMS.md`, the four counts of the README, and a table for the terminal."""

import textwrap
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from kdbook import require
from kdbook.data.files import REPOSITORY, write_atomically
from kdbook.lab import verdicts as words
from kdbook.lab.claims import READ, RECALLED, UNTESTABLE, Measured, Row, number, rows
from kdbook.lab.runs import outdated

MARKDOWN = REPOSITORY / "results" / "CLAIMS.md"
INTRODUCTION = Path(__file__).with_name("claims.md")
README, SUMMARY_MARKS = REPOSITORY / "README.md", ("<!-- claims -->", "<!-- end of claims -->")
LINE = ("ours [95 % interval]", "n", "carried over", "S", "MDE", "draws needed")  # of a claim's first key check
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
    counts = Counter(row.verdict for row in every)
    parts = [INTRODUCTION.read_text(encoding="utf-8"), _cells("verdict", "claims"), _cells("---", "---:")]
    parts += [_cells(v, str(counts[v])) for v in ORDER if counts[v]]
    keys = [m for row in every for m in row.keys if m.q is not None]
    sure = sum(m.outcome in (words.SHOWN, words.OTHER_SIZE) and m.q < words.LEVEL for m in keys)
    parts.append(
        f"\n{len(keys)} key checks are corrected for their number (Benjamini-Hochberg). Of the {sure} that are shown, "
        f"in whatever size, with q below {words.LEVEL}, about {words.LEVEL * sure:.0f} are expected to be false."
    )
    old = ", ".join(f"`{name}` (results of VERSION {version})" for name, version in outdated().items())
    parts += [f"\nTo be replaced, since a new VERSION is being measured: {old}."] if old else []
    for title, saying in (("What papers report", False), ("What is commonly said", True)):
        for word, group in groupby([r for r in every if r.claim.saying == saying], key=lambda row: row.verdict):
            group = list(group)
            parts += [f"\n## {title}: {word} ({len(group)})\n", _cells("", "claim", *LINE)]
            parts += [_cells(*["---"] * (2 + len(LINE))), *map(_line, group)]
    parts += ["\n## In detail", *map(_section, every)]
    write_atomically(Path(path), ("\n".join(parts) + "\n").encode())
    return Path(path)


def _line(row: Row) -> str:
    """One claim with the first of its key checks; where a control fails, this stands in the place of draws."""
    statement = f"[{row.claim.statement}](#{row.claim.id})"
    if not row.keys:
        return _cells(row.claim.chapter, statement, *["-"] * len(LINE))
    first = told(row.keys[0])
    first[LINE[0]] += f" {row.keys[0].check.unit}"
    if any(m.outcome == words.TOO_SMALL for m in row.keys):
        first[LINE[-1]] = "a control fails"
    return _cells(row.claim.chapter, statement, *(first[heading] for heading in LINE))


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
    table = [_cells(f"of {counts.total()} tested statements", "number"), _cells("---", "---:")]
    table += [_cells(kind, str(sum(counts[word] for word in found))) for kind, found in kinds.items()]
    write_atomically(Path(path), f"{before}{mark}\n{chr(10).join(table)}\n{end}{after}".encode())
    return Path(path)


def _cells(*texts: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def _section(row: Row) -> str:
    """One claim in full: what was said, what is right and wrong about it, and, folded, what was measured."""
    claim = row.claim
    source = claim.source + "".join(f" [[{i}]]({link})" for i, link in enumerate(claim.links, 1))
    lines = [
        f"\n### {claim.id}\n\n{claim.statement} **{row.verdict.capitalize()}.**\n",
        "<details><summary>Source, numbers and reasons</summary>\n",
        f"- Published: {claim.published}. Source: {source} (checked: {claim.checked}).",
        f"- The summary, by reading: {claim.summary_verdict}. {claim.why}",
    ]
    lines += [f"- Why it is not measured: {claim.reason}"] if claim.reason else []
    lines += [f"- Where the test differs: {text}" for text in claim.deviations]
    if row.measured:
        headings = [*told(row.measured[0])]
        lines += ["", _cells(*headings), _cells(*["---"] * len(headings))]
        lines += [_cells(*told(m).values()) for m in row.measured]
    reasons = [m.check.smallest_reason and f"S: {m.check.smallest_reason}" for m in row.measured]
    reasons += [m.check.tolerance_reason and f"band: {m.check.tolerance_reason}" for m in row.measured]
    reasons = "; ".join(dict.fromkeys(filter(None, reasons)))
    return "\n".join([*lines, *[f"\n{reasons}."] * bool(reasons), "\n</details>"])


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
