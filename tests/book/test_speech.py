"""The two experiments with speech, cut down to a few utterances and narrow nets."""

import numpy as np
import pytest
import torch

from kdbook.book import speech_ensemble, speech_soft_targets
from kdbook.book.speech_ensemble import (
    NETS,
    PUBLISHED,
    PUBLISHED_SIZES,
    RATES,
    TEMPERATURES,
    ensemble_log_p,
    fresh,
    nets,
    score,
    trials,
)
from kdbook.book.speech_soft_targets import SHARE, few_utterances
from kdbook.data.speech import CONTEXT, MEL, STATES, load_digits
from kdbook.lab import Store, arms, run
from kdbook.lab.engines import LocalTools, Progress
from kdbook.lab.steps import network
from kdbook.training import predict

SMALL = {"sizes": [CONTEXT * MEL, 8, STATES], "utterances": 4, "scored": 2, "epochs": 1, "batch_size": 128}


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Both quick profiles with nets of eight units and a few utterances; returns the store they share."""
    monkeypatch.setitem(speech_ensemble.SETTINGS, "quick", {**speech_ensemble.SETTINGS["quick"], **SMALL})
    few = {**speech_soft_targets.FEW, "validation": 2, "epochs": 3, "lr": 0.05}
    monkeypatch.setitem(speech_soft_targets.SETTINGS, "quick", {"hard": few, "soft": {**few, "epochs": 2}})
    return Store(tmp_path)


@pytest.fixture
def tools(small):
    return LocalTools(small, torch.device("cpu"), Progress([], quiet=True))


def test_the_published_model_has_84_million_parameters():
    layers = [(a + 1) * b for a, b in zip(PUBLISHED_SIZES[:-1], PUBLISHED_SIZES[1:], strict=True)]
    assert layers == [1041 * 2560, *[2561 * 2560] * 7, 2561 * 14_000]
    assert sum(layers) == 84_412_080
    assert [PUBLISHED[arm][0] for arm in ("baseline", "ensemble", "distilled")] == [58.9, 61.1, 60.8]


def test_ten_nets_are_one_cohort_and_students_of_a_seed_differ_in_temperature_and_rate_only():
    found = {(t.arm, t.seed): t for t in trials("full", 5)}
    assert len(found) == 5 * (NETS + 2 + len(TEMPERATURES))
    ten = [found[f"net:{m}", 3] for m in range(NETS)]
    assert {t.cohort for t in ten} == {"nets"} and len({t.id for t in ten}) == NETS
    students = [found[f"T={t:g}", 3] for t in TEMPERATURES]
    assert {t.cohort for t in students} == {"students"} and {t.needs for t in students} == {tuple(ten)}
    assert [t.settings["lr"] for t in students] == [RATES[t] for t in TEMPERATURES]
    differing = {k for s in students for k in s.settings if s.settings[k] != students[0].settings[k]}
    assert differing == {"temperature", "lr"} and {t.settings["alpha"] for t in students} == {0.5}


def test_nets_of_a_seed_begin_differently_and_no_student_begins_as_a_net():
    first = [fresh(t).layers[0].weight.detach() for t in trials("full", 2) if "init" in t.settings]
    assert len({float(w.sum()) for w in first}) == 2 * (NETS + 1)


def test_the_ensemble_is_the_mean_of_probabilities(small, tools):
    ten = nets("quick", 0)
    for trial in ten:
        small.write(trial, {}, {"seconds": 0}, tensors=fresh(trial).state_dict())
    frames = load_digits("test", 2).frames
    p = torch.stack([predict(fresh(t), frames).logits.softmax(-1) for t in ten])
    torch.testing.assert_close(ensemble_log_p(ten, frames, tools).exp(), p.mean(0))


def test_a_net_that_knows_every_state_makes_no_errors(small, tools):
    (first, *_) = trials("quick", 1)
    y = load_digits("test", 2).frames.y
    sure = torch.full((len(y), STATES), -12.0)
    sure[torch.arange(len(y)), y] = -1e-3
    # a decoder knows what it heard in training, and more than once
    spoken = load_digits("test", 2)
    spoken = spoken._replace(said=3 * spoken.said)
    tools.remember(("digits", "train", 4), lambda: spoken)
    found = score(first, sure, tools)
    assert (found["frame_accuracy"], found["word_error_rate"]) == (100, 0)
    assert found["parameters"] == (CONTEXT * MEL + 1) * 8 + 9 * STATES


def test_a_small_run_measures_every_arm_by_the_same_nets(small):
    table = run("speech_ensemble", "quick", device="cpu", store=small, quiet=True)
    assert set(table.columns) & set(speech_ensemble.COLUMNS) == set(speech_ensemble.COLUMNS)
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


def test_three_per_cent_are_whole_utterances_and_others_for_every_seed():
    spoken = load_digits("train", 40)
    chosen = [few_utterances(spoken, seed) for seed in range(5)]
    assert round(SHARE * 500) == 15
    assert [len(few) for few in chosen] == list(spoken.lengths[:5])
    assert not set(chosen[0].index.tolist()) & set(chosen[1].index.tolist())
    assert bool((few_utterances(spoken, 41).y < STATES).all())


def test_the_control_differs_from_the_soft_student_in_its_teacher_only():
    whole, hard, soft, control = speech_soft_targets.arms("full", 1)
    assert dict(soft.settings) == dict(control.settings)
    assert soft.needs == whole.needs == (nets("full", 1)[0],) and control.needs == (hard,)
    assert hard.settings["init"] != control.settings["init"]


def test_hard_labels_count_at_the_best_validation_epoch_and_soft_targets_at_the_last(small):
    run("speech_ensemble", "quick", device="cpu", store=small, quiet=True)
    table = run("speech_soft_targets", "quick", device="cpu", store=small, quiet=True)
    measured = {key for t in arms.trials("speech_soft_targets", "quick") for key in small.read(t).measured}
    assert measured | {"arm", "seed"} == set(speech_soft_targets.COLUMNS)
    by = table.set_index("arm")
    assert by.loc["hard"].frame_accuracy == by.loc["hard"].frame_accuracy_early
    for arm in ("soft", "control"):
        assert by.loc[arm].frame_accuracy == by.loc[arm].frame_accuracy_last
    for arm, epochs in (("hard", 3), ("soft", 2), ("control", 2)):
        curve = table.array(arm, "validation_accuracy")
        assert len(curve) == epochs and curve[int(by.loc[arm].best_epoch) - 1] == curve.max()
    assert by.loc["all"].frames == sum(load_digits("train", 4).lengths)
    assert network(nets("quick", 0)[0].settings).sizes == (CONTEXT * MEL, 8, STATES)
