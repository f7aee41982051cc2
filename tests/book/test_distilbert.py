"""The recipes of DistilBERT and TinyBERT, cut down to a few texts and one narrow layer."""

import pytest
import torch
import torch.nn.functional as F

from kdbook.book import distilbert, tinybert
from kdbook.book.distilbert import STUDENTS, TASKS, blanks, trials
from kdbook.book.shared import texts
from kdbook.book.tinybert import ARMS, AUGMENTED, augmented, recipe
from kdbook.data import tasks
from kdbook.data.wordpiece import MASK, Tokens, load_corpus, tokenizer
from kdbook.lab import Store, steps
from kdbook.lab.engines import LocalTools, Progress
from kdbook.nets.bert import Bert
from kdbook.training.masked import mask_tokens
from kdbook.training.objectives import LayerRecipe

NET = {"width": 8, "heads": 2}
STAGE = {"masked": 0.4, "samples": 64, "epochs": 1, "batch_size": 16, "lr": 1e-3}


@pytest.fixture
def small(monkeypatch):
    """Both experiments' quick profile with tiny nets and sixteen texts a task."""
    task = {**distilbert.SETTINGS["quick"]["tasks"], "limit": 16, "pairs": 16}
    settings = {
        "teacher": {"kind": "bert", "layers": 2, **NET, **STAGE},
        "student": {"kind": "distilbert", "layers": 1, **NET, **STAGE},
        "tasks": task,
    }
    monkeypatch.setitem(distilbert.SETTINGS, "quick", settings)
    thin = {"layers": 1, "prediction": 1, "limit": 16, "pairs": 16, "batch_size": 16, "lr": 1e-3}
    general = {**tinybert.SETTINGS["quick"], "layers": 2, "width": 4, "heads": 2, "general": STAGE, "task": thin}
    monkeypatch.setitem(tinybert.SETTINGS, "quick", general)
    for module in (distilbert, tinybert):
        monkeypatch.setattr(module, "TEST", 50)
    scored = texts.masked_scores
    monkeypatch.setattr(distilbert, "masked_scores", lambda model, tools: scored(model, tools, samples=100))


@pytest.fixture
def tools(tmp_path):
    return LocalTools(Store(tmp_path), torch.device("cpu"), Progress([], quiet=True))


def test_a_student_and_its_teacher_share_the_seed_modulo_teachers_and_arms_differ_in_one_thing():
    found = {(t.arm, t.seed): t for t in trials("full")}
    assert {t.arm for t in found.values()} == {"teacher", *STUDENTS, *TASKS}
    for (arm, seed), trial in found.items():
        teacher = trial if arm in ("teacher", "tasks_teacher") else trial.needs[0]
        while teacher.needs:
            teacher = teacher.needs[0]
        assert teacher.seed == seed % 3 and teacher.arm == "teacher"
    full = found["triple", 0].settings
    for arm, changed in (("no_soft", {"terms"}), ("random_init", {"init"}), ("triple_t4", {"temperature"})):
        other = found[arm, 0].settings
        assert {key for key in full if other[key] != full[key]} == changed
    assert found["triple", 4].cohort == found["alone", 4].cohort != ""


def test_the_published_ratios_are_those_of_the_headlines():
    teacher, student = (sum(pair[i] for pair in distilbert.GLUE.values()) / 9 for i in range(2))
    assert (round(teacher, 1), round(student, 1)) == (79.5, 77.0)
    rest = [pair for task, pair in distilbert.GLUE.items() if task != "WNLI"]
    assert 100 * sum(s for _, s in rest) / sum(t for t, _ in rest) == pytest.approx(96.2, abs=0.05)
    assert tinybert.PUBLISHED["full"] - tinybert.PUBLISHED["no_layers"] == pytest.approx(19.3)


def test_every_blank_hides_one_whole_word_of_a_held_out_definition():
    x, at, hidden = blanks()
    assert len(x) == distilbert.BLANKS and (x == MASK).sum(1).tolist() == [1] * len(x)
    assert bool((x[torch.arange(len(x)), at] == MASK).all())
    words = [tokenizer().id_to_token(int(i)) for i in hidden]
    assert all(word.isalpha() and len(word) >= 5 for word in words)


