import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from kdbook.book import bert_sizes, latency
from kdbook.book.bert_sizes import (
    BASE,
    DISTIL,
    MODELS,
    TINY,
    architecture,
    file_bytes,
    flops,
    sizes,
    timed,
    with_random_weights,
)

SMALL = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.fixture
def small(monkeypatch):
    """The experiment with narrow models, few texts and no time to repeat."""
    monkeypatch.setitem(bert_sizes.MODELS, BASE, {"kind": "bert", **SMALL})
    monkeypatch.setitem(bert_sizes.MODELS, TINY, {"kind": "bert", **SMALL, "num_hidden_layers": 1})
    asked = {"models": (BASE, TINY), "batch_sizes": [1, 2], "lengths": [4, 8], "seconds": 1e-6}
    monkeypatch.setitem(bert_sizes.SETTINGS, "quick", asked)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        (BASE, 109_482_240),
        (DISTIL, 66_362_880),
        (TINY, 14_350_248),
        ("MobileBERT", 24_844_544),
        ("MiniLM-L12", 33_360_000),
        ("MiniLM-L6", 22_713_216),
    ],
)
def test_the_published_architectures_have_exactly_so_many_parameters(name, parameters):
    found = sizes(name)
    assert found["parameters"] == parameters
    assert 1 < found["bytes"] / (4 * parameters) < 1.01


def test_every_model_has_a_place_among_the_published_numbers():
    assert set(bert_sizes.PUBLISHED_MILLIONS) == set(MODELS)
    assert set(bert_sizes.PUBLISHED_SPEED) == set(MODELS) - {BASE}
    for name, millions in bert_sizes.PUBLISHED_MILLIONS.items():
        assert sizes(name)["parameters"] / 1e6 == pytest.approx(millions, rel=0.035)


def test_two_thirds_of_tinybert_are_its_embeddings():
    found = sizes(TINY)
    assert found["embedding_parameters"] == (30_522 + 512 + 2 + 2) * 312
    assert found["embedding_parameters"] / found["parameters"] == pytest.approx(2 / 3, abs=0.01)


def test_the_file_of_weights_is_as_large_as_computed(tmp_path):
    for changes in (SMALL, {**SMALL, "num_hidden_layers": 11}):  # eleven layers: names are no longer in numeric order
        model = architecture(BASE, **changes)
        with_random_weights(model).save_pretrained(tmp_path)
        assert (tmp_path / "model.safetensors").stat().st_size == file_bytes(model)


def test_operations_are_those_of_the_papers():
    # Jiao et al. 2020, Table 1: 22.5 and 1.2 billion for texts of 128 tokens
    assert flops(architecture(BASE), 128) == pytest.approx(22.5e9, rel=0.01)
    assert flops(architecture(TINY), 128) == pytest.approx(1.2e9, rel=0.05)
    assert flops(architecture(DISTIL), 128) * 2 == pytest.approx(flops(architecture(BASE), 128), rel=1e-3)


@pytest.mark.parametrize("name", [BASE, DISTIL, "MobileBERT"])
def test_random_weights_make_an_architecture_answer_with_finite_numbers_that_depend_on_the_text(name):
    layers = {"n_layers" if name == DISTIL else "num_hidden_layers": 1}
    model = with_random_weights(architecture(name, **layers))
    with torch.no_grad():
        first, second = model(torch.tensor([[5, 6, 7], [5, 7, 6]])).last_hidden_state
    assert torch.isfinite(first).all() and not torch.equal(first, second)


@pytest.mark.parametrize(("first", "passes"), [(50.0, 4), (0.001, bert_sizes.MOST_PASSES)])
def test_as_many_passes_are_timed_as_fit_into_the_given_seconds_after_one_that_warms_up(monkeypatch, first, passes):
    times, asked = [first, 20.0], []
    fake = lambda model, x, passes, warm_up: asked.append((passes, warm_up)) or times.pop(0)  # noqa: E731
    monkeypatch.setattr(bert_sizes, "median_milliseconds", fake)
    found = timed(nn.Identity(), torch.zeros(3, 1), seconds=0.2)
    assert asked == [(1, 0), (passes, 0)]
    assert found["milliseconds"] == 20 and found["texts_per_second"] == pytest.approx(150)


def test_a_pass_that_takes_longer_than_the_given_seconds_is_not_repeated(monkeypatch):
    asked = []
    monkeypatch.setattr(bert_sizes, "median_milliseconds", lambda model, x, n, warm_up: asked.append(n) or 300.0)
    assert timed(nn.Identity(), torch.zeros(1, 1), seconds=0.2)["milliseconds"] == 300.0
    assert asked == [1]


def test_a_model_that_waits_uses_little_processor_time():
    class Sleeping(nn.Module):
        def forward(self, x):
            time.sleep(0.05)

    found = timed(Sleeping(), torch.zeros(1, 1), seconds=0.1)
    assert found["milliseconds"] >= 50 and found["processor_milliseconds"] < 25 and found["cpu_share"] < 50


def test_a_small_run_has_a_row_for_each_model_batch_size_and_length(small, micro, documented):
    table, measured = micro("bert_sizes")
    documented("bert_sizes", table, measured)
    assert len(table) == 2 * 2 * 2 and (table.milliseconds > 0).all()
    longer = table.set_index(["arm", "batch_size", "tokens"]).flops
    assert (longer[:, :, 8] > 1.9 * longer[:, :, 4]).all()
    assert table.groupby("arm").parameters.nunique().tolist() == [1, 1]


def test_models_of_a_round_are_timed_in_turn(small, monkeypatch):
    order = []
    monkeypatch.setattr(bert_sizes, "timed", lambda model, x, seconds: order.append((tuple(x.shape), id(model))) or {})
    memory = {}
    tools = SimpleNamespace(device="cpu", remember=lambda key, make: memory.setdefault(key, memory.get(key) or make()))
    bert_sizes.measure(bert_sizes.trials("quick", 1), tools)
    assert [shape for shape, _ in order] == [s for s in [(1, 4), (2, 4), (1, 8), (2, 8)] for _ in range(2)]
    assert len({model for _, model in order}) == 2 and order[0][1] != order[1][1]


def test_an_unknown_model_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(ValueError, match="model must be one of BERT-base, DistilBERT"):
        architecture("GPT-2")


def test_latency_times_as_many_passes_as_asked_for_after_those_that_warm_up():
    calls = []
    latency.median_milliseconds(lambda x: calls.append(1), torch.zeros(1), 3, warm_up=2)
    assert len(calls) == 5
