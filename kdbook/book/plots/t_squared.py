"""Figures of t_squared: how constant T^2 makes the gradient, where its two factors come from, and what it changes."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.t_squared import TEMPERATURES, TRAINED_AT
from kdbook.show.drawing import log_scale, published, seeds_and_interval, temperature_axis, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER, YOURS

LOGITS = {
    "untrained": ("untrained student, MNIST", SOFT),
    "hard": ("trained student, MNIST", HARD),
    "gaussian_10": ("Gaussian, 10 classes", CONTROL),
    "gaussian_100": ("Gaussian, 100 classes", SOFT_SHIFTED),
}
# of one draw each, computed without this code
CHECKED_AT = (1, 2, 3, 4, 10, 100)
CHECKED = {
    "scaled_norm": {
        "gaussian_10": (1.00, 1.46, 1.62, 1.67, 1.67, 1.66),
        "gaussian_100": (0.89, 0.93, 0.78, 0.69, 0.58, 0.56),
    },
    "kl_scaled": {"gaussian_10": (5.8, 9.8, 11.9, 13.0, 14.3, 14.5)},
}


def curves(axes, column: str, arms: dict, reference, mine=None) -> None:
    """Mean over seeds by temperature, a line an arm; the reader's own as one dashed line each."""
    for arm, (label, colour) in arms.items():
        mean = reference[reference.arm == arm].groupby("temperature")[column].mean()
        axes.plot(mean.index, mean, "o-", color=colour, ms=4, label=label)
        if mine is not None:
            mean = mine[mine.arm == arm].groupby("temperature")[column].mean()
            axes.plot(mean.index, mean, "--", color=YOURS, lw=1, label="yours (quick)" if arm == "untrained" else None)


@figure("t_squared_scale", chapter="03")
def scale(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 2: with the factor, soft targets keep about their weight at every temperature.

    T squared times the norm of the gradient of KL, and T squared times KL, over temperature, for real and Gaussian
    logits. Both change while T is small against the logits. The untrained student's gradient peaks between 4 and 20 and
    is still falling at 100; the trained one's rises from nearly nothing and is level from about 10; with 100 classes
    the norm falls.
    """
    fig, panels = plt.subplots(1, 2, figsize=(12, 4.4))
    for axes, column, title, unit in (
        (panels[0], "scaled_norm", "T² × norm of the gradient of KL", "norm"),
        (panels[1], "kl_scaled", "T² × KL", "nats"),
    ):
        curves(axes, column, LOGITS, reference, mine)
        for arm, values in CHECKED[column].items():
            published(axes, CHECKED_AT, values, "an independent check" if arm == "gaussian_10" else None)
        temperature_axis(axes, TEMPERATURES[::2])
        axes.set(title=title, ylabel=unit, ylim=(0, None))
    fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8)
    return fig


@figure("t_squared_factors", chapter="03")
def factors(reference, mine=None) -> Figure:
    """Hinton et al. 2015, eq. 2: (q - p) / T.

    Logarithmic plot over temperature of the two factors of the gradient of KL for an untrained student: the chain
    rule's falls as 1/T everywhere; the norm of q minus p is level at first and falls as 1/T later; their product, the
    gradient's norm, falls as 1/T squared in the end.
    """
    fig, axes = plt.subplots(figsize=(7.5, 4.6))
    lines = {
        "chain_factor": ("chain rule: |gradient| / |q - p|", HARD),
        "gap_norm": ("flattening: |q - p|", SOFT),
        "gradient_norm": ("product: |gradient|", TEACHER),
    }
    for column, look in lines.items():
        curves(axes, column, {"untrained": look}, reference)
        if mine is not None:
            mean = mine[mine.arm == "untrained"].groupby("temperature")[column].mean()
            label = "yours (quick)" if column == "gradient_norm" else None
            axes.plot(mean.index, mean, "--", color=YOURS, lw=1, label=label)
    ends = (TEMPERATURES[-3], TEMPERATURES[-1])
    for column, power, style in (("gap_norm", 1, ":"), ("gradient_norm", 2, "-.")):
        rows = reference[(reference.arm == "untrained") & (reference.temperature == ends[1])]
        level = rows[column].mean() * 1.6
        label = f"slope of 1/T{'²' if power == 2 else ''}"
        axes.plot(ends, [level * (ends[1] / t) ** power for t in ends], style, color="black", lw=1.5, label=label)
    temperature_axis(axes, TEMPERATURES[::2])
    axes.set_yscale("log")
    axes.set(title="Why the gradient of KL shrinks: two factors", ylabel="factor, norm")
    axes.legend(fontsize=8)
    return fig


@figure("t_squared_training", chapter="03")
def training(reference, mine=None) -> Figure:
    """The comparison that the paper does not show.

    Students trained with T squared and without it, by temperature. Left two panels, mixed with hard labels: with the
    factor, errors and the distance to the teacher's logits fall as T grows; without it, errors rise and the distance
    stays. Right, soft targets only with the learning rate made good: the two are equal.
    """
    fig, panels = plt.subplots(1, 3, figsize=(13, 4.2))
    for axes, kind, column, title, unit in (
        (panels[0], "mixed", "test_errors", "half hard labels: test errors", "wrong of 10,000 (log scale)"),
        (panels[1], "mixed", "logit_gap", "half hard labels: distance to the teacher", "RMS of centred logits"),
        (panels[2], "soft", "test_errors", "soft only, learning rate × T²: test errors", "wrong of 10,000 (log scale)"),
    ):
        for at, t in enumerate(TRAINED_AT):
            for arm, colour, label, off in ((kind, SOFT, "with T²", -0.24), (f"{kind}_without", HARD, "without", 0.24)):
                rows = (reference.arm == arm) & (reference.temperature == t)
                if not rows.any():  # at T = 1 the factor is 1
                    continue
                seeds_and_interval(axes, at + off, reference.loc[rows, column], colour, label if at == 1 else None)
                if mine is not None:
                    own = mine.loc[(mine.arm == arm) & (mine.temperature == t), column]
                    yours(axes, at + off - 0.1, own, "yours (quick: smaller nets)" if (at, off) == (1, 0.24) else None)
        axes.set_xticks(range(len(TRAINED_AT)), [f"{t:g}" for t in TRAINED_AT])
        axes.set(title=title, xlabel="temperature T", ylabel=unit, xlim=(-0.6, 2.6))
        if column == "test_errors":
            log_scale(axes)
        axes.title.set_fontsize(10)
        axes.grid(axis="x", visible=False)
    panels[0].legend(fontsize=8)
    return fig
