"""What a question shows on validation data before it is run in full: that its experiment is able to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from kdbook.data.files import REPOSITORY
from kdbook.lab import arms
from kdbook.lab.devices import pick_device
from kdbook.lab.engines import local
from kdbook.lab.growing import Growing
from kdbook.lab.intervals import t_interval
from kdbook.lab.store import Store
from kdbook.lab.trial import Trial
from kdbook.lab.verdicts import detectable

GATES = REPOSITORY / "results" / "gates"  # <question>.csv: a row a gate of every regime tried, the last one taken
UPPER = 1.56  # the 80 % upper limit of a standard deviation that five pairs gave


def pilot(
    name: str,
    chosen: Sequence[str],
    regime: Mapping[str, Mapping] | None = None,
    draws: int = 5,
    device: str = "auto",
    store: Store | None = None,
) -> pd.DataFrame:
    """Train arms of a question on the part `fit` of the training images, and score them on the rest of these.

    Parameters
    ----------
    name : str
        Question, whose trials `part` tells what to learn from (as those of `kdbook.lab.steps.train_and_score`).
    chosen : sequence of str
        Arms.
    regime : mapping of arm to settings, optional
        Changed settings, of their teachers too.
    draws : int
        Number of seeds.
    device, store
        As for `run`.

    Returns
    -------
    DataFrame
        A row an arm and draw, with the question's columns: its test errors are validation errors here.
    """

    def tried(trial: Trial) -> Trial:
        unseen = {"part": "fit", "scored_on": "validation"}
        changed = {**trial.settings, **unseen, **(regime or {}).get(trial.arm, {})}
        return replace(trial, settings=changed, needs=tuple(map(tried, trial.needs)))

    trials = [tried(arms.trial(name, "full", arm, seed)) for seed in range(draws) for arm in chosen]
    store = store or Store()
    local(trials, store, pick_device(device))
    table = Growing(name, trials, store)
    table.missing()
    return pd.DataFrame(table.results("full"))


def gates(regime: str, errors: pd.DataFrame, *, smallest: float, draws: int) -> pd.DataFrame:
    """Which gates a regime passes, by validation errors of a pilot.

    Parameters
    ----------
    regime : str
        Its name.
    errors : DataFrame
        A row a draw, five or more; columns `teacher`, `labels` and `soft` (students), and `labels_twice` and
        `soft_twice`, the same students after twice the epochs.
    smallest : float
        Smallest effect of interest, in errors.
    draws : int
        That the question is going to have.

    Returns
    -------
    DataFrame
        Columns `regime`, `gate`, `passed`, `measured`: what `results/gates` keeps.
    """
    gap, gain = t_interval(errors["labels"] - errors["teacher"]), t_interval(errors["labels"] - errors["soft"])
    least = detectable(UPPER * (errors["labels"] - errors["soft"]).std(), draws)
    moved = (errors["labels"] - errors["labels_twice"]).mean()
    longer = (errors["labels_twice"] - errors["soft_twice"]).mean()
    told = [
        ("gap", gap[1] > 0 and gap[0] >= 2 * least, f"{_told(gap)} of twice {least:.0f}"),
        ("converged", abs(moved) <= gap[0] / 4 and gain[0] * longer > 0, f"{moved:.0f}; gain {longer:.0f} after twice"),
        ("sensitivity", gain[1] > 0, _told(gain)),
        ("power", least <= smallest, f"{least:.0f} of {smallest:.0f} with {draws} draws"),
    ]
    return pd.DataFrame([(regime, *row) for row in told], columns=["regime", "gate", "passed", "measured"])


def _told(interval: tuple[float, float, float]) -> str:
    return "{:.0f} [{:.0f}, {:.0f}]".format(*interval)
