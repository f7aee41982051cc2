"""Few labels and many images: who sees what, who tells whom, what a hard answer is, and runs of a second."""

import pytest
import torch

from kdbook.book import few_labels, few_labels_settings
from kdbook.book.few_labels import arms, draw, told
from kdbook.lab.arms import trial, trials

WHOLE = range(50_000)


def test_a_draw_holds_the_smaller_ones_of_its_seed_and_is_that_of_the_teacher_of_few_labels():
    student = trial("few_labels", "full", "soft 10000 of 500", 4)
    (teacher,) = student.needs
    few, many = draw(teacher, WHOLE), draw(student, WHOLE)
    assert (len(few), len(many)) == (500, 10_000) and torch.equal(few, many[:500])
    assert len(set(many.tolist())) == 10_000
    other = draw(trial("few_labels", "full", "soft 10000 of 500", 5), WHOLE)
    assert not torch.equal(many, other)


def test_a_student_of_labels_has_no_teacher_and_all_students_of_one_number_of_images_see_the_same():
    made = {t.arm: t for t in trials("few_labels", "full") if t.seed == 3}
    assert {name for name, t in made.items() if not t.needs} >= {f"labels {n}" for n in (100, 500, 2000, 10000, 50000)}
    for name in ("labels 2000", "soft 2000", "hard 2000", "soft 2000 of 500", "hard 2000 of 2000"):
        assert torch.equal(draw(made[name], WHOLE), draw(made["labels 2000"], WHOLE))
        assert made[name].settings["epochs"] == made["labels 2000"].settings["epochs"]


def test_all_seeds_of_an_arm_are_trained_as_one_and_each_has_a_teacher_of_its_own():
    students = [t for t in trials("few_labels", "full") if t.arm == "hard 10000 of 2000"]
    assert len(students) == 10 and {t.cohort for t in students} == {"seeds hard 10000 of 2000"}
    assert [t.needs[0].seed for t in students] == [t.seed for t in students] == [*range(10)]


def test_a_hard_answer_is_that_of_a_teacher_who_is_sure_and_a_soft_one_its_logits(monkeypatch):
    logits = torch.tensor([[0.1, 0.3, 0.2], [5.0, -1.0, 2.0]])
    monkeypatch.setattr(few_labels, "teacher_answers", lambda *_: logits)
    soft, hard = (trial("few_labels", "quick", f"{answers} 100", 0) for answers in ("soft", "hard"))
    assert torch.equal(told(soft, None, None), logits)
    assert told(hard, None, None).softmax(-1).tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("name", ["few_labels", "few_labels_settings"])
def test_a_small_run_measures_teachers_and_students(micro, documented, name):
    table, measured = micro(name, most={"images": 100})
    documented(name, table, measured)
    assert set(table.answers) == {"teacher", "labels", "soft", "hard"}


def test_every_arm_has_as_many_tries_and_what_was_chosen_is_one_of_them():
    tries = {}
    for name, arm in few_labels_settings.arms("full").items():
        if "lr=" in name:
            other = arm.settings.get("temperature", arm.settings.get("weight_decay"))
            tries.setdefault(arm.named, set()).add((arm.settings["lr"], other))
    students = {name for name, arm in arms("full").items() if not arm.teaches}
    assert set(tries) == students
    assert all(len(found) == (9 if int(name.split()[1]) > 2_000 else 12) for name, found in tries.items())
    assert set(few_labels.CHOSEN) == students
    assert all(chosen in tries[name] for name, chosen in few_labels.CHOSEN.items())
