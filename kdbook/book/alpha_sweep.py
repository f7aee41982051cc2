"""How much should a student listen to labels beside soft targets, and does that depend on how many labels there are?

The loss of Hinton et al. 2015, section 2: alpha weighs the soft term and 1 - alpha the hard one. Every image has a soft
target; all images, one in ten or one in a hundred have a label too. An image without a label has no hard term, so that
its alpha is 1: alpha = 0 with all labels is a student without a teacher, with few labels it is not.
"""

import torch

from kdbook.book.temperature_by_width import train_cohort
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.show import SOFT, Look, curve, figure, plain
from kdbook.training.objectives import PartlyLabelled

VERSION = 1
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # students; the teachers are hinton_mnist's
COLUMNS = columns(
    "arm seed teacher_seed width labelled_share labels alpha test_errors agreement mean_kl",
    arm="hidden units, share of the images that have a label, and alpha",
    seed="seed of weights and order; which images have a label is the same for all",
    labelled_share="share of the training images that have a label: the first ones",
    labels="their number",
    alpha="weight of the soft term for images with a label; 1 - alpha is that of the hard term",
)

ALPHAS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
SHARES = {1.0: "every image has a label", 0.1: "one image in 10", 0.01: "one image in 100"}
EPOCHS = {"full": {30: 12, 300: 6}, "quick": {30: 8, 300: 2}}
WIDTHS = (30, 300)


def arms(profile: str) -> dict[str, Arm]:
    """All alphas of a seed, a width and a number of labels as one cohort; the teacher is hinton_mnist's."""
    images, batch_size = (2_000, 50) if profile == "quick" else (60_000, 256)

    def taught(width: int, share: float, alpha: float) -> Arm:
        settings = {
            "sizes": [784, width, width, 10],
            "samples": images,
            "labelled_share": share,
            "labels": round(share * images),
            "alpha": alpha,
            "temperature": 4.0,
            # On the last 10,000 training images about the best rate for soft targets, hard labels and mixtures alike.
            "lr": 0.1,
            "batch_size": batch_size,
            "epochs": EPOCHS[profile][width],
        }
        label = f"{width} units, {SHARES[share]}, alpha = {alpha:g}"
        return Arm(label, settings=settings, needs=("hinton_mnist/teacher",), cohort=f"{width}:{share:g}")

    return {
        f"{width}:labelled={share:g}:alpha={alpha:g}": taught(width, share, alpha)
        for width in WIDTHS
        for share in SHARES
        for alpha in ALPHAS
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a cohort, then read the test set once."""
    shared, alpha = trials[0].settings, torch.tensor([[t.settings["alpha"]] for t in trials])
    look = {"temperature": shared["temperature"], "alpha": alpha, "labels": shared["labels"]}
    return train_cohort(trials, tools, lambda teacher: PartlyLabelled(teacher, **look))


@figure("alpha_sweep", chapter="02", size=(11, 4.2), grid=(1, len(WIDTHS)))
def alpha_sweep(left, right, both):
    """Images without a label have a soft target: alpha weighs only where there are both.

    Test errors over alpha, the weight of soft targets on labelled images, for students of 30 and of 300 units, with a
    label for every image, one in ten and one in a hundred. With a label for every image errors fall from hard labels
    alone on the left and are level from about 0.75 on, steeply for 300 units and gently for 30; with fewer labels they
    are level.
    """
    for axes, width in zip((left, right), WIDTHS, strict=True):
        for (share, label), mark in zip(SHARES.items(), ("o-", "s-.", "^:"), strict=True):
            rows, own = both.rows(width=width, labelled_share=share), "yours (quick)" if share == 1 else None
            curve(axes, rows, "alpha", "test_errors", Look(label, SOFT), mark=mark, own=own)
        plain(axes.yaxis, scale="log")
        axes.set(title=f"{width} units", xlabel="alpha: weight of the soft term where there is a label")
    left.set_ylabel("test errors of 10,000 (log scale)")
