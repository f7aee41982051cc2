"""What a question shows on validation data before it is run in full: that its experiment is able to decide."""

import pandas as pd

from kdbook.data.files import REPOSITORY
from kdbook.lab.intervals import t_interval
from kdbook.lab.verdicts import detectable

GATES = REPOSITORY / "results" / "gates"  # <question>.csv: a row a gate of every regime tried, the last one taken
UPPER = 1.56  # the 80 % upper limit of a standard deviation that five pairs gave


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
