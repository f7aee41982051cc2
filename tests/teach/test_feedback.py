"""What a check says, and how a repair is compared."""

import pytest
import torch

from kdbook.teach import check_gap_closed
from kdbook.teach.feedback import Feedback, repaired


def test_feedback_reads_as_a_sentence():
    assert repr(check_gap_closed(72 / 79)).startswith("Right. ")
    assert repr(check_gap_closed(...)).startswith("Not yet. ")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (torch.abs, Feedback(True, "done")),
        (lambda x: x.square(), Feedback(False, "1.5 times")),
        (lambda x: x.abs().mean(), Feedback(False, "The result should have the shape (3,); yours is ().")),
        (lambda x: x.abs() * torch.tensor(float("nan")), Feedback(False, "nan times")),
        (lambda x: 1 / 0, Feedback(False, "Your function stops with ZeroDivisionError: division by zero")),
    ],
)
def test_a_repair_is_compared_input_by_input_and_the_symptom_carries_its_numbers(function, said):
    probes = [((torch.tensor([-1.0, 0.0, 1.0]),), "easy"), ((torch.tensor([-1.0, 0.0, 2.0]),), "{ratio:.3g} times")]
    if said.message == "nan times":
        probes = probes[1:]
    got = repaired(function, torch.abs, probes, "done")
    assert (got.passed, got.message) == (said.passed, said.message.replace("1.5", f"{5 / 3:.3g}"))
