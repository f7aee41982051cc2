"""Exercises of chapter 05: peers, one's own past answers, and exits that teach each other."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.losses import mutual_loss, progressive_targets
from kdbook.teach.feedback import Exercise, Feedback, hints, plain

PEERS = torch.tensor(
    [[[2.0, 0.5, -1.0], [0.0, 1.5, 1.0]], [[1.0, -0.5, 0.3], [2.0, 1.0, -1.0]], [[0.2, 0.1, 1.4], [-1.0, 0.7, 0.9]]],
    dtype=torch.float64,
)  # (M, B, C)
LABELS = torch.tensor([0, 2])


def gradient(loss: Callable) -> Callable:
    """What a loss of (logits, labels) pulls the logits to, one net (or exit) at a time; zeros where nothing pulls."""

    def of(number: int, logits: Tensor, labels: Tensor) -> Tensor:
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, labels).sum()
        return torch.autograd.grad(value, leaf)[0][number] if value.requires_grad else torch.zeros_like(leaf[0])

    return of


def hard_terms(logits, labels):
    """Cross entropy (M,) of each net with the labels."""
    return torch.stack([F.cross_entropy(one, labels) for one in logits])


def divergences(logits):
    """KL(row's column || row's net), (M, M): how far each net is from each other's answer."""
    log_q = logits.log_softmax(-1)
    return torch.stack([torch.stack([F.kl_div(q, p.exp(), reduction="batchmean") for p in log_q]) for q in log_q])


MUTUAL_VALUE = Exercise(
    "Is `function(logits (M, B, C), labels (B,))` the loss (M,) of each peer in Deep Mutual Learning, peers constant?",
    right=mutual_loss,
    tries=plain((PEERS, LABELS), (PEERS[:2] * 2, LABELS)),
    mistakes=hints(
        "That is the labels' term alone: where do the peers come in?",
        hard_terms,
        "Your loss grows with every peer that joins: how many peers are there, and what should a new one change?",
        lambda z, y: hard_terms(z, y) + divergences(z).sum(1),
        "The mean runs over M nets: is a net a peer of itself?",
        lambda z, y: hard_terms(z, y) + divergences(z).mean(1),
        "The divergence is turned round. Whose answer is the target?",
        lambda z, y: hard_terms(z, y) + divergences(z).sum(0) / (len(z) - 1),
    ),
    done="Each peer is a constant in the others' losses, as a teacher is.",
)
MOVED = "The value is right, the gradient is not: a net also moves to be imitated. Who is fixed?"
MUTUAL_GRADIENT = Exercise(
    "Does each net move towards its peers, and not they towards it?",
    right=gradient(mutual_loss),
    tries=tuple(((net, PEERS, LABELS), MOVED) for net in range(len(PEERS))),
    mistakes=hints(
        "The value is right, but no gradient reaches the logits: who would learn?",
        lambda net, z, y: torch.zeros_like(z[net]),
    ),
    done=MUTUAL_VALUE.done,
)


def check_mutual_loss(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Is it the loss (M,) of each peer in Deep Mutual Learning, in value and in gradient?"""
    value = MUTUAL_VALUE(function)
    return MUTUAL_GRADIENT(gradient(function)) if value.passed else value


TABLE = torch.randn(6, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64).softmax(-1)
INDEX, Y = torch.tensor([4, 0, 2]), torch.tensor([1, 2, 0])


def ps_kd(table, index, y, e, n, final):
    """The targets of PS-KD in epoch e of n."""
    return progressive_targets(y, table[index], final * (e + 1) / n)


check_progressive_targets = Exercise(
    "Does `function(table (N, C), index (B,), labels (B,), epoch, epochs, final)` give the targets (B, C) of PS-KD? "
    "`epoch` counts from 0; the weight of the table grows in equal steps to `final` in the last epoch.",
    right=ps_kd,
    tries=plain((TABLE, INDEX, Y, 2, 8, 0.8), (TABLE, Y, INDEX % 3, 4, 5, 0.6)),
    mistakes=hints(
        "The weights are swapped: early on, whom should a net believe?",
        lambda table, index, y, e, n, final: progressive_targets(y, table[index], 1 - final * (e + 1) / n),
        "One step late: which weight has the table in your last epoch?",
        lambda table, index, y, e, n, final: ps_kd(table, index, y, e - 1, n, final),
        "Yours begins without the table and ends with `final`: how many equal steps are there?",
        lambda table, index, y, e, n, final: ps_kd(table, index, y, e * n / (n - 1) - 1, n, final),
    ),
    done="The table is looked up by sample index; its weight grows as the net becomes worth listening to.",
)


def exits_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of every exit, and KL of the shallow ones to the deepest one's constant answer at T = 1."""
    p = logits[-1].detach().softmax(-1)
    soft = sum(F.kl_div(q.log_softmax(-1), p, reduction="batchmean") for q in logits[:-1])
    return hard_terms(logits, labels).sum() + soft


EXITS_VALUE = Exercise(
    "Is `function(logits (L, B, C), labels (B,))` the loss of L exits whose last one teaches the others?",
    right=exits_loss,
    tries=(((PEERS, LABELS), "The value was right before; yours is {ratio:.3g} times that: what is new?"),),
    done="The deepest exit learns from labels only, and is imitated.",
)
EXITS_GRADIENT = Exercise(
    "Does the deepest exit stay where the labels put it?",
    right=gradient(exits_loss),
    tries=(
        ((0, PEERS, LABELS), "The first exit no longer learns what it should: whose answers are fixed?"),
        (
            (-1, PEERS, LABELS),
            "The value is right. But move the deepest exit a little: should what the shallow exits are taught pull at "
            "the deepest one?",
        ),
    ),
    done=EXITS_VALUE.done,
)


def check_repaired_exits(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Is it the loss of L exits whose last one teaches the others, in value and in gradient?"""
    value = EXITS_VALUE(function)
    return EXITS_GRADIENT(gradient(function)) if value.passed else value
