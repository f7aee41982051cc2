"""A table that grows trial by trial, here or on another machine: what is committed counts, and goes on from there.

A reference grows in `results/running` and replaces that of `results/full` when it is whole.
"""

import sys
from collections.abc import Iterable
from typing import NamedTuple

import filelock
import numpy as np
import pandas as pd

from kdbook.data.files import REFERENCE, REPOSITORY
from kdbook.lab import arms
from kdbook.lab.cards import cards_of
from kdbook.lab.engines import grouped
from kdbook.lab.results import ORIGIN, Results, read_results, save_results
from kdbook.lab.store import Store
from kdbook.lab.trial import Trial

RUNNING = REPOSITORY / "results" / "running"
DIGITS = 12  # of a SHA-256, as a row tells it


class Entry(NamedTuple):
    """What one trial gives a table: its rows, its arrays by name, and where it comes from, with seconds."""

    rows: list[dict]
    arrays: dict[str, np.ndarray]
    origin: dict


class Growing:
    """The rows of a question's trials that are done: those committed, then those of the store.

    Parameters
    ----------
    name : str
        Question.
    trials : list of Trial
        All that the table is to have, in its order.
    store : Store
    earlier : Results, optional
        Committed rows; those of trials that are not wanted any more are left out.
    """

    def __init__(self, name: str, trials: list[Trial], store: Store, earlier: Results | None = None):
        self.name, self.trials, self.store = name, trials, store
        self.committed = {} if earlier is None else _entries(earlier)
        self.entries: dict[Trial, Entry] = {}

    def missing(self) -> list[Trial]:
        """What is still to be trained, with the rest of its cohorts, one teacher and all that depends on it at a time.

        A committed row counts unless the store has other tensors of that trial or of one that it needs: then its
        teacher was trained anew, and with it all who learned from it.
        """
        self.entries = {t: self.entries.get(t) or self._found(t) for t in self.trials}
        lacking = {t for t, entry in self.entries.items() if entry is None}
        whole = [t for group in grouped(self.trials) if lacking.intersection(group) for t in group]
        return sorted(whole, key=lambda t: min((need.seed for need in t.needs), default=t.seed))

    def _found(self, trial: Trial) -> Entry | None:
        entry = self.committed.get(trial.id)
        if entry is not None and self._holds(trial, entry.origin["artifacts"].split()):
            return entry
        return self._stored(trial)

    def _holds(self, trial: Trial, then: list[str]) -> bool:
        """Whether the store has no other tensors than `then` of a trial and of those that it learned from."""
        now = [self.store.artifact(t)[:DIGITS] for t in (trial, *trial.needs)]
        return all(digits in (told, "") for digits, told in zip(now, then, strict=True))

    def _stored(self, trial: Trial) -> Entry | None:
        stored = self.store.read(trial)
        if stored is None:
            return None
        learned_from = stored.provenance.get("learned_from", [self.store.artifact(need) for need in trial.needs])
        artifacts = [sha[:DIGITS] or "-" for sha in (self.store.artifact(trial), *learned_from)]
        if not self._holds(trial, artifacts):  # a teacher was trained anew, and came out otherwise
            self.store.remove(trial)
            return None
        about = {key: stored.provenance[key] for key in ("device", "threads", "seconds", "date")}
        versions = " ".join(f"{key} {stored.provenance[key]}" for key in ("torch", "numpy", "python"))
        about |= {"identity": trial.id, "precision": trial.settings.get("kept", "float32"), "versions": versions}
        settings = {k: v for k, v in trial.settings.items() if not isinstance(v, list | dict)}
        rows = stored.measured.get("rows", [stored.measured])
        rows = [{"arm": trial.arm, "seed": trial.seed, **settings, **row} for row in rows]
        arrays = {f"{trial.arm}.{trial.seed}.{key}": value for key, value in stored.pictures.items()}
        return Entry(rows, arrays, about | {"artifacts": " ".join(artifacts)})

    def results(self, profile: str) -> Results:
        """The table of what is done."""
        done = {t: entry for t, entry in self.entries.items() if entry is not None}
        module = arms.question(self.name)
        table = pd.DataFrame([row for entry in done.values() for row in entry.rows])
        columns = [*(c for c in module.COLUMNS if c in table), *(c for c in table if c not in module.COLUMNS)]
        origin = pd.DataFrame([entry.origin for entry in done.values() for _ in entry.rows], columns=ORIGIN)
        last = origin.iloc[-1][["device", "threads", "versions", "date"]].to_dict()
        seconds = round(float(sum(entry.origin["seconds"] for entry in done.values())), 1)
        info = {**last, "seconds": seconds, "profile": profile, "trials": len(done), "wanted": len(self.trials)}
        info |= {"cards": cards_of(self.trials), "VERSION": module.VERSION}
        arrays = {key: array for entry in done.values() for key, array in entry.arrays.items()}
        return Results(table[columns], arrays, info, origin)

    def kept(self, group: Iterable[Trial]) -> None:
        """Write the committed table anew with what has just been trained, so that nothing is lost to who goes on.

        Alone among the processes of a store: two that train side by side have often finished at the same moment.
        """
        self.entries |= {t: self._stored(t) for t in group if t in self.entries}
        if any(self.entries.values()):
            with filelock.FileLock(self.store.root / f"{self.name}.lock"):
                save_results(self.results("full"), self.name, RUNNING)


def committed(name: str, trials: list[Trial]) -> Results | None:
    """Rows to go on from: of a table that grows, else of the whole one, which counts as a whole or not at all.

    Of a table that a kill left half written nothing counts: its rows from here are in the store.
    """
    grown = RUNNING / f"{name}.csv"
    if grown.with_suffix(".json").exists():
        return read_results(name, RUNNING)
    if grown.exists():
        told = f"rows from other machines are had by `git checkout -- {RUNNING}`, all others are in the store"
        print(f"{grown} was being written when its process was killed, and does not count: {told}", file=sys.stderr)
    whole = read_results(name, REFERENCE) if (REFERENCE / f"{name}.csv").exists() else None
    return whole if whole is not None and {t.id for t in trials} <= {*whole.origin["identity"]} else None


def publish(results: Results, name: str) -> None:
    """Put a whole table in the place of the reference, and end its growth."""
    save_results(results, name, REFERENCE)
    for path in RUNNING.glob(f"{name}.*"):
        path.unlink(missing_ok=True)  # another process may publish the same


def _entries(table: Results) -> dict[str, Entry]:
    """A committed table's rows by identity; an empty cell is no value."""
    found = {}
    for identity, origin in table.origin.groupby("identity", sort=False):
        rows = [{k: v for k, v in row.items() if v == v} for row in table.loc[origin.index].to_dict("records")]
        prefix = f"{rows[0]['arm']}.{rows[0]['seed']}."
        arrays = {key: array for key, array in table.arrays.items() if key.startswith(prefix)}
        found[identity] = Entry(rows, arrays, origin.iloc[0].to_dict())
    return found
