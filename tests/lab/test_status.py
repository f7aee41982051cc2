import pandas as pd
import pytest
from click.testing import CliRunner

from kdbook.__main__ import cli
from kdbook.lab import Store, engines, run
from kdbook.lab import status as status_module
from kdbook.lab.status import status


@pytest.fixture
def half_done(toy, own_results, tmp_path, monkeypatch):
    """The toy's reference after its teacher and the first of its two students, each measured in an hour."""
    monkeypatch.setattr(status_module, "REFERENCE", own_results / "full")
    monkeypatch.setattr(status_module, "GATES", own_results / "gates")
    provenance = engines.provenance
    monkeypatch.setattr(
        engines, "provenance", lambda device, seconds: {**provenance(device, seconds), "seconds": 3600.0}
    )
    done, groups = engines.Progress.done, []

    def interrupted(self, group):
        done(self, group)
        groups.append(group)
        if len(groups) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(engines.Progress, "done", interrupted)
        run("toy", "full", device="cpu", quiet=True, store=Store(tmp_path / "store"))
    return own_results


def test_a_question_tells_trials_done_and_wanted_and_the_hours_left_by_the_times_of_those_done(half_done):
    (row,) = status(["toy"]).to_dict("records")
    assert (row["done"], row["wanted"], row["hours_left"]) == (1, 2, 1.0)
    assert (row["VERSION"], row["reference"], row["gates"]) == (1, None, "none on record")


def test_a_whole_table_has_nothing_left(half_done, tmp_path):
    run("toy", "full", device="cpu", quiet=True, store=Store(tmp_path / "store"))
    (row,) = status(["toy"]).to_dict("records")
    assert (row["done"], row["hours_left"], row["reference"]) == (2, 0.0, 1)


def test_gates_of_the_regime_that_was_taken_are_told_and_failed_ones_in_brackets(half_done):
    (half_done / "gates").mkdir()
    rows = [("short", "gap", False), ("long", "gap", True), ("long", "power", False)]
    pd.DataFrame(rows, columns=["regime", "gate", "passed"]).to_csv(half_done / "gates" / "toy.csv", index=False)
    assert status(["toy"]).gates.item() == "gap, (power)"


def test_the_command_line_prints_it():
    told = CliRunner().invoke(cli, ["status", "tuning"])
    assert told.exit_code == 0 and "tuning" in told.output and "hours_left" in told.output
