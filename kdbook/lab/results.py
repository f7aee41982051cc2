"""One experiment's tidy table, with the arrays its pictures need and where it comes from."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from kdbook.data import files
from kdbook.data.files import REFERENCE, REPOSITORY, DamagedFileError, folder_of, packed, unpacked, write_atomically

# What a table's file tells of each row's trial besides what was measured: its identity, the precision in which it keeps
# tensors, first digits of the SHA-256 of what it kept and then of what it learned from (- for none), and of the
# training the device, threads, versions, date and seconds.
ORIGIN = ["identity", "precision", "artifacts", "device", "threads", "versions", "date", "seconds"]


def output_folder(profile: str = "quick") -> Path:
    """Where a run of the book leaves results and figures: `KDBOOK_OUT`, default ``build/<profile>``.

    Those of a chapter's gpu cells stand beside those of its own profile, in ``gpu`` of `KDBOOK_OUT`.
    """
    folder = folder_of("KDBOOK_OUT", REPOSITORY / "build" / profile)
    return folder / "gpu" if profile == "gpu" and folder.name != "gpu" else folder


class Results(pd.DataFrame):
    """A DataFrame, one row a measurement, with `.arrays` for pictures, and `.info` and `.origin` on where it is from.

    Selections of it are plain DataFrames.

    Parameters
    ----------
    table : DataFrame
    arrays : dict of str to array, keys ``<arm>.<seed>.<name>``
    info : dict
        Versions, device, threads, seconds, date, profile, VERSION.
    origin : DataFrame
        `ORIGIN` of each row's trial.
    """

    _metadata = ["arrays", "info", "origin"]

    def __init__(self, table, arrays=None, info=None, origin=None):
        super().__init__(table)
        self.origin = pd.DataFrame(columns=ORIGIN) if origin is None else origin
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
        seeds = [int(k.split(".")[1]) for k in self.arrays if k.startswith(f"{arm}.") and k.endswith(f".{name}")]
        return np.stack([self.array(arm, name, seed) for seed in sorted(seeds) or [0]])


def save_results(results: Results, name: str, folder: Path) -> None:
    """Write ``<name>.csv``, when there are arrays ``.npz``, and last ``.json``, which has the SHA-256 of each.

    Without one a table was not written to its end.
    """
    path = folder / f"{name}.csv"
    for suffix in (".json", ".npz"):  # first the one without which a table does not count
        path.with_suffix(suffix).unlink(missing_ok=True)
    whole = pd.concat([results, results.origin], axis=1) if len(results.origin) else results
    write_atomically(path, whole.to_csv(index=False, lineterminator="\n").encode())
    if results.arrays:
        write_atomically(path.with_suffix(".npz"), packed(results.arrays))
    write_info(path.with_suffix(".json"), results.info)


def write_info(path: Path, info: dict) -> None:
    """Write where a table comes from, with the SHA-256 of that and of the table's files beside it."""
    whole = info | {"sha256": files.digests(_files(path, info))}
    write_atomically(path, (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode())


def _files(path: Path, info: dict) -> dict[str, bytes]:
    """A table by suffix: what its ``.json`` says besides digests, its ``.csv`` and, if there is one, its ``.npz``."""
    beside = [file for file in (path.with_suffix(".csv"), path.with_suffix(".npz")) if file.exists()]
    return {file.suffix[1:]: file.read_bytes() for file in beside} | {"json": json.dumps(info, sort_keys=True).encode()}


def read_info(path: Path) -> dict:
    """Where a table comes from, after its files were checked.

    Raises
    ------
    DamagedFileError
        Naming the file that is not what was written, and how to get it back.
    """
    try:
        info = json.loads(path.read_bytes())
        promised = info.pop("sha256")
        wrong = files.damaged(_files(path, info), promised)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):  # no JSON, or without digests
        wrong = ["json"]
    if wrong:
        told = f"{path.with_suffix(f'.{wrong[0]}')} is not what was written with {path.name} (SHA-256)"
        again = f"run `python -m kdbook run {path.stem}` with the same profile again"
        raise DamagedFileError(f"{told}: restore it with `git checkout -- {path.parent}`, or {again}")
    return info


def read_results(name: str, folder: Path) -> Results:
    """Read what `save_results` wrote.

    Raises
    ------
    FileNotFoundError
        Saying how to make the results.
    DamagedFileError
        When a file is not what was written.
    """
    path = folder / f"{name}.csv"
    if not path.exists():
        profile = f" --profile {folder.name}" if folder.parent == REFERENCE.parent else ""
        usual = f"run `python -m kdbook run {name}{profile}`"
        raise FileNotFoundError(f"no results at {path}: {files.way_back(usual)}")
    info, pictures = read_info(path.with_suffix(".json")), path.with_suffix(".npz")
    whole = pd.read_csv(path, dtype={"identity": str, "artifacts": str})
    ours = [column for column in whole if column not in ORIGIN]
    origin = whole[ORIGIN] if "identity" in whole else None
    return Results(whole[ours], unpacked(pictures.read_bytes()) if pictures.exists() else {}, info, origin)
