"""How far every question is: trials done and wanted, time left, and which gates it passed."""

from collections.abc import Iterable

import pandas as pd

from kdbook.data.files import REFERENCE
from kdbook.lab import arms
from kdbook.lab.gates import GATES
from kdbook.lab.growing import committed
from kdbook.lab.results import read_info


def status(names: Iterable[str] = ()) -> pd.DataFrame:
    """How far the references of questions are (default: all).

    Returns
    -------
    DataFrame
        A row a question: `done` and `wanted` trials of its VERSION; `hours_left` by the times of those done, if there
        are any; `reference`, the VERSION of the whole table that readers see; `gates` passed, failed in brackets.
    """
    return pd.DataFrame([_told(name) for name in names or arms.names()])


def _told(name: str) -> dict:
    trials = arms.trials(name, "full")
    table = committed(name, trials)
    origin = pd.DataFrame({"identity": [], "seconds": []}) if table is None else table.origin
    arm = pd.Series({t.id: t.arm for t in trials})
    seconds = origin.drop_duplicates("identity").set_index("identity")["seconds"].astype(float).reindex(arm.index)
    expected = seconds.groupby(arm).transform("mean").fillna(seconds.mean())
    left = expected[seconds.isna()].sum()  # of trials that are not done
    whole = REFERENCE / f"{name}.json"
    version = read_info(whole)["VERSION"] if whole.exists() else None
    told = {"question": name, "done": int(seconds.count()), "wanted": len(trials), "hours_left": left / 3600}
    return told | {"VERSION": arms.question(name).VERSION, "reference": version, "gates": _gates(name)}


def _gates(name: str) -> str:
    path = GATES / f"{name}.csv"
    if not path.exists():
        return "none on record"
    rows = pd.read_csv(path)
    taken = rows[rows["regime"] == rows["regime"].iloc[-1]]
    return ", ".join(taken["gate"].where(taken["passed"], "(" + taken["gate"] + ")"))
