"""Comparisons of committed results: hand-computed, complete, and honest about gaps that are not there."""

import math

import pandas as pd
import pytest

from kdbook.book.tables import consistent_pattern as pattern
from kdbook.book.tables.consistent_pattern import COLUMNS, COMPARISONS, OVER, Comparison, compare, interval
from kdbook.data.files import REFERENCE
from kdbook.lab import arms

ROWS = [
    *({"arm": "teacher", "seed": s, "test_errors": e, "parameters": 80} for s, e in enumerate((60, 62))),
    *(
        {"arm": "hard", "seed": s, "teacher_seed": s % 2, "test_errors": e, "parameters": 10}
        for s, e in enumerate((100, 102, 98))
    ),
    *(
        {"arm": "kd", "seed": s, "teacher_seed": s % 2, "test_errors": e, "parameters": 10}
        for s, e in enumerate((90, 91, 89))
    ),
]


def tables(rows=ROWS, **others):
    return lambda name: pd.DataFrame(others.get(name, rows))


def test_gain_gap_and_share_are_those_computed_by_hand():
    *draws, over = compare(Comparison("c", "e", "kd", "hard"), tables(), number=7)
    assert [row["seed"] for row in draws] == [0, 1]  # students 0 and 2 share a teacher
    assert [row["gain"] for row in draws] == pytest.approx([(10 + 9) / 2, 11])
    assert [row["gap"] for row in draws] == pytest.approx([(40 + 38) / 2, 40])
    assert [row["closed"] for row in draws] == pytest.approx([950 / 39.5, 1100 / 39.5])
    assert (over["arm"], over["seed"], over["size_ratio"]) == (OVER, 7, 8.0)
    assert (over["helps"], over["harms"], over["matches"], over["seeds"]) == (1, 0, 0, 2)


def test_a_score_counts_upwards_and_a_column_may_be_the_teacher():
    rows = [{"arm": "kd", "seed": s, "score": v, "plain": 50.0, "theirs": 60.0} for s, v in enumerate((55, 56, 54))]
    *seeds, over = compare(Comparison("c", "e", "kd", "plain", "theirs", column="score", higher=True), tables(rows))
    assert [row["gain"] for row in seeds] == pytest.approx([10, 12, 8])
    assert over["closed"] == pytest.approx(50)


def test_no_share_of_a_gap_that_is_not_sure():
    rows = [{**row, "test_errors": {0: 60, 1: 139}[row["seed"]]} if row["arm"] == "teacher" else row for row in ROWS]
    *_, over = compare(Comparison("c", "e", "kd", "hard"), tables(rows))
    assert (over["has_gap"], over["closed"], over["matches"]) == (0, None, None)
    *_, over = compare(Comparison("c", "e", "kd", "hard", ""), tables())
    assert (over["gap"], over["has_gap"]) == (None, 0)


def test_harm_is_counted_when_the_interval_lies_below_zero():
    *_, over = compare(Comparison("c", "e", "hard", "kd"), tables())
    assert (over["helps"], over["harms"]) == (0, 1)


def test_a_teacher_may_stand_in_another_table():
    other = [{"arm": "big", "seed": s, "test_errors": 50} for s in (0, 1)]
    *draws, _ = compare(Comparison("c", "e", "kd", "hard", "f/big"), tables(f=other))
    assert [row["gap"] for row in draws] == pytest.approx([(50 + 48) / 2, 52])


def test_one_seed_alone_shows_nothing():
    assert interval([1.0]) == (-math.inf, math.inf)
    *_, over = compare(Comparison("c", "e", "kd", "hard"), tables([row for row in ROWS if row["seed"] == 0]))
    assert (over["helps"], over["harms"], over["has_gap"]) == (0, 0, 0)


def test_every_comparison_has_a_name_of_its_own_and_committed_results():
    assert len({c.label for c in COMPARISONS}) == len(COMPARISONS)
    there = {t.arm for t in arms.trials("consistent_pattern")}
    assert {c.label for c in COMPARISONS if (REFERENCE / f"{c.experiment}.csv").exists()} == there


def test_its_identity_follows_the_results_that_it_reads(monkeypatch, tmp_path):
    monkeypatch.setattr(pattern, "REFERENCE", tmp_path)
    (tmp_path / "fitnets.csv").write_text("arm,seed\n")
    before = arms.trials("consistent_pattern")
    (tmp_path / "fitnets.csv").write_text("arm,seed\nhard,0\n")
    assert [t.arm for t in before] == ["thin and deep", "thin and deep, hints first"]
    assert {t.id for t in before}.isdisjoint(t.id for t in arms.trials("consistent_pattern"))


def test_all_comparisons_are_measured_and_documented(micro, documented):
    table, measured = micro("consistent_pattern")
    documented("consistent_pattern", table, measured)
    over = table[table.arm == OVER]
    assert sorted(over.comparison) == sorted(t.arm for t in arms.trials("consistent_pattern"))
    assert set(COLUMNS) <= set(table.columns) and over.seed.is_unique
    assert (over.helps + over.harms <= 1).all()
