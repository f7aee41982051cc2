"""What people give losses by mistake: never accepted, always answered by argument, value and what to do."""

import inspect
import math
import re
from types import SimpleNamespace

import pytest
import torch

from kdbook.losses.relation import ContrastiveMemory
from tests.faults.loss_calls import BY_RELATION, LOSSES, PUBLIC, changed, right

INF, NAN = math.inf, math.nan
LABELS, MASKS = ("labels", "index", "top_indices"), ("mask", "mask_s", "mask_t")
SETTINGS = ("temperature", "alpha", "beta", "a_t", "gamma", "label_smoothing")
LOOKED_AT = [name for name, f in PUBLIC.items() if "check" in inspect.signature(f).parameters]


def one_hot(labels):
    return torch.nn.functional.one_hot(labels.clamp_min(0), 6)


def with_value(value):
    """A change that puts `value` into the first place of a tensor."""

    def change(x):
        x = x.clone()
        x.view(-1)[0] = value
        return x

    return change


# What is done to a tensor of numbers, of whole numbers, to a mask, and to a setting; ordered by how often one sees it.
ANY_TENSOR = {
    "a list": lambda x: x.tolist(),
    "a numpy array": lambda x: x.detach().numpy(),
    "None": lambda x: None,
    "the answer of a model": lambda x: SimpleNamespace(logits=x),
    "a tuple of one": lambda x: (x,),
    "text": lambda x: "logits.pt",
    "on a device without data": lambda x: x.to("meta"),
    "no axis": lambda x: x.reshape(-1)[0],
    "no rows": lambda x: x[:0],
}
NUMBERS = ANY_TENSOR | {
    "whole numbers": lambda x: x.long(),
    "booleans": lambda x: x > 0,
    "complex": lambda x: x.to(torch.complex64),
    "sparse": lambda x: x.to_sparse(),
}
LOOKED_UP = {"a NaN": with_value(NAN), "an infinity": with_value(INF), "minus infinity": with_value(-INF)}
WHOLE = ANY_TENSOR | {
    "floats": lambda x: x.float(),
    "one hot": one_hot,
    "soft": lambda x: one_hot(x).float(),
    "booleans": lambda x: x > 0,
    "complex": lambda x: x.to(torch.complex64),
    "ignored by torch": with_value(-100),
    "beyond the classes": with_value(99),
    "a row less": lambda x: x[:-1],
    "an axis more": lambda x: x[..., None],
    "one for all": lambda x: x[:1],
}
MASK = ANY_TENSOR | {
    "0 and 1": lambda x: x.long(),
    "floats": lambda x: x.float(),
    "a token less": lambda x: x[:, 1:],
    "a row less": lambda x: x[1:],
    "of one text for all": lambda x: x[:1],
    "one value a text": lambda x: x[:, :1],
    "transposed": lambda x: x.T,
    "an empty text": lambda x: x & (torch.arange(len(x)) > 0)[:, None],
    "all filling": lambda x: x & False,
}
SETTING = {
    "text": "4.0",
    "a comma": "0,5",
    "None": None,
    "negative": -1.0,
    "NaN": NAN,
    "infinite": INF,
    "a list": [1.0, 2.0],
    "True": True,
    "a tensor of another length": torch.ones(3),
    "a tensor with NaN": torch.tensor([0.5, 0.5, 0.5, NAN]),
    "complex": 1 + 1j,
}
FRACTION = SETTING | {"above 1": 1.5, "per cent": 90}
SPECIAL = {  # function and argument: what else is given
    "kd_loss temperature": {"zero": 0},
    "soft_targets temperature": {"zero": 0.0},
    "token_kd temperature": {"zero": 0.0, "a value a token": torch.ones(4, 5, 1)},
    "kd_loss teacher_logits": {
        "transposed": lambda x: x.T,
        "other classes": lambda x: x[:, :-1],
        "a row less": lambda x: x[:-1],
        "one row for all": lambda x: x[:1],
        "one answer for all": lambda x: x[0],
        "probabilities a class": lambda x: x[:, :1],
        "an axis more": lambda x: x[None],
    },
    "kd_loss student_logits": {"of 1e38": lambda x: 1e38 * x, "transposed": lambda x: x.T},
    "logit_matching student_logits": {"of 1e38": lambda x: 1e38 * x},
    "hint_loss f_t": {
        "of 1e20": lambda x: 1e20 * x,
        "another width": lambda x: x[:, :-1],
        "a row less": lambda x: x[1:],
    },
    "hint_loss regressor": {
        "text": "linear",
        "of another width": torch.nn.Linear(5, 3),
        "in another precision": torch.nn.Linear(4, 3).half(),
        "that answers with a tuple": lambda: lambda x: (x, x),
    },
    "hidden_state_loss proj": {
        "a matrix": torch.ones(4, 3),
        "of another width": torch.nn.Linear(5, 3).double(),
        "to another width": torch.nn.Linear(4, 2).double(),
    },
    "hard_loss row_weights": {
        "of classes": torch.ones(6, dtype=torch.float64),
        "a list": [1.0] * 4,
        "negative": -torch.ones(4),
        "NaN": torch.full((4,), NAN),
        "one for all": torch.ones(1),
    },
    "entropy_bits probabilities": {"logits": lambda x: 3 * x - 1, "per cent": lambda x: 100 * x},
    "progressive_targets last_probs": {"logits": lambda x: 3 * x - 1, "log-probabilities": lambda x: x.log()},
    "mutual_loss logits_list": {
        "one net": lambda x: x[:1],
        "nothing": lambda x: [],
        "other rows": lambda x: [x[0], x[1][1:]],
        "numbers": lambda x: [1.0, 2.0],
        "a generator": lambda x: (one for one in x),
        "a dictionary": lambda x: dict(enumerate(x)),
        "no axis": lambda x: x[0][0, 0],
    },
    "deep_to_shallow_loss branch_feats": {
        "None": None,
        "too few": lambda x: x[1:],
        "a tensor of no axis": lambda x: [x[0][0, 0]] * 2,
    },
    "attention_transfer form": {"another": "norm", "None": None, "a number": 2},
    "attention_transfer f_s": {"vectors": lambda x: x.flatten(1), "a batch less": lambda x: x[1:]},
    "correlation_congruence order": {"zero": 0, "a float": 2.5, "text": "2", "None": None},
    "correlation_congruence gamma": {"zero": 0.0},
    "flow_of_solution f_out_t": {"other channels": lambda x: x[:, 1:], "vectors": lambda x: x.flatten(1)},
    "contrastive_distillation memory": {"None": None, "a tensor": torch.ones(20, 4), "a dictionary": {}},
    "contrastive_distillation g_s": {"another width": lambda x: x[:, 1:], "a row less": lambda x: x[1:]},
    "generalized_jsd beta": {"above 1": 1.5, "per cent": 50, "a tensor": torch.tensor([0.5, 0.5])},
    "token_kd mask": {"one for all texts": lambda x: x[0]},
    "universal_logit_distillation mask_t": {"one for all texts": lambda x: x[0]},
    "token_kd t": {
        "another vocabulary": lambda x: x[..., 1:],
        "a token less": lambda x: x[:, 1:],
        "one text": lambda x: x[:1],
    },
    "universal_logit_distillation t": {"a text less": lambda x: x[1:], "one text": lambda x: x[0]},
    "sparse_kl top_log_probs": {
        "probabilities": lambda x: x.exp(),
        "another k": lambda x: x[:, :1],
        "logits": lambda x: -x,
    },
    "sparse_kl top_indices": {"twice": lambda x: x[:, :1].expand(-1, 2), "int32 beyond": lambda x: x.int() + 9},
    "sparse_kl missing": {"another": "drop", "None": None},
    "sparse_kl temperature": {"softened rest": 2.0, "zero": 0.0},
    "attention_score_loss scores_s": {"other heads": lambda x: x[:, 1:], "mean over heads": lambda x: x.mean(1)},
    "transformer_layer_loss scores_s": {"a layer less": lambda x: [], "a tensor without layers": lambda x: x[0][0]},
    "masked_lm_distillation weights": {
        "two": (5.0, 2.0),
        "four": (5.0, 2.0, 1.0, 1.0),
        "nothing": (0, 0, 0),
        "negative": (5, -2, 1),
        "NaN": (NAN, 2, 1),
        "one number": 5.0,
        "text": "5 2 1",
        "None": None,
    },
    "masked_lm_distillation labels": {"a word on filling": lambda x: x.masked_fill(x < 0, 1)},
    "masked_lm_distillation t": {"None": None},
    "layer_map student_layers": {"zero": 0, "too many": 5, "text": "2", "half": 1.5, "no divisor": 3},
    "layer_map kind": {"another": "middle", "None": None},
}


