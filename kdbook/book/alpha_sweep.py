"""How much should a student listen to labels beside soft targets, and does that depend on how many labels there are?

The loss of Hinton et al. 2015, section 2: alpha weighs the soft term and 1 - alpha the hard one. Every image has a soft
target; all images, one in ten or one in a hundred have a label too. An image without a label has no hard term, so that
its alpha is 1: alpha = 0 with all labels is a student without a teacher, with few labels it is not.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kdbook.book.temperature_by_width import train_cohort
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import hard_loss, kd_loss

VERSION = 1
COLUMNS = {
    "arm": "hidden units, share of the images that have a label, and alpha",
    "seed": "seed of weights and order; which images have a label is the same for all",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "width": "units in each of the two hidden layers",
    "labelled_share": "share of the training images that have a label: the first ones",
    "labels": "their number",
    "alpha": "weight of the soft term for images with a label; 1 - alpha is that of the hard term",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "agreement": "share of test images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
}

ALPHAS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
WIDTHS = (30, 300)
SHARES = (1.0, 0.1, 0.01)
IMAGES = {"full": 60_000, "quick": 2_000}
# On the last 10,000 training images 0.1 was about the best rate for soft targets, hard labels and mixtures alike.
STUDENT = {"temperature": 4.0, "lr": 0.1}
SETTINGS = {
    "full": {30: {**STUDENT, "batch_size": 256, "epochs": 12}, 300: {**STUDENT, "batch_size": 256, "epochs": 6}},
    "quick": {30: {**STUDENT, "batch_size": 50, "epochs": 8}, 300: {**STUDENT, "batch_size": 50, "epochs": 2}},
}
SEEDS = {"full": 5, "quick": 2}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """All alphas of a seed, a width and a number of labels as one cohort; the teacher is hinton_mnist's."""
    check_profile(profile)
    return [
        Trial(
            "alpha_sweep",
            f"{width}:labelled={share:g}:alpha={alpha:g}",
            seed,
            settings(profile, width, share, alpha),
            needs=(trial_of("hinton_mnist", profile, "teacher", seed),),
            version=VERSION,
            cohort=f"{width}:{share:g}",
        )
        for seed in seeds_of(seeds, SEEDS[profile])
        for width in WIDTHS
        for share in SHARES
        for alpha in ALPHAS
    ]


def settings(profile: str, width: int, share: float, alpha: float) -> dict:
    """Settings of one student."""
    images = IMAGES[profile]
    return {
        "sizes": [784, width, width, 10],
        "samples": images,
        "labelled_share": share,
        "labels": round(share * images),
        "alpha": alpha,
        **SETTINGS[profile][width],
    }


@dataclass
class PartlyLabelled:
    """Distillation of a cohort where only the first images have labels.

    Parameters
    ----------
    teacher
        Anything with `soft_targets(x, index, view)`.
    labels : int
        Images with a smaller index have a label; all others have alpha = 1.
    temperature : float
        Of the soft term.
    alpha : Tensor (S, 1)
        Weight of the soft term of each student, for images with a label.
    """

    teacher: Any
    labels: int
    temperature: float
    alpha: Tensor

    def __call__(self, model, batch) -> tuple[Tensor, dict]:
        target = self.teacher.soft_targets(batch.x, batch.index, batch.view).logits
        logits = model(batch.x).logits  # (S, B, C)
        soft = kd_loss(logits, target, temperature=self.temperature, reduction="none", check=batch.check)
        hard = hard_loss(logits, batch.y, reduction="none", check=batch.check)
        weight = (1 - self.alpha.to(logits.device, non_blocking=True)) * (batch.index < self.labels)  # (S, B), of hard
        return (1 - weight) * soft + weight * hard, {}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a cohort, then read the test set once."""
    first = trials[0].settings
    alpha = torch.tensor([[t.settings["alpha"]] for t in trials])
    return train_cohort(
        trials, tools, lambda teacher: PartlyLabelled(teacher, first["labels"], first["temperature"], alpha)
    )
