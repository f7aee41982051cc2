"""Exercises of chapter 05: peers, one's own past answers, and exits that teach each other."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.losses import mutual_loss, progressive_targets
from kdbook.teach.feedback import Exercise, Feedback

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
    tries=(((PEERS, LABELS), "Compare term by term: CE, then each KL."),),
    mistakes={
        "That is the labels' term alone: where do the peers come in?": hard_terms,
        "The labels' cross entropy is missing: who tells the peers what is right?": (
            lambda z, y: divergences(z).sum(1) / (len(z) - 1)
        ),
        "The terms of the peers are summed; average them over the M - 1 others.": (
            lambda z, y: hard_terms(z, y) + divergences(z).sum(1)
        ),
        "The mean runs over M nets; a net is no peer of itself.": lambda z, y: (
            hard_terms(z, y) + divergences(z).mean(1)
        ),
        "The KL is turned round: the peer's answer is the target, so it comes first.": (
            lambda z, y: hard_terms(z, y) + divergences(z).sum(0) / (len(z) - 1)
        ),
    },
    done="Each peer is a constant in the others' losses, as a teacher is.",
)
MUTUAL_GRADIENT = Exercise(
    "Does each net move towards its peers, and not they towards it?",
    right=gradient(mutual_loss),
    tries=tuple(
        (
            (net, PEERS, LABELS),
            "The value is right, the gradient is not: a net also moves to be imitated. Who is fixed?",
        )
        for net in range(len(PEERS))
    ),
    mistakes={
        "The value is right, but no gradient reaches the logits: nobody would learn.": (
            lambda net, z, y: torch.zeros_like(z[net])
        ),
    },
    done=MUTUAL_VALUE.done,
)


def check_mutual_loss(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Is it the loss (M,) of each peer in Deep Mutual Learning, in value and in gradient?"""
    value = MUTUAL_VALUE(function)
    return MUTUAL_GRADIENT(gradient(function)) if value.passed else value


TABLE = torch.randn(6, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64).softmax(-1)
INDEX, Y = torch.tensor([4, 0, 2]), torch.tensor([1, 2, 0])

check_progressive_targets = Exercise(
    "Does `function(table (N, C), index (B,), labels (B,), epoch, epochs, final)` give the targets (B, C) of PS-KD? "
    "`epoch` counts from 0; the weight of the table grows in equal steps to `final` in the last epoch.",
    right=lambda table, index, y, e, n, final: progressive_targets(y, table[index], final * (e + 1) / n),
    tries=(
        (
            (TABLE, INDEX, Y, 2, 8, 0.8),
            "The rows should be a mixture of the one-hot label and the stored answer of the same image.",
        ),
    ),
    mistakes={
        "Rows were taken by their place in the batch: each epoch has another order.": (
            lambda table, index, y, e, n, final: progressive_targets(y, table[: len(y)], final * (e + 1) / n)
        ),
        "The weights are swapped: early on the labels should weigh more.": (
            lambda table, index, y, e, n, final: progressive_targets(y, table[index], 1 - final * (e + 1) / n)
        ),
        "One step late: the last epoch should have the final weight itself.": (
            lambda table, index, y, e, n, final: progressive_targets(y, table[index], final * e / n)
        ),
        "The weight is the final one from the start; it should grow with the epochs.": (
            lambda table, index, y, e, n, final: progressive_targets(y, table[index], final)
        ),
        "The weight would end at 1, without any label: what is `final` for?": (
            lambda table, index, y, e, n, final: progressive_targets(y, table[index], (e + 1) / n)
        ),
        "These are last epoch's answers alone: where are the labels?": (
            lambda table, index, y, e, n, final: table[index]
        ),
    },
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
    tries=(((PEERS, LABELS), "The value was right before; yours is {ratio:.3g} times that."),),
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
