"""Gradients of micro-batches that are added up are those of the whole batch, however unequal their texts."""

import inspect

import pytest
import torch

from tests.faults.loss_calls import LOSSES, MASKED, learned, right, value_and_gradients

PARTS = ([0], [1, 3], [2])


def rows_of(given, rows):
    """The arguments for some of the texts."""

    def of(value):
        if isinstance(value, list):
            return [of(one) for one in value]
        return value[rows] if isinstance(value, torch.Tensor) else value

    return {name: of(value) for name, value in given.items()}


def counts(name, given):
    """What the whole batch's sums are divided by, for each of the loss's own arguments that ask for it."""
    if name == "universal_logit_distillation":
        return {"num_tokens": int(torch.minimum(given["mask_s"].sum(-1), given["mask_t"].sum(-1)).sum())}
    tokens, pairs = int(given["mask"].sum()), int(given["mask"].sum(-1).square().sum())
    wanted = {
        "num_tokens": tokens,
        "num_pairs": pairs,
        "num_masked": int((given.get("labels", given["mask"]) >= 0).sum()),
    }
    if name == "attention_score_loss":
        wanted["num_tokens"] = pairs
    return {n: count for n, count in wanted.items() if n in inspect.signature(LOSSES[name]).parameters}


@pytest.mark.parametrize("name", MASKED)
def test_parts_of_unequal_length_add_up_to_the_whole(name):
    loss, given = MASKED[name], right(name)
    whole, gradients = value_and_gradients(loss, given)
    divide = counts(name, given)
    assert divide, f"{name} averages over tokens and must take num_tokens"
    parts = [value_and_gradients(loss, rows_of(given, rows) | divide) for rows in PARTS]
    torch.testing.assert_close(sum(value for value, _ in parts), whole)
    tensors = [value for value in learned(given) if not isinstance(value, torch.nn.Parameter)]
    for number, gradient in enumerate(gradients):
        found = [part[number] for _, part in parts]
        joined = torch.cat(found)[torch.tensor(sum(PARTS, [])).argsort()] if number < len(tensors) else sum(found)
        torch.testing.assert_close(joined, gradient)


@pytest.mark.parametrize("name", MASKED)
def test_the_mean_of_the_parts_would_be_another_number(name):
    loss, given = MASKED[name], right(name)
    means = [loss(**rows_of(given, rows)).detach() for rows in PARTS]
    assert float(sum(means) / len(means)) != pytest.approx(float(loss(**given).detach()), rel=1e-6)


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("bad", [0, -3, 2.5, "12", True, torch.tensor(4)])
def test_a_number_of_tokens_that_is_none_is_named(name, bad):
    for argument in counts(name, right(name)):
        with pytest.raises(ValueError, match=f"num_tokens must be|{argument} must be"):
            MASKED[name](**right(name), **{argument: bad})
