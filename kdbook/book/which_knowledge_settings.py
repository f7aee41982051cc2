"""With which rate, temperature and weight does each student of `which_knowledge` learn? Chosen on validation images.

Every arm has six tries or more on the same draws: labels and hard answers rates and decays, soft targets rates and
temperatures; a method alone four weights, each with rate and decay as labels like them and as hard answers do, which
see all images as its term does; a method added to KD six weights. Some are trained again as chosen on five draws, and
for twice the epochs, and their teachers are scored: the gates.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import product

import numpy as np

from kdbook.book import which_knowledge
from kdbook.book.shared.tries import tried
from kdbook.book.which_knowledge import AS_ANSWERS, CHOSEN, METHODS, RESPONSES, drawn, train_student
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, predict, splits, teacher_answers
from kdbook.show import figure, heat

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
TRIES, OF_BASES = 2, 3  # draws of each try; one more of those on whose settings all methods build
BASES = ("hard", "kd", "mlp_hard", "mlp_kd")
RATES = {"hard": (0.05, 0.1, 0.2, 0.4), "answers": (0.1, 0.2, 0.4, 0.8), "mlp": (0.05, 0.1, 0.2)}
DECAYS = (5e-4, 5e-3)
# Of soft targets, which a convolutional student likes to learn fast: 0.1 and 0.2 were worse at every T, on one draw.
# An MLP diverges at 0.2 in two of three draws, at T = 2 and more.
SOFT_RATES = {"conv": (0.4, 0.8), "mlp": (0.05, 0.1)}
TEMPERATURES = {
    "kd": (2.0, 4.0, 8.0),
    "mlp": (1.0, 2.0, 4.0),
    "standardized": (0.5, 1.0, 2.0),
    "dist": (1.0, 2.0, 4.0),
    "api": (1.0, 2.0, 4.0),
}
BETAS = (0.25, 0.5, 1.0)  # of DKD, with the temperatures of KD
# Times a term's unit. Alone, a first grid began at 0.03: the lighter, the more it was like labels alone.
FACTORS = {"kd": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0), "conv": (1.0, 3.0, 10.0, 30.0), "mlp": (0.3, 1.0, 3.0, 10.0)}
HEAVIER = {"fsp": 100.0, "pkt": 100.0, "mlp_rkd_d": 30.0, "mlp_pkt": 30.0}  # alone, where the heaviest was best
HINT_EPOCHS = {"kd": (1, 2, 3, 4, 5, 6), "conv": (1, 2, 3, 4), "mlp": (1, 2, 3, 4), "quick": (1,)}  # of eight
LABELS = {key: CHOSEN["hard"][key] for key in ("lr", "weight_decay")}  # of both nets
# Rate and decay of a method alone: those of labels, or what hard answers like, who see all images as its term does.
ALONE = {"conv": (LABELS, AS_ANSWERS), "mlp": (LABELS, {"lr": 0.05, "weight_decay": 5e-4})}
QUICK = ("dkd", "fitnet", "at", "pkt")  # a quick run tries a third of what is tried of these, and for one network
GATED = ("hard", "kd", "rkd_d", "rkd_d_kd", "mlp_hard", "mlp_kd")


def arms(profile: str) -> dict[str, Arm]:
    """Every student of `which_knowledge` with each try."""
    found, unseen = {}, {"scored_on": "validation"}
    for name, arm in which_knowledge.arms(profile).items():
        own = replace(arm, settings=arm.settings | unseen, needs=("which_knowledge/teacher",), teaches=False)
        if name == "teacher":
            found[name] = replace(own, settings={"part": "fit"} | unseen)
            continue
        found |= tried(name, own, tries(name, profile), OF_BASES if name in BASES else TRIES)
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
    some = slice(None, None, 3 if profile == "quick" else 1)
    if short in ("hard", "answers"):
        rates = RATES["mlp" if net == "mlp" else short]
        return [{"lr": lr, "weight_decay": decay} for lr, decay in product(rates, DECAYS)]
    if short == "dkd":
        return [{"temperature": t, "dkd_beta": beta} for t, beta in product(TEMPERATURES["kd"], BETAS)][some]
    if short in RESPONSES:
        temperatures = TEMPERATURES["mlp" if net == "mlp" else short]
        return [{"lr": lr, "temperature": t} for lr, t in product(SOFT_RATES[net], temperatures)]
    kind, bases = ("kd", ({},)) if short.endswith("_kd") else (net, ALONE[net])
    if method == "fitnet":
        weights = [{"hint_epochs": epochs} for epochs in HINT_EPOCHS["quick" if profile == "quick" else kind]]
    else:
        heavier = (HEAVIER[name],) if name in HEAVIER else ()
        weights = [{"beta": factor * METHODS[method].unit} for factor in (*FACTORS[kind], *heavier)]
    return [base | weight for base, weight in product(bases, weights)][some]


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


def of_tries(table, name: str, weights: int) -> np.ndarray:
    """Mean validation errors (rates, weights) of a method, whose last weights may not have been tried."""
    column = "hint_epochs" if name.startswith("fitnet") else "beta"
    rows = table[(table.arm == name) & table[column].notna()]
    told = rows.pivot_table(index="lr", columns=column, values="validation_errors").to_numpy()
    return np.pad(told, ((0, 0), (0, weights - told.shape[1])), constant_values=np.nan)


@figure(
    "which_knowledge_settings",
    chapter="04",
    size=(10.5, 5.4),
    grid=(1, 2),
    legend=None,
    sharey=True,
    width_ratios=(5, 3),
)
def weights(left, right, both):
    """How much weight should a term have? On validation images, which neither teacher nor student has seen.

    Two tables of colours, beside labels and added to soft targets: a row for each method, a column for each weight,
    from light to heavy, or for a FitNet the epochs of hints. Colours tell validation errors, a ring marks what is in
    use. Beside labels most methods like a heavy term; soft targets hardly notice a light one.
    """
    alone, added = ([*FACTORS["conv"], max(HEAVIER.values())], [*FACTORS["kd"]])
    for axes, suffix, factors, title in (
        (left, "", alone, "Beside labels, at two rates"),
        (right, "_kd", added, "Added to soft targets"),
    ):
        told = np.stack([of_tries(both.reference, name + suffix, len(factors)).ravel() for name in METHODS])
        columns = [f"{factor:g}" for factor in factors] * (told.shape[1] // len(factors))
        look = {"cmap": "viridis_r", "vmin": np.nanmin(told), "vmax": 1.3 * np.nanmin(told), "aspect": "auto"}
        drawn = heat(axes, told, columns, [method.label for method in METHODS.values()], **look)
        axes.scatter(np.nanargmin(told, 1), range(len(told)), s=90, facecolors="none", edgecolors="black", lw=1.6)
        axes.set(title=title, xlabel="weight / natural size\n(FitNet: more and more epochs)")
        axes.figure.colorbar(drawn, ax=axes, shrink=0.8, label="validation errors of 10,000", extend="max")
    left.axvline(len(alone) - 0.5, color="white", lw=3)
    left.set_xlabel("weight / natural size\nat the rate of labels | at that of hard answers")
