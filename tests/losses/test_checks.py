"""The shared checks: what they let through, what they stop, and what they leave unread."""

import pytest
import torch

from kdbook.losses import checks

LOGITS = torch.zeros(2, 3, 5)


@pytest.mark.parametrize("shape", [(), (1,), (2,), (2, 1), (2, 3), (1, 3)], ids=str)
def test_align_puts_tensor_settings_on_the_leading_axes_from_the_left(shape):
    aligned = checks.align("alpha", torch.rand(shape), LOGITS)
    assert aligned.ndim == 2
    assert aligned.shape[: len(shape)] == shape


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 3, 1), (2, 3, 5)], ids=str)
def test_align_refuses_shapes_that_start_at_another_axis(shape):
    with pytest.raises(ValueError, match=r"alpha must be a number or broadcast over the leading axes \(2, 3\)"):
        checks.align("alpha", torch.rand(shape), LOGITS)


def test_align_takes_the_precision_of_the_logits_but_never_half():
    assert checks.align("alpha", torch.tensor(0.5), LOGITS.half()).dtype == torch.float32
    assert checks.align("alpha", torch.tensor(0.5), LOGITS.double()).dtype == torch.float64
    assert checks.align("temperature", torch.tensor(2), LOGITS).dtype == torch.float32


def test_number_settings_come_back_as_they_are():
    assert checks.setting("temperature", 4, "(0, inf)", LOGITS) == 4
    assert checks.setting("alpha", 0.0, "[0, 1]", LOGITS) == 0.0
    assert checks.setting("beta", 80.0, "[0, inf)", LOGITS) == 80.0


@pytest.mark.parametrize("within", ["(0, inf)", "[0, 1]", "[0, inf)"])
def test_tensor_settings_are_read_for_nan(within):
    with pytest.raises(ValueError, match="setting must be .*, got nan"):
        checks.setting("setting", torch.tensor([0.5, float("nan")]), within, LOGITS)


def test_check_finite_accepts_values_whose_sum_overflows():
    checks.check_finite("student_logits", torch.full((4, 5), 60_000.0, dtype=torch.float16))
    checks.check_finite("student_logits", torch.full((4, 5), 3e38))


def test_check_finite_finds_infinities_that_cancel_in_a_sum():
    with pytest.raises(ValueError, match=r"x must be finite, got inf at \[0\]"):
        checks.check_finite("x", torch.tensor([float("inf"), -float("inf")]))


def test_probabilities_input_allows_for_the_rounding_of_half_types():
    probs = torch.randn(8, 1000, generator=torch.Generator().manual_seed(0)).softmax(-1)
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        checks.probabilities_input("last_probs", probs.to(dtype), check=True)


def test_labels_of_any_integer_type_become_int64():
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64):
        assert checks.labels_input(torch.zeros(3, dtype=dtype), LOGITS, check=True).dtype == torch.int64


def test_boolean_labels_are_refused():
    with pytest.raises(ValueError, match="labels must be integer class numbers, got torch.bool"):
        checks.labels_input(torch.zeros(3, dtype=torch.bool), LOGITS, check=False)


def test_double_logits_stay_double_and_half_ones_become_float():
    assert checks.float32_up(LOGITS.double()).dtype == torch.float64
    assert checks.float32_up(LOGITS.bfloat16()).dtype == torch.float32


def test_kl_takes_the_target_first():
    # 0.9 ln(0.9/0.5) + 0.1 ln(0.1/0.5) = 0.368064; the other way round it is 0.510826
    p, q = torch.tensor([0.9, 0.1]).log(), torch.tensor([0.5, 0.5]).log()
    assert checks.kl_rows(p, q).item() == pytest.approx(0.368064, abs=1e-6)
