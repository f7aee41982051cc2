"""The exercises of chapter 01: right answers pass, stubs are no answers, usual mistakes get their own hint."""

import math

from kdbook.teach import check_information, check_missing_bias, check_repaired_cross_entropy, check_soft_targets

from .exercises import exercise_tests, softmax_by_hand


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


def cross_entropy(s, t, temperature, log_q):
    return -((t / temperature).softmax(-1) * log_q(s / temperature)).sum(-1).mean()


RIGHT = [
    (check_soft_targets, softmax_by_hand),
    (check_information, information_by_hand),
    (check_missing_bias, best_bias_by_search),
]

WRONG = [
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
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
