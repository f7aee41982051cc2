"""Intents: how many there are, what they are called, and that no test text is trained on."""

from collections import Counter

import pytest

from kdbook.data.images import checksum
from kdbook.data.intents import INTENT_SETS, load_intents

COUNTS = {  # Casanueva et al. 2020, Table 1; Larson et al. 2019, section 2
    ("banking77", "train"): 10_003,
    ("banking77", "test"): 3_080,
    ("clinc150", "train"): 15_000,
    ("clinc150", "validation"): 3_000,
    ("clinc150", "test"): 4_500,
}


@pytest.mark.parametrize(("name", "part"), COUNTS)
def test_each_part_has_the_published_number_of_texts_and_of_intents(name, part):
    found = load_intents(name, part)
    assert len(found.texts) == len(found.labels) == COUNTS[name, part]
    assert len(found.names) == int(name[-3:].strip("gc")) == len(found.labels.unique())


def test_every_part_is_listed():
    assert [(name, part) for name, parts in INTENT_SETS.items() for part in parts] == [*COUNTS]


def test_labels_say_what_the_file_says():
    found = load_intents("banking77", "test")
    assert found.texts[0] == "How do I locate my card?" and found.names[found.labels[0]] == "card_arrival"
    assert Counter(found.labels.tolist()).most_common()[-1][1] == 40


def test_numbers_of_intents_are_the_same_in_all_parts():
    for name, (first, *rest) in INTENT_SETS.items():
        assert all(load_intents(name, part).names == load_intents(name, first).names for part in rest)


def test_each_of_ten_domains_has_fifteen_intents_and_a_bank_has_none():
    found = load_intents("clinc150")
    assert set(Counter(found.domains).values()) == {15} and len(set(found.domains)) == 10
    assert found.domains[found.names.index("freeze_account")] == "banking"
    assert load_intents("banking77").domains == ()


@pytest.mark.parametrize(("name", "published"), [("banking77", 0), ("clinc150", 2)])
def test_no_more_texts_of_the_test_part_are_among_those_to_train_on_than_were_published_so(name, published):
    assert len(set(load_intents(name, "train").texts) & set(load_intents(name, "test").texts)) == published


def test_unknown_names_and_parts_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match="name must be one of banking77, clinc150, got 'banking'"):
        load_intents("banking")
    with pytest.raises(ValueError, match="part must be one of train, test, got 'validation'"):
        load_intents("banking77", "validation")


def test_a_set_of_intents_has_a_checksum_that_trials_depend_on():
    assert len({checksum(name) for name in INTENT_SETS}) == 2