def test_held_out_loss_and_accuracy_are_means_over_the_same_hidden_tokens(tools):
    torch.manual_seed(0)
    model = Bert(layers=1, **NET).eval()
    found = texts.masked_scores(model, tools, samples=90)
    assert found == texts.masked_scores(model, tools, samples=90)
    split = load_corpus("test", 90)
    order = (split.x > 0).sum(1).argsort(stable=True)
    torch.manual_seed(2019)
    shown, labels = mask_tokens(split.x[order], 2048)
    at = labels >= 0
    with torch.no_grad():
        logits = model(shown).logits[at]
    assert found["masked_loss"] == pytest.approx(float(F.cross_entropy(logits, labels[at])), rel=1e-5)
    assert found["masked_accuracy"] == pytest.approx(100 * float((logits.argmax(-1) == labels[at]).float().mean()))


def test_accuracy_does_not_depend_on_the_order_of_texts(tools):
    torch.manual_seed(0)
    model = Bert(layers=1, classes=4, **NET).eval()
    split = texts.task_split("part_of_speech", "validation", 60, 32, tools)
    shuffled = split.rows(torch.randperm(60))
    with torch.no_grad():
        right = (model(split.x).logits.argmax(-1) == split.y).float().mean()
    assert texts.accuracy(model, split) == texts.accuracy(model, shuffled) == pytest.approx(100 * float(right))


def test_a_stored_model_of_another_shape_is_named(tools, small):
    first = distilbert.teacher("quick", 0)
    Store.write(tools.store, first, {}, {"seconds": 0}, tensors=steps.weights(Bert(layers=1, **NET)))
    with pytest.raises(ValueError, match="distilbert/teacher-0-.* holds another model: \\['net.bert"):
        texts.stored_bert(first, tools)


def test_a_recipe_leaves_out_what_its_name_says():
    assert recipe("full", 2, 4) == recipe("no_general", 2, 4) == LayerRecipe((2, 4))
    assert recipe("no_layers", 2, 4) == LayerRecipe((2, 4), attention=False, hidden=False)
    assert recipe("no_embedding", 2, 4) == LayerRecipe((2, 4), embedding=False)
    assert recipe("full", 4, 4).layers == (1, 2, 3, 4) and recipe("two_layers", 4, 4).layers == (2, 4)
    assert recipe("map_top", 4, 4).layers == (3, 4) and recipe("map_bottom", 4, 4).layers == (1, 2)
    assert recipe("softmaxed", 2, 4).softmaxed
    assert set(AUGMENTED) | {"no_augmentation", "no_task", "plain"} == set(ARMS)


def test_augmented_copies_replace_some_words_and_keep_the_labels():
    torch.manual_seed(0)
    model = Bert(layers=1, **NET).eval()
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
def test_a_small_run_trains_every_arm_of_both_recipes(small, micro, micro_store, documented):
    table, measured = micro("distilbert")
    documented("distilbert", table, measured)
    before = table[table.task.isna()].set_index("arm")
    assert set(before.index) == {"teacher", *STUDENTS}
    assert before.masked_loss.between(3, 9).all() and before.loc["teacher", "tokens_per_second"] > 0
    assert before.loc["triple", "parameters"] < before.loc["teacher", "parameters"]
    scores = table[table.task.notna()].pivot_table(index="arm", columns="task", values="score")
    assert set(scores.index) == set(TASKS) and set(scores) == {*tasks.TASKS, "macro"}
    assert scores.macro.tolist() == pytest.approx(scores[list(tasks.TASKS)].mean(axis=1).tolist())
    kept = micro_store.read(next(t for t in measured if t.arm == "alone")).pictures
    assert kept["blank_words"].shape == kept["blank_p"].shape == (distilbert.BLANKS, 5)

    table, measured = micro("tinybert")
    documented("tinybert", table, measured)
    macro = table[table.task == "macro"].set_index("arm")
    assert set(macro.index) == {"teacher", *ARMS}
    assert (macro.loc[list(ARMS), "attention_kl"] > 0).all()
    assert macro.loc["no_task", "attention_kl"] == macro.loc["full", "attention_kl"]
    teacher = scores.loc["tasks_teacher"]
    assert macro.loc["teacher", "score"] == pytest.approx(teacher[list(tinybert.ASKED)].mean())
    kept = micro_store.read(next(t for t in measured if t.arm == "full")).pictures
    assert kept["attention"].shape[1:] == kept["teacher_attention"].shape[1:]
    assert kept["attention"].sum(-1) == pytest.approx(1, abs=1e-5)