def tries():
    """(function, argument, what, value or change) of every try."""
    for name in PUBLIC:
        given = right(name)
        for argument, value in given.items():
            if isinstance(value, torch.Tensor):
                table = MASK if argument in MASKS else WHOLE if argument in LABELS else NUMBERS
                if argument in LABELS and name == "masked_lm_distillation":
                    table = {n: c for n, c in table.items() if n != "ignored by torch"}
                if table is NUMBERS and name in LOOKED_AT:
                    table = table | LOOKED_UP
                if name not in LOOKED_AT:
                    table = {n: c for n, c in table.items() if n not in ("an empty text", "all filling")}
                yield from ((name, argument, what, change) for what, change in table.items())
            if argument in SETTINGS and name not in ("generalized_jsd",):
                fraction = argument in ("alpha", "a_t", "label_smoothing") and name != "dkd_loss"
                for what, bad in (FRACTION if fraction else SETTING).items():
                    yield name, argument, what, bad
        if name in LOSSES:
            for bad in ("sum", "batchmean", "MEAN", "", None, True, 0):
                yield name, "reduction", repr(bad), bad
        if name in LOOKED_AT:
            for bad in ("no", None, 1):
                yield name, "check", repr(bad), bad
    for place, table in SPECIAL.items():
        for what, bad in table.items():
            yield *place.split(), what, bad


