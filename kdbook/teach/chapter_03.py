"""Exercises of chapter 03: the loss, its gradient, its limit, and two mistakes that are often published."""

import torch
import torch.nn.functional as F

from kdbook.losses import kd_loss, logit_matching, soft_targets
from kdbook.teach.feedback import Exercise

STUDENT = torch.tensor([[2.0, 0.5, -1.0], [0.0, 1.5, 1.0], [-0.5, 0.3, 0.1], [1.0, -2.0, 0.6]], dtype=torch.float64)
TEACHER = torch.tensor([[5.0, 1.0, -3.0], [1.0, 2.0, 4.0], [-2.0, 6.0, 0.5], [3.0, -1.0, 1.5]], dtype=torch.float64)
LABELS = torch.tensor([0, 2, 1, 0])
GIVEN = (STUDENT, TEACHER, LABELS)
TEMPERATURE = 2.5  # not the number of rows or classes, nor a power of them
TEN = [F.pad(x, (0, 7), value=-2.0) for x in (STUDENT, TEACHER)]  # the same with ten classes


def kl(s, t, T, reduce=lambda terms: terms.sum(-1).mean(), s_at=None, t_at=None):
    """KL(teacher || student), its terms (B, C) reduced, each side softened by T or by a temperature of its own."""
    log_q, p = (s / (s_at or T)).log_softmax(-1), (t / (t_at or T)).softmax(-1)
    return reduce(F.kl_div(log_q, p, reduction="none"))


def loss(soft, hard=lambda s, t, y, T: F.cross_entropy(s, y)):
    """A loss of the reader's signature: alpha times a soft term and 1 - alpha times a hard one."""
    return lambda s, t, y, T, a: a * soft(s, t, T) + (1 - a) * hard(s, t, y, T)


def right_soft(s, t, T):
    """T^2 KL, the mean over rows."""
    return T**2 * kl(s, t, T)


check_kd_loss = Exercise(
    "Is `function(student_logits, teacher_logits, labels, temperature, alpha)` the loss of Hinton et al. 2015?",
    right=lambda s, t, y, T, a: kd_loss(s, t, y, temperature=T, alpha=a),
    tries=tuple(  # the soft term alone first, then the hard one, then both, so that each hint has one cause
        (
            (*GIVEN, TEMPERATURE, alpha),
            f"At alpha = {alpha:g}, {what}, the value is another one: compare it term by term.",
        )
        for alpha, what in ((1.0, "the soft term alone"), (0.0, "the hard one alone"), (0.7, "both"))
    ),
    mistakes={
        "Without T squared the soft term fades as T grows: what does its gradient scale with?": loss(kl),
        "The factor is T where it should be T squared: the gradient has two factors of 1/T.": loss(
            lambda s, t, T: T * kl(s, t, T)
        ),
        "The factor is turned over: multiply by T squared.": loss(lambda s, t, T: kl(s, t, T) / T**2),
        "The mean runs over rows and classes; sum over classes, then average over rows.": loss(
            lambda s, t, T: T**2 * kl(s, t, T, torch.mean)
        ),
        "The rows are summed; average them, or the loss depends on the batch's size.": loss(
            lambda s, t, T: T**2 * kl(s, t, T, torch.sum)
        ),
        "That is KL(student || teacher): which one does kl_div want first?": loss(lambda s, t, T: T**2 * kl(t, s, T)),
        "The student's logits are not divided by T.": loss(lambda s, t, T: T**2 * kl(s, t, T, s_at=1.0)),
        "The teacher's logits are not divided by T.": loss(lambda s, t, T: T**2 * kl(s, t, T, t_at=1.0)),
        "The sign is turned.": loss(lambda s, t, T: -(T**2) * kl(s, t, T)),
        "F.kl_div wants the student as log-probabilities.": loss(
            lambda s, t, T: T**2 * F.kl_div(soft_targets(s, T), soft_targets(t, T), reduction="batchmean")
        ),
        "That is the cross entropy: not 0 when the student equals the teacher.": loss(
            lambda s, t, T: -(T**2) * (soft_targets(t, T) * (s / T).log_softmax(-1)).sum(-1).mean()
        ),
        "At alpha = 1 only the soft term counts, yours is the hard one: alpha is swapped.": (
            lambda s, t, y, T, a: loss(right_soft)(s, t, y, T, 1 - a)
        ),
        "At alpha = 1 the hard term has no weight left: its weight is 1 - alpha.": (
            lambda s, t, y, T, a: a * right_soft(s, t, T) + F.cross_entropy(s, y)
        ),
        "Both terms have the weight 1/2 at alpha = 1: where is alpha?": (
            lambda s, t, y, T, a: (right_soft(s, t, T) + F.cross_entropy(s, y)) / 2
        ),
        "The hard term takes the student's logits at T = 1, not softened ones.": loss(
            right_soft, lambda s, t, y, T: F.cross_entropy(s / T, y)
        ),
        "The hard term takes the student's logits at T = 1, and no factor.": loss(
            right_soft, lambda s, t, y, T: T**2 * F.cross_entropy(s / T, y)
        ),
        "T squared belongs to the soft term only.": loss(right_soft, lambda s, t, y, T: T**2 * F.cross_entropy(s, y)),
        "The rows of the hard term are summed; average them.": loss(
            right_soft, lambda s, t, y, T: F.cross_entropy(s, y, reduction="sum")
        ),
        "F.cross_entropy takes logits; it does the softmax itself.": loss(
            right_soft, lambda s, t, y, T: F.cross_entropy(s.softmax(-1), y)
        ),
        "The hard term is the student's: the teacher has no say in it.": loss(
            right_soft, lambda s, t, y, T: F.cross_entropy(t, y)
        ),
    },
    done="T squared KL, averaged over rows; cross entropy at T = 1; and the two mixed by alpha.",
)


