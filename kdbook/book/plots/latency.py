"""Figure of latency: time and size of the nets, as ratios to the teacher."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.latency import NETWORKS
from kdbook.show.drawing import log_scale, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import SOFT

TEACHER = "784-1200-1200-10"


def _ratio(table, name: str, batch_size: int, column: str):
    """The teacher's value over the network's, by repetition."""
    chosen = table[table.batch_size == batch_size].set_index("seed")
    return chosen.loc[chosen.arm == TEACHER, column] / chosen.loc[chosen.arm == name, column]


@figure("latency_ratios", chapter="00")
def ratios(reference, mine=None) -> Figure:
    """Small and fast are two things.

    How many times smaller and faster than the teacher four nets are: weights, time for one image, time for 64. Size
    shrinks as the weights do; the time for a single image shrinks less.
    """
    fig, panels = plt.subplots(1, 3, figsize=(12, 3.8))
    columns = (
        (1, "bytes", "Size of the weights"),
        (1, "milliseconds", "Time, one image"),
        (64, "milliseconds", "Time, 64 images"),
    )
    for axes, (batch_size, column, title) in zip(panels, columns, strict=True):
        for at, name in enumerate(NETWORKS):
            seeds_and_interval(axes, at, _ratio(reference, name, batch_size, column), SOFT)
            if mine is not None:
                yours(axes, at, _ratio(mine, name, batch_size, column), "yours" if at == 0 else None)
        log_scale(axes)
        axes.set_xticks(range(len(NETWORKS)), [n.replace("784-", "").removesuffix("-10") for n in NETWORKS], fontsize=8)
        axes.set(title=title, xlabel="hidden units, or net")
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("times smaller or faster than the teacher")
    if mine is not None:
        panels[0].legend()
    return fig
