"""Figures of dark_knowledge: what soft targets say of 2s, of classes, of hard images; and what students take over."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform
from scipy.special import softmax

from kdbook.book.dark_knowledge import STUDENTS, TEMPERATURES
from kdbook.show.drawing import compare_arms, temperature_axis
from kdbook.show.figures import figure
from kdbook.show.style import ARM_COLOURS, HARD, SOFT, TEACHER, YOURS


@figure("two_soft_targets", chapter="01")
def two_soft_targets(reference, mine=None) -> Figure:
    """The paper speaks of 1e-6 against 1e-9; here are real ones.

    Six real test images of a 2 and the teacher's probabilities for them at temperatures 1, 4 and 20, on a logarithmic
    scale. At 1 the other classes of a clear 2 lie many powers of ten below; at 20 all are visible.
    """
    images, logits = reference.array("teacher", "twos_images"), reference.array("teacher", "twos_logits")
    fig, rows = plt.subplots(4, len(images), figsize=(12, 7), height_ratios=[1.1, 1, 1, 1], sharex="row", sharey="row")
    for column, (image, z) in enumerate(zip(images, logits, strict=True)):
        rows[0, column].imshow(image, cmap="gray_r")
        rows[0, column].set_axis_off()
        for axes, t in zip(rows[1:, column], (1.0, 4.0, 20.0), strict=True):
            axes.bar(range(10), softmax(z.astype(float) / t), color=[TEACHER if c == 2 else SOFT for c in range(10)])
            axes.set_yscale("log")
            axes.set_ylim(1e-10, 2)
            axes.set_xticks(range(0, 10))
            axes.tick_params(labelsize=7)
            if column == 0:
                axes.set_ylabel(f"T = {t:g}")
    rows[-1, 0].set_xlabel("class")
    fig.suptitle("The teacher's answer for six test images of a 2 (most ambiguous first)")
    return fig


@figure("class_similarity", chapter="01")
def class_similarity(reference, mine=None) -> Figure:
    """Row: true class; colour: mean soft target, logarithmic, diagonal left out.

    Class-similarity matrices at T = 4 of the teacher, an untrained net, a student of hard labels and a distilled
    student, and a tree of the teacher's classes. 4 joins 9, 3 joins 5; the hard student's matrix looks much alike.
    """
    fig, panels = plt.subplots(1, 5, figsize=(15, 3.2))
    arms = ("teacher", "untrained", "hard", "distilled")
    for axes, arm in zip(panels, arms, strict=False):
        matrix = np.log10(reference.array(arm, "similarity").astype(float))
        np.fill_diagonal(matrix, np.nan)
        axes.imshow(np.ma.masked_invalid(matrix))
        axes.set(title={"hard": "hard labels"}.get(arm, arm), xlabel="looks like")
        axes.set_xticks(range(10))
        axes.set_yticks(range(10))
        axes.tick_params(labelsize=7)
        axes.grid(visible=False)
    panels[0].set_ylabel("true class")
    log_p = np.log(reference.array("teacher", "similarity").astype(float))
    distance = -(log_p + log_p.T) / 2
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance - distance[distance > 0].min() * 0.9 * (distance > 0), checks=False), "average")
    dendrogram(tree, ax=panels[4], color_threshold=0, above_threshold_color=TEACHER)
    panels[4].set(title="teacher's classes as a tree", xlabel="class", yticks=[])
    panels[4].grid(visible=False)
    return fig


@figure("similarity_to_teacher", chapter="01")
def similarity_to_teacher(reference, mine=None) -> Figure:
    """What a hard student learns by itself, and what soft targets add.

    Four panels: how like the teacher an untrained net, a student of hard labels and two distilled students are, in
    class similarities, features, confusions and mistakes. Hard labels already teach relations; soft targets more.
    """
    fig, panels = plt.subplots(1, 4, figsize=(14, 3.8))
    columns = {
        "similarity": "Class similarities (correlation)",
        "cka": "Last hidden layer (linear CKA)",
        "confusion": "Confusion matrix (correlation)",
        "shared_mistakes": "Teacher's mistakes repeated (share)",
    }
    ticks = {arm: arm.replace("_", "\n") for arm in STUDENTS}
    for axes, (column, title) in zip(panels, columns.items(), strict=True):
        compare_arms(axes, ticks, column, reference, mine, ARM_COLOURS)
        axes.set_title(title, fontsize=10)
        axes.tick_params(axis="x", labelsize=8)
    if mine is not None:
        panels[0].legend(fontsize=7)
    return fig


@figure("certainty_gallery", chapter="01")
def certainty_gallery(reference, mine=None) -> Figure:
    """Does the teacher's doubt match what the eye sees?

    Twelve test images with the highest and twelve with the lowest entropy of the teacher's answer. The uncertain ones
    are broken, slanted or between two digits; the certain ones are textbook digits.
    """
    fig, rows = plt.subplots(2, 12, figsize=(13, 3.2))
    for line, name in zip(rows, ("least_certain", "most_certain"), strict=True):
        images, logits = (reference.array("teacher", f"{name}_{part}") for part in ("images", "logits"))
        for axes, image, z in zip(line, images, logits, strict=True):
            p = softmax(z.astype(float))
            first, second = np.argsort(p)[::-1][:2]
            axes.imshow(image, cmap="gray_r")
            axes.set_title(f"{first}: {p[first]:.2f}\n{second}: {p[second]:.2g}", fontsize=8)
            axes.set_axis_off()
    fig.suptitle("Teacher's two likeliest classes: least certain images above, most certain below")
    return fig


def _by_temperature(table, column: str) -> np.ndarray:
    """Mean over teacher seeds at each temperature."""
    return table[table.arm == "teacher"].groupby("temperature")[column].mean().loc[list(TEMPERATURES)].to_numpy()


@figure("information_by_temperature", chapter="01")
def information(reference, mine=None) -> Figure:
    """I = H(mean answer) - mean H(answer) never exceeds log2 C, whatever the temperature.

    Mean entropy of the teacher's answer, and information about the input in it, over temperature, in bits, with the
    ceiling of log2 of 10. Entropy rises towards the ceiling while information falls towards zero.
    """
    fig, axes = plt.subplots(figsize=(7, 4))
    axes.axhline(np.log2(10), color="black", ls=":", label="log2(10): all a label can carry")
    for column, colour, label in (
        ("entropy_bits", HARD, "mean entropy of one answer"),
        ("information_bits", SOFT, "information about the input"),
    ):
        axes.plot(TEMPERATURES, _by_temperature(reference, column), "o-", color=colour, label=label)
        if mine is not None:
            axes.plot(
                TEMPERATURES, _by_temperature(mine, column), "D--", color=colour, mfc="none", label=f"{label}, yours"
            )
    temperature_axis(axes, TEMPERATURES)
    axes.set(title="Bits in the teacher's answer, test images", ylabel="bits")
    axes.legend(fontsize=8)
    return fig


@figure("gradient_variance", chapter="01")
def gradient_variance(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 1: soft targets give less variance between cases.

    Variance between training images of the output layer's gradient in an untrained student, relative to the mean
    gradient, over temperature, for soft targets, with hard labels as a level line.
    """
    fig, axes = plt.subplots(figsize=(7, 4))
    for table, style, colour, who in ((reference, "o-", SOFT, ""), (mine, "D--", YOURS, ", yours (quick)")):
        if table is None:
            continue
        axes.plot(
            TEMPERATURES, _by_temperature(table, "gradient_variance"), style, color=colour, label=f"soft targets{who}"
        )
        hard = _by_temperature(table, "gradient_variance_hard")
        axes.plot(TEMPERATURES, hard, style[1:], color=HARD, label=f"hard labels{who}")
    temperature_axis(axes, TEMPERATURES)
    axes.set(title="Noise of the gradient between images", ylabel="variance / squared mean", ylim=(0, None))
    axes.legend()
    return fig
