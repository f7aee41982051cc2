"""What a check says, and how a function is compared."""

import pytest
import torch

from kdbook.teach.chapter_00 import check_gap_closed
from kdbook.teach.feedback import Exercise

ABSOLUTE = Exercise(
    "Is it the absolute value?",
    right=torch.abs,
    tries=(
        ((torch.tensor([-1.0, 0.0, 1.0]),), "easy: {yours:g} for {right:g}"),
        ((torch.tensor([-1.0, 0.0, 2.0]),), "{ratio:.3g} times"),
    ),
    mistakes={"One number for all.": lambda x: x.abs().mean()},
    done="done",
)


def test_feedback_reads_as_a_sentence():
    assert repr(check_gap_closed(72 / 79)).startswith("Right. ")
    assert repr(check_gap_closed(...)).startswith("Not yet. ")


@pytest.mark.parametrize(
    ("function", "passed", "message"),
    [
        (lambda x: (x**2) ** 0.5, True, "done"),
        (lambda x: x.abs().tolist(), True, "done"),
        (lambda x: x, False, "easy: 0 for 2"),
        (lambda x: x.square(), False, "1.67 times"),
        (lambda x: x.abs().mean(), False, "One number for all."),
        (lambda x: x.abs().sum(), False, "The result should have the shape (3,); yours is ()."),
        (lambda x: x * torch.tensor(float("nan")), False, "easy: nan for 2"),
        (lambda x: 1 / 0, False, "Your function stops with ZeroDivisionError: division by zero"),
        (lambda x: "a word", False, "A tensor of numbers is needed, your function returns a str."),
        ("a word", False, "A function is needed."),
    ],
)
def test_a_function_is_compared_input_by_input_and_the_symptom_carries_its_numbers(function, passed, message):
    said = ABSOLUTE(function)
    assert (said.passed, said.message) == (passed, message)


def test_what_does_not_matter_is_taken_away_before_comparing():
    up_to_a_constant = Exercise(
        "", lambda z: z, (((torch.tensor([1.0, 2.0]),), "no"),), "yes", compared=lambda z: z - z[0]
    )
    assert up_to_a_constant(lambda z: z + 5).passed
    assert not up_to_a_constant(lambda z: 2 * z).passed
