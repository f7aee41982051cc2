"""The tests that every exercise gets: a chapter's module has tables of answers, and takes its tests from here."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

STUBS = {"ellipsis": ..., "none": None, "function": lambda *_: ...}
ASKED_FOR = ("Not answered yet", "A number is needed")  # the second where a function stands for a number


def exercise_tests(
    right: list[tuple[Callable, object]], wrong: list[tuple[Callable, object, str]]
) -> tuple[Callable, ...]:
    """Tests of a chapter's checks: right answers pass, stubs are asked for one, a usual mistake gets its own hint.

    Parameters
    ----------
    right : list of (check, answer)
        Their checks are also given every stub.
    wrong : list of (check, answer, words of the hint)
        A repair that falls short, too, in the exercises on published mistakes: its hint is the symptom.
    """
    checks = dict.fromkeys(check for check, _ in right)

    @pytest.mark.parametrize(("check", "answer"), right, ids=[check.__name__ for check, _ in right])
    def a_right_answer_passes(check, answer):
        assert check(answer).passed, check(answer)

    @pytest.mark.parametrize("check", checks, ids=lambda check: check.__name__)
    @pytest.mark.parametrize("stub", STUBS.values(), ids=STUBS)
    def a_stub_is_no_answer(check, stub):
        said = check(stub)
        assert not said.passed
        assert said.message.startswith(ASKED_FOR), said

    @pytest.mark.parametrize(
        ("check", "answer", "hint"), wrong, ids=[f"{check.__name__}-{hint}" for check, _, hint in wrong]
    )
    def a_mistake_gets_its_own_hint(check, answer, hint):
        said = check(answer)
        assert not said.passed
        assert hint in said.message, said

    return a_right_answer_passes, a_stub_is_no_answer, a_mistake_gets_its_own_hint


def softmax_by_hand(z, temperature):
    e = torch.exp((z - z.max(-1, keepdim=True).values) / temperature)
    return e / e.sum(-1, keepdim=True)


def soft_loss(s, t, temperature, reduce):
    log_q, p = (s / temperature).log_softmax(-1), (t / temperature).softmax(-1)
    return reduce(F.kl_div(log_q, p, reduction="none").sum(-1))