TRIES = list(tries())


def answer(name, argument, bad):
    """The message of the error that a bad argument earns; whatever else comes out fails the test."""
    given = right(name)
    is_change = callable(bad) and not isinstance(bad, torch.nn.Module)
    if is_change and not inspect.signature(bad).parameters:
        bad, is_change = bad(), False
    given[argument] = bad(given[argument]) if is_change else bad
    with pytest.raises(ValueError) as caught:
        PUBLIC[name](**given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "argument", "bad"), [(n, a, b) for n, a, _, b in TRIES], ids=[f"{n} {a}: {w}" for n, a, w, _ in TRIES]
)
def test_a_bad_argument_is_named_with_its_value_and_what_to_do(name, argument, bad):
    message = answer(name, argument, bad)
    assert re.search(rf"\b{argument}\b", message), message
    assert re.search(r"\bmust \w+.*\bgot \S", message, re.DOTALL), message


def test_the_table_is_as_large_as_it_says_and_every_public_function_is_in_it():
    assert len(TRIES) >= 150
    assert {name for name, *_ in TRIES} == set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_passes_the_one_entry(name):
    assert PUBLIC[name].__code__.co_name == "entered", f"decorate {name} with checks.entry or checks.row_loss"
    PUBLIC[name](**right(name))


@pytest.mark.parametrize("name", LOSSES)
def test_an_unknown_keyword_and_a_missing_argument_are_told_by_python(name):
    given = right(name)
    with pytest.raises(TypeError, match="unexpected keyword argument 'weight'"):
        LOSSES[name](**given, weight=torch.ones(6))
    given.pop(next(iter(given)))
    with pytest.raises(TypeError, match="missing a required argument"):
        LOSSES[name](**given)


@pytest.mark.parametrize(("name", "least"), BY_RELATION.items())
def test_a_relation_needs_examples_to_relate(name, least):
    with pytest.raises(ValueError, match=f"f_s must be {least} examples or more, to have relations, got {least - 1}"):
        LOSSES[name](**right(name, rows=least - 1))
    assert LOSSES[name](**right(name, rows=1), check=False).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", [name for name in LOOKED_AT if name not in ("layer_map",)])
def test_without_the_check_no_data_is_read(name):
    given = changed(right(name), lambda _, values: values * NAN)
    assert not PUBLIC[name](**given, check=False).isfinite().all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"embeddings": [[1.0, 0.0]] * 3}, "embeddings must be"),
        ({"embeddings": torch.ones(3)}, r"embeddings must have shape \(N, D\)"),
        ({"embeddings": torch.ones(3, 2, dtype=torch.int64)}, "embeddings must be floating point"),
        ({"negatives": 0}, r"negatives must be in 1\.\.2, got 0"),
        ({"negatives": 3}, r"negatives must be in 1\.\.2, got 3"),
        ({"negatives": 1.5}, "negatives must be int, got float 1.5"),
        ({"momentum": 2.0}, r"momentum must be in \[0, 1\], got 2.0"),
        ({"momentum": "half"}, "momentum must be float, got str"),
    ],
)
def test_a_memory_of_nothing_useful_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        ContrastiveMemory(**{"embeddings": torch.eye(3), "negatives": 2} | given)
