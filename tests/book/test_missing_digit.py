import numpy as np
import pytest
import torch

from kdbook.book.missing_digit import BIASES, LACKS, arms, best_bias, bias_curve, without_probability
from kdbook.data import load_images
from kdbook.losses import soft_targets
from kdbook.training import CachedTeacher


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_no_student_sees_an_image_on_which_its_bias_is_chosen(profile):
    assert all(arm.settings["part"] == "fit" for arm in arms(profile).values())


def test_taking_away_a_probability_leaves_the_lowest_logit_and_all_others_as_they_were():
    logits = torch.randn(25, 40, 10, generator=torch.Generator().manual_seed(0)) * 8
    index = torch.arange(40)
    found = without_probability(CachedTeacher(logits, index), index).soft_targets(None, index, 7).logits
    others = [c for c in range(10) if c != 3]
    assert torch.equal(found[:, others], logits[7][:, others])
    assert torch.equal(found[:, 3], logits[7].min(-1).values)
    p = soft_targets(found, 20.0)
    assert bool((p[:, 3] == p.min(-1).values).all())


def test_taking_away_a_probability_leaves_the_teacher_as_it_was():
    teacher = CachedTeacher(torch.zeros(1, 5, 10), torch.arange(5))
    teacher.logits[..., 3] = 2.0
    without_probability(teacher, torch.arange(5))
    assert bool((teacher.logits[..., 3] == 2).all())


def at(bias):
    return int(np.flatnonzero(np.round(BIASES, 1) == bias)[0])


def test_the_bias_curve_by_hand():
    # classes 0, 1 and 3; the margin of class 3 is -2.05, -1.05 and +1.05
    logits = torch.tensor([[2.05, 0.0, -9.0, 0.0], [0.0, 1.05, -9.0, 0.0], [0.0, 0.0, -9.0, 1.05]])
    errors, threes, share = bias_curve(logits, torch.tensor([3, 1, 3]), (3,))
    expected = {-1.1: (2, 2, 0), -1.0: (1, 1, 1), 0.0: (1, 1, 1), 1.1: (2, 1, 2), 2.0: (2, 1, 2), 2.1: (1, 0, 3)}
    for bias, (wrong, wrong_threes, assigned) in expected.items():
        assert (errors[at(bias)], threes[at(bias)]) == (wrong, wrong_threes)
        assert share[at(bias)] == pytest.approx(assigned / 3)
    assert len(errors) == len(threes) == len(share) == len(BIASES)


def test_the_bias_curve_of_two_classes_moves_both():
    logits = torch.tensor([[0.0, 1.05, 3.0], [0.0, 2.05, 1.0]])
    errors, _, share = bias_curve(logits, torch.tensor([0, 0]), (1, 2))
    assert [int(errors[at(b)]) for b in (0.0, -2.0, -2.1, -3.1)] == [2, 2, 1, 0]
    assert [float(share[at(b)]) for b in (0.0, -2.1, -3.1)] == [1.0, 0.5, 0.0]


def test_the_biases_hold_zero_and_reach_the_papers_values():
    assert len(np.flatnonzero(BIASES == 0)) == 1
    assert BIASES.min() <= -7.6 and BIASES.max() >= 3.5


@pytest.mark.parametrize(
    ("errors", "best"), [([5, 3, 4], 1), ([5, 2, 2, 2, 9], 2), ([1, 1, 5, 5, 5, 1], 1), ([4, 4, 4, 4], 2), ([7], 0)]
)
def test_the_best_bias_is_in_the_middle_of_the_lowest_values(errors, best):
    assert best_bias(np.array(errors)) == best


def test_a_small_run_scores_each_choice_of_the_bias(micro, micro_store, documented):
    table, measured = micro("missing_digit")
    documented("missing_digit", table, measured)
    assert set(table.arm) == set(LACKS)
    others = table[["test_errors", "test_errors_bias", "test_errors_prior"]].min(axis=1)
    assert (table.test_errors_oracle <= others).all()
    for trial, (row,) in measured.items():
        pictures = micro_store.read(trial).pictures
        assert row["test_errors_bias"] == pictures["test_errors"][row["bias"] == BIASES][0]
        assert row["errors_on_three_bias"] == pictures["errors_on_three"][row["bias"] == BIASES][0]
        assert row["test_errors"] == pictures["test_errors"][BIASES == 0][0]
        validation = pictures["validation_errors"]
        assert validation[row["bias"] == BIASES][0] == validation.min()


def test_a_student_sees_the_images_of_all_classes_that_its_name_leaves(micro):
    _, measured = micro("missing_digit")
    first = load_images("mnist", "fit").y[:300].tolist()
    for trial, (row,) in measured.items():
        named = {int(digit) for digit in trial.arm if digit.isdigit()}
        seen = named if trial.arm.startswith("only") else {*range(10)} - named
        assert row["transfer_images"] == sum(y in seen for y in first)
