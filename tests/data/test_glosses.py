import hashlib
from collections import Counter

import pytest
import torch

from kdbook.data import checksum, load_glosses, read_glosses
from kdbook.data.glosses import PARTS, SMALLEST, VOCABULARY, definition_of
from kdbook.lab.trial import Trial


def test_every_class_has_sixty_definitions_or_more_and_there_are_over_two_hundred():
    found = read_glosses()
    counts = Counter(found.labels)
    assert len(found.classes) == len(found.groups) == len(counts) >= 200
    assert min(counts.values()) >= SMALLEST
    assert sorted(counts) == list(range(len(counts)))


def test_a_definition_belongs_to_its_nearest_large_ancestor():
    found = read_glosses()
    kind = {d.lemmas[0]: found.classes[label] for d, label in zip(found.definitions, found.labels, strict=True)}
    assert (kind["batiste"], kind["gliricidia"], kind["elasmobranch"]) == ("fabric", "tree", "cartilaginous fish")
    groups = dict(zip(found.classes, found.groups, strict=True))
    assert (groups["tree"], groups["fabric"], groups["scientist"]) == ("plant", "artifact", "person")


@pytest.mark.parametrize(
    ("gloss", "definition"),
    [
        ('a small dog; "the dog barked all night"; "a dog"', "a small dog"),
        ("a tree; roots are poisonous", "a tree; roots are poisonous"),
        ('the state of being "cool"', 'the state of being "cool"'),
        ('first part; second part;"an example"', "first part; second part"),
    ],
)
def test_quoted_examples_are_no_part_of_a_definition(gloss, definition):
    assert definition_of(gloss) == definition


def test_the_parts_are_disjoint_and_complete_and_equal_definitions_share_one():
    texts = [d.text for d in read_glosses().definitions]
    part = {name: set(load_glosses(name).index.tolist()) for name in PARTS}
    assert part["train"] == part["fit"] | part["validation"]
    assert part["train"] | part["test"] == set(range(len(texts)))
    assert not part["fit"] & part["validation"] and not part["train"] & part["test"]
    by_part = [{texts[i] for i in part[name]} for name in ("fit", "validation", "test")]
    assert not by_part[0] & by_part[1] and not by_part[0] & by_part[2] and not by_part[1] & by_part[2]
    assert [round(len(part[name]) / len(texts), 2) for name in ("fit", "validation", "test")] == [0.7, 0.1, 0.2]


def test_an_input_holds_the_words_of_the_definition_and_not_the_word_defined():
    found, split = read_glosses(), load_glosses("fit")
    at = next(
        i for i in range(len(split)) if found.definitions[int(split.index[i])].text.startswith("a kitchen utensil")
    )
    place = int(split.index[at])
    words = set(found.definitions[place].text.lower().replace(";", " ").replace(",", " ").split())
    assert 0 < int((split.x[at] > 0).sum()) <= len(words)
    assert int(split.x.max()) < VOCABULARY
    assert int(split.y[at]) == found.labels[place]


def test_the_vocabulary_comes_from_the_training_texts():
    seen = set(load_glosses("fit").x.unique().tolist())
    assert set(load_glosses("test").x.unique().tolist()) <= seen
    assert len(seen) == VOCABULARY


def test_batches_follow_the_order_and_are_no_wider_than_their_longest_text():
    split = load_glosses("validation")
    order = torch.tensor([5, 3, 9, 0, 7])
    batches = list(split.batches(order, None, 2))
    assert [at for _, at in batches] == [slice(0, 2), slice(2, 4), slice(4, 5)]
    for x, at in batches:
        whole = split.x[order[at]]
        assert x.shape[1] == (whole > 0).sum(1).max()
        assert torch.equal(x, whole[:, : x.shape[1]]) and not whole[:, x.shape[1] :].any()


def test_a_text_without_a_known_word_is_still_a_batch():
    split = load_glosses("test")
    empty = (split.x == 0).all(1).nonzero()[:1, 0]
    ((x, _),) = split.batches(empty, None, 4)
    assert x.shape == (1, 1)


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="part must be one of fit, validation, train, test, got 'dev'"):
        load_glosses("dev")


def test_the_data_are_part_of_a_trials_identity():
    assert (
        checksum("wordnet")
        == hashlib.sha256(b"44519f4d6911f58af6afdc1737c1d9b80c3caa98148419b0c8a1d25a2bd3127a").hexdigest()
    )
    assert Trial("t", "a", 0, {}, data="wordnet").id != Trial("t", "a", 0, {}, data="mnist").id
