"""Can a student be thinner than its teacher and deeper? Romero et al. 2015 (FitNets), Table 4, on MNIST.

Published test errors of 10,000: teacher 55; a student of 30 thousand weights 190 with labels, 65 with soft targets, 51
with hints first. Here the teacher has 6 convolutions and the student 9; students learn from 12,000 images.
"""

from kdbook.book.which_knowledge import train_student
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import scores, train, training_split
from kdbook.show import by_arm, figure, looks, plain, published
from kdbook.training import HardLabels

VERSION = 1
SEEDS = {"full": (5, 3), "quick": (2, 1)}  # students, teachers
COLUMNS = columns(
    "arm seed teacher_seed test_errors agreement mean_kl parameters",
    arm="teacher, or what the student learns from: labels, soft targets, or hints and then soft targets",
    parameters="trainable parameters, without regressors",
)
KD = {"temperature": 4.0, "alpha": 0.9}
PUBLISHED = {"teacher": 55, "hard": 190, "kd": 65, "hints": 51}  # errors of 10,000, Table 4


def arms(profile: str) -> dict[str, Arm]:
    """A teacher, and a student of three kinds of knowledge.

    Chosen on MNIST's validation images, one seed: with rates of 0.1, 0.2, 0.4 and 0.8 the student made 122, 120, 101
    and 106 errors with labels; 100, 101, 97 with soft targets; 101, -, 89, 105 with hints. The rest is Fashion-MNIST's.
    """
    net = {"net": "conv", "batch_size": 128, "weight_decay": 5e-4}
    teacher = {**net, "widths": [32, 64, 128], "depth": 2, "epochs": 2, "lr": 0.1}
    student = {**net, "widths": [12, 20, 28], "depth": 3, "samples": 12_000, "epochs": 8, "lr": 0.4, "hint_epochs": 1}
    if profile == "quick":
        small_steps = {"batch_size": 32, "lr": 0.1}
        teacher |= {"widths": [16, 32, 64], "depth": 1, "samples": 6_000, "epochs": 3, **small_steps}
        student |= {"widths": [8, 12, 16], "samples": 2_000, "epochs": 5, **small_steps}

    def taught(label: str, role: str, **more) -> Arm:
        return Arm(f"thin student,{label}", role, {**student, **more}, ("teacher",))

    return {
        "teacher": Arm("teacher", "teacher", teacher, teaches=True),
        "hard": taught("\nhard labels", "hard"),
        "kd": taught("\nsoft targets", "soft", **KD),
        "hints": taught(" hints,\nthen soft targets", "shifted", **KD, method="fitnet"),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net and score it; a teacher's weights are kept."""
    (trial,) = trials
    split = training_split(trial, tools)
    if trial.needs:
        model = train_student(trial, split, tools)
    else:
        model, _ = train(trial, split, HardLabels(), tools)
        tools.keep(trial, tensors=model.state_dict())
    return [scores(model, trial, tools)]


@figure("fitnets", chapter="04", size=(8, 4.2))
def errors(axes, both):
    """Romero et al. 2015, Table 4: 55, 190, 65 and 51 errors.

    Test errors on MNIST of the teacher and of a student that is thinner and deeper, trained with labels, with soft
    targets, and with hints before soft targets; black crosses are the published values. Soft targets help the thin
    student; hints make it no better here.
    """
    by_arm(axes, both, "test_errors", looks(arms("full")))
    published(axes, range(len(PUBLISHED)), [*PUBLISHED.values()], "published")
    plain(axes.yaxis, scale="log")
    axes.set(title="MNIST test errors of 10,000", ylabel="wrong answers (log scale)")
