"""Every solution passes its check, every stub is asked for an answer, and each usual mistake gets its own hint."""

import math

import pytest
import torch

from kdbook.teach import check_gap_closed, check_information, check_missing_bias, check_size_ratio, check_soft_targets


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


SOLUTIONS = {
    check_size_ratio: 2_395_210 / 1_276_810,
    check_gap_closed: 72 / 79,
    check_soft_targets: softmax_by_hand,
    check_information: information_by_hand,
    check_missing_bias: best_bias_by_search,
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
    ],
)
def test_a_usual_mistake_gets_its_own_hint(check, answer, hint):
    feedback = check(answer)
    assert not feedback.passed
    assert hint in feedback.message


def test_feedback_reads_as_a_sentence():
    assert repr(check_gap_closed(72 / 79)).startswith("Right. ")
    assert repr(check_gap_closed(...)).startswith("Not yet. ")
