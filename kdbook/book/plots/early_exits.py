"""Figures of early_exits: what each exit answers and costs, by who teaches whom."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from kdbook.book.early_exits import CONFIDENCES
from kdbook.show.drawing import log_scale, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER

LABELS = {
    "labels": ("labels alone", HARD),
    "deep_teaches": ("the deepest teaches", SOFT),
    "deep_teaches_hints": ("the deepest teaches, features too", SOFT_SHIFTED),
    "shallow_teaches": ("the first teaches (reversed)", TEACHER),
    "deepest_alone": ("no early exits", CONTROL),
}


@figure("early_exits_errors", chapter="05")
def exits(reference, mine=None) -> Figure:
    """Zhang et al. 2019: the deepest exit teaches; the reverse is tried beside it.

    A panel for each of three exits: test errors with all exits on labels, with the deepest as teacher, without and with
    features, with the first as teacher, and for the deepest also of the net without early exits. The first exit makes
    by far the most errors.
    """
    fig, panels = plt.subplots(1, 3, figsize=(13, 4.4))
    for number, axes in enumerate(panels, 1):
        for at, (arm, (_, colour)) in enumerate(LABELS.items()):
            values = reference.loc[(reference.arm == arm) & (reference.exit == number), "test_errors"]
            if len(values):
                seeds_and_interval(axes, at, values, colour)
                if mine is not None:
                    yours(axes, at, mine.loc[(mine.arm == arm) & (mine.exit == number), "test_errors"])
        shown = list(LABELS) if number == 3 else list(LABELS)[:-1]
        axes.set_xticks(range(len(shown)), [LABELS[arm][0].replace(" ", "\n") for arm in shown], fontsize=7.5)
        log_scale(axes)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.4, 1.6, 2, 2.5, 3, 4, 5, 6, 8)))
        axes.set_title(f"exit {number}" + (", the deepest" if number == 3 else ""))
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("test errors of 10,000 (log scale)")
    return fig


@figure("early_exits_leaving", chapter="05")
def leaving(reference, mine=None) -> Figure:
    """Accuracy against cost, when each image leaves by the first exit that is sure enough.

    Test errors over the mean multiply-adds an image, one curve for each way to train the exits, traced by the
    confidence that an exit needs; squares are the three exits by themselves. The curves fall steeply at first and are
    level long before the full cost.
    """
    fig, axes = plt.subplots(figsize=(8.5, 4.8))
    for arm, (label, colour) in LABELS.items():
        if arm == "deepest_alone":
            continue
        curve = reference.stack(arm, "leaving").mean(0)  # (confidences, 2 + exits)
        axes.plot(curve[:, 1], curve[:, 0], "-", color=colour, label=label)
        alone = reference[reference.arm == arm].groupby("exit")[["megamacs", "test_errors"]].mean()
        axes.scatter(alone.megamacs, alone.test_errors, marker="s", s=22, color=colour)
    log_scale(axes)
    axes.set(title="Leave as soon as an exit is sure", xlabel="multiply-adds an image, 10^6, mean")
    axes.set_ylabel("test errors of 10,000 (log scale)")
    axes.legend(fontsize=8)
    return fig


def leaving_at(reference, arm: str, confidence: float) -> Figure:
    """One position of the chapter's slider: where images leave, what that costs and how many answers are wrong."""
    curve = reference.stack(arm, "leaving").mean(0)
    at = int(np.abs(CONFIDENCES - confidence).argmin())
    errors, cost, *shares = curve[at]
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3))
    left.bar([1, 2, 3], 100 * np.array(shares), color=LABELS[arm][1])
    left.set(title="Where images leave", xlabel="exit", ylabel="% of test images", ylim=(0, 100), xticks=[1, 2, 3])
    right.plot(curve[:, 1], curve[:, 0], "-", color="#999999")
    right.scatter([cost], [errors], s=70, color=LABELS[arm][1], zorder=3)
    right.set(title="What that costs", xlabel="multiply-adds an image, 10^6", ylabel="test errors of 10,000")
    return fig
