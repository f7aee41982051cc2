"""Exercises of chapter 02: what is left beside the top class, and which temperature leaves how much."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.losses import soft_targets
from kdbook.teach.feedback import Exercise, Feedback, call, hints, plain

LOGITS = torch.tensor([[4.0, 1.0, -2.0, 0.5], [0.0, 3.0, 0.5, 2.5]], dtype=torch.float64)
VIEWS = torch.stack([LOGITS, LOGITS.flip(-1), LOGITS / 2])

check_dark_mass = Exercise(
    "Does `function(logits (B, C), temperature)` return the probability (B,) of all classes but the top one?",
    right=lambda z, T: 1 - soft_targets(z, T).amax(-1),
    tries=plain((VIEWS[:, 0], 2.5), (LOGITS, 3.5)),
    mistakes=hints(
        "T divides a probability in yours: what should it do to the logits, and when?",
        lambda z, T: (1 - z.softmax(-1).amax(-1)) / T,
        "You take class 0 off: is it the top class of every row?",
        lambda z, T: 1 - soft_targets(z, T)[:, 0],
        "That is the runner-up alone: which other classes are there?",
        lambda z, T: soft_targets(z, T).sort().values[:, -2],
    ),
    done="It grows with T up to (C - 1) / C, where all classes are alike.",
)


def check_temperature_for_top(function: Callable[[Tensor, float], float]) -> Feedback:
    """Does `function(logits (C,), top)` find the T at which the top class has the probability `top`?"""
    for z, wanted in ((LOGITS[0], 0.5), (LOGITS[1], 0.9), (LOGITS[1], 0.3)):
        found = call(function, z, wanted)
        if isinstance(found, Feedback):
            return found
        if found.numel() != 1:
            return Feedback(False, f"One temperature is needed, this has {found.numel()} numbers.")
        if not (found > 0 and bool(torch.isfinite(found))):
            return Feedback(False, f"A temperature is positive and finite; yours is {float(found):g}.")
        reached, inverse = (float(soft_targets(z, t).max()) for t in (float(found), 1 / float(found)))
        if math.isclose(reached, wanted, abs_tol=0.005):
            continue
        if math.isclose(inverse, wanted, abs_tol=0.005):
            return Feedback(False, "Right for z * T: does the softmax multiply by T?")
        told = (
            f"For logits {z.tolist()} your T = {float(found):.3g} gives {reached:.3f}, wanted is {wanted}: a "
            f"{'higher' if reached > wanted else 'lower'} T is needed. How does the probability of the top class move "
            "as T grows?"
        )
        return Feedback(False, told)
    return Feedback(True, "It also works below T = 1, where an answer becomes sharper than the network gave it.")


check_repaired_stack = Exercise(
    "Does `function(logits (..., C), temperature)` soften each answer, whatever the number of axes before it?",
    right=soft_targets,
    tries=(
        ((LOGITS, 3.0), ""),
        ((VIEWS, 3.0), "The answers to three views, (views, images, classes): do the classes of an image sum to 1?"),
        ((LOGITS[0], 3.0), "One answer alone, (classes,), comes out wrong: how many axes has it?"),
        (
            (torch.stack([VIEWS, VIEWS + LOGITS]), 3.0),
            "(nets, views, images, classes), four axes: where are the classes?",
        ),
    ),
    done="Classes are on the last axis, and now the code says so.",
)
