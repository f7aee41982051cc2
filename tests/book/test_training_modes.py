"""Nets that start alike, what their training costs, and a run of a second."""

import pytest
import torch

from kdbook.book import training_modes
from kdbook.book.training_modes import ARMS, cost, seeded_nets
from kdbook.lab import arms
from kdbook.nets.vision import count_multiply_adds


def student(arm, seed=0):
    return arms.trial("training_modes", "full", arm, seed)


def test_the_student_of_a_seed_starts_alike_under_every_mode_and_no_partner_starts_like_it():
    first = [seeded_nets(student(arm, 3)) for arm in ARMS]
    weights = [nets[0].head.weight for nets in first]
    assert all(torch.equal(w, weights[0]) for w in weights)
    four = next(nets for nets in first if len(nets) == 4)
    assert not any(torch.equal(net.head.weight, weights[0]) for net in four[1:])


def test_a_teacher_of_the_students_size_starts_from_other_weights_and_serves_every_third_seed():
    needs = [student("offline_equal", s).needs[0] for s in range(5)]
    assert [n.seed for n in needs] == [100, 101, 102, 100, 101]
    assert student("born_again").needs == (needs[0],)
    assert student("offline_large", 4).needs == (arms.trial("knowledge_types", "full", "teacher", 1),)


def test_equal_compute_is_counted():
    costs = {arm: cost(student(arm)) for arm in ("hard", "hard_double", "hard_quadruple", "dml_equal", "dml_4")}
    assert costs["hard_double"] == costs["dml_equal"] == 2 * costs["hard"]
    assert costs["hard_quadruple"] == costs["dml_4"] == 4 * costs["hard"]
    assert costs["hard"] == pytest.approx(3 * 12 * 6_000 * count_multiply_adds(seeded_nets(student("hard"))[0]) / 1e9)


def test_a_small_run_measures_every_mode(micro, micro_store, documented):
    chosen = {
        "alone": ("hard", "smoothing", "independent_2"),
        "offline": ("offline_equal",),
        "online": ("dml_4", "kdcl_2", "cotrained_feedback"),
        "self": ("born_again", "ps_kd"),
    }
    modes = {arm: mode for mode, of_mode in chosen.items() for arm in of_mode}
    table, measured = micro("training_modes", most={"samples": 100}, only=lambda trial: trial.arm in modes)
    documented("training_modes", table, measured)
    rows = table.set_index("arm")
    assert rows["mode"].to_dict() == modes
    # a net that ignores its neighbour ends as the net that is alone
    assert rows.test_errors["independent_2"] == rows.test_errors["hard"]
    assert rows.entropy_last["hard"] == 0 and rows.entropy_first["offline_equal"] > 0
    assert rows.entropy_last["offline_equal"] == pytest.approx(rows.entropy_first["offline_equal"], abs=1e-4)
    assert [*rows.index[rows.teacher_gigamacs > 0]] == ["offline_equal", "born_again"]
    assert [*rows.index[rows.partner_errors.isna()]] == ["hard", "smoothing", "ps_kd"]
    for trial in measured:
        pictures = micro_store.read(trial).pictures
        assert {len(pictures[name]) for name in ("entropy", "agreement", "hard")} == {trial.settings["epochs"]}


def test_every_curve_of_what_is_told_has_a_colour_of_its_own():
    assert len({look.colour for look in training_modes.CURVES.values()}) == len(training_modes.CURVES)
