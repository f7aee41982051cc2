"""Who begins alike, what a group of arms minimises, where a text goes wrong, and a run of a few sentences."""

import numpy as np
import pandas as pd
import pytest

from kdbook.book.exposure_bias import POLICY_LR, arms, objective_of, still_true
from kdbook.lab.arms import trial, trials
from kdbook.lab.results import Results
from kdbook.training.objectives import OnPolicy, PolicyGradient, TeacherForced

STUDENTS = [name for name, arm in arms("full").items() if arm.needs]


def test_students_of_a_seed_share_teacher_and_start():
    found = [t for t in trials("exposure_bias", "full") if t.needs]
    assert [(t.arm, t.seed) for t in found] == [(arm, seed) for seed in range(5) for arm in STUDENTS]
    needed = {(t.seed, tuple((n.arm, n.seed) for n in t.needs)) for t in found}
    assert needed == {(s, (("teacher", s % 3), ("start", s))) for s in range(5)}


def test_arms_differ_in_what_their_names_say():
    settings = {name: arm.settings for name, arm in arms("full").items()}

    def differ(one, other):
        return {key for key in settings[one] if settings[one][key] != settings[other][key]}

    assert differ("own_forward", "own_reverse") == {"beta"} == differ("forward", "reverse")
    assert differ("own_jsd", "half_jsd") == {"lambda"}
    assert differ("minillm", "own_reverse") == {"learns_on", "lr"} and settings["minillm"]["lr"] == POLICY_LR


def test_a_group_minimises_what_its_arms_say_in_their_order():
    groups = {
        on: objective_of([trial("exposure_bias", "quick", arm, 0) for arm in names], theirs=None)
        for on, names in {"given": STUDENTS[:3], "own": STUDENTS[3:7], "policy": STUDENTS[7:]}.items()
    }
    assert isinstance(groups["given"], TeacherForced) and len(groups["given"].rules) == 3
    assert isinstance(groups["own"], OnPolicy) and isinstance(groups["policy"], PolicyGradient)
    assert (groups["own"].lambdas, groups["own"].betas) == ([0.5, 1.0, 1.0, 1.0], [0.5, 0.0, 0.5, 1.0])


def test_texts_that_have_ended_stay_as_true_as_they_were():
    curves = {"forward.0.true_so_far": [100, 50, np.nan], "forward.1.true_so_far": [100, 80, 70]}
    table = Results(pd.DataFrame(), {key: np.array(curve) for key, curve in curves.items()})
    assert still_true(table, "forward").tolist() == [100, 65, 60]


def test_a_small_run_trains_every_arm(micro, micro_store, documented):
    small = {"layers": 1, "width": 8, "heads": 2, "batch_size": 16, "epochs": 1}
    table, measured = micro("exposure_bias", most={"samples": 48, "count": 20}, **small)
    documented("exposure_bias", table, measured)
    assert set(table.arm) == {"teacher", "start", *STUDENTS}
    assert (table.kl > 0).all() and table.true_share.between(0, 100).all() and (table.own_entropy > 0).all()
    told = table.set_index("arm").loc[STUDENTS]
    assert told.exposure_gap.tolist() == pytest.approx((told.teacher_kl_own - told.teacher_kl_given).tolist())
    kept = micro_store.read(next(t for t in measured if t.arm == "forward")).pictures
    assert set(kept) == {"true_so_far", "kl_given", "kl_own"} and kept["true_so_far"][0] == 100
