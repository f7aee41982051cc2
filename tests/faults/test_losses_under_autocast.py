"""Every loss in half precision under autocast against the same numbers in float64."""

import inspect
import math

import pytest
import torch

from tests.faults.loss_calls import BY_RELATION, LOSSES, PUBLIC, changed, right, value_and_gradients
from tests.faults.test_padding_of_losses import padded

HALF = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
WORDS = [name for name, f in LOSSES.items() if {"s"} <= inspect.signature(f).parameters.keys()]


def in_half_and_in_double(name, given, dtype):
    """A loss and its gradients of half inputs under autocast, and of the same numbers in float64 without it."""
    found = value_and_gradients(LOSSES[name], given, dtype)
    exact = changed(given, lambda _, values: values.double())
    for net in (value for value in exact.values() if isinstance(value, torch.nn.Module)):
        net.double()
    return found, value_and_gradients(LOSSES[name], exact)


def check_equal(name, given, dtype, rtol=1e-4):
    (value, gradients), (exact, exact_gradients) = in_half_and_in_double(name, given, dtype)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), exact, rtol=rtol, atol=1e-6)
    for gradient, wanted in zip(gradients, exact_gradients, strict=True):
        resolution = torch.finfo(gradient.dtype).eps  # a gradient is stored in the precision of what it belongs to
        size = float(wanted.abs().max())
        torch.testing.assert_close(
            gradient.double(), wanted, rtol=4 * resolution, atol=max(1e-3, resolution) * size + 1e-7
        )


LEAST = BY_RELATION | {"dist_loss": 2}
SHAPES = [
    (name, shape)
    for name in LOSSES.keys() - {"hint_loss", "hidden_state_loss"}
    for shape in ({}, {"rows": 1}, {"classes": 2}, {"rows": 1, "classes": 2})
    # two numbers always correlate by 1 or -1: nothing but rounding is left of the gradient
    if name != "dist_loss" or "classes" not in shape
]


@HALF
@pytest.mark.parametrize(("name", "shape"), sorted(SHAPES, key=str), ids=str)
def test_a_loss_in_half_precision_is_that_in_float64(name, shape, dtype):
    given = right(name, dtype=dtype, **shape)
    if shape.get("rows", 4) < LEAST.get(name, 1):
        with pytest.raises(ValueError, match=f"must be {LEAST[name]} examples or more, to have relations, got 1"):
            LOSSES[name](**given)
        given["check"] = False
    check_equal(name, given, dtype)


@HALF
@pytest.mark.parametrize("name", ["hint_loss", "hidden_state_loss"])
def test_a_regressor_runs_as_nets_do_under_autocast_and_its_loss_in_float32(name, dtype):
    seen = []
    given = right(name, dtype=dtype)
    net = "regressor" if "regressor" in given else "proj"
    given[net].register_forward_hook(lambda module, shown, told: seen.append(told.dtype))
    value, gradients = value_and_gradients(LOSSES[name], given, dtype)
    assert seen == [dtype] and value.dtype == torch.float32
    mapped = given[net].to(dtype)(given.pop("f_s" if net == "regressor" else "hidden_s"))
    exact = changed(
        {**given, ("f_s" if net == "regressor" else "hidden_s"): mapped, net: None}, lambda _, v: v.double()
    )
    torch.testing.assert_close(value.double(), LOSSES[name](**exact).detach(), rtol=1e-6, atol=0)
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)


@pytest.mark.parametrize("name", PUBLIC)
def test_autocast_changes_no_bit_of_what_is_computed_from_float32(name):
    given = {k: v for k, v in right(name, dtype=torch.float32).items() if k not in ("regressor", "proj")}
    if "f_t" in given or "hidden_t" in given:  # of equal widths, since there is no map
        ours, theirs = ("f_s", "f_t") if "f_t" in given else ("hidden_s", "hidden_t")
        given[theirs] = [one.flip(0) for one in given[ours]] if isinstance(given[ours], list) else given[ours].flip(0)
    torch.manual_seed(0)
    expected = PUBLIC[name](**given)
    if "memory" in given:
        given["memory"].log_z = None
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = PUBLIC[name](**given)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@HALF
@pytest.mark.parametrize("content", [math.nan, -math.inf, -1e4])
@pytest.mark.parametrize(
    "name", [n for n in LOSSES if any(p.startswith("mask") for p in inspect.signature(LOSSES[n]).parameters)]
)
def test_padding_of_any_content_stays_out_in_half_precision(name, content, dtype):
    given = right(name, dtype=dtype)
    expected = value_and_gradients(LOSSES[name], padded(given, 0.0), dtype)
    found = value_and_gradients(LOSSES[name], padded(given, content), dtype)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.slow
@HALF
@pytest.mark.parametrize("name", WORDS)
def test_a_vocabulary_of_150_000_words(name, dtype):
    given = right(name, rows=2, classes=150_000, dtype=dtype)
    check_equal(name, given, dtype, rtol=1e-3)
    if "mask" in given:
        value, gradients = value_and_gradients(LOSSES[name], padded(given, math.nan), dtype)
        assert value.isfinite() and all(gradient.isfinite().all() for gradient in gradients)


@HALF
def test_a_small_difference_of_similarities_keeps_its_gradient(dtype):
    torch.manual_seed(0)
    f_s, f_t = torch.randn(8, 64), torch.randn(8, 64)
    for name in BY_RELATION:
        given = {"f_s": 300 * f_s, "f_t": 300 * f_t}  # inner products of 90,000 times the width leave float16
        found = value_and_gradients(LOSSES[name], given, dtype)
        torch.testing.assert_close(found, value_and_gradients(LOSSES[name], given), rtol=0, atol=0)
        assert found[1][0].any()
