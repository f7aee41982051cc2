"""Cards: what a result learned from is named, and a use that its terms forbid is refused with the reason."""

import json

import pytest

from kdbook.lab import Store, arms, cards, run
from kdbook.lab.cards import Card, ForbiddenUseError, cards_of, check_use, load_cards, with_origins, write_into
from kdbook.lab.results import REFERENCE, write_info
from kdbook.lab.runs import load
from kdbook.lab.trial import Trial

COMMITTED = sorted(name for name in arms.names() if (REFERENCE / f"{name}.json").exists())


@pytest.mark.parametrize("name", COMMITTED)
def test_each_committed_result_names_the_cards_of_all_that_it_learned_from(name):
    about = load(name).info
    assert about["cards"] == cards_of(arms.trials(name, about["profile"]))
    assert set(about["cards"]) <= load_cards().keys()


def test_a_distilled_student_names_its_data_and_its_teacher():
    assert cards_of(arms.trials("distilbert", "quick")) == ["own-teacher", "wordnet"]
    assert cards_of(arms.trials("latency", "quick")) == []


def test_the_teachers_data_are_named_though_the_student_never_saw_them():
    teacher = Trial("tuning", "teacher", 0, {}, data="fashion-mnist")
    student = Trial("tuning", "student", 0, {}, needs=(teacher,), data="mnist")
    assert cards_of([student]) == ["fashion-mnist", "mnist", "own-teacher"]


def test_alpaca_may_be_studied_but_neither_sold_nor_used_against_its_teacher():
    check_use(["alpaca-7b"], "research")
    with pytest.raises(ForbiddenUseError) as refused:
        check_use(["alpaca-7b"], "commercial")
    assert "alpaca-7b <- llama-1-weights (LLaMA licence" in str(refused.value)
    assert "alpaca-7b <- alpaca-52k (CC BY-NC 4.0" in str(refused.value)
    with pytest.raises(ForbiddenUseError, match="alpaca-7b <- alpaca-52k <- text-davinci-003"):
        check_use(["alpaca-7b"], "train a competing model")


def test_the_first_of_alpacas_restrictions_is_that_of_its_weights():
    assert list(with_origins(["alpaca-7b"])) == ["alpaca-7b", "llama-1-weights", "alpaca-52k", "text-davinci-003"]


@pytest.mark.parametrize(
    ("names", "use", "message"),
    [
        (["mnist"], "fun", "use must be one of research, commercial, train a competing model, got 'fun'"),
        (["gpt-9"], "research", "one that has a card: say in cards.yaml .* got 'gpt-9'"),
    ],
)
def test_an_unknown_use_or_source_is_named(names, use, message):
    with pytest.raises(ValueError, match=message):
        check_use(names, use)


def test_a_forbidden_run_is_refused_before_anything_is_trained(monkeypatch, tmp_path):
    known = load_cards() | {"published": Card("published", "w", "s", "l", "not for sale", "c", forbids=("commercial",))}
    monkeypatch.setattr(cards, "load_cards", lambda: known)
    with pytest.raises(ForbiddenUseError, match="published .l: not for sale.: choose another source"):
        run("distilled_models", device="cpu", use="commercial", store=Store(tmp_path), out=tmp_path, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_writes_its_cards_beside_its_table(tmp_path):
    run("distilled_models", device="cpu", store=Store(tmp_path / "store"), out=tmp_path, quiet=True)
    assert json.loads((tmp_path / "distilled_models.json").read_text())["cards"] == ["published"]


def test_writing_cards_changes_no_other_field(tmp_path):
    before = {"profile": "quick", "seconds": 3.5, "torch": "2.0"}
    write_info(tmp_path / "fitnets.json", before)
    assert write_into(tmp_path) == ["fitnets"]
    after = json.loads((tmp_path / "fitnets.json").read_text())
    assert {k: v for k, v in after.items() if k not in ("cards", "sha256")} == before and "mnist" in after["cards"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- {id: a, what: w, source: s, licence: l, terms: t, checked: c, made_from: [b]}",
            "made_from of card a must be cards too: add one for each, got .'b'.",
        ),
        ("- &a {id: a, what: w, source: s, licence: l, terms: t, checked: c}\n- *a", "id must be used once"),
        ("- {id: a, what: w, source: s, licence: l, terms: t, checked: c, forbids: [joy]}", "forbids: .*'joy'"),
        ("- {id: a, what: w, source: s, licence: l, terms: t, forbids: []}", "card a: field checked: Field required"),
        ("- {id: a, what: w, source: s, licence: l, terms: t, checked: c, cost: 1}", "card a: field cost: Unexpected"),
    ],
)
def test_a_wrong_card_is_refused(text, message, tmp_path):
    path = tmp_path / "cards.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_cards(path)
