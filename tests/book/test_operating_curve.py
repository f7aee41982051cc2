"""Simulated experiments whose truth is known."""

import pytest

from kdbook.book.tables import operating_curve
from kdbook.lab import arms


def shares(effect):
    trial = arms.trial("operating_curve", "quick", f"{effect:g}", 0)
    return {row["word"]: row["share"] for row in operating_curve.measure([trial], None)[0]["rows"]}


@pytest.mark.parametrize("effect", [-1, 0, 0.5, 1])
def test_every_experiment_gets_one_word(effect):
    assert sum(shares(effect).values()) == pytest.approx(100)


def test_an_effect_of_s_is_shown_in_four_experiments_of_five_and_no_effect_hardly_ever():
    assert shares(0.5)["shown"] == pytest.approx(79, abs=3)
    assert shares(0)["absent"] == pytest.approx(77, abs=3) and shares(0)["shown"] < 2.5
    assert shares(1)["shown"] > 99 and shares(-1)["opposite"] > 99


def test_its_table_has_every_word_and_documented_columns(documented, micro):
    table, measured = micro("operating_curve", only=lambda trial: trial.arm == "0")
    documented("operating_curve", table, measured)
    assert set(table.word) == set(operating_curve.WORDS)
