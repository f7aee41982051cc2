"""Can generalist and specialists be distilled into one student? The paper left it open, the summary tells it as done.

Hinton et al. 2015, section 8: "not yet shown". The student has the generalist's size; against it stand students of the
generalist alone, and of an ensemble of generalists that costs as much as generalist and specialists.
"""

import torch

from kdbook.data.glosses import load_glosses
from kdbook.experiments.nets import predict, train
from kdbook.experiments.specialist_clusters import SEEDS, SETTINGS, generalist, percent
from kdbook.experiments.specialists import ensemble, ensemble_log_p, generalist_log_p, team_log_p, together
from kdbook.experiments.trial import Tools, Trial, check_profile, seeds_of
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
# Chosen on validation texts, the same for all students: see the docstring of `trials`.
SOFT = {"temperature": 2.0, "alpha": 0.9}
ARMS = ("of_generalist", "of_specialists", "of_ensemble")


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Three students a seed, from the same weights, with the generalist's epochs."""
    check_profile(profile)
    return [student(arm, profile, seed) for seed in seeds_of(seeds, SEEDS[profile]) for arm in ARMS]


def student(arm: str, profile: str, seed: int, **changes) -> Trial:
    """A student of one teacher; `changes` to its settings."""
    needs = {
        "of_generalist": (generalist(profile, seed),),
        "of_specialists": (generalist(profile, seed), together(profile, seed)),
        "of_ensemble": ensemble(profile, seed).needs,
    }[arm]
    settings = {**SETTINGS[profile]["generalist"], **SOFT, **changes}
    return Trial("specialists_distilled", arm, seed, settings, needs=needs, data="wordnet", version=VERSION)


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Ask the teacher about all training and test texts, train the student, score both."""
    (trial,) = trials
    fit = load_glosses("fit", tools.device)
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
            "kept": 100 * (reached - hard) / (taught - hard) if taught > hard else None,
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
