"""Checks for the exercises of chapter 07's half on vision."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.experiments.mobile_vision import PUBLISHED
from kdbook.teach.feedback import Feedback, number, tensor


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
    *_, teacher, alone, distilled = PUBLISHED["RegNetY > DeiT-tiny"]
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
