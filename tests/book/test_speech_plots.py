"""Figures of the speech experiments, from tables in which every share is known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kdbook.book.plots.speech_ensemble import HEARD, frame_alt, kept, one_frame, published_share, sounding
from kdbook.book.speech_ensemble import TEMPERATURES
from kdbook.data.speech import PHONEMES
from kdbook.lab.results import Results
from kdbook.show.compare import compare_figures
from kdbook.show.figures import plotted, registered, save

FRAMES = 40


def ensemble(seeds=3):
    """Students keep 100 / T per cent of the ensemble's gain of four points."""
    rows = []
    for seed in range(seeds):
        levels = {"baseline": 60 + seed, "ensemble": 64 + seed}
        levels |= {f"T={t:g}": 60 + seed + 4 / t for t in TEMPERATURES}
        rows += [
            {"arm": arm, "seed": seed, "frame_accuracy": level, "word_error_rate": 70 - level, "parameters": 1000}
            for arm, level in levels.items()
        ]
    silence, s, six = len(PHONEMES), PHONEMES.index("s"), PHONEMES.index("ɪ")
    said = np.repeat([silence, s, six, silence], FRAMES // 4)
    arrays = {
        "ensemble.0.mel": np.random.default_rng(0).normal(size=(FRAMES, 40)).astype(np.float16),
        "ensemble.0.states": np.where(said == silence, 3 * silence, 3 * said + 1).astype(np.float16),
    }
    for arm, right in zip(HEARD, (0.5, 0.7, 0.6), strict=True):
        heard = np.full((FRAMES, silence + 1), (1 - right) / silence, np.float16)
        heard[np.arange(FRAMES), said] = right
        arrays[f"{arm}.0.phonemes"] = heard
    return Results(pd.DataFrame(rows), arrays)


def few(seeds=3):
    """Test accuracy 60 with all data, 40 hard, 55 soft, 42 control."""
    levels = {"all": 60, "hard": 40, "soft": 55, "control": 42}
    rows = [
        {"arm": arm, "seed": seed, "training_accuracy": level + 10 + seed, "frame_accuracy": level + seed}
        for seed in range(seeds)
        for arm, level in levels.items()
    ]
    arms = ("hard", "soft", "control")
    curves = {f"{arm}.{s}.validation_accuracy": np.arange(5.0) + levels[arm] for arm in arms for s in range(seeds)}
    return Results(pd.DataFrame(rows), curves)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_share_is_paired_by_seed_and_the_published_ones_are_those_of_the_table():
    assert kept(ensemble(), "frame_accuracy", "T=5").tolist() == pytest.approx([20] * 3)
    assert kept(ensemble(), "word_error_rate", "T=2").tolist() == pytest.approx([50] * 3)
    assert published_share(0) == pytest.approx(86.36, abs=0.01)
    assert published_share(1) == pytest.approx(100)


@pytest.mark.parametrize(
    ("name", "table"),
    [("speech_ensemble", ensemble), ("speech_temperatures", ensemble), ("speech_three_percent", few)],
)
def test_a_quick_run_is_drawn_on_the_axes_of_the_full_one(name, table, tmp_path):
    entry = registered()[name]
    for folder, drawn in (("full", entry.draw(table())), ("both", entry.draw(table(), table(1)))):
        save(drawn, name, alt=entry.alt, folder=tmp_path / folder)
    assert compare_figures(tmp_path / "full", tmp_path / "both") == []
    assert len((tmp_path / "both" / f"{name}.json").read_text()) > len((tmp_path / "full" / f"{name}.json").read_text())


def test_crosses_stand_at_the_published_share_of_our_gap():
    drawn = registered()["speech_ensemble"].draw(ensemble())
    (cross,) = [s for s in plotted(drawn.axes[0])["series"] if s["label"].startswith("published")]
    assert cross["y"] == pytest.approx([61, 65, 61 + 4 * 1.9 / 2.2])
    drawn = registered()["speech_three_percent"].draw(few())
    (cross,) = [s for s in plotted(drawn.axes[1])["series"] if s["label"].startswith("published")]
    assert cross["y"] == pytest.approx([61, 61 * 44.5 / 58.9, 61 * 57.0 / 58.9])


def test_temperatures_are_drawn_at_their_shares():
    series = plotted(registered()["speech_temperatures"].draw(ensemble()).axes[0])["series"]
    (line,) = [s for s in series if s["label"] == "reference"]
    assert (line["x"], line["y"]) == (list(TEMPERATURES), pytest.approx([100, 50, 20, 10]))


def test_a_moment_shows_and_tells_what_each_hears():
    numbers, names = sounding(ensemble())
    assert names == ["silence", "s", "ɪ"] and len(numbers) == 3
    bars = [s for s in plotted(one_frame(ensemble(), 12).axes[1])["series"] if s["kind"] == "bar"]
    assert [round(bar["y"][1], 2) for bar in bars] == [0.5, 0.7, 0.6]
    assert frame_alt(ensemble(), 12) == (
        "Frame 12, in which s sounds: its probability is by one net 0.50, the ensemble 0.70, the distilled net 0.60."
    )
    assert len(registered()["speech_frames"].draw(ensemble()).axes) == 4
