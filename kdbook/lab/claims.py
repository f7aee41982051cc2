"""The claims ledger: each published statement beside what was measured here, with a verdict that this module computes.

`claims.yaml` holds the statements and how each is checked. A check takes one value a seed from an experiment's table
(a column, or two rows or columns compared) and gives their mean with a 95 % t interval. Its outcome is

- ``holds``: the interval meets the published value within its tolerance (for ``relation`` with a published value: or
  lies beyond it); without a published value, the whole interval lies beyond ``than``;
- ``same sign and order``: it misses the tolerance, but lies wholly on the published side of no effect (0; 1 for a
  ratio), and its mean effect is of the same order of magnitude, within a factor of sqrt(10) of the published one;
- ``fails``: anything else, also an interval that cannot exclude ``than``.

The claim is ``reproduced`` when every check holds and no deviation from the paper is listed; ``reproduced with a
correction`` when none fails; else ``not reproduced``. Quick results are shown and never decide.
"""

import functools
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kdbook import require
from kdbook.data.files import write_atomically
from kdbook.lab.intervals import t_interval
from kdbook.lab.results import REPOSITORY, read_results
from kdbook.lab.runs import load, outdated
from kdbook.lab.statements import Check, Claim, load_claims

MARKDOWN = REPOSITORY / "results" / "CLAIMS.md"
INTRODUCTION = Path(__file__).with_name("claims.md")
README, SUMMARY_MARKS = REPOSITORY / "README.md", ("<!-- claims -->", "<!-- end of claims -->")
REPRODUCED, CORRECTED, FAILED = "reproduced", "reproduced with a correction", "not reproduced"
UNTESTABLE, PENDING = "not testable here", "no full results yet"
HOLDS, NEAR, FAILS, SHOWN = "holds", "same sign and order", "fails", "shown"


class NoRowsError(ValueError):
    """A table has none of the rows that a check asks for: a quick run may leave settings out."""


def published(claim: str, check: str) -> float:
    """A published number as the ledger has it, by the claim's id and the check's label, for a figure to show.

    Raises
    ------
    KeyError
        When there is no such check with a published number.
    """
    return _published()[claim, check]


@functools.cache
def _published() -> dict[tuple[str, str], float]:
    """Of every check that has one; the ledger takes seconds to read, and a figure asks for several."""
    found = [(claim.id, check) for claim in load_claims() for check in claim.checks]
    return {(claim, check.label): check.published for claim, check in found if check.published is not None}


