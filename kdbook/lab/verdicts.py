"""The words of the ledger, computed from numbers alone: outcomes of checks, verdicts of claims, and what would decide.

An effect is oriented: positive is as claimed. S is the smallest effect of interest. The 95 % t interval of the mean
over independent draws gives the outcome, in this order: wholly below 0 *opposite*; wholly below S *absent*; wholly
above 0 *shown*, or *other size* where a number is claimed and the estimate is not in its band, or too uncertain to say
so; else *cannot tell*. A value or an equality is *shown* inside its band, *opposite* outside it.
"""

import bisect
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

SHOWN, OTHER_SIZE, ABSENT, OPPOSITE = "shown", "other size", "absent", "opposite"
CANNOT_TELL, TOO_SMALL, PENDING = "cannot tell", "cannot tell: set-up too small", "no full results yet"
SHOWN_OTHER_SIZE, PARTLY, CONTRADICTED = "shown, other size", "partly", "contradicted"
HOLDS, SAYING_CORRECTED = "saying holds", "saying corrected"
POWER, LEVEL, MOST = 0.8, 0.05, 10_000  # of a planned experiment; most draws that are told as such
ROUNDING = 1e-9  # a relative difference that is none


class Aim(NamedTuple):
    """What is claimed of a number, in its own unit and oriented.

    `smallest` is S of an effect, None for a value; `band` the least and the most that agree with a claimed number.
    """

    smallest: float | None
    band: tuple[float, float] | None = None


def outcome(interval: tuple[float, float, float], aim: Aim, *, controlled: bool = True, comparison: bool = True) -> str:
    """What an interval says of a claim.

    Parameters
    ----------
    interval : mean, low, high
        Of independent draws, with the 95 % t interval of their mean, oriented as the aim.
    aim : Aim
        What is claimed.
    controlled : bool
        Whether every control of the check holds; without one nothing can be denied, and no equality shown.
    comparison : bool
        Whether a value compares two conditions, and so states an equality.
    """
    mean, low, high = interval
    if aim.smallest is None:
        least, most = aim.band[0] - ROUNDING * abs(aim.band[0]), aim.band[1] + ROUNDING * abs(aim.band[1])
        inside, outside = least <= low and high <= most, high < least or low > most
        found = SHOWN if inside else OPPOSITE if outside else CANNOT_TELL
        proved = controlled or found == CANNOT_TELL or (inside and not comparison)
        return found if proved else TOO_SMALL
    if high < 0 or high < aim.smallest:
        return (OPPOSITE if high < 0 else ABSENT) if controlled else TOO_SMALL
    if low <= 0:
        return CANNOT_TELL
    if aim.band is None:
        return SHOWN
    least, most = aim.band
    return SHOWN if least <= mean <= most and high - low <= most - least else OTHER_SIZE


def p_value(sample: Sequence[float], aim: Aim, found: str) -> float:
    """Chance of a result at least this far from what the outcome denies.

    Two-sided of no effect; of *absent* one-sided of an effect of S; of a band the larger of the two one-sided tests
    (equivalence), or of *opposite* that of the nearer edge.
    """
    if np.ptp(sample) <= ROUNDING * np.abs(sample).max():  # exact numbers, which vary by rounding alone, are certain
        return float(found not in (SHOWN, OTHER_SIZE, ABSENT, OPPOSITE))
    if aim.smallest is not None:
        if found == ABSENT:
            return _t_test(sample, aim.smallest, "less")
        return _t_test(sample, 0.0, "two-sided")
    above, below = _t_test(sample, aim.band[0], "greater"), _t_test(sample, aim.band[1], "less")
    return min(1 - above, 1 - below) if found == OPPOSITE else max(above, below)


def _t_test(sample: Sequence[float], null: float, alternative: str) -> float:
    return float(stats.ttest_1samp(sample, null, alternative=alternative).pvalue)


def detectable(deviation: float, draws: int) -> float:
    """Minimal detectable effect: that which a two-sided t test at 5 % finds in 80 % of experiments.

    Parameters
    ----------
    deviation : float
        Standard deviation of a draw.
    draws : int
        Two or more.
    """
    if draws < 2:
        return math.inf
    freedom = draws - 1
    limit = stats.t.ppf(1 - LEVEL / 2, freedom)
    missing = lambda shift: stats.nct.sf(limit, freedom, shift) - POWER  # noqa: E731
    return float(optimize.brentq(missing, 0, 50)) * deviation / math.sqrt(draws)


def draws_needed(deviation: float, aim: Aim) -> int | None:
    """The fewest draws that decide: MDE at most S, or half the interval at most half the band; None beyond `MOST`."""
    if aim.smallest is not None and aim.smallest <= 0:
        return None

    def enough(draws: int) -> bool:
        if aim.smallest is not None:
            return detectable(deviation, draws) <= aim.smallest
        half = stats.t.ppf(1 - LEVEL / 2, draws - 1) * deviation / math.sqrt(draws)
        return half <= (aim.band[1] - aim.band[0]) / 2

    fewest = bisect.bisect_left(range(MOST + 1), True, lo=2, key=enough)
    return fewest if fewest <= MOST else None


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg q of each p, over all of them."""
    return stats.false_discovery_control(p_values).tolist() if len(p_values) else []


def verdict(outcomes: Sequence[str], q_values: Sequence[float], saying: bool) -> str:
    """A claim's verdict from its key checks.

    Parameters
    ----------
    outcomes : sequence of str
        Of the key checks, one or more.
    q_values : sequence of float
        Theirs; a claim is contradicted only with q < 0.05.
    saying : bool
        Whether only popular accounts make the statement.
    """
    if PENDING in outcomes:
        return PENDING
    good = [found in (SHOWN, OTHER_SIZE) for found in outcomes]
    denied = [found in (ABSENT, OPPOSITE) and q < LEVEL for found, q in zip(outcomes, q_values, strict=True)]
    shown = all(found == SHOWN for found in outcomes)
    if saying:
        return HOLDS if shown else SAYING_CORRECTED if any(denied) or all(good) else CANNOT_TELL
    if any(good):
        return SHOWN if shown else SHOWN_OTHER_SIZE if all(good) else PARTLY
    return CONTRADICTED if all(denied) else CANNOT_TELL
