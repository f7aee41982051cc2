"""Checks for the exercises of chapter 03."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.losses import kd_loss, logit_matching, soft_targets
from kdbook.teach.feedback import Feedback, repaired, tensor

STUDENT = torch.tensor([[2.0, 0.5, -1.0], [0.0, 1.5, 1.0], [-0.5, 0.3, 0.1], [1.0, -2.0, 0.6]], dtype=torch.float64)
TEACHER = torch.tensor([[5.0, 1.0, -3.0], [1.0, 2.0, 4.0], [-2.0, 6.0, 0.5], [3.0, -1.0, 1.5]], dtype=torch.float64)
LABELS = torch.tensor([0, 2, 1, 0])
TEMPERATURE = 2.5  # not the number of rows or classes, nor a power of them


def check_kd_loss(function: Callable[[Tensor, Tensor, Tensor, float, float], Tensor]) -> Feedback:
    """Is `function(student_logits, teacher_logits, labels, temperature, alpha)` the loss of Hinton et al. 2015?

    The soft term alone is asked for first, then the hard one, then their mixture, so that each hint has one cause.

    Explained in notebooks/03_math.
    """
    parts = (
        (1.0, "the soft term alone", _soft_mistakes()),
        (0.0, "the hard one alone", _hard_mistakes()),
        (0.7, "both", []),
    )
    for alpha, what, mistakes in parts:
        right = kd_loss(STUDENT, TEACHER, LABELS, temperature=TEMPERATURE, alpha=alpha)
        otherwise = f"At alpha = {alpha:g}, {what}, the value is another one: compare it term by term."
        if wrong := tensor(function, (STUDENT, TEACHER, LABELS, TEMPERATURE, alpha), right, mistakes, otherwise):
            return wrong
    return Feedback(True, "T squared KL, averaged over rows; cross entropy at T = 1; and the two mixed by alpha.")


def _soft_mistakes() -> list[tuple[Tensor, str]]:
    t = TEMPERATURE
    p, q = soft_targets(TEACHER, t), soft_targets(STUDENT, t)
    kl = F.kl_div(q.log(), p, reduction="none")  # (B, C)
    mean, square, hard = kl.sum(-1).mean(), t**2, F.cross_entropy(STUDENT, LABELS)
    reverse = F.kl_div(p.log(), q, reduction="none").sum(-1).mean()
    sharp = F.kl_div(STUDENT.log_softmax(-1), p, reduction="none").sum(-1).mean()
    unsoftened = F.kl_div(q.log(), TEACHER.softmax(-1), reduction="none").sum(-1).mean()
    return [
        (mean, "Without T squared the soft term fades as T grows: what does its gradient scale with?"),
        (mean * t, "The factor is T where it should be T squared: the gradient has two factors of 1/T."),
        (mean / square, "The factor is turned over: multiply by T squared."),
        (square * kl.mean(), "The mean runs over rows and classes; sum over classes, then average over rows."),
        (square * kl.sum(), "The rows are summed; average them, or the loss depends on the batch's size."),
        (square * reverse, "That is KL(student || teacher): which one does kl_div want first?"),
        (square * sharp, "The student's logits are not divided by T."),
        (square * unsoftened, "The teacher's logits are not divided by T."),
        (-square * mean, "The sign is turned."),
        (square * F.kl_div(q, p, reduction="batchmean"), "F.kl_div wants the student as log-probabilities."),
        (
            -square * (p * q.log()).sum(-1).mean(),
            "That is the cross entropy: not 0 when the student equals the teacher.",
        ),
        (hard, "At alpha = 1 only the soft term counts, yours is the hard one: alpha is swapped."),
        (square * mean + hard, "At alpha = 1 the hard term has no weight left: its weight is 1 - alpha."),
        ((square * mean + hard) / 2, "Both terms have the weight 1/2 at alpha = 1: where is alpha?"),
    ]


def _hard_mistakes() -> list[tuple[Tensor, str]]:
    softened = F.cross_entropy(STUDENT / TEMPERATURE, LABELS)
    return [
        (softened, "The hard term takes the student's logits at T = 1, not softened ones."),
        (TEMPERATURE**2 * softened, "The hard term takes the student's logits at T = 1, and no factor."),
        (TEMPERATURE**2 * F.cross_entropy(STUDENT, LABELS), "T squared belongs to the soft term only."),
        (F.cross_entropy(STUDENT, LABELS, reduction="sum"), "The rows of the hard term are summed; average them."),
        (F.cross_entropy(STUDENT.softmax(-1), LABELS), "F.cross_entropy takes logits; it does the softmax itself."),
        (F.cross_entropy(TEACHER, LABELS), "The hard term is the student's: the teacher has no say in it."),
    ]


def check_soft_gradient(function: Callable[[Tensor, Tensor, float], Tensor]) -> Feedback:
    """Is `function(student_logits, teacher_logits, temperature)` the gradient (B, C) of each row's KL, without T^2?

    Explained in notebooks/03_math.
    """
    t = TEMPERATURE
    p, q = soft_targets(TEACHER, t), soft_targets(STUDENT, t)
    wrong = tensor(
        function,
        (STUDENT, TEACHER, t),
        (q - p) / t,
        (
            ((p - q) / t, "The sign is turned: the gradient points away from the teacher, the step goes against it."),
            (q - p, "One factor is missing: q depends on z / T, not on z."),
            ((q - p) / t**2, "One factor of 1/T too many: the other one is inside q - p."),
            (t * (q - p), "That is the gradient of T squared KL; the question leaves the factor out."),
            ((STUDENT.softmax(-1) - TEACHER.softmax(-1)) / t, "The probabilities are those at T = 1."),
            ((q - p) / t / len(p), "That is the gradient of the mean over rows; the question asks for each row's own."),
            ((STUDENT - TEACHER) / (3 * t**2), "That is the limit of large T, before the means are taken off."),
        ),
        "The values differ from what autograd gives for KL(p || q) of each row.",
    )
    return wrong or Feedback(True, "Each row sums to 0: a constant added to all logits changes nothing.")


def check_logit_limit(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Is `function(student_logits, teacher_logits)` what T^2 KL tends to for each row (B,) as T grows?

    Explained in notebooks/03_math.
    """
    right = logit_matching(STUDENT, TEACHER, reduction="none")
    gap = STUDENT - TEACHER
    wrong = tensor(
        function,
        (STUDENT, TEACHER),
        right,
        (
            (
                gap.square().mean(-1) / 2,
                "Almost: add 1 to all of a student's logits. Softmax does not see it, this does.",
            ),
            (right * 2, "A factor 1/2 is missing."),
            (right * 3, "Divide by the number of classes."),
            (right * 6, "Divide by twice the number of classes."),
            (gap.square().sum(-1) / 2, "Divide by the number of classes, and take each row's mean off first."),
            (right.mean(), "One value a row is asked for."),
        ),
        "The values differ from T squared KL at a very large T: take T = 1000 and compare.",
    )
    return wrong or Feedback(True, "Half the mean squared difference of logits, once each row's own mean is taken off.")


