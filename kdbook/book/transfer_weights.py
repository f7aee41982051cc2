"""How much weight should a feature or relation term have? Chosen on validation images, for `knowledge_types` to use.

First the learning rate of each network and temperature and alpha of plain KD, then, with those, the weight of each
method beside labels and beside soft targets. One seed each: differences under about 40 errors are luck.
"""

from kdbook.book import knowledge_types
from kdbook.book.knowledge_types import ARMS, DATA, train_student
from kdbook.lab.steps import errors, fidelity, teacher_answers, test_split
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.training import predict

VERSION = 1

COLUMNS = {
    "arm": "as in knowledge_types",
    "seed": "seed of weights and order",
    "beta": "weight of the feature or relation term",
    "hint_epochs": "epochs of the first stage of a FitNet",
    "lr": "learning rate",
    "temperature": "T of plain KD",
    "alpha": "weight of the soft term of plain KD",
    "validation_errors": "wrong answers on the 10,000 validation images, last epoch",
    "agreement": "share of validation images with the teacher's top class",
}

# Weight at which a term is as large as the cross-entropy of an untrained student's first steps, rounded.
UNITS = {
    "at": 100.0, "at_paper": 1.5,
    "fsp": 12.0, "rkd_d": 10.0, "rkd_a": 12.0, "sp": 1000.0, "cc": 50.0, "pkt": 2e4, "crd": 0.07,
}  # fmt: skip
FACTORS = {"full": (0.1, 0.4, 1.6, 6.4), "quick": (0.4, 6.4)}
HINT_EPOCHS = {"full": (1, 2, 4), "quick": (1,)}
QUICK = ("fitnet", "at", "rkd_d", "pkt")  # a quick run tries the weights of these only, and for one network
RESPONSES = {
    False: [{"lr": lr} for lr in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)],
    True: [{"lr": lr} for lr in (0.025, 0.05, 0.1, 0.2, 0.4, 0.8)]
    + [{"temperature": t, "alpha": a} for t in (2.0, 4.0, 8.0) for a in (0.5, 0.9)],
}
SEEDS = {"full": 1, "quick": 1}


def variants(arm: str, profile: str) -> list[dict]:
    """What is tried for an arm of `knowledge_types`."""
    net, method, kd = ARMS[arm]
    if arm == "api" or (profile == "quick" and (net == "mlp" or method not in QUICK)):
        return []
    if method is None:
        return RESPONSES[kd]
    if method == "fitnet":
        return [{"hint_epochs": epochs} for epochs in HINT_EPOCHS[profile]]
    return [{"beta": factor * UNITS[method]} for factor in FACTORS[profile]]


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every variant of every arm, on the images that the teacher was trained on, scored on those that nobody saw."""
    check_profile(profile)
    made = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        needs = (knowledge_types.teacher(profile, seed),)
        for arm in ARMS:
            base = knowledge_types.settings(arm, profile) | {"part": "fit"}
            made += [
                Trial("transfer_weights", arm, seed, base | other, needs=needs, data=DATA, version=VERSION)
                for other in variants(arm, profile)
            ]
    return list(dict.fromkeys(made))  # plain KD's own settings are in both of its grids


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one student and score it on the validation images."""
    (trial,) = trials
    split = test_split(trial, tools)
    logits = predict(train_student(trial, tools), split).logits
    agreement = fidelity(logits, teacher_answers(trial.needs[0], split, tools))["agreement"]
    return [{"validation_errors": errors(logits, split.y), "agreement": agreement}]
