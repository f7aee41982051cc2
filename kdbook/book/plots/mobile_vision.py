"""Figures of mobile_vision: how near students come, what share of the gap they close, and what accuracy costs."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from kdbook.book.mobile_vision import PUBLISHED, SIZES, TEACHERS
from kdbook.lab import load, t_interval
from kdbook.show.drawing import log_axis, yours
from kdbook.show.figures import figure
from kdbook.show.style import HARD, SOFT, SOFT_SHIFTED, TEACHER
from kdbook.show.style import PUBLISHED as BLACK

TAUGHT = {"resnet": ("taught by ResNet", SOFT), "efficientnet": ("taught by EfficientNet", SOFT_SHIFTED)}
NETS = {"resnet": "ResNet", "efficientnet": "EfficientNet", "quarter": "MobileNet 1/4", "tenth": "MobileNet 1/10"}

COSTS = (("parameters", 1e3), ("multiply_adds", 1e6), (None, 1))  # None: the time, which another experiment measured


def against_teacher(table, size: str, taught: str):
    """Of each seed: points below the teacher, and the share of hard labels' distance to it that soft targets close.

    Parameters
    ----------
    table : Results
        Of `mobile_vision`.
    size, taught : str
        Of the student, and by which teacher.

    Returns
    -------
    ratio : float, how many times smaller the student is
    below, closed : array (seeds,), points of accuracy, and a share in %
    """
    errors = table.set_index(["arm", "seed"]).test_errors
    rows = table[table.arm == f"{size}_{taught}"].set_index("seed").sort_index()
    teacher = errors[taught].loc[rows.teacher_seed.astype(int)].to_numpy()
    hard = errors[f"{size}_hard"].loc[rows.index].to_numpy()
    ours = rows.test_errors.to_numpy()
    return rows.times_smaller.mean(), (ours - teacher) / 100, 100 * (hard - ours) / (hard - teacher)


@figure("mobile_gap", chapter="07")
def gap(reference, mine=None) -> Figure:
    """Beyer et al. 2021, section 3.6; Touvron et al. 2021; Tian et al. 2020, Table 2: what students lack.

    Left, points of accuracy below the teacher over how many times smaller the student is; right, the share of the
    distance between a student with hard labels and the teacher that soft targets close. Black crosses are published
    pairs on ImageNet and CIFAR-100, coloured points are the MobileNets here. In the published pairs the distance grows
    with the ratio, and most of it stays open.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6))
    for at, (name, (teacher, student, top, alone, distilled)) in enumerate(PUBLISHED.items()):
        label = None if at else "published: ImageNet, CIFAR-100"
        _cross(left, teacher / student, top - distilled, name, label)
        if alone is not None:
            _cross(right, teacher / student, 100 * (distilled - alone) / (top - alone), name, label)
    for axes, column in ((left, 0), (right, 1)):
        for taught, (label, colour) in TAUGHT.items():
            for size in SIZES:
                ratio, *found = against_teacher(reference, size, taught)
                _interval(axes, ratio, found[column], colour, label if size == SIZES[0] else None)
                if mine is not None:
                    ratio, *own = against_teacher(mine, size, taught)
                    first = size == SIZES[0] and taught == "resnet"
                    yours(axes, ratio, own[column], "yours (quick: smaller nets)" if first else None, beside=0)
        log_axis(axes, (2, 4, 10, 20, 40), "times smaller than the teacher")
        axes.set_xlim(2, 80)
    left.axhline(0, color="#999999", lw=1)
    right.axhspan(100, 105, color="#999999", alpha=0.2, lw=0)
    left.set(title="How near to the teacher?", ylabel="points of accuracy below it")
    right.set(title="What do soft targets contribute?", ylabel="share of the gap closed, %")
    left.legend(loc="upper left", fontsize=8)
    return fig


def _cross(axes: Axes, x: float, y: float, name: str, label: str | None) -> None:
    axes.scatter([x], [y], marker="x", s=60, color=BLACK, zorder=4, label=label)
    left = x > 40
    axes.annotate(
        name.split(" > ")[1], (x, y), xytext=(-8 if left else 8, -3), textcoords="offset points", fontsize=8,
        ha="right" if left else "left",
    )  # fmt: skip


def _interval(axes: Axes, x: float, values, colour: str, label: str | None) -> None:
    mean, low, high = t_interval(values)
    axes.plot([x, x], [low, high], color=colour, lw=1.5)
    axes.scatter([x], [mean], s=45, color=colour, zorder=3, label=label)


@figure("mobile_accuracy", chapter="07")
def accuracy(reference, mine=None) -> Figure:
    """What does accuracy cost in weights, in multiply-adds and in time?

    Three panels with the accuracy on Fashion-MNIST over parameters, multiply-adds and the time of one image: the two
    teachers, and the two students with hard labels and with soft targets. Students need a fraction of each;
    the fraction of time is the largest of the three.
    """
    fig, panels = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True)
    clock = load("mobile_latency")
    times = clock[clock.batch_size == 1].groupby("arm").milliseconds.median()
    for axes, (column, unit) in zip(panels, COSTS, strict=True):
        for arm, rows in reference.groupby("arm", sort=False):
            net, _, taught = arm.partition("_")
            x = rows[column].iloc[0] / unit if column else times[net]
            colour = TEACHER if net in TEACHERS else HARD if taught == "hard" else TAUGHT[taught][1]
            _interval(axes, x, 100 - rows.test_errors / 100, colour, None)
            if net in TEACHERS or taught == "hard":
                axes.annotate(
                    NETS[net], (x, 100 - rows.test_errors.mean() / 100), xytext=(0, -22), textcoords="offset points",
                    fontsize=8, ha="center",
                )  # fmt: skip
            if mine is not None and column:
                own = mine[mine.arm == arm]
                yours(axes, own[column].iloc[0] / unit, 100 - own.test_errors / 100, None, beside=0)
        axes.set_xscale("log")
        axes.margins(x=0.2, y=0.2)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.minorticks_off()
    for colour, label in ((TEACHER, "teachers"), (HARD, "hard labels"), *((c, n) for n, c in TAUGHT.values())):
        panels[0].scatter([], [], s=45, color=colour, label=label)
    if mine is not None:
        yours(panels[0], 0, [], "yours (quick)", beside=0)
    panels[0].legend(fontsize=8, loc="lower right")
    panels[0].set(ylabel="right answers, %", xlabel="thousands of parameters", title="Weights")
    panels[1].set(xlabel="millions of multiply-adds for one image", title="Operations")
    panels[2].set(xlabel="ms for one image, alone", title="Time on this machine")
    return fig
