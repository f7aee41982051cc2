"""Exercises of chapter 03: the loss, its gradient, its limit, and two mistakes that are often published."""

import torch
import torch.nn.functional as F

from kdbook.losses import kd_loss, logit_matching, soft_targets
from kdbook.teach.feedback import Exercise, hints, plain

STUDENT = torch.tensor([[2.0, 0.5, -1.0], [0.0, 1.5, 1.0], [-0.5, 0.3, 0.1], [1.0, -2.0, 0.6]], dtype=torch.float64)
TEACHER = torch.tensor([[5.0, 1.0, -3.0], [1.0, 2.0, 4.0], [-2.0, 6.0, 0.5], [3.0, -1.0, 1.5]], dtype=torch.float64)
LABELS = torch.tensor([0, 2, 1, 0])
GIVEN = (STUDENT, TEACHER, LABELS)
TEMPERATURE = 2.5  # not the number of rows or classes, nor a power of them
TEN = [F.pad(x, (0, 7), value=-2.0) for x in (STUDENT, TEACHER)]  # the same with ten classes


def loss(hard):
    """The right soft term mixed with a reader's hard one."""
    return lambda s, t, y, T, a: a * kd_loss(s, t, temperature=T) + (1 - a) * hard(s, y, T)


check_kd_loss = Exercise(
    "Is `function(student_logits, teacher_logits, labels, temperature, alpha)` the loss of Hinton et al. 2015?",
    right=lambda s, t, y, T, a: kd_loss(s, t, y, temperature=T, alpha=a),
    # the soft term alone first, then the hard one, then both, so that each hint has one cause
    tries=plain(*((*GIVEN, TEMPERATURE, alpha) for alpha in (1.0, 0.0, 0.7))),
    mistakes=hints(
        "At alpha = 0, labels alone, yours depends on the temperature: at which temperature is the student used?",
        loss(lambda s, y, T: F.cross_entropy(s / T, y)),
        loss(lambda s, y, T: T**2 * F.cross_entropy(s / T, y)),
        "The soft term is right, the hard one is a softmax of a softmax: which functions take their own softmax?",
        loss(lambda s, y, T: F.cross_entropy(s.softmax(-1), y)),
    ),
    done="T squared KL, averaged over rows; cross entropy at T = 1; and the two mixed by alpha.",
)


def gap(s, t, T):
    """q - p, student's minus teacher's softened probabilities."""
    return soft_targets(s, T) - soft_targets(t, T)


check_soft_gradient = Exercise(
    "Is `function(student_logits, teacher_logits, temperature)` the gradient (B, C) of each row's KL, without T^2?",
    right=lambda s, t, T: gap(s, t, T) / T,
    tries=plain((STUDENT, TEACHER, TEMPERATURE), (TEACHER, STUDENT, 1.5)),
    forbidden=("backward", "grad"),
    mistakes=hints(
        "The probabilities are those at T = 1: what does the loss compare?",
        lambda s, t, T: gap(s, t, 1.0) / T,
    ),
    done="Each row sums to 0: a constant added to all logits changes nothing.",
)

check_logit_limit = Exercise(
    "Is `function(student_logits, teacher_logits)` what T^2 KL tends to for each row (B,) as T grows?",
    right=lambda s, t: logit_matching(s, t, reduction="none"),
    tries=plain((STUDENT, TEACHER), (TEACHER[:2], STUDENT[1:3])),
    done="Half the mean squared difference of logits, once each row's own mean is taken off.",
)

check_repaired_soft_loss = Exercise(
    "Is `function(student_logits, teacher_logits, temperature)` equation 2, the mean over rows?",
    right=lambda s, t, T: kd_loss(s, t, temperature=T),
    tries=(
        ((*TEN, TEMPERATURE), ""),
        ((STUDENT, TEACHER, TEMPERATURE), "Right with 10 classes; with 3 it is {ratio:.3g} times what it should be."),
        ((STUDENT[:2], TEACHER[:2], TEMPERATURE), "With half of the rows it is {ratio:.3g} times what it should be."),
        ((STUDENT, TEACHER, 20.0), "At T = 20 your loss is {ratio:.3g} times what it should be."),
    ),
    mistakes=hints(
        "With 10 classes your loss is 0.1 times what it should be.",
        lambda s, t, T: kd_loss(s, t, temperature=T) / s.shape[-1],
    ),
    done="Neither the number of classes nor that of rows changes its scale.",
)

check_repaired_mixture = Exercise(
    "Is `function(student_logits, teacher_logits, labels, temperature, alpha)` equation 3?",
    right=lambda s, t, y, T, a: kd_loss(s, t, y, temperature=T, alpha=a),
    tries=(
        ((*GIVEN, TEMPERATURE, 1.0), ""),
        ((*GIVEN, 1.0, 0.0), ""),
        (
            (*GIVEN, TEMPERATURE, 0.0),
            "At alpha = 0 there is no teacher, so the temperature should not matter; with it your loss is {ratio:.3g} "
            "times what it is at T = 1.",
        ),
        ((*GIVEN, TEMPERATURE, 0.7), "Each term alone is right, their mixture is not: how does alpha mix them?"),
    ),
    done="The temperature is for comparing answers; labels are met at T = 1.",
)
