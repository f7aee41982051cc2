"""Chapter 04: the arms, their budgets, and a small run of every experiment of the chapter."""

from dataclasses import replace

import pytest
import torch

from kdbook.book import fitnets, knowledge_types, transfer_cost, transfer_weights
from kdbook.book.knowledge_types import ARMS, BETAS, LAYERS, METHODS, NEEDS_MAPS, settings, with_term
from kdbook.book.shared import embeddings
from kdbook.data import load_images
from kdbook.lab import load
from kdbook.nets.vision import MLP, ConvNet, count_parameters
from kdbook.training import Batch, CachedTeacher

SMALL = {"samples": 100, "batch_size": 50, "epochs": 3}  # one more than the longest first stage


@pytest.fixture
def small(monkeypatch):
    """All experiments of the chapter with a few images to learn from, and to be scored on."""
    for module in (nets, knowledge_types, transfer_weights):
        whole = module.test_split
        monkeypatch.setattr(
            module, "test_split", lambda trial, tools, whole=whole: whole(trial, tools).rows(slice(500))
        )
    quick = knowledge_types.SETTINGS["quick"]
    monkeypatch.setitem(knowledge_types.SETTINGS, "quick", {name: {**s, **SMALL} for name, s in quick.items()})
    quick = fitnets.SETTINGS["quick"]
    monkeypatch.setitem(fitnets.SETTINGS, "quick", {name: {**s, **SMALL} for name, s in quick.items()})
    monkeypatch.setitem(transfer_cost.ROUNDS, "quick", 2)
    monkeypatch.setitem(knowledge_types.CRD, "negatives", 16)
    monkeypatch.setattr(knowledge_types, "IMAGES", 500)
    monkeypatch.setattr(embeddings, "IMAGES", 500)
    monkeypatch.setattr(embeddings, "EPISODES", 4)


def test_every_method_stands_alone_and_beside_soft_targets_for_both_students_where_it_can():
    for name in METHODS:
        alone, added = settings(name, "full"), settings(f"{name}_kd", "full")
        assert "alpha" not in alone and added["alpha"] == settings("kd", "full")["alpha"]
        assert (f"mlp_{name}" in ARMS) == (f"mlp_{name}_kd" in ARMS) == (name not in NEEDS_MAPS)
    assert settings("api", "full")["reveals"] == "top_k"
    assert len(ARMS) == 2 * (1 + len(METHODS)) + 2 * (1 + len(METHODS) - len(NEEDS_MAPS)) + 1


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_all_arms_of_a_network_have_one_budget_and_soft_targets_of_one_kind(profile):
    for net in ("conv", "mlp"):
        for kd in (False, True):
            chosen = [settings(name, profile) for name, arm in ARMS.items() if (arm.net, arm.kd) == (net, kd)]
            for key in ("samples", "epochs", "batch_size", "weight_decay", "lr", "temperature", "alpha"):
                assert len({s.get(key) for s in chosen}) == 1, key


def test_students_start_alike_under_every_method_and_the_seed_decides():
    trials = [t for t in knowledge_types.trials("quick", 2) if t.needs and ARMS[t.arm].net == "conv"]
    first = [knowledge_types.seeded_network(t).head.weight for t in trials if t.seed == 0]
    assert all(torch.equal(w, first[0]) for w in first)
    other = next(t for t in trials if t.seed == 1)
    assert not torch.equal(knowledge_types.seeded_network(other).head.weight, first[0])


def test_the_third_student_seed_and_the_sixth_have_the_teacher_of_seed_two():
    trials = knowledge_types.trials("full", 6)
    assert {t.needs[0].seed for t in trials if t.needs and t.seed in (2, 5)} == {2}
    assert [t.seed for t in trials if not t.needs] == [0, 1, 2]


def test_the_students_are_thinner_than_their_teachers_and_the_fitnet_is_deeper():
    s = knowledge_types.SETTINGS["full"]
    teacher = ConvNet(s["teacher"]["widths"], s["teacher"]["depth"])
    assert count_parameters(teacher) > 4 * count_parameters(ConvNet(s["conv"]["widths"]))
    thin = fitnets.SETTINGS["full"]["student"]
    student = ConvNet(thin["widths"], thin["depth"])
    assert 25_000 < count_parameters(student) < 35_000  # the paper's has about 30,000
    assert thin["depth"] > fitnets.SETTINGS["full"]["teacher"]["depth"]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_each_methods_term_reaches_the_students_first_layer(monkeypatch, name):
    monkeypatch.setitem(knowledge_types.CRD, "negatives", 4)
    trial = next(t for t in knowledge_types.trials("full", 1) if t.arm == f"{name}_kd")
    teacher = ConvNet((8, 16, 24)).eval()
    split = load_images("fashion-mnist", "fit").rows(slice(12))
    cached = CachedTeacher.of(teacher, split, LAYERS)
    model, objective = with_term(trial, cached, len(split), "cpu")
    rows, parts = objective(model, Batch(split.images(), split.y, split.index, 12, True))
    assert rows.shape == parts["term"].shape == (12,)
    assert torch.isfinite(rows).all() and (parts["term"] >= 0).all() and parts["term"].sum() > 0
    parts["term"].mean().backward()
    first = next(model.student.parameters())
    assert first.grad is not None and first.grad.abs().sum() > 0


