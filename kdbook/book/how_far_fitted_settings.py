"""Which rate and decay suit the methods of `how_far_fitted`, and can it decide? Read from validation images only.

Labels have tries of rate and decay, then each method of the decay at 60 epochs, all on three draws. The arms of the
question itself are trained on five draws (the longest on one), and so are nets of five times as many labels for as
many steps: the gates.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import product

from kdbook.book import how_far_fitted
from kdbook.book.how_far_fitted import DECAY, EPOCHS, LR, METHODS, TUNED_AT, arm, scored
from kdbook.lab import Arm, Tools, Trial, columns

VERSION, DATA = 1, how_far_fitted.DATA
SEEDS = {"full": (5, 0), "quick": (1, 0)}  # draws of images
COLUMNS = columns(
    "arm seed method epochs images lr weight_decay validation_errors train_loss",
    arm="as in how_far_fitted; more labels: five times as many images for as many steps; with its tries behind",
    method=how_far_fitted.COLUMNS["method"],
    epochs="how long each net is trained",
    images="images that each net sees",
    lr="learning rate",
    weight_decay="decay of the weights",
    validation_errors="wrong answers on the 10,000 validation images, mean of four nets; none where a try diverged",
    train_loss=how_far_fitted.COLUMNS["train_loss"],
)
TRIES = 3  # draws of each try
RATES, DECAYS = (0.05, 0.1, 0.2), (5e-4, 5e-3, 2e-2)
FIRST = (15, TUNED_AT)  # epochs for which the rate was tried


def arms(profile: str) -> dict[str, Arm]:
    """All tries, and the question's own arms, scored on validation images."""
    found = {}

    def add(name: str, method: str, epochs: int, decay: float = DECAY, seeds: int | None = None, **settings) -> None:
        needs = (name.replace(method, "labels"),) if method == "born_again" else ()
        made = arm(profile, method, epochs, decay, needs)
        found[name] = replace(made, settings={**made.settings, "scored_on": "validation", **settings}, seeds=seeds)

    for epochs in EPOCHS[profile]:
        seeds = 1 if epochs > TUNED_AT else None
        for method in METHODS:
            add(f"{method} {epochs}", method, epochs, seeds=seeds)
        more = 5 * found[f"labels {epochs}"].settings["images"]
        add(f"more labels {epochs}", "labels", epochs // 5, seeds=seeds, images=more)
    for lr, decay, epochs in product(RATES, DECAYS, FIRST):
        add(f"labels {epochs} try {lr:g} {decay:g}", "labels", epochs, decay, TRIES, lr=lr)
    for method, decay in product([*METHODS][1:], DECAYS[1:]):  # the first is that of the question's own arms
        add(f"{method} {TUNED_AT} try {LR:g} {decay:g}", method, TUNED_AT, decay, TRIES)
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Score the nets of one arm on validation images."""
    (trial,) = trials
    found = {}
    with suppress(FloatingPointError):  # at the largest rate some diverge
        found = scored(trial, tools)
    return [{"validation_errors": found.get("errors"), "train_loss": found.get("train_loss")}]
