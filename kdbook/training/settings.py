"""The one check of numbers that people set: what `fit`, optimizers, teachers and objectives are given."""

from numbers import Integral, Real
from typing import Any

from torch import Tensor

# Settings of objectives, by name; a tensor holds one a student and is checked by the loss.
RANGES = {
    "temperature": "(0, inf)",
    "alpha": "[0, 1]",
    "beta": "[0, inf)",
    "weight": "[0, inf)",
    "label_smoothing": "[0, 1]",
    "feedback": "[0, 1]",
    "final": "[0, 1]",
    "share": "(0, 1]",
}


def require(good: bool, name: str, wanted: str, got: Any) -> None:
    """Raise ValueError unless `good`, in one sentence of what a setting must be and what it is."""
    if not good:
        raise ValueError(f"{name} must be {wanted}, got {got}")


def check_number(name: str, value: Any, within: str, *, whole: bool = False) -> None:
    """Raise ValueError unless the value is a number in an interval, written as in ``[0, 1)``; no bool, no text."""
    low, high = (float(end) for end in within[1:-1].split(","))
    good = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    good = good and (low < value if within[0] == "(" else low <= value)
    good = good and (value < high if within[-1] == ")" else value <= high)
    said = {"(0, inf)": "positive and finite", "[1, inf)": "1 or more", "[0, inf)": "0 or more"}.get(within)
    require(good, name, ("a whole number, " if whole else "") + (said or f"in {within}"), repr(value))


def check_settings(owner: Any) -> None:
    """Check all attributes of an object that `RANGES` names."""
    for name, value in vars(owner).items():
        if name in RANGES and not isinstance(value, Tensor):
            check_number(name, value, RANGES[name])
