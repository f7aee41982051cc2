"""How hinton_mnist's settings were chosen: trained on the first 50,000 training images, scored on the last 10,000.

Teachers train for 25 epochs, or 75 where the arm says so, students for 20.

The test set is never read here. One seed a candidate: differences below ten errors are noise, and simpler values win.
A student's learning rate of 0.3 gave a loss that is not a number; it is left out of the candidates.
"""

from kdbook.book import hinton_mnist
from kdbook.lab.trial import Trial, check_profile, seeds_of

VERSION = 1
COLUMNS = {
    "arm": "which setting is varied, and for which network",
    "candidate": "its value",
    "seed": "seed of weights, order, shifts and dropout",
    "validation_errors": "wrong answers on the last 10,000 training images, last epoch",
    "validation_errors_shifted": "the same, each image under one fixed random shift",
    "agreement": "share of validation images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over validation images at T = 1, nats",
}

TEACHER = {**dict(hinton_mnist.arms("full")["teacher"].settings), "part": "fit", "epochs": 25}
STUDENT = {
    "part": "fit", "sizes": [784, 800, 800, 10], "batch_size": 256, "epochs": 20, "lr": 0.1,
    "temperature": 20.0, "alpha": 0.9,
}  # fmt: skip
# arm -> candidate -> what it changes; every candidate is one trial
TEACHERS = {
    "teacher_dropout": {"0.5": {"hidden_dropout": 0.5}, "0.3": {"hidden_dropout": 0.3}, "0.2": {"hidden_dropout": 0.2}},
    "teacher_input_dropout": {"0.1": {"hidden_dropout": 0.3, "input_dropout": 0.1}},
    "teacher_batch_size": {"128": {"hidden_dropout": 0.3, "batch_size": 128, "lr": 0.1}},
    "teacher_max_norm": {"2": {"hidden_dropout": 0.3, "max_norm": 2.0}},
    "teacher_epochs": {"75": {"hidden_dropout": 0.3, "epochs": 75}},
}
TUTOR = ("teacher_dropout", "0.3")  # the teacher of all students here
STUDENTS = {
    "distilled_lr": {"0.05": {"lr": 0.05}, "0.1": {}, "0.2": {"lr": 0.2}},
    "distilled_alpha": {"0.5": {"alpha": 0.5}, "1": {"alpha": 1.0}},
    "distilled_shifted_lr": {"0.1": {"alpha": 1.0, "shifts": True}, "0.2": {"alpha": 1.0, "shifts": True, "lr": 0.2}},
}
CANDIDATES = {**TEACHERS, **STUDENTS}
QUICK = {"samples": 5_000, "epochs": 1, "sizes": [784, 30, 30, 10]}


def candidate(profile: str, arm: str, name: str, seed: int) -> Trial:
    """One setting, tried once."""
    chosen = {**(TEACHER if arm in TEACHERS else STUDENT), **CANDIDATES[arm][name]}
    if profile == "quick":
        chosen |= QUICK
    needs = () if arm in TEACHERS else (candidate(profile, *TUTOR, seed),)
    return Trial("tuning", arm, seed, {**chosen, "candidate": name}, needs=needs, version=VERSION)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every candidate, teachers first."""
    check_profile(profile)
    return [candidate(profile, a, c, seed) for seed in seeds_of(seeds, 1) for a, cs in CANDIDATES.items() for c in cs]


def measure(trials: list[Trial], tools) -> list[dict]:
    """As hinton_mnist, under the names of what is measured here: validation, not test."""
    (trial,) = trials
    model, _, row = train_and_score(trial, tools)
    tools.keep(trial, tensors=model.state_dict())
    return [
        {
            "validation_errors": row["test_errors"],
            "validation_errors_shifted": row["test_errors_shifted"],
            "agreement": row["agreement"],
            "mean_kl": row["mean_kl"],
        }
    ]
