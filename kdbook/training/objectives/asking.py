"""What all objectives share: a batch, and how students and their teacher are asked about it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from kdbook import check_number, require
from kdbook.nets.vision import Outputs
from kdbook.training.teachers import SoftTargets, teaching

# Where settings of objectives lie, by name; a list holds one a student, and a tensor, which the loss checks.
RANGES = {"temperature": "(0, inf)", "beta": "[0, inf)", "weight": "[0, inf)", "share": "(0, 1]"}
RANGES |= dict.fromkeys(("alpha", "label_smoothing", "feedback", "lambdas", "betas"), "[0, 1]")


class Batch(NamedTuple):
    """What the loop hands to an objective.

    >>> Batch(torch.zeros(2, 28, 28), torch.tensor([3, 7]), torch.tensor([0, 1]), 0).by_row
    {'reduction': 'none', 'check': False}

    x : Tensor (B, H, W), images in [0, 1]; or (B, N), token numbers
    y : Tensor (B,), labels
    index : Tensor (B,), sample index in the complete set
    view : Tensor (B,) or int, shift applied
    check : bool, whether losses should look for NaN and out-of-range labels (the first batch, and those that hold the
        smallest and the largest label)
    origin : str, name and checksum of the set that `index` counts
    """

    x: Tensor
    y: Tensor
    index: Tensor
    view: Tensor | int
    check: bool = False
    origin: str = ""

    @property
    def by_row(self) -> dict[str, Any]:
        """How objectives call a loss: a value a row, with a look at the data in the first batch."""
        return {"reduction": "none", "check": self.check}


Loss = tuple[Tensor, dict[str, Tensor]]


class Objective:
    """What the loop asks of an objective: checked settings, and an epoch's start and state also of its parts.

    Attributes
    ----------
    kept : tuple of str
        Its own attributes that change while it is trained with.
    """

    kept: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        for name, value in vars(self).items():
            for number in value if isinstance(value, list | tuple) else [value]:
                if name in RANGES and not isinstance(number, Tensor):
                    check_number(name, number, RANGES[name])

    def start_epoch(self, epoch: int) -> None:
        """Tell all parts that an epoch begins."""
        for part in self._parts("start_epoch").values():
            part.start_epoch(epoch)

    def state_dict(self) -> dict:
        """What changes in training, of itself and its parts."""
        state = {name: part.state_dict() for name, part in self._parts("state_dict").items()}
        return state | {name: getattr(self, name) for name in self.kept}

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` gave."""
        for name, value in state.items():
            setattr(self, name, value) if name in self.kept else getattr(self, name).load_state_dict(value)

    def _parts(self, able: str) -> dict[str, Any]:
        """Attributes that have a method: what it wraps, a term, a memory; nets left out: they are frozen teachers."""
        return {name: p for name, p in vars(self).items() if hasattr(p, able) and not isinstance(p, nn.Module)}


def asked(models: nn.Module, x: Tensor) -> Tensor:
    """Logits of one net (B, C); of a cohort, or of an `nn.ModuleList` of nets side by side, (S, B, C)."""
    if isinstance(models, nn.ModuleList):
        return torch.stack([Outputs.of(m(x)).logits for m in models])
    return Outputs.of(models(x)).logits


def same_set(keeper: Any, batch: Batch) -> None:
    """Refuse a batch of another set than that for which something is kept by index, also deep inside a teacher.

    What was made without a set belongs to that of the first batch.
    """
    mine = getattr(keeper, "origin", None)
    if mine == "":
        keeper.origin = batch.origin
    good = mine in (None, "", batch.origin) or not batch.origin
    wanted = f"asked about {mine!r}, for which it was made (from the split that is trained on, or with its `origin`)"
    require(good, type(keeper).__name__, wanted, repr(batch.origin))
    for inner in (getattr(keeper, "teacher", None), *getattr(keeper, "teachers", ())):
        if inner is not None:
            same_set(inner, batch)


def answer_of(teacher: Any, batch: Batch) -> SoftTargets:
    """What anything with `soft_targets(x, index, view)` says of a batch, refused where it is kept for another set."""
    same_set(teaching(teacher), batch)
    return teacher.soft_targets(batch.x, batch.index, batch.view)


def each(students: nn.ModuleList, recipes: Iterable, loss: Callable[[nn.Module, Any], Tensor]) -> Loss:
    """The loss of every student by its own recipe: each gets the gradient that it would get alone."""
    return torch.stack([loss(*pair) for pair in zip(students, recipes, strict=True)]), {}


class Answers(Objective, ABC):
    """An objective of the students' logits alone."""

    def __call__(self, models: nn.Module, batch: Batch) -> Loss:
        return self.rows(asked(models, batch.x), batch), {}

    @abstractmethod
    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """A loss a row, (B,) or (S, B)."""
