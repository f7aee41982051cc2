"""Every solution passes its check, every stub is asked for an answer, and each usual mistake gets its own hint."""

import math

import pytest
import torch
import torch.nn.functional as F

from kdbook.teach import (
    check_attention_map,
    check_dark_mass,
    check_gap_closed,
    check_information,
    check_kd_loss,
    check_logit_limit,
    check_missing_bias,
    check_mutual_loss,
    check_progressive_targets,
    check_relational_distance,
    check_size_ratio,
    check_soft_gradient,
    check_soft_targets,
    check_temperature_for_top,
)


def softmax_by_hand(z, temperature):
    e = torch.exp((z - z.max(-1, keepdim=True).values) / temperature)
    return e / e.sum(-1, keepdim=True)


def information_by_hand(p):
    mean = p.mean(0)
    whole = -(mean * mean.log2()).sum()
    own = -(p * p.log2()).sum(-1).mean()
    return whole - own


def best_bias_by_search(logits, labels):
    def errors(bias):
        shifted = logits.clone()
        shifted[:, 3] += bias
        return int((shifted.argmax(-1) != labels).sum())

    return min((b / 10 for b in range(-100, 101)), key=errors)


def temperature_by_bisection(z, top):
    low, high = 1e-3, 1e3
    for _ in range(100):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if softmax_by_hand(z, middle).max() > top else (low, middle)
    return middle


def dark_mass_by_hand(z, t):
    return 1 - softmax_by_hand(z, t).max(-1).values


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


def attention_by_hand(f, *, power=2, norm=2):
    q = (f.abs() ** power).mean(1).reshape(len(f), -1)
    return q / (q.abs() ** norm).sum(1, keepdim=True) ** (1 / norm)


def distances_by_hand(f, *, zeros=False):
    d = ((f[:, None] - f[None]) ** 2).sum(-1).sqrt()
    return d / (d.mean() if zeros else d[d > 0].mean())


def rkd_by_hand(f_s, f_t, *, reduction="mean", zeros=False):
    return F.smooth_l1_loss(*(distances_by_hand(f, zeros=zeros) for f in (f_s, f_t)), reduction=reduction)


def mutual_by_hand(logits, labels, *, detach=True, hard=1.0, over=None, turned=False):
    """Deep mutual learning, with one part exchanged as in the usual mistakes."""
    log_q = logits.log_softmax(-1)
    log_p = log_q.detach() if detach else log_q
    losses = []
    for i in range(len(logits)):
        kl = 0
        for j in range(len(logits)):
            first, second = (log_q[i], log_p[j]) if turned else (log_p[j], log_q[i])
            kl = kl + (first.exp() * (first - second)).sum(-1).mean() * (i != j)
        losses.append(hard * F.cross_entropy(logits[i], labels) + kl / (over or len(logits) - 1))
    return torch.stack(losses)


def progressive_by_hand(table, index, labels, epoch, epochs, final, *, late=0, rows=None):
    a = final * (epoch + 1 - late) / epochs
    return (1 - a) * F.one_hot(labels, table.shape[1]) + a * (table[index] if rows is None else rows)


SOLUTIONS = {
    check_mutual_loss: mutual_by_hand,
    check_progressive_targets: progressive_by_hand,
    check_size_ratio: 2_395_210 / 1_276_810,
    check_gap_closed: 72 / 79,
    check_soft_targets: softmax_by_hand,
    check_information: information_by_hand,
    check_missing_bias: best_bias_by_search,
    check_dark_mass: dark_mass_by_hand,
    check_temperature_for_top: temperature_by_bisection,
    check_kd_loss: kd_by_hand,
    check_soft_gradient: gradient_by_autograd,
    check_logit_limit: limit_by_variance,
    check_attention_map: attention_by_hand,
    check_relational_distance: rkd_by_hand,
}