class Estimate(NamedTuple):
    """Mean over `n` seeds with its 95 % t interval; for a single seed all three are equal."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self):
        return f"{number(self.mean)} [{number(self.low)}, {number(self.high)}]" if self.n > 1 else number(self.mean)


class Measured(NamedTuple):
    """A check with its full estimate (`ours`), the quick one (`yours`), and the outcome."""

    check: Check
    ours: Estimate | None
    yours: Estimate | None
    outcome: str


class Row(NamedTuple):
    """A claim with its measured checks and its verdict."""

    claim: Claim
    measured: tuple[Measured, ...]
    verdict: str


def number(x: float) -> str:
    """A number as tables show it: about three digits, whole numbers whole."""
    if not math.isfinite(x):
        return str(x)
    if x == round(x) and abs(x) < 1e6:
        return f"{int(x):,}"
    digits = 0 if abs(x) >= 100 else 1 if abs(x) >= 10 else 2 if abs(x) >= 1 else 3
    return f"{x:,.{digits}f}" if abs(x) >= 0.01 else f"{x:.1e}"


def values(check: Check, table: pd.DataFrame) -> pd.Series:
    """The check's value of each seed (of each teacher, where students are compared with their teachers).

    A row's partner is the row of its seed or, among teachers, that of its own teacher (`teacher_seed`). Students of one
    teacher then share its luck and are not independent, so that they are averaged first.

    Raises
    ------
    ValueError
        When the table lacks a column, rows or partners, has several rows for a seed, or a value is not finite.
    """
    rows = _select(check, table, check.where, check.column)
    ours, by_teacher = rows[check.column].astype(float), False
    if check.versus or check.versus_column:
        other, by_teacher = _partners(check, table, rows, check.versus or check.where)
        if check.compare == "share":
            goal, goal_by_teacher = _partners(check, table, rows, check.goal)
            ours, by_teacher = (other - ours) / (other - goal), by_teacher or goal_by_teacher
        else:
            ours = ours / other if check.compare == "ratio" else ours - other
    name = f"check {check.label!r}: every value of {check.experiment}.{check.column}"
    require(np.isfinite(ours).all(), name, "finite", "nan or inf")
    return check.scale * (ours.groupby(rows["teacher_seed"]).mean() if by_teacher else ours)


def _select(check: Check, table: pd.DataFrame, where: Mapping, column: str) -> pd.DataFrame:
    """The rows that `where` names, in the order of their seeds, which are the index."""
    lacking = [c for c in ("seed", *where, column) if c not in table]
    require(not lacking, f"check {check.label!r}: columns", f"among the results of {check.experiment}", lacking)
    rows = table[np.logical_and.reduce([table[key] == value for key, value in where.items()])]
    if not len(rows) or rows["seed"].duplicated().any():
        kind = ValueError if len(rows) else NoRowsError
        raise kind(f"check {check.label!r}: {check.experiment} has no row, or several a seed, for {dict(where)}")
    return rows.set_index("seed", drop=False).sort_index()


def _partners(check: Check, table: pd.DataFrame, rows: pd.DataFrame, where: Mapping) -> tuple[pd.Series, bool]:
    """The other side's value for every row, and whether it is that of the row's teacher."""
    column = check.versus_column or check.column
    others = _select(check, table, where, column)
    by_teacher = "teacher_seed" in rows and rows["teacher_seed"].notna().all() and others["teacher_seed"].isna().all()
    keys = rows["teacher_seed"].astype(int) if by_teacher else rows["seed"]
    alone = keys[~keys.isin(others.index)].tolist()
    require(not alone, f"check {check.label!r}: seeds", f"those of rows of {dict(where)} too", alone)
    return pd.Series(others[column].loc[keys].to_numpy(float), rows.index), by_teacher


def outcome(check: Check, ours: Estimate | None) -> str:
    """Whether a check holds; the module's docstring defines the words."""
    if check.shown:
        return SHOWN
    if ours is None or ours.n < 2:
        return PENDING
    if check.published is None:
        return HOLDS if (ours.low > check.than if check.relation == "greater" else ours.high < check.than) else FAILS
    least = -math.inf if check.relation == "less" else check.published - check.tolerance
    most = math.inf if check.relation == "greater" else check.published + check.tolerance
    if ours.low <= most and ours.high >= least:
        return HOLDS
    none = 1.0 if check.compare == "ratio" else 0.0
    effects = [x - none for x in (ours.low, ours.high, ours.mean)]
    published = check.published - none
    if published == 0 or any(e * published <= 0 for e in effects):
        return FAILS
    return NEAR if abs(math.log10(effects[-1] / published)) <= 0.5 else FAILS


def evaluate(claim: Claim, load_full: Callable, load_quick: Callable | None = None) -> Row:
    """Measure a claim's checks and compute its verdict.

    Parameters
    ----------
    claim : Claim
        With its checks.
    load_full, load_quick : function of an experiment's name
        Gives its table, or raises FileNotFoundError when there is none yet. Quick tables decide nothing, and may lack
        rows that the full ones have.
    """

    def estimate(check: Check, load: Callable, *may_be: type[Exception]) -> Estimate | None:
        try:
            sample = values(check, load(check.experiment))
            return Estimate(*t_interval(sample), len(sample))
        except (FileNotFoundError, *may_be):
            return None
        except ValueError as error:
            raise ValueError(f"claim {claim.id}: {error}") from error

    ours = [estimate(check, load_full) for check in claim.checks]
    yours = [load_quick and estimate(check, load_quick, NoRowsError) for check in claim.checks]
    outcomes = [outcome(check, mine) for check, mine in zip(claim.checks, ours, strict=True)]
    measured = tuple(map(Measured, claim.checks, ours, yours, outcomes))
    return Row(claim, measured, verdict(claim, outcomes))


def verdict(claim: Claim, outcomes: list[str]) -> str:
    """The claim's verdict from its checks' outcomes."""
    if claim.test != "experiment":
        return UNTESTABLE
    if PENDING in outcomes:
        return PENDING
    if FAILS in outcomes:
        return FAILED
    return CORRECTED if NEAR in outcomes or claim.deviations else REPRODUCED


def rows(chapter: str | None = None, quick_folder: Path | None = None) -> list[Row]:
    """Every claim, evaluated on the committed full results.

    Parameters
    ----------
    chapter : str, optional
        Only the claims of this chapter, such as ``"01"``.
    quick_folder : Path, optional
        Output folder of a quick run, such as ``build/quick``; its numbers are shown as `yours`.

    Raises
    ------
    ValueError
        For a chapter without claims.
    """
    claims = [c for c in load_claims() if chapter in (None, c.chapter)]
    require(len(claims) > 0, "chapter", "one with claims, in two digits such as '01'", repr(chapter))
    quick = quick_folder and functools.cache(lambda name: read_results(name, Path(quick_folder) / "results"))
    full = functools.cache(load)
    return [evaluate(claim, full, quick) for claim in claims]


