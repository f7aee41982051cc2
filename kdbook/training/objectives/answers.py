"""What a student's answers should be: labels, a teacher's soft targets, both, or one of them changed as a control."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook import losses
from kdbook.training.objectives.asking import Answers, Batch, answer_of, same_set


@dataclass
class HardLabels(Answers):
    """Cross-entropy with the labels.

    >>> batch = Batch(torch.zeros(2, 4), torch.tensor([0, 1]), torch.tensor([0, 1]), 0)
    >>> rows, parts = HardLabels()(torch.nn.Linear(4, 3), batch)
    >>> rows.shape
    torch.Size([2])

    Parameters
    ----------
    label_smoothing : float
        Mass spread evenly over the classes (Szegedy et al. 2016).
    worth : Tensor (N,), optional
        Weight of each label, by the sample's index: 0 for an image whose label is not known.
    origin : str
        Of the split that `worth` counts; default: of the first batch.
    """

    label_smoothing: float = 0.0
    worth: Tensor | None = None
    origin: str = ""

    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """`hard_loss`."""
        look = {"label_smoothing": self.label_smoothing, **batch.by_row}
        if self.worth is not None:
            same_set(self, batch)
            look["row_weights"] = self.worth[batch.index]
        return losses.hard_loss(logits, batch.y, **look)

    def target(self, batch: Batch, classes: int) -> Tensor:
        """The probabilities (B, C) that students are told."""
        return (1 - self.label_smoothing) * F.one_hot(batch.y, classes) + self.label_smoothing / classes


@dataclass
class Distillation(Answers):
    """`kd_loss` with a teacher's soft targets (Hinton et al. 2015, section 2).

    >>> from kdbook.training import LiveTeacher
    >>> batch = Batch(torch.zeros(2, 4), torch.tensor([0, 1]), torch.tensor([0, 1]), 0)
    >>> objective = Distillation(LiveTeacher(torch.nn.Linear(4, 3)), temperature=4.0, alpha=0.9)
    >>> rows, parts = objective(torch.nn.Linear(4, 3), batch)
    >>> rows.shape
    torch.Size([2])

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

    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """`kd_loss`."""
        look = {"temperature": self.temperature, "alpha": self.weight(batch), **batch.by_row}
        return losses.kd_loss(logits, answer_of(self.teacher, batch).logits, batch.y, **look)

    def weight(self, batch: Batch) -> float | Tensor:
        """Alpha of a batch."""
        return self.alpha

    def target(self, batch: Batch, classes: int) -> Tensor:
        """The probabilities (B, C) that students are told."""
        return losses.soft_targets(answer_of(self.teacher, batch).logits, self.temperature, check=False)


@dataclass
class PartlyLabelled(Distillation):
    """Distillation of a cohort where only the first images have labels: for all others alpha is 1.

    Parameters
    ----------
    alpha : Tensor (S, 1)
        Weight of the soft term of each student, for images with a label.
    labels : int
        Images with a smaller index have a label.
    """

    labels: int = 0

    def weight(self, batch: Batch) -> Tensor:
        """Alpha of each student and image (S, B)."""
        alpha = self.alpha.to(batch.index.device, non_blocking=True)
        return 1 - (1 - alpha) * (batch.index < self.labels)


class OtherDistillation(Distillation, ABC):
    """alpha times another soft term + (1 - alpha) CE."""

    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """The soft term and cross entropy, mixed."""
        soft = self.soft(logits, answer_of(self.teacher, batch).logits, batch.by_row)
        return self.alpha * soft + (1 - self.alpha) * losses.hard_loss(logits, batch.y, **batch.by_row)

    @abstractmethod
    def soft(self, ours: Tensor, theirs: Tensor, by_row: dict) -> Tensor:
        """A soft loss a row of the logits of student and teacher."""


class WithoutFactor(OtherDistillation):
    """alpha KL(p||q) + (1 - alpha) CE: `Distillation` without its T^2, a mistake that is easily made."""

    def soft(self, ours: Tensor, theirs: Tensor, by_row: dict) -> Tensor:
        """KL."""
        return losses.kd_loss(ours, theirs, temperature=self.temperature, **by_row) / self.temperature**2


class StandardizedDistillation(OtherDistillation):
    """`Distillation` from and to the z scores of each row's logits (Sun et al. 2024, Logit Standardization)."""

    def soft(self, ours: Tensor, theirs: Tensor, by_row: dict) -> Tensor:
        """`kd_loss` of `standardized_logits`; the student's own logits meet the labels."""
        pair = (losses.standardized_logits(logits, check=by_row["check"]) for logits in (ours, theirs))
        return losses.kd_loss(*pair, temperature=self.temperature, **by_row)

    def target(self, batch: Batch, classes: int) -> Tensor:
        """The probabilities (B, C) that students are told."""
        theirs = losses.standardized_logits(answer_of(self.teacher, batch).logits, check=False)
        return losses.soft_targets(theirs, self.temperature, check=False)


