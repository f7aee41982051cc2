"""The exercises of chapter 06: right answers pass, stubs are no answers, usual mistakes get their own hint."""

import math

import torch
import torch.nn.functional as F

from kdbook.teach import check_dustbin_correction, check_one_specialist, check_repaired_objective

from .exercises import exercise_tests


def raise_dustbin(by):
    def correct(logits, share):
        logits = logits.clone()
        logits[:, -1] += by(share)
        return logits

    return correct


def lower_the_others(logits, share):
    logits = logits.clone()
    logits[:, :-1] -= math.log((1 - share) / share)
    return logits


def combined(weight=0.5, shared=True, geometric=False, only_known=False, total=1.0):
    def combine(generalist, known, specialist):
        outside = torch.ones(len(generalist), dtype=torch.bool)
        outside[known] = False
        rest = generalist * outside if shared else outside.double()
        whole = rest / rest.sum() * specialist[-1]
        whole[known] = specialist[:-1]
        if only_known:
            whole[outside] = generalist[outside]
        if geometric:
            q = (generalist * whole).sqrt()
            return q / q.sum()
        return total * (weight * generalist + (1 - weight) * whole)

    return combine


RIGHT = [
    (check_dustbin_correction, raise_dustbin(lambda share: math.log((1 - share) / share))),
    (check_dustbin_correction, lower_the_others),
    (check_one_specialist, combined()),
]

WRONG = [
    (check_dustbin_correction, raise_dustbin(lambda share: 0), "as before"),
    (check_dustbin_correction, raise_dustbin(lambda share: math.log(share / (1 - share))), "must grow"),
    (check_dustbin_correction, raise_dustbin(lambda share: (1 - share) / share), "proportion itself"),
    (check_dustbin_correction, raise_dustbin(lambda share: math.log(1 / share)), "not yet odds"),
    (check_dustbin_correction, raise_dustbin(lambda share: math.log(0.5 / share)), "more seldom"),
    (check_dustbin_correction, lambda logits, share: logits.flip(1), "Only the last logit"),
    (check_dustbin_correction, lambda *_: torch.ones(7), "shape"),
    (check_dustbin_correction, lambda *_: 1 / 0, "ZeroDivisionError"),
    (check_one_specialist, combined(weight=1.0), "generalist alone"),
    (check_one_specialist, combined(weight=0.0), "specialist alone"),
    (check_one_specialist, combined(shared=False), "An even share"),
    (check_one_specialist, combined(only_known=True), "add up to 1"),
    (check_one_specialist, combined(total=2.0), "Twice too much"),
    (check_one_specialist, combined(geometric=True), "geometric"),
    (check_one_specialist, combined(weight=0.3), "Set the sum"),
    (check_one_specialist, lambda *_: torch.ones(7), "shape"),
    (check_one_specialist, lambda *_: 1 / 0, "ZeroDivisionError"),
    (check_repaired_objective, lambda q, p: F.kl_div(p.log(), q, reduction="sum"), "By hand?"),
    (check_repaired_objective, lambda q, p: -(p * q.log()).sum(), "not 0"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
