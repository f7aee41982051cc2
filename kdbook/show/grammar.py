"""What figures are made of: marks that put one column of both tables, the full results and the reader's own, on axes.

A figure is a function of its panels and of `Both` tables (`kdbook.show.figures.figure` makes the panels, adds legends
and takes away what no figure wants). The marks know what is published, which seeds stand behind a mean, and how the
reader's own run looks. No mark reads a file or knows a question.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, StrMethodFormatter

from kdbook.lab.intervals import t_interval
from kdbook.show.style import PLAIN, PUBLISHED, YOURS, Look

OWN = "yours (quick: smaller nets)"


class Both(NamedTuple):
    """The full results, and the reader's own run or None."""

    reference: object
    mine: object = None

    def map(self, change: Callable) -> "Both":
        """Both tables changed alike."""
        return Both(*(None if table is None else change(table) for table in self))

    def rows(self, **where) -> "Both":
        """The rows whose columns have these values."""
        return self.map(lambda table: rows_of(table, where))

    def alone(self) -> "Both":
        """The full results without the reader's own."""
        return Both(self.reference)


def rows_of(table, where: Mapping):
    """The rows of a table whose columns have the values that `where` names."""
    return table[np.logical_and.reduce([table[key] == value for key, value in where.items()])] if where else table


def of_seeds(table, arm: str, column: str, minus: str | None = None):
    """A column of an arm by seed (Series), or what it is above the arm `minus`, paired by seed."""
    by_arm = {name: table[table.arm == name].set_index("seed")[column] for name in (arm, minus or arm)}
    return by_arm[arm] if minus is None else (by_arm[arm] - by_arm[minus]).dropna()


def seeds(axes: Axes, at: float, values, colour: str, label: str | None = None) -> None:
    """Every seed as a small dot, their mean as a bar with its 95 % t interval."""
    values = np.asarray(values, dtype=float)
    mean, low, high = t_interval(values)
    spread = at + np.linspace(-0.12, 0.12, len(values)) * (len(values) > 1)
    axes.scatter(spread, values, s=14, color=colour, alpha=0.7, label=label, zorder=3)
    axes.plot([at - 0.22, at + 0.22], [mean, mean], color=colour, lw=2)
    axes.plot([at, at], [low, high], color=colour, lw=1.5)


def dot(axes: Axes, x: float, values, colour: str, label: str | None = None) -> None:
    """The mean of the seeds as one dot with its 95 % t interval, where x is a number."""
    mean, low, high = t_interval(values)
    axes.plot([x, x], [low, high], color=colour, lw=1.5)
    axes.scatter([x], [mean], s=45, color=colour, zorder=3, label=label)


def lying(axes: Axes, at: float, values, colour: str) -> None:
    """Seeds as dots and their mean with its 95 % interval, along a horizontal line."""
    mean, low, high = t_interval(values)
    axes.plot([low, high], [at, at], color=colour, lw=1.5)
    axes.scatter(values, np.full(len(values), at), s=10, color=colour, alpha=0.4)
    axes.scatter([mean], [at], s=42, color=colour, zorder=3)


def yours(axes: Axes, at, values, label: str | None = None, beside: float = 0.3, size: float = 30) -> None:
    """The reader's own run: hollow diamonds, at the right of the reference or as far `beside` it as is said."""
    values = np.asarray(values, dtype=float)
    look = {"marker": "D", "facecolors": "none", "edgecolors": YOURS, "lw": 1.6}
    axes.scatter(np.full(len(values), at + beside), values, s=size, label=label, **look)


def published(axes: Axes, at, values, label: str | None = None) -> None:
    """Published values as black crosses."""
    axes.scatter(np.atleast_1d(at), np.atleast_1d(values), marker="x", s=60, color=PUBLISHED, label=label, zorder=4)


def by_arm(axes: Axes, both: Both, column: str, looks: Mapping[str, Look], *, minus=None, scale=1.0, own=OWN) -> None:
    """One column by arm, side by side: seeds with interval, and the reader's own run.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    both : Both
        Tables with columns `arm` and `seed`.
    column : str
        What is compared.
    looks : dict of str to Look
        Arms from left to right.
    minus : str, optional
        Arm from which every other is counted, paired by seed.
    scale : float
        Factor on every value, such as 100 for per cent.
    own : str, optional
        What the legend calls the reader's own run.
    """
    for at, (arm, look) in enumerate(looks.items()):
        seeds(axes, at, of_seeds(both.reference, arm, column, minus) * scale, look.colour)
        if both.mine is not None and len(values := of_seeds(both.mine, arm, column, minus)):
            yours(axes, at, values * scale, own if at == 0 else None)
    names(axes, [look.label for look in looks.values()])


def names(axes: Axes, labels: Sequence[str]) -> None:
    """The x axis of things that have names and no order."""
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.5, len(labels) - 0.4)
    axes.grid(axis="x", visible=False)


