"""Exercises of chapter 10: a loss as it is often written, and a baseline that gets its share of steps."""

import torch

from kdbook.losses import kd_loss
from kdbook.teach.feedback import Answer, Exercise, hints

STUDENT, TEACHER = torch.tensor([[[2.0, 0.5, -1.0], [0.0, 1.0, 0.5]], [[3.0, 1.0, -2.0], [-0.5, 2.0, 1.0]]])
PAIR = STUDENT, TEACHER, torch.tensor([0, 2])

check_repaired_own_loss = Exercise(
    "Is `function(s (B, C), t (B, C), labels (B,), temperature, alpha)` what `distil` takes for a loss?",
    right=lambda s, t, y, T, alpha: kd_loss(s, t, y, temperature=T, alpha=alpha),
    tries=(
        ((*PAIR, 1.0, 0.0), "At alpha = 0 it should be the loss of labels, {right:.4f}, not {yours:.4f}: what is new?"),
        ((*PAIR, 1.0, 1.0), ""),
        ((*PAIR, 4.0, 1.0), "Right at T = 1, but at T = 4 it is {ratio:.3g} times what it should be."),
        ((*PAIR, 4.0, 0.5), "Each term is right alone; half of each should give {right:.4f}: where is alpha itself?"),
    ),
    mistakes=hints(
        "At T = 1 and alpha = 1 it is 0.333 times what it should be: how many classes are there?",
        lambda s, t, y, T, alpha: kd_loss(s, t, y, temperature=T, alpha=alpha) / 3,
    ),
    done="`distil` would take it; before it did, it would have made tests of this kind itself.",
)

check_fair_epochs = Answer(
    "Is it the number of epochs that gives the student of labels as many steps, rounded up?",
    right=303,
    mistakes={
        "So many times are its rows visited: has an epoch a short last batch, and is it a step?": 351,
        "With so many it takes a few steps fewer: which whole number of epochs is enough?": 302.14,
        "That is more than it needs: by how many epochs?": 304,
    },
    digits=3,
    numbers=(15, 141, 7, 2115, 2100, 6, 9003, 385),
    done="Otherwise it would lose by neglect.",
    rtol=0.001,
)
