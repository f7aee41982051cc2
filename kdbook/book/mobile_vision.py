"""Do MobileNets come near a ResNet or EfficientNet teacher that is 4 to 10 times larger? The summary says so.

Published students stay behind: MobileNetV3 6.7 points below a teacher 44 times its size (Beyer et al. 2021), DeiT-small
and -tiny 2.0 and 9.5 points below one of 3.8 and 15 times (Touvron et al. 2021). Here teachers and students learn from
the same images of Fashion-MNIST for as many epochs, so that size alone is between them. `trials` takes CIFAR as well.
"""

from kdbook.lab.steps import objective_for, scores, seeded_network, train, training_split
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.nets.vision import count_multiply_adds, count_parameters

VERSION = 1
DATA = "fashion-mnist"
# classes and channels where they are not those of the MNISTs
COLOUR = {"cifar10": {"channels": 3, "classes": 10}, "cifar100": {"channels": 3, "classes": 100}}

COLUMNS = {
    "arm": "teacher; or a student's size and what it learns from: labels (hard), or a teacher's soft targets as well",
    "seed": "seed of weights and order",
    "teacher_seed": "seed of the teacher, with which a hard student is compared too; seed mod number of teachers",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "agreement": "share of test images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
    "parameters": "trainable parameters",
    "times_smaller": "the teacher's parameters / the student's",
    "multiply_adds": "multiply-adds for one image",
}
TEACHERS, SIZES = ("resnet", "efficientnet"), ("quarter", "tenth")

# Millions of parameters of teacher and student; accuracy of the teacher, of the student alone (None: not told) and of
# the distilled student, %. Beyer et al. 2021, section 3.6; Touvron et al. 2021, the authors' table, for
# ImageNet; Tian et al. 2020, Table 2, for CIFAR-100. All sizes are recalled.
PUBLISHED = {
    "BiT-R152x2 > MobileNetV3-L": (236, 5.4, 83.0, None, 76.31),
    "RegNetY > DeiT-small": (84, 22, 82.9, 79.9, 80.9),
    "RegNetY > DeiT-tiny": (84, 5.7, 82.9, 72.2, 73.4),
    "ResNet50 > MobileNetV2, KD": (23.7, 0.81, 79.34, 64.60, 67.35),
    "ResNet50 > MobileNetV2, CRD": (23.7, 0.81, 79.34, 64.60, 69.11),
}

NETS = {
    "full": {
        "resnet": {"net": "resnet", "widths": [16, 48, 128]},
        "efficientnet": {
            "net": "efficientnet",
            "rows": [[1, 3, 2, 24, 1], [3, 3, 1, 40, 1], [4, 5, 2, 96, 1], [4, 3, 1, 128, 1]],
            "last": 768,
        },
        "quarter": {
            "net": "mobilenet",
            "rows": [[3, 16, 16, True, "RE", 2], [3, 64, 24, False, "RE", 1], [5, 144, 72, True, "HS", 2]],
            "last": 320,
        },
        "tenth": {
            "net": "mobilenet",
            "rows": [[3, 16, 16, True, "RE", 2], [3, 48, 24, False, "RE", 1], [5, 80, 40, True, "HS", 2]],
            "last": 184,
        },
    },
    "quick": {
        "resnet": {"net": "resnet", "widths": [8, 24, 48]},
        "efficientnet": {
            "net": "efficientnet",
            "rows": [[1, 3, 2, 16, 1], [3, 3, 1, 24, 1], [4, 5, 2, 48, 1]],
            "last": 224,
        },
        "quarter": {
            "net": "mobilenet",
            "rows": [[3, 16, 16, True, "RE", 2], [5, 48, 24, False, "HS", 2]],
            "last": 128,
        },
        "tenth": {"net": "mobilenet", "rows": [[3, 16, 16, False, "RE", 2], [5, 24, 16, False, "HS", 2]], "last": 80},
    },
}
# Chapter 04's weight, temperature and rate of the teacher, for all nets alike. On validation images, after two epochs
# and with seed 0, the smallest student made 1794 errors with labels and 1724 with soft targets; with a rate of 0.3 and
# labels 1750, which two standard errors of 10,000 images do not tell from 1794.
KD = {"temperature": 4.0, "alpha": 0.9}
TRAINING = {"samples": 6_000, "epochs": 6, "batch_size": 64, "lr": 0.1, "weight_decay": 5e-4}
SETTINGS = {
    "full": TRAINING,
    "quick": {**TRAINING, "samples": 1_000, "epochs": 3, "batch_size": 32},
}
SEEDS = {"full": {"teacher": 3, "student": 5}, "quick": {"teacher": 1, "student": 1}}


def teacher(profile: str, arm: str, seed: int, data: str = DATA) -> Trial:
    """A ResNet or an EfficientNet, trained on labels."""
    settings = {**NETS[profile][arm], **SETTINGS[profile], **COLOUR.get(data, {})}
    return Trial("mobile_vision", arm, seed % SEEDS[profile]["teacher"], settings, data=data, version=VERSION)


def student(profile: str, size: str, taught: str, seed: int, data: str = DATA) -> Trial:
    """A MobileNet of one size, taught by labels (`hard`) or by one of the teachers."""
    settings = {**NETS[profile][size], **SETTINGS[profile], **COLOUR.get(data, {}), **(KD if taught != "hard" else {})}
    needs = (teacher(profile, "resnet" if taught == "hard" else taught, seed, data),)
    return Trial("mobile_vision", f"{size}_{taught}", seed, settings, needs=needs, data=data, version=VERSION)


def trials(profile: str = "quick", seeds: int | None = None, data: str = DATA) -> list[Trial]:
    """Both teachers, then every student of every seed; `data` is an image set, such as ``cifar10``."""
    check_profile(profile)
    chosen = seeds_of(seeds, SEEDS[profile]["student"])
    teachers = min(SEEDS[profile]["teacher"], len(chosen))
    made = [teacher(profile, arm, seed, data) for seed in range(teachers) for arm in TEACHERS]
    return made + [
        student(profile, size, taught, seed, data)
        for seed in chosen
        for size in SIZES
        for taught in ("hard", *TEACHERS)
    ]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net and score it; a teacher's weights are kept."""
    (trial,) = trials
    split = training_split(trial, tools)
    model, _ = train(trial, split, objective_for(trial, split, tools), tools)
    row = {**scores(model, trial, tools), "multiply_adds": count_multiply_adds(model, split.x.shape[1:])}
    if not trial.needs:
        tools.keep(trial, tensors=model.state_dict())
    for needed in trial.needs:
        row["times_smaller"] = count_parameters(seeded_network(needed)) / row["parameters"]
    return [row]
