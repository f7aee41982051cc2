"""The exercises of chapter 03: right answers pass, stubs are no answers, usual mistakes get their own hint."""

import torch
import torch.nn.functional as F

from kdbook.teach import (
    check_kd_loss,
    check_logit_limit,
    check_repaired_mixture,
    check_repaired_soft_loss,
    check_soft_gradient,
)

from .exercises import exercise_tests, soft_loss, softmax_by_hand


def kd_by_hand(student, teacher, labels, t, alpha, *, factor=None, student_t=None, teacher_t=None, hard_t=1.0):
    """The loss, with one part exchanged as in the usual mistakes."""
    p, log_q = softmax_by_hand(teacher, teacher_t or t), softmax_by_hand(student, student_t or t).log()
    soft = (p * (p.log() - log_q)).sum(-1).mean() * (t**2 if factor is None else factor)
    return alpha * soft + (1 - alpha) * F.cross_entropy(student / hard_t, labels)


def gradient_by_autograd(student, teacher, t):
    z = student.clone().requires_grad_()
    F.kl_div((z / t).log_softmax(-1), (teacher / t).softmax(-1), reduction="sum").backward()
    return z.grad


def limit_by_variance(student, teacher):
    return (student - teacher).var(-1, unbiased=False) / 2


def mixture(s, t, y, temperature, alpha, *, factor=None, hard=1.0, swapped=False):
    soft = soft_loss(s, t, temperature, torch.mean) * (temperature**2 if factor is None else factor)
    a = 1 - alpha if swapped else alpha
    return a * soft + (1 - a) * hard * F.cross_entropy(s, y)


RIGHT = [
    (check_kd_loss, kd_by_hand),
    (check_soft_gradient, gradient_by_autograd),
    (check_logit_limit, limit_by_variance),
]

WRONG = [
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, factor=1), "fades as T grows"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, factor=T), "should be T squared"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, factor=T**-2), "turned over"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, factor=T**2 / 3), "rows and classes"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, factor=T**2 * 4), "batch's size"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, factor=-(T**2)), "sign"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(t, s, y, T, 1.0), "KL(student || teacher)"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, student_t=1.0), "student's logits are not"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, teacher_t=1.0), "teacher's logits are not"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, 1 - a), "alpha is swapped"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, 1) + F.cross_entropy(s, y), "1 - alpha"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, 0.5), "where is alpha"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a, hard_t=T), "not softened ones"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a) * 0.9, "term by term"),
    (check_kd_loss, lambda s, t, y, T, a: kd_by_hand(s, t, y, T, a**2), "both"),
    (
        check_kd_loss,
        lambda s, t, y, T, a: -(T**2) * (softmax_by_hand(t, T) * softmax_by_hand(s, T).log()).sum(-1).mean(),
        "cross entropy",
    ),
    (
        check_kd_loss,
        lambda s, t, y, T, a: kd_by_hand(s, t, y, T, 1) if a else F.cross_entropy(s.softmax(-1), y),
        "takes logits",
    ),
    (check_soft_gradient, lambda s, t, T: -gradient_by_autograd(s, t, T), "sign"),
    (check_soft_gradient, lambda s, t, T: gradient_by_autograd(s, t, T) * T, "factor is missing"),
    (check_soft_gradient, lambda s, t, T: gradient_by_autograd(s, t, T) / T, "too many"),
    (check_soft_gradient, lambda s, t, T: gradient_by_autograd(s, t, T) * T**2, "leaves the factor out"),
    (check_soft_gradient, lambda s, t, T: gradient_by_autograd(s, t, 1.0) / T, "those at T = 1"),
    (check_soft_gradient, lambda s, t, T: gradient_by_autograd(s, t, T) / 4, "each row's own"),
    (check_logit_limit, lambda s, t: (s - t).square().mean(-1) / 2, "add 1"),
    (check_logit_limit, lambda s, t: (s - t).var(-1, unbiased=False), "1/2 is missing"),
    (check_logit_limit, lambda s, t: (s - t).var(-1, unbiased=False).mean() / 2, "shape (4,)"),
    (
        check_repaired_soft_loss,
        lambda s, t, T: T**2 * soft_loss(s, t, T, torch.mean) / s.shape[-1],
        "With 10 classes your loss is 0.1 times",
    ),
    (
        check_repaired_soft_loss,
        lambda s, t, T: T**2 * soft_loss(s, t, T, torch.mean) / s.shape[-1] * 10,
        "with 3 it is 3.33 times",
    ),
    (
        check_repaired_soft_loss,
        lambda s, t, T: T**2 * soft_loss(s, t, T, torch.sum) / 4,
        "With half of the rows it is 0.5 times",
    ),
    (check_repaired_soft_loss, lambda s, t, T: 6.25 * soft_loss(s, t, T, torch.mean), "At T = 20 your loss is 0.0156"),
    (
        check_repaired_mixture,
        lambda s, t, y, T, a: mixture(s, t, y, T, a, factor=1.0),
        "At alpha = 1, the soft term alone",
    ),
    (check_repaired_mixture, lambda s, t, y, T, a: mixture(s, t, y, T, a, hard=2.0), "the labels alone"),
    (
        check_repaired_mixture,
        lambda s, t, y, T, a: mixture(s, t, y, T, a, hard=T),
        "with it your loss is 2.5 times",
    ),
    (
        check_repaired_mixture,
        lambda s, t, y, T, a: mixture(s, t, y, T, a, hard=T),
        "the temperature should not matter",
    ),
    (check_repaired_mixture, lambda s, t, y, T, a: mixture(s, t, y, T, float(a > 0.5)), "their mixture is not"),
    (check_repaired_mixture, lambda s, t, y, T, a: mixture(s, t, y, T, a, swapped=True), "At alpha = 1"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
