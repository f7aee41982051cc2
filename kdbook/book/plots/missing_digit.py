"""Figures of missing_digit: what one bias does for a digit that was never seen, and who carried the digit."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.missing_digit import BIASES
from kdbook.show.drawing import compare_arms, log_scale, published
from kdbook.show.figures import figure
from kdbook.show.style import HARD, PUBLISHED, SOFT, YOURS

MECHANISM = {
    "no_3": "no 3s",
    "no_3_2": "no 3s, no 2s",
    "no_3_5": "no 3s, no 5s",
    "no_3_8": "no 3s, no 8s",
    "no_3_no_probability": "no 3s, teacher's\nlikeness of 3 erased",
}


def _bias_axes(axes, reference, mine, arm: str) -> None:
    curves = reference.stack(arm, "test_errors")
    axes.plot(BIASES, curves.mean(0), color=SOFT, label="all test errors (mean of seeds)")
    axes.fill_between(BIASES, curves.min(0), curves.max(0), color=SOFT, alpha=0.2, lw=0)
    if mine is not None:
        axes.plot(BIASES, mine.stack(arm, "test_errors").mean(0), color=YOURS, ls="--", label="yours (quick)")
    rows = reference[reference.arm == arm]
    axes.scatter(rows.bias, rows.test_errors_bias, color=SOFT, zorder=3, label="bias chosen on validation images")
    axes.scatter(
        rows.bias_prior, rows.test_errors_prior, marker="s", facecolors="none", edgecolors=SOFT, zorder=3,
        label="bias that restores the prior",
    )  # fmt: skip
    log_scale(axes)


@figure("missing_three_bias", chapter="01")
def three(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 3: 206 errors, 109 with a bias chosen on the test set.

    Test errors of a student that never saw a 3, over the number added to its bias for class 3: high at no shift, lowest
    a few units to the right, rising again when too many images are called 3. Errors on threes fall all along.
    """
    fig, axes = plt.subplots(figsize=(8, 4.2))
    _bias_axes(axes, reference, mine, "no_3")
    threes = reference.stack("no_3", "errors_on_three").mean(0)
    axes.plot(BIASES, np.where(threes > 0, threes, np.nan), color=HARD, label="errors on the 1,010 threes")
    published(axes, [0, 3.5], [206, 109], "published, all (3.5 chosen on the test set)")
    axes.scatter([0, 3.5], [133, 14], marker="+", s=70, color=PUBLISHED, label="published, on threes", zorder=4)
    axes.set(xlim=(-4, 10), ylim=(3, 3000))
    axes.set(
        title="A student that never saw a 3",
        xlabel="added to the bias of class 3 (0 = as trained)",
        ylabel="test errors",
    )
    axes.legend(fontsize=8)
    return fig


@figure("sevens_and_eights_bias", chapter="01")
def sevens_and_eights(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 3: 47.3 % wrong, 13.2 % after lowering both biases by 7.6.

    Test errors of a student that saw only 7s and 8s, over the number added to the biases of both classes: many images
    are wrong as trained, few after both biases are lowered by several units.
    """
    fig, axes = plt.subplots(figsize=(8, 4.2))
    _bias_axes(axes, reference, mine, "only_7_8")
    published(axes, [0, -7.6], [4730, 1320], "published (-7.6 chosen on the test set)")
    axes.set(
        title="A student that saw only 7s and 8s",
        xlabel="added to the biases of classes 7 and 8 (0 = as trained)",
        ylabel="test errors",
    )
    axes.legend(fontsize=8)
    return fig


@figure("missing_three_mechanism", chapter="01")
def mechanism(reference, mine=None) -> Figure:
    """Which classes carried the 3?

    Errors on the 1,010 test threes by what the transfer set lacked besides 3s, before and after the bias is chosen on
    validation images. Erasing the teacher's probability of 3 does the greatest harm.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
    for axes, column, title in (
        (left, "errors_on_three", "Bias as trained"),
        (right, "errors_on_three_bias", "Bias chosen on validation images"),
    ):
        compare_arms(axes, MECHANISM, column, reference, mine)
        axes.set_yscale("symlog", linthresh=100)
        axes.set_yticks([0, 50, 100, 200, 500, 1000], [0, 50, 100, 200, 500, 1000])
        axes.set(title=title, ylim=(0, 1200))
        axes.tick_params(axis="x", labelsize=7.5)
    left.set_ylabel("wrong answers on 1,010 test threes")
    if mine is not None:
        left.legend(fontsize=8)
    return fig
