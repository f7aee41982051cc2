"""What all objectives share: a batch, and how students and their teacher are asked about it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Batch(NamedTuple):
    """What the loop hands to an objective.

    x : Tensor (B, H, W), images in [0, 1]; or (B, N), token numbers
    y : Tensor (B,), labels
    index : Tensor (B,), sample index in the complete set
    view : Tensor (B,) or int, shift applied
    check : bool, whether losses should look for NaN and out-of-range labels (the first batch only)
    """

    x: Tensor
    y: Tensor
    index: Tensor
    view: Tensor | int
    check: bool = False

    @property
    def by_row(self) -> dict[str, Any]:
        """How objectives call a loss: a value a row, with a look at the data in the first batch."""
        return {"reduction": "none", "check": self.check}


Loss = tuple[Tensor, dict[str, Tensor]]


def asked(models: nn.Module, x: Tensor) -> Tensor:
    """Logits of one net (B, C); of a cohort, or of an `nn.ModuleList` of nets side by side, (S, B, C)."""
    return torch.stack([m(x).logits for m in models]) if isinstance(models, nn.ModuleList) else models(x).logits


def told_by(teacher, batch: Batch) -> Tensor:
    """Logits of anything with `soft_targets(x, index, view)`."""
    return teacher.soft_targets(batch.x, batch.index, batch.view).logits


def each(students: nn.ModuleList, recipes: Iterable, loss: Callable[[nn.Module, Any], Tensor]) -> Loss:
    """The loss of every student by its own recipe: each gets the gradient that it would get alone."""
    return torch.stack([loss(*pair) for pair in zip(students, recipes, strict=True)]), {}


class Answers(ABC):
    """An objective of the students' logits alone."""

    def __call__(self, models: nn.Module, batch: Batch) -> Loss:
        return self.rows(asked(models, batch.x), batch), {}

    @abstractmethod
    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """A loss a row, (B,) or (S, B)."""
