"""Do deep layers teach shallow ones, or shallow ones deep ones? Zhang et al. 2019, Be Your Own Teacher.

One convolutional net with an exit after each of its three stages, on 6,000 images of Fashion-MNIST: all exits on
labels alone; with the deepest exit as teacher of the others, as the paper has it; with the shallowest as teacher, as it
is sometimes told; and the net without early exits. Besides what every exit answers and costs: what happens when an
image leaves by the first exit that is sure enough.
"""

import numpy as np
import torch
from torch import Tensor

from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, expected_calibration_error, predict, seeded, splits, train
from kdbook.losses import hard_loss
from kdbook.nets.vision import EarlyExits, count_multiply_adds
from kdbook.show import by_arm, figure, looks, plain
from kdbook.training.objectives import SelfExits

VERSION, DATA = 1, "fashion-mnist"
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # students; they teach themselves
COLUMNS = columns(
    "arm seed exit test_errors ece megamacs agreement ensemble_errors train_seconds",
    arm="who teaches the exits; deepest_alone: the net without early exits",
    seed="seed of weights and order; all arms of a seed share the weights of the stages",
    exit="1 = after the first stage, 3 = the deepest",
    test_errors="wrong answers of this exit on the 10,000 test images, last epoch",
    megamacs="multiply-adds of one image up to this exit, in 10^6",
    agreement="share of test images with the deepest exit's top class",
    ensemble_errors="wrong answers of the mean probability of all exits",
)
CONFIDENCES = np.round(np.concatenate([np.arange(0.3, 0.95, 0.05), [0.97, 0.99, 0.995, 0.999, 1.0]]), 3)


def arms(profile: str) -> dict[str, Arm]:
    """Every way to train the exits.

    Tried on validation images, seed 0: T of 1 and 3 with alpha 0.3, and 0.7 with T = 3, beta 0.1 and 1; learning rates
    of 0.2 and 0.4 for exits on labels. The differences between T and alpha are no larger than luck.
    """
    net = {"net": "conv", "widths": [8, 16, 32], "depth": 2, "weight_decay": 5e-4, "lr": 0.2}
    net |= {"samples": 6_000, "epochs": 12, "batch_size": 128}
    if profile == "quick":
        net |= {"depth": 1, "samples": 1_000, "epochs": 4, "batch_size": 50}
    itself = {"temperature": 1.0, "alpha": 0.3, "beta": 0.0}
    return {
        "deepest_alone": Arm("no early exits", "control", {**net, "exits": 1}),
        "labels": Arm("labels alone", "hard", {**net, "alpha": 0.0, "beta": 0.0}),
        "deep_teaches": Arm("the deepest teaches", "soft", {**net, **itself}),
        "deep_teaches_hints": Arm("the deepest teaches, features too", "shifted", {**net, **itself, "beta": 0.1}),
        "shallow_teaches": Arm("the first teaches (reversed)", "teacher", {**net, **itself, "reverse": True}),
    }


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
    split, test = splits(trial, tools)
    with seeded(trial.seed):
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


EXITS = ("labels", "deep_teaches", "deep_teaches_hints", "shallow_teaches")  # arms with early exits
ARMS = looks(arms("full"), (*EXITS, "deepest_alone"))


@figure("early_exits_errors", chapter="05", size=(13, 4.4), grid=(1, 3))
def exits(panels, both):
    """Zhang et al. 2019: the deepest exit teaches; the reverse is tried beside it.

    A panel for each of three exits: test errors with all exits on labels, with the deepest as teacher, without and with
    features, with the first as teacher, and for the deepest also of the net without early exits. The first exit makes
    by far the most errors.
    """
    for number, axes in enumerate(panels, 1):
        of_exit = both.rows(exit=number)
        shown = [*ARMS] if number == 3 else EXITS
        narrow = {arm: ARMS[arm]._replace(label=ARMS[arm].label.replace(" ", "\n")) for arm in shown}
        by_arm(axes, of_exit, "test_errors", narrow, own=None)
        plain(axes.yaxis, [*range(1000, 2000, 100), 2000, 2200, 2400, 2700, 3000, 4000, 6000, 8000], "log")
        axes.set_title(f"exit {number}" + (", the deepest" if number == 3 else ""))
    panels[0].set_ylabel("test errors of 10,000 (log scale)")


@figure("early_exits_leaving", chapter="05", size=(8.5, 4.8))
def by_confidence(axes, both):
    """Accuracy against cost, when each image leaves by the first exit that is sure enough.

    Test errors over the mean multiply-adds an image, one curve for each way to train the exits, traced by the
    confidence that an exit needs; squares are the three exits by themselves. The curves fall steeply at first and are
    level long before the full cost.
    """
    for arm in EXITS:
        curve = both.reference.stack(arm, "leaving").mean(0)  # (confidences, 2 + exits)
        axes.plot(curve[:, 1], curve[:, 0], "-", color=ARMS[arm].colour, label=ARMS[arm].label)
        alone = both.rows(arm=arm).reference.groupby("exit")[["megamacs", "test_errors"]].mean()
        axes.scatter(alone.megamacs, alone.test_errors, marker="s", s=22, color=ARMS[arm].colour)
    plain(axes.yaxis, scale="log")
    axes.set(title="Leave as soon as an exit is sure", xlabel="multiply-adds an image, 10^6, mean")
    axes.set_ylabel("test errors of 10,000 (log scale)")
