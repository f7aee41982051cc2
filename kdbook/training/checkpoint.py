"""Where a training goes on after an interruption: a file that says whose it is, and that notices its own damage.

A checkpoint is the SHA-256 of what follows (64 hexadecimal digits and a newline), then what `torch.save` writes: its
archives are read without a look at their checksums, so that a flipped bit would be trained on.
"""

import inspect
import io
import os
import types
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kdbook import kind_of, require
from kdbook.data import digest, sha256, write_atomically

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic, torch.device, torch.dtype)
CODE = ("co_names", "co_code", "co_consts")
CALLED = ("func", "args", "keywords", "__func__", "__self__", "__code__", "__defaults__", "__kwdefaults__", *CODE)


@dataclass(frozen=True)
class Checkpoint:
    """A file that `fit` saves to at epoch ends and resumes from.

    >>> Checkpoint(Path("student.pt"), mismatch="afresh").run
    ()

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    run : sequence of str
        What else the training belongs to, such as the identities of a cohort's trials.
    mismatch : {"refuse", "afresh"}
        What to do with the checkpoint of another run: raise ValueError, or warn and train from the beginning.
    """

    path: Path
    run: Sequence[str] = ()
    mismatch: str = "refuse"

    def __post_init__(self):
        good = isinstance(self.path, str | os.PathLike) and not Path(self.path).is_dir()
        require(good, "checkpoint", "the path of a file", repr(self.path))
        require(self.mismatch in ("refuse", "afresh"), "mismatch", "'refuse' or 'afresh'", repr(self.mismatch))

    def save(self, stateful: Mapping, whose: Mapping[str, str], epochs: list[dict]) -> None:
        """Write the state of all parts; a full disk or a folder that cannot be written is a warning, no more."""
        content = io.BytesIO()
        state = {name: part.state_dict() for name, part in stateful.items()}
        torch.save({"state": state, "whose": whose, "epochs": epochs}, content)
        content = content.getvalue()
        try:
            write_atomically(Path(self.path), sha256(content).encode() + b"\n" + content)
        except OSError as error:
            warnings.warn(f"checkpoint {self.path} cannot be written, training goes on ({error})", stacklevel=3)

    def resume(self, stateful: Mapping, whose: Mapping[str, str], device: torch.device | str) -> list[dict]:
        """Load the state of all parts, and return the epochs that are done: none without a checkpoint that fits."""
        if not Path(self.path).exists():
            return []
        try:
            sealed, content = Path(self.path).read_bytes().split(b"\n", 1)
            if sha256(content).encode() != sealed:
                raise ValueError("its SHA-256 is another")
            saved = torch.load(io.BytesIO(content), weights_only=True, map_location=device)
        except Exception as error:  # torch raises many kinds for a damaged archive, some with advice not to be followed
            reason = "it is damaged" if isinstance(error, ValueError) else type(error).__name__
            warnings.warn(f"checkpoint {self.path} cannot be read ({reason}); training starts afresh", stacklevel=3)
            return []
        was = saved["whose"]
        other = [f"{n} was {was.get(n)} and is {whose.get(n)}" for n in was | whose if was.get(n) != whose.get(n)]
        told = f"checkpoint {self.path} belongs to another run: {'; '.join(other[:5])}"
        if other and self.mismatch == "refuse":
            raise ValueError(f"{told}. Name another file, or delete this one to train from the beginning")
        if other:
            warnings.warn(f"{told}. Training starts afresh", stacklevel=3)
            return []
        for name, part in stateful.items():
            part.load_state_dict(saved["state"][name])
        return saved["epochs"]


def fingerprint(models: nn.Module, objective: Callable, optimizer, schedule, made_by, **parts: Any) -> dict[str, str]:
    """What a training depends on before its first step, by the name of each part.

    Optimizer and schedule do not tell all of themselves, as `LambdaLR` hides its function: `made_by` are their makers.

    Of the models it holds settings, names and shapes, since their weights are what is trained; of all else the content
    as well. State is left out: it is what a checkpoint holds.
    """
    seen = {}
    told = [*described("models", models, {}, weights=False), *described("objective", objective, seen)]
    hidden = [type(part).__name__ for part in seen.values() if not isinstance(part, nn.Module) and state_of(part)]
    good = not hidden or hasattr(objective, "state_dict")
    require(good, "an objective with a checkpoint", "one with a state_dict that forwards what it wraps", hidden)
    parts["schedule"] = [type(schedule).__name__, schedule.state_dict(), made_by[1]]
    parts["optimizer"] = [type(optimizer).__name__, *optimizer.state_dict()["param_groups"], made_by[0]]
    return dict(told + [pair for name, part in parts.items() for pair in described(name, part, seen)])


def state_of(part: Any) -> dict:
    """What changes of it in training: its `state_dict`, if it has one."""
    return part.state_dict() if hasattr(part, "load_state_dict") and not isinstance(part, type) else {}


def described(name: str, value: Any, seen: dict, weights: bool = True) -> Iterator[tuple[str, str]]:
    """Name and short description of a value and of all that it is made of; `seen` are objects met before, by id."""
    if isinstance(value, Tensor | np.ndarray):
        yield name, digest(torch.as_tensor(value)) if weights else kind_of(value) + " to train" * value.requires_grad
    elif isinstance(value, PLAIN):
        text = repr(value.item() if isinstance(value, np.generic) else value)
        yield name, text if len(text) <= 80 else f"{text[:60]}… ({zlib.crc32(text.encode()):08x})"
    elif id(value) not in seen or isinstance(value, Mapping | list | tuple):
        seen[id(value)] = value
        # no module: a script's is another when imported
        yield name, getattr(value, "__qualname__", type(value).__qualname__)
        for part, inner in made_of(value).items():
            yield from described(f"{name}.{part}", inner, seen, weights)


def made_of(value: Any) -> Mapping:
    """The parts, by name, of a value that is not plain; none of a class, of a module or of what is built in."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return dict(enumerate(value if isinstance(value, list | tuple) else sorted(value, key=repr)))
    attributes = getattr(value, "__dict__", {})
    if isinstance(value, nn.Module):
        settings = {name: v for name, v in attributes.items() if name[0] != "_" and name != "training"}
        settings["forward"] = type(value).forward
        return settings | value._parameters | value._buffers | value._modules
    if isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
        return {}
    parts = {name: getattr(value, name) for name in CALLED if hasattr(value, name)}
    call = inspect.getattr_static(type(value), "__call__", None)
    if isinstance(call, types.FunctionType):  # written by somebody, as an objective that is a class
        parts["__call__"] = call
    if isinstance(value, types.FunctionType):  # what a notebook defines beside it, and other numbers that it uses
        used = inspect.getclosurevars(value)
        here = {n: v for n, v in used.globals.items() if getattr(v, "__module__", None) == value.__module__}
        parts |= {n: v for n, v in used.globals.items() if isinstance(v, (*PLAIN, Tensor))} | here | used.nonlocals
    # neither state, nor what is derived from the rest, nor the set that a table was first asked about
    state = {name for name in state_of(value) if not hasattr(getattr(value, name, None), "state_dict")}
    derived = {name for name in attributes if isinstance(getattr(type(value), name, None), cached_property)}
    return parts | {name: v for name, v in attributes.items() if name not in {"origin", *state, *derived}}
