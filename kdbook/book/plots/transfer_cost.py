"""Figure of transfer_cost: seconds and bytes of each type of knowledge."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.knowledge_types import METHODS
from kdbook.show.figures import figure
from kdbook.show.style import SOFT, TEACHER, YOURS

LABELS = {"kd": "KD, cached teacher", "kd_live": "KD, live teacher", **{n: m.label for n, m in METHODS.items()}}


@figure("transfer_cost", chapter="04")
def cost(reference, mine=None) -> Figure:
    """What does the richer knowledge cost? Measured in turns in one process.

    Left, time of a training step as a multiple of plain distillation with a cached teacher: a teacher asked live,
    contrastive distillation and angles over all triplets are the dear ones. Right, what must be kept in memory
    besides, on a logarithmic scale: maps of all stages take most.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4), sharey=True)
    names = list(reversed(LABELS))
    time, size = (reference.groupby("method")[column].mean() for column in ("relative_time", "extra_bytes"))
    colours = [TEACHER if name == "kd_live" else SOFT for name in names]
    left.barh(range(len(names)), time[names], color=colours)
    right.barh(range(len(names)), size[names].clip(lower=1) / 2**20, color=colours)
    if mine is not None:
        own = mine.groupby("method").relative_time.mean()
        left.scatter(
            own[names], range(len(names)), marker="D", facecolors="none", edgecolors=YOURS, label="yours (quick)"
        )
        left.legend(fontsize=8)
    left.axvline(1, color="black", lw=1, ls=":")
    left.set_yticks(range(len(names)), [LABELS[name] for name in names])
    left.set(title="Time of a step", xlabel="times plain KD")
    right.set_xscale("log")
    right.set(title="Kept in memory besides", xlabel="MiB for 12,000 images", xlim=(0.05, None))
    return fig
