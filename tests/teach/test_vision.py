"""The exercises of chapter 07 about vision: solutions pass, usual mistakes get their own hint."""

import pytest
import torch

from kdbook.teach import check_depthwise_saving, check_mixup, check_share_closed


def mix(x, weight, partner):
    return torch.stack([w * a + (1 - w) * x[p] for a, w, p in zip(x, weight, partner, strict=True)])


SOLUTIONS = [
    (check_depthwise_saving, 73_728 / (576 + 8_192)),
    (check_share_closed, 100 * 1.2 / 10.7),
    (check_mixup, mix),
]


@pytest.mark.parametrize(("check", "solution"), SOLUTIONS)
def test_the_solution_passes(check, solution):
    assert check(solution).passed, check(solution)


@pytest.mark.parametrize("check", [check for check, _ in SOLUTIONS])
@pytest.mark.parametrize("stub", [..., None, lambda *given: ...])
def test_a_stub_is_not_an_answer(check, stub):
    assert not check(stub).passed


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (check_depthwise_saving, 0.1189, "Upside down"),
        (check_depthwise_saving, 128, "1x1 convolution that mixes"),
        (check_depthwise_saving, 9, "depthwise convolution is missing"),
        (check_depthwise_saving, 7.89, "64, not 128"),
        (check_depthwise_saving, 3, "Too small"),
        (check_share_closed, 0.112, "as a fraction"),
        (check_share_closed, 88.8, "stays open"),
        (check_share_closed, 12.6, "before distillation"),
        (check_share_closed, 1.66, "own accuracy"),
        (check_share_closed, 50, "Too large"),
        (check_mixup, lambda x, w, p: mix(x, 1 - w, p), "swapped"),
        (check_mixup, lambda x, w, p: w * x + (1 - w) * x[p], "two axes"),
        (check_mixup, lambda x, w, p: w[:, None, None] * x + x[p], "add up to 1"),
        (check_mixup, lambda x, w, p: x, "mixed with itself"),
        (check_mixup, lambda x, w, p: mix(x, 0 * w + 0.5, p), "Half and half"),
        (check_mixup, lambda x, w, p: x.mean(0), "shape"),
        (check_mixup, lambda x, w, p: x * 3, "values differ"),
    ],
)
def test_a_usual_mistake_gets_its_own_hint(check, answer, hint):
    found = check(answer)
    assert not found.passed and hint in found.message, found
