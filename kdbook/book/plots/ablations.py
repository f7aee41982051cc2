"""Figures of ablations: what in a soft target does the work."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.ablations import DATA, STUDENTS
from kdbook.show.drawing import compare_arms, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, TEACHER

LABELS = {
    "teacher": "teacher",
    "teacher_smoothed": "smoothed\nteacher",
    "hard": "hard\nlabels",
    "cwtm": "weighted by\nconfidence",
    "dkpp_1": "permuted\nT = 1",
    "kd_1": "soft\nT = 1",
    "dkpp_4": "permuted\nT = 4",
    "kd_4": "soft\nT = 4",
    "smoothed_1": "smoothed\nteacher, T = 1",
    "smoothed_4": "smoothed\nteacher, T = 4",
}
TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
COLOURS = {"teacher": TEACHER, "teacher_smoothed": TEACHER, "hard": HARD, "kd_1": SOFT, "kd_4": SOFT}


@figure("ablation_controls", chapter="01")
def controls(reference, mine=None) -> Figure:
    """Furlanello et al. 2018; Mueller et al. 2019.

    Test errors on MNIST and Fashion-MNIST of same-sized nets under ten conditions: two teachers, hard labels, labels
    weighted by the teacher's confidence, permuted and true soft targets at two temperatures, and a label-smoothed
    teacher.
    """
    fig, panels = plt.subplots(2, 1, figsize=(10, 7))
    for axes, data in zip(panels, DATA, strict=True):
        arms = {f"{data}:{method}": label for method, label in LABELS.items()}
        colours = {f"{data}:{m}": COLOURS.get(m, CONTROL) for m in LABELS}
        compare_arms(axes, arms, "test_errors", reference, mine, colours)
        axes.set(title=f"{TITLES[data]}, 12,000 training images", ylabel="test errors of 10,000")
        axes.tick_params(axis="x", labelsize=8)
    if mine is not None:
        panels[0].legend(fontsize=8)
    return fig


@figure("ablation_fidelity", chapter="01")
def fidelity(reference, mine=None) -> Figure:
    """Stanton et al. 2021: over 99 % for LeNet-5 on MNIST; far from it elsewhere.

    Share of test images on which a student gives its own teacher's answer: students of the ablations on two image sets,
    and a LeNet-5 that copies a LeNet-5 of 200 images with 60,000 images, beside the published level. Students of soft
    targets at the higher temperature agree most, those of permuted ones least.
    """
    fig, axes = plt.subplots(figsize=(10, 4))
    for at, (data, colour) in enumerate(zip(DATA, (SOFT, HARD), strict=True)):
        for x, method in enumerate(STUDENTS):
            arm = f"{data}:{method}"
            values = reference[reference.arm == arm].agreement * 100
            seeds_and_interval(axes, x + 0.3 * at - 0.15, values, colour, data if x == 0 else None)
    lenet = len(STUDENTS)
    seeds_and_interval(axes, lenet, reference[reference.arm == "mnist:lenet_student"].agreement * 100, TEACHER)
    if mine is not None:
        yours(axes, lenet, mine[mine.arm == "mnist:lenet_student"].agreement * 100, "yours (quick)")
    axes.axhline(99, color="black", ls=":", label="published for LeNet-5: over 99")
    axes.set_xticks(range(lenet + 1), [*(LABELS[m] for m in STUDENTS), "LeNet-5\nof 200 images"], fontsize=8)
    axes.set(title="Agreement with the own teacher", ylabel="% of test images")
    axes.grid(axis="x", visible=False)
    axes.legend(fontsize=8)
    return fig
