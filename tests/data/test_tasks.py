import hashlib
from collections import Counter
from itertools import combinations

import pytest
import torch

from kdbook.data import tasks
from kdbook.data.tasks import TASKS, load, synsets
from kdbook.data.wordpiece import definitions

PAIRS = [name for name, task in TASKS.items() if task.pair]
WIDE = ("fit", "validation", "test")


def texts_of(name, part):
    """Every definition that a part of a task shows."""
    texts = load(name, part)[0]
    if name == "same_kind":
        return {text for pair in texts for text in pair}
    return {pair[0] for pair in texts} if TASKS[name].pair else set(texts)


def meanings():
    """Definition -> the meanings that have it."""
    found = {}
    for synset in synsets().values():
        found.setdefault(synset.text, []).append(synset)
    return found


def words_above(synset):
    """Words of everything that a meaning is a kind of."""
    while synset := synsets().get(synset.above):
        yield from synset.lemmas


@pytest.mark.parametrize("name", TASKS)
def test_every_class_of_a_task_occurs_in_its_training_part(name):
    labels = load(name, "train")[1]
    assert sorted(set(labels.tolist())) == list(range(TASKS[name].classes))
    assert len(tasks.labels(name)) == TASKS[name].classes
    assert len(labels) > 4 * len(load(name, "test")[1]) > 4 * 2_500


@pytest.mark.parametrize("name", TASKS)
def test_no_definition_of_a_test_part_is_seen_in_training_of_any_task_or_in_pre_training(name):
    held_out = texts_of(name, "test")
    assert held_out.isdisjoint(definitions("train"))
    assert all(held_out.isdisjoint(texts_of(other, "train")) for other in TASKS)
    assert held_out <= set(definitions("test"))


@pytest.mark.parametrize("name", TASKS)
def test_the_parts_of_a_task_share_no_definition_and_train_is_fit_and_validation(name):
    texts = {part: texts_of(name, part) for part in WIDE}
    assert all(texts[a].isdisjoint(texts[b]) for a, b in combinations(WIDE, 2))
    assert texts_of(name, "train") == texts["fit"] | texts["validation"]


def test_parts_of_a_task_on_pairs_share_no_meaning():
    of_text = meanings()
    for name in PAIRS:
        seen = [{s.id for text in texts_of(name, part) for s in of_text[text]} for part in WIDE]
        assert all(a.isdisjoint(b) for a, b in combinations(seen, 2))


@pytest.mark.parametrize("name", ["part_of_speech", *PAIRS])
def test_balanced_tasks_have_equally_many_of_each_class_under_a_limit_too(name):
    classes = TASKS[name].classes
    for limit in (None, 40):
        counts = load(name, "validation", limit)[1].bincount()
        assert len(counts) == classes and counts.unique().numel() == 1


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("side", [0, 1])
def test_one_text_of_a_pair_does_not_tell_the_answer(name, side):
    texts, labels = load(name, "fit")
    counts = [Counter(pair[side] for pair, label in zip(texts, labels, strict=True) if label == y) for y in (0, 1)]
    assert counts[0] == counts[1]


def test_a_kind_is_an_ancestor_and_a_false_one_is_not():
    of_text = meanings()
    texts, labels = load("kind_of", "validation")
    named = Counter()
    for (text, kind), label in zip(texts, labels.tolist(), strict=True):
        above = [set(words_above(s)) for s in of_text[text]]
        named[label, any(kind in words for words in above)] += 1
    assert named[1, True] == len(texts) / 2
    # the rest are definitions that another meaning has as well
    assert named[0, True] <= 0.002 * len(texts)
    assert ("gluten prepared from corn", "gluten") in load("kind_of", "test")[0]


def test_true_pairs_of_the_same_kind_share_what_they_are_a_kind_of_and_false_ones_do_not():
    of_text = meanings()
    texts, labels = load("same_kind", "test")
    for (a, b), label in zip(texts, labels.tolist(), strict=True):
        first, second = ({s.above for s in of_text[text]} for text in (a, b))
        assert bool(first & second) == label or len(of_text[a]) + len(of_text[b]) > 2
        assert a != b


def test_labels_of_single_texts_are_wordnets_own():
    of_text = meanings()
    for name, label_of in (("supersense", lambda s: s.sense), ("part_of_speech", lambda s: s.id[0])):
        names = {"noun": "n", "verb": "v", "adjective": "as", "adverb": "r"}
        for text, label in zip(*load(name, "validation", 400), strict=True):
            said = tasks.labels(name)[label]
            assert any(label_of(s) in names.get(said, (said,)) for s in of_text[text])


def test_the_same_seed_gives_the_same_texts_and_another_seed_others():
    first, again, other = (load("kind_of", "fit", 50, seed=seed) for seed in (3, 3, 4))
    assert first[0] == again[0] and torch.equal(first[1], again[1])
    assert first[0] != other[0]
    assert load("kind_of", "fit", 20, seed=3)[0] == first[0][:20]


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("supersense", "bb4ed9fe42bb"),
        ("part_of_speech", "c48fabe8a3cc"),
        ("kind_of", "1bb56ad91a9e"),
        ("same_kind", "b89e66b7c801"),
    ],
)
def test_every_process_and_machine_makes_the_same_texts(name, digest):
    texts, labels = load(name, "validation")
    assert hashlib.sha256(repr([texts, labels.tolist()]).encode()).hexdigest()[:12] == digest


def test_the_commonest_class_is_right_as_often_as_it_occurs():
    assert [tasks.majority(name) for name in ("part_of_speech", *PAIRS)] == [25, 50, 50]
    labels = load("supersense", "test")[1]
    assert tasks.majority("supersense") == pytest.approx(100 * (labels == labels.mode().values).float().mean())


def test_the_macro_score_is_the_plain_mean_of_the_tasks():
    assert tasks.macro({"supersense": 60.0, "kind_of": 80.0, "same_kind": 55.0}) == 65.0
    with pytest.raises(ValueError, match="at least one task"):
        tasks.macro({})


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("glue", "fit"), "task must be one of supersense, part_of_speech"),
        (("kind_of", "dev"), "part must be one of fit"),
        (("kind_of", "fit", 0), "limit must be 1 or more, or None for all, got 0"),
    ],
)
def test_what_there_is_is_named_when_something_unknown_is_asked_for(asked, message):
    with pytest.raises(ValueError, match=message):
        load(*asked)