def test_an_mlp_cannot_learn_where_a_network_looks():
    trial = next(t for t in knowledge_types.trials("full", 1) if t.arm == "at")
    mlp = replace(trial, settings={**settings("mlp_hard", "full"), "method": "at", "beta": 1.0})
    split = load_images("fashion-mnist", "fit").rows(slice(4))
    cached = CachedTeacher.of(ConvNet((8, 16, 24)).eval(), split, LAYERS)
    model, objective = with_term(mlp, cached, 4, "cpu")
    with pytest.raises(ValueError, match="B, channels, H, W"):
        objective(model, Batch(split.images(), split.y, split.index, 12, True))
    assert isinstance(model.student, MLP)


@pytest.mark.slow
def test_a_small_run_measures_every_method(micro, micro_store, documented, small):
    table, measured = micro("knowledge_types")
    documented("knowledge_types", table, measured)
    rows = table.set_index("arm")
    assert list(rows.index) == ["teacher", *ARMS]
    assert rows.test_errors.between(1, 500).all()
    assert rows.drop("teacher").agreement.between(0, 1).all() and rows.mean_kl.drop("teacher").min() >= 0
    assert rows[["recall", "recall_new", "few_shot"]].stack().between(0, 1).all()
    assert rows.distance_correlation.drop("teacher").between(-1, 1).all()
    # what is added to the labels changes the student
    assert rows.mean_kl.drop(["teacher"]).nunique() == len(ARMS)
    assert rows.parameters.drop(["teacher"]).nunique() == 2  # regressors are thrown away
    at = next(t for t in measured if t.arm == "at")
    assert micro_store.read(at).pictures["attention_1"].shape == (6, 7, 7)


def test_every_arm_with_a_term_is_tried_with_its_variants_on_validation_images():
    made = transfer_weights.trials("full", 1)
    students = [t for t in made if t.needs]
    assert all(t.settings["part"] == "fit" and "scored_on" not in t.settings for t in students)
    for arm, chosen in ARMS.items():
        tried = {(t.settings.get("beta"), t.settings.get("hint_epochs")) for t in students if t.arm == arm}
        assert len(tried) == (0 if arm == "api" else 1 if not chosen.method else 3 if "fitnet" in arm else 4)


def test_a_small_run_tries_weights(micro, documented, small):
    table, measured = micro("transfer_weights")
    documented("transfer_weights", table, measured)
    arms = {name + suffix for name in transfer_weights.QUICK for suffix in ("", "_kd")}
    tried = {arm: 0 if "fitnet" in arm else 2 for arm in arms}  # a hint has no weight
    assert table.groupby("arm").beta.nunique().to_dict() == tried
    assert table.validation_errors.between(1, 500).all()


def test_the_weights_in_use_are_those_that_validation_images_chose():
    tried = load("transfer_weights").groupby(["arm", "beta"]).validation_errors.mean()
    for net, methods in BETAS.items():
        for method, pair in methods.items():
            for kd, beta in enumerate(pair):
                arm = ("" if net == "conv" else "mlp_") + method + ("_kd" if kd else "")
                if arm in ARMS:
                    assert beta == pytest.approx(tried[arm].idxmin(), rel=0.01), arm


def test_a_small_run_measures_what_each_type_costs(micro, documented, small):
    table, measured = micro("transfer_cost")
    documented("transfer_cost", table, measured)
    rows = table.set_index("method")
    assert set(rows.index) == {"kd", "kd_live", *METHODS}
    assert rows.relative_time["kd"] == 1 and (rows.relative_time > 0).all()
    # AT keeps the maps of three stages, SP that of the last, and PKT the embedding
    assert rows.extra_bytes["at"] > rows.extra_bytes["sp"] > rows.extra_bytes["pkt"] > rows.extra_bytes["kd"] == 0
    assert rows.extra_bytes["at"] == 4 * 100 * (16 * 14 * 14 + 32 * 7 * 7 + 64 * 4 * 4)


def test_a_small_run_measures_thin_students(micro, documented, small):
    table, measured = micro("fitnets")
    documented("fitnets", table, measured)
    rows = table.set_index("arm")
    assert list(rows.index) == ["teacher", *fitnets.ARMS]
    assert rows.test_errors.between(1, 500).all()
    assert rows.parameters[["hard", "kd", "hints"]].nunique() == 1