def write_markdown(path: Path = MARKDOWN) -> Path:
    """Write the ledger of the full results as one readable page, chapter by chapter; returns its path."""
    every = rows()
    counts = Counter(row.verdict for row in every)
    parts = [INTRODUCTION.read_text(encoding="utf-8"), _cells("verdict", "claims"), _cells("---", "---:")]
    parts += [_cells(v, str(counts[v])) for v in (REPRODUCED, CORRECTED, FAILED, UNTESTABLE, PENDING) if counts[v]]
    told = ", ".join(f"`{name}` (results of VERSION {version})" for name, version in outdated().items())
    parts += [f"\nTo be run again, since a fault in what they measure was mended: {told}."] if told else []
    for chapter, found in groupby(every, key=lambda row: row.claim.chapter):
        found = list(found)
        parts += [f"\n## Chapter {chapter}\n", _cells("claim", "statement", "summary", "verdict"), _cells(*["---"] * 4)]
        for row in found:
            link = f"[{row.claim.id}](#{row.claim.id})"
            parts.append(_cells(link, row.claim.statement, row.claim.summary_verdict, f"**{row.verdict}**"))
        parts += map(_section, found)
    write_atomically(Path(path), ("\n".join(parts) + "\n").encode())
    return Path(path)


def write_summary(path: Path = README) -> Path:
    """Put what was tested, with its verdicts, between the README's two marks; returns its path.

    Raises
    ------
    ValueError
        When the marks are not there.
    """
    text = Path(path).read_text()
    before, mark, rest = text.partition(SUMMARY_MARKS[0])
    _, end, after = rest.partition(SUMMARY_MARKS[1])
    require(mark and end, f"{path}", f"a text with the marks {' and '.join(SUMMARY_MARKS)}", "one without")
    tested = [row for row in rows() if row.verdict != UNTESTABLE]
    table = [_cells("published statement", "verdict"), _cells("---", "---")]
    table += [_cells(row.claim.statement, f"[{row.verdict}](results/CLAIMS.md#{row.claim.id})") for row in tested]
    write_atomically(Path(path), f"{before}{mark}\n{chr(10).join(table)}\n{end}{after}".encode())
    return Path(path)


def _cells(*texts: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def _section(row: Row) -> str:
    """One claim in full: what was said, what is right and wrong about it, and what was measured."""
    claim = row.claim
    source = claim.source + "".join(f" [[{i}]]({link})" for i, link in enumerate(claim.links, 1))
    lines = [
        f"\n### {claim.id}\n\n{claim.statement} **{row.verdict.capitalize()}.**\n",
        f"- Published: {claim.published}. Source: {source} (checked: {claim.checked}).",
        f"- The summary, by reading: {claim.summary_verdict}. {claim.why}",
    ]
    lines += [f"- Why it is not measured: {claim.reason}"] if claim.reason else []
    lines += [f"- Where the test differs: {text}" for text in claim.deviations]
    if row.measured:
        lines += ["", _cells("measured", "published", "ours [95 % interval]", "n", "check"), _cells(*["---"] * 5)]
    for m in row.measured:
        ours, n = (str(m.ours), str(m.ours.n)) if m.ours else ("-", "-")
        lines.append(_cells(f"{m.check.label} ({m.check.unit})", m.check.expected, ours, n, m.outcome))
    reasons = dict.fromkeys(m.check.tolerance_reason for m in row.measured if m.check.tolerance_reason)
    lines += [f"\nTolerances: {'; '.join(reasons)}."] if reasons else []
    return "\n".join(lines)


def print_table(chapter: str | None = None, quick_folder: Path | None = None, width: int = 120) -> None:
    """Print claim, published, reference, yours and verdict: a line a claim, a line a check, `width` characters wide."""
    sizes = (max(20, width - 76), 17, 26, 10, 19)

    def line(*texts):
        cells = [textwrap.shorten(t, size, placeholder=" …") for t, size in zip(texts, sizes, strict=True)]
        print(" ".join(f"{cell:<{size}}" for cell, size in zip(cells, sizes, strict=True)).rstrip())

    line("claim", "published", "reference", "yours", "verdict")
    for row in rows(chapter, quick_folder):
        print(f"{row.claim.chapter} {row.claim.id} ".ljust(sum(sizes) + 3 - len(row.verdict), "."), row.verdict)
        for m in row.measured:
            yours = f"({number(m.yours.mean)})" if m.yours else "-"
            line(f"- {m.check.label}", m.check.expected, str(m.ours or "-"), yours, m.outcome)
    print("reference: mean of the full results [95 % interval over seeds]; (yours): your quick run, provisional")
