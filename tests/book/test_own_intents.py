"""Intents of few labels: whose texts are whose, what a teacher tells, and a run of a second without MiniLM."""

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from kdbook.book import own_intents, own_intents_settings
from kdbook.book.own_intents import CLASSES, EACH, VALIDATION, WIDTH, few_of, seen, texts_of, words_of
from kdbook.lab import load
from kdbook.lab.arms import trial, trials
from kdbook.lab.gates import GATES, gates


def test_no_text_to_choose_settings_on_is_learned_from_or_tested():
    train, validation, test = (set(texts_of(part)[0]) for part in ("train", "validation", "test"))
    assert len(validation) == VALIDATION and len(train) == 9_003
    assert not train & validation and not train & test and not validation & test


def test_a_draw_holds_five_texts_of_each_intent_and_another_seed_others():
    labels = texts_of("train")[1]
    rows = few_of(labels, 0)
    assert torch.equal(labels[rows].bincount(), torch.full((CLASSES,), EACH))
    assert not torch.equal(rows, few_of(labels, 1))


def test_who_sees_all_texts_sees_each_once_and_its_labelled_ones_first():
    all_texts, few = (seen(trial("own_intents", "full", arm, 2)) for arm in ("soft_many", "labels"))
    assert torch.equal(all_texts[: len(few)], few) and len(few) == EACH * CLASSES
    assert torch.equal(all_texts.sort().values, torch.arange(9_003))


def test_all_students_of_a_draw_have_the_classifier_of_that_draw():
    made = [t for t in trials("own_intents", "full") if t.needs]
    assert len(made) == 25 and all(t.needs[0].seed == t.seed and t.needs[0].arm == "teacher" for t in made)


def test_a_bag_holds_numbers_of_words_and_of_pairs_and_zeros_to_fill():
    words = words_of("test")
    assert words.min() == 0 and words.max() <= own_intents.WORDS and (words[:, 0] > 0).float().mean() > 0.99


@pytest.fixture
def without_minilm(monkeypatch):
    """Vectors that a text's label gives away, in place of MiniLM's."""

    def embedded(part, count):
        labels = texts_of(part)[1][:count]
        noise = torch.randn(len(labels), WIDTH, generator=torch.Generator().manual_seed(0))
        return F.normalize(4 * F.one_hot(labels, WIDTH) + 0.1 * noise, dim=-1)

    monkeypatch.setattr(own_intents, "embedded", embedded)


def test_a_small_run_measures_the_teacher_and_its_students(micro, documented, without_minilm):
    table, measured = micro("own_intents", most={"pool": 600, "test": 100})
    documented("own_intents", table, measured)
    assert table.set_index("arm").texts.to_dict()["soft_many"] == 600
    assert table.set_index("arm").labels.nunique() == 2
    assert table.array("teacher", "probabilities").shape == (own_intents.SHOWN, CLASSES)


def test_every_net_has_eight_tries_on_three_draws_and_what_is_chosen_is_one_of_them():
    tries = {}
    for arm in own_intents_settings.arms("full").values():
        if arm.seeds:
            s = arm.settings
            tries.setdefault(arm.named, set()).add((s["lr"], s.get("input_dropout", 0.0)))
            assert arm.seeds == 3 and s["scored_on"] == "validation" and s["test"] == VALIDATION
    assert {name: len(found) for name, found in tries.items()} == dict.fromkeys(own_intents.arms("full"), 8)
    for name, chosen in own_intents.CHOSEN.items():
        assert (chosen["lr"], chosen.get("input_dropout", 0.0)) in tries[name]


def test_a_small_run_of_tries_scores_each_on_validation_texts(micro, documented, without_minilm):
    few = ("teacher chosen", "labels", "soft_many twice")
    table, measured = micro("own_intents_settings", most={"pool": 600, "test": 100}, only=lambda t: t.arm in few)
    documented("own_intents_settings", table, measured)
    assert table.score.between(0, 100).all() and {*table.arm} == {*few}
    assert all(need.experiment == "own_intents_settings" for t in measured for need in t.needs)


@pytest.mark.parametrize(("student", "texts"), [("soft_few", "the same texts"), ("soft_many", "all texts")])
def test_the_gates_on_record_follow_from_the_committed_tries(student, texts):
    rows = load("own_intents_settings")
    once = rows[rows.arm.str.contains("chosen|twice")]
    errors = (VALIDATION * (1 - once.pivot(index="seed", columns="arm", values="score") / 100)).round()
    named = {"teacher": "teacher chosen", "labels": "labels chosen", "soft": f"{student} chosen"}
    named |= {"labels_twice": "labels twice", "soft_twice": f"{student} twice"}
    pilot = pd.DataFrame({column: errors[arm] for column, arm in named.items()})
    tenth = (pilot.labels - pilot.teacher).mean() / 10
    found = gates(f"5 labels an intent, soft targets for {texts}", pilot, smallest=tenth, draws=5)
    record = pd.read_csv(GATES / "own_intents.csv").merge(found, on=["regime", "gate"], suffixes=("", "_found"))
    assert len(record) == 4 and (record.passed == record.passed_found).all()
    assert all(a[:10] == b[:10] for a, b in zip(record.measured[:3], record.measured_found[:3], strict=True))
