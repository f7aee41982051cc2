"""What does a temperature do to a teacher's answers, and which logits does a student then learn from?

Hinton et al. 2015, eq. 1 and section 2.1, on the stored nets of hinton_mnist; nothing is trained. `teacher` asks for
the softmax's shape, and `gaussian` for that of 10 logits drawn from a normal law of standard deviation 4. The students'
arms ask for the gradient (q - p)/T of the divergence, before any training and after training on hard labels.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.book import hinton_mnist
from kdbook.data.images import Split, load_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.statements import published as published_number
from kdbook.lab.steps import predict, seeded_network, stored_network
from kdbook.losses import entropy_bits, soft_targets
from kdbook.show import curve, figure, level, looks, published, temperatures

VERSION = 1
SEEDS = {"full": (3, 0), "quick": (1, 0)}  # nets that are looked at, all of hinton_mnist
TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 20.0, 40.0, 100.0)
KEPT = 2_000  # first test images whose logits the chapters' sliders and typed experiments start from
COLUMNS = columns(
    "arm seed temperature",
    arm="whose answers: the teacher's, random logits; or which student is compared with the teacher",
    seed="seed of the net, or of the random logits",
    temperature="T of the softmax, a row each; below 1 it sharpens",
    entropy_share="mean entropy of the answer over test images, as a share of log C, its largest value",
    top="mean probability of the top class",
    wrong_mass="mean probability of all classes but the label",
    argmax_changed="test images whose top class is another than at T = 1",
    low_five="share of the gradient's sum of magnitudes that falls on the five lowest of the teacher's logits",
    cosine_with_hard="cosine between the gradients of soft targets at T and of hard labels, over all test images",
)


def arms(profile: str) -> dict[str, Arm]:
    """For each teacher its own arm, random logits, and two students."""
    teachers = hinton_mnist.SEEDS[profile][1]
    drawn = {"rows": 10_000, "classes": 10, "deviation": 4.0}
    teacher, both = ("hinton_mnist/teacher",), ("hinton_mnist/teacher", "hinton_mnist/hard")
    return {
        "teacher": Arm("teacher, test images", "teacher", needs=teacher, seeds=teachers),
        "gaussian": Arm("random logits, sd 4", "control", drawn, seeds=teachers),
        "untrained": Arm("before training", "plain", needs=both, seeds=teachers),
        "hard": Arm("trained on hard labels", "hard", needs=both, seeds=teachers),
    }


def normal(seed: int, deviation: float, *shape: int) -> Tensor:
    """Random logits, float64."""
    return deviation * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def answers_of(trial: Trial, split: Split, tools: Tools) -> list[Tensor]:
    """Logits (N, C) of the teacher that a trial needs and of the student, if any, untrained where its arm says so.

    In float64 on the CPU, since not every device has it: at T = 0.25 a float32 has no digits left for wrong classes.
    """
    teacher, *student = trial.needs
    nets = [stored_network(teacher, tools)]
    nets += [seeded_network(s) if trial.arm == "untrained" else stored_network(s, tools) for s in student]
    return [predict(net.cpu(), split).logits.double() for net in nets]


def shape_of(logits: Tensor, temperature: float) -> dict[str, float]:
    """How flat the answers to logits (B, C) are at a temperature."""
    p = soft_targets(logits, temperature)
    return {
        "entropy_share": float(entropy_bits(p).mean()) / math.log2(p.shape[-1]),
        "top": float(p.amax(-1).mean()),
        "argmax_changed": int((p.argmax(-1) != logits.argmax(-1)).sum()),
    }


def wrong_mass(logits: Tensor, y: Tensor, temperature: float) -> float:
    """Mean probability of all classes but the label y (B,), summed over them: 1 - p[y] would round to 0 when sharp."""
    p = soft_targets(logits, temperature)
    return float(p.scatter(-1, y[:, None], 0.0).sum(-1).mean())


def kd_gradient(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Gradient (B, C) of KL(p || q) with respect to the student's logits, (q - p) / T (Hinton et al. 2015, eq. 2)."""
    return (soft_targets(student_logits, temperature) - soft_targets(teacher_logits, temperature)) / temperature


