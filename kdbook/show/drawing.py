"""Marks that many figures share: the seeds of an arm with their interval, the published value, the reader's own run."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, StrMethodFormatter

from kdbook.lab.intervals import t_interval
from kdbook.show.style import PUBLISHED, YOURS


def seeds_and_interval(axes: Axes, at: float, values, colour: str, label: str | None = None) -> None:
    """Every seed as a small dot, their mean as a bar with its 95 % t interval.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    at : float
        Position on the x axis.
    values : array (seeds,)
        One measurement a seed.
    colour : str
        Of the arm.
    label : str, optional
        Entry of the legend.
    """
    values = np.asarray(values, dtype=float)
    mean, low, high = t_interval(values)
    spread = at + np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [at]
    axes.scatter(spread, values, s=14, color=colour, alpha=0.7, label=label, zorder=3)
    axes.plot([at - 0.22, at + 0.22], [mean, mean], color=colour, lw=2)
    axes.plot([at, at], [low, high], color=colour, lw=1.5)


def published(axes: Axes, at, value, label: str | None = None) -> None:
    """The published value as a black cross."""
    axes.scatter(np.atleast_1d(at), np.atleast_1d(value), marker="x", s=60, color=PUBLISHED, label=label, zorder=4)


def yours(axes: Axes, at: float, values, label: str | None = None, beside: float = 0.3) -> None:
    """The reader's own run: hollow diamonds, at the right of the reference or as far `beside` it as is said."""
    values = np.asarray(values, dtype=float)
    axes.scatter(
        np.full(len(values), at + beside),
        values,
        marker="D",
        s=30,
        facecolors="none",
        edgecolors=YOURS,
        lw=1.6,
        label=label,
    )


def log_scale(axes: Axes) -> None:
    """A logarithmic y axis with plain numbers at 1, 2 and 5 of each decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.minorticks_off()


def compare_arms(axes: Axes, arms: dict, column: str, reference, mine=None, colours=None, scale: float = 1.0) -> None:
    """One column by arm: reference seeds with interval, and the reader's own run.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    arms : dict of str to str
        Arm to tick label.
    column : str
        What is compared.
    reference, mine : DataFrame
        Full results, and the reader's own run or None.
    colours : dict of str to str, optional
        Arm to colour.
    scale : float
        Factor on every value, such as 100 for per cent.
    """
    for at, arm in enumerate(arms):
        colour = (colours or {}).get(arm, "#0072B2")
        seeds_and_interval(axes, at, reference.loc[reference.arm == arm, column] * scale, colour)
        if mine is not None:
            yours(
                axes, at, mine.loc[mine.arm == arm, column] * scale, "yours (quick: smaller nets)" if at == 0 else None
            )
    axes.set_xticks(range(len(arms)), list(arms.values()))
    axes.set_xlim(-0.5, len(arms) - 0.4)
    axes.grid(axis="x", visible=False)


def curve(
    axes: Axes, table, by: str, column: str, colour: str, mark="o-", label=None, scale=1.0, interval=True
) -> None:
    """One column over another: mean of the seeds with its 95 % t interval at each value.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    table : DataFrame
        Rows of one curve, a row a seed and value of `by`.
    by, column : str
        What stands on the x axis, and what is shown.
    colour, mark : str
        Of the line, as matplotlib's format.
    label : str, optional
        Entry of the legend.
    scale : float
        Factor on every value, such as 100 for per cent.
    interval : bool
        False for a quick run: the interval of two seeds would dwarf everything else.
    """
    samples = {x: rows[column] * scale for x, rows in table.groupby(by)}
    means_and_intervals(axes, samples, colour, mark, label, interval)


def means_and_intervals(axes: Axes, samples: dict, colour: str, mark="o-", label=None, interval=True) -> None:
    """A line through the means of `samples` (position to one value a seed), each with its 95 % t interval."""
    found = {x: t_interval(values) for x, values in samples.items()}
    axes.plot([*found], [mean for mean, _, _ in found.values()], mark, ms=4, color=colour, label=label)
    for x, (_, low, high) in found.items() if interval else ():
        axes.plot([x, x], [low, high], color=colour, lw=1.2)


def compare_curves(axes: Axes, where: dict, reference, mine, by: str, column: str, colour: str, **look) -> None:
    """The rows `where` of the full results as a curve with intervals, and the reader's own dashed beside it.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    where : dict
        Column to value: the rows of this curve.
    reference, mine : DataFrame
        Full results, and the reader's own run or None.
    by, column, colour : str
        As for `curve`.
    **look
        `mark`, `label` and `scale` as for `curve`; `own_mark` and `own_label` for the reader's own.
    """
    mark, scale = look.get("mark", "o-"), look.get("scale", 1.0)
    curve(axes, rows_of(reference, where), by, column, colour, mark, look.get("label"), scale)
    if mine is not None:
        own = look.get("own_mark", f"{mark[0]}--"), look.get("own_label"), scale
        curve(axes, rows_of(mine, where), by, column, YOURS, *own, interval=False)


def rows_of(table, where: dict):
    """The rows of a table whose columns have the values that `where` names."""
    return table[np.logical_and.reduce([table[key] == value for key, value in where.items()])] if where else table


def log_axis(axes: Axes, ticks, name: str, labels=None) -> None:
    """A logarithmic x axis with its name, and no ticks but these: plain numbers, or `labels`."""
    axes.set_xscale("log")
    axes.set_xticks(ticks, labels or [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel(name)


def temperature_axis(axes: Axes, ticks) -> None:
    """A logarithmic x axis of temperatures with plain numbers."""
    log_axis(axes, ticks, "temperature T")
