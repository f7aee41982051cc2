"""kdbook: the helper package of the knowledge-distillation workbook.

Here lives what two chapters share and what runs long; the ideas themselves are in `notebooks/`.
Floors, lowest first: data, losses, nets; training; lab; show; book; teach; the command line.
"""

import symtable
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from types import ModuleType
from typing import Any

__version__ = "0.1.0"
LACKING = "{} is not installed: run `pip install '.[{}]'` in the folder of the repository"


def on_demand(package: str, homes: Mapping[str, str] | None = None) -> Callable[[str], object]:
    """`__getattr__` of a folder that offers names without importing their files: torch takes seconds to import.

    Parameters
    ----------
    package : str
        The folder's `__name__`.
    homes : mapping of str to str, optional
        File of each name that is offered; default: every public name, of the one file of the folder that defines it.
    """

    @cache
    def offered(name: str):
        folder = Path(*sys.modules[package].__path__)
        is_file = (folder / f"{name}.py").exists()  # `from folder import file` asks here first
        known = homes or ({} if is_file or name[0] == "_" else definitions(folder))
        if not known.get(name):
            raise AttributeError(f"module {package} has no attribute {name}, or several files have")
        return getattr(needed(f"{package}.{known[name]}"), name)

    return offered


def needed(module: str, extra: str = "book") -> ModuleType:
    """A module that is, or imports, what only an extra installs.

    Raises
    ------
    ModuleNotFoundError
        In one line that names the package and how to get it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(LACKING.format(error.name, extra), name=error.name) from None


@cache
def definitions(folder: Path) -> dict[str, str]:
    """Which of a folder's files defines a name, read without importing them; empty for what several define."""
    found: dict[str, str] = {}
    for path in folder.glob("[!_]*.py"):
        for symbol in symtable.symtable(path.read_text(encoding="utf-8"), path.name, "exec").get_symbols():
            if symbol.is_assigned() and not symbol.is_imported():
                found[symbol.get_name()] = "" if symbol.get_name() in found else path.stem
    return found


def require(good: bool, name: str, wanted: str, got: Any) -> None:
    """Raise ValueError unless `good`, in one sentence of what something must be and what it is."""
    if not good:
        raise ValueError(f"{name} must be {wanted}, got {got}")


def check_number(name: str, value: Any, within: str, *, whole: bool = False) -> float:
    """The number, if it lies in an interval, written as in ``[0, 1)``, else ValueError; no bool, no text."""
    low, high = (float(end) for end in within[1:-1].split(","))
    good = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    good = good and (low < value if within[0] == "(" else low <= value)
    good = good and (value < high if within[-1] == ")" else value <= high)
    said = {"(0, inf)": "positive and finite", "[1, inf)": "1 or more", "[0, inf)": "0 or more"}.get(within)
    require(good, name, ("a whole number, " if whole else "") + (said or f"in {within}"), repr(value))
    return int(value) if whole else value  # numpy's whole numbers would overflow, and not be readable in a checkpoint


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise ValueError unless an argument is one of these words."""
    require(value in choices, name, " or ".join(map(repr, choices)), repr(value))


def kind_of(value: Any) -> str:
    """Type of a value; of a tensor or an array also the type of its numbers, and its shape."""
    numbers = f" {value.dtype} {tuple(value.shape)}" if hasattr(value, "dtype") and hasattr(value, "shape") else ""
    return type(value).__name__ + numbers


__getattr__ = on_demand(__name__, {"load": "lab.runs", "load_teacher": "lab.weights", "distil": "training.distil"})
