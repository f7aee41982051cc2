"""Feature and relation terms beside labels and soft targets, and the trainable maps that they need."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kdbook.losses.relation import ContrastiveMemory, contrastive_distillation
from kdbook.nets.vision import Outputs
from kdbook.training.objectives.asking import Answers, Batch, Loss, Objective, answer_of, same_set


class Regressed(nn.Module):
    """A student whose hidden layers pass through trainable regressors, which are thrown away after training.

    Parameters
    ----------
    student : nn.Module
        Returns `Outputs`.
    regressors : mapping of int to nn.Module
        Hidden layer, negative ones from the end, to the map that gives it the teacher's shape.
    teacher_head : nn.Module, optional
        Map of the teacher's embedding that is trained with the student, as contrastive distillation needs.
    """

    def __init__(self, student: nn.Module, regressors: Mapping[int, nn.Module], teacher_head: nn.Module | None = None):
        super().__init__()
        self.student, self.teacher_head = student, teacher_head
        self.regressors = nn.ModuleDict({str(layer): module for layer, module in regressors.items()})

    def forward(self, x: Tensor) -> Outputs:
        """x as for the student; its logits, and its features with those of the regressed layers replaced."""
        logits, features = Outputs.of(self.student(x))
        features = list(features)
        for layer, regressor in self.regressors.items():
            features[int(layer)] = regressor(features[int(layer)])
        return Outputs(logits, features)


@dataclass
class Transfer(Objective):
    """response + beta term: a feature or relation term beside labels, soft targets or both.

    Parameters
    ----------
    teacher
        Anything with `soft_targets` that shows features.
    term : callable
        `(model, student's features, teacher's features, batch) -> rows (B,)`; one with a `state_dict` is checkpointed.
    beta : float
        Weight of the term.
    response : Answers, optional
        What the student's logits are to be, such as `HardLabels` or `Distillation`. Default: nothing, the term is
        minimised alone, as in the first stage of a FitNet.

    Raises
    ------
    ValueError
        On the first batch, when the teacher or the student shows no features.
    """

    teacher: Any
    term: Callable
    beta: float
    response: Answers | None = None

    def __call__(self, model, batch: Batch) -> Loss:
        target, out = answer_of(self.teacher, batch), Outputs.of(model(batch.x))
        for whose, net, features in (("teacher", self.teacher, target.features), ("student", model, out.features)):
            if not features:
                kind = type(net).__name__
                raise ValueError(f"a feature or relation term needs the {whose}'s hidden layers, and {kind} shows none")
        term = self.term(model, out.features, target.features, batch)
        if self.response is None:
            return self.beta * term, {}
        return self.response.rows(out.logits, batch) + self.beta * term, {"term": term}


@dataclass(frozen=True)
class Pairwise:
    """A term that compares layers of the same numbers: the mean of `loss(student's, teacher's)` over `layers`.

    Parameters
    ----------
    loss : callable
        `(f_s, f_t, reduction=, check=) -> rows (B,)`, a function of `kdbook.losses.feature` or `.relation`.
    layers : tuple of int
        Hidden layers, negative ones from the end.
    """

    loss: Callable
    layers: tuple[int, ...]

    def __call__(self, model, student: list[Tensor], teacher: list[Tensor], batch: Batch) -> Tensor:
        rows = [self.loss(student[i], teacher[i], **batch.by_row) for i in self.layers]
        return torch.stack(rows).mean(0)


@dataclass(frozen=True)
class Flow:
    """A term on what happens between two layers: `loss(in_s, out_s, in_t, out_t)` (Yim et al. 2017)."""

    loss: Callable
    layers: tuple[int, int]

    def __call__(self, model, student: list[Tensor], teacher: list[Tensor], batch: Batch) -> Tensor:
        maps = [features[i] for features in (student, teacher) for i in self.layers]
        return self.loss(*maps, **batch.by_row)


class Contrastive(Objective):
    """CRD as a term: the student's embedding against a memory of the teacher's, and the reverse for the teacher's head.

    Both are the last hidden layer, the teacher's through `Regressed.teacher_head`.

    Parameters
    ----------
    samples, width : int
        Size of the two memories: all sample indices, and the width of the embeddings.
    negatives : int
        Drawn from the memory for each example.
    device : torch.device or str
        Where the memories are.
    """

    def __init__(self, samples: int, width: int, negatives: int, device: torch.device | str = "cpu"):
        self.origin = ""
        self.student, self.teacher = (ContrastiveMemory.random(samples, width, negatives, device) for _ in range(2))

    def __call__(self, model, student: list[Tensor], teacher: list[Tensor], batch: Batch) -> Tensor:
        same_set(self, batch)
        g_s, g_t = student[-1], model.teacher_head(teacher[-1])
        rows = contrastive_distillation(g_s, g_t, batch.index, self.teacher, **batch.by_row)
        rows = rows + contrastive_distillation(g_t, g_s, batch.index, self.student, **batch.by_row)
        self.student.update(batch.index, g_s)
        self.teacher.update(batch.index, g_t)
        return rows