def ladder(axes: Axes, both: Both, column: str, looks: Mapping[str, Look], *, minus: str) -> None:
    """Every arm above the arm `minus` on a line of its own, the first at the top; arguments as for `by_arm`."""
    for at, (arm, look) in enumerate(looks.items()):
        lying(axes, at, of_seeds(both.reference, arm, column, minus), look.colour)
        if both.mine is not None:
            own = of_seeds(both.mine, arm, column, minus)
            label = OWN if at == 0 else None
            axes.scatter(own, np.full(len(own), at + 0.3), s=18, marker="D", fc="none", ec=YOURS, label=label)
    axes.axvline(0, color="black", ls=":", lw=1)
    axes.set_yticks(range(len(looks)), [look.label for look in looks.values()])
    axes.set_ylim(len(looks) - 0.5, -0.7)
    axes.grid(axis="y", visible=False)


def line(axes: Axes, samples: Mapping, colour: str, mark: str = "o-", label: str | None = None, interval=True) -> None:
    """A line through the means of `samples` (position to one value a seed), each with its 95 % t interval."""
    found = {x: t_interval(values) for x, values in samples.items()}
    axes.plot([*found], [mean for mean, _, _ in found.values()], mark, ms=4, color=colour, label=label)
    for x, (_, low, high) in found.items() if interval else ():
        axes.plot([x, x], [low, high], color=colour, lw=1.2)


def curve(
    axes: Axes, both: Both, x: str, column: str, look: Look, *, mark="o-", own_mark="", own=None, scale=1.0, bars=True
) -> None:
    """One column over another: means of the seeds with intervals, and the reader's own dashed beside them.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    both : Both
        Rows of this curve alone: a row a seed and value of `x`.
    x, column : str
        What stands on the x axis, and what is shown.
    look : Look
        Entry of the legend, and colour.
    mark, own_mark : str
        matplotlib's formats; the reader's own has the same marker, dashed.
    own : str, optional
        What the legend calls the reader's own run, whose intervals are left out: two seeds' would dwarf all else.
    scale : float
        Factor on every value, such as 100 for per cent.
    bars : bool
        Whether the means of the full results have their intervals.
    """

    def samples(table) -> dict:
        return {at: rows[column] * scale for at, rows in table.groupby(x)}

    line(axes, samples(both.reference), look.colour, mark, look.label, bars)
    if both.mine is not None:
        line(axes, samples(both.mine), YOURS, own_mark or f"{mark[0]}--", own, interval=False)


def epochs(axes: Axes, both: Both, array: str, looks: Mapping[str, Look], scale: float = 1.0) -> None:
    """Stored arrays (epochs,) of each arm: mean of the seeds by epoch, the reader's own dashed in the same colour."""
    for arm, look in looks.items():
        whole, own = {"marker": "o", "ms": 3, "label": look.label}, {"ls": "--", "lw": 1}
        for table, mark in ((both.reference, whole), (both.mine, own)):
            if table is not None:
                mean = scale * table.stack(arm, array).mean(0)
                axes.plot(np.arange(1, len(mean) + 1), mean, color=look.colour, **mark)
    axes.set_xlabel("epoch")


def gallery(panels: np.ndarray, pictures: Iterable, titles: Iterable[str] = (), **look) -> None:
    """Pictures in panels of their own, without axes; `look` goes to `imshow`."""
    for axes, picture in zip(panels.flat, pictures, strict=True):
        axes.imshow(picture, **{"cmap": "gray_r", **look})
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
    for axes, title in zip(panels.flat, titles, strict=False):
        axes.set_title(title)


def heat(axes: Axes, matrix: np.ndarray, columns: Sequence = (), rows: Sequence = (), **look):
    """A matrix as colours, with names of its columns and rows; returns what `Figure.colorbar` needs for the scale."""
    drawn = axes.imshow(matrix, **look)
    axes.set_xticks(range(len(columns)), columns, rotation=90 if any(len(str(c)) > 3 for c in columns) else 0)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(visible=False)
    return drawn


def plain(axis, ticks=None, scale: str | None = None, **how) -> None:
    """An axis, logarithmic or such if so said, with plain numbers at these ticks, or at 1, 2 and 5 of each decade."""
    if scale:
        getattr(axis.axes, f"set_{axis.axis_name}scale")(scale, **how)
    axis.set_major_locator(FixedLocator(ticks) if ticks is not None else LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.axes.minorticks_off()


def temperatures(axes: Axes, ticks) -> None:
    """A logarithmic x axis of temperatures with plain numbers."""
    plain(axes.xaxis, ticks, "log")
    axes.set_xlabel("temperature T")


def level(axes: Axes, at: float, colour: str = PLAIN, label: str | None = None, ls="-", lw: float = 1) -> None:
    """A level to compare with, across the panel."""
    axes.axhline(at, color=colour, lw=lw, ls=ls, label=label)
