"""Offline, online or self: who should teach, and when? Gou et al. 2021, section 3; Zhang et al. 2018; Kim et al. 2021.

One small student on 6,000 images of Fashion-MNIST, always with the same initial weights and batches of a seed, under
every mode; partners of a quarter, the same and four times its size, trained before it or together with it. Beside equal
epochs stands equal compute: the student alone for twice and four times as long. What the student is told is logged
epoch by epoch.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from kdbook.data.images import Split
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import (
    cached_teacher,
    errors,
    network,
    predict,
    teacher_answers,
    test_split,
    train,
    training_split,
)
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.nets.vision import count_multiply_adds
from kdbook.training import objectives

VERSION = 1
DATA = "fashion-mnist"

COLUMNS = {
    "arm": "mode; _weaker, _equal, _stronger: the partner's size; _2, _4: number of equal nets",
    "seed": "seed of weights and order; the student of a seed starts alike under every mode",
    "mode": "alone, offline, online or self",
    "partner": "width of the teacher or peer relative to the student: weaker, equal, stronger, large; none",
    "test_errors": "the student's wrong answers on the 10,000 test images, last epoch",
    "ece": "its expected calibration error on test images, 15 bins, %",
    "partner_errors": "wrong answers of the teacher, or mean of the other nets",
    "ensemble_errors": "wrong answers of the mean probability of all nets that were trained together",
    "entropy_first": "mean entropy of what the student was told in the first epoch, bits",
    "entropy_last": "the same in the last epoch",
    "agreement_first": "share of the first epoch's images whose target has the student's top class",
    "agreement_last": "the same in the last epoch",
    "largest_rise": "largest rise of the student's training cross entropy from one epoch to the next, nats",
    "forward_passes": "images through a net in training, all nets, in thousands",
    "gigamacs": "multiply-adds of this training, a backward pass counted as two forward ones, in 10^9",
    "teacher_gigamacs": "the same for the training of the teacher that was needed first",
    "train_seconds": "wall time of this training, seconds",
}
EPOCH_COLUMNS = ("entropy", "agreement", "hard")  # what `TrainingMode` logs; the arrays behind the figures
ENDS = {"first": 0, "last": -1}


class Arm(NamedTuple):
    """A condition: its mode, the partners' sizes, and settings that differ from the common ones."""

    mode: str
    objective: str
    partners: tuple[str, ...] = ()
    settings: dict = {}


SIZES = ("weaker", "equal", "stronger")
# Chosen on validation images with 12,000 training images and 8 epochs, seeds 0 and 1, at a learning rate of 0.1: alpha
# of 0.5 and 0.9 and T of 1 and 4 for offline and co-trained, T of 1, 2, 4 and weights of 0.5 and 1 for KDCL, final
# weights of 0.2, 0.5 and 0.8 for PS-KD (the paper has 0.8), 0.05 to 0.2 for label smoothing, feedback of 0.2, 0.5, 0.8.
# The learning rate: 0.05 to 0.4 for labels, up to 0.2 for DML and offline, and 0.1, 0.4 and 0.8 for labels with 6,000
# images: labels gain up to 0.4 and no more above, so that the baseline is no weaker than what it is compared with.
KD, TOGETHER = {"temperature": 4.0, "alpha": 0.5}, {"temperature": 1.0, "alpha": 0.5}
ARMS = {
    "hard": Arm("alone", "labels"),
    "hard_double": Arm("alone", "labels", (), {"times": 2}),
    "hard_quadruple": Arm("alone", "labels", (), {"times": 4}),
    "smoothing": Arm("alone", "labels", (), {"label_smoothing": 0.05}),
    "independent_2": Arm("alone", "labels", ("equal",)),
    "offline_large": Arm("offline", "offline", ("large",), KD),
    **{f"offline_{size}": Arm("offline", "offline", (size,), KD) for size in SIZES},
    **{f"dml_{size}": Arm("online", "dml", (size,)) for size in SIZES},
    "dml_4": Arm("online", "dml", ("equal",) * 3),
    "kdcl_2": Arm("online", "kdcl", ("equal",), {"temperature": 1.0, "weight": 1.0}),
    **{f"cotrained_{size}": Arm("online", "cotrained", (size,), {**TOGETHER, "feedback": 0.0}) for size in SIZES},
    "cotrained_feedback": Arm("online", "cotrained", ("equal",), {**TOGETHER, "feedback": 0.2}),
    "born_again": Arm("self", "born_again", ("equal",)),
    "ps_kd": Arm("self", "ps_kd", (), {"final": 0.2}),
    "ps_kd_paper": Arm("self", "ps_kd", (), {"final": 0.8}),
}
TRAINED_BEFORE = ("offline", "born_again")  # their partner is a stored net, not one of those that learn

TRAINING = {"net": "conv", "samples": 6_000, "epochs": 12, "batch_size": 128, "lr": 0.4, "weight_decay": 5e-4}
SETTINGS = {
    "full": {**TRAINING, "widths": {"weaker": [4, 8, 16], "equal": [8, 16, 32], "stronger": [16, 32, 64]}},
    "quick": {
        **TRAINING,
        "samples": 800,
        "batch_size": 50,
        "epochs": 4,
        "widths": {"weaker": [2, 4, 8], "equal": [4, 8, 16], "stronger": [8, 16, 32]},
    },
}
SEEDS = {"full": {"teacher": 3, "student": 5}, "quick": {"teacher": 1, "student": 2}}
TEACHER_SEED = 100  # teachers of the student's own size must not start from its weights