def check_repaired_soft_loss(function: Callable[[Tensor, Tensor, float], Tensor]) -> Feedback:
    """Is `function(student_logits, teacher_logits, temperature)` equation 2, the mean over rows?

    Explained in notebooks/03_math.
    """
    ten = [F.pad(x, (0, 7), value=-2.0) for x in (STUDENT, TEACHER)]
    probes = (
        ((*ten, TEMPERATURE), "With 10 classes your loss is {ratio:.3g} times what it should be."),
        ((STUDENT, TEACHER, TEMPERATURE), "Right with 10 classes; with 3 it is {ratio:.3g} times what it should be."),
        ((STUDENT[:2], TEACHER[:2], TEMPERATURE), "With half of the rows it is {ratio:.3g} times what it should be."),
        ((STUDENT, TEACHER, 20.0), "At T = 20 your loss is {ratio:.3g} times what it should be."),
    )

    def right(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        return kd_loss(student, teacher, temperature=temperature)

    return repaired(function, right, probes, "Neither the number of classes nor that of rows changes its scale.")


def check_repaired_mixture(function: Callable[[Tensor, Tensor, Tensor, float, float], Tensor]) -> Feedback:
    """Is `function(student_logits, teacher_logits, labels, temperature, alpha)` equation 3?

    Explained in notebooks/03_math.
    """
    given = (STUDENT, TEACHER, LABELS)
    probes = (
        ((*given, TEMPERATURE, 1.0), "At alpha = 1, the soft term alone, the value was right before; now it is not."),
        ((*given, 1.0, 0.0), "At alpha = 0 and T = 1, the labels alone, the value was right before; now it is not."),
        (
            (*given, TEMPERATURE, 0.0),
            "At alpha = 0 there is no teacher, so the temperature should not matter; with it your loss is {ratio:.3g} "
            "times what it is at T = 1.",
        ),
        ((*given, TEMPERATURE, 0.7), "Each term alone is right, their mixture is not."),
    )

    def right(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, alpha: float) -> Tensor:
        return kd_loss(student, teacher, labels, temperature=temperature, alpha=alpha)

    return repaired(function, right, probes, "The temperature is for comparing answers; labels are met at T = 1.")
