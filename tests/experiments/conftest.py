"""Experiments cut down to a second: the first few hundred images, small nets, one or two epochs."""

import pytest

from kdbook.experiments import (
    ablations,
    hinton_mnist,
    latency,
    missing_digit,
    module,
    soft_target_regularizer,
    tuning,
)
from kdbook.lab import Store, run

SMALL = {"sizes": [784, 12, 12, 10], "samples": 300, "batch_size": 50, "epochs": 2}


@pytest.fixture(scope="session")
def micro_store(tmp_path_factory):
    """One store for all cut-down runs: the experiments share hinton_mnist's teacher."""
    return Store(tmp_path_factory.mktemp("micro"))


@pytest.fixture
def micro(monkeypatch, micro_store):
    """Function that runs an experiment cut down and returns its table and, for each trial, its measured rows."""
    small = {arm: {**settings, **SMALL} for arm, settings in hinton_mnist.SETTINGS["quick"].items()}
    monkeypatch.setitem(hinton_mnist.SETTINGS, "quick", small)
    monkeypatch.setitem(missing_digit.SETTINGS, "quick", {**missing_digit.SETTINGS["quick"], **SMALL})
    monkeypatch.setattr(tuning, "QUICK", {**tuning.QUICK, **SMALL})
    few_labels = {**soft_target_regularizer.SETTINGS["quick"], **SMALL, "epochs": 4}
    monkeypatch.setitem(soft_target_regularizer.SETTINGS, "quick", few_labels)
    treated = ablations.SETTINGS["quick"]
    treated = {
        "net": {**treated["net"], **SMALL},
        "lenet_teacher": {**treated["lenet_teacher"], "samples": 40, "epochs": 1},
        "lenet_student": {**treated["lenet_student"], "samples": 256, "epochs": 1},
    }
    monkeypatch.setitem(ablations.SETTINGS, "quick", treated)
    monkeypatch.setitem(latency.PASSES, "quick", 2)

    def run_small(name, seeds=1):
        table = run(name, "quick", seeds, device="cpu", store=micro_store, quiet=True)
        measured = {}
        for trial in module(name).trials("quick", seeds):
            stored = micro_store.read(trial).measured
            measured[trial] = stored.get("rows", [stored])
        return table, measured

    return run_small


@pytest.fixture
def documented():
    """Function that asserts that `COLUMNS` names just the columns that an experiment measures."""

    def check(name, table, measured):
        columns = module(name).COLUMNS
        assert {key for rows in measured.values() for row in rows for key in row} <= set(columns)
        assert list(table.columns[: len(columns)]) == list(columns)

    return check
