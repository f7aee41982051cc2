"""Exercises of chapter 08: a headline taken apart, a layer map, and losses of tokens."""

import torch
import torch.nn.functional as F

from kdbook.book.distilbert import GLUE
from kdbook.losses import kd_loss
from kdbook.losses.transformer import cosine_hidden_loss, layer_map
from kdbook.teach.feedback import Answer, Exercise

REST = [task for task in GLUE if task != "WNLI"]


def share(tasks) -> float:
    """The student's mean score in per cent of its teacher's."""
    return 100 * sum(GLUE[task][1] for task in tasks) / sum(GLUE[task][0] for task in tasks)


check_retention = Answer(
    "Is it the share of BERT's macro score on GLUE that DistilBERT keeps without WNLI, in per cent?",
    right=share(REST),
    mistakes={
        "WNLI is still among the tasks.": share(GLUE),
        "Right as a fraction; the question asks for per cent.": share(REST) / 100,
        "Upside down: whose score is to be compared with whose?": 10000 / share(REST),
        "That is the mean of the tasks' ratios; the headline is the ratio of two means.": (
            sum(share([task]) for task in REST) / len(REST)
        ),
    },
    done="A student that 'wins' on a task where both are near guessing lifts the headline.",
    rtol=0.0005,
)

check_layer_map = Exercise(
    "Does `function(student_layers, teacher_layers)` name TinyBERT's uniform layer map, layers counted from 1?",
    right=layer_map,
    tries=tuple(
        (pair, f"For {pair[0]} layers of {pair[1]} that is not g(m) = m L_t / L_s.")
        for pair in ((4, 12), (2, 6), (3, 3))
    ),
    mistakes={
        "Right if layers are counted from 0; here the first layer is 1.": (
            lambda ours, theirs: [m - 1 for m in layer_map(ours, theirs)]
        ),
        "That is the top map: the teacher's last layers.": lambda ours, theirs: layer_map(ours, theirs, "top"),
        "That is the bottom map: the first layers.": lambda ours, theirs: layer_map(ours, theirs, "bottom"),
        "The spacing is right; but which layer should the student's *last* one match?": (
            lambda ours, theirs: [1 + m * theirs // ours for m in range(ours)]
        ),
    },
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
    tries=(((*HIDDEN, MASK), "The values differ from the mean of 1 - cosine over all real tokens."),),
    mistakes={
        "Filling is counted: what is the mask for?": lambda s, t, mask: told(s, t).mean(),
        "Filling adds nothing, but still counts in the mean's denominator.": lambda s, t, mask: (
            told(s, t) * mask
        ).mean(),
        "That is the cosine itself, which is largest where the two agree.": lambda s, t, mask: (
            1 - told(s, t)[mask].mean()
        ),
        "The sign is right; but a student like its teacher should have a loss of 0.": (
            lambda s, t, mask: told(s, t)[mask].mean() - 1
        ),
        "That is the sum over tokens; a long text would weigh more than the weights say.": (
            lambda s, t, mask: told(s, t)[mask].sum()
        ),
        "Each text has the same weight in yours; the loss is the mean over tokens of all texts.": (
            lambda s, t, mask: ((told(s, t) * mask).sum(1) / mask.sum(1)).mean()
        ),
        "Without dividing by the two norms the length counts as well.": (
            lambda s, t, mask: (1 - (s * t).sum(-1))[mask].mean()
        ),
        "The cosine runs along the wrong axis: which one holds the hidden units?": (
            lambda s, t, mask: (1 - F.cosine_similarity(s, t, dim=1)).mean()
        ),
    },
    done="Directions are compared and lengths left free, for real tokens alone.",
)

S, T = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(9), dtype=torch.float64)  # (B, N, V) each
ALL = torch.ones(3, 5, dtype=torch.bool)
SHORT = torch.arange(5) < torch.tensor([5, 2, 1])[:, None]

check_repaired_token_loss = Exercise(
    "Is `function(s (B, N, V), t (B, N, V), mask (B, N), temperature)` T^2 KL, the mean over real tokens?",
    right=lambda s, t, mask, temperature: kd_loss(s[mask], t[mask], temperature=temperature),
    tries=(
        ((S[:, :1], T[:, :1], ALL[:, :1], 2.0), "For texts of one token the value was right before; now it is not."),
        ((S, T, ALL, 2.0), "For texts of five tokens it is {ratio:.3g} times what it should be, without any filling."),
        (
            (S, T, SHORT, 2.0),
            "Right without filling; where 7 of 15 tokens are filling it is {ratio:.3g} times what it should be.",
        ),
    ),
    done="Neither long texts nor filling change its scale.",
)