def teacher(profile: str, size: str, seed: int) -> Trial:
    """A net that is trained on labels, on the student's own images, before the student."""
    if size == "large":
        return trial_of("knowledge_types", profile, "teacher", seed)
    seed = TEACHER_SEED + seed % SEEDS[profile]["teacher"]
    return Trial("training_modes", f"teacher_{size}", seed, settings(profile, size), data=DATA, version=VERSION)


def settings(profile: str, size: str = "equal", **changed) -> dict:
    """Settings of a net of one size."""
    chosen = SETTINGS[profile]
    return {**chosen, "widths": chosen["widths"][size], **changed}


def student(profile: str, arm: str, seed: int) -> Trial:
    """One arm of a seed, with the teacher that it needs."""
    _, objective, partners, changed = ARMS[arm]
    chosen = settings(profile, objective=objective, **changed)
    chosen["epochs"] *= chosen.pop("times", 1)
    if objective in TRAINED_BEFORE:
        needs = (teacher(profile, partners[0], seed),)
    else:
        needs, chosen["partners"] = (), [SETTINGS[profile]["widths"][size] for size in partners]
    return Trial("training_modes", arm, seed, chosen, needs=needs, data=DATA, version=VERSION)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every mode for every student seed; teachers come as needs."""
    check_profile(profile)
    return [student(profile, arm, s) for s in seeds_of(seeds, SEEDS[profile]["student"]) for arm in ARMS]


def seeded_nets(trial: Trial) -> nn.ModuleList:
    """The student, whose weights depend on the seed alone, and the partners that learn beside it."""
    nets = nn.ModuleList()
    with torch.random.fork_rng():
        for at, widths in enumerate([trial.settings["widths"], *trial.settings.get("partners", [])]):
            torch.manual_seed(trial.seed + 1000 * at)
            nets.append(network({**trial.settings, "widths": widths}))
    return nets


def objective_for(trial: Trial, split: Split, tools: Tools) -> objectives.TrainingMode:
    """What an arm minimises; a trial without an objective, such as a teacher, learns labels."""
    s = trial.settings
    teacher = cached_teacher(trial.needs[0], split, tools) if trial.needs else None
    made = {
        "labels": lambda: objectives.Logged(objectives.HardLabels(s.get("label_smoothing", 0.0))),
        "offline": lambda: objectives.Logged(objectives.Distillation(teacher, s["temperature"], s["alpha"])),
        "born_again": lambda: objectives.Logged(objectives.Distillation(teacher, 1.0)),
        "dml": objectives.MutualLearning,
        "kdcl": lambda: objectives.Collaborative(s["temperature"], s["weight"]),
        "cotrained": lambda: objectives.CoTrained(s["temperature"], s["alpha"], s["feedback"]),
        "ps_kd": lambda: objectives.ProgressiveSelf(split, epochs=s["epochs"], final=s["final"]),
    }
    name = s.get("objective", "labels")
    if name not in made:
        raise ValueError(f"objective of {trial.arm} is unknown: {name!r}; there are {', '.join(made)}")
    return made[name]()


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Gap between confidence and accuracy, averaged over bins of confidence by their share of the images, in %.

    Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3, with its 15 bins of equal width.

    Parameters
    ----------
    logits : Tensor (N, C)
        Answers.
    labels : Tensor (N,)
        What is right.
    bins : int
        Bin m holds confidences in ((m - 1) / bins, m / bins].
    """
    confidence, answer = logits.double().softmax(-1).max(-1)
    at = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = confidence - (answer == labels).double()
    return (
        100 * float(torch.zeros(bins, dtype=torch.float64).index_add(0, at.cpu(), gap.cpu()).abs().sum()) / len(labels)
    )


def cost(trial: Trial) -> float:
    """Multiply-adds of a trial's training in 10^9, forward and twice that backward, all nets."""
    s = trial.settings
    samples = s.get("samples", 50_000)  # part "fit"
    return 3 * s["epochs"] * samples * sum(map(count_multiply_adds, seeded_nets(trial))) / 1e9


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the nets of one arm together, then read the test set once."""
    (trial,) = trials
    split, test = training_split(trial, tools), test_split(trial, tools)
    nets = seeded_nets(trial)
    _, history = train(trial, split, objective_for(trial, split, tools), tools, nets)
    logits = torch.stack([predict(net, test).logits for net in nets])  # (M, N, C)
    told = {name: np.array([epoch[name] for epoch in history.epochs]) for name in EPOCH_COLUMNS}
    tools.keep(trial, tensors=None if trial.arm in ARMS else nets[0].state_dict(), pictures=told)
    arm = ARMS.get(trial.arm, Arm("alone", "labels"))
    others = [errors(one, test.y) for one in logits[1:]]
    if trial.needs:
        others = [errors(teacher_answers(trial.needs[0], test, tools), test.y)]
    return [
        {
            "mode": arm.mode,
            "partner": arm.partners[0] if arm.partners else "none",
            "test_errors": errors(logits[0], test.y),
            "ece": expected_calibration_error(logits[0], test.y),
            "partner_errors": sum(others) / len(others) if others else None,
            "ensemble_errors": errors(logits.softmax(-1).mean(0), test.y),
            **{f"{name}_{when}": float(told[name][at]) for name in EPOCH_COLUMNS[:2] for when, at in ENDS.items()},
            "largest_rise": float(np.diff(told["hard"]).max()),
            "forward_passes": len(nets) * trial.settings["epochs"] * len(split) / 1000,
            "gigamacs": cost(trial),
            "teacher_gigamacs": sum(map(cost, trial.needs)),
            "train_seconds": round(history.seconds, 2),
        }
    ]
