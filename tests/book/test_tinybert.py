"""TinyBERT's recipe: what each arm leaves out, and a run with a few texts and narrow layers."""

import pytest
import torch

from kdbook.book.tinybert import ARMS, AUGMENTED, PUBLISHED, augmented, recipe
from kdbook.data.wordpiece import MASK, Tokens, load_corpus
from kdbook.nets.bert import Bert
from kdbook.training.objectives import LayerRecipe


def test_the_published_loss_without_layers_is_that_of_the_headline():
    assert PUBLISHED["full"] - PUBLISHED["no_layers"] == pytest.approx(19.3)


def test_a_recipe_leaves_out_what_its_name_says():
    assert recipe("full", 2, 4) == recipe("no_general", 2, 4) == LayerRecipe((2, 4))
    assert recipe("no_layers", 2, 4) == LayerRecipe((2, 4), attention=False, hidden=False)
    assert recipe("no_embedding", 2, 4) == LayerRecipe((2, 4), embedding=False)
    assert recipe("full", 4, 4).layers == (1, 2, 3, 4) and recipe("two_layers", 4, 4).layers == (2, 4)
    assert recipe("map_top", 4, 4).layers == (3, 4) and recipe("map_bottom", 4, 4).layers == (1, 2)
    assert recipe("softmaxed", 2, 4).softmaxed
    assert {*AUGMENTED, "no_augmentation", "no_task", "plain", "teacher"} == set(ARMS)


def test_augmented_copies_replace_some_words_and_keep_the_labels():
    torch.manual_seed(0)
    model = Bert(layers=1, width=8, heads=2).eval()
    split = load_corpus("validation", 40)
    split = Tokens(split.x, torch.arange(40), split.index)
    given = {"copies": 2, "share": 0.4, "top": 15}
    more = augmented(split, model, **given, seed=1)
    assert torch.equal(more.x[:40], split.x) and more.y.tolist() == 3 * list(range(40))
    assert more.index.tolist() == list(range(120))
    copies, original = more.x[40:], split.x.repeat(2, 1)
    changed, ordinary = copies != original, original > MASK
    assert not bool(changed[~ordinary].any()) and bool((copies[ordinary] > MASK).all())
    assert float(changed[ordinary].float().mean()) == pytest.approx(0.4, abs=0.05)
    assert torch.equal(more.x, augmented(split, model, **given, seed=1).x)
    assert not torch.equal(copies[:40], copies[40:])
    assert not torch.equal(more.x, augmented(split, model, **given, seed=2).x)


@pytest.mark.slow
def test_a_small_run_trains_every_arm(micro, micro_store, documented):
    table, measured = micro("tinybert", most={"width": 8, "heads": 2, "samples": 64, "limit": 16, "pairs": 16})
    documented("tinybert", table, measured)
    macro = table[table.task == "macro"].set_index("arm")
    assert set(macro.index) == set(ARMS)
    students = macro.drop("teacher")
    assert (students.attention_kl > 0).all()
    assert students.attention_kl["no_task"] == students.attention_kl["full"]
    assert table.groupby("arm").task.nunique().eq(3).all() and macro.score.between(0, 100).all()
    teacher = table[table.arm == "teacher"].set_index("task").score
    (tuned,) = next(t for t in measured if t.arm == "teacher").needs
    theirs = {row["task"]: row["score"] for row in micro_store.read(tuned).measured["rows"]}
    assert all(teacher[task] == theirs[task] for task in ("supersense", "kind_of"))
    kept = micro_store.read(next(t for t in measured if t.arm == "full")).pictures
    assert kept["attention"].shape[1:] == kept["teacher_attention"].shape[1:]
    assert kept["attention"].sum(-1) == pytest.approx(1, abs=1e-5)
