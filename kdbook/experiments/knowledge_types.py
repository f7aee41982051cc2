"""The convolutional teacher of Fashion-MNIST that the chapters after the mathematics share: how good is it?

It never sees the 10,000 validation images, so that it can teach while settings are chosen on them and afterwards.
"""

from kdbook.experiments.nets import errors, test_split, train, training_split
from kdbook.experiments.trial import Tools, Trial, check_profile, seeds_of
from kdbook.models import count_parameters
from kdbook.training import HardLabels, predict

VERSION = 1
DATA = "fashion-mnist"

COLUMNS = {
    "arm": "teacher",
    "seed": "seed of weights and order",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "parameters": "trainable parameters",
}

SETTINGS = {
    "full": {"teacher": {"net": "conv", "widths": [32, 64, 128], "depth": 2, "epochs": 6}},
    "quick": {"teacher": {"net": "conv", "widths": [16, 32, 64], "samples": 6_000, "epochs": 4}},
}
SEEDS = {"full": {"teacher": 3}, "quick": {"teacher": 1}}


def teacher(profile: str, seed: int) -> Trial:
    """The teacher of a student's seed: seed mod number of teachers."""
    check_profile(profile)
    settings = {**SETTINGS[profile]["teacher"], "part": "fit", "scored_on": "test"}
    settings |= {"batch_size": 128, "lr": 0.1, "weight_decay": 5e-4}
    return Trial("knowledge_types", "teacher", seed % SEEDS[profile]["teacher"], settings, data=DATA, version=VERSION)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """The teachers alone."""
    check_profile(profile)
    number = SEEDS[profile]["teacher"]
    return [teacher(profile, seed) for seed in seeds_of(min(seeds or number, number), number)]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one teacher and score it; its weights are kept."""
    (trial,) = trials
    model, _ = train(trial, training_split(trial, tools), HardLabels(), tools)
    tools.keep(trial, tensors=model.state_dict())
    split = test_split(trial, tools)
    return [{"test_errors": errors(predict(model, split).logits, split.y), "parameters": count_parameters(model)}]
