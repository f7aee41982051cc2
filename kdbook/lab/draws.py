"""From a question's table to one number a draw, which is what an interval of the ledger counts.

Students of one teacher share its luck: they are averaged first, whatever stands on the other side.
"""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from kdbook import require
from kdbook.lab import arms
from kdbook.lab.statements import Check, Gap


class NoRowsError(ValueError):
    """A table has none of the rows that a check asks for: a quick run may leave settings out."""


def values(check: Check, table: pd.DataFrame) -> pd.Series:
    """The check's number of each draw: of each teacher, where one side has one, else of each seed.

    A row's partner is the row of its seed or, where the other side is an arm that teaches, that of its own teacher.

    Raises
    ------
    ValueError
        When the table lacks a column, rows or partners, has several rows for a seed, or a value is not finite.
    """
    ours = _select(check, table, check.where, check.column)
    number, draw = ours["value"], ours["teacher"]
    if check.versus or check.versus_column:
        other = _partners(check, table, ours, check.versus)
        draw = draw.fillna(other["teacher"])
        if check.compare == "share":
            number = (other["value"] - number) / (other["value"] - _partners(check, table, ours, check.goal)["value"])
        else:
            number = number / other["value"] if check.compare == "ratio" else number - other["value"]
    name = f"check {check.label!r}: every value of {check.experiment}.{check.column}"
    require(np.isfinite(number).all(), name, "finite", "nan or inf")
    return check.scale * number.groupby(draw.fillna(ours.index.to_series()).astype(int)).mean()


def errors(check: Check, table: pd.DataFrame) -> float:
    """Mean errors of what ours is compared with, in the check's unit; of a score what is missing to `score_of`."""
    where, column = check.versus or check.where, check.versus_column or check.column
    mean = float(_select(check, table, where, column)["value"].mean())
    return abs(check.scale) * (mean if check.score_of is None else check.score_of - mean)


def part_of_gap(check: Check, gap: Gap, table: pd.DataFrame) -> float:
    """The part of the mean difference between two arms that is the smallest effect of interest, in the check's unit."""
    labels, teacher = (_select(check, table, where, check.column)["value"].mean() for where in (gap.where, gap.versus))
    return float(gap.share * abs(check.scale * (labels - teacher)))


def _select(check: Check, table: pd.DataFrame, where: Mapping, column: str | tuple[str, ...]) -> pd.DataFrame:
    """By seed the `value` of the rows that `where` names, the mean over all that a list names, and their `teacher`."""
    columns = [column] if isinstance(column, str) else [*column]
    lacking = [c for c in ("seed", *where, *columns) if c not in table]
    require(not lacking, f"check {check.label!r}: columns", f"among the results of {check.experiment}", lacking)
    asked = {key: value if isinstance(value, list | tuple) else [value] for key, value in where.items()}
    rows = table[np.logical_and.reduce([table[key].isin(wanted) for key, wanted in asked.items()])]
    a_seed = math.prod(map(len, asked.values()))
    if not len(rows) or (rows["seed"].value_counts() != a_seed).any():
        kind = ValueError if len(rows) else NoRowsError
        raise kind(f"check {check.label!r}: {check.experiment} has no row, or not {a_seed} a seed, for {dict(where)}")
    told = rows.assign(value=rows[columns].astype(float).mean(axis=1), teacher=rows.get("teacher_seed", np.nan))
    return told.groupby("seed")[["value", "teacher"]].mean()


def _partners(check: Check, table: pd.DataFrame, ours: pd.DataFrame, where: Mapping | None) -> pd.DataFrame:
    """The other side's `value` and `teacher` for every seed of `ours`; without `where`, of the same rows."""
    found = where or check.where
    others = _select(check, table, found, check.versus_column or check.column)
    named = arms.made(arms.question(check.experiment).arms, "full").items()
    teachers = [arm.named or name for name, arm in named if arm.teaches]
    keys = ours.index.to_series()
    if where and where.get("arm") in teachers:  # else two columns of the same rows
        keys = ours["teacher"].fillna(keys)
    alone = keys[~keys.isin(others.index)].tolist()
    require(not alone, f"check {check.label!r}: seeds", f"those of rows of {dict(found)} too", alone)
    return others.loc[keys].set_index(ours.index)
