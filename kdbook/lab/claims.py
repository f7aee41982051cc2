"""The claims ledger: each published statement beside what was measured here, with a verdict that code computes.

`claims.yaml` holds the statements and how each is checked, `draws` takes one number a draw from a question's table, and
`verdicts` has the words. Here both meet: a published effect is carried over to our comparison, controls are computed
from rows, and all key checks share one correction for their number. Quick results are shown and never decide.
"""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kdbook import require
from kdbook.lab.draws import NoRowsError, errors, part_of_gap, values
from kdbook.lab.intervals import t_interval
from kdbook.lab.results import read_results
from kdbook.lab.runs import load
from kdbook.lab.statements import Check, Claim, Gap, load_claims
from kdbook.lab.verdicts import CANNOT_TELL, PENDING, Aim, adjusted, detectable, draws_needed, outcome, p_value, verdict

READ, RECALLED, UNTESTABLE = "checked by reading", "recalled", "not testable here"


class Estimate(NamedTuple):
    """Mean over `n` draws with its 95 % t interval; for a single draw all three are equal."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self):
        return f"{number(self.mean)} [{number(self.low)}, {number(self.high)}]" if self.n > 1 else number(self.mean)


class Measured(NamedTuple):
    """A check with its full estimate (`ours`), the quick one (`yours`), and what they say.

    `carried` is the published number as our comparison would have it, and `aim` what is claimed, oriented; `failed` are
    the labels of controls that do not hold; `detectable` the minimal detectable effect, and `needed` the draws that
    would decide; `p` and `q` are those of key checks alone.
    """

    check: Check
    ours: Estimate | None
    yours: Estimate | None = None
    outcome: str = ""
    carried: float | None = None
    aim: Aim | None = None
    failed: tuple[str, ...] = ()
    detectable: float | None = None
    needed: int | None = None
    p: float | None = None
    q: float | None = None


class Row(NamedTuple):
    """A claim with its measured checks and its verdict."""

    claim: Claim
    measured: tuple[Measured, ...]
    verdict: str

    @property
    def keys(self) -> list[Measured]:
        """What decides."""
        return [m for m in self.measured if m.check.key]


def number(x: float) -> str:
    """A number as tables show it: about three digits, whole numbers whole."""
    if not math.isfinite(x):
        return str(x)
    if x == round(x) and abs(x) < 1e6:
        return f"{int(x):,}"
    digits = 0 if abs(x) >= 100 else 1 if abs(x) >= 10 else 2 if abs(x) >= 1 else 3
    return f"{x:,.{digits}f}" if abs(x) >= 0.01 else f"{x:.1e}"


def aimed(check: Check, table: pd.DataFrame) -> tuple[Aim | None, float | None]:
    """What a check claims of its oriented number, and the published number carried over, in the check's own sense."""
    factor = errors(check, table) / check.errors if check.errors else 1.0
    if check.relation is None:
        if check.tolerance is None:
            return None, check.published
        return Aim(None, (check.published - check.tolerance, check.published + check.tolerance)), check.published
    effect = None if check.published is None else factor * _oriented(check, check.published)
    if isinstance(check.smallest, Gap):
        smallest = part_of_gap(check, check.smallest, table)
    else:
        smallest = check.smallest if check.smallest is not None else max(effect or 0.0, 0.0) / 2
    about = None if check.tolerance is None else (effect - factor * check.tolerance, effect + factor * check.tolerance)
    carried = None if effect is None else _none(check) + (effect if check.relation == "greater" else -effect)
    return Aim(smallest, about), carried


def _none(check: Check) -> float:
    """What a check's number is when there is no effect."""
    return check.than if check.than is not None else float(check.compare == "ratio")


def _oriented(check: Check, x):
    """A check's number, or an array of them, as an effect that is positive where it is as claimed."""
    return {"greater": x - _none(check), "less": _none(check) - x, None: x}[check.relation]


