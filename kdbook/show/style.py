"""One look for every figure: the colour-blind-safe palette of Okabe and Ito, and one meaning for each colour."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from matplotlib.style import context

# role of an arm -> its colour
ROLES = {
    "teacher": "#D55E00",
    "hard": "#E69F00",
    "soft": "#0072B2",
    "shifted": "#009E73",
    "control": "#CC79A7",
    "plain": "#999999",
}
TEACHER, HARD, SOFT, SOFT_SHIFTED, CONTROL, PLAIN = ROLES.values()
PUBLISHED, YOURS = "#000000", "#56B4E9"


def style() -> AbstractContextManager:
    """Context in which a figure of the book is drawn, whatever the reader's own settings are."""
    return context(["default", Path(__file__).with_name("book.mplstyle")])


class Look(NamedTuple):
    """How an arm is shown."""

    label: str
    colour: str = SOFT


def looks(arms: Mapping, only: Iterable[str] = (), **labels: str) -> dict[str, Look]:
    """How arms are shown: label and colour as they stand in the table of arms.

    Parameters
    ----------
    arms : dict of str to Arm
        What `arms("full")` of a question returned.
    only : arms, optional
        Which, in this order; default: all.
    **labels
        Other words for some, where a figure has less room.
    """
    chosen = [*only] or [*arms]
    if unknown := [name for name in [*chosen, *labels] if name not in arms]:
        raise ValueError(f"unknown arm {unknown[0]!r}; there are {', '.join(arms)}")
    return {name: Look(labels.get(name, arms[name].label), ROLES[arms[name].role]) for name in chosen}
