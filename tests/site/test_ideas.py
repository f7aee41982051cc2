"""What the page *Playground* carries."""

import pytest

from kdbook.book.tables.distilled_models import FAMILIES, published
from kdbook.data.glosses import read_glosses

from ..scripts import load_script

ideas = load_script("site/ideas.py")


def test_three_letters_are_counted_as_often_as_they_stand_in_the_definitions():
    counts = ideas.letter_counts().reshape(27, 27, 27)
    number = ideas.LETTERS.index
    text = " ".join(definition.text for definition in read_glosses().definitions).lower()
    for word in ("qua", "zyg", "the"):
        assert counts[tuple(map(number, word))] == text.count(word)
    assert counts[number(" "), number(" ")].sum() == 0


def test_every_pair_of_letters_that_occurs_is_followed_by_one():
    counts = ideas.letter_counts().reshape(27, 27, 27)
    assert ((counts.sum(0) > 0) <= (counts.sum(2) > 0)).all()


def test_models_of_the_page_are_the_published_rows_whose_sizes_and_scores_are_known():
    table, models = published(), ideas.models()
    assert len(models) == (table.size_ratio.notna() & table.score_ratio.notna()).sum()
    first = table[table.model == models[0]["model"]].iloc[0]
    assert models[0]["kept"] == pytest.approx(100 * first.student_score / first.teacher_score)
    assert models[0]["ratio"] == pytest.approx(first.teacher_params_b / first.student_params_b)
    assert all(row["source"] and row["checked"] for row in models)
    assert list(dict.fromkeys(row["family"] for row in models)) == list(FAMILIES)
