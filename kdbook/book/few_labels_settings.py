"""With which rate, decay and temperature does each student of `few_labels` learn? Chosen on validation images.

Every arm has nine tries on the same three draws: three rates with three decays or, for soft targets, three temperatures.
"""

from dataclasses import replace

from kdbook.book import few_labels
from kdbook.book.few_labels import settings_of, train_students
from kdbook.data.images import load_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, predict, test_split
from kdbook.show import HARD, SOFT, Look, curve, figure, plain

VERSION, DATA = 1, few_labels.DATA
SEEDS = {"full": (3, 0), "quick": (1, 0)}  # draws; teachers are those of few_labels
COLUMNS = columns(
    "arm seed answers images labels lr weight_decay temperature validation_errors",
    arm="as in few_labels",
    answers="labels, soft (a teacher's soft targets), or hard (the classes that the teacher names)",
    images="images that the student sees",
    labels="labels that its teacher knows",
    lr="learning rate",
    weight_decay="decay of the weights",
    validation_errors="wrong answers on the 10,000 validation images, last epoch",
)
RATES = (0.05, 0.1, 0.2)
OTHER = {"labels": (0.0, 5e-4, 5e-3), "hard": (0.0, 5e-4, 5e-3), "soft": (1.0, 2.0, 4.0)}


def arms(profile: str) -> dict[str, Arm]:
    """Every student of `few_labels` with each try; those of one rate and decay are trained as one."""
    found = {}
    for name, arm in few_labels.arms(profile).items():
        if arm.teaches:
            continue
        answers = arm.settings["answers"]
        needs = tuple(f"few_labels/{need}" for need in arm.needs)
        for other in OTHER[answers]:
            for lr in RATES:
                settings = {**arm.settings, **settings_of(answers, (lr, other)), "scored_on": "validation"}
                together = f"seeds {name} {lr:g}" + ("" if answers == "soft" else f" {other:g}")
                tried = replace(arm, settings=settings, named=name, needs=needs, cohort=together)
                found[f"{name} lr={lr:g} {other:g}"] = tried
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the tries of an arm as one, and score each on validation images."""
    unseen = test_split(trials[0], tools)
    whole = load_images(trials[0].data, "fit", tools.device)
    cohort = train_students(trials, whole, tools)
    return [
        {
            "labels": (*trial.needs, trial)[0].settings["images"],
            "validation_errors": errors(logits, unseen.y),
        }
        for trial, logits in zip(trials, predict(cohort, unseen).logits, strict=True)
    ]
