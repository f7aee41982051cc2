"""Figures of BERT's sizes, from a table in which every speed is known."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from kdbook.book.bert_sizes import BASE, DISTIL, MODELS, PUBLISHED_SPEED, TINY
from kdbook.book.plots.bert_sizes import (
    BATCH_SIZES,
    LENGTHS,
    STUDENTS,
    operations_ratio,
    speed_alt,
    speed_bars,
    times_as,
)
from kdbook.show.compare import compare_figures
from kdbook.show.figures import plotted, registered, save


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


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_speed_up_is_paired_by_round_and_empty_where_nothing_was_timed():
    found = times_as(table(), DISTIL, 8, 128)
    assert found.index.tolist() == [0, 1, 2] and found.tolist() == pytest.approx([2, 2, 2])
    assert len(times_as(table(batch_sizes=[1]), DISTIL, 8, 128)) == 0
    assert len(times_as(table(models=(BASE, DISTIL)), TINY, 8, 128)) == 0
    assert operations_ratio(table(), DISTIL, 384) == pytest.approx(3)


@pytest.mark.parametrize("name", ["bert_sizes", "bert_speed_by_batch_and_length"])
def test_a_quick_run_of_three_models_is_drawn_on_the_axes_of_the_full_one(name, tmp_path):
    entry, full = registered()[name], table()
    quick = table(models=(BASE, DISTIL, TINY), batch_sizes=[1, 8], lengths=[32], seeds=2)
    alone, both = entry.draw(full), entry.draw(full, quick)
    for folder, drawn in (("full", alone), ("both", both)):
        save(drawn, name, alt=entry.alt, folder=tmp_path / folder)
    assert compare_figures(tmp_path / "full", tmp_path / "both") == []
    yours = [
        [s for a in drawn.axes for s in plotted(a)["series"] if s["label"].startswith("yours")]
        for drawn in (alone, both)
    ]
    assert not yours[0] and yours[1]
    assert sorted(set(yours[1][0]["y"])) == [2]


def test_every_student_has_its_published_speed_up_and_a_line_a_batch_size():
    panels = registered()["bert_speed_by_batch_and_length"].draw(table()).axes
    assert [axes.get_title() for axes in panels] == STUDENTS
    for axes, name in zip(panels, STUDENTS, strict=True):
        by_label = {s["label"]: s["y"] for s in plotted(axes)["series"] if s["label"]}
        assert by_label["published, other machines"] == pytest.approx([PUBLISHED_SPEED[name]] * 2)
        assert by_label["batch 32"] == pytest.approx([list(MODELS).index(name) + 1] * len(LENGTHS))


def test_the_slider_shows_and_tells_the_speed_ups_of_its_position():
    series = plotted(speed_bars(table(), 1, 32, table(models=(BASE, TINY), seeds=2)).axes[0])["series"]
    assert [y for s in series if s["kind"] == "bar" for y in s["y"]] == pytest.approx([2, 3, 4, 5, 6])
    assert speed_alt(table(), 8, 128) == (
        "Batch 8, 128 tokens, times as fast as BERT-base: DistilBERT 2.0, MiniLM-L12 3.0, MobileBERT 4.0, "
        "MiniLM-L6 5.0, TinyBERT-4 6.0."
    )
