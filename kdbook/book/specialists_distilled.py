"""Can generalist and specialists be distilled into one student? The paper left it open, the summary tells it as done.

Hinton et al. 2015, section 8: "not yet shown". The student has the generalist's size; against it stand students of the
generalist alone, and of an ensemble of generalists that costs as much as generalist and specialists.
"""

import torch

from kdbook.book.specialist_clusters import SEEDS, SETTINGS, generalist, percent, training_texts
from kdbook.book.specialists import ensemble, ensemble_log_p, generalist_log_p, team_log_p, together
from kdbook.data.glosses import load_glosses
from kdbook.lab.steps import predict, train
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.training import CachedTeacher, Distillation

VERSION = 1
COLUMNS = {
    "arm": "who teaches the student",
    "seed": "seed of the student; its teachers are those of the same seed",
    "teacher_accuracy": "top-1 accuracy of the teacher, % of test definitions",
    "hard_accuracy": "the same of the student with hard labels, which is the generalist",
    "accuracy": "the same of the student, last epoch",
    "agreement": "share of test definitions with the teacher's top class, %",
    "kept": "share of the teacher's gain over the generalist that the student keeps, %; 0 = none",
}
# Chosen on validation texts of one seed, the same for all, for the students of the ensemble and of the specialists:
# temperature (1, 2), alpha (0.5, 0.7, 1), epochs (12, 24, 36), rate (0.005, 0.01, 0.02), dropout (0.1, 0.2). Soft
# targets alone, or at T = 2, gave less; 24 epochs suit them, though hard labels are best at 12.
SOFT = {
    "full": {"temperature": 1.0, "alpha": 0.5, "epochs": 24},
    "quick": {"temperature": 1.0, "alpha": 0.5, "epochs": 12},
}
ARMS = ("of_generalist", "of_specialists", "of_ensemble")


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Three students a seed, from the same weights."""
    check_profile(profile)
    return [student(arm, profile, seed) for seed in seeds_of(seeds, SEEDS[profile]) for arm in ARMS]


def student(arm: str, profile: str, seed: int, **changes) -> Trial:
    """A student of one teacher; `changes` to its settings."""
    needs = {
        "of_generalist": (generalist(profile, seed),),
        "of_specialists": (generalist(profile, seed), together(profile, seed)),
        "of_ensemble": ensemble(profile, seed).needs,
    }[arm]
    settings = {**SETTINGS[profile]["generalist"], **SOFT[profile], **changes}
    return Trial("specialists_distilled", arm, seed, settings, needs=needs, data="wordnet", version=VERSION)


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Ask the teacher about all training and test texts, train the student, score both."""
    (trial,) = trials
    fit = training_texts(trial, tools)
    scored = load_glosses(trial.settings.get("scored", "test"), tools.device)
    teacher = CachedTeacher(answers(trial, fit, tools)[None], fit.index)
    model, _ = train(trial, fit, Distillation(teacher, trial.settings["temperature"], trial.settings["alpha"]), tools)
    ours, theirs = predict(model, scored).logits, answers(trial, scored, tools)
    hard, taught, reached = (percent(z, scored.y) for z in (generalist_log_p(trial, scored, tools), theirs, ours))
    return [
        {
            "teacher_accuracy": taught,
            "hard_accuracy": hard,
            "accuracy": reached,
            "agreement": percent(ours, theirs.argmax(-1)),
            "kept": 100 * (reached - hard) / (taught - hard) if taught != hard else None,
        }
    ]


def answers(trial: Trial, split, tools: Tools) -> torch.Tensor:
    """The teacher's log-probabilities (N, C)."""
    if trial.arm == "of_ensemble":
        return ensemble_log_p(trial, split, tools)
    return (
        generalist_log_p(trial, split, tools)
        if trial.arm == "of_generalist"
        else team_log_p(trial.needs[1], split, tools)
    )
