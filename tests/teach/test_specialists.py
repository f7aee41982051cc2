"""The exercises of chapter 06: solutions pass, stubs are asked for an answer, usual mistakes get their own hint."""

import math

import pytest
import torch

from kdbook.teach import check_dustbin_correction, check_one_specialist


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


@pytest.mark.parametrize(
    ("check", "solution"),
    [
        (check_dustbin_correction, raise_dustbin(lambda share: math.log((1 - share) / share))),
        (check_dustbin_correction, lower_the_others),
        (check_one_specialist, combined()),
    ],
)
def test_solutions_pass(check, solution):
    assert check(solution).passed


@pytest.mark.parametrize("check", [check_dustbin_correction, check_one_specialist])
def test_stubs_and_errors_of_the_reader_become_feedback(check):
    assert "Not answered yet" in check(lambda *_: ...).message
    assert "Not answered yet" in check(...).message
    assert "ZeroDivisionError" in check(lambda *_: 1 / 0).message
    assert "shape" in check(lambda *_: torch.ones(7)).message


@pytest.mark.parametrize(
    ("check", "mistake", "hint"),
    [
        (check_dustbin_correction, raise_dustbin(lambda share: 0), "as before"),
        (check_dustbin_correction, raise_dustbin(lambda share: math.log(share / (1 - share))), "must grow"),
        (check_dustbin_correction, raise_dustbin(lambda share: (1 - share) / share), "proportion itself"),
        (check_dustbin_correction, raise_dustbin(lambda share: math.log(1 / share)), "not yet odds"),
        (check_dustbin_correction, raise_dustbin(lambda share: math.log(0.5 / share)), "more seldom"),
        (check_dustbin_correction, lambda logits, share: logits.flip(1), "Only the last logit"),
        (check_one_specialist, combined(weight=1.0), "generalist alone"),
        (check_one_specialist, combined(weight=0.0), "specialist alone"),
        (check_one_specialist, combined(shared=False), "An even share"),
        (check_one_specialist, combined(only_known=True), "add up to 1"),
        (check_one_specialist, combined(total=2.0), "Twice too much"),
        (check_one_specialist, combined(geometric=True), "geometric"),
        (check_one_specialist, combined(weight=0.3), "Set the sum"),
    ],
)
def test_usual_mistakes_get_their_own_hint(check, mistake, hint):
    feedback = check(mistake)
    assert not feedback.passed and hint in feedback.message
