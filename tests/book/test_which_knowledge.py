"""Who sees which images and which labels, terms that reach the student, tries for all, small runs, CIFAR-100 too."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kdbook.book import which_knowledge, which_knowledge_settings
from kdbook.book.which_knowledge import (
    FEW,
    LAYERS,
    METHODS,
    NEEDS_MAPS,
    OF_MLP,
    RESPONSES,
    drawn,
    response_of,
    with_term,
)
from kdbook.data import load_images
from kdbook.lab import arms, load
from kdbook.lab.steps import seeded_network
from kdbook.nets.vision import ConvNet, count_parameters
from kdbook.training import Batch, CachedTeacher, HardLabels
from tests.cifar_files import KINDS, expect, files_of, put

FULL = which_knowledge.arms("full")
STUDENTS = {name: arm for name, arm in FULL.items() if name != "teacher"}


def trial(arm, seed=0, profile="full"):
    return arms.trial("which_knowledge", profile, arm, seed)


@pytest.fixture
def asked(cut):
    """Function (arm, images) -> trial, cached untrained teacher, and images of the draw, cut down."""

    def asked(arm, images=24):
        of_arm = cut(trial(arm), {"images": images, "labels": 6, "negatives": 4})
        split = drawn(of_arm, load_images("fashion-mnist", "fit"))
        return of_arm, CachedTeacher.of(ConvNet((8, 16, 24)).eval(), split, LAYERS), split

    return asked


def test_every_method_stands_alone_and_beside_soft_targets_for_both_students_where_it_can():
    for name in METHODS:
        for arm in (name, f"{name}_kd"):
            assert (f"mlp_{arm}" in FULL) == (name in OF_MLP)
            assert ("temperature" in FULL[arm].settings) == arm.endswith("_kd")
    assert {*NEEDS_MAPS} == {"at", "fsp"} and not {*NEEDS_MAPS} & {*OF_MLP}
    assert all(name in FULL for name in RESPONSES) and {"mlp_hard", "mlp_kd", "mlp_answers"} <= {*FULL}


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_all_students_take_as_many_steps_and_know_the_same_labels(profile):
    made = [arm.settings for name, arm in which_knowledge.arms(profile).items() if name != "teacher"]
    steps = {s["epochs"] * s["images"] for s in made}
    assert len(steps) == 1 and {s["batch_size"] for s in made} == {128} and {s["labels"] for s in made} == {FEW}


def test_the_labels_that_a_student_knows_are_those_of_its_draws_first_images_whoever_teaches_it():
    whole = load_images("fashion-mnist", "fit")
    few, many = (drawn(trial(arm, 3), whole) for arm in ("hard", "kd"))
    assert (len(few), len(many)) == (2_000, 12_000) and torch.equal(few.x, many.x[:2_000])
    assert few.index.tolist() == [*range(2_000)] and few.origin == many.origin
    assert not torch.equal(drawn(trial("hard", 4), whole).x, few.x)
    assert trial("kd", 3).needs[0].seed == 3


def test_beside_a_term_the_labels_of_all_other_images_are_worth_nothing_and_soft_targets_need_none(asked):
    of_arm, cached, split = asked("pkt")
    assert response_of(of_arm, cached, split).worth.tolist() == [4.0] * 6 + [0.0] * 18
    of_arm, cached, split = asked("pkt_kd")
    response = response_of(of_arm, cached, split)
    batch = Batch(split.images(), split.y, split.index, 12, True, split.origin)
    logits = torch.randn(24, 10)
    other = batch._replace(y=(split.y + 1) % 10)
    assert torch.equal(response.rows(logits, batch), response.rows(logits, other))


def test_a_student_of_hard_answers_is_told_the_teachers_classes(asked, monkeypatch):
    of_arm, cached, split = asked("answers")
    told = {}

    def remember(_, split, objective, tools):
        told.update(split=split, objective=objective)
        return None, None

    monkeypatch.setattr(which_knowledge, "cached_teacher", lambda *_: cached)
    monkeypatch.setattr(which_knowledge, "train", remember)
    which_knowledge.train_student(of_arm, split, None)
    assert torch.equal(told["split"].y, cached.logits[0].argmax(-1)) and torch.equal(told["split"].x, split.x)
    assert isinstance(told["objective"], HardLabels) and told["objective"].worth is None


@pytest.mark.parametrize("name", METHODS)
def test_each_methods_term_reaches_the_students_first_layer(asked, name):
    of_arm, cached, split = asked(f"{name}_kd", 12)
    model, objective = with_term(of_arm, METHODS[name], cached, split, response_of(of_arm, cached, split))
    rows, parts = objective(model, Batch(split.images(), split.y, split.index, 12, True, split.origin))
    assert rows.shape == parts["term"].shape == (12,) and torch.isfinite(rows).all() and parts["term"].sum() > 0
    parts["term"].mean().backward()
    first = next(model.student.parameters())
    assert first.grad is not None and first.grad.abs().sum() > 0


def test_students_start_alike_under_every_method_and_the_seed_decides():
    first, *rest = (seeded_network(trial(name)).head.weight for name in STUDENTS if not name.startswith("mlp_"))
    assert all(torch.equal(weight, first) for weight in rest)
    assert not torch.equal(seeded_network(trial("hard", 1)).head.weight, first)


def test_an_mlp_cannot_learn_where_a_network_looks(asked):
    of_arm, cached, split = asked("mlp_hard", 12)
    of_arm = replace(of_arm, settings={**of_arm.settings, "method": "at"})
    model, objective = with_term(of_arm, METHODS["at"], cached, split, HardLabels())
    with pytest.raises(ValueError, match="B, channels, H, W"):
        objective(model, Batch(split.images(), split.y, split.index, 12, True, split.origin))


def test_every_arm_has_six_tries_of_its_own_and_labels_hard_answers_and_methods_alone_eight():
    tries = {}
    for arm in which_knowledge_settings.arms("full").values():
        if arm.named:
            tries[arm.named] = tries.get(arm.named, 0) + 1
    alone = [prefix + name for prefix in ("", "mlp_") for name in METHODS if prefix + name in STUDENTS]
    heavier = {name: 10 for name in which_knowledge_settings.HEAVIER}  # where the heaviest of eight was best
    assert tries == dict.fromkeys(STUDENTS, 6) | dict.fromkeys([*alone, "hard", "answers"], 8) | heavier | {"dkd": 9}


def test_settings_in_use_are_within_twenty_validation_errors_of_the_best_that_was_tried():
    tried = load("which_knowledge_settings")
    told = ["lr", "weight_decay", "temperature", "beta", "dkd_beta", "hint_epochs"]
    tried = tried[tried.arm.isin(STUDENTS)].fillna({"validation_errors": 10_000, **dict.fromkeys(told, 0.0)})
    means = tried.groupby(["arm", *told]).validation_errors.mean().reset_index(told)
    assert {*means.index} == {*STUDENTS}
    for name, rows in means.groupby(level="arm"):
        used = [FULL[name].settings.get(key, 0.0) for key in told]
        (mean,) = rows.validation_errors[np.isclose(rows[told], used).all(1)]
        assert mean <= rows.validation_errors.min() + 20, name


@pytest.mark.parametrize("name", ["which_knowledge", "which_knowledge_settings"])
def test_a_small_run_measures_teachers_and_students(micro, documented, name):
    arms = {"teacher", "hard", "kd", "dkd", "dist", "answers", "api", "fitnet_kd", "pkt", "crd_kd", "mlp_kd", "mlp_pkt"}
    table, measured = micro(
        name, most={"images": 100, "labels": 20, "negatives": 4}, only=lambda trial: trial.arm in arms
    )
    documented(name, table, measured)
    assert set(table.arm) == (arms if name == "which_knowledge" else {"teacher", "dkd", "fitnet_kd", "pkt"})


def test_a_row_tells_of_answers_and_of_the_embedding_and_the_first_draws_pictures_are_kept(
    micro, micro_store, monkeypatch
):
    monkeypatch.setattr(which_knowledge, "IMAGES", 500)
    kinds = ("teacher", "api", "fitnet_kd", "at", "mlp_rkd_d")
    sizes = {"images": 100, "labels": 20, "epochs": 2, "negatives": 16}
    table, measured = micro("which_knowledge", most=sizes, only=lambda trial: trial.arm in kinds)
    rows = table.set_index("arm")
    students = rows.drop("teacher")
    assert (students.teacher_seed == 0).all() and rows.teacher_seed.isna()["teacher"]
    assert students.agreement.between(0, 1).all() and students.distance_correlation.between(-1, 1).all()
    assert rows[["recall", "recall_new", "few_shot"]].stack().between(0, 1).all()
    # what is added to the labels changes the student
    assert (students.mean_kl > 0).all() and students.mean_kl.nunique() == len(students)
    assert students.parameters.nunique() == 2  # regressors are thrown away
    at = next(t for t in measured if t.arm == "at")
    assert micro_store.read(at).pictures["attention_1"].shape == (6, 7, 7)


@pytest.fixture
def cifar(own_folders, monkeypatch):
    """A home with a CIFAR-100 of 40 training and 40 test images, in the authors' own files."""
    files = files_of("cifar100", 40)
    expect(monkeypatch, KINDS["cifar100"], files)
    monkeypatch.setattr("kdbook.data.cifar.home", lambda: own_folders)  # not below data/, which all tests share
    put(own_folders / "data" / "cifar", KINDS["cifar100"], files)


