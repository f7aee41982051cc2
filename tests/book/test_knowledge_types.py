"""One budget for all methods, terms that reach the student, and a run of a second."""

from dataclasses import replace

import pytest
import torch

from kdbook.book import knowledge_types
from kdbook.book.knowledge_types import LAYERS, METHODS, NEEDS_MAPS, with_term
from kdbook.data import load_images
from kdbook.lab import arms
from kdbook.lab.steps import network, seeded_network
from kdbook.nets.vision import MLP, ConvNet, count_parameters
from kdbook.training import Batch, CachedTeacher, Distillation, HardLabels
from tests.cifar_files import KINDS, expect, files_of, put

FULL = knowledge_types.arms("full")
STUDENTS = [arm for arm in FULL if arm != "teacher"]


def asked_about(trial, images):
    """The student and objective of a trial, whose teacher is untrained, and a batch of images."""
    split = load_images("fashion-mnist", "fit").rows(slice(images))
    cached = CachedTeacher.of(ConvNet((8, 16, 24)).eval(), split, LAYERS)
    response = HardLabels() if "alpha" not in trial.settings else Distillation(cached.showing(), 4.0, 0.9)
    model, objective = with_term(trial, METHODS[trial.settings["method"]], cached, split, response)
    return model, objective, Batch(split.images(), split.y, split.index, 12, True)


def test_every_method_stands_alone_and_beside_soft_targets_for_both_students_where_it_can():
    for name in METHODS:
        for arm in (name, f"{name}_kd"):
            assert (f"mlp_{arm}" in FULL) == (name not in NEEDS_MAPS)
            assert ("alpha" in FULL[arm].settings) == arm.endswith("_kd")
    assert {*NEEDS_MAPS} == {"at", "at_paper", "fsp"}


@pytest.mark.parametrize("profile", ["quick", "full"])
@pytest.mark.parametrize("net", ["conv", "mlp"])
@pytest.mark.parametrize("role", ["hard", "soft"])
def test_all_arms_of_a_network_have_one_budget_and_soft_targets_of_one_kind(profile, net, role):
    of_net = [a.settings for a in knowledge_types.arms(profile).values() if a.role == role and a.needs]
    of_net = [s for s in of_net if s.get("net", "mlp") == net]
    assert len(of_net) > len(METHODS) - len(NEEDS_MAPS)
    for key in ("samples", "epochs", "batch_size", "weight_decay", "lr", "temperature", "alpha"):
        assert len({s.get(key) for s in of_net}) == 1, key


def test_students_start_alike_under_every_method_and_the_seed_decides():
    names = [name for name in STUDENTS if not name.startswith("mlp_")]
    first, *rest = (seeded_network(arms.trial("knowledge_types", "quick", arm, 0)).head.weight for arm in names)
    assert all(torch.equal(weight, first) for weight in rest)
    other = seeded_network(arms.trial("knowledge_types", "quick", "hard", 1))
    assert not torch.equal(other.head.weight, first)


def test_the_student_is_thinner_than_its_teacher():
    teacher, student = (count_parameters(network(FULL[arm].settings)) for arm in ("teacher", "hard"))
    assert teacher > 4 * student


@pytest.mark.parametrize("name", METHODS)
def test_each_methods_term_reaches_the_students_first_layer(cut, name):
    trial = cut(arms.trial("knowledge_types", "full", f"{name}_kd", 0), {"negatives": 4})
    model, objective, batch = asked_about(trial, 12)
    rows, parts = objective(model, batch)
    assert rows.shape == parts["term"].shape == (12,)
    assert torch.isfinite(rows).all() and (parts["term"] >= 0).all() and parts["term"].sum() > 0
    parts["term"].mean().backward()
    first = next(model.student.parameters())
    assert first.grad is not None and first.grad.abs().sum() > 0


def test_an_mlp_cannot_learn_where_a_network_looks():
    trial = arms.trial("knowledge_types", "full", "mlp_hard", 0)
    model, objective, batch = asked_about(replace(trial, settings={**trial.settings, "method": "at", "beta": 1.0}), 4)
    with pytest.raises(ValueError, match="B, channels, H, W"):
        objective(model, batch)
    assert isinstance(model.student, MLP)


def test_a_small_run_measures_every_kind_of_knowledge(micro, micro_store, documented, monkeypatch):
    monkeypatch.setattr(knowledge_types, "IMAGES", 500)
    kinds = ("teacher", "api", "fitnet_kd", "at", "mlp_crd")
    sizes = {"samples": 100, "epochs": 2, "negatives": 16}
    table, measured = micro("knowledge_types", most=sizes, only=lambda trial: trial.arm in kinds)
    documented("knowledge_types", table, measured)
    rows = table.set_index("arm")
    assert {*rows.index} == {*kinds}
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
    made = {t.arm: t for t in arms.trials("knowledge_types", "gpu", 1)}
    sizes = {arm: count_parameters(seeded_network(trial)) / 1e6 for arm, trial in made.items()}
    assert sizes == pytest.approx({"teacher": 0.86, "hard": 0.28, "kd": 0.28}, abs=0.005)
    assert {t.data for t in made.values()} == {"cifar100"} and len(arms.trials("knowledge_types", "gpu")) == 1 + 2 * 5
    for trial in made.values():
        s = trial.settings
        assert (s["epochs"], s["batch_size"], s["lr"], s["weight_decay"]) == (240, 64, 0.05, 5e-4)
        assert s["falls"] == [150, 180, 210]


def test_the_arms_for_a_gpu_run_on_a_small_cifar_100_in_its_own_file_format(micro, cifar):
    table, _ = micro("knowledge_types", 2, profile="gpu", blocks=1)
    assert table.groupby("arm").size().to_dict() == {"teacher": 1, "hard": 2, "kd": 2}
    assert table.test_errors.between(1, 40).all() and set(table.columns) & {"recall", "few_shot"} == set()
    students = table[table.arm != "teacher"]
    assert (students.teacher_seed == 0).all() and students.mean_kl.nunique() == 4


def test_without_the_images_a_gpu_run_says_how_to_get_them(micro, own_folders, monkeypatch):
    monkeypatch.setattr("kdbook.data.cifar.home", lambda: own_folders)
    with pytest.raises(FileNotFoundError, match="cifar100 is not complete in .*with a network, fetch it by `python -c"):
        micro("knowledge_types", 1, profile="gpu", blocks=1, epochs=1)
