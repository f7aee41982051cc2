"""With which decay and settings does each mode of `who_teaches` learn? Chosen on validation images.

Labels have nine tries of rate and decay; then every mode has six, of two decays and three values of a setting of its
own (the rate, where it has no other), on the same three draws. Some are trained again as chosen on five draws, and for
twice the epochs, and so is the student with five times as many labels for as many steps: the gates.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import product

from kdbook.book import who_teaches
from kdbook.book.few_labels import draw
from kdbook.book.who_teaches import objective_for, of_its_size, seeded_nets
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, predict, splits, train

VERSION, DATA = 1, who_teaches.DATA
SEEDS = {"full": (5, 5), "quick": (1, 1)}  # draws; teachers are those of who_teaches
COLUMNS = columns(
    "arm seed images epochs lr weight_decay label_smoothing final temperature weight validation_errors",
    arm="as in who_teaches; with `chosen` or `twice` its chosen settings, or these for twice the epochs",
    images="images that the nets see",
    epochs="rounds of these images",
    lr="learning rate",
    weight_decay="decay of the weights",
    label_smoothing="mass spread over the classes",
    final="weight of the net's own answers in the last epoch (PS-KD)",
    temperature="T of the soft targets",
    weight="weight of the ensemble's answers (KDCL)",
    validation_errors="wrong answers on the 10,000 validation images, last epoch, mean of the nets of one size",
)
TRIES = 3  # draws of each try
# On one or two draws decays of 0.005 and 0.02 were worse than smaller ones for every mode, and rates of 0.1 and 0.2.
DECAYS = {"hard": (0.0, 5e-4, 2e-3), "others": (5e-4, 2e-3)}
OWN = {
    "hard": [{"lr": lr} for lr in (0.4, 0.8, 1.6)],
    "smoothing": [{"label_smoothing": mass} for mass in (0.05, 0.1, 0.2)],
    "dml_equal": [{"lr": lr} for lr in (0.4, 0.8, 1.6)],
    "kdcl_2": [{"weight": weight} for weight in (0.5, 1.0, 2.0)],
    "cotrained_equal": [{"temperature": t} for t in (1.0, 2.0, 4.0)],
    "offline_equal": [{"temperature": t} for t in (1.0, 2.0, 4.0)],
    "offline_large": [{"temperature": t} for t in (4.0, 8.0, 16.0)],
    "born_again": [{"lr": lr} for lr in (0.8, 1.6, 3.2)],
    "ps_kd": [{"final": final} for final in (0.2, 0.5, 0.8)],
}
GATED = ("hard", "smoothing", "dml_equal", "born_again", "ps_kd", "offline_large")


def arms(profile: str) -> dict[str, Arm]:
    """Every mode at equal sizes with each try, and the gates."""
    found, unseen = {}, {"scored_on": "validation"}
    own = who_teaches.arms(profile)
    for name, tried in OWN.items():
        needs = tuple(need if "/" in need else f"who_teaches/{need}" for need in own[name].needs)
        arm = replace(own[name], settings={**own[name].settings, **unseen}, needs=needs, facts={})
        for other, decay in product(tried, DECAYS.get(name, DECAYS["others"])):
            key = " ".join([name, *(f"{setting}={value:g}" for setting, value in other.items()), f"decay={decay:g}"])
            settings = {**arm.settings, **other, "weight_decay": decay}
            found[key] = replace(arm, settings=settings, named=name, seeds=TRIES)
        if name in GATED:
            for times, text in enumerate(("chosen", "twice"), 1):
                settings = {**arm.settings, "epochs": times * arm.settings["epochs"]}
                found[f"{name} {text}"] = replace(arm, settings=settings)
    more = found["hard chosen"].settings
    more = {**more, "images": 5 * more["images"], "epochs": more["epochs"] // 5}
    return found | {"more labels": replace(found["hard chosen"], settings=more)}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the nets of one try, and score them on validation images, which nobody saw."""
    (trial,) = trials
    whole, unseen = splits(trial, tools)
    split, nets, wrong = whole.rows(draw(trial, whole)), seeded_nets(trial), None
    with suppress(FloatingPointError):  # at the largest rate some diverge
        train(trial, split, objective_for(trial, split, tools), tools, nets)
        answers = [predict(net, unseen).logits for net in nets]
        each = [errors(logits, unseen.y) for logits in of_its_size(trial, answers)]
        wrong = sum(each) / len(each)
    return [{"validation_errors": wrong}]
