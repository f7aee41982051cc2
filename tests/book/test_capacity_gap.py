"""Teachers of growing size: who tells whom, what softness means, and a run of a second."""

import math

import pytest
import torch

from kdbook.book import capacity_gap
from kdbook.book.capacity_gap import OwnTargets, entropy, softness, student, student_arms, taught, trials
from kdbook.data import Split
from kdbook.lab.steps import seeded_network
from kdbook.losses import kd_loss
from kdbook.training.objectives import Batch


def test_each_student_is_told_by_whom_its_arm_names():
    def sources(arm):
        (need,) = student("full", 4, arm).needs
        return need.arm, [n.arm for n in need.needs], student("full", 4, arm).settings["answers"]

    assert sources("from_300") == ("teacher_300", [], "train")
    assert sources("via_100") == ("assistant_100", ["teacher_1200"], "train")
    assert sources("via_300_100") == ("assistant_300_100", ["assistant_300"], "train")
    assert sources("early_2") == ("teacher_1200", [], "train_2")
    assert student("full", 4, "hard").settings["alpha"] == 0


def test_students_of_a_seed_are_alike_but_for_who_tells_them_what_and_how():
    cohort = [t for t in trials("full") if t.cohort and t.seed == 3]
    assert [t.arm for t in cohort] == list(student_arms("full"))
    told = ("answers", "temperature", "alpha", "lr")
    shared = [{k: v for k, v in t.settings.items() if k not in told} for t in cohort]
    assert all(s == shared[0] for s in shared)
    first, last = seeded_network(cohort[0]), seeded_network(cohort[-1])
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), last.parameters(), strict=True))
    assert {n.seed for t in cohort for n in t.needs} == {0}


def test_seeds_of_teachers_go_round():
    assert taught("full", 5, "teacher_30").seed == 2


@pytest.mark.parametrize(("classes", "bits"), [(2, 1.0), (8, 3.0)])
def test_even_answers_have_the_entropy_of_a_fair_draw(classes, bits):
    assert entropy(torch.zeros(5, classes), 4.0) == pytest.approx(bits)


def test_entropy_grows_with_the_temperature_and_a_sure_answer_has_none():
    logits = torch.tensor([[math.log(0.9), math.log(0.1)]])
    by_hand = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
    assert entropy(logits, 1.0) == pytest.approx(by_hand, rel=1e-5)
    assert entropy(logits, 1.0) < entropy(logits, 4.0) < 1
    assert entropy(torch.tensor([[5000.0, 0.0]]), 1.0) == 0


def test_wrong_classes_are_taken_alone():
    logits = torch.tensor([[9.0, 0.0, 0.0, 0.0, 0.0]])
    found = softness(logits, logits, torch.tensor([0]))
    assert found["wrong_entropy_4"] == pytest.approx(2.0)


def test_each_student_of_a_cohort_has_its_own_targets_found_by_index():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, generator=generator)
    split = Split(torch.zeros(3, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 2]), torch.tensor([5, 11, 7]))
    answers = torch.randn(2, 2, 4, generator=generator)

    class Fixed:
        def __init__(self, logits):
            self.logits = logits

    T, alpha = torch.tensor([[1.0], [4.0]]), torch.tensor([[0.0], [0.9]])
    objective = OwnTargets(logits, split, T, alpha)
    batch = Batch(None, split.y[[2, 0]], split.index[[2, 0]], 12, True)
    rows, _ = objective(lambda x: Fixed(answers), batch)
    for s in range(2):
        theirs = logits[s, [2, 0]]
        look = {"temperature": float(T[s]), "alpha": float(alpha[s]), "reduction": "none"}
        torch.testing.assert_close(rows[s], kd_loss(answers[s], theirs, batch.y, **look))


def test_a_small_run_measures_teachers_assistants_and_students(monkeypatch, micro, documented):
    small = {"samples": 200, "epochs": 2, "batch_size": 50}
    for who in ("teacher", "student"):
        monkeypatch.setitem(capacity_gap.SETTINGS["quick"], who, {**capacity_gap.SETTINGS["quick"][who], **small})
    monkeypatch.setitem(capacity_gap.EARLY, "quick", (1,))
    monkeypatch.setattr(capacity_gap, "WIDTHS", (30, 40))
    monkeypatch.setattr(capacity_gap, "LARGEST", 40)
    monkeypatch.setattr(
        capacity_gap, "ASSISTANTS", {"assistant_35": (35, "teacher_40"), "assistant_35_32": (32, "assistant_35")}
    )
    table, measured = micro("capacity_gap", 1)
    documented("capacity_gap", table, measured)
    rows = table.set_index("arm")
    arms = {"teacher_30", "teacher_40", "assistant_35", "assistant_35_32", "hard", "from_30", "from_40"}
    assert set(rows.index) == arms | {"via_35", "via_35_32", "early_1", "from_30_t1", "from_40_t1"}
    assert rows.teacher_errors["from_40"] == rows.test_errors["teacher_40"]
    assert rows.entropy_4["via_35"] == pytest.approx(rows.entropy_4["assistant_35"])
    assert rows.teacher_errors["early_1"] != rows.teacher_errors["from_40"]
    assert (rows.entropy_1 < rows.entropy_4).all() and (rows.entropy_4 < math.log2(10)).all()
    assert rows.told_by["via_35_32"] == 32 and rows.parameters["hard"] == 24_790
