"""What stands at padding must not matter, neither for a loss nor for its gradient."""

import math

import pytest
import torch

from tests.faults.loss_calls import MASKED, changed, right, value_and_gradients

CONTENTS = {
    "lowest number": lambda dtype: torch.finfo(dtype).min,
    "highest number": lambda dtype: torch.finfo(dtype).max,
    "-1e4": lambda dtype: -1e4,
    "-inf": lambda dtype: -math.inf,
    "inf": lambda dtype: math.inf,
    "nan": lambda dtype: math.nan,
}


def padded(given, content):
    """The arguments with `content` wherever a text's mask does not count."""

    def change(name, values):
        side = "mask_t" if name.endswith("t") and "mask_t" in given else "mask_s"
        filling = ~given.get("mask", given.get(side))
        if name.startswith("scores"):
            filling = (filling[:, None, :, None] | filling[:, None, None, :]).expand_as(values)
        return values.masked_fill(filling if name.startswith("scores") else filling[..., None], content)

    return changed(given, change)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", MASKED)
def test_padding_of_any_content_changes_neither_the_loss_nor_a_gradient(name, content, dtype, check):
    given = right(name, dtype=dtype) | {"check": check}
    if "proj" in given:
        given["proj"].to(dtype)
    expected = value_and_gradients(MASKED[name], padded(given, 0.0))
    found = value_and_gradients(MASKED[name], padded(given, CONTENTS[content](dtype)))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert all(gradient.isfinite().all() and gradient.any() for gradient in found[1])


@pytest.mark.parametrize("name", MASKED)
def test_what_counts_is_still_looked_at(name):
    given = right(name)
    broken = changed(given, lambda _, values: values.index_fill(0, torch.tensor(0), math.nan))
    with pytest.raises(ValueError, match="must be finite, got nan"):
        MASKED[name](**broken)
