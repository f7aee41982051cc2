"""Questions cut down to a second: the same arms and the same measure, on a few hundred images for an epoch or two."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from kdbook.lab import Store, arms
from kdbook.lab.engines import local
from kdbook.lab.growing import Growing

# The most that any setting of these names is allowed to be, at any depth of a trial's settings.
MOST = {"epochs": 2, "samples": 300, "batch_size": 50, "hint_epochs": 1, "passes": 2, "seconds": 0.02}


def cut_down(value, most: Mapping, key: str = ""):
    """Settings with no number above `most`; a width, a rate or a temperature stays."""
    if isinstance(value, Mapping):
        return {name: cut_down(inner, most, name) for name, inner in value.items()}
    return min(value, most[key]) if key in most and not isinstance(value, bool | None) else value


@pytest.fixture(scope="session")
def micro_store(tmp_path_factory):
    """One store for all cut-down runs of a test run, whatever worker they are on: questions share teachers."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if folder.name.startswith("popen-") else folder
    return Store(shared / "micro")


@pytest.fixture
def cut():
    """Function (trial, most, **changes) -> the trial and all that it needs, cut down; `changes` replace settings.

    `samples` is given also to who has none, and so learns from all.
    """

    def cut(trial, most=None, **changes):
        settings = cut_down(trial.settings, {**MOST, **(most or {})})
        settings |= {key: value for key, value in changes.items() if key in (*settings, "samples")}
        return replace(trial, settings=settings, needs=tuple(cut(need, most, **changes) for need in trial.needs))

    return cut


@pytest.fixture
def micro(micro_store, cut):
    """Function that runs the quick arms of a question cut down; returns its table, and each trial's measured rows.

    With ``profile="gpu"`` those for a GPU; give `changes` that make their nets small.
    """

    def run_small(name, seeds=1, most=None, only=lambda trial: True, profile="quick", **changes):
        trials = [cut(trial, most, **changes) for trial in arms.trials(name, profile, seeds) if only(trial)]
        local(trials, micro_store, torch.device("cpu"), quiet=True)
        measured = {trial: micro_store.read(trial).measured for trial in trials}
        table = Growing(name, trials, micro_store)
        assert not table.missing()
        return table.results(profile), {trial: rows.get("rows", [rows]) for trial, rows in measured.items()}

    return run_small


@pytest.fixture
def documented():
    """Function that asserts that `COLUMNS` names just the columns that a question measures."""

    def check(name, table, measured):
        columns = arms.question(name).COLUMNS
        assert {key for rows in measured.values() for row in rows for key in row} <= set(columns)
        assert list(table.columns[: len(columns)]) == list(columns)

    return check
