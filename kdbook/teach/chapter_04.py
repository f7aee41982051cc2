"""Exercises of chapter 04: where a net looks, and how it relates what it sees."""

import torch
import torch.nn.functional as F

from kdbook.losses.feature import attention_map
from kdbook.losses.relation import relational_distance, similarity_preserving
from kdbook.teach.feedback import Exercise

WAVES = torch.linspace(-2, 3, 2 * 3 * 4 * 4, dtype=torch.float64).sin().view(2, 3, 4, 4)
MAPS = WAVES * torch.arange(1, 4).view(3, 1, 1)  # (B, channels, H, W), later channels stronger
STUDENT = torch.tensor([[0.0, 1.0], [2.0, 0.5], [1.0, 3.0], [-1.0, 2.0]], dtype=torch.float64)
TEACHER = torch.tensor([[1.0, 0.0, 2.0], [0.0, 4.0, 1.0], [3.0, 1.0, 0.0], [2.0, 2.0, 5.0]], dtype=torch.float64)


def squares(maps):
    """Mean over channels of the squares, (B, H W)."""
    return maps.square().mean(1).flatten(1)


check_attention_map = Exercise(
    "Does `function(features (B, channels, H, W))` return the attention map (B, H W) of attention transfer?",
    right=attention_map,
    tries=(((MAPS,), "It is the mean over channels of the squares, flattened to (B, H W), each row of norm 1."),),
    mistakes={
        "The mean of squares is right; now give each example's map a norm of 1.": squares,
        "Positive and negative activations cancel: square them first.": lambda f: F.normalize(f.mean(1).flatten(1)),
        "These are absolute values; the paper's maps are of squares.": lambda f: F.normalize(
            f.abs().mean(1).flatten(1)
        ),
        "That has a sum of 1; the map needs an L2 norm of 1.": lambda f: squares(f) / squares(f).sum(1, keepdim=True),
        "The norm runs over the batch; each example has its own.": lambda f: F.normalize(squares(f), dim=0),
        "One norm for the whole batch; each example has its own.": lambda f: squares(f) / squares(f).norm(),
    },
    done="It no longer depends on the number of channels, so that any two layers compare.",
)


def distances(f):
    """Distances (B, B) in units of their mean over all i != j, of which twins are a pair, too."""
    d = torch.cdist(f, f)
    return d / d[~torch.eye(len(d), dtype=torch.bool)].mean()


check_relational_distance = Exercise(
    "Does `function(f_s (B, D), f_t (B, D'))` return RKD's distance loss, one number?",
    right=relational_distance,
    tries=(
        (
            (STUDENT, TEACHER),
            "Distances within each net, divided by their mean over i != j, compared by smooth L1, mean over pairs.",
        ),
    ),
    mistakes={
        "Each net has its own unit of length: divide by its mean distance.": (
            lambda s, t: F.smooth_l1_loss(torch.cdist(s, s), torch.cdist(t, t))
        ),
        "These are squared differences; the paper takes smooth L1.": lambda s, t: F.mse_loss(
            distances(s), distances(t)
        ),
        "Plain L1: near 0, smooth L1 is half the square.": lambda s, t: F.l1_loss(distances(s), distances(t)),
        "Your mean distance counts the zeros of examples to themselves; how many pairs are of two?": (
            lambda s, t: F.smooth_l1_loss(*(d / d.mean() for d in (torch.cdist(s, s), torch.cdist(t, t))))
        ),
        "Averaged over the other examples only; here all B^2 pairs count.": (
            lambda s, t: relational_distance(s, t) * len(s) / (len(s) - 1)
        ),
        "The sum over pairs: take their mean, or the loss grows with the batch.": (
            lambda s, t: relational_distance(s, t) * len(s) ** 2
        ),
    },
    done="Scale and width of the embeddings are gone; only their shape is compared.",
)

check_repaired_similarity = Exercise(
    "Is `function(f_s (B, D), f_t (B, D'))` the similarity-preserving loss, one number?",
    right=lambda s, t: similarity_preserving(s, t, check=False),  # which would refuse the batch of one
    tries=(
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
    ),
    done="Rows of Euclidean norm 1, squared differences, over the B^2 pairs.",
)
