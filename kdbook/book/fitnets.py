"""Can a student be thinner than its teacher and deeper? Romero et al. 2015 (FitNets), Table 4, on MNIST.

Published test errors of 10,000: teacher 55; a student of 30 thousand weights 190 with labels, 65 with soft targets, 51
with hints first. Here the teacher has 6 convolutions and the student 9; students learn from 12,000 images.
"""

from kdbook.book.knowledge_types import KD, train_student
from kdbook.lab.steps import scores, train, training_split
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.training import HardLabels

VERSION = 1
PUBLISHED = {"teacher": 55, "hard": 190, "kd": 65, "hints": 51}

COLUMNS = {
    "arm": "teacher, or what the student learns from: labels, soft targets, or hints and then soft targets",
    "seed": "seed of weights and order",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "agreement": "share of test images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
    "parameters": "trainable parameters, without regressors",
}

# Chosen on MNIST's validation images, one seed: with rates of 0.1, 0.2, 0.4 and 0.8 the student made 122, 120, 101 and
# 106 errors with labels; 100, 101, 97 with soft targets; 101, -, 89, 105 with hints. The rest is Fashion-MNIST's.
TRAINING = {"batch_size": 128, "lr": 0.1, "weight_decay": 5e-4}
STUDENT = {"net": "conv", "widths": [12, 20, 28], "depth": 3, "samples": 12_000, "epochs": 8, **TRAINING, "lr": 0.4}
SMALL_STEPS = {"batch_size": 32, "lr": 0.1}
SETTINGS = {
    "full": {
        "teacher": {"net": "conv", "widths": [32, 64, 128], "depth": 2, "epochs": 2, **TRAINING},
        "student": {**STUDENT, "hint_epochs": 1},
    },
    "quick": {
        "teacher": {
            "net": "conv",
            "widths": [16, 32, 64],
            "depth": 1,
            "samples": 6_000,
            "epochs": 3,
            **TRAINING,
            **SMALL_STEPS,
        },
        "student": {**STUDENT, "widths": [8, 12, 16], "hint_epochs": 1, "samples": 2_000, "epochs": 5, **SMALL_STEPS},
    },
}
ARMS = {"hard": {}, "kd": KD, "hints": {**KD, "method": "fitnet"}}
SEEDS = {"full": {"teacher": 3, "student": 5}, "quick": {"teacher": 1, "student": 2}}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Teachers, then the three students of every seed."""
    check_profile(profile)
    chosen, made = seeds_of(seeds, SEEDS[profile]["student"]), []
    settings = SETTINGS[profile]
    teachers = [
        Trial("fitnets", "teacher", seed, settings["teacher"], version=VERSION)
        for seed in range(min(SEEDS[profile]["teacher"], len(chosen)))
    ]
    for seed in chosen:
        needs = (teachers[seed % len(teachers)],)
        made += [
            Trial("fitnets", arm, seed, {**settings["student"], **other}, needs=needs, version=VERSION)
            for arm, other in ARMS.items()
        ]
    return teachers + made


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net and score it; a teacher's weights are kept."""
    (trial,) = trials
    if trial.needs:
        model = train_student(trial, tools)
    else:
        model, _ = train(trial, training_split(trial, tools), HardLabels(), tools)
        tools.keep(trial, tensors=model.state_dict())
    return [scores(model, trial, tools)]