def test_on_a_gpu_the_nets_are_the_papers_and_all_have_its_recipe():
    made = {t.arm: t for t in arms.trials("which_knowledge", "gpu", 1)}
    sizes = {arm: count_parameters(seeded_network(trial)) / 1e6 for arm, trial in made.items()}
    assert sizes == pytest.approx({"teacher": 0.86, "hard": 0.28, "kd": 0.28}, abs=0.005)
    assert {t.data for t in made.values()} == {"cifar100"} and len(arms.trials("which_knowledge", "gpu")) == 1 + 2 * 5
    for of_arm in made.values():
        s = of_arm.settings
        assert (s["epochs"], s["batch_size"], s["lr"], s["weight_decay"]) == (240, 64, 0.05, 5e-4)
        assert s["falls"] == [150, 180, 210]


def test_the_arms_for_a_gpu_run_on_a_small_cifar_100_in_its_own_file_format(micro, cifar):
    table, _ = micro("which_knowledge", 2, profile="gpu", blocks=1)
    assert table.groupby("arm").size().to_dict() == {"teacher": 1, "hard": 2, "kd": 2}
    assert table.test_errors.between(1, 40).all() and set(table.columns) & {"recall", "few_shot"} == set()
    students = table[table.arm != "teacher"]
    assert (students.teacher_seed == 0).all() and students.mean_kl.nunique() == 4


def test_without_the_images_a_gpu_run_says_how_to_get_them(micro, own_folders, monkeypatch):
    monkeypatch.setattr("kdbook.data.cifar.home", lambda: own_folders)
    with pytest.raises(FileNotFoundError, match="cifar100 is not complete in .*with a network, fetch it by `python -c"):
        micro("which_knowledge", 1, profile="gpu", blocks=1, epochs=1)
