"""Do small students want lower temperatures? Hinton et al. 2015, section 3, on MNIST.

Published: with 300 or more units in both hidden layers all temperatures above 8 gave similar results; with 30 units
temperatures from 2.5 to 4 were significantly better than higher or lower ones. Soft targets only, no labels.
"""

import torch

from kdbook.data.images import load_images
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import (
    cached_teacher,
    errors,
    fidelity,
    predict,
    seeded_network,
    teacher_answers,
    train,
    training_split,
)
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.training import Distillation, OwnRates, stack

VERSION = 1
COLUMNS = {
    "arm": "hidden units, then temperature",
    "seed": "seed of weights and order; all temperatures of a seed start from the same weights",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "width": "units in each of the two hidden layers",
    "temperature": "T of training",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "agreement": "share of test images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
}

TEMPERATURES = (1.0, 2.0, 2.5, 3.0, 4.0, 8.0, 12.0, 20.0, 40.0)
WIDTHS = {10: TEMPERATURES, 30: TEMPERATURES, 100: TEMPERATURES, 300: TEMPERATURES, 800: (1.0, 4.0, 20.0)}
PUBLISHED = {30: (2.5, 4.0), 300: (8.0, 40.0), 800: (8.0, 40.0)}  # width -> lowest and highest of the best temperatures
EPOCHS = {
    "full": {10: 12, 30: 12, 100: 8, 300: 6, 800: 6},
    "quick": {10: 10, 30: 8, 100: 5, 300: 2, 800: 2},
}
IMAGES = {
    "full": {"batch_size": 256},
    "quick": {"samples": 2_000, "batch_size": 50},
}
SEEDS = {"full": 20, "quick": 2}
SEEDS_800 = {"full": 5, "quick": 1}


def learning_rate(temperature: float) -> float:
    """0.2 / T, and 0.05 from T = 4 on: about the best of 0.05, 0.1, 0.2 and 0.4 on the last 10,000 training images.

    Twice the rate made students of 10 and of 100 units diverge at high temperatures; a quarter of it left those of
    T = 1, whose gradients are smallest, far from the end of their training. At 300 units twice the rate would do.
    """
    return max(0.05, 0.2 / temperature)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """All temperatures of a seed and a width as one cohort; the teacher is hinton_mnist's."""
    check_profile(profile)
    return [
        Trial(
            "temperature_by_width",
            f"{width}:T={t:g}",
            seed,
            settings(profile, width, t),
            needs=(trial_of("hinton_mnist", profile, "teacher", seed),),
            version=VERSION,
            cohort=str(width),
        )
        for seed in seeds_of(seeds, SEEDS[profile])
        for width, temperatures in WIDTHS.items()
        if width < 800 or seed < SEEDS_800[profile]
        for t in temperatures
    ]


def settings(profile: str, width: int, temperature: float) -> dict:
    """Settings of one student."""
    return {
        "sizes": [784, width, width, 10],
        "temperature": temperature,
        "alpha": 1.0,
        "lr": learning_rate(temperature),
        "epochs": EPOCHS[profile][width],
        **IMAGES[profile],
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a cohort, then read the test set once."""
    temperature = torch.tensor([[t.settings["temperature"]] for t in trials])
    return train_cohort(trials, tools, lambda teacher: Distillation(teacher, temperature, alpha=1.0))


def train_cohort(trials: list[Trial], tools: Tools, objective) -> list[dict]:
    """Train students of one width, seed and teacher under `objective(teacher)`; a row of measurements for each."""
    first = trials[0]
    split, test = training_split(first, tools), load_images(first.data, "test", tools.device)
    (teacher,) = first.needs
    rated = OwnRates(objective(cached_teacher(teacher, split, tools)), [t.settings["lr"] for t in trials])
    cohort, _ = train(first, split, rated, tools, model=stack([seeded_network(t) for t in trials]))
    answers = teacher_answers(teacher, test, tools)
    shared = {"teacher_seed": teacher.seed, "width": first.settings["sizes"][1]}
    return [
        {**shared, "test_errors": errors(logits, test.y), **fidelity(logits, answers)}
        for logits in predict(cohort, test).logits
    ]
