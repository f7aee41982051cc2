"""Right answers pass, and the likeliest wrong ones get the hint that fits them."""

import math

import pytest
import torch

from kdbook.teach.llm_era import check_entropy, check_shares_closed, check_sharpened, check_uses


def entropy(logits, T):
    p = torch.softmax(logits / T, -1)
    return -(p * torch.log2(p)).sum(-1)


def test_the_solutions_pass():
    assert check_shares_closed(lambda t, s, b: 100 * (s - b) / (t - b)).passed
    assert check_entropy(entropy).passed
    assert check_uses(["research"]).passed and check_uses("research").passed
    assert check_sharpened(0.7**2 / (0.7**2 + 0.3**2)).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda t, s, b: (s - b) / (t - b), "as a fraction"),
        (lambda t, s, b: 100 * s / t, "score ratio"),
        (lambda t, s, b: 100 * (s - b) / b, "where does the teacher come in"),
        (lambda t, s, b: 100 * (t - s) / (t - b), "that is left"),
        (..., "Not answered yet"),
    ],
)
def test_the_gap_that_is_closed(answer, hint):
    assert not check_shares_closed(answer).passed
    assert hint in check_shares_closed(answer).message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda z, T: entropy(z, T) * math.log(2), "nats"),
        (lambda z, T: -entropy(z, T), "never negative"),
        (lambda z, T: entropy(z, 1 / T), "yours multiplies"),
        (lambda z, T: entropy(z, 1.0), "temperature is not used"),
    ],
)
def test_the_entropy_of_targets(answer, hint):
    assert not check_entropy(answer).passed
    assert hint in check_entropy(answer).message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (["research", "commercial"], "'commercial' is excluded by 2 of the cards"),
        (["train a competing model"], "excluded by 2 of the cards"),
        ([], "do not leave it out"),
        (["fun"], "'fun' is no use"),
        (..., "Not answered yet"),
    ],
)
def test_what_alpaca_may_be_used_for(answer, hint):
    assert not check_uses(answer).passed
    assert hint in check_uses(answer).message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(0.7, "T = 1"), (0.604, "T = 2"), (0.49, "divide by their sum"), (1.0, "T = 0"), (84.5, "in per cent")],
)
def test_the_sharpened_falsehood(answer, hint):
    assert not check_sharpened(answer).passed
    assert hint in check_sharpened(answer).message
