"""What the teacher looks at: the student's view, another one, always the same one, or mixtures (Beyer et al. 2021)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kdbook.data.images import CENTRE_VIEW, VIEWS
from kdbook.training.objectives import Batch
from kdbook.training.teachers import SoftTargets

LOOKS = ("same", "other", "fixed")


@dataclass
class Looking:
    """A teacher that looks at the student's view of an image or, as a control, at one of its own.

    Parameters
    ----------
    teacher
        Anything with `soft_targets`; for ``other`` and ``fixed`` it must go by index and view, as `CachedTeacher` does.
    look : {"same", "other", "fixed"}
        The same shift as the student (consistent), another random one (independent), or the unshifted image, so that
        one stored answer serves for ever (fixed). Figure 2 of the paper.
    """

    teacher: Any
    look: str = "same"

    def __post_init__(self):
        if self.look not in LOOKS:
            raise ValueError(f"look must be one of {', '.join(LOOKS)}, got {self.look!r}")

    def soft_targets(self, x: Tensor, index: Tensor, view: Tensor | int = CENTRE_VIEW) -> SoftTargets:
        """Logits (B, C) for the view that this teacher looks at."""
        if self.look == "other":
            view = torch.randint(VIEWS, index.shape, device=index.device)
        return self.teacher.soft_targets(x, index, CENTRE_VIEW if self.look == "fixed" else view)


@dataclass
class Mixup:
    """Another objective on mixtures of two images each: nobody has a label for them, but a teacher has an answer.

    The weight of an image is uniform in [0, 1] (Zhang et al. 2018, with their alpha = 1). The objective inside must use
    no labels, and its teacher must answer for the images that it is given (`LiveTeacher`).
    """

    objective: Callable

    def __call__(self, model, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        count, device = len(batch.x), batch.x.device
        x = mixed(batch.x, torch.rand(count, device=device), torch.randperm(count, device=device))
        return self.objective(model, batch._replace(x=x))


def mixed(x: Tensor, weight: Tensor, partner: Tensor) -> Tensor:
    """Each image mixed with another of the batch.

    Parameters
    ----------
    x : Tensor (B, ...)
        Images.
    weight : Tensor (B,)
        Weight of the image itself, in [0, 1]; the partner has the rest.
    partner : Tensor (B,)
        Row of the partner.
    """
    return x[partner].lerp(x, weight.view(-1, *(1,) * (x.ndim - 1)))
