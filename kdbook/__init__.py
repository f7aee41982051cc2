"""kdbook: the helper package of the knowledge-distillation workbook.

Here lives what two chapters share and what runs long; the ideas themselves are in `notebooks/`.
Floors, lowest first: data, losses, nets; training; lab; show; book; teach; the command line.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def on_demand(package: str, homes: dict[str, str]) -> Callable[[str], object]:
    """`__getattr__` of a folder that offers names without importing their files: torch takes seconds to import.

    Parameters
    ----------
    package : str
        The folder's `__name__`.
    homes : dict of str to str
        Files of the folder, each with the names that it offers, apart by blanks.
    """
    home = {name: file for file, names in homes.items() for name in names.split()}

    def offered(name: str):
        if name not in home:
            raise AttributeError(f"module {package} has no attribute {name}")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    return offered


def require(good: bool, name: str, wanted: str, got: Any) -> None:
    """Raise ValueError unless `good`, in one sentence of what something must be and what it is."""
    if not good:
        raise ValueError(f"{name} must be {wanted}, got {got}")


def kind_of(value: Any) -> str:
    """Type of a value; of a tensor or an array also the type of its numbers, and its shape."""
    numbers = f" {value.dtype} {tuple(value.shape)}" if hasattr(value, "dtype") and hasattr(value, "shape") else ""
    return type(value).__name__ + numbers


__getattr__ = on_demand(__name__, {"lab.weights": "load_teacher", "training.distil": "distil"})
