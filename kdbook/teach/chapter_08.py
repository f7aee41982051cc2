"""Exercises of chapter 08: a headline taken apart, a layer map, and losses of tokens."""

import torch
import torch.nn.functional as F

from kdbook.book.distilbert import GLUE
from kdbook.losses import kd_loss
from kdbook.losses.transformer import cosine_hidden_loss, layer_map
from kdbook.teach.feedback import Answer, Exercise, hints, plain

REST = [task for task in GLUE if task != "WNLI"]


def share(tasks) -> float:
    """The student's mean score in per cent of its teacher's."""
    return 100 * sum(GLUE[task][1] for task in tasks) / sum(GLUE[task][0] for task in tasks)


check_retention = Answer(
    "Is it the share of BERT's macro score on GLUE that DistilBERT keeps without WNLI, in per cent?",
    right=share(REST),
    mistakes={
        "That is with WNLI, or as it is quoted: which tasks are left?": (share(GLUE), 97.0),
        "That is the mean of the tasks' ratios: is the mean of ratios the ratio of means?": (
            sum(share([task]) for task in REST) / len(REST)
        ),
    },
    numbers=[sum(GLUE[task][net] for task in REST) / len(REST) for net in (0, 1)],
    digits=3,
    done="A student that 'wins' on a task where both are near guessing lifts the headline.",
    rtol=0.0005,
)

check_layer_map = Exercise(
    "Does `function(student_layers, teacher_layers)` name TinyBERT's uniform layer map, layers counted from 1?",
    right=layer_map,
    tries=plain((4, 12), (4, 8), (2, 6)),
    mistakes=hints(
        "That is the top map: which layers of the teacher does nobody listen to?",
        lambda ours, theirs: layer_map(ours, theirs, "top"),
        "The spacing is right; but which layer should the student's *last* one match?",
        lambda ours, theirs: [1 + m * theirs // ours for m in range(ours)],
        "Yours begins at the teacher's first layer, so that both ends meet: how far are its layers apart?",
        lambda ours, theirs: [1 + round(m * (theirs - 1) / max(ours - 1, 1)) for m in range(ours)],
    ),
    done="The last layers meet, and the others are spread evenly below.",
)

HIDDEN = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(8), dtype=torch.float64)  # student, teacher
MASK = torch.arange(5) < torch.tensor([5, 3, 2])[:, None]


def told(h_s, h_t):
    """1 - cosine, a token."""
    return 1 - F.cosine_similarity(h_s, h_t, dim=-1)


check_cosine_loss = Exercise(
    "Does `function(h_s, h_t, mask)` return 1 - cosine of hidden states (B, N, D), the mean over real tokens?",
    right=cosine_hidden_loss,
    tries=plain((*HIDDEN, MASK), (*HIDDEN.flip(0), MASK.flip(1))),
    mistakes=hints(
        "Filling adds nothing to the sum: but does it count in the mean's denominator?",
        lambda s, t, mask: (told(s, t) * mask).mean(),
        "Each text has the same weight in yours: over what does the mean go?",
        lambda s, t, mask: ((told(s, t) * mask).sum(1) / mask.sum(1)).mean(),
    ),
    done="Directions are compared and lengths left free, for real tokens alone.",
)

S, T = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(9), dtype=torch.float64)  # (B, N, V) each
ALL = torch.ones(3, 5, dtype=torch.bool)
SHORT = torch.arange(5) < torch.tensor([5, 2, 1])[:, None]

check_repaired_token_loss = Exercise(
    "Is `function(s (B, N, V), t (B, N, V), mask (B, N), temperature)` T^2 KL, the mean over real tokens?",
    right=lambda s, t, mask, temperature: kd_loss(s[mask], t[mask], temperature=temperature),
    tries=(
        ((S[:, :1], T[:, :1], ALL[:, :1], 2.0), ""),
        ((S, T, ALL, 2.0), "For texts of five tokens it is {ratio:.3g} times what it should be, without any filling."),
        ((S, T, SHORT, 2.0), "Right without filling; where 7 of 15 tokens are filling it is {ratio:.3g} times that."),
    ),
    mistakes=hints(
        "Each text has the same weight in yours: over what does the mean go?",
        lambda s, t, mask, temperature: (
            sum(kd_loss(a[m], b[m], temperature=temperature) for a, b, m in zip(s, t, mask, strict=True)) / len(s)
        ),
    ),
    done="Neither long texts nor filling change its scale.",
)