@dataclass
class DecoupledDistillation(OtherDistillation):
    """`Distillation` with `dkd_loss`, whose target class is the teacher's own, so that images need no label.

    Parameters
    ----------
    beta : float
        Weight of what the teacher says of the other classes; its target class has weight 1.
    """

    beta: float = 8.0

    def soft(self, ours: Tensor, theirs: Tensor, by_row: dict) -> Tensor:
        """`dkd_loss`."""
        settings = {"temperature": self.temperature, "beta": self.beta, **by_row}
        return losses.dkd_loss(ours, theirs, theirs.argmax(-1), **settings)


class CorrelatedDistillation(OtherDistillation):
    """`Distillation` with `dist_loss`: answers need only correlate with the teacher's."""

    def soft(self, ours: Tensor, theirs: Tensor, by_row: dict) -> Tensor:
        """`dist_loss`."""
        return losses.dist_loss(ours, theirs, temperature=self.temperature, **by_row)


@dataclass
class LogitRegression(Answers):
    """Squared difference to a teacher's logits; `centre` as in `logit_matching`."""

    teacher: Any
    centre: bool

    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """`logit_matching`."""
        return losses.logit_matching(logits, answer_of(self.teacher, batch).logits, centre=self.centre, **batch.by_row)


@dataclass
class RegularisedSpecialist(Answers):
    """Section 6.1: a specialist keeps the softmax over all classes, and the generalist's soft targets for other texts.

    Its own texts have hard labels (Hinton et al. 2015).

    Parameters
    ----------
    teacher
        The generalist; anything with `soft_targets`.
    classes : Tensor (K,)
        The special ones; a batch's y counts them, K is the dustbin.
    """

    teacher: Any
    classes: Tensor

    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross entropy with labels or with soft targets."""
        labels = self.classes[batch.y.clamp_max(len(self.classes) - 1)]
        soft = losses.soft_cross_entropy(logits, answer_of(self.teacher, batch).logits, temperature=1.0, **batch.by_row)
        return torch.where(batch.y < len(self.classes), losses.hard_loss(logits, labels, **batch.by_row), soft)


@dataclass
class TreatedTargets(Answers):
    """A cohort where each student has its own treatment of a teacher's answer.

    Hard labels are the answer of a teacher that is infinitely sure; confidence weighs a row by the teacher's largest
    probability over its mean in the batch (Furlanello et al. 2018 divide by the sum, which is the same up to the batch
    size).

    Parameters
    ----------
    treatments : sequence of (temperature, name of the teacher, "answer", "labels", "confidence" or "permuted")
        One a student.
    teachers : mapping of str to teacher
        Of them "teacher" is who is confident.
    """

    treatments: Sequence[tuple[float, str, str]]
    teachers: Mapping[str, Any]

    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """`kd_loss` with the treated answers, without labels."""
        answers = {name: answer_of(teacher, batch).logits for name, teacher in self.teachers.items()}
        label = torch.full_like(answers["teacher"], -1e4).scatter_(-1, batch.y[:, None], 1e4)
        confidence = answers["teacher"].softmax(-1).amax(-1)
        weight, targets = torch.ones(logits.shape[:-1], device=label.device), []  # (S, B)
        for s, (_, teacher, treatment) in enumerate(self.treatments):
            if treatment == "confidence":
                weight[s] = confidence / confidence.mean()
            if treatment == "permuted":
                targets.append(permuted(answers[teacher], batch.y))
            else:
                targets.append(answers[teacher] if treatment == "answer" else label)
        temperature = torch.tensor([[t] for t, _, _ in self.treatments])  # (S, 1)
        return weight * losses.kd_loss(logits, torch.stack(targets), temperature=temperature, **batch.by_row)


def permuted(logits: Tensor, y: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The same logits with those of the wrong classes shuffled, in each row anew (DKPP, Furlanello et al. 2018).

    Parameters
    ----------
    logits : Tensor (B, C)
        A teacher's answer.
    y : Tensor (B,)
        The class whose logit stays.
    generator : torch.Generator, optional
        Source of the shuffle; the loop's own seeding when None.
    """
    order = torch.rand(logits.shape, generator=generator).to(logits.device).scatter_(-1, y[:, None], -1.0).argsort(-1)
    # y, then the others in order
    places = F.one_hot(y, logits.shape[-1]).argsort(dim=-1, descending=True, stable=True)
    return torch.empty_like(logits).scatter_(-1, places, logits.gather(-1, order))
