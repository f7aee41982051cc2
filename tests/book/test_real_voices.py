"""Real voices: who is left out where, what a picture of sound shows, what a hard answer is, and runs of a second."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from kdbook.book import real_voices, real_voices_settings
from kdbook.book.real_voices import EACH, FRAMES, TAKES, by_draw, learned, parts, picture, recordings, worth
from kdbook.data.voices import RATE, SPEAKERS
from kdbook.lab.arms import trial, trials


def heard(split):
    """Speakers and takes of a split."""
    _, speakers, takes = recordings()
    return speakers[split.index], takes[split.index]


def test_nobody_hears_the_speaker_who_is_tested_and_a_test_has_half_of_the_takes():
    for seed, speaker in enumerate(SPEAKERS):
        pool, few, unseen = parts(trial("real_voices", "full", "soft", seed))
        (who,), takes = heard(unseen)[0].unique(), heard(unseen)[1]
        assert SPEAKERS[who] == speaker and takes.max() == TAKES - 1 and len(unseen) == 10 * TAKES
        assert len(pool) == 2_500 and not (heard(pool)[0] == who).any() and torch.isin(few.index, pool.index).all()


def test_settings_are_chosen_on_a_speaker_whom_nobody_heard_either_and_on_takes_that_no_test_has():
    for seed in range(5):
        name = next(iter(real_voices_settings.arms("full")))
        pool, _, scored = parts(trial("real_voices_settings", "full", name, seed))
        _, _, unseen = parts(trial("real_voices", "full", "teacher", seed))
        tested, (chosen,) = heard(unseen)[0].unique(), heard(scored)[0].unique()
        assert len(pool) == 2_000 and not torch.isin(heard(pool)[0], torch.stack([*tested, chosen])).any()
        assert heard(scored)[1].min() == TAKES


def test_the_same_ten_recordings_of_a_digit_have_a_label_for_teacher_and_students_of_a_draw():
    few = {t.name: parts(t)[1] for t in trials("real_voices", "full") if (*t.needs, t)[0].seed == 4}
    assert len(few) == 2 + 3 * 8  # two teachers, and three students of each arm
    one, *others = few.values()
    assert torch.equal(one.y.bincount(), torch.full((10,), EACH))
    assert all(torch.equal(one.index, other.index) for other in others)
    assert not torch.equal(one.index, parts(trial("real_voices", "full", "teacher", 5))[1].index)


def test_a_picture_is_bright_where_a_tone_is_and_a_short_sound_stands_in_the_middle():
    time = np.arange(RATE // 4) / RATE
    low, high = (picture(np.sin(2 * np.pi * hertz * time).astype(np.float32)) for hertz in (300, 3_000))
    assert low.shape == (FRAMES, FRAMES) and low.dtype == np.uint8 and low.max() == 255
    assert low.sum(1).argmax() < high.sum(1).argmax()
    filled = (low > 0).any(0).nonzero()[0]
    assert abs(filled[0] + filled[-1] - (FRAMES - 1)) <= 1 and 0 < len(filled) < FRAMES / 2


def test_of_a_long_recording_the_middle_is_shown():
    silence, tone = np.zeros(RATE), np.sin(np.arange(RATE // 4)).astype(np.float32)
    assert (picture(np.concatenate([silence, tone, silence]).astype(np.float32))[:, FRAMES // 2] > 0).any()


@pytest.mark.parametrize(("answers", "wanted"), [("labels", 3), ("hard", 7)])
def test_a_student_of_hard_answers_learns_what_its_teacher_names_and_one_of_labels_what_is_so(
    answers, wanted, monkeypatch
):
    told = []
    monkeypatch.setattr(
        real_voices, "parts", lambda _: [replace(recordings()[0].rows(slice(5)), y=torch.full((5,), 3))] * 3
    )
    monkeypatch.setattr(real_voices, "teacher_answers", lambda *_: torch.eye(10)[[7] * 5])
    monkeypatch.setattr(real_voices, "train", lambda _, split, *rest: (told.append(split.y), None))
    asked = trial("real_voices", "quick", {"labels": "labels_all", "hard": "hard"}[answers], 0)
    learned(asked, type("Tools", (), {"device": "cpu"}))
    assert told[0].tolist() == [wanted] * 5


def test_a_small_run_measures_teachers_and_students_and_is_drawn(micro, documented):
    table, measured = micro("real_voices", most={"epochs": 1})
    documented("real_voices", table, measured)
    rows = table.set_index("arm")
    assert rows.recordings.to_dict() == dict.fromkeys(rows.index, 2_500) | dict.fromkeys(
        ["teacher_own", "labels", "labels_shifted", "soft_few"], 100
    )
    assert [*rows.index[rows.labels == 100]] == ["teacher_own", "labels", "labels_shifted", "soft_own", "hard_own"]
    assert set(table.speaker) == {SPEAKERS[0]} and table.score.between(0, 100).all()
    axes = worth(table, table).axes[0]
    assert len(axes.get_xticklabels()) == 7  # all students but the one from which they are counted
    plt.close()


def test_students_of_one_draw_count_as_one():
    rows = [("teacher", 1, None, 80.0), ("soft", 1, 1, 60.0), ("soft", 7, 1, 70.0), ("soft", 2, 2, 50.0)]
    found = by_draw(pd.DataFrame(rows, columns=["arm", "seed", "teacher_seed", "score"]))
    assert [*found.itertuples(index=False, name=None)] == [("teacher", 1, 80.0), ("soft", 1, 65.0), ("soft", 2, 50.0)]


def test_every_student_has_twelve_tries_on_three_draws_and_what_is_chosen_is_one_of_them():
    tries = {}
    for arm in real_voices_settings.arms("full").values():
        if arm.named and arm.seeds == 3:
            s = arm.settings
            tries.setdefault(arm.named, set()).add((s["lr"], s.get("temperature", s["weight_decay"])))
    students = [name for name, arm in real_voices.arms("full").items() if not arm.teaches]
    assert [*tries] == students and {len(found) for found in tries.values()} == {12}
    for name, chosen in real_voices.CHOSEN.items():
        s = {**real_voices.arms("full")[name].settings, **chosen}
        assert (s["lr"], s.get("temperature", s["weight_decay"])) in tries[name]


def test_a_small_run_of_tries_scores_each_with_teachers_of_its_own(micro, documented):
    few = ("teacher", "labels chosen", "soft chosen")
    table, measured = micro("real_voices_settings", most={"epochs": 1}, only=lambda t: t.arm in few)
    documented("real_voices_settings", table, measured)
    assert table.validation_errors.between(1, 250).all() and {*table.arm} == {*few}
    assert all(need.experiment == "real_voices_settings" for t in measured for need in t.needs)
