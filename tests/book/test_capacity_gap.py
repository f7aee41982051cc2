"""Teachers of growing size: who tells whom, what softness means, and a run of a second."""

import math

import pytest
import torch

from kdbook.book.capacity_gap import arms, softness
from kdbook.lab.arms import trial, trials
from kdbook.lab.steps import seeded_network


@pytest.mark.parametrize(
    ("arm", "told_by", "taught_by", "answers"),
    [
        ("from_300", "teacher_300", [], "train"),
        ("via_100", "assistant_100", ["teacher_1200"], "train"),
        ("via_300_100", "assistant_300_100", ["assistant_300"], "train"),
        ("early_2", "teacher_1200", [], "train_2"),
    ],
)
def test_each_student_is_told_by_whom_its_arm_names(arm, told_by, taught_by, answers):
    student = trial("capacity_gap", "full", arm, 4)
    (need,) = student.needs
    assert (need.arm, need.seed, [n.arm for n in need.needs]) == (told_by, 1, taught_by)
    assert student.settings["answers"] == answers


def test_students_of_a_seed_are_alike_but_for_who_tells_them_what_and_how():
    cohort = [t for t in trials("capacity_gap", "full") if t.cohort and t.seed == 3]
    assert len(cohort) == 15 and next(t for t in cohort if t.arm == "hard").settings["alpha"] == 0
    told = ("answers", "temperature", "alpha", "lr")
    shared = [{k: v for k, v in t.settings.items() if k not in told} for t in cohort]
    assert all(s == shared[0] for s in shared)
    first, last = seeded_network(cohort[0]), seeded_network(cohort[-1])
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), last.parameters(), strict=True))
    assert {n.seed for t in cohort for n in t.needs} == {0}


def test_softness_is_the_entropy_of_what_students_are_told_and_grows_with_the_temperature():
    answer = torch.tensor([[math.log(0.9), math.log(0.1)]])
    found = softness(answer, torch.tensor([[5000.0, 0.0]]), torch.tensor([0]))
    assert found["entropy_1"] == pytest.approx(-(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1)))
    assert found["entropy_1"] < found["entropy_4"] < 1
    assert found["entropy_test_1"] == found["wrong_entropy_4"] == 0


def test_wrong_classes_are_taken_alone():
    logits = torch.tensor([[9.0, 0.0, 0.0, 0.0, 0.0]])
    assert softness(logits, logits, torch.tensor([0]))["wrong_entropy_4"] == pytest.approx(2)


def test_a_small_run_measures_teachers_assistants_and_students(micro, documented):
    table, measured = micro("capacity_gap")
    documented("capacity_gap", table, measured)
    rows = table.set_index("arm")
    assert set(rows.index) == set(arms("quick"))
    assert rows.teacher_errors["from_1200"] == rows.test_errors["teacher_1200"]
    assert rows.entropy_4["via_100"] == pytest.approx(rows.entropy_4["assistant_100"])
    assert rows.teacher_errors["early_1"] != rows.teacher_errors["from_1200"]
    assert (rows.entropy_1 < rows.entropy_4).all() and (rows.entropy_4 < math.log2(10)).all()
    assert rows.told_by["via_300_100"] == 100 and rows.parameters["hard"] == 24_790
