"""Figures of logit_limit: how distillation becomes logit matching, their students, and a synthetic transfer set."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.logit_limit import TEMPERATURES
from kdbook.book.plots.t_squared import LOGITS, curves
from kdbook.show.drawing import compare_arms, log_scale, temperature_axis
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED

STUDENTS = {"kd_1": "KD, T = 1", "kd_20": "KD, T = 20", "kd_100": "KD, T = 100", "matching": "logit\nmatching"}
COMPRESSED = {
    "few_labels": "few real images,\nhard labels",
    "few_logits": "few real images,\nlogits",
    "munge_1": "MUNGE,\nKD, T = 1",
    "munge_20": "MUNGE,\nKD, T = 20",
    "munge_logits": "MUNGE,\nlogits",
}
COLOURS = {
    **dict.fromkeys(("kd_1", "kd_20", "kd_100", "munge_1", "munge_20"), SOFT),
    **dict.fromkeys(("matching", "munge_logits"), SOFT_SHIFTED),
    "few_labels": HARD,
    "few_logits": CONTROL,
}


@figure("logit_limit_angle", chapter="03")
def limit(reference, mine=None) -> Figure:
    """Hinton et al. 2015, eq. 4.

    Two panels over temperature, for real and Gaussian logits: the angle between the gradients of distillation and of
    the centred squared error of logits, and the ratio of their norms. The angle falls to zero and the ratio tends to
    one; the trained student starts farthest away.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4))
    arms = {arm: look for arm, look in LOGITS.items() if arm != "gaussian_100"}
    curves(left, "angle", arms, reference, mine)
    curves(right, "norm_ratio", arms, reference, mine)
    left.axhline(0, color="black", ls=":", lw=1)
    right.axhline(1, color="black", ls=":", lw=1, label="limit")
    left.set(title="Angle between the two gradients", ylabel="degrees")
    right.set(title="Distillation's gradient / logit matching's", ylabel="ratio of norms", ylim=(0, None))
    for axes in (left, right):
        temperature_axis(axes, TEMPERATURES[::2])
    right.legend(fontsize=8)
    return fig


@figure("logit_matching_students", chapter="03")
def students(reference, mine=None) -> Figure:
    """The limit, trained.

    Students of distillation at three temperatures beside a student of logit matching: test errors, and distance of
    their logits from the teacher's. At T = 1 both are more than twice as large as at T = 20, where they are already
    those of logit matching.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    compare_arms(left, STUDENTS, "test_errors", reference, mine, COLOURS)
    compare_arms(right, STUDENTS, "logit_gap", reference, mine, COLOURS)
    log_scale(left)
    left.set(title="Test errors", ylabel="wrong of 10,000 (log scale)")
    right.set(title="Distance of the logits from the teacher's", ylabel="RMS of centred logits", ylim=(0, None))
    if mine is not None:
        left.legend(fontsize=8)
    return fig


@figure("munge_students", chapter="03")
def compression(reference, mine=None) -> Figure:
    """Bucila, Caruana and Niculescu-Mizil 2006; Ba and Caruana 2014.

    Test errors of students of few real images, with hard labels or the teacher's logits, and of students of ten times
    as many synthetic images made from them, with three kinds of the teacher's answers. Hard labels make the most
    errors, probabilities at T = 1 a little fewer; logits and T = 20 less than half, with synthetic images and without
    them alike.
    """
    fig, axes = plt.subplots(figsize=(9, 4.2))
    compare_arms(axes, COMPRESSED, "test_errors", reference, mine, COLOURS)
    log_scale(axes)
    axes.set(title="A transfer set made from few images, as many steps for all", ylabel="test errors (log scale)")
    axes.tick_params(axis="x", labelsize=8)
    if mine is not None:
        axes.legend(fontsize=8)
    return fig


@figure("munge_images", chapter="03")
def images(reference, mine=None) -> Figure:
    """What MUNGE makes of MNIST.

    Three rows of digits: real images, the nearest other image of each, and the synthetic image that takes about half of
    its pixels from a noisy neighbour: still a digit, speckled where the two differ.
    """
    rows = {"real": "real image", "neighbour": "nearest other", "synthetic": "synthetic"}
    pictures = {name: reference.array("munge_logits", name) for name in rows}
    fig, panels = plt.subplots(len(rows), len(pictures["real"]), figsize=(10, 4.2))
    for line, (name, label) in zip(panels, rows.items(), strict=True):
        for axes, picture in zip(line, pictures[name], strict=True):
            axes.imshow(picture, cmap="gray_r", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
        line[0].set_ylabel(label)
    fig.suptitle("Synthetic transfer images (MUNGE)")
    return fig
