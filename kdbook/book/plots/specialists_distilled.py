"""Figure of specialists_distilled: what is left of a teacher's lead in a student of the generalist's size."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.show.drawing import compare_arms
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, SOFT, TEACHER

TICKS = {
    "of_generalist": "generalist",
    "of_specialists": "generalist and\nspecialists",
    "of_ensemble": "ensemble of\ngeneralists",
}


@figure("specialists_distilled", chapter="06")
def distilled(reference, mine=None) -> Figure:
    """Left open in 2015 (section 8): are generalist and specialists distilled into one net as good?

    Left, test accuracy of three teachers; right, of their students, all of one size, with the generalist of hard labels
    as a band. Both panels have the same scale.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True)
    colours = dict(zip(TICKS, (CONTROL, SOFT, TEACHER), strict=True))
    compare_arms(left, TICKS, "teacher_accuracy", reference, mine, colours)
    compare_arms(right, TICKS, "accuracy", reference, mine, colours)
    hard = reference[reference.arm == "of_generalist"].hard_accuracy
    right.axhspan(hard.min(), hard.max(), color="#999999", alpha=0.3, lw=0, label="hard labels (all seeds)")
    left.set(title="Teachers", ylabel="top-1 accuracy, % of test definitions")
    right.set_title("Their students")
    right.legend(fontsize=8)
    return fig
