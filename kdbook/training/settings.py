"""The one check of numbers that people set: what `fit`, optimizers, teachers and objectives are given."""

from numbers import Integral, Real
from typing import Any

from torch import Tensor

from kdbook import require

# Where settings of objectives lie, by name; a list holds one a student, and a tensor, which the loss checks.
RANGES = {
    "(0, inf)": {"temperature"},
    "[0, inf)": {"beta", "weight"},
    "[0, 1]": {"alpha", "label_smoothing", "feedback", "final", "lambdas", "betas"},
    "(0, 1]": {"share"},
}


def check_number(name: str, value: Any, within: str, *, whole: bool = False) -> float:
    """The number, if it lies in an interval, written as in ``[0, 1)``, else ValueError; no bool, no text."""
    low, high = (float(end) for end in within[1:-1].split(","))
    good = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    good = good and (low < value if within[0] == "(" else low <= value)
    good = good and (value < high if within[-1] == ")" else value <= high)
    said = {"(0, inf)": "positive and finite", "[1, inf)": "1 or more", "[0, inf)": "0 or more"}.get(within)
    require(good, name, ("a whole number, " if whole else "") + (said or f"in {within}"), repr(value))
    return int(value) if whole else value  # numpy's whole numbers would overflow, and not be readable in a checkpoint


def check_settings(owner: Any) -> None:
    """Check all attributes of an object that `RANGES` names."""
    given = {name: value for name, value in vars(owner).items() if not isinstance(value, Tensor)}
    for within, names in RANGES.items():
        for name in names & given.keys():
            for value in given[name] if isinstance(given[name], list | tuple) else [given[name]]:
                check_number(name, value, within)
