"""The trial store: one folder a trial, written aside and moved into place, checked on reading.

A folder holds `result.json` (measurements and provenance), and where there are any `tensors.safetensors` (artifact) and
`pictures.npz` (small arrays for figures), with `manifest.json`, the SHA-256 of each file.
"""

import json
import math
import os
import shutil
import sys
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np
import safetensors.torch
from torch import Tensor

from kdbook.data.files import DamagedFileError, damaged, digests, home, make_folder, packed, sync, unpacked
from kdbook.lab.trial import Trial, plain

CHECKPOINT = "checkpoint.pt"
PATIENCE = 2.0  # seconds after which a process that waits for another one says so


class Stored(NamedTuple):
    """A finished trial: its measurements, where they come from, and its pictures."""

    measured: dict
    provenance: dict
    pictures: dict[str, np.ndarray]


class Store:
    """Trials on disk.

    Parameters
    ----------
    root : Path, optional
        Default: ``trials`` below `kdbook.data.files.home()`, which `KDBOOK_HOME` moves.
    """

    def __init__(self, root: Path | None = None):
        if root is not None and not (isinstance(root, str | Path) and str(root)):
            raise ValueError(f"root must be a folder, got {root!r}: leave it out for the store in KDBOOK_HOME")
        self.root = home() / "trials" if root is None else Path(root).expanduser().absolute()

    def folder(self, trial: Trial) -> Path:
        """Where a finished trial stands."""
        return self.root / trial.name

    def checkpoint(self, trial: Trial) -> Path:
        """Where a running trial is checkpointed."""
        return self.root / f"{trial.name}.work" / CHECKPOINT

    def lock(self, trial: Trial) -> AbstractContextManager:
        """Context that holds a trial alone among all processes; the lock of a killed process is free at once.

        It is taken here, and whoever holds it may take it again. Who waits for another process says so.
        """
        path = self.root / f"{trial.name}.lock"
        make_folder(path.parent)
        held = filelock.FileLock(path, is_singleton=True)
        try:
            return held.acquire(timeout=PATIENCE)
        except filelock.Timeout:
            told = f"process {os.getpid()} waits for another one to finish {trial.name}; `fuser {path}` tells which"
            print(told, file=sys.stderr)
            return held.acquire()

    def read(self, trial: Trial, *, alone: bool = False) -> Stored | None:
        """A finished trial, or None; a damaged one is named and moved aside, so that it is redone.

        Parameters
        ----------
        trial : Trial
            Which.
        alone : bool
            Whether its lock is held. Without it another process may be replacing what looks damaged: then it is read
            again alone.
        """
        if not self.folder(trial).exists():
            return None
        try:
            files = self.files(trial)
        except DamagedFileError as error:
            if not alone:
                with self.lock(trial):
                    return self.read(trial, alone=True)
            aside = self.root / f"{trial.name}.damaged"
            print(f"{error} (it is moved to {aside})", file=sys.stderr)
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(self.folder(trial), aside)
            return None
        result = json.loads(files["result.json"])
        pictures = unpacked(files["pictures.npz"]) if "pictures.npz" in files else {}
        return Stored(result["measured"], result["provenance"], pictures)

    def tensors(self, trial: Trial) -> dict[str, Tensor]:
        """The artifact of a finished trial.

        Raises
        ------
        KeyError
            When the trial kept none.
        DamagedFileError
            When the trial is not there, or damaged.
        """
        files = self.files(trial)
        if "tensors.safetensors" not in files:
            raise KeyError(f"{trial.name} kept no tensors: run `python -m kdbook run {trial.experiment} --rerun`")
        return safetensors.torch.load(files["tensors.safetensors"])

    def artifact(self, trial: Trial) -> str:
        """SHA-256 of the tensors of a finished trial; empty where there is none, and of a damaged one."""
        try:
            return json.loads((self.folder(trial) / "manifest.json").read_bytes()).get("tensors.safetensors", "")
        except (OSError, ValueError, AttributeError):
            return ""

    def write(
        self, trial: Trial, measured: dict, provenance: dict, tensors: dict | None = None, pictures: dict | None = None
    ) -> None:
        """Store a finished trial, all or nothing, and drop its checkpoint."""
        result = {"trial": described(trial), "measured": measured, "provenance": provenance}
        files = {"result.json": json.dumps(result, indent=1, default=plain).encode()}
        if tensors:
            files["tensors.safetensors"] = safetensors.torch.save({k: v.contiguous().cpu() for k, v in tensors.items()})
        if pictures:
            files["pictures.npz"] = packed(pictures)
        self.place(trial, files | {"manifest.json": json.dumps(digests(files), indent=1).encode()})

    def files(self, trial: Trial) -> dict[str, bytes]:
        """The files of a finished trial, checked, so that another store can `place` them.

        Raises
        ------
        DamagedFileError
            When the trial is not there, damaged, or another one's.
        """
        folder = self.folder(trial)
        try:
            manifest = (folder / "manifest.json").read_bytes()
            promised = json.loads(manifest)
            files = {name: (folder / name).read_bytes() for name in promised}
            if wrong := damaged(files, promised):
                raise ValueError(f"{wrong[0]} does not match its checksum")
            told, wanted = json.loads(files["result.json"])["trial"], described(trial)
            if wrong := [key for key in wanted if told.get(key) != wanted[key]]:
                raise ValueError(f"of another trial or an older layout, {wrong[0]} is {told.get(wrong[0])!r:.80}")
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:  # what is left may be any JSON
            again = f"`python -m kdbook run {trial.experiment}`: it is trained again"
            raise DamagedFileError(f"stored trial {folder} is damaged ({error}); run {again}") from error
        return {**files, "manifest.json": manifest}

    def place(self, trial: Trial, files: dict[str, bytes]) -> None:
        """Put a finished trial's files into place, all or nothing, and drop its checkpoint."""
        folder, work = self.folder(trial), self.checkpoint(trial).parent
        make_folder(work)
        aside = work / uuid.uuid4().hex  # what a kill leaves here goes with the rest of `work`
        try:
            aside.mkdir()
            for name, content in files.items():
                (aside / name).write_bytes(content)
                sync(aside / name)
            sync(aside)
            if folder.exists():
                folder.rename(work / "old")  # at once, and not file by file, since others may be reading
            os.replace(aside, folder)
            sync(folder.parent)
            shutil.rmtree(work, ignore_errors=True)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            with suppress(OSError):
                work.rmdir()  # after a failure, unless it holds a checkpoint

    def add(self, finished: Mapping[Trial, dict[str, bytes]]) -> None:
        """Put into place what is not there, of the files of finished trials; another process may have been faster."""
        for trial, files in finished.items():
            with self.lock(trial):
                if self.read(trial, alone=True) is None:
                    self.place(trial, files)

    def remove(self, trial: Trial, stored_before: float = math.inf) -> None:
        """Forget a trial, its checkpoint included, once nobody is training it; not what was stored after a moment.

        Parameters
        ----------
        trial : Trial
            Which.
        stored_before : float
            Seconds since the epoch: what another process stored later stays, since it is as new as a rerun's.
        """
        folder = self.folder(trial)
        with self.lock(trial):
            if not folder.exists() or folder.stat().st_mtime < stored_before:
                shutil.rmtree(folder, ignore_errors=True)
                shutil.rmtree(self.checkpoint(trial).parent, ignore_errors=True)


def described(trial: Trial) -> dict:
    """A trial as a stored folder says it: what it is, and not with whom it was trained."""
    told = trial.identity() | {"needs": [need.name for need in trial.needs]}
    return json.loads(json.dumps(told, default=plain))
