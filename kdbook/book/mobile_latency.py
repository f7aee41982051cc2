"""How fast are the nets of `mobile_vision`, one image at a time and 64 at once?

Speed depends on the shape alone: nothing is trained, and a timing can be repeated on a quieter machine. Depthwise
convolutions have few multiply-adds, but move as many numbers; how much of the saving is left depends on the machine.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.mobile_vision import NAMES, NETS
from kdbook.book.shared.timings import clocked, over, timings_of_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.nets.vision import count_multiply_adds, count_parameters
from kdbook.show import PLAIN, SOFT, figure, level, line, looks, names, of_seeds, plain, rows_of, seeds, yours

VERSION = 1
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # rounds; no teachers
COLUMNS = columns(
    "arm seed batch_size milliseconds processor_milliseconds cpu_share parameters multiply_adds",
    arm="network",
    seed="round: in each, all nets are timed one after another",
    batch_size="images in one forward pass",
)
BATCH_SIZES = (1, 4, 16, 64, 256)
WARM_UP = 3
ROLES = {"resnet": "teacher", "efficientnet": "control", "quarter": "shifted", "tenth": "soft"}


def arms(profile: str) -> dict[str, Arm]:
    """Every net, always in its full size; those of a round are timed together, in turn."""
    passes = {"passes": 8 if profile == "quick" else 40}
    return {name: Arm(NAMES[name], ROLES[name], {**net, **passes}, cohort="nets") for name, net in NETS["full"].items()}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """One round: for each batch size, one net after another."""
    counts = {"parameters": count_parameters, "multiply_adds": count_multiply_adds}
    return timings_of_images(trials, tools, BATCH_SIZES, lambda net, x, n: clocked(net, x, n, WARM_UP), counts)


ARMS = looks(arms("full"))


def times_as(table, arm: str, batch_size: int, column: str = "milliseconds"):
    """How many times less than the ResNet a net needs, round by round (Series by seed)."""
    return over(table, "resnet", arm, column, batch_size=batch_size)


@figure("mobile_latency", chapter="07", size=(12, 4), grid=(1, 3), sharey=True)
def by_batch(panels, both):
    """Are fewer multiply-adds less time? Times as fast as the ResNet, by images at once.

    A panel a net: times as fast as the ResNet over the number of images in a pass, dashed what the ratio of multiply-
    adds promises. All nets stay below their dashed lines, farthest for one image at a time.
    """
    for axes, arm in zip(panels, [arm for arm in ARMS if arm != "resnet"], strict=True):
        fewer = [times_as(both.reference, arm, n, "multiply_adds").iloc[0] for n in BATCH_SIZES]
        axes.plot(BATCH_SIZES, fewer, "--", color=PLAIN, label="multiply-adds, times fewer")
        found = both.map(lambda table, arm=arm: {n: times_as(table, arm, n) for n in BATCH_SIZES})
        line(axes, found.reference, ARMS[arm].colour, label="times as fast")
        if both.mine is not None:
            at = np.repeat(BATCH_SIZES, [len(values) for values in found.mine.values()])
            yours(axes, at, np.concatenate([*found.mine.values()]), "yours", beside=0)
        level(axes, 1, lw=0.8)
        plain(axes.xaxis, BATCH_SIZES, "log")
        plain(axes.yaxis, (0.5, 1, 2, 5, 10), "log")
        axes.set(title=ARMS[arm].label, xlabel="images at once")
    panels[0].set_ylabel("the ResNet = 1")


def images_a_second(table, arm: str, batch_size: int):
    """Throughput of each round."""
    return 1000 * batch_size / of_seeds(rows_of(table, {"batch_size": batch_size}), arm, "milliseconds")


def speed_bars(table, batch_size: int, mine=None) -> Figure:
    """One position of the chapter's slider: how many images a second each net answers, the reader's own beside it."""
    fig, axes = plt.subplots(figsize=(7.5, 3.4))
    for at, arm in enumerate(ARMS):
        values = images_a_second(table, arm, batch_size)
        axes.bar(at, values.mean(), color=SOFT, alpha=0.35, width=0.6)
        seeds(axes, at, values, SOFT, None if at else "measured")
        if mine is not None:
            yours(axes, at, images_a_second(mine, arm, batch_size), None if at else "yours")
    names(axes, [look.label for look in ARMS.values()])
    plain(axes.yaxis, (100, 1_000, 10_000), "log")
    axes.set(ylim=(50, 50_000), ylabel="images a second", title=f"{batch_size} at once")
    axes.legend(loc="upper left")
    return fig


def speed_alt(table, batch_size: int) -> str:
    """Alt text of `speed_bars`, with its numbers."""
    speeds = {look.label: images_a_second(table, arm, batch_size).mean() for arm, look in ARMS.items()}
    told = ", ".join(f"{label} {speed:,.0f}" for label, speed in speeds.items())
    return f"{batch_size} at once, images a second: {told}."
