"""Six BERTs: what their shapes count, how they are timed, and both figures from a table of known speeds."""

import pandas as pd
import pytest
import torch
from torch import nn

from kdbook.book import bert_sizes
from kdbook.book.bert_sizes import (
    BASE,
    BATCH_SIZES,
    DISTIL,
    LENGTHS,
    MODELS,
    STUDENTS,
    TINY,
    architecture,
    file_bytes,
    flops,
    operations_ratio,
    published_millions,
    published_speed,
    sizes,
    speed_alt,
    speed_bars,
    timed,
    times_as,
    with_random_weights,
)
from kdbook.show.figures import plotted

SMALL = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.fixture
def small(monkeypatch):
    """The question with narrow models."""
    monkeypatch.setitem(bert_sizes.MODELS, BASE, {"kind": "bert", **SMALL})
    monkeypatch.setitem(bert_sizes.MODELS, DISTIL, {"kind": "bert", **SMALL})
    monkeypatch.setitem(bert_sizes.MODELS, TINY, {"kind": "bert", **SMALL, "num_hidden_layers": 1})


def table(models=tuple(MODELS), batch_sizes=BATCH_SIZES, lengths=LENGTHS, seeds=3):
    """Model i is i + 1 times as fast as BERT-base and needs 2 i + 1 times fewer operations."""
    at = {name: number for number, name in enumerate(MODELS)}
    return pd.DataFrame(
        {
            "arm": name, "seed": seed, "batch_size": batch_size, "tokens": tokens,
            "texts_per_second": (at[name] + 1) * (10 + seed) / tokens, "flops": 1e9 * tokens / (2 * at[name] + 1),
            "parameters": 1e8 / (at[name] + 1), "embedding_parameters": 1e7,
        }
        for name in models for seed in range(seeds) for batch_size in batch_sizes for tokens in lengths
    )  # fmt: skip


def quick():
    return table((BASE, DISTIL, TINY), [1, 8], [32], 2)


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


def test_the_published_sizes_are_those_of_the_architectures():
    for name in MODELS:
        assert sizes(name)["parameters"] / 1e6 == pytest.approx(published_millions(name), rel=0.035)
    assert published_millions("MiniLM-L12") == 33 and published_millions("MobileBERT") == pytest.approx(25.58, abs=0.01)


def test_the_published_speeds_are_those_of_the_ledger():
    speeds = [published_speed(name) for name in STUDENTS]
    assert dict(zip(STUDENTS, speeds, strict=True)) == {
        DISTIL: pytest.approx(1.629, abs=1e-3), "MiniLM-L12": 2.7, "MobileBERT": 5.5, "MiniLM-L6": 5.3, TINY: 9.4,
    }  # fmt: skip


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


@pytest.mark.parametrize(("first", "passes"), [(50.0, [1, 4]), (0.001, [1, bert_sizes.MOST_PASSES]), (300.0, [1])])
def test_as_many_passes_are_timed_as_fit_into_the_given_seconds_after_one_that_warms_up(monkeypatch, first, passes):
    times, asked = [first, 20.0], []

    def fake(model, x, passes, warm_up):
        asked.append(passes + warm_up)
        return {"milliseconds": times.pop(0)}

    monkeypatch.setattr(bert_sizes, "clocked", fake)
    found = timed(nn.Identity(), torch.zeros(3, 1), seconds=0.2)
    assert asked == passes
    last = first if passes == [1] else 20
    assert found["milliseconds"] == last and found["texts_per_second"] == pytest.approx(3000 / last)


def test_a_small_run_has_a_row_for_each_model_batch_size_and_length(small, micro, documented):
    table, measured = micro("bert_sizes", batch_sizes=[1, 2], lengths=[4, 8], seconds=1e-6)
    documented("bert_sizes", table, measured)
    assert len(table) == 3 * 2 * 2 and (table.milliseconds > 0).all()
    assert [(row["tokens"], row["batch_size"]) for row in next(iter(measured.values()))] == [
        (4, 1), (4, 2), (8, 1), (8, 2),
    ]  # fmt: skip
    longer = table.set_index(["arm", "batch_size", "tokens"]).flops
    assert (longer[:, :, 8] > 1.9 * longer[:, :, 4]).all()
    counted = table.groupby("arm").parameters.unique()
    assert counted[BASE].tolist() == counted[DISTIL].tolist() and len(counted[TINY]) == 1
    assert counted[TINY] < counted[BASE]


def test_an_unknown_model_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(ValueError, match="model must be one of BERT-base, DistilBERT"):
        architecture("GPT-2")


def test_a_speed_up_is_paired_by_round_and_empty_where_nothing_was_timed():
    found = times_as(table(), DISTIL, 8, 128)
    assert found.index.tolist() == [0, 1, 2] and found.tolist() == pytest.approx([2, 2, 2])
    assert len(times_as(table(batch_sizes=[1]), DISTIL, 8, 128)) == 0
    assert len(times_as(table(models=(BASE, DISTIL)), TINY, 8, 128)) == 0
    assert operations_ratio(table(), DISTIL, 384) == pytest.approx(3)


def test_a_quick_run_of_three_models_is_drawn_beside_the_full_one():
    labelled = {bert_sizes.sizes_and_speeds: [[2, 2]], bert_sizes.by_batch_and_length: [[2, 2], [6, 6]]}
    for draw, own in labelled.items():
        for mine, expected in ((None, []), (quick(), own)):
            series = [s for axes in draw(table(), mine).axes for s in plotted(axes)["series"]]
            assert [s["y"] for s in series if s["label"].startswith("yours")] == [pytest.approx(y) for y in expected]


def test_bars_stand_for_sizes_and_crosses_for_what_was_published():
    left = plotted(bert_sizes.sizes_and_speeds(table()).axes[0])["series"]
    by_label = {s["label"]: s for s in left if s["label"]}
    assert by_label["published"]["x"] == pytest.approx([published_millions(name) for name in [*MODELS][::-1]])
    assert by_label["embeddings"]["x"] == pytest.approx([10] * 6)
    assert by_label["layers and pooler"]["x"] == pytest.approx([100 / n - 10 for n in range(6, 0, -1)])


def test_every_student_has_its_published_speed_up_and_a_line_a_batch_size():
    panels = bert_sizes.by_batch_and_length(table()).axes
    assert [axes.get_title() for axes in panels] == STUDENTS
    for at, (axes, name) in enumerate(zip(panels, STUDENTS, strict=True)):
        by_label = {s["label"]: s["y"] for s in plotted(axes)["series"] if s["label"]}
        assert by_label["published, other machines"] == pytest.approx([published_speed(name)] * 2)
        assert by_label["operations, times fewer"] == pytest.approx([2 * at + 3] * len(LENGTHS))
        assert by_label["batch 32"] == pytest.approx([at + 2] * len(LENGTHS))


def test_the_slider_shows_and_tells_the_speed_ups_of_its_position():
    series = plotted(speed_bars(table(), 1, 32, table(models=(BASE, TINY), seeds=2)).axes[0])["series"]
    assert [y for s in series if s["kind"] == "bar" for y in s["y"]] == pytest.approx([2, 3, 4, 5, 6])
    assert speed_alt(table(), 8, 128) == (
        "Batch 8, 128 tokens, times as fast as BERT-base: DistilBERT 2.0, MiniLM-L12 3.0, MobileBERT 4.0, "
        "MiniLM-L6 5.0, TinyBERT-4 6.0."
    )
