"""Checks for the exercises of chapter 05."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.losses import mutual_loss, progressive_targets
from kdbook.teach.feedback import Feedback, call, repaired, tensor

PEERS = torch.tensor(
    [[[2.0, 0.5, -1.0], [0.0, 1.5, 1.0]], [[1.0, -0.5, 0.3], [2.0, 1.0, -1.0]], [[0.2, 0.1, 1.4], [-1.0, 0.7, 0.9]]],
    dtype=torch.float64,
)  # (M, B, C)
LABELS = torch.tensor([0, 2])
INDEX, Y = torch.tensor([4, 0, 2]), torch.tensor([1, 2, 0])
EPOCH, EPOCHS, FINAL = 2, 8, 0.8  # counted from 0


def check_mutual_loss(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Is `function(logits (M, B, C), labels (B,))` the loss (M,) of each peer in Deep Mutual Learning, peers constant?

    Explained in notebooks/05_training_modes.
    """
    log_q = PEERS.log_softmax(-1)
    hard = torch.stack([F.cross_entropy(one, LABELS) for one in PEERS])
    pairs = torch.stack([torch.stack([F.kl_div(q, p.exp(), reduction="batchmean") for p in log_q]) for q in log_q])
    others = len(PEERS) - 1
    mistakes = [
        (hard, "That is the labels' term alone: where do the peers come in?"),
        (pairs.sum(1) / others, "The labels' cross entropy is missing: who tells the peers what is right?"),
        (hard + pairs.sum(1), "The terms of the peers are summed; average them over the M - 1 others."),
        (hard + pairs.mean(1), "The mean runs over M nets; a net is no peer of itself."),
        (hard + pairs.sum(0) / others, "The KL is turned round: the peer's answer is the target, so it comes first."),
    ]
    right = mutual_loss(PEERS, LABELS)
    if wrong := tensor(function, (PEERS.clone(), LABELS), right, mistakes, "Compare term by term: CE, then each KL."):
        return wrong
    logits = PEERS.clone().requires_grad_()
    got = call(function, logits, LABELS)
    if not (isinstance(got, Tensor) and got.requires_grad):
        return Feedback(False, "The value is right, but no gradient reaches the logits: nobody would learn.")
    expected = torch.autograd.grad(mutual_loss(leaf := PEERS.clone().requires_grad_(), LABELS).sum(), leaf)[0]
    if not torch.allclose(torch.autograd.grad(got.sum(), logits)[0], expected):
        return Feedback(
            False, "The value is right, the gradient is not: a net also moves to be imitated. Who is fixed?"
        )
    return Feedback(True, "Each peer is a constant in the others' losses, as a teacher is.")


def check_progressive_targets(function: Callable) -> Feedback:
    """Does `function(table (N, C), index (B,), labels (B,), epoch, epochs, final)` give the targets (B, C) of PS-KD?

    `epoch` counts from 0; the weight of the table grows in equal steps to `final` in the last epoch.

    Explained in notebooks/05_training_modes.
    """
    table = torch.randn(6, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64).softmax(-1)
    a = FINAL * (EPOCH + 1) / EPOCHS

    def mixed(rows: Tensor, weight: float) -> Tensor:
        return progressive_targets(Y, rows, weight)

    own = table[INDEX]
    mistakes = [
        (mixed(table[: len(Y)], a), "Rows were taken by their place in the batch: each epoch has another order."),
        (mixed(own, 1 - a), "The weights are swapped: early on the labels should weigh more."),
        (mixed(own, FINAL * EPOCH / EPOCHS), "One step late: the last epoch should have the final weight itself."),
        (mixed(own, FINAL), "The weight is the final one from the start; it should grow with the epochs."),
        (mixed(own, (EPOCH + 1) / EPOCHS), "The weight would end at 1, without any label: what is `final` for?"),
        (own, "These are last epoch's answers alone: where are the labels?"),
    ]
    otherwise = "The rows should be a mixture of the one-hot label and the stored answer of the same image."
    arguments = (table, INDEX, Y, EPOCH, EPOCHS, FINAL)
    return tensor(function, arguments, mixed(own, a), mistakes, otherwise) or Feedback(
        True, "The table is looked up by sample index; its weight grows as the net becomes worth listening to."
    )


def check_repaired_exits(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Is `function(logits (L, B, C), labels (B,))` the loss of L exits whose last one teaches the others?

    Explained in notebooks/05_training_modes.
    """

    def right(logits: Tensor, labels: Tensor) -> Tensor:
        hard = sum(F.cross_entropy(one, labels) for one in logits)
        p = logits[-1].detach().softmax(-1)
        return hard + sum(F.kl_div(q.log_softmax(-1), p, reduction="batchmean") for q in logits[:-1])

    def gradient(loss: Callable) -> Callable:
        def of(exit_, logits, labels):
            leaf = logits.clone().requires_grad_()
            return torch.autograd.grad(loss(leaf, labels), leaf)[0][exit_]

        return of

    probes = [((PEERS, LABELS), "The value was right before; yours is {ratio:.3g} times that.")]
    if not (found := repaired(function, right, probes, "")).passed:
        return found
    told = "The value is right. But move {} a little: should what the shallow exits are taught pull at the deepest one?"
    probes = [
        ((0, PEERS, LABELS), "The first exit no longer learns what it should: whose answers are fixed?"),
        ((-1, PEERS, LABELS), told.format("the deepest exit")),
    ]
    return repaired(
        gradient(function), gradient(right), probes, "The deepest exit learns from labels only, and is imitated."
    )
