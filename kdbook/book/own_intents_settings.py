"""With which rate, and with all words or half, does each net of `own_intents` learn, and can it decide?

Read from 1,000 validation texts only. Every student has eight tries on the same three draws of labels: four rates, each
with all words or half of them dropped; the teacher has eight rates. All students are trained on all five draws as
chosen, and three of them for twice the epochs, beside their teachers: the gates.
"""

from dataclasses import replace
from itertools import product

from kdbook.book import own_intents
from kdbook.book.own_intents import VALIDATION, learned
from kdbook.book.shared.tries import tried
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import percent_right

VERSION, DATA, CARDS = 1, own_intents.DATA, own_intents.CARDS
SEEDS = {"full": (5, 5), "quick": (1, 1)}  # draws, each with a teacher of its own
COLUMNS = columns(
    "arm seed answers lr input_dropout epochs score",
    arm="as in own_intents; with `chosen` or `twice` its chosen settings, or these for twice the epochs",
    answers="labels, soft (a teacher's soft targets), hard (the classes that the teacher names); none for the teacher",
    lr="learning rate",
    input_dropout="share of words that are dropped while training",
    epochs="rounds of the texts that the net sees",
    score="right answers on the 1,000 validation texts, %, last epoch",
)
TRIES = 3  # draws of each try
# A first grid had T = 4 for soft targets in place of dropped words, which differed from 2 by less than a standard error
# at the best rates, and on all texts a rate of 0.0003 in place of 0.03, by far the worst. Their rows were not kept.
RATES, DROPPED = (0.001, 0.003, 0.01, 0.03), (0.0, 0.5)
OF_TEACHER = (0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2)  # rates
TWICE = ("labels", "soft_few", "soft_many")


def arms(profile: str) -> dict[str, Arm]:
    """Every net of `own_intents` with each try, the teachers as chosen, and the gates."""
    found = {}
    for name, arm in own_intents.arms(profile).items():
        arm = replace(arm, settings={**arm.settings, "scored_on": "validation", "test": VALIDATION})
        found |= tried(name, arm, tries(name), TRIES)
        if arm.teaches:
            found[name] = replace(arm, named=f"{name} chosen")
            continue
        found[f"{name} chosen"] = arm
        if name in TWICE:
            found[f"{name} twice"] = replace(arm, settings={**arm.settings, "epochs": 2 * arm.settings["epochs"]})
    return found


def tries(name: str) -> list[dict[str, float]]:
    """Settings that are tried: eight of every net."""
    if name == "teacher":
        return [{"lr": lr} for lr in OF_TEACHER]
    return [{"lr": lr, "input_dropout": share} for lr, share in product(RATES, DROPPED)]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one try or a teacher, and score it on validation texts, which nobody saw."""
    (trial,) = trials
    net, _, logits, y = learned(trial, tools)
    tools.keep(trial, tensors=None if trial.needs else net.state_dict())
    return [{"score": percent_right(logits, y)}]
