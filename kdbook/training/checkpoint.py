"""Where a training goes on after an interruption: a file that says whose it is, and that notices its own damage.

A checkpoint is the SHA-256 of what follows (64 hexadecimal digits and a newline), then what `torch.save` writes: its
archives are read without a look at their checksums, so that a flipped bit would be trained on.
"""

import hashlib
import inspect
import io
import os
import types
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kdbook.data.files import write_atomically
from kdbook.data.images import digest


@dataclass(frozen=True)
class Checkpoint:
    """A file that `fit` saves to at epoch ends and resumes from.

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
        if not isinstance(self.path, str | os.PathLike) or Path(self.path).is_dir():
            raise ValueError(f"checkpoint must be the path of a file, got {self.path!r}: name a file in a folder")
        if self.mismatch not in ("refuse", "afresh"):
            raise ValueError(f"mismatch must be 'refuse' or 'afresh', got {self.mismatch!r}")

    def save(self, stateful: Mapping, whose: Mapping[str, str], epochs: list[dict]) -> None:
        """Write the state of all parts; a full disk or a folder that cannot be written is a warning, no more."""
        content = io.BytesIO()
        state = {name: part.state_dict() for name, part in stateful.items()}
        torch.save({"state": state, "whose": dict(whose), "run": list(self.run), "epochs": epochs}, content)
        content = content.getvalue()
        try:
            write_atomically(Path(self.path), hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        except OSError as error:
            warnings.warn(
                f"checkpoint {self.path} cannot be written ({error}); training goes on, and an interruption would lose "
                "what came since the last one: make room, or name a file elsewhere",
                stacklevel=3,
            )

    def resume(self, stateful: Mapping, whose: Mapping[str, str], device: torch.device | str) -> list[dict]:
        """Load the state of all parts, and return the epochs that are done: none without a checkpoint that fits."""
        if not Path(self.path).exists():
            return []
        try:
            sealed, content = Path(self.path).read_bytes().split(b"\n", 1)
            if hashlib.sha256(content).hexdigest().encode() != sealed:
                raise ValueError("its SHA-256 is another")
            saved = torch.load(io.BytesIO(content), weights_only=True, map_location=device)
        except Exception as error:  # torch raises many kinds for a damaged archive, some with advice not to be followed
            reason = "it is damaged" if isinstance(error, ValueError) else type(error).__name__
            warnings.warn(f"checkpoint {self.path} cannot be read ({reason}); training starts afresh", stacklevel=3)
            return []
        was, now = saved["whose"] | {"run": saved["run"]}, {**whose, "run": list(self.run)}
        if other := [name for name in was | now if was.get(name) != now.get(name)]:
            told = [f"{name} was {was.get(name, 'absent')} and is {now.get(name, 'absent')}" for name in other]
            told = f"checkpoint {self.path} belongs to another run: {'; '.join(told[:5])}"
            if self.mismatch == "refuse":
                raise ValueError(f"{told}. Name another file, or delete this one to train from the beginning")
            warnings.warn(f"{told}. Training starts afresh", stacklevel=3)
            return []
        for name, part in stateful.items():
            part.load_state_dict(saved["state"][name])
        return saved["epochs"]


def fingerprint(models: nn.Module, optimizer, schedule, **parts: Any) -> dict[str, str]:
    """What a training depends on before its first step, by the name of each part: two trainings of one are the same.

    Of the models it holds settings, names and shapes, since their weights are what is trained; of all else the content.
    State is left out: it is what a checkpoint holds.
    """
    shapes = {name: f"{t.dtype} {tuple(t.shape)}" for name, t in models.state_dict().items()}
    groups = [{key: value for key, value in g.items() if key != "params"} for g in optimizer.param_groups]
    parts |= {"models": [_settings(models), shapes], "optimizer": [type(optimizer).__name__, groups]}
    seen = {id(optimizer): optimizer}  # a schedule holds it
    return dict(told for name, part in {**parts, "schedule": schedule}.items() for told in described(name, part, seen))


def described(name: str, value: Any, seen: dict) -> Iterator[tuple[str, str]]:
    """Name and short description of a value and of all that it is made of; `seen` holds objects met before, by id."""
    if isinstance(value, Tensor | np.ndarray):
        yield name, digest(torch.as_tensor(value))
    elif (text := canonical(value)) is not None and (len(text) <= 80 or not 0 < len(_members(value)) <= 50):
        yield name, text if len(text) <= 80 else f"{text[:60]}… ({zlib.crc32(text.encode()):08x})"
    elif id(value) not in seen:
        seen[id(value)] = value
        kind, parts = taken_apart(value)
        yield name, kind
        for part, inner in parts.items():
            yield from described(f"{name}.{part}", inner, seen)


def canonical(value: Any) -> str | None:
    """Plain values, and collections of them, as a text that is the same in every process; None for all else."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | torch.device | torch.dtype):
        return repr(value)
    if isinstance(value, Mapping):
        value = {key: value[key] for key in value}.items()
    elif not isinstance(value, list | tuple | set | frozenset | type({}.items())):
        return None
    parts = [canonical(part) for part in value]
    return None if None in parts else f"[{', '.join(sorted(parts) if isinstance(value, set | frozenset) else parts)}]"


