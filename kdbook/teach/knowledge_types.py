"""Checks for the exercises of chapter 04."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.losses.feature import attention_map
from kdbook.losses.relation import relational_distance, similarity_preserving
from kdbook.teach.feedback import Feedback, repaired, tensor

MAPS = torch.linspace(-2, 3, 2 * 3 * 4 * 4, dtype=torch.float64).sin().view(2, 3, 4, 4) * torch.arange(1, 4).view(
    3, 1, 1
)
STUDENT = torch.tensor([[0.0, 1.0], [2.0, 0.5], [1.0, 3.0], [-1.0, 2.0]], dtype=torch.float64)
TEACHER = torch.tensor([[1.0, 0.0, 2.0], [0.0, 4.0, 1.0], [3.0, 1.0, 0.0], [2.0, 2.0, 5.0]], dtype=torch.float64)


def check_attention_map(function: Callable[[Tensor], Tensor]) -> Feedback:
    """Does `function(features (B, channels, H, W))` return the attention map (B, H W) of attention transfer?

    Explained in notebooks/04_knowledge_types.
    """
    squares = MAPS.square().mean(1).flatten(1)
    wrong = tensor(
        function,
        (MAPS,),
        attention_map(MAPS),
        (
            (squares, "The mean of squares is right; now give each example's map a norm of 1."),
            (F.normalize(MAPS.mean(1).flatten(1)), "Positive and negative activations cancel: square them first."),
            (F.normalize(MAPS.abs().mean(1).flatten(1)), "These are absolute values; the paper's maps are of squares."),
            (squares / squares.sum(1, keepdim=True), "That has a sum of 1; the map needs an L2 norm of 1."),
            (F.normalize(squares, dim=0), "The norm runs over the batch; each example has its own."),
            (squares / torch.linalg.vector_norm(squares), "One norm for the whole batch; each example has its own."),
        ),
        "It is the mean over channels of the squares, flattened to (B, H W), each row of norm 1.",
    )
    return wrong or Feedback(True, "It no longer depends on the number of channels, so that any two layers compare.")


def check_relational_distance(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Does `function(f_s (B, D), f_t (B, D'))` return RKD's distance loss, one number?

    Explained in notebooks/04_knowledge_types.
    """
    ours, theirs = (torch.cdist(f, f) for f in (STUDENT, TEACHER))
    pairs = ours.numel() - len(ours)
    relative = [d / (d.sum() / pairs) for d in (ours, theirs)]
    with_zeros = [d / d.mean() for d in (ours, theirs)]
    alike = relational_distance(STUDENT, TEACHER)
    wrong = tensor(
        function,
        (STUDENT, TEACHER),
        alike,
        (
            (F.smooth_l1_loss(ours, theirs), "Each net has its own unit of length: divide by its mean distance."),
            (F.mse_loss(*relative), "These are squared differences; the paper takes smooth L1."),
            (F.l1_loss(*relative), "Plain L1: near 0, smooth L1 is half the square."),
            (
                F.smooth_l1_loss(*with_zeros),
                "Your mean distance counts the zeros of examples to themselves; take the positive ones only.",
            ),
            (alike * ours.numel() / pairs, "Averaged over the other examples only; here all B^2 pairs count."),
            (alike * ours.numel(), "The sum over pairs: take their mean, or the loss grows with the batch."),
        ),
        "Distances within each net, divided by their mean positive one, compared by smooth L1, mean over pairs.",
    )
    return wrong or Feedback(True, "Scale and width of the embeddings are gone; only their shape is compared.")


def check_repaired_similarity(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Is `function(f_s (B, D), f_t (B, D'))` the similarity-preserving loss, one number?

    Explained in notebooks/04_knowledge_types.
    """
    probes = (
        (
            (STUDENT[:1], 3 * STUDENT[:1]),
            "For a batch of one, whose only similarity is the one to itself, the loss should be {right:g}.",
        ),
        (
            (STUDENT, TEACHER),
            "For a batch of four your loss is {ratio:.3g} times what it should be. Print the rows that you compare: "
            "which norm of theirs is 1, and which should be?",
        ),
        ((STUDENT[:3], TEACHER[:3]), "Right for four examples; for three it is {ratio:.3g} times what it should be."),
    )
    return repaired(
        function, similarity_preserving, probes, "Rows of Euclidean norm 1, squared differences, over the B^2 pairs."
    )
