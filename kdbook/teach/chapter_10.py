"""Exercises of chapter 10: a loss as it is often written, and a baseline that gets its share of steps."""

import torch

from kdbook.losses import kd_loss
from kdbook.teach.feedback import Answer, Exercise

STUDENT, TEACHER = torch.tensor([[[2.0, 0.5, -1.0], [0.0, 1.0, 0.5]], [[3.0, 1.0, -2.0], [-0.5, 2.0, 1.0]]])
PAIR = STUDENT, TEACHER, torch.tensor([0, 2])

check_repaired_own_loss = Exercise(
    "Is `function(s (B, C), t (B, C), labels (B,), temperature, alpha)` what `distil` takes for a loss?",
    right=lambda s, t, y, T, alpha: kd_loss(s, t, y, temperature=T, alpha=alpha),
    tries=(
        ((*PAIR, 1.0, 0.0), "At alpha = 0 it should be the loss of labels, {right:.4f}, not {yours:.4f}."),
        (
            (*PAIR, 1.0, 1.0),
            "At T = 1 and alpha = 1 it is {ratio:.3g} times what it should be: how many classes are there?",
        ),
        ((*PAIR, 4.0, 1.0), "Right at T = 1, but at T = 4 it is {ratio:.3g} times what it should be."),
        ((*PAIR, 4.0, 0.5), "Each term is right alone; half of each should give {right:.4f}."),
    ),
    mistakes={
        "The labels alone: does alpha = 1 mean that the teacher is all there is, or nothing?": (
            lambda s, t, y, T, alpha: kd_loss(s, t, y, temperature=T, alpha=1 - alpha)
        ),
    },
    done="`distil` would take it; before it did, it would have made tests of this kind itself.",
)

check_fair_epochs = Answer(
    "Is it the number of epochs that gives the student of labels as many steps, rounded up?",
    right=303,
    mistakes={
        "Equal epochs are not equal steps: how many batches has an epoch of 385 texts?": 15,
        "That many rows are visited; a step is a batch, and the last one of an epoch may be short.": 351,
        "Nearly: so many epochs are a few steps short. Round up.": 302,
        "That is the number of steps. How many of them does an epoch of 385 texts have?": 2115,
    },
    done="Otherwise it would lose by neglect.",
    rtol=0.001,
)
