"""Can generalist and specialists be distilled into one student? The paper left it open, the summary tells it as done.

Hinton et al. 2015, section 8: "not yet shown". The student has the generalist's size; against it stand students of the
generalist alone, and of an ensemble of generalists that costs as much as generalist and specialists.
"""

from torch import Tensor

from kdbook.book import specialist_clusters, specialists
from kdbook.book.shared.team import ensemble_log_p, generalist_log_p, team_log_p, training_texts
from kdbook.data.glosses import Texts, load_glosses
from kdbook.lab import Arm, Tools, Trial
from kdbook.lab.steps import percent_right, predict, train
from kdbook.show import PLAIN, by_arm, figure, looks
from kdbook.training import CachedTeacher, Distillation

VERSION = 1
DATA, SEEDS = specialist_clusters.DATA, specialist_clusters.SEEDS
COLUMNS = {
    "arm": "who teaches the student",
    "seed": "seed of the student; its teachers are those of the same seed",
    "teacher_accuracy": "top-1 accuracy of the teacher, % of test definitions",
    "hard_accuracy": "the same of the student with hard labels, which is the generalist",
    "accuracy": "the same of the student, last epoch",
    "agreement": "share of test definitions with the teacher's top class, %",
    "kept": "share of the teacher's gain over the generalist that the student keeps, %; 0 = none",
}


def arms(profile: str) -> dict[str, Arm]:
    """Three students a seed, from the same weights and of the generalist's size."""
    # Chosen on validation texts of one seed, the same for all, for the students of the ensemble and of the specialists:
    # temperature (1, 2), alpha (0.5, 0.7, 1), epochs (12, 24, 36), rate (0.005, 0.01, 0.02), dropout (0.1, 0.2). Soft
    # targets alone, or at T = 2, gave less; 24 epochs suit them, though hard labels are best at 12.
    soft = {"temperature": 1.0, "alpha": 0.5, "epochs": 12 if profile == "quick" else 24}
    settings = {**specialist_clusters.arms(profile)["generalist"].settings, **soft}
    generalist = "specialist_clusters/generalist"
    ensemble = specialists.arms(profile)["ensemble"].needs
    return {
        "of_generalist": Arm("generalist", "control", settings, needs=(generalist,)),
        "of_specialists": Arm(
            "generalist and\nspecialists", "soft", settings, needs=(generalist, "specialists/specialists")
        ),
        "of_ensemble": Arm("ensemble of\ngeneralists", "teacher", settings, needs=ensemble),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Ask the teacher about all training and test texts, train the student, score both."""
    (trial,) = trials
    fit, test = training_texts(trial, tools), load_glosses("test", tools.device)
    teacher = CachedTeacher(answers(trial, fit, tools)[None], fit.index)
    model, _ = train(trial, fit, Distillation(teacher, trial.settings["temperature"], trial.settings["alpha"]), tools)
    ours, theirs = predict(model, test).logits, answers(trial, test, tools)
    hard, taught, reached = (percent_right(z, test.y) for z in (generalist_log_p(trial, test, tools), theirs, ours))
    return [
        {
            "teacher_accuracy": taught,
            "hard_accuracy": hard,
            "accuracy": reached,
            "agreement": percent_right(ours, theirs.argmax(-1)),
            "kept": 100 * (reached - hard) / (taught - hard) if taught != hard else None,
        }
    ]


def answers(trial: Trial, split: Texts, tools: Tools) -> Tensor:
    """The teacher's log-probabilities (N, C)."""
    if trial.arm == "of_specialists":
        return team_log_p(trial.needs[1], split, tools)
    return (ensemble_log_p if trial.arm == "of_ensemble" else generalist_log_p)(trial, split, tools)


@figure("specialists_distilled", chapter="06", size=(11, 4.4), grid=(1, 2), legend=1, sharey=True)
def distilled(left, right, both):
    """Left open in 2015 (section 8): are generalist and specialists distilled into one net as good?

    Left, test accuracy of three teachers; right, of their students, all of one size, with the generalist of hard labels
    as a band. Both panels have the same scale.
    """
    by_arm(left, both, "teacher_accuracy", looks(arms("full")))
    by_arm(right, both, "accuracy", looks(arms("full")))
    hard = both.rows(arm="of_generalist").reference.hard_accuracy
    right.axhspan(hard.min(), hard.max(), color=PLAIN, alpha=0.3, lw=0, label="hard labels (all seeds)")
    left.set(title="Teachers", ylabel="top-1 accuracy, % of test definitions")
    right.set_title("Their students")
