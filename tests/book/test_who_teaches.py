"""Nets that start alike, what their training costs, and a run of a second."""

import pytest
import torch

from kdbook.book import who_teaches, who_teaches_settings
from kdbook.book.few_labels import draw
from kdbook.book.who_teaches import arms as table_of
from kdbook.book.who_teaches import cost, seeded_nets
from kdbook.lab import arms
from kdbook.nets.vision import count_multiply_adds

ARMS = [name for name, arm in table_of("full").items() if arm.listed and name[:11] != "born_again_"]


def student(arm, seed=0):
    return arms.trial("who_teaches", "full", arm, seed)


def test_the_student_of_a_seed_starts_alike_under_every_mode_and_no_partner_starts_like_it():
    first = [seeded_nets(student(arm, 3)) for arm in ARMS]
    weights = [nets[0].head.weight for nets in first]
    assert all(torch.equal(w, weights[0]) for w in weights)
    later = [seeded_nets(student(f"born_again_{k}", 3))[0].head.weight for k in (2, 3)]
    four = next(nets for nets in first if len(nets) == 4)
    assert not any(torch.equal(net.head.weight, weights[0]) for net in four[1:])
    assert all(torch.equal(w, net.head.weight) for w, net in zip(later, four[1:], strict=False))


def test_a_teacher_of_the_students_size_starts_from_other_weights_and_has_seen_the_same_images():
    (teacher,) = student("offline_equal", 4).needs
    assert teacher.seed == 104 and student("born_again", 4).needs == (teacher,)
    assert torch.equal(draw(teacher, range(50_000)), draw(student("hard", 4), range(50_000)))
    assert student("offline_large", 4).needs == (arms.trial("which_knowledge", "full", "teacher", 4),)


def test_equal_compute_is_counted():
    costs = {arm: cost(student(arm)) for arm in ("hard", "hard_double", "hard_quadruple", "dml_equal", "dml_4")}
    assert costs["hard_double"] == costs["dml_equal"] == 2 * costs["hard"]
    assert costs["hard_quadruple"] == costs["dml_4"] == 4 * costs["hard"]
    assert costs["hard"] == pytest.approx(3 * 50 * 2_000 * count_multiply_adds(seeded_nets(student("hard"))[0]) / 1e9)


def test_a_small_run_measures_every_mode(micro, micro_store, documented):
    chosen = {
        "alone": ("hard", "smoothing", "independent_4"),
        "offline": ("offline_equal",),
        "online": ("dml_4", "kdcl_2", "cotrained_feedback"),
        "self": ("born_again", "born_again_2", "born_again_3", "born_again_ensemble", "ps_kd"),
    }
    modes = {arm: mode for mode, of_mode in chosen.items() for arm in of_mode}
    table, measured = micro("who_teaches", most={"images": 100}, only=lambda trial: trial.arm in modes)
    documented("who_teaches", table, measured)
    rows = table.set_index("arm")
    assert rows["mode"].to_dict() == modes
    assert rows.mean_errors["hard"] == rows.test_errors["hard"] != rows.mean_errors["independent_4"]
    # a net that ignores its neighbours ends as the net that is alone
    assert rows.test_errors["independent_4"] == rows.test_errors["hard"]
    assert rows.entropy_last["hard"] == 0 and rows.entropy_first["offline_equal"] > 0
    assert rows.entropy_last["offline_equal"] == pytest.approx(rows.entropy_first["offline_equal"], abs=1e-4)
    generations = ["born_again", "born_again_2", "born_again_3", "born_again_ensemble"]
    assert [*rows.index[rows.teacher_gigamacs > 0]] == ["offline_equal", *generations]
    before = rows.teacher_gigamacs[generations] / rows.gigamacs["hard"]
    assert before.tolist() == pytest.approx([1, 2, 3, 4]) and rows.gigamacs["born_again_ensemble"] == 0
    assert [*rows.index[rows.partner_errors.isna()]] == ["hard", "smoothing", "born_again_ensemble", "ps_kd"]
    for trial in (t for t in measured if t.arm != "born_again_ensemble"):
        pictures = micro_store.read(trial).pictures
        assert {len(pictures[name]) for name in ("entropy", "agreement", "hard")} == {trial.settings["epochs"]}


def test_every_mode_has_six_tries_of_its_own_and_labels_nine():
    tries = {}
    for arm in who_teaches_settings.arms("full").values():
        if arm.named:
            tries[arm.named] = tries.get(arm.named, 0) + 1
    assert tries == dict.fromkeys(who_teaches_settings.OWN, 6) | {"hard": 9}


def test_a_small_run_of_tries_scores_each(micro, documented):
    few = ("smoothing", "kdcl_2", "offline_equal", "ps_kd")
    table, measured = micro(
        "who_teaches_settings",
        most={"images": 100, "epochs": 2},
        only=lambda trial: trial.arm in few,
    )
    documented("who_teaches_settings", table, measured)
    assert table.validation_errors.between(1, 10_000).all() and set(table.arm) == {*few}


def test_every_curve_of_what_is_told_has_a_colour_of_its_own():
    assert len({look.colour for look in who_teaches.CURVES.values()}) == len(who_teaches.CURVES)
