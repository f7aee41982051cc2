"""Figures of temperature_views: how a temperature flattens answers, and where the gradient goes."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.temperature_views import STUDENTS
from kdbook.show.drawing import compare_curves, published, temperature_axis
from kdbook.show.figures import figure
from kdbook.show.style import ARM_COLOURS, CONTROL, TEACHER

TICKS = (0.25, 0.5, 1, 2, 4, 10, 20, 100)
OWN_CHECK = {1: (0.31, 0.74), 4: (0.84, 0.32), 10: (0.97, 0.18), 20: (0.99, 0.13)}  # Gaussian logits: entropy, top
WHO = {"teacher": ("o-", TEACHER, "teacher, test images"), "gaussian": ("s-", CONTROL, "random logits, sd 4")}


@figure("temperature_flattens", chapter="02")
def flattens(reference, mine=None) -> Figure:
    """Hinton et al. 2015, eq. 1.

    Three panels over the temperature, from a quarter to a hundred: entropy as a share of its largest value, probability
    of the top class, and probability of all wrong classes, for the teacher and for random logits. Answers sharpen below
    1 and become uniform far above; the random logits meet the values of the check.
    """
    fig, panels = plt.subplots(1, 3, figsize=(14, 3.8))
    columns = {
        "entropy_share": "Entropy, share of log C",
        "top": "Probability of the top class",
        "wrong_mass": "Probability of all classes but the label",
    }
    for axes, (column, title) in zip(panels, columns.items(), strict=True):
        for arm, (mark, colour, label) in WHO.items():
            if column != "wrong_mass" or arm == "teacher":
                look = {"mark": mark, "label": label, "own_mark": "D--", "own_label": "yours (quick)"}
                own = mine if arm == "teacher" else None
                compare_curves(axes, {"arm": arm}, reference, own, "temperature", column, colour, **look)
        temperature_axis(axes, TICKS)
        axes.set(title=title, ylim=(-0.02, 1.02))
    for axes, values in zip(panels, zip(*OWN_CHECK.values(), strict=True), strict=False):
        published(axes, list(OWN_CHECK), list(values), "earlier check, random logits")
    panels[0].legend(fontsize=8)
    return fig


@figure("gradient_by_temperature", chapter="02")
def gradient(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 2.1: low temperatures pay less attention to logits far below the average.

    Two panels over the temperature, for a student before training and one trained on hard labels: the share of the
    gradient on the five lowest of the teacher's logits, with a line at no preference; and the cosine between the
    gradients of soft targets and of hard labels.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    labels = {"untrained": "before training", "hard": "trained on hard labels"}
    for axes, column in ((left, "low_five"), (right, "cosine_with_hard")):
        for arm, mark in zip(STUDENTS, ("o", "s"), strict=True):
            look = {"mark": f"{mark}-", "label": labels[arm], "own_label": "yours (quick)" if arm == "hard" else None}
            compare_curves(axes, {"arm": arm}, reference, mine, "temperature", column, ARM_COLOURS[arm], **look)
        temperature_axis(axes, TICKS)
    left.axhline(0.5, color="black", ls=":", label="no preference")
    left.set(
        title="Gradient on the five lowest teacher logits", ylabel="share of the sum of magnitudes", ylim=(0, None)
    )
    right.set(title="Soft targets against hard labels", ylabel="cosine of the two gradients")
    left.legend(fontsize=8)
    return fig
