"""Exercises of chapter 04: where a net looks, and how it relates what it sees."""

import torch
import torch.nn.functional as F

from kdbook.losses.feature import attention_map
from kdbook.losses.relation import relational_distance, similarity_preserving
from kdbook.teach.feedback import Exercise, hints, plain

WAVES = torch.linspace(-2, 3, 2 * 3 * 4 * 4, dtype=torch.float64).sin().view(2, 3, 4, 4)
MAPS = WAVES * torch.arange(1, 4).view(3, 1, 1)  # (B, channels, H, W), later channels stronger
STUDENT = torch.tensor([[0.0, 1.0], [2.0, 0.5], [1.0, 3.0], [-1.0, 2.0]], dtype=torch.float64)
TEACHER = torch.tensor([[1.0, 0.0, 2.0], [0.0, 4.0, 1.0], [3.0, 1.0, 0.0], [2.0, 2.0, 5.0]], dtype=torch.float64)


check_attention_map = Exercise(
    "Does `function(features (B, channels, H, W))` return the attention map (B, H W) of attention transfer?",
    right=attention_map,
    tries=plain((MAPS,), (MAPS[:1] - 1,)),
    mistakes=hints(
        "What cancels in your map before anything is squared?",
        lambda f: F.normalize(f.mean(1).flatten(1)),
        "Those are absolute values: what does the paper do to an activation?",
        lambda f: F.normalize(f.abs().mean(1).flatten(1)),
    ),
    done="It no longer depends on the number of channels, so that any two layers compare.",
)


def distances(f):
    """Distances (B, B) in units of their mean over all i != j, of which twins are a pair, too."""
    d = torch.cdist(f, f)
    return d / d[~torch.eye(len(d), dtype=torch.bool)].mean()


check_relational_distance = Exercise(
    "Does `function(f_s (B, D), f_t (B, D'))` return RKD's distance loss, one number?",
    right=relational_distance,
    tries=plain((STUDENT, TEACHER), (TEACHER[1:], STUDENT[:3])),
    mistakes=hints(
        "Those are plain distances of distances: where is the paper's loss a square, and where a line?",
        lambda s, t: F.l1_loss(distances(s), distances(t)),
        "Your mean distance counts the zeros of examples to themselves: how many pairs are of two?",
        lambda s, t: F.smooth_l1_loss(*(d / d.mean() for d in (torch.cdist(s, s), torch.cdist(t, t)))),
    ),
    done="Scale and width of the embeddings are gone; only their shape is compared.",
)

check_repaired_similarity = Exercise(
    "Is `function(f_s (B, D), f_t (B, D'))` the similarity-preserving loss, one number?",
    right=lambda s, t: similarity_preserving(s, t, check=False),  # which would refuse the batch of one
    tries=(
        (
            (STUDENT[:1], 3 * STUDENT[:1]),
            "A batch of one is similar to itself alone: is {yours:.3g} what it should pay?",
        ),
        ((STUDENT, TEACHER), ""),
        (
            (STUDENT[:3], TEACHER[:3]),
            "Right for four examples; for three it is {ratio:.3g} times what it should be: how many are there?",
        ),
    ),
    mistakes=hints(
        "For a batch of four your loss is 0.355 times what it should be. Print the rows that you compare: which norm "
        "of theirs is 1, and which should be?",
        lambda s, t: (F.normalize(s @ s.T, 1) - F.normalize(t @ t.T, 1)).square().mean(),
    ),
    done="Rows of Euclidean norm 1, squared differences, over the B^2 pairs.",
)
