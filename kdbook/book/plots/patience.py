"""Figures of patience: which view the teacher sees, and for how long; what it says to mixtures."""

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from kdbook.book.patience import ARMS, DATA, PUBLISHED, PUBLISHED_TEACHER, TIMES, WEIGHTS, mixtures
from kdbook.data import load_images
from kdbook.show.drawing import curve, log_axis, log_scale, published
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER, YOURS

LABELS = {
    "labels": ("hard labels", HARD, "s-"),
    "fixed": ("fixed answers", "#999999", "v-"),
    "independent": ("independent views", CONTROL, "^-"),
    "consistent": ("same view", SOFT_SHIFTED, "o-"),
    "mixup": ("same view, mixtures", SOFT, "D-"),
}
CLASSES = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
)  # fmt: skip


@figure("patience", chapter="07")
def patience(reference, mine=None) -> Figure:
    """Beyer et al. 2021, Table 1: a ResNet-50 on ImageNet after 300 to 9600 epochs.

    Left, the published accuracy over the epochs, with the teacher as a line: it rises at every step and the gain
    shrinks. Middle, accuracy on Fashion-MNIST of five students: hard labels, the teacher's answers to the unshifted
    image, to another shift, to the same one, and to mixtures of two images. Right, the divergence of each from the
    teacher on test images, on a logarithmic axis.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.4))
    left.plot(list(PUBLISHED), list(PUBLISHED.values()), "-", color="#999999", lw=1)
    published(left, list(PUBLISHED), list(PUBLISHED.values()), "published, the full recipe")
    left.axhline(PUBLISHED_TEACHER, color=TEACHER, ls="--", label="teacher")
    epochs = sorted(reference.epochs[reference.arm != "teacher"].unique())
    for axes, column in ((middle, "right"), (right, "mean_kl")):
        for arm in ARMS:
            label, colour, mark = LABELS[arm]
            rows = reference[reference.arm == arm]
            curve(axes, rows.assign(right=100 - rows.test_errors / 100), "times", column, colour, mark, label)
            if mine is not None:
                own = mine[mine.arm == arm]
                own = own.assign(right=100 - own.test_errors / 100)
                told = "yours (quick)" if arm == "mixup" else None
                curve(axes, own, "times", column, YOURS, f"{mark[0]}:", told, interval=False)
        log_axis(axes, TIMES, "epochs", [f"{e:g}" for e in epochs])
    teacher = reference[reference.arm == "teacher"]
    middle.axhline(100 - teacher.test_errors.mean() / 100, color=TEACHER, ls="--", label="teacher")
    log_axis(left, list(PUBLISHED), "epochs")
    left.set(title="Published: ResNet-50, ImageNet", ylabel="right answers, %")
    middle.set(title="Here: a tenth of the teacher, Fashion-MNIST", ylabel="right answers, %")
    right.set(title="Distance from the teacher", ylabel="KL(teacher || student), nats")
    log_scale(right)
    left.legend(fontsize=8, loc="lower right")
    right.legend(fontsize=8)
    return fig


def mixture(table, at: int) -> Figure:
    """One position of the chapter's slider: a mixture of two test images, and what the first teacher says to it.

    Parameters
    ----------
    table : Results
        Of `patience`.
    at : int
        Position in `WEIGHTS`.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.9), width_ratios=(1, 2.2))
    images = mixtures(load_images(DATA, "test").rows(torch.arange(100)))
    left.imshow(images[at], cmap="gray_r", vmin=0, vmax=1)
    left.set_axis_off()
    left.set_title(f"{float(WEIGHTS[at]):.1f} of one, {1 - float(WEIGHTS[at]):.1f} of the other")
    right.bar(range(10), table.array("teacher", "mixed", 0)[at], color=TEACHER)
    right.set_xticks(range(10), CLASSES, rotation=60, fontsize=8)
    right.set(ylim=(0, 1), ylabel="probability", title="The teacher's answer")
    right.grid(axis="x", visible=False)
    return fig


def mixture_alt(table, at: int) -> str:
    """Alt text of `mixture`, with its numbers."""
    probabilities = table.array("teacher", "mixed", 0)[at]
    told = ", ".join(f"{CLASSES[i]} {probabilities[i]:.2f}" for i in probabilities.argsort()[::-1][:3])
    return f"A mixture with weight {float(WEIGHTS[at]):.1f}; the teacher says {told}."
