"""Figures of hinton_mnist: who makes how many errors, on images as they are and shifted, and how like the teacher."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.experiments.hinton_mnist import ARMS, PUBLISHED
from kdbook.show.drawing import compare_arms, log_scale, published, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import ARM_COLOURS, ARM_LABELS


@figure("hinton_errors", chapter="01")
def errors(reference, mine=None) -> Figure:
    """Test errors by arm; Hinton et al. 2015, section 3.

    Test errors on MNIST of the teacher and four students, each seed a dot, with mean, 95 % interval and the published
    value. Students of soft targets stand far below the student of plain hard labels and near the teacher.
    """
    fig, axes = plt.subplots(figsize=(8.5, 4.2))
    arms = {arm: ARM_LABELS[arm] for arm in ARMS}
    compare_arms(axes, arms, "test_errors", reference, mine, ARM_COLOURS)
    at = [ARMS.index(arm) for arm in PUBLISHED]
    published(axes, at, list(PUBLISHED.values()), "published (one run)")
    axes.set_yscale("log")
    axes.set_yticks([50, 70, 100, 150, 200, 300, 500], [50, 70, 100, 150, 200, 300, 500])
    axes.minorticks_off()
    axes.set(title="MNIST test errors of 10,000", ylabel="wrong answers (log scale)")
    axes.legend(loc="upper right")
    axes.tick_params(axis="x", labelsize=8.5)
    return fig


@figure("hinton_shifted", chapter="01")
def shifted(reference, mine=None) -> Figure:
    """Does knowledge of shifts come through unshifted images?

    Test errors by arm when each test image is shifted. The student of hard labels fails most often, the student of soft
    targets several times less, and the nets that met all shifts least.
    """
    fig, axes = plt.subplots(figsize=(8.5, 4))
    arms = {arm: ARM_LABELS[arm] for arm in ARMS}
    compare_arms(axes, arms, "test_errors_shifted", reference, mine, ARM_COLOURS)
    log_scale(axes)
    axes.set(
        title="Test errors when each test image is shifted by up to two pixels", ylabel="wrong answers (log scale)"
    )
    if mine is not None:
        axes.legend()
    axes.tick_params(axis="x", labelsize=8.5)
    return fig


@figure("hinton_fidelity", chapter="01")
def fidelity(reference, mine=None) -> Figure:
    """Accuracy is not fidelity: Stanton et al. 2021.

    Left, the share of test images on which a student gives the teacher's answer; right, the divergence of its
    probabilities from the teacher's. Distilled students agree more, none agrees always.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8))
    for at, arm in enumerate(ARMS[1:]):
        for axes, column, scale in ((left, "agreement", 100), (right, "mean_kl", 1)):
            seeds_and_interval(axes, at, reference.loc[reference.arm == arm, column] * scale, ARM_COLOURS[arm])
            if mine is not None:
                yours(axes, at, mine.loc[mine.arm == arm, column] * scale)
    ticks = [ARM_LABELS[arm].replace("student, ", "") for arm in ARMS[1:]]
    for axes in (left, right):
        axes.set_xticks(range(len(ticks)), ticks, fontsize=8)
        axes.grid(axis="x", visible=False)
    left.set(title="Same answer as the teacher", ylabel="% of test images")
    right.set(title="KL(teacher || student) at T = 1", ylabel="nats")
    return fig
