"""Ten nets, their average and its students: who they are, what is counted, a run of few utterances, and the figures."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from kdbook.book import speech_ensemble
from kdbook.book.speech_ensemble import (
    HEARD,
    NETS,
    PUBLISHED,
    PUBLISHED_SIZES,
    RATES,
    ensemble_log_p,
    frame_alt,
    fresh,
    kept,
    one_frame,
    published_share,
    score,
    sounding,
)
from kdbook.data.speech import CONTEXT, MEL, PHONEMES, STATES, load_digits
from kdbook.lab import Store, arms
from kdbook.lab.results import Results
from kdbook.lab.tools import Progress, Tools
from kdbook.show.figures import plotted
from kdbook.training import predict

SMALL = {"sizes": [CONTEXT * MEL, 8, STATES]}
MOST = {"utterances": 4, "scored": 2, "batch_size": 128, "epochs": 1}
FRAMES = 40


@pytest.fixture
def nets(cut):
    return [cut(arms.trial("speech_ensemble", "quick", f"net:{m}", 0), MOST, **SMALL) for m in range(NETS)]


@pytest.fixture
def tools(tmp_path):
    return Tools(Store(tmp_path), torch.device("cpu"), Progress([], quiet=True))


@pytest.fixture
def full():
    """Students keep 100 / T per cent of the ensemble's gain of four points; an utterance of silence, s, ɪ, silence."""
    rows = []
    for seed in range(3):
        levels = {"baseline": 60 + seed, "ensemble": 64 + seed}
        levels |= {f"T={t:g}": 60 + seed + 4 / t for t in RATES}
        rows += [
            {"arm": arm, "seed": seed, "frame_accuracy": level, "word_error_rate": 70 - level, "parameters": 1000}
            for arm, level in levels.items()
        ]
    silence, s, six = len(PHONEMES), PHONEMES.index("s"), PHONEMES.index("ɪ")
    said = np.repeat([silence, s, six, silence], FRAMES // 4)
    arrays = {
        "ensemble.0.mel": np.zeros((FRAMES, MEL), np.float16),
        "ensemble.0.states": np.where(said == silence, 3 * silence, 3 * said + 1).astype(np.float16),
    }
    for arm, right in zip(HEARD, (0.5, 0.7, 0.6), strict=True):
        heard = np.full((FRAMES, silence + 1), (1 - right) / silence, np.float16)
        heard[np.arange(FRAMES), said] = right
        arrays[f"{arm}.0.phonemes"] = heard
    yield Results(pd.DataFrame(rows), arrays)
    plt.close("all")


def test_the_published_model_has_84_million_parameters():
    layers = [(a + 1) * b for a, b in zip(PUBLISHED_SIZES[:-1], PUBLISHED_SIZES[1:], strict=True)]
    assert layers == [1041 * 2560, *[2561 * 2560] * 7, 2561 * 14_000]
    assert sum(layers) == 84_412_080


def test_ten_nets_are_one_cohort_and_students_of_a_seed_differ_in_temperature_and_rate_only():
    found = {(t.arm, t.seed): t for t in arms.trials("speech_ensemble", "full")}
    ten = [found[f"net:{m}", 3] for m in range(NETS)]
    assert {t.cohort for t in ten} == {"nets"} and len(set(ten)) == NETS
    students = [found[f"T={t:g}", 3] for t in RATES]
    assert {t.cohort for t in students} == {"students"} and {t.needs for t in students} == {tuple(ten)}
    differing = {k for s in students for k in s.settings if s.settings[k] != students[0].settings[k]}
    assert differing == {"temperature", "lr"} and {t.settings["alpha"] for t in students} == {0.5}


def test_nets_of_a_seed_begin_differently_and_no_student_begins_as_a_net():
    trials = [t for t in arms.trials("speech_ensemble", "full", 2) if "init" in t.settings]
    assert len({float(fresh(t).layers[0].weight.detach().sum()) for t in trials}) == 2 * (NETS + 1)


def test_the_ensemble_is_the_mean_of_probabilities(nets, tools):
    for trial in nets:
        tools.store.write(trial, {}, {"seconds": 0}, tensors=fresh(trial).state_dict())
    frames = load_digits("test", 2).frames
    p = torch.stack([predict(fresh(t), frames).logits.softmax(-1) for t in nets])
    torch.testing.assert_close(ensemble_log_p(tuple(nets), frames, tools).exp(), p.mean(0))


def test_a_net_that_knows_every_state_makes_no_errors(nets, tools):
    spoken = load_digits("test", 2)
    y = spoken.frames.y
    sure = torch.full((len(y), STATES), -12.0)
    sure[torch.arange(len(y)), y] = -1e-3
    # a decoder knows what it heard in training, and more than once
    tools.remember(("digits", "train", 4), lambda: spoken._replace(said=3 * spoken.said))
    found = score(nets[0], sure, tools)
    assert (found["frame_accuracy"], found["word_error_rate"]) == (100, 0)
    assert found["parameters"] == (CONTEXT * MEL + 1) * 8 + 9 * STATES


def test_a_small_run_measures_every_arm_by_the_same_nets(micro, documented):
    table, measured = micro("speech_ensemble", most=MOST, **SMALL)
    documented("speech_ensemble", table, measured)
    assert set(speech_ensemble.COLUMNS) <= set(table.columns)
    by = table.set_index("arm")
    ten = by.loc[[f"net:{m}" for m in range(NETS)]]
    for column, best in (("frame_accuracy", ten.frame_accuracy.max()), ("word_error_rate", ten.word_error_rate.min())):
        assert by.loc["baseline", column] == pytest.approx(ten[column].mean())
        assert by.loc["baseline", f"best_{column}"] == pytest.approx(best)
    assert by.loc["ensemble"].parameters == 10 * by.loc["T=2"].parameters == 10 * by.loc["baseline"].parameters
    assert (by.loc[["net:0", "T=2"]].frames_per_second > 0).all()
    heard, said = table.array("T=2", "phonemes"), table.array("ensemble", "states")
    assert heard.shape == (len(said), (STATES - 1) // 3 + 1)
    np.testing.assert_allclose(heard.astype(float).sum(1), 1, atol=0.01)
    assert table.array("net:0", "right").shape == table.array("T=2", "right").shape


def test_a_share_is_paired_by_seed_and_the_published_ones_are_those_of_the_table(full):
    assert kept(full, "frame_accuracy", "T=5").tolist() == pytest.approx([20] * 3)
    assert kept(full, "word_error_rate", "T=2").tolist() == pytest.approx([50] * 3)
    assert PUBLISHED["ensemble"] == (61.1, 10.7)
    assert published_share(0) == pytest.approx(100 * 1.9 / 2.2) and published_share(1) == pytest.approx(100)


def test_crosses_stand_at_the_published_share_of_our_gap(full):
    drawn = speech_ensemble.table1(full, full)
    (cross,) = [s for s in plotted(drawn.axes[0])["series"] if s["label"].startswith("published")]
    assert cross["y"] == pytest.approx([61, 65, 61 + 4 * 1.9 / 2.2])


def test_temperatures_are_drawn_at_their_shares(full):
    series = plotted(speech_ensemble.by_temperature(full, full).axes[0])["series"]
    (line,) = [s for s in series if s["label"] == "reference"]
    assert (line["x"], line["y"]) == ([1, 2, 5, 10], pytest.approx([100, 50, 20, 10]))


def test_a_moment_shows_and_tells_what_each_hears(full):
    numbers, names, said = sounding(full)
    assert numbers == [len(PHONEMES), PHONEMES.index("s"), PHONEMES.index("ɪ")] and names == ["silence", "s", "ɪ"]
    assert said.tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [0] * 10
    bars = [s for s in plotted(one_frame(full, 12).axes[1])["series"] if s["kind"] == "bar"]
    assert [round(bar["y"][1], 2) for bar in bars] == [0.5, 0.7, 0.6]
    assert frame_alt(full, 12) == (
        "Frame 12, in which s sounds: its probability is by one net 0.50, the ensemble 0.70, the distilled net 0.60."
    )
    assert len(speech_ensemble.frames(full).axes) == 4
