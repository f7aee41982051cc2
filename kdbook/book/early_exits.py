"""Do deep layers teach shallow ones, or shallow ones deep ones? Zhang et al. 2019, Be Your Own Teacher.

One convolutional net with an exit after each of its three stages, on 6,000 images of Fashion-MNIST: all exits on
labels alone; with the deepest exit as teacher of the others, as the paper has it; with the shallowest as teacher, as it
is sometimes told; and the net without early exits. Besides what every exit answers and costs: what happens when an
image leaves by the first exit that is sure enough.
"""

import numpy as np
import torch
from torch import Tensor

from kdbook.book.training_modes import DATA, SEEDS, TRAINING, expected_calibration_error
from kdbook.lab.steps import errors, predict, test_split, train, training_split
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import hard_loss
from kdbook.nets.vision import EarlyExits, count_multiply_adds
from kdbook.training.objectives import SelfExits

VERSION = 1
COLUMNS = {
    "arm": "who teaches the exits; deepest_alone: the net without early exits",
    "seed": "seed of weights and order; all arms of a seed share the weights of the stages",
    "exit": "1 = after the first stage, 3 = the deepest",
    "test_errors": "wrong answers of this exit on the 10,000 test images, last epoch",
    "ece": "expected calibration error on test images, 15 bins, %",
    "megamacs": "multiply-adds of one image up to this exit, in 10^6",
    "agreement": "share of test images with the deepest exit's top class",
    "ensemble_errors": "wrong answers of the mean probability of all exits",
    "train_seconds": "wall time of this training, seconds",
}

# Tried on validation images, seed 0: T of 1 and 3 with alpha 0.3, and 0.7 with T = 3, beta 0.1 and 1; learning rates of
# 0.2 and 0.4 for exits on labels. The differences between T and alpha are no larger than luck.
SELF = {"temperature": 1.0, "alpha": 0.3, "beta": 0.0}
ARMS = {
    "deepest_alone": {"exits": 1},
    "labels": {"alpha": 0.0, "beta": 0.0},
    "deep_teaches": SELF,
    "deep_teaches_hints": {**SELF, "beta": 0.1},
    "shallow_teaches": {**SELF, "reverse": True},
}
SETTINGS = {
    "full": {**TRAINING, "lr": 0.2, "widths": [8, 16, 32], "depth": 2},
    "quick": {
        **TRAINING,
        "lr": 0.2,
        "widths": [8, 16, 32],
        "depth": 1,
        "samples": 1_000,
        "batch_size": 50,
        "epochs": 4,
    },
}
CONFIDENCES = np.round(np.concatenate([np.arange(0.3, 0.95, 0.05), [0.97, 0.99, 0.995, 0.999, 1.0]]), 3)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every way to train the exits for every seed."""
    check_profile(profile)
    return [
        Trial("early_exits", arm, s, {**SETTINGS[profile], **changed}, data=DATA, version=VERSION)
        for s in seeds_of(seeds, SEEDS[profile]["student"])
        for arm, changed in ARMS.items()
    ]


def deepest_only(net, batch) -> tuple[Tensor, dict]:
    """Objective: labels for the deepest exit alone, as a net without early exits learns them."""
    return hard_loss(net(batch.x).logits[-1], batch.y, reduction="none", check=batch.check), {}


def leaving(logits: Tensor, labels: Tensor, megamacs: list[float]) -> np.ndarray:
    """Let every image leave by the first exit whose top probability reaches a confidence; (confidences, 2 + exits).

    Columns: errors, mean multiply-adds in 10^6, and the share of images that leave by each exit. The small heads that
    an image passes on its way to a later exit are not counted.
    """
    top, answers = logits.softmax(-1).max(-1)  # (exits, N) each
    rows = []
    for confidence in CONFIDENCES:
        sure = top >= confidence
        sure[-1] = True
        by = sure.float().argmax(0)  # the first exit that is sure
        wrong = int((answers.gather(0, by[None])[0] != labels).sum())
        share = torch.bincount(by, minlength=len(logits)).double() / len(labels)
        rows.append([wrong, float((share * share.new_tensor(megamacs)).sum()), *share.tolist()])
    return np.array(rows)


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net, then read the test set once, a row an exit."""
    (trial,) = trials
    s = trial.settings
    split, test = training_split(trial, tools), test_split(trial, tools)
    with torch.random.fork_rng():
        torch.manual_seed(trial.seed)
        net = EarlyExits(s["widths"], s["depth"])
    chosen = {name: s[name] for name in ("temperature", "alpha", "beta", "reverse") if name in s}
    _, history = train(trial, split, deepest_only if "exits" in s else SelfExits(**chosen), tools, net)
    logits = predict(net, test).logits  # (exits, N, C)
    megamacs = [count_multiply_adds(net.exit(e)) / 1e6 for e in range(len(logits))]
    shown = range(len(logits) - s.get("exits", len(logits)), len(logits))
    together = errors(logits[shown.start :].softmax(-1).mean(0), test.y)
    if "exits" not in s:
        tools.keep(trial, pictures={"leaving": leaving(logits, test.y, megamacs)})
    rows = [
        {
            "exit": e + 1,
            "test_errors": errors(logits[e], test.y),
            "ece": expected_calibration_error(logits[e], test.y),
            "megamacs": megamacs[e],
            "agreement": float((logits[e].argmax(-1) == logits[-1].argmax(-1)).float().mean()),
            "ensemble_errors": together,
            "train_seconds": round(history.seconds, 2),
        }
        for e in shown
    ]
    return [{"rows": rows}]
