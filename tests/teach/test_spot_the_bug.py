"""Exercises on published mistakes: a repair that falls short is told its symptom, never the line to change."""

import pytest
import torch
import torch.nn.functional as F

from kdbook.teach import (
    check_other_alpha,
    check_repaired_cross_entropy,
    check_repaired_exits,
    check_repaired_mixture,
    check_repaired_objective,
    check_repaired_similarity,
    check_repaired_soft_loss,
    check_repaired_stack,
    check_repaired_token_loss,
)
from kdbook.teach.feedback import Feedback, repaired


def kl(s, t, temperature, reduce):
    log_q, p = (s / temperature).log_softmax(-1), (t / temperature).softmax(-1)
    return reduce(F.kl_div(log_q, p, reduction="none").sum(-1))


def mixture(s, t, y, temperature, alpha, *, factor=None, hard=1.0, swapped=False):
    soft = kl(s, t, temperature, torch.mean) * (temperature**2 if factor is None else factor)
    a = 1 - alpha if swapped else alpha
    return a * soft + (1 - a) * hard * F.cross_entropy(s, y)


def exits(logits, labels, teacher):
    p = teacher(logits[-1].softmax(-1))
    hard = sum(F.cross_entropy(z, labels) for z in logits)
    return hard + sum(F.kl_div(z.log_softmax(-1), p, reduction="batchmean") for z in logits[:-1])


def similarity(f_s, f_t, p, reduce):
    return reduce((F.normalize(f_s @ f_s.T, p=p, dim=1) - F.normalize(f_t @ f_t.T, p=p, dim=1)).square())


def cross_entropy(s, t, temperature, log_q):
    return -((t / temperature).softmax(-1) * log_q(s / temperature)).sum(-1).mean()


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (check_other_alpha, 144 / 145, "other term"),
        (check_other_alpha, 0.1, "What else"),
        (check_other_alpha, 0.9, "nearly all"),
        (check_other_alpha, 0.5, "Too large"),
        (
            check_repaired_cross_entropy,
            lambda s, t, T: cross_entropy(s, t, T, lambda z: z.softmax(-1).log()),
            "it should be 179.95; yours is inf",
        ),
        (
            check_repaired_cross_entropy,
            lambda s, t, T: cross_entropy(s, t, T, lambda z: (z.softmax(-1) + 1e-9).log()),
            "For a student's logits of some hundreds it should be 179.95; yours is",
        ),
        (
            check_repaired_cross_entropy,
            lambda s, t, T: cross_entropy(s, t, 1.0, lambda z: z.log_softmax(-1)),
            "At T = 4 it should be",
        ),
        (check_repaired_stack, lambda z, T: (z / T).softmax(1 if z.ndim > 1 else 0), "do the classes of an image"),
        (check_repaired_stack, lambda z, T: (z / T).softmax(0), "A table"),
        (check_repaired_stack, lambda z, T: (z / T).softmax(min(z.ndim - 1, 2)), "four axes"),
        (
            check_repaired_soft_loss,
            lambda s, t, T: T**2 * kl(s, t, T, torch.mean) / s.shape[-1],
            "With 10 classes your loss is 0.1 times",
        ),
        (
            check_repaired_soft_loss,
            lambda s, t, T: T**2 * kl(s, t, T, torch.mean) / s.shape[-1] * 10,
            "with 3 it is 3.33 times",
        ),
        (
            check_repaired_soft_loss,
            lambda s, t, T: T**2 * kl(s, t, T, torch.sum) / 4,
            "With half of the rows it is 0.5 times",
        ),
        (check_repaired_soft_loss, lambda s, t, T: 6.25 * kl(s, t, T, torch.mean), "At T = 20 your loss is 0.0156"),
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
        (
            check_repaired_similarity,
            lambda s, t: similarity(s, t, 1, torch.mean),
            "which norm of theirs is 1",
        ),
        (check_repaired_similarity, lambda s, t: similarity(s, t, 2, torch.sum) / 16, "for three it is 0.563 times"),
        (check_repaired_exits, lambda z, y: exits(z, y, lambda p: p), "should what the shallow exits"),
        (
            check_repaired_exits,
            lambda z, y: exits(torch.cat([z[:1].detach(), z[1:]]), y, torch.Tensor.detach),
            "first exit no longer learns",
        ),
        (check_repaired_exits, lambda z, y: exits(z.detach(), y, lambda p: p), "stops with RuntimeError"),
        (check_repaired_exits, lambda z, y: 2 * exits(z, y, torch.Tensor.detach), "yours is 2 times"),
        (check_repaired_objective, lambda q, p: F.kl_div(p.log(), q, reduction="sum"), "By hand?"),
        (check_repaired_objective, lambda q, p: -(p * q.log()).sum(), "not 0"),
        (
            check_repaired_token_loss,
            lambda s, t, m, T: T**2 * kl(s, t, T, torch.sum) / len(s),
            "For texts of five tokens it is 5 times",
        ),
        (
            check_repaired_token_loss,
            lambda s, t, m, T: T**2 * kl(s, t, T, torch.mean),
            "where 7 of 15 tokens are filling",
        ),
        (check_repaired_token_loss, lambda s, t, m, T: kl(s[m], t[m], T, torch.mean), "of one token"),
    ],
)
def test_a_repair_that_falls_short_is_told_its_symptom(check, answer, hint):
    said = check(answer)
    assert not said.passed
    assert hint in said.message


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (torch.abs, Feedback(True, "done")),
        (lambda x: x.square(), Feedback(False, "1.5 times")),
        (lambda x: x.abs().mean(), Feedback(False, "The result should have the shape (3,); yours is ().")),
        (lambda x: x.abs() * torch.tensor(float("nan")), Feedback(False, "nan times")),
        (lambda x: 1 / 0, Feedback(False, "Your function stops with ZeroDivisionError: division by zero")),
    ],
)
def test_a_repair_is_compared_input_by_input_and_the_symptom_carries_its_numbers(function, said):
    probes = [((torch.tensor([-1.0, 0.0, 1.0]),), "easy"), ((torch.tensor([-1.0, 0.0, 2.0]),), "{ratio:.3g} times")]
    if said.message == "nan times":
        probes = probes[1:]
    got = repaired(function, torch.abs, probes, "done")
    assert (got.passed, got.message) == (said.passed, said.message.replace("1.5", f"{5 / 3:.3g}"))
