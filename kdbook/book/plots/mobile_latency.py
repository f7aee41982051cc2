"""Figures of mobile_latency: the speed of the vision nets by batch size."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.mobile_latency import BATCH_SIZES
from kdbook.book.plots.mobile_vision import NETS
from kdbook.show.drawing import log_axis, means_and_intervals, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, SOFT, SOFT_SHIFTED

OTHERS = {"efficientnet": CONTROL, "quarter": SOFT_SHIFTED, "tenth": SOFT}


def times_as(table, arm: str, batch_size: int, column: str = "milliseconds"):
    """How many times less than the ResNet a net needs, round by round (Series by seed).

    Parameters
    ----------
    table : Results
        Of `mobile_latency`.
    arm : str
        Net.
    batch_size : int
        Images in a pass.
    column : str
        What is compared.
    """
    rows = table[table.batch_size == batch_size].set_index("seed")
    return rows.loc[rows.arm == "resnet", column] / rows.loc[rows.arm == arm, column]


@figure("mobile_latency", chapter="07")
def by_batch(reference, mine=None) -> Figure:
    """Are fewer multiply-adds less time? Times as fast as the ResNet, by images at once.

    A panel a net: times as fast as the ResNet over the number of images in a pass, dashed what the ratio of multiply-
    adds promises. All nets stay below their dashed lines, farthest for one image at a time.
    """
    fig, panels = plt.subplots(1, len(OTHERS), figsize=(12, 4), sharey=True)
    for axes, (arm, colour) in zip(panels, OTHERS.items(), strict=True):
        fewer = [times_as(reference, arm, n, "multiply_adds").iloc[0] for n in BATCH_SIZES]
        axes.plot(BATCH_SIZES, fewer, "--", color="#999999", label="multiply-adds, times fewer")
        found = {n: times_as(reference, arm, n) for n in BATCH_SIZES}
        means_and_intervals(axes, found, colour, label="times as fast")
        if mine is not None:
            own = [(n, value) for n in BATCH_SIZES for value in times_as(mine, arm, n)]
            axes.scatter(*zip(*own, strict=True), marker="D", s=26, facecolors="none", edgecolors=colour, label="yours")
        axes.axhline(1, color="#999999", lw=0.8)
        log_axis(axes, BATCH_SIZES, "images at once")
        axes.set_yscale("log")
        axes.set_yticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
        axes.minorticks_off()
        axes.set_title(NETS[arm])
    panels[0].set_ylabel("the ResNet = 1")
    panels[0].legend(fontsize=8, loc="upper right")
    return fig


def speed_bars(table, batch_size: int, mine=None) -> Figure:
    """One position of the chapter's slider: how many images a second each net answers.

    Parameters
    ----------
    table, mine : Results
        Full results, and the reader's own run or None.
    batch_size : int
        Images in a pass.
    """
    fig, axes = plt.subplots(figsize=(7.5, 3.4))
    for at, arm in enumerate(NETS):
        values = [images_a_second(t, arm, batch_size) for t in (table, mine) if t is not None]
        axes.bar(at, values[0].mean(), color=SOFT, alpha=0.35, width=0.6)
        seeds_and_interval(axes, at, values[0], SOFT, None if at else "measured")
        if mine is not None:
            yours(axes, at, values[1], None if at else "yours")
    axes.set_xticks(range(len(NETS)), list(NETS.values()))
    axes.set_yscale("log")
    axes.set(ylim=(50, 50_000), ylabel="images a second", title=f"{batch_size} at once")
    axes.grid(axis="x", visible=False)
    axes.legend(fontsize=8, loc="upper left")
    return fig


def images_a_second(table, arm: str, batch_size: int):
    """Throughput of each round."""
    rows = table[(table.arm == arm) & (table.batch_size == batch_size)]
    return 1000 * batch_size / rows.milliseconds


def speed_alt(table, batch_size: int) -> str:
    """Alt text of `speed_bars`, with its numbers."""
    told = ", ".join(f"{name} {images_a_second(table, arm, batch_size).mean():,.0f}" for arm, name in NETS.items())
    return f"{batch_size} at once, images a second: {told}."
