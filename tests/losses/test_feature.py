"""Feature losses against literals computed by hand, and the laws they obey."""

import math

import pytest
import torch

from kdbook.losses.feature import attention_map, attention_transfer, hint_loss


def maps(*values):
    """One image, one channel, one row of positions."""
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, 1, -1)


def random_maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_hint_by_hand():
    found = hint_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0]]), lambda f: 2 * f)
    assert float(found) == pytest.approx(5.0)  # (1 + 9) / 2


def test_attention_transfer_by_hand():
    # squares (9, 16), of norm 1: (0.490261, 0.871576); the teacher's: (1, 0)
    student, teacher = maps(3.0, 4.0), maps(1.0, 0.0)
    assert float(attention_transfer(student, teacher)) == pytest.approx(0.5097387)
    assert float(attention_transfer(student, teacher, form="paper")) == pytest.approx(1.0096917)


def test_an_attention_map_is_of_norm_one_and_does_not_know_signs_or_scale():
    f = random_maps(3, 5, 4, 4)
    torch.testing.assert_close(attention_map(f).norm(dim=1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(attention_map(-2 * f), attention_map(f))


def test_the_larger_resolution_is_averaged_down():
    student, teacher = random_maps(2, 3, 8, 8), random_maps(2, 6, 4, 4, seed=1)
    pooled = torch.nn.functional.avg_pool2d(student, 2)
    torch.testing.assert_close(attention_transfer(student, teacher), attention_transfer(pooled, teacher))
    torch.testing.assert_close(attention_transfer(teacher, student), attention_transfer(teacher, pooled))


LOSSES = {
    "hint": lambda s, t, **how: hint_loss(s, t, **how),
    "attention": lambda s, t, **how: attention_transfer(s, t, **how),
    "attention, paper": lambda s, t, **how: attention_transfer(s, t, form="paper", **how),
}
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@losses
def test_equal_features_cost_nothing(loss):
    f = random_maps(4, 3, 5, 5)
    assert float(loss(f, f.clone())) == pytest.approx(0, abs=1e-12)


@losses
def test_the_gradient_reaches_the_student_only(loss):
    student, teacher = (random_maps(4, 3, 5, 5, seed=s).requires_grad_() for s in (0, 1))
    loss(student, teacher).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None


@losses
def test_the_gradient_is_finite_where_features_are_equal_or_zero(loss):
    for student in (random_maps(2, 3, 5, 5), torch.zeros(2, 3, 5, 5, dtype=torch.float64)):
        student.requires_grad_()
        loss(student, student.detach()).backward()
        assert student.grad.isfinite().all()


@losses
def test_rows_average_to_the_mean(loss):
    student, teacher = random_maps(4, 3, 5, 5), random_maps(4, 3, 5, 5, seed=1)
    rows = loss(student, teacher, reduction="none")
    assert rows.shape == (4,)
    torch.testing.assert_close(rows.mean(), loss(student, teacher))


@losses
def test_the_gradient_is_that_of_finite_differences(loss):
    student, teacher = random_maps(2, 2, 3, 3).requires_grad_(), random_maps(2, 2, 3, 3, seed=1)
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher), student)


@losses
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_features_are_computed_in_float32(loss, dtype):
    student, teacher = (random_maps(2, 3, 4, 4, seed=s).to(dtype) * 100 for s in (0, 1))
    found = loss(student, teacher)
    assert found.dtype == torch.float32 and found.isfinite()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: hint_loss(f, f[:, :2]), "give a regressor"),
        (lambda f: hint_loss(f, f[:3]), r"f_s must have the shape of f_t, \(3, .*got \(4, "),
        (lambda f: hint_loss(f.long(), f), "f_s must be floating point"),
        (lambda f: hint_loss(f, f * math.nan), "f_t must be finite"),
        (lambda f: hint_loss(f[0, 0, 0], f), "feature axes"),
        (lambda f: hint_loss(f, f, reduction="sum"), "reduction must be"),
        (lambda f: attention_transfer(f.flatten(1), f), r"f_s must have shape \(B, channels, H, W\)"),
        (lambda f: attention_transfer(f, f, form="sum"), "form must be .code. or .paper., got 'sum'"),
    ],
)
def test_malformed_features_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_maps(4, 3, 5, 5))
