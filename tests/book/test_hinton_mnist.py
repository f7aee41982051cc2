"""The paper's student, its control, and a run of a second."""

import pytest
import torch

from kdbook.book import hinton_mnist
from kdbook.data import load_images
from kdbook.lab import arms
from kdbook.lab.steps import errors, network, one_view_each, seeded_network
from kdbook.training import predict

FULL = {name: arm.settings for name, arm in hinton_mnist.arms("full").items()}
STUDENTS = [name for name in FULL if name != "teacher"]


def test_the_networks_have_the_papers_sizes():
    assert FULL["teacher"]["sizes"] == [784, 1200, 1200, 10]
    assert all(FULL[arm]["sizes"] == [784, 800, 800, 10] for arm in STUDENTS)


def test_the_paper_student_of_hard_labels_has_no_regulariser():
    assert not set(FULL["hard"]) & {*hinton_mnist.THREE, "temperature"}


def test_the_control_has_all_regularisers_of_the_teacher_and_no_teacher():
    assert all(FULL["hard_regularized"][k] == v == FULL["teacher"][k] for k, v in hinton_mnist.THREE.items())
    assert "temperature" not in FULL["hard_regularized"]


def test_the_papers_distilled_student_sees_no_shifts_and_uses_both_kinds_of_targets():
    assert "shifts" not in FULL["distilled"] and FULL["distilled"]["temperature"] == 20.0
    assert 0 < FULL["distilled"]["alpha"] < 1
    assert FULL["distilled_shifted"]["shifts"] and FULL["distilled_shifted"]["alpha"] == 1.0


def test_the_quick_profile_has_the_conditions_of_the_full_one():
    conditions = {*hinton_mnist.THREE, "temperature", "alpha"}
    for name, arm in hinton_mnist.arms("quick").items():
        assert {k: arm.settings.get(k) for k in conditions} == {k: FULL[name].get(k) for k in conditions}


def test_a_small_run_measures_every_arm_and_stores_what_it_measured(micro, micro_store, documented):
    table, measured = micro("hinton_mnist", 2)
    documented("hinton_mnist", table, measured)
    assert table.groupby("arm").size().to_dict() == {"teacher": 1, **dict.fromkeys(STUDENTS, 2)}
    students, teachers = table[table.arm != "teacher"], table[table.arm == "teacher"]
    assert (
        (students.teacher_seed == 0).all() and students.agreement.between(0, 1).all() and (students.mean_kl >= 0).all()
    )
    assert teachers.agreement.isna().all() and teachers.teacher_seed.isna().all()
    assert (students.parameters == 785 * 100 + 101 * 100 + 101 * 10).all()
    test = load_images("mnist", "test")
    for trial, (row,) in measured.items():
        model = network(trial.settings)
        model.load_state_dict(micro_store.tensors(trial))
        assert errors(predict(model, test).logits, test.y) == row["test_errors"]
        assert errors(predict(model, test, view=one_view_each(test)).logits, test.y) == row["test_errors_shifted"]
        assert micro_store.read(trial).pictures["loss"].shape == (trial.settings["epochs"],)


def test_students_of_one_seed_start_from_the_same_weights():
    hard, distilled = (seeded_network(arms.trial("hinton_mnist", "quick", arm, 1)) for arm in ("hard", "distilled"))
    assert all(torch.equal(a, b) for a, b in zip(hard.parameters(), distilled.parameters(), strict=True))


def test_a_profile_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="profile must be one of quick, full, got 'slow'"):
        arms.trials("hinton_mnist", "slow")
