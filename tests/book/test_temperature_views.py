"""What a temperature does to answers and gradients, by hand and on nets of a second."""

import math

import pytest
import torch
import torch.nn.functional as F

from kdbook.book.temperature_views import KEPT, TEMPERATURES, kd_gradient, normal, shape_of, share_of_lowest, wrong_mass
from kdbook.lab.arms import trials
from kdbook.losses import kd_loss


def test_the_shape_by_hand():
    # at T = 2: (1/2, 1/4, 1/4) and (1/3, 1/3, 1/3)
    logits = torch.tensor([[2.0, 1.0, 1.0], [0.0, 0.0, 0.0]], dtype=torch.float64) * 2 * math.log(2)
    found = shape_of(logits, 2.0)
    entropy = (1.5 * math.log(2) + math.log(3)) / 2
    assert found["entropy_share"] == pytest.approx(entropy / math.log(3))
    assert found["top"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found["argmax_changed"] == 0


def test_the_wrong_mass_of_a_sharp_answer_is_small_and_not_rounded_to_zero():
    logits = torch.tensor([[0.0, -25.0, -50.0]], dtype=torch.float64)
    assert wrong_mass(logits, torch.tensor([0]), 0.5) == pytest.approx(math.exp(-50))
    assert wrong_mass(logits, torch.tensor([1]), 0.5) == pytest.approx(1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 7.0])
def test_the_gradient_is_that_of_autograd(temperature):
    student, teacher = normal(0, 4.0, 2, 6, 10)
    student.requires_grad_()
    rows = kd_loss(student, teacher, temperature=temperature, reduction="none")
    (expected,) = torch.autograd.grad(rows.sum() / temperature**2, student)
    torch.testing.assert_close(kd_gradient(student.detach(), teacher, temperature), expected)


def test_the_share_of_the_lowest_logits_by_hand():
    teacher = torch.tensor([[5.0, 1.0, 2.0, 3.0], [0.0, 4.0, 9.0, 8.0], [0.0, 1.0, 2.0, 3.0]])
    gradient = torch.tensor([[-1.0, 0.5, 0.25, 0.25], [1.0, 1.0, -1.5, -0.5], [0.0, 0.0, 0.0, 0.0]])
    assert share_of_lowest(gradient, teacher, 2) == pytest.approx((0.75 + 2.0) / (2.0 + 4.0))
    assert share_of_lowest(torch.ones(3, 4), teacher, 2) == 0.5


def test_random_logits_have_their_standard_deviation_and_depend_on_the_seed_only():
    first, again, other = (normal(seed, 4.0, 10_000, 10) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (10_000, 10) and first.dtype == torch.float64
    assert float(first.std()) == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize(("profile", "teachers"), [("full", [0, 1, 2]), ("quick", [0])])
def test_each_teacher_is_looked_at_once_beside_its_own_students(profile, teachers):
    made = trials("temperature_views", profile, 3)
    assert [t.seed for t in made if t.arm == "teacher"] == teachers and len(made) == 4 * len(teachers)
    for trial in made:
        assert all(need.seed == trial.seed for need in trial.needs)
        assert [need.arm for need in trial.needs] == {"gaussian": [], "teacher": ["teacher"]}.get(
            trial.arm, ["teacher", "hard"]
        )


def test_a_small_run_obeys_the_laws_of_the_softmax(micro, documented):
    table, measured = micro("temperature_views")
    documented("temperature_views", table, measured)
    assert len(measured) == 4 and len(table) == 4 * len(TEMPERATURES)
    kept = [table.array(arm, "test_logits") for arm in ("teacher", "untrained", "hard")]
    assert all(logits.shape == (KEPT, 10) for logits in kept)
    assert len({logits.tobytes() for logits in kept}) == 3
    for arm in ("teacher", "gaussian"):
        rows = table[table.arm == arm]
        assert rows.temperature.tolist() == list(TEMPERATURES)
        assert rows.entropy_share.is_monotonic_increasing and rows.entropy_share.between(0, 1).all()
        assert rows.top.is_monotonic_decreasing and rows.top.between(0.1, 1).all()
        assert (rows.argmax_changed == 0).all()
    assert table[table.arm == "teacher"].wrong_mass.between(0, 1).all()
    students = table[table.arm.isin(["untrained", "hard"])]
    assert students.low_five.between(0, 1).all() and students.cosine_with_hard.between(-1, 1).all()
    assert table[table.arm == "gaussian"].wrong_mass.isna().all() and students.top.isna().all()


def test_soft_targets_of_a_sure_teacher_at_one_pull_as_hard_labels_do():
    student, y = torch.randn(50, 10, dtype=torch.float64), torch.arange(50) % 10
    sure = F.one_hot(y, 10).double() * 30
    hard = student.softmax(-1) - F.one_hot(y, 10)
    torch.testing.assert_close(kd_gradient(student, sure, 1.0), hard, rtol=0, atol=1e-10)