@pytest.mark.parametrize(("check", "solution"), SOLUTIONS.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_the_solution_passes(check, solution):
    assert check(solution).passed, check(solution)


@pytest.mark.parametrize("check", SOLUTIONS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("stub", [..., None, lambda *_: ...], ids=["ellipsis", "none", "function"])
def test_a_stub_is_not_an_answer(check, stub):
    feedback = check(stub)
    assert not feedback.passed
    assert feedback.message


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (check_size_ratio, 0.533, "inverse"),
        (check_size_ratio, 1.5, "hidden units"),
        (check_size_ratio, 3.0, "Too large"),
        (check_size_ratio, "two", "number is needed"),
        (check_gap_closed, 91.14, "between 0 and 1"),
        (check_gap_closed, 0.507, "perfect copy"),
        (check_gap_closed, 0.0886, "stays open"),
        (check_soft_targets, lambda z, t: (z * t).softmax(-1), "sharpens"),
        (check_soft_targets, lambda z, t: z.softmax(-1), "changes nothing"),
        (check_soft_targets, lambda z, t: z.softmax(-1) / t, "no longer sum"),
        (check_soft_targets, lambda z, t: (z / t).softmax(0), "which axis"),
        (check_soft_targets, lambda z, t: (z / t).log_softmax(-1), "log-probabilities"),
        (check_soft_targets, lambda z, t: (z / t).exp() / (z / t).exp().sum(-1, keepdim=True), "overflows"),
        (check_soft_targets, lambda z, t: (z / t).softmax(-1)[:, 0], "shape"),
        (check_soft_targets, lambda z, t: z.nonsense(), "AttributeError"),
        (check_information, lambda p: math.log(2) * information_by_hand(p), "nats"),
        (check_information, lambda p: -information_by_hand(p), "sign"),
        (check_information, lambda p: -(p.mean(0) * p.mean(0).log2()).sum(), "first term"),
        (check_information, lambda p: -(p * p.log2()).sum(-1).mean(), "second term"),
        (check_missing_bias, lambda z, y: -best_bias_by_search(z, y), "sign"),
        (check_missing_bias, lambda z, y: 0.0, "errors of 400"),
        (check_missing_bias, lambda z, y: z, "One number"),
        (check_dark_mass, lambda z, t: softmax_by_hand(z, t).max(-1).values, "top class itself"),
        (check_dark_mass, lambda z, t: dark_mass_by_hand(z, 1.0), "changes nothing"),
        (check_dark_mass, lambda z, t: dark_mass_by_hand(z, 1 / t), "sharper"),
        (check_dark_mass, lambda z, t: dark_mass_by_hand(z, 1.0) / t, "before the softmax"),
        (check_dark_mass, lambda z, t: 1 - softmax_by_hand(z, t)[:, 0], "Class 0"),
        (check_dark_mass, lambda z, t: softmax_by_hand(z, t).topk(2).values[:, 1], "runner-up"),
        (check_dark_mass, lambda z, t: dark_mass_by_hand(z, t).mean(), "shape (2,)"),
        (check_dark_mass, lambda z, t: "a word", "tensor of numbers"),
        (check_temperature_for_top, lambda z, top: 1.0, "higher T"),
        (check_temperature_for_top, lambda z, top: 100.0, "lower T"),
        (check_temperature_for_top, lambda z, top: 1 / temperature_by_bisection(z, top), "divides by T"),
        (check_temperature_for_top, lambda z, top: -2.0, "positive and finite"),
        (check_temperature_for_top, lambda z, top: z, "One temperature"),
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
        (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, over=1e9), "labels' term alone"),
        (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, hard=0), "cross entropy is missing"),
        (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, over=1), "average them"),
        (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, over=3), "no peer of itself"),
        (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, turned=True), "turned round"),
        (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, detach=False), "Who is fixed"),
        (check_mutual_loss, lambda z, y: mutual_by_hand(z.detach(), y), "nobody would learn"),
        (check_mutual_loss, lambda z, y: mutual_by_hand(z, y).mean(), "shape (3,)"),
        (check_progressive_targets, lambda t, i, *r: progressive_by_hand(t, i, *r, rows=t[:3]), "place in the batch"),
        (check_progressive_targets, lambda t, i, y, e, n, f: progressive_by_hand(t, i, y, e, n, f, late=1), "One step"),
        (check_progressive_targets, lambda t, i, y, e, n, f: progressive_by_hand(t, i, y, n - 1, n, f), "final one"),
        (check_progressive_targets, lambda t, i, y, e, n, f: progressive_by_hand(t, i, y, e, n, 1.0), "end at 1"),
        (check_progressive_targets, lambda t, i, y, e, n, f: progressive_by_hand(t, i, y, 6, 10, 1.0), "swapped"),
        (check_progressive_targets, lambda t, i, y, e, n, f: t[i], "where are the labels"),
        (check_logit_limit, lambda s, t: (s - t).square().mean(-1) / 2, "add 1"),
        (check_logit_limit, lambda s, t: (s - t).var(-1, unbiased=False), "1/2 is missing"),
        (check_logit_limit, lambda s, t: (s - t).var(-1, unbiased=False).mean() / 2, "shape (4,)"),
        (check_attention_map, lambda f: f.square().mean(1).flatten(1), "norm of 1"),
        (check_attention_map, lambda f: F.normalize(f.mean(1).flatten(1)), "cancel"),
        (check_attention_map, lambda f: attention_by_hand(f, power=1), "absolute values"),
        (check_attention_map, lambda f: attention_by_hand(f, norm=1), "sum of 1"),
        (check_attention_map, lambda f: F.normalize(f.square().mean(1).flatten(1), dim=0), "over the batch"),
        (check_attention_map, lambda f: F.normalize(f.square().mean(1).flatten(), dim=0).view(2, -1), "whole batch"),
        (check_attention_map, lambda f: f.square().mean(1), "shape (2, 16)"),
        (check_relational_distance, lambda s, t: F.smooth_l1_loss(torch.cdist(s, s), torch.cdist(t, t)), "own unit"),
        (
            check_relational_distance,
            lambda s, t: F.mse_loss(distances_by_hand(s), distances_by_hand(t)),
            "squared differences",
        ),
        (check_relational_distance, lambda s, t: F.l1_loss(distances_by_hand(s), distances_by_hand(t)), "Plain L1"),
        (check_relational_distance, lambda s, t: rkd_by_hand(s, t, zeros=True), "counts the zeros"),
        (check_relational_distance, lambda s, t: rkd_by_hand(s, t) * 16 / 12, "other examples only"),
        (check_relational_distance, lambda s, t: rkd_by_hand(s, t, reduction="sum"), "sum over pairs"),
        (check_relational_distance, lambda s, t: rkd_by_hand(s, t) + 1, "divided by their mean"),
    ],
)
def test_a_usual_mistake_gets_its_own_hint(check, answer, hint):
    feedback = check(answer)
    assert not feedback.passed
    assert hint in feedback.message


def test_feedback_reads_as_a_sentence():
    assert repr(check_gap_closed(72 / 79)).startswith("Right. ")
    assert repr(check_gap_closed(...)).startswith("Not yet. ")
