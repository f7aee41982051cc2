"""Who sees which images and which labels, terms that reach the student, tries for all, and a run of a second."""

from dataclasses import replace

import pytest
import torch

from kdbook.book import which_knowledge, which_knowledge_settings
from kdbook.book.which_knowledge import FEW, LAYERS, METHODS, NEEDS_MAPS, RESPONSES, drawn, response_of, with_term
from kdbook.data import load_images
from kdbook.lab import arms
from kdbook.lab.steps import seeded_network
from kdbook.nets.vision import ConvNet
from kdbook.training import Batch, CachedTeacher, HardLabels

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
            assert (f"mlp_{arm}" in FULL) == (name not in NEEDS_MAPS)
            assert ("temperature" in FULL[arm].settings) == arm.endswith("_kd")
    assert {*NEEDS_MAPS} == {"at", "fsp"}
    assert all(prefix + name in FULL for prefix in ("", "mlp_") for name in RESPONSES)


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


def test_every_arm_has_six_tries_of_its_own_and_labels_of_a_convolutional_net_eight():
    tries = {}
    for arm in which_knowledge_settings.arms("full").values():
        if arm.named:
            tries[arm.named] = tries.get(arm.named, 0) + 1
    assert tries == dict.fromkeys(STUDENTS, 6) | {"hard": 8, "answers": 8}


@pytest.mark.parametrize("name", ["which_knowledge", "which_knowledge_settings"])
def test_a_small_run_measures_teachers_and_students(micro, documented, name):
    arms = {"teacher", "hard", "kd", "dkd", "dist", "answers", "api", "fitnet_kd", "pkt", "crd_kd", "mlp_kd", "mlp_cc"}
    table, measured = micro(
        name, most={"images": 100, "labels": 20, "negatives": 4}, only=lambda trial: trial.arm in arms
    )
    documented(name, table, measured)
    assert set(table.arm) == (arms if name == "which_knowledge" else {"teacher", "dkd", "fitnet_kd", "pkt"})