def gap(s, t, T):
    """q - p, student's minus teacher's softened probabilities."""
    return soft_targets(s, T) - soft_targets(t, T)


check_soft_gradient = Exercise(
    "Is `function(student_logits, teacher_logits, temperature)` the gradient (B, C) of each row's KL, without T^2?",
    right=lambda s, t, T: gap(s, t, T) / T,
    tries=(
        (
            (STUDENT, TEACHER, TEMPERATURE),
            "The values differ from what autograd gives for KL(p || q) of each row.",
        ),
    ),
    mistakes={
        "The sign is turned: the gradient points away from the teacher, the step goes against it.": (
            lambda s, t, T: gap(t, s, T) / T
        ),
        "One factor is missing: q depends on z / T, not on z.": gap,
        "One factor of 1/T too many: the other one is inside q - p.": lambda s, t, T: gap(s, t, T) / T**2,
        "That is the gradient of T squared KL; the question leaves the factor out.": lambda s, t, T: T * gap(s, t, T),
        "The probabilities are those at T = 1.": lambda s, t, T: gap(s, t, 1.0) / T,
        "That is the gradient of the mean over rows; the question asks for each row's own.": (
            lambda s, t, T: gap(s, t, T) / T / len(s)
        ),
        "That is the limit of large T, before the means are taken off.": lambda s, t, T: (s - t) / (3 * T**2),
    },
    done="Each row sums to 0: a constant added to all logits changes nothing.",
)

check_logit_limit = Exercise(
    "Is `function(student_logits, teacher_logits)` what T^2 KL tends to for each row (B,) as T grows?",
    right=lambda s, t: logit_matching(s, t, reduction="none"),
    tries=(((STUDENT, TEACHER), "The values differ from T squared KL at a very large T: take T = 1000 and compare."),),
    mistakes={
        "Almost: add 1 to all of a student's logits. Softmax does not see it, this does.": (
            lambda s, t: (s - t).square().mean(-1) / 2
        ),
        "A factor 1/2 is missing.": lambda s, t: 2 * logit_matching(s, t, reduction="none"),
        "Divide by the number of classes.": lambda s, t: 3 * logit_matching(s, t, reduction="none"),
        "Divide by twice the number of classes.": lambda s, t: 6 * logit_matching(s, t, reduction="none"),
        "Divide by the number of classes, and take each row's mean off first.": (
            lambda s, t: (s - t).square().sum(-1) / 2
        ),
        "One value a row is asked for.": logit_matching,
    },
    done="Half the mean squared difference of logits, once each row's own mean is taken off.",
)

check_repaired_soft_loss = Exercise(
    "Is `function(student_logits, teacher_logits, temperature)` equation 2, the mean over rows?",
    right=lambda s, t, T: kd_loss(s, t, temperature=T),
    tries=(
        ((*TEN, TEMPERATURE), "With 10 classes your loss is {ratio:.3g} times what it should be."),
        ((STUDENT, TEACHER, TEMPERATURE), "Right with 10 classes; with 3 it is {ratio:.3g} times what it should be."),
        ((STUDENT[:2], TEACHER[:2], TEMPERATURE), "With half of the rows it is {ratio:.3g} times what it should be."),
        ((STUDENT, TEACHER, 20.0), "At T = 20 your loss is {ratio:.3g} times what it should be."),
    ),
    done="Neither the number of classes nor that of rows changes its scale.",
)

check_repaired_mixture = Exercise(
    "Is `function(student_logits, teacher_logits, labels, temperature, alpha)` equation 3?",
    right=lambda s, t, y, T, a: kd_loss(s, t, y, temperature=T, alpha=a),
    tries=(
        ((*GIVEN, TEMPERATURE, 1.0), "At alpha = 1, the soft term alone, the value was right before; now it is not."),
        ((*GIVEN, 1.0, 0.0), "At alpha = 0 and T = 1, the labels alone, the value was right before; now it is not."),
        (
            (*GIVEN, TEMPERATURE, 0.0),
            "At alpha = 0 there is no teacher, so the temperature should not matter; with it your loss is {ratio:.3g} "
            "times what it is at T = 1.",
        ),
        ((*GIVEN, TEMPERATURE, 0.7), "Each term alone is right, their mixture is not."),
    ),
    done="The temperature is for comparing answers; labels are met at T = 1.",
)
