"""Three per cent of the speech: which utterances, which epoch counts, what is drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kdbook.book.speech_soft_targets import SHARE, few_utterances, three_percent
from kdbook.data.speech import CONTEXT, MEL, STATES, load_digits
from kdbook.lab import arms
from kdbook.lab.results import Results
from kdbook.show.figures import plotted


def test_three_per_cent_are_whole_utterances_and_others_for_every_seed():
    spoken = load_digits("train", 40)
    chosen = [few_utterances(spoken, seed) for seed in range(5)]
    assert round(SHARE * 500) == 15
    assert [len(few) for few in chosen] == list(spoken.lengths[:5])
    assert not set(chosen[0].index.tolist()) & set(chosen[1].index.tolist())
    assert len(few_utterances(spoken, 41)) == spoken.lengths[1]  # begins again


def test_the_control_differs_from_the_soft_student_in_its_teacher_only():
    whole, hard, soft, control = (t for t in arms.trials("speech_soft_targets", "full") if t.seed == 1)
    assert dict(soft.settings) == dict(control.settings)
    assert soft.needs == whole.needs == (arms.trial("speech_ensemble", "full", "net:0", 1),)
    assert control.needs == (hard,) and hard.settings["init"] != control.settings["init"]


def test_hard_labels_count_at_the_best_validation_epoch_and_soft_targets_at_the_last(micro, documented):
    most = {"utterances": 4, "scored": 2, "batch_size": 128, "validation": 2, "epochs": 3}
    table, measured = micro("speech_soft_targets", most=most, sizes=[CONTEXT * MEL, 8, STATES])
    documented("speech_soft_targets", table, measured)
    by = table.set_index("arm")
    assert by.loc["hard"].frame_accuracy == by.loc["hard"].frame_accuracy_early
    for arm in ("soft", "control"):
        assert by.loc[arm].frame_accuracy == by.loc[arm].frame_accuracy_last
    for arm in ("hard", "soft", "control"):
        curve = table.array(arm, "validation_accuracy")
        assert len(curve) == 3 and curve[int(by.loc[arm].best_epoch) - 1] == curve.max()
    assert by.loc["all"].frames == sum(load_digits("train", 4).lengths)


def test_crosses_stand_at_the_published_share_of_what_all_data_reach():
    levels = {"all": 60, "hard": 40, "soft": 55, "control": 42}
    rows = [
        {"arm": arm, "seed": seed, "training_accuracy": level + 10 + seed, "frame_accuracy": level + seed}
        for seed in range(3)
        for arm, level in levels.items()
    ]
    curves = {f"{arm}.{s}.validation_accuracy": np.arange(5.0) for arm in levels for s in range(3)}
    drawn = three_percent(Results(pd.DataFrame(rows), curves))
    (cross,) = [s for s in plotted(drawn.axes[1])["series"] if s["label"].startswith("published")]
    plt.close(drawn)
    assert cross["y"] == pytest.approx([61, 61 * 44.5 / 58.9, 61 * 57.0 / 58.9])
