"""Checks for the exercises of chapter 07."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.book.mobile_vision import PUBLISHED as PUBLISHED_PAIRS
from kdbook.book.speech_ensemble import PUBLISHED
from kdbook.teach.feedback import Feedback, call, number, tensor


def check_share_kept(answer: float) -> Feedback:
    """Is it the share of the ensemble's gain in frame accuracy that the published student keeps, in per cent?

    Explained in notebooks/07_speech_and_vision.
    """
    one, ten, distilled = (PUBLISHED[name][0] for name in ("baseline", "ensemble", "distilled"))
    right = 100 * (distilled - one) / (ten - one)
    mistakes = {
        right / 100: "Right as a fraction; the question asks for per cent.",
        100 * distilled / ten: "That is the student's level beside the ensemble's; one net alone has 96 % there.",
        100 * (ten - distilled) / (ten - one): "That is the share of the gain that is lost.",
        100 * (ten - one) / (distilled - one): "Upside down: whose gain is the whole?",
        distilled - one: "That is the student's gain in points; how large is it beside the ensemble's?",
    }
    done = "Of a gain of 2.2 points. A share says nothing about how much there was to keep."
    return number(answer, right, mistakes, done, rtol=0.005)


def check_words_needed(answer: float) -> Feedback:
    """Is it how many words show a difference of 0.2 points at two standard errors, if one word in twenty is disputed?

    Disputed is a word that just one of the two systems hears right.

    Explained in notebooks/07_speech_and_vision.
    """
    disputed, difference = 0.05, 0.002
    right = 4 * disputed / difference**2
    mistakes = {
        disputed / difference**2: "That is where the difference is *one* standard error.",
        2 * disputed / difference**2: "Twice as certain takes four times the words: errors shrink with the root.",
        4 / disputed: "The difference of 0.2 points does not occur in your formula.",
        4 * disputed / 0.2**2: "0.2 points are 0.002 of all words.",
        8 * 0.109 * 0.891 / difference**2: "That is for two systems whose errors have nothing to do with each other.",
    }
    done = "Twice the published test of 23 thousand words, though the two systems agree on nineteen words of twenty."
    return number(answer, right, mistakes, done)


def check_ensemble(function: Callable[[Tensor], Tensor]) -> Feedback:
    """Does `function(logits (S, B, C))` return logits (B, C) of the arithmetic mean of S nets' probabilities?

    Logits that differ by a constant a row say the same.

    Explained in notebooks/07_speech_and_vision.
    """
    logits = 2 * torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    p = logits.softmax(-1)

    def normalised(rows: Tensor) -> Tensor:
        return rows.log_softmax(-1)

    got = call(function, logits)
    if isinstance(got, Feedback):
        return got
    wrong = tensor(
        lambda: normalised(got) if got.ndim else got,
        (),
        p.mean(0).log(),
        (
            (normalised(logits.mean(0)), "The mean of the logits is the *geometric* mean: one net can veto a state."),
            (normalised(p.mean(0)), "These are the probabilities; a softmax is still to be taken of what you return."),
            (normalised(p.sum(0)), "These are sums of probabilities; a softmax is still to be taken of them."),
            (normalised(logits.max(0).values), "The largest logit of any net is no average."),
            (normalised(logits[0]), "That is the first net alone."),
        ),
        "The probabilities of your logits are not the mean of the nets' probabilities.",
    )
    return wrong or Feedback(True, "A state that one net finds impossible stays possible for the ensemble.")


def check_depthwise_saving(answer: float) -> Feedback:
    """How many times fewer multiply-adds has a 3x3 depthwise and a 1x1 convolution than a 3x3 one, 64 channels to 128?

    Explained in notebooks/07_speech_and_vision.
    """
    before, after, taps = 64, 128, 9
    plain, depthwise, pointwise = before * after * taps, before * taps, before * after
    mistakes = {
        (depthwise + pointwise) / plain: "Upside down: how many times *fewer* is asked for.",
        plain / depthwise: "The 1x1 convolution that mixes the channels is missing.",
        plain / pointwise: "The depthwise convolution is missing: it is small, but it counts.",
        plain / (after * taps + pointwise): "A depthwise convolution has as many outputs as inputs: 64, not 128.",
        plain / (depthwise * pointwise): "The two convolutions follow each other: their costs add up.",
    }
    done = "Nearly nine times fewer, whatever the size of the image. What the clock says is another matter."
    return number(answer, plain / (depthwise + pointwise), mistakes, done, rtol=0.003)


def check_share_closed(answer: float) -> Feedback:
    """Is it the share of DeiT-tiny's gap to its teacher that distillation closes, in per cent?

    Explained in notebooks/07_speech_and_vision.
    """
    *_, teacher, alone, distilled = PUBLISHED_PAIRS["RegNetY > DeiT-tiny"]
    share = (distilled - alone) / (teacher - alone)
    mistakes = {
        share: "Right as a fraction; the question asks for per cent.",
        100 * (1 - share): "That is the share which stays open.",
        100 * distilled / teacher: "That is the retention: it would be high without any distillation.",
        100 * (distilled - alone) / (teacher - distilled): "The gap is that before distillation: teacher minus alone.",
        100 * (distilled - alone) / alone: "That is the gain relative to the student's own accuracy.",
    }
    done = "An eighth or so: retention says 89 %, and hides that most of it was there before."
    return number(answer, 100 * share, mistakes, done)


def check_mixup(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Feedback:
    """Does `function(x, weight, partner)` mix every image (B, H, W) with its partner, weight (B,) for itself?

    Explained in notebooks/07_speech_and_vision.
    """
    generator = torch.Generator().manual_seed(7)
    x = torch.rand(5, 5, 5, generator=generator, dtype=torch.float64)
    weight = torch.rand(5, generator=generator, dtype=torch.float64)
    partner = torch.tensor([3, 0, 4, 1, 2])
    w = weight[:, None, None]
    wrong = tensor(
        function,
        (x, weight, partner),
        w * x + (1 - w) * x[partner],
        (
            ((1 - w) * x + w * x[partner], "The weights are swapped: `weight` belongs to the image itself."),
            (
                weight * x + (1 - weight) * x[partner],
                "The weight runs along each image's columns: give it two axes.",
            ),
            (w * x + x[partner], "The two weights must add up to 1, or mixtures are brighter than images."),
            (w * x + (1 - w) * x.flip(0), "The partner is `x[partner]`, not the batch turned round."),
            (w * x + (1 - w) * x, "Every image is mixed with itself."),
            (0.5 * x + 0.5 * x[partner], "Half and half: where does the weight go?"),
        ),
        "The values differ from weight times the image plus the rest times its partner.",
    )
    return wrong or Feedback(True, "No label fits such an image. A teacher has an answer to it all the same.")
