"""With which rates and temperature does each student of `half_the_layers` learn? Chosen on validation texts.

Every student has three tries or more on the same two draws: of the rate at which it learns its tasks, of the rate at
which it reads, or of rate and temperature of soft targets. Some are trained again as chosen on five draws, and some
with twice the steps, beside their teachers: the gates.
"""

from dataclasses import replace
from itertools import product

from kdbook.book import half_the_layers
from kdbook.book.shared.tries import tried
from kdbook.lab import Arm, Tools, Trial, columns

VERSION, DATA, CARDS = 1, half_the_layers.DATA, half_the_layers.CARDS
SEEDS = {"full": (5, 5), "quick": (1, 1)}  # draws, each with a teacher of its own
COLUMNS = columns(
    "arm seed task lr read_lr temperature steps score",
    arm="as in half_the_layers; with `chosen` or `twice` its chosen settings, or these with twice the steps",
    task="intents or supersense (right answers, %), dictionary (recall at 10, %), or their mean, macro",
    lr="learning rate of the tasks",
    read_lr="learning rate while reading",
    temperature="T of the soft targets",
    steps="steps of a task",
    score="on validation texts, last epoch",
)
TRIES = 2  # draws of each try
RATES, READING, TEMPERATURES = (1e-4, 3e-4, 1e-3), (1e-4, 3e-4, 1e-3), (1.0, 2.0, 4.0)
GATED = ("layers", "pooled", "both")


def arms(profile: str) -> dict[str, Arm]:
    """Every net of `half_the_layers` with each try, the teachers as chosen, and the gates."""
    found = {}
    for name, arm in half_the_layers.arms(profile).items():
        arm = replace(arm, settings={**arm.settings, "scored_on": "validation"})
        found |= tried(name, arm, tries(name, arm), TRIES)
        if arm.teaches:
            found[name] = replace(arm, named=f"{name} chosen")
        elif name in GATED:
            found[f"{name} chosen"] = arm
            twice = {key: 2 * arm.settings[key] for key in ("texts", "steps", "told_steps")}
            found[f"{name} twice"] = replace(arm, settings={**arm.settings, **twice})
    return found


def tries(name: str, arm: Arm) -> list[dict[str, float]]:
    """Settings that are tried for an arm."""
    if "told" in arm.settings:
        temperatures = TEMPERATURES if arm.settings["told"] == "soft" else (None,)
        return [{"lr": lr} | ({"temperature": t} if t else {}) for lr, t in product(RATES, temperatures)]
    if "reads" in arm.settings:
        return [{"read_lr": rate} for rate in READING]
    return [{"lr": lr} for lr in RATES]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """As `half_the_layers`, on validation texts."""
    (row,) = half_the_layers.measure(trials, tools)
    return [{"rows": [{"task": r["task"], "score": r["score"]} for r in row["rows"]]}]