def share_of_lowest(gradient: Tensor, teacher_logits: Tensor, count: int = 5) -> float:
    """Part of the sum of ``|gradient|`` that falls on each row's `count` lowest teacher logits; 0.5 for no preference.

    Summed over all rows before dividing, so that rows without a gradient say nothing.
    """
    lowest = teacher_logits.topk(count, largest=False).indices
    return float(gradient.gather(-1, lowest).abs().sum() / gradient.abs().sum())


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """One row a temperature."""
    (trial,) = trials
    if trial.arm == "gaussian":
        s = trial.settings
        logits = normal(trial.seed, s["deviation"], s["rows"], s["classes"])
        return [{"rows": [{"temperature": t, **shape_of(logits, t)} for t in TEMPERATURES]}]
    test = load_images(trial.data, "test")
    teacher, *student = answers_of(trial, test, tools)
    if trial.seed == 0:  # a picture needs one net
        tools.keep(trial, pictures={"test_logits": (student or [teacher])[0][:KEPT].float().numpy()})
    return [{"rows": [{"temperature": t, **row_of(t, teacher, *student, y=test.y)} for t in TEMPERATURES]}]


def row_of(t: float, teacher: Tensor, student: Tensor | None = None, *, y: Tensor) -> dict[str, float]:
    """The shape of a teacher's answers at a temperature, or the gradient that they give a student."""
    if student is None:
        return {**shape_of(teacher, t), "wrong_mass": wrong_mass(teacher, y, t)}
    soft, hard = kd_gradient(student, teacher, t), student.softmax(-1) - F.one_hot(y, student.shape[-1])
    cosine = float(F.cosine_similarity(soft.flatten(), hard.flatten(), dim=0))
    return {"low_five": share_of_lowest(soft, teacher), "cosine_with_hard": cosine}


ARMS = looks(arms("full"))
TICKS = (0.25, 0.5, 1, 2, 4, 10, 20, 100)
CHECKED_AT = (1, 4, 10, 20)  # by an earlier check, for random logits


@figure("temperature_flattens", chapter="02", size=(14, 4.8), grid=(1, 3))
def flattens(entropy, top, wrong, both):
    """Hinton et al. 2015, eq. 1.

    Three panels over the temperature, from a quarter to a hundred: entropy as a share of its largest value, probability
    of the top class, and probability of all wrong classes, for the teacher and for random logits. Answers sharpen below
    1 and become uniform far above; the random logits meet the values of the check.
    """
    for axes, column, title, checked in (
        (entropy, "entropy_share", "Entropy, share of log C", "entropy"),
        (top, "top", "Probability of the top class", "top class"),
        (wrong, "wrong_mass", "Probability of all classes but the label", None),
    ):
        rows, own = both.rows(arm="teacher"), "yours (quick)"
        curve(axes, rows, "temperature", column, ARMS["teacher"], own_mark="D--", own=own)
        if checked:
            rows = both.alone().rows(arm="gaussian")
            curve(axes, rows, "temperature", column, ARMS["gaussian"], mark="s-")
            labels = [f"{checked} of random logits at T = {t}" for t in CHECKED_AT]
            values = [published_number("softmax-temperature-definition", label) for label in labels]
            published(axes, CHECKED_AT, values, "earlier check, random logits")
        temperatures(axes, TICKS)
        axes.set(title=title, ylim=(-0.02, 1.02))


@figure("gradient_by_temperature", chapter="02", size=(11, 4), grid=(1, 2))
def gradient(left, right, both):
    """Hinton et al. 2015, section 2.1: low temperatures pay less attention to logits far below the average.

    Two panels over the temperature, for a student before training and one trained on hard labels: the share of the
    gradient on the five lowest of the teacher's logits, with a line at no preference; and the cosine between the
    gradients of soft targets and of hard labels.
    """
    for axes, column in ((left, "low_five"), (right, "cosine_with_hard")):
        for arm, mark in {"untrained": "o-", "hard": "s-"}.items():
            own = "yours (quick)" if arm == "hard" else None
            curve(axes, both.rows(arm=arm), "temperature", column, ARMS[arm], mark=mark, own=own)
        temperatures(axes, TICKS)
    level(left, 0.5, "black", "no preference", ":")
    left.set(
        title="Gradient on the five lowest teacher logits", ylabel="share of the sum of magnitudes", ylim=(0, None)
    )
    right.set(title="Soft targets against hard labels", ylabel="cosine of the two gradients")
