"""Who teaches whom, and when: offline, online and self-distillation as objectives of the one loop.

Nets that learn side by side are an `nn.ModuleList`, the student first. Every mode also logs, for the student and each
epoch, what it was told: the `entropy` of its targets (bits), the `agreement` of its top class with theirs, and its
cross entropy with the labels (`hard`, nats).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook import check_number, losses, require
from kdbook.data.images import Split
from kdbook.nets.vision import Outputs
from kdbook.training.objectives.answers import Distillation, HardLabels
from kdbook.training.objectives.asking import Batch, Loss, Objective, asked, same_set


class TrainingMode(Objective, ABC):
    """What the modes share: ask all nets, let `learn(logits, batch)` say losses and targets, log what was told."""

    def __call__(self, nets: nn.ModuleList, batch: Batch) -> Loss:
        logits = asked(nets, batch.x)  # (M, B, C)
        rows, target = self.learn(logits, batch)
        return rows, told(logits[0], target, batch.y)

    @abstractmethod
    def learn(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Losses (M, B) of the nets' logits (M, B, C), and the probabilities (B, C) that the student was told."""


def told(student_logits: Tensor, target: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What a student was told: entropy of the target (bits), top-1 agreement with it, cross entropy with the labels."""
    student, target = student_logits.detach(), target.detach()
    return {
        "entropy": losses.entropy_bits(target, check=False),
        "agreement": (student.argmax(-1) == target.argmax(-1)).float(),
        "hard": F.cross_entropy(student, labels, reduction="none"),
    }


@dataclass
class Logged(TrainingMode):
    """A mode without peers: labels, or a teacher that was trained before and stays as it is.

    Born-again networks are `Distillation` at T = 1 from the generation before (Furlanello et al. 2018, section 3).
    """

    objective: HardLabels | Distillation

    def learn(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the objective says of each net."""
        return self.objective.rows(logits, batch), self.objective.target(batch, logits.shape[-1])


class MutualLearning(TrainingMode):
    """Deep Mutual Learning: untrained peers learn the labels and each other's answers (Zhang et al. 2018).

    All peers step at once, each from the others' answers before the step. The paper updates them in turn within one
    batch, so that the second learns from the first one's newer answers; that costs one more forward pass a peer.
    """

    def learn(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """`mutual_loss`; the student is told its peers' mean answer."""
        rows = losses.mutual_loss(logits, batch.y, **batch.by_row)
        return rows, logits[1:].softmax(-1).mean(0)


@dataclass
class Collaborative(TrainingMode):
    """KDCL with its MinLogit ensemble: a teacher made on the fly of all nets (Guo et al. 2020, section 3.2).

    Each net's logits are shifted to 0 at the label; the ensemble takes the smallest of each wrong class, so that it is
    never less sure of the label than its best member. The paper also shows each net another augmentation of an image;
    here all see the same.

    Parameters
    ----------
    temperature, weight : float
        Cross entropy + weight * T^2 KL(ensemble||net).
    """

    temperature: float = 2.0
    weight: float = 1.0

    def learn(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross entropy with the labels and KL to the ensemble."""
        ensemble = min_logit(logits.detach(), batch.y)
        soft = losses.kd_loss(logits, ensemble, temperature=self.temperature, **batch.by_row)
        rows = losses.hard_loss(logits, batch.y, **batch.by_row) + self.weight * soft
        return rows, losses.soft_targets(ensemble, self.temperature, check=False)


def min_logit(logits: Tensor, labels: Tensor) -> Tensor:
    """The MinLogit ensemble of KDCL: logits (M, B, C) and labels (B,) -> (B, C), 0 at the label."""
    at = labels.expand(logits.shape[:-1])[..., None]
    return (logits - logits.gather(-1, at)).amin(0)


@dataclass
class CoTrained(TrainingMode):
    """A teacher that learns at the same time as its student; the nets are student, teacher.

    Parameters
    ----------
    temperature, alpha : float
        Of the student, as in `kd_loss`; its targets are the teacher's answers of this very step.
    feedback : float
        Weight in [0, 1] of the student's answers in what the teacher learns; the rest is labels. 0 = it never looks
        at its student.
    """

    temperature: float
    alpha: float
    feedback: float = 0.0

    def learn(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The student learns the teacher's answers of this step, the teacher labels."""
        student, teacher = logits
        shared = {"temperature": self.temperature, **batch.by_row}
        learned = losses.kd_loss(student, teacher, batch.y, alpha=self.alpha, **shared)
        taught = losses.kd_loss(teacher, student, batch.y, alpha=self.feedback, **shared)
        return torch.stack([learned, taught]), losses.soft_targets(teacher.detach(), self.temperature, check=False)


class ProgressiveSelf(TrainingMode):
    """PS-KD: a net's answers of the last epoch, mixed with the labels, are its targets (Kim et al. 2021, section 3).

    Nets that ignore each other need a `table` for each, ``table.repeat(nets, 1, 1)``.

    Parameters
    ----------
    split : Split
        What it is trained on: the table starts as its labels.
    epochs : int
        Of the whole training.
    final : float
        Weight a_T of the last epoch's answers in the final epoch; it grows in equal steps.
    classes : int
        Length of the logits.
    """

    kept = ("table", "a_t")

    def __init__(self, split: Split, *, epochs: int, final: float = 0.8, classes: int = 10):
        check_number("epochs", epochs, "[1, inf)", whole=True)
        check_number("final", final, "[0, 1]")
        self.epochs, self.final, self.a_t, self.origin = epochs, final, 0.0, split.origin
        require(int(split.y.max()) < classes, "classes", f"more than the largest label, {int(split.y.max())}", classes)
        self.table = torch.zeros(int(split.index.max()) + 1, classes, device=split.x.device)  # by sample index
        self.table[split.index] = F.one_hot(split.y, classes).float()

    def start_epoch(self, epoch: int) -> None:
        self.a_t = self.final * (epoch + 1) / self.epochs

    def learn(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross entropy with the mixed targets; then the table gets the new answers."""
        same_set(self, batch)
        target = losses.progressive_targets(batch.y, self.table[..., batch.index, :], self.a_t, check=batch.check)
        # an epoch visits each image once, so that its row can be overwritten as soon as it is read
        self.table[..., batch.index, :] = logits.detach().softmax(-1)
        return -(target * logits.log_softmax(-1)).sum(-1), target.view(-1, *logits.shape[1:])[0]


@dataclass
class SelfExits(Objective):
    """Be Your Own Teacher: the deepest exit of an `EarlyExits` net teaches the shallower ones (Zhang et al. 2019).

    Parameters
    ----------
    temperature, alpha, beta : float
        As in `deep_to_shallow_loss`; alpha = beta = 0 trains all exits on labels alone.
    reverse : bool
        The shallowest exit teaches the deeper ones, the direction that no paper proposes.
    """

    temperature: float = 3.0
    alpha: float = 0.0
    beta: float = 0.0
    reverse: bool = False

    def __call__(self, net: nn.Module, batch: Batch) -> Loss:
        out = Outputs.of(net(batch.x))
        way = -1 if self.reverse else 1
        logits, feats = out.logits.flip(0) if self.reverse else out.logits, out.features[::way]
        settings = {"temperature": self.temperature, "alpha": self.alpha, "beta": self.beta, **batch.by_row}
        rows = losses.deep_to_shallow_loss(logits, batch.y, branch_feats=feats, **settings)
        return rows, told(logits[0], losses.soft_targets(logits[-1].detach(), self.temperature, check=False), batch.y)


def who_teaches(
    objective, models: nn.Module, batch: Batch, sources: Mapping[str, Tensor], learners: Mapping[str, Tensor]
) -> set[tuple[str, str]]:
    """Find out by trial who teaches whom: nudge a source, and see whose gradient moves.

    Parameters
    ----------
    objective, models, batch
        As `fit` would call them.
    sources : mapping of str to Tensor
        What may teach: a net's bias, a cached teacher's logits, a table of answers, the labels. Restored afterwards.
    learners : mapping of str to Tensor
        Parameters of which the gradient is watched. A learner is not its own teacher: equal names are left out.

    Returns
    -------
    set of (source, learner)

    Explained in notebooks/05_training_modes.
    """

    kept = {name: tensor.detach().clone() for name, tensor in sources.items()}

    def gradients(nudged: str | None = None) -> dict[str, Tensor]:
        with torch.no_grad():
            for name, tensor in sources.items():  # all of them: PS-KD writes new answers into its table
                tensor.copy_(kept[name].roll(1, -1) if name == nudged else kept[name])
        rows, _ = objective(models, batch)
        found = torch.autograd.grad(rows.mean(-1).sum(), list(learners.values()), allow_unused=True)
        return {name: torch.zeros(1) if g is None else g for name, g in zip(learners, found, strict=True)}

    before, arrows = gradients(), set()
    for source in sources:
        after = gradients(source)
        arrows |= {(source, to) for to in learners if to != source and not torch.allclose(before[to], after[to])}
    with torch.no_grad():
        for name, tensor in sources.items():
            tensor.copy_(kept[name])
    return arrows
