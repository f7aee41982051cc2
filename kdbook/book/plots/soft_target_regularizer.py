"""Figure of soft_target_regularizer: few labels, hard against soft."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.show.drawing import compare_arms, published
from kdbook.show.figures import figure
from kdbook.show.style import HARD, SOFT, TEACHER

ARMS = {
    "hard": "3 % of the images,\nhard labels",
    "soft": "3 % of the images,\nsoft targets",
    "hard_all": "all images,\nhard labels",
}
COLOURS = {"hard": HARD, "soft": SOFT, "hard_all": TEACHER}
SPEECH = {"train": (67.3, 65.4, 63.4), "test": (44.5, 57.0, 58.9)}  # Hinton et al. 2015, table 5, frame accuracy in %


@figure("few_labels", chapter="01")
def few_labels(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 6.

    Three panels. Accuracy on MNIST of students of 3 % of the images with hard or soft targets, and on all: on training
    images, on test images, and the paper's table for speech. Soft targets recover part of the loss.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 4))
    compare_arms(left, ARMS, "train_accuracy", reference, mine, COLOURS, scale=100)
    compare_arms(middle, ARMS, "test_accuracy", reference, mine, COLOURS, scale=100)
    early = reference[reference.arm == "hard"].test_accuracy_early * 100
    middle.scatter([0.22] * len(early), early, marker="v", s=20, color=HARD, label="with early stopping")
    left.set(title="MNIST: images trained on", ylabel="accuracy, %")
    middle.set(title="MNIST: test images")
    middle.legend(loc="lower right", fontsize=8)
    for part, marker in (("train", "o"), ("test", "x")):
        if part == "test":
            published(right, range(3), SPEECH[part], "test frames")
        else:
            right.scatter(range(3), SPEECH[part], marker=marker, color="#999999", label="training frames")
    right.set_xticks(range(3), list(ARMS.values()))
    right.set(title="published: speech", ylabel="frame accuracy, %", xlim=(-0.5, 2.5))
    right.legend(fontsize=8)
    for axes in (left, middle, right):
        axes.tick_params(axis="x", labelsize=7.5)
    return fig
