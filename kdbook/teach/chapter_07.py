"""Exercises of chapter 07: shares of a gain, tests that are large enough, ensembles, small nets and mixtures."""

import torch

from kdbook.book.mobile_vision import PUBLISHED as PAIRS
from kdbook.book.speech_ensemble import PUBLISHED
from kdbook.teach.feedback import Answer, Exercise, hints, plain

ONE, TEN, DISTILLED = (PUBLISHED[name][0] for name in ("baseline", "ensemble", "distilled"))  # frames, %

check_share_kept = Answer(
    "Is it the share of the ensemble's gain in frame accuracy that the published student keeps, in per cent?",
    right=100 * (DISTILLED - ONE) / (TEN - ONE),
    numbers=(ONE, TEN, DISTILLED),
    done="Of a gain of 2.2 points. A share says nothing about how much there was to keep.",
    rtol=0.005,
)

DISPUTED, DIFFERENCE = 0.05, 0.002  # shares of words

check_words_needed = Answer(
    "Is it how many words show a difference of 0.2 points at two standard errors, if one word in twenty is disputed? "
    "Disputed is a word that just one of the two systems hears right.",
    right=4 * DISPUTED / DIFFERENCE**2,
    mistakes={
        "That is where the difference is *one* standard error: how does the error shrink with the words?": (
            DISPUTED / DIFFERENCE**2
        ),
        "Twice as sure: does a test of twice the words make the error half as large?": 2 * DISPUTED / DIFFERENCE**2,
        "The difference of 0.2 points does not occur in your formula: why should a large one not need fewer words?": (
            4 / DISPUTED
        ),
        "Which share of all words are 0.2 points?": (4 * DISPUTED / 0.2**2, 4 * 5 / 0.2**2),
        "Those are two systems whose errors have nothing to do with each other: are both wrong on the same words?": (
            8 * 0.109 * 0.891 / DIFFERENCE**2
        ),
        "That is for 1.96: how many standard errors does the question ask for?": 1.96**2 * DISPUTED / DIFFERENCE**2,
        "Half the difference needs how many times the words? It grows with the square of something.": (
            4 * DISPUTED / DIFFERENCE
        ),
        "One word in twenty: which share is that?": 4 * 20 / DIFFERENCE**2,
    },
    done="Twice the published test of 23 thousand words, though the two systems agree on nineteen words of twenty.",
)

NETS = 2 * torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(7), dtype=torch.float64)  # (S, B, C)

check_ensemble = Exercise(
    "Does `function(logits (S, B, C))` return logits (B, C) of the arithmetic mean of S nets' probabilities? "
    "Logits that differ by a constant a row say the same.",
    right=lambda z: z.softmax(-1).mean(0).log(),
    tries=plain((NETS,), (NETS[:2],)),
    compared=lambda z: z.log_softmax(-1),
    mistakes=hints(
        "The mean of the logits is the *geometric* mean: can one net veto a state?",
        lambda z: z.mean(0),
        lambda z: z.log_softmax(-1).mean(0),
        "These are probabilities: what would a softmax make of them? Is a logarithm still to be taken?",
        lambda z: z.softmax(-1).mean(0),
        lambda z: z.softmax(-1).sum(0),
        "The largest logit of any net: why should the surest net be the average?",
        lambda z: z.max(0).values,
    ),
    done="A state that one net finds impossible stays possible for the ensemble.",
)

DEPTHWISE, POINTWISE, FULL = 64 * 9, 64 * 128, 64 * 128 * 9  # multiply-adds for one position

check_depthwise_saving = Answer(
    "How many times fewer multiply-adds has a 3x3 depthwise and a 1x1 convolution than a 3x3 one, 64 channels to 128?",
    right=FULL / (DEPTHWISE + POINTWISE),
    mistakes={
        "A depthwise convolution has as many outputs as inputs: how many are that?": FULL / (128 * 9 + POINTWISE),
    },
    numbers=(FULL, DEPTHWISE + POINTWISE, DEPTHWISE, POINTWISE),
    done="Nearly nine times fewer, whatever the size of the image. What the clock says is another matter.",
    rtol=0.003,
)

*_, TEACHER, ALONE, TAUGHT = PAIRS["RegNetY > DeiT-tiny"]  # accuracies, %

check_share_closed = Answer(
    "Is it the share of DeiT-tiny's gap to its teacher that distillation closes, in per cent?",
    right=100 * (TAUGHT - ALONE) / (TEACHER - ALONE),
    numbers=(TEACHER, TAUGHT, ALONE),
    digits=3,
    done="An eighth or so: retention says 89 %, and hides that most of it was there before.",
    rtol=0.001,  # retention and the share that stays open are a fourth of a per cent apart
)

DRAW = torch.Generator().manual_seed(7)
IMAGES = torch.rand(5, 5, 5, generator=DRAW, dtype=torch.float64)
WEIGHT = torch.rand(5, generator=DRAW, dtype=torch.float64)
PARTNER = torch.tensor([3, 0, 4, 1, 2])


def mixed(x, weight, other):
    """Weight (B,) of each image (B, H, W), and the rest of another one."""
    return weight[:, None, None] * x + (1 - weight[:, None, None]) * other


check_mixup = Exercise(
    "Does `function(x, weight, partner)` mix every image (B, H, W) with its partner, weight (B,) for itself?",
    right=lambda x, w, partner: mixed(x, w, x[partner]),
    tries=plain((IMAGES, WEIGHT, PARTNER), (IMAGES, 1 - WEIGHT, PARTNER.roll(1))),
    mistakes=hints(
        "The weight runs along each image's columns, or rows: to which axis does it belong?",
        lambda x, w, partner: w * x + (1 - w) * x[partner],
        lambda x, w, partner: w[:, None] * x + (1 - w)[:, None] * x[partner],
        "Your mixtures are brighter than images: what do the two weights add up to?",
        lambda x, w, partner: w[:, None, None] * x + x[partner],
    ),
    done="No label fits such an image. A teacher has an answer to it all the same.",
)
