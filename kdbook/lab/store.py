"""The trial store: one folder a trial, written aside and moved into place, checked on reading.

A folder holds `result.json` (measurements and provenance), and where there are any `tensors.safetensors` (artifact) and
`pictures.npz` (small arrays for figures), with `manifest.json`, the SHA-256 of each file.
"""

import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np
import safetensors
import safetensors.torch
from torch import Tensor

from kdbook.data.files import home
from kdbook.lab.trial import Trial

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Stored:
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
        self.root = Path(root) if root else home() / "trials"

    def folder(self, trial: Trial) -> Path:
        """Where a finished trial stands."""
        return self.root / trial.name

    def checkpoint(self, trial: Trial) -> Path:
        """Where a running trial is checkpointed."""
        return self.root / f"{trial.name}.work" / CHECKPOINT

    def lock(self, trial: Trial) -> filelock.FileLock:
        """Context that holds a trial alone among all processes; the lock of a killed process is free at once."""
        return filelock.FileLock(self.root / f"{trial.name}.lock")

    def read(self, trial: Trial) -> Stored | None:
        """A finished trial, or None; a damaged one is named, removed and reported as missing, so that it is redone."""
        folder = self.folder(trial)
        if not folder.exists():
            return None
        try:
            files = self.files(trial)
            result = json.loads(files["result.json"])
            pictures = unpacked(files["pictures.npz"]) if "pictures.npz" in files else {}
            return Stored(result["measured"], result["provenance"], pictures)
        except (FileNotFoundError, ValueError, KeyError) as error:
            print(f"stored trial {folder} is damaged ({error}): it is removed and trained again", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            return None

    def tensors(self, trial: Trial) -> dict[str, Tensor]:
        """The artifact of a finished trial.

        Raises
        ------
        KeyError
            When the trial kept none.
        """
        path = self.folder(trial) / "tensors.safetensors"
        if not path.exists():
            raise KeyError(f"{trial.name} kept no tensors: run `python -m kdbook run {trial.experiment} --rerun`")
        return safetensors.torch.load(path.read_bytes())

    def write(
        self, trial: Trial, measured: dict, provenance: dict, tensors: dict | None = None, pictures: dict | None = None
    ) -> None:
        """Store a finished trial, all or nothing, and drop its checkpoint."""
        described = trial.as_dict() | {"needs": [need.name for need in trial.needs]}
        result = {"trial": described, "measured": measured, "provenance": provenance}
        files = {"result.json": json.dumps(result, indent=1).encode()}
        if tensors:
            files["tensors.safetensors"] = safetensors.torch.save({k: v.contiguous().cpu() for k, v in tensors.items()})
        if pictures:
            files["pictures.npz"] = packed(pictures)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files["manifest.json"] = json.dumps(digests, indent=1).encode()
        self.place(trial, files)

    def files(self, trial: Trial) -> dict[str, bytes]:
        """The files of a finished trial, checked, so that another store can `place` them.

        Raises
        ------
        OSError, ValueError
            When the trial is not there, or damaged.
        """
        folder = self.folder(trial)
        manifest = (folder / "manifest.json").read_bytes()
        digests = json.loads(manifest)
        files = {name: (folder / name).read_bytes() for name in digests}
        for name, content in files.items():
            if hashlib.sha256(content).hexdigest() != digests[name]:
                raise ValueError(f"{name} does not match its checksum")
        return {**files, "manifest.json": manifest}

    def place(self, trial: Trial, files: dict[str, bytes]) -> None:
        """Put a finished trial's files into place, all or nothing, and drop its checkpoint."""
        folder, work = self.folder(trial), self.checkpoint(trial).parent
        work.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=work) as aside:  # what a kill leaves here goes with the rest of `work`
                for name, content in files.items():
                    Path(aside, name).write_bytes(content)
                shutil.rmtree(folder, ignore_errors=True)
                os.replace(aside, folder)
            shutil.rmtree(work, ignore_errors=True)
        finally:
            with suppress(OSError):
                work.rmdir()  # after a failure, unless it holds a checkpoint

    def remove(self, trial: Trial) -> None:
        """Forget a trial, its checkpoint included."""
        shutil.rmtree(self.folder(trial), ignore_errors=True)
        shutil.rmtree(self.checkpoint(trial).parent, ignore_errors=True)


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    """Content of an ``.npz`` file of these arrays."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def unpacked(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file."""
    with np.load(io.BytesIO(content)) as archive:
        return dict(archive)
