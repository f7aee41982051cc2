"""Figure of fitnets: thin and deep students."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.fitnets import PUBLISHED
from kdbook.show.drawing import compare_arms, log_scale, published
from kdbook.show.figures import figure
from kdbook.show.style import HARD, SOFT, SOFT_SHIFTED, TEACHER

ARMS = {
    "teacher": "teacher",
    "hard": "thin student,\nhard labels",
    "kd": "thin student,\nsoft targets",
    "hints": "thin student, hints,\nthen soft targets",
}
COLOURS = {"teacher": TEACHER, "hard": HARD, "kd": SOFT, "hints": SOFT_SHIFTED}


@figure("fitnets", chapter="04")
def errors(reference, mine=None) -> Figure:
    """Romero et al. 2015, Table 4: 55, 190, 65 and 51 errors.

    Test errors on MNIST of the teacher and of a student that is thinner and deeper, trained with labels, with soft
    targets, and with hints before soft targets; black crosses are the published values. Soft targets help the thin
    student; hints make it no better here.
    """
    fig, axes = plt.subplots(figsize=(8, 4.2))
    compare_arms(axes, ARMS, "test_errors", reference, mine, COLOURS)
    published(axes, range(len(ARMS)), [PUBLISHED[arm] for arm in ARMS], "published")
    log_scale(axes)
    axes.set(title="MNIST test errors of 10,000", ylabel="wrong answers (log scale)")
    axes.legend(fontsize=8)
    return fig
