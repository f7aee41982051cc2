"""The paper's student, its control, and a run of a second."""

import pytest
import torch

from kdbook.book import hinton_mnist
from kdbook.data import load_images
from kdbook.lab import Tools, arms
from kdbook.lab.engines import grouped
from kdbook.lab.steps import cached_teacher, errors, network, one_view_each, seeded_network, training_split
from kdbook.lab.tools import Progress
from kdbook.lab.trial import in_order
from kdbook.training import Distillation, HardLabels, fit, predict, sgd

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
    with pytest.raises(ValueError, match="profile must be one of quick, full, gpu, got 'slow'"):
        arms.trials("hinton_mnist", "slow")


SMALL = {"sizes": [784, 20, 20, 10], "samples": 300}


def test_on_a_gpu_every_arm_has_the_full_settings_and_is_one_model_of_twenty_seeds():
    for name, arm in hinton_mnist.arms("gpu").items():
        assert {k: v for k, v in arm.settings.items() if k != "masks"} == FULL[name]
    groups = grouped(in_order(arms.trials("hinton_mnist", "gpu")))
    assert [{(t.arm, t.seed) for t in g} for g in groups] == [{(a, s) for s in range(20)} for a in FULL]


def test_what_a_gpu_trains_is_none_of_the_trials_of_the_full_results():
    assert not {*arms.trials("hinton_mnist", "gpu")} & {*arms.trials("hinton_mnist", "full")}


def test_the_arms_for_a_gpu_run_on_a_stand_in_and_measure_what_the_others_do(micro, micro_store, documented):
    table, measured = micro("hinton_mnist", 3, profile="gpu", **SMALL)
    documented("hinton_mnist", table, measured)
    assert table.groupby("arm").size().to_dict() == dict.fromkeys(FULL, 3)
    students = table[table.arm != "teacher"]
    assert (students.teacher_seed == students.seed).all() and students.agreement.between(0, 1).all()
    assert table[["test_errors", "mean_kl"]].duplicated().sum() == 0
    test = load_images("mnist", "test")
    for trial, (row,) in measured.items():
        model = network(trial.settings)
        model.load_state_dict(micro_store.tensors(trial))
        assert errors(predict(model, test).logits, test.y) == row["test_errors"]
        assert micro_store.read(trial).provenance["device"] == "cpu"


@pytest.mark.parametrize("arm", ["hard", "distilled", "distilled_shifted"])
def test_a_student_of_the_cohort_for_a_gpu_is_the_student_that_it_would_be_alone(micro, micro_store, cut, arm):
    micro("hinton_mnist", 3, profile="gpu", **SMALL)
    for trial in arms.trials("hinton_mnist", "gpu", 3):
        if trial.arm == arm:
            trial = cut(trial, **SMALL)
            tools = Tools(micro_store, torch.device("cpu"), Progress([], quiet=True))
            split = training_split(trial, tools)
            model = seeded_network(trial)
            objective = HardLabels()
            if arm != "hard":
                teacher = cached_teacher(trial.needs[0], split, tools)
                objective = Distillation(teacher, trial.settings["temperature"], trial.settings["alpha"])
            settings = {key: trial.settings[key] for key in ("epochs", "batch_size")}
            fit(model, objective, split, optimizer=sgd(0.1), seed=trial.seed, progress=False, **settings)
            for name, kept in micro_store.tensors(trial).items():
                torch.testing.assert_close(kept.float(), model.state_dict()[name], rtol=2e-3, atol=2e-4)
