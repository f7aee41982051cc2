"""What is minimised: a callable `(models, batch) -> (loss a row, its parts)`.

An objective may also have `start_epoch(epoch)`, `state_dict()` and `load_state_dict(state)`; the loop calls the first
and checkpoints the others, so a table of last epoch's predictions or a co-trained teacher lives in the objective.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from kdbook.losses import hard_loss, kd_loss


class Batch(NamedTuple):
    """What the loop hands to an objective.

    x : Tensor (B, H, W), images in [0, 1]
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


@dataclass
class HardLabels:
    """Cross-entropy with the labels.

    Parameters
    ----------
    label_smoothing : float
        Mass spread evenly over the classes (Szegedy et al. 2016).
    """

    label_smoothing: float = 0.0

    def __call__(self, model, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logits = model(batch.x).logits
        rows = hard_loss(logits, batch.y, label_smoothing=self.label_smoothing, reduction="none", check=batch.check)
        return rows, {}


@dataclass
class Distillation:
    """`kd_loss` with a teacher's soft targets (Hinton et al. 2015, section 2).

    Parameters
    ----------
    teacher
        Anything with `soft_targets(x, index, view)`.
    temperature, alpha : float, or Tensor (S, 1) for a cohort
        alpha = 1 uses no labels.
    """

    teacher: Any
    temperature: float | Tensor = 4.0
    alpha: float | Tensor = 1.0

    def __call__(self, model, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        target = self.teacher.soft_targets(batch.x, batch.index, batch.view)
        rows = kd_loss(
            model(batch.x).logits,
            target.logits,
            batch.y,
            temperature=self.temperature,
            alpha=self.alpha,
            reduction="none",
            check=batch.check,
        )
        return rows, {}
