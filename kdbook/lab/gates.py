"""What a question shows on validation data before it is run in full: that its experiment is able to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from kdbook.lab import arms
from kdbook.lab.devices import pick_device
from kdbook.lab.engines import local
from kdbook.lab.growing import Growing
from kdbook.lab.store import Store
from kdbook.lab.trial import Trial


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
        changed = {**trial.settings, "part": "fit", **(regime or {}).get(trial.arm, {})}
        return replace(trial, settings=changed, needs=tuple(map(tried, trial.needs)))

    trials = [tried(arms.trial(name, "full", arm, seed)) for seed in range(draws) for arm in chosen]
    store = store or Store()
    local(trials, store, pick_device(device))
    table = Growing(name, trials, store)
    table.missing()
    return pd.DataFrame(table.results("full"))