def measure(check: Check, table: pd.DataFrame, failed: tuple[str, ...] = ()) -> Measured:
    """A check's estimate, outcome, and what would decide it, from a full table.

    Parameters
    ----------
    check : Check
        What is claimed of which number.
    table : DataFrame
        Of its question.
    failed : tuple of str
        Labels of its controls that do not hold.
    """
    sample = values(check, table)
    ours = Estimate(*t_interval(sample), len(sample))
    aim, carried = aimed(check, table)
    if aim is None:
        return Measured(check, ours, carried=carried)
    effects = _oriented(check, sample.to_numpy())
    found = CANNOT_TELL
    if len(effects) > 1:
        compares = bool(check.versus or check.versus_column)
        found = outcome(t_interval(effects), aim, controlled=not failed, comparison=compares)
    deviation = float(np.std(effects, ddof=1)) if len(effects) > 1 else math.inf
    needed = draws_needed(deviation, aim) if found == CANNOT_TELL and math.isfinite(deviation) else None
    p = p_value(effects, aim, found) if check.key and len(effects) > 1 else None  # one draw alone tells no spread
    least = detectable(deviation, len(effects)) if check.relation else None
    return Measured(check, ours, None, found, carried, aim, failed, least, needed, p)


def evaluate(
    claim: Claim, load_full: Callable, load_quick: Callable | None = None, beside: bool = True
) -> tuple[Measured, ...]:
    """Measure a claim's checks, its controls first.

    Parameters
    ----------
    claim : Claim
        With its checks.
    load_full, load_quick : function of a question's name
        Gives its table, or raises FileNotFoundError when there is none yet. Quick tables decide nothing, and may lack
        rows that the full ones have.
    beside : bool
        Whether to measure what decides nothing as well.
    """

    def tried(check: Check, failed: tuple[str, ...] = ()) -> Measured:
        try:
            return measure(check, load_full(check.experiment), failed)
        except FileNotFoundError:
            return Measured(check, None, outcome=PENDING)

    def quick(check: Check) -> Estimate | None:
        try:
            sample = values(check, load_quick(check.experiment))
            return Estimate(*t_interval(sample), len(sample))
        except (FileNotFoundError, NoRowsError):
            return None

    every = []
    try:
        broken = [check for check in claim.checks if check.control and not _holds(tried(check))]
        for check in (check for check in claim.checks if beside or check.key):
            failed = [c.label for c in broken if (check.label in c.of if c.of else check.experiment == c.experiment)]
            found = tried(check, () if check.control else tuple(failed))
            every.append(found._replace(yours=quick(check) if load_quick else None))
    except ValueError as error:
        raise ValueError(f"claim {claim.id}: {error}") from error
    return tuple(every)


def _holds(control: Measured) -> bool:
    """Whether a control's whole interval lies beyond its bound."""
    ours, bound = control.ours, control.check.than
    if ours is None or ours.n < 2:
        return False
    return ours.low > bound if control.check.relation == "greater" else ours.high < bound


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
    claims = load_claims()
    good = chapter is None or any(claim.chapter == chapter for claim in claims)
    require(good, "chapter", "one with claims, in two digits such as '01'", repr(chapter))
    quick = quick_folder and functools.cache(lambda name: read_results(name, Path(quick_folder) / "results"))
    full = functools.cache(load)
    asked = [chapter in (None, claim.chapter) for claim in claims]
    every = [evaluate(claim, full, quick if here else None, here) for claim, here in zip(claims, asked, strict=True)]
    q_values = iter(adjusted([m.p for measured in every for m in measured if m.p is not None]))
    every = [tuple(m if m.p is None else m._replace(q=next(q_values)) for m in measured) for measured in every]
    found = [Row(claim, measured, word(claim, measured)) for claim, measured in zip(claims, every, strict=True)]
    return [row for row, here in zip(found, asked, strict=True) if here]


def word(claim: Claim, measured: tuple[Measured, ...]) -> str:
    """The claim's verdict: of its key checks or, where nothing is measured, of how it was checked."""
    if claim.test == "citation":
        return RECALLED if claim.checked == "recalled" else READ
    if claim.test != "experiment":
        return UNTESTABLE
    keys = [m for m in measured if m.check.key]
    return verdict([m.outcome for m in keys], [math.nan if m.q is None else m.q for m in keys], claim.saying)
