"""Exercises of chapter 07: shares of a gain, tests that are large enough, ensembles, small nets and mixtures."""

import torch

from kdbook.book.mobile_vision import PUBLISHED as PAIRS
from kdbook.book.speech_ensemble import PUBLISHED
from kdbook.teach.feedback import Answer, Exercise

ONE, TEN, DISTILLED = (PUBLISHED[name][0] for name in ("baseline", "ensemble", "distilled"))  # frames, %

check_share_kept = Answer(
    "Is it the share of the ensemble's gain in frame accuracy that the published student keeps, in per cent?",
    right=100 * (DISTILLED - ONE) / (TEN - ONE),
    mistakes={
        "Right as a fraction; the question asks for per cent.": (DISTILLED - ONE) / (TEN - ONE),
        "That is the student's level beside the ensemble's; one net alone has 96 % there.": 100 * DISTILLED / TEN,
        "That is the share of the gain that is lost.": 100 * (TEN - DISTILLED) / (TEN - ONE),
        "Upside down: whose gain is the whole?": 100 * (TEN - ONE) / (DISTILLED - ONE),
        "That is the student's gain in points; how large is it beside the ensemble's?": DISTILLED - ONE,
    },
    done="Of a gain of 2.2 points. A share says nothing about how much there was to keep.",
    rtol=0.005,
)

DISPUTED, DIFFERENCE = 0.05, 0.002  # shares of words

check_words_needed = Answer(
    "Is it how many words show a difference of 0.2 points at two standard errors, if one word in twenty is disputed? "
    "Disputed is a word that just one of the two systems hears right.",
    right=4 * DISPUTED / DIFFERENCE**2,
    mistakes={
        "That is where the difference is *one* standard error.": DISPUTED / DIFFERENCE**2,
        "Twice as certain takes four times the words: errors shrink with the root.": 2 * DISPUTED / DIFFERENCE**2,
        "The difference of 0.2 points does not occur in your formula.": 4 / DISPUTED,
        "0.2 points are 0.002 of all words.": 4 * DISPUTED / 0.2**2,
        "That is for two systems whose errors have nothing to do with each other.": 8 * 0.109 * 0.891 / DIFFERENCE**2,
    },
    done="Twice the published test of 23 thousand words, though the two systems agree on nineteen words of twenty.",
)

NETS = 2 * torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(7), dtype=torch.float64)  # (S, B, C)

check_ensemble = Exercise(
    "Does `function(logits (S, B, C))` return logits (B, C) of the arithmetic mean of S nets' probabilities? "
    "Logits that differ by a constant a row say the same.",
    right=lambda z: z.softmax(-1).mean(0).log(),
    tries=(((NETS,), "The probabilities of your logits are not the mean of the nets' probabilities."),),
    compared=lambda z: z.log_softmax(-1),
    mistakes={
        "The mean of the logits is the *geometric* mean: one net can veto a state.": lambda z: z.mean(0),
        "These are the probabilities; a softmax is still to be taken of what you return.": (
            lambda z: z.softmax(-1).mean(0)
        ),
        "These are sums of probabilities; a softmax is still to be taken of them.": lambda z: z.softmax(-1).sum(0),
        "The largest logit of any net is no average.": lambda z: z.max(0).values,
        "That is the first net alone.": lambda z: z[0],
    },
    done="A state that one net finds impossible stays possible for the ensemble.",
)

DEPTHWISE, POINTWISE, FULL = 64 * 9, 64 * 128, 64 * 128 * 9  # multiply-adds for one position

check_depthwise_saving = Answer(
    "How many times fewer multiply-adds has a 3x3 depthwise and a 1x1 convolution than a 3x3 one, 64 channels to 128?",
    right=FULL / (DEPTHWISE + POINTWISE),
    mistakes={
        "Upside down: how many times *fewer* is asked for.": (DEPTHWISE + POINTWISE) / FULL,
        "The 1x1 convolution that mixes the channels is missing.": FULL / DEPTHWISE,
        "The depthwise convolution is missing: it is small, but it counts.": FULL / POINTWISE,
        "A depthwise convolution has as many outputs as inputs: 64, not 128.": FULL / (128 * 9 + POINTWISE),
        "The two convolutions follow each other: their costs add up.": FULL / (DEPTHWISE * POINTWISE),
    },
    done="Nearly nine times fewer, whatever the size of the image. What the clock says is another matter.",
    rtol=0.003,
)

*_, TEACHER, ALONE, TAUGHT = PAIRS["RegNetY > DeiT-tiny"]  # accuracies, %

check_share_closed = Answer(
    "Is it the share of DeiT-tiny's gap to its teacher that distillation closes, in per cent?",
    right=100 * (TAUGHT - ALONE) / (TEACHER - ALONE),
    mistakes={
        "Right as a fraction; the question asks for per cent.": (TAUGHT - ALONE) / (TEACHER - ALONE),
        "That is the share which stays open.": 100 * (TEACHER - TAUGHT) / (TEACHER - ALONE),
        "That is the retention: it would be high without any distillation.": 100 * TAUGHT / TEACHER,
        "The gap is that before distillation: teacher minus alone.": 100 * (TAUGHT - ALONE) / (TEACHER - TAUGHT),
        "That is the gain relative to the student's own accuracy.": 100 * (TAUGHT - ALONE) / ALONE,
    },
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
    tries=(
        ((IMAGES, WEIGHT, PARTNER), "The values differ from weight times the image plus the rest times its partner."),
    ),
    mistakes={
        "The weights are swapped: `weight` belongs to the image itself.": (
            lambda x, w, partner: mixed(x, 1 - w, x[partner])
        ),
        "The weight runs along each image's columns: give it two axes.": (
            lambda x, w, partner: w * x + (1 - w) * x[partner]
        ),
        "The two weights must add up to 1, or mixtures are brighter than images.": (
            lambda x, w, partner: w[:, None, None] * x + x[partner]
        ),
        "The partner is `x[partner]`, not the batch turned round.": lambda x, w, partner: mixed(x, w, x.flip(0)),
        "Every image is mixed with itself.": lambda x, w, partner: mixed(x, w, x),
        "Half and half: where does the weight go?": lambda x, w, partner: (x + x[partner]) / 2,
    },
    done="No label fits such an image. A teacher has an answer to it all the same.",
)
