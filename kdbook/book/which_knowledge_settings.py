"""With which rate, temperature and weight does each student of `which_knowledge` learn? Chosen on validation images.

Every arm has six tries or more on the same three draws: labels and hard answers rates and decays, soft targets rates
and temperatures, a method's term six weights, with the rate of the labels or of KD. Some are trained again as chosen
on five draws, and for twice the epochs, and their teachers are scored: the gates.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import product

from kdbook.book import which_knowledge
from kdbook.book.which_knowledge import METHODS, RESPONSES, drawn, train_student
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, predict, splits, teacher_answers

VERSION, DATA = 1, which_knowledge.DATA
SEEDS = {"full": (5, 0), "quick": (1, 0)}  # draws; teachers are those of which_knowledge
COLUMNS = columns(
    "arm seed lr weight_decay temperature beta dkd_beta hint_epochs epochs validation_errors",
    arm="as in which_knowledge; with `chosen` or `twice` its chosen settings, or these for twice the epochs",
    lr="learning rate",
    weight_decay="decay of the weights",
    temperature="T of the soft targets",
    beta="weight of the feature or relation term",
    dkd_beta="weight of what the teacher says of the other classes, in DKD",
    hint_epochs="epochs of the first stage of a FitNet",
    epochs="rounds of the images that the student sees",
    validation_errors="wrong answers on the 10,000 validation images, last epoch; none where a try diverged",
)
TRIES = 3  # draws of each try
RATES = {"conv": (0.05, 0.1, 0.2, 0.4), "mlp": (0.05, 0.1, 0.2)}  # of labels and hard answers
DECAYS = (5e-4, 5e-3)
# Of soft targets, which a convolutional student likes to learn fast: 0.1 and 0.2 were worse at every T, on one draw.
# An MLP diverges at 0.2 in two of three draws, at T = 2 and more.
SOFT_RATES = {"conv": (0.4, 0.8), "mlp": (0.05, 0.1)}
TEMPERATURES = {
    "conv": (2.0, 4.0, 8.0),
    "mlp": (1.0, 2.0, 4.0),
    "standardized": (0.25, 0.5, 1.0),
    "dist": (1.0, 2.0, 4.0),
}
BETAS = (1.0, 2.0, 4.0)  # of DKD
FACTORS = {"full": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0), "quick": (0.1, 1.0, 10.0)}  # times a term's unit
HINT_EPOCHS = {"full": (1, 2, 3, 4, 5, 6), "quick": (1,)}  # of eight
QUICK = ("dkd", "fitnet", "at", "rkd_d", "pkt")  # a quick run tries the weights of these only, and for one network
GATED = ("hard", "kd", "rkd_d", "rkd_d_kd", "mlp_hard", "mlp_kd")


def arms(profile: str) -> dict[str, Arm]:
    """Every student of `which_knowledge` with each try."""
    found, unseen = {}, {"scored_on": "validation"}
    for name, arm in which_knowledge.arms(profile).items():
        own = replace(arm, settings=arm.settings | unseen, needs=("which_knowledge/teacher",), teaches=False)
        if name == "teacher":
            found[name] = replace(own, settings={"part": "fit"} | unseen)
            continue
        for other in tries(name, profile):
            key = " ".join([name, *(f"{setting}={value:g}" for setting, value in other.items())])
            found[key] = replace(own, settings=own.settings | other, named=name, seeds=TRIES)
        if name in GATED and profile == "full":
            for times, text in enumerate(("chosen", "twice"), 1):
                found[f"{name} {text}"] = replace(
                    own, settings=own.settings | {"epochs": arm.settings["epochs"] * times}
                )
    return found


def tries(name: str, profile: str) -> list[dict]:
    """What is tried for an arm of `which_knowledge`."""
    net, short = ("mlp" if name.startswith("mlp_") else "conv"), name.removeprefix("mlp_")
    method = short.removesuffix("_kd")
    if profile == "quick" and (net == "mlp" or method not in QUICK):
        return []
    if short in ("hard", "answers"):
        return [{"lr": lr, "weight_decay": decay} for lr, decay in product(RATES[net], DECAYS)]
    if short == "dkd":
        return [{"temperature": t, "dkd_beta": beta} for t, beta in product((2.0, 4.0), BETAS)]
    if short in RESPONSES:
        temperatures = TEMPERATURES.get(short, TEMPERATURES[net])
        return [{"lr": lr, "temperature": t} for lr, t in product(SOFT_RATES[net], temperatures)]
    if method == "fitnet":
        return [{"hint_epochs": epochs} for epochs in HINT_EPOCHS[profile]]
    return [{"beta": factor * METHODS[method].unit} for factor in FACTORS[profile]]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one student, or ask a teacher, and score it on the validation images, which nobody saw."""
    (trial,) = trials
    split, unseen = splits(trial, tools)
    if "learn" not in trial.settings:
        return [{"validation_errors": errors(teacher_answers(trial.needs[0], unseen, tools), unseen.y)}]
    wrong = None
    with suppress(FloatingPointError):  # at the largest rates some diverge
        wrong = errors(predict(train_student(trial, drawn(trial, split), tools), unseen).logits, unseen.y)
    return [{"validation_errors": wrong}]
