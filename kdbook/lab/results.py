"""One experiment's tidy table, with the arrays its pictures need and where it comes from."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

from kdbook.data.files import REFERENCE, REPOSITORY, write_atomically
from kdbook.lab.store import packed, unpacked


def output_folder(profile: str = "quick") -> Path:
    """Where a run of the book leaves results and figures: `KDBOOK_OUT`, default ``build/<profile>``."""
    return Path(os.environ.get("KDBOOK_OUT") or REPOSITORY / "build" / profile)


class Results(pd.DataFrame):
    """A DataFrame, one row a measurement, with `.arrays` for pictures and `.info` on its origin.

    Selections of it are plain DataFrames.

    Parameters
    ----------
    table : DataFrame
    arrays : dict of str to array, keys ``<arm>.<seed>.<name>``
    info : dict
        Versions, device, threads, seconds, date, profile, VERSION.
    """

    _metadata = ["arrays", "info"]

    def __init__(self, table, arrays=None, info=None):
        super().__init__(table)
        self.arrays = dict(arrays or {})
        self.info = dict(info or {})

    @property
    def _constructor(self):
        return pd.DataFrame

    def array(self, arm: str, name: str, seed: int = 0) -> np.ndarray:
        """One trial's stored array.

        Raises
        ------
        KeyError
            Naming what there is.
        """
        key = f"{arm}.{seed}.{name}"
        if key not in self.arrays:
            raise KeyError(f"no array {key}; there are {', '.join(sorted(self.arrays)) or 'none'}")
        return self.arrays[key]

    def stack(self, arm: str, name: str) -> np.ndarray:
        """One array of all seeds of an arm, along a new first axis."""
        keys = [k for k in self.arrays if k.startswith(f"{arm}.") and k.endswith(f".{name}")]
        if not keys:
            raise KeyError(f"no array {name} of arm {arm}; there are {', '.join(sorted(self.arrays)) or 'none'}")
        return np.stack([self.arrays[k] for k in sorted(keys, key=lambda k: int(k.split(".")[1]))])


def save_results(results: Results, name: str, folder: Path) -> None:
    """Write ``<name>.csv``, ``.json`` and, when there are arrays, ``.npz`` into a folder."""
    write_atomically(folder / f"{name}.csv", results.to_csv(index=False, lineterminator="\n").encode())
    write_atomically(folder / f"{name}.json", (json.dumps(results.info, indent=1, sort_keys=True) + "\n").encode())
    if results.arrays:
        write_atomically(folder / f"{name}.npz", packed(results.arrays))
    else:
        (folder / f"{name}.npz").unlink(missing_ok=True)


def read_results(name: str, folder: Path) -> Results:
    """Read what `save_results` wrote.

    Raises
    ------
    FileNotFoundError
        Saying how to make the results.
    """
    path = folder / f"{name}.csv"
    if not path.exists():
        profile = " --profile full" if folder == REFERENCE else ""
        raise FileNotFoundError(f"no results at {path}: run `python -m kdbook run {name}{profile}`")
    pictures = path.with_suffix(".npz")
    arrays = unpacked(pictures.read_bytes()) if pictures.exists() else {}
    return Results(pd.read_csv(path), arrays, json.loads(path.with_suffix(".json").read_text()))
