"""What a check says, and how a function is compared."""

import pytest
import torch

from kdbook.teach.chapter_00 import check_gap_closed
from kdbook.teach.feedback import SOFTMAX, Answer, Exercise, plain

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
        (
            lambda x: x.abs()[:2],
            False,
            "The result should have the shape (3,); yours is (2,). Which axis is one too many, or gone?",
        ),
        (lambda x: x * torch.tensor(float("nan")), False, "easy: nan for 2"),
        (torch.linalg.inv, False, "Your function stops with RuntimeError"),
        (None, False, "Not answered yet: replace the ... above and run the cell again."),
        (lambda x: None, False, "Your function gives nothing back: which line hands over its result?"),
        (lambda x: "a word", False, "A tensor of numbers is needed, your function returns a str."),
        ("a word", False, "A function is needed."),
    ],
)
def test_a_function_is_compared_input_by_input_and_the_symptom_carries_its_numbers(function, passed, message):
    said = ABSOLUTE(function)
    assert said.passed == passed
    assert said.message.startswith(message)


def test_what_does_not_matter_is_taken_away_before_comparing():
    up_to_a_constant = Exercise(
        "", lambda z: z, (((torch.tensor([1.0, 2.0]),), "no"),), "yes", compared=lambda z: z - z[0]
    )
    assert up_to_a_constant(lambda z: z + 5).passed
    assert not up_to_a_constant(lambda z: 2 * z).passed


def test_an_error_is_shown_with_its_line_in_the_readers_own_code():
    def mine(x):
        y = x + 1
        return y.reshape(5)

    line = mine.__code__.co_firstlineno + 2
    assert ABSOLUTE(mine).message.startswith(
        f"Your function stops in line {line}, `return y.reshape(5)`, with RuntimeError: shape"
    )


def test_what_a_function_does_to_its_arguments_stays_with_it():
    given = torch.tensor([3.0, -1.0])
    check = Exercise("", torch.abs, (((given,), ""), ((2 * given,), "")), "yes")
    assert check(lambda x: x.abs_()).passed
    assert given.tolist() == [3.0, -1.0]


def test_a_function_that_may_not_do_the_work_is_named_once_the_numbers_are_right():
    z = torch.tensor([[1.0, 2.0]])
    check = Exercise("", lambda z: z.softmax(-1), plain((z,), (2 * z,)), "yes", forbidden=SOFTMAX)
    assert "PyTorch's `softmax` does the work" in check(torch.nn.Softmax(-1)).message
    assert "PyTorch's `log_softmax` does the work" in check(lambda z: z.log_softmax(-1).exp()).message
    assert check(lambda z: z.exp() / z.exp().sum(-1, keepdim=True)).passed
    assert "PyTorch" not in check(lambda z: z.log_softmax(-1)).message


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0.25, "Right."),
        (0.2496, "Right."),
        (0.3, "more digits"),
        (25.0, "factor of 100"),
        (0.75, "add up to the whole"),
        (4.0, "Upside down"),
        (-0.25, "sign"),
        (0.125, "half what"),
        (250.0, "the point is not"),
        (0.255, "near, but not right"),
        (30.0, "That is 30: what"),
        (90.0, "That is 120 - 30: what"),
        (0.333, "That is 30 / (120 - 30): what"),
        (0.6, "Too large"),
        ((0, 25), "Is there a comma"),
    ],
)
def test_a_number_is_recognised_by_what_it_was_made_of(number, said):
    quarter = Answer("", 0.2504, "Right.", rtol=0.005, numbers=(30, 120))
    assert said in quarter(number).message