def taken_apart(value: Any) -> tuple[str, Mapping]:
    """The kind of a value that is not plain, and its parts by name."""
    kind = type(value).__qualname__  # a script's classes are in another module when it is imported
    if members := _members(value):
        return kind, members
    if isinstance(value, nn.Module):
        return kind, {**_settings(value), **value.state_dict()}
    if isinstance(value, partial):
        return kind, {"func": value.func, "args": value.args, "keywords": value.keywords}
    if isinstance(value, types.MethodType):
        return kind, {"function": value.__func__, "of": value.__self__}
    if isinstance(value, types.FunctionType):
        used = inspect.getclosurevars(value)
        # of what a notebook defines beside the function: numbers, tensors and functions, not whole modules
        beside = {n: v for n, v in used.globals.items() if _belongs(v, value)}
        parts = {"defaults": value.__defaults__, "keywords": value.__kwdefaults__, **used.nonlocals, **beside}
        return f"{value.__qualname__} {_code(value.__code__):08x}", parts
    if isinstance(value, type | types.BuiltinFunctionType):
        return value.__qualname__, {}
    state = value.state_dict() if hasattr(value, "state_dict") else {}
    # neither state, nor what is derived from the rest, nor the set that a table was first asked about
    left_out = {n for n in state if not hasattr(getattr(value, n, None), "state_dict")} | {"origin"}
    left_out |= {n for n, made in vars(type(value)).items() if isinstance(made, cached_property)}
    return kind, {n: v for n, v in getattr(value, "__dict__", {}).items() if n not in left_out}


def _members(value: Any) -> Mapping:
    """Members of a mapping or a collection by name; none of all else."""
    if isinstance(value, list | tuple | set | frozenset):
        return dict(enumerate(value))
    return value if isinstance(value, Mapping) else {}


def _belongs(value: Any, function: types.FunctionType) -> bool:
    here = getattr(value, "__module__", None) == function.__module__ and isinstance(value, types.FunctionType)
    return here or isinstance(value, Tensor | np.ndarray) or canonical(value) is not None


def _code(code: types.CodeType) -> int:
    """Checksum of what a function does, wherever it stands."""
    inner = [_code(c) if isinstance(c, types.CodeType) else canonical(c) for c in code.co_consts]
    return zlib.crc32(repr((code.co_code, code.co_names, inner)).encode())


def _settings(model: nn.Module) -> dict[str, Any]:
    """Plain attributes of a net and of its modules, such as rates of dropout; not the mode it happens to be in."""
    own = ((f"{at}.{name}", value) for at, m in model.named_modules() for name, value in vars(m).items())
    return {n: v for n, v in own if not n.rpartition(".")[2].startswith(("_", "training")) and canonical(v) is not None}
