"""Objectives around an objective: each student's own rate, mixtures of images, a record of what was seen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook import check_number, require
from kdbook.training.objectives.asking import Batch, Loss, Objective


class OwnRates(Objective):
    """An objective that gives each student of a cohort its own learning rate.

    >>> from kdbook.training import HardLabels
    >>> objective = OwnRates(HardLabels(), rates=[1.0, 0.1])  # the second student learns a tenth as fast

    Parameters
    ----------
    objective : callable
        As for `fit`; its rows are (S, B).
    rates : list of float
        One a student; `fit` is given the first. With SGD and no weight decay, c times the loss is c times the rate.
    """

    def __init__(self, objective: Callable, rates: list[float]):
        require(len(rates) > 0, "rates", "one learning rate a student", "none")
        for rate in rates:
            check_number("rates", rate, "(0, inf)")
        self.objective = objective
        self.factor = torch.tensor([[rate / rates[0]] for rate in rates])  # (S, 1)

    def __call__(self, model, batch: Batch) -> Loss:
        rows, parts = self.objective(model, batch)
        return rows * self.factor.to(rows.device, non_blocking=True), parts


@dataclass
class Seen(Objective):
    """An objective that notes which samples it was given."""

    kept = ("index",)
    objective: Callable
    index: set[int] = field(default_factory=set)

    def __call__(self, model, batch: Batch) -> Loss:
        self.index.update(batch.index.tolist())
        return self.objective(model, batch)


@dataclass
class Mixup(Objective):
    """Another objective on mixtures of two images each: nobody has a label for them, but a teacher has an answer.

    The weight of an image is uniform in [0, 1] (Zhang et al. 2018, with their alpha = 1). The objective inside must use
    no labels, and its teacher must answer for the images that it is given (`LiveTeacher`).
    """

    objective: Callable

    def __call__(self, model, batch: Batch) -> Loss:
        count, device = len(batch.x), batch.x.device
        x = mixed(batch.x, torch.rand(count, device=device), torch.randperm(count, device=device))
        return self.objective(model, batch._replace(x=x))


@dataclass
class Cropped(Objective):
    """Another objective on images moved by up to `reach` pixels with zero fill, every second one mirrored.

    The usual augmentation of CIFAR (He et al. 2016, section 4.2), made where the images lie. Its views have no number:
    a teacher inside must answer for the images that it is given (`LiveTeacher`).
    """

    objective: Callable
    reach: int = 4

    def __call__(self, model, batch: Batch) -> Loss:
        return self.objective(model, batch._replace(x=cropped(batch.x, self.reach)))


def cropped(x: Tensor, reach: int) -> Tensor:
    """Images (B, H, W) or (B, 3, H, W), each moved by up to `reach` down and across and perhaps mirrored, at random."""
    require(x.ndim == 3 or x.shape[1:-2] == (3,), "x", "images (B, H, W) or (B, 3, H, W)", tuple(x.shape))
    (count, *colours, h, w), at = x.shape, partial(torch.arange, device=x.device)
    down, across = torch.randint(2 * reach + 1, (2, count, 1, 1), device=x.device)
    mirrored = torch.rand(count, 1, 1, device=x.device) < 0.5
    columns = across + torch.where(mirrored, at(w).flip(0), at(w))  # (B, 1, W)
    padded = F.pad(x, (reach,) * 4)
    where = at(count)[:, None, None], down + at(h)[:, None], columns
    return padded.movedim(1, -1)[where].movedim(-1, 1) if colours else padded[where]


def mixed(x: Tensor, weight: Tensor, partner: Tensor) -> Tensor:
    """Each image of x (B, ...) mixed with that of row `partner` (B,): its own weight (B,), the partner has the rest."""
    return x[partner].lerp(x, weight.view(-1, *(1,) * (x.ndim - 1)))
