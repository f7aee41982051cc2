"""With which rate, decay and temperature does each net of `real_voices` learn, and can it decide?

Read from validation recordings only. In each draw a second speaker is left out besides the one whom `real_voices` tests
on, and is what tries are scored on, with takes that no test has. Every student has twelve tries on the same three
draws, of rate and decay or, of soft targets, of rate and temperature, and six more on the first of them. Three are
trained on five draws as chosen, and on three for twice the epochs, beside their teachers: the gates.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import product

from kdbook.book import real_voices
from kdbook.book.real_voices import learned
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, predict

VERSION, DATA = 1, real_voices.DATA
SEEDS = {"full": (5, 5), "quick": (1, 1)}  # draws, each with teachers of its own, who have not heard who is scored
COLUMNS = columns(
    "arm seed answers lr weight_decay temperature epochs validation_errors",
    arm="as in real_voices; with `chosen` or `twice` its chosen settings, or these for twice the epochs",
    answers=real_voices.COLUMNS["answers"],
    lr="learning rate",
    weight_decay="decay of the weights",
    temperature="T of the soft targets",
    epochs="rounds of the recordings that the net hears",
    validation_errors="wrong answers on 250 recordings of a speaker left out; none where a try diverged",
)
TRIES, PILOT = 3, 5  # draws of each try, and of what was chosen
# A first grid had rates up to 0.2, which was best for some, so that all were tried at up to eight times that. The
# largest decay and the largest T were tried on the first draw alone, where they were best for nobody.
RATES, DECAYS, TEMPERATURES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6), (5e-4, 5e-3, 2e-2), (2.0, 4.0, 8.0)
ONCE = (DECAYS[-1], TEMPERATURES[-1])
GATED = ("labels", "soft_few", "soft")


def arms(profile: str) -> dict[str, Arm]:
    """Every student of `real_voices` with each try, both teachers, and the gates."""
    found = {}
    for name, arm in real_voices.arms(profile).items():
        arm = replace(arm, settings={**arm.settings, "scored_on": "validation"})
        if arm.teaches:
            found[name] = arm
            continue
        soft = arm.settings["answers"] == "soft"
        for lr, other in product(RATES, TEMPERATURES if soft else DECAYS):
            own = {"lr": lr, "temperature" if soft else "weight_decay": other}
            draws = 1 if other in ONCE else TRIES
            tried = replace(arm, settings={**arm.settings, **own}, named=name, seeds=draws)
            found[f"{name} {lr:g} {other:g}"] = tried
        if name in GATED:
            for times, text in enumerate(("chosen", "twice"), 1):
                settings = {**arm.settings, "epochs": times * arm.settings["epochs"]}
                found[f"{name} {text}"] = replace(arm, settings=settings, seeds=PILOT if times == 1 else TRIES)
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one try or a teacher, and score it on validation recordings."""
    (trial,) = trials
    wrong = None
    with suppress(FloatingPointError):  # at the largest rate some may diverge
        net, unseen = learned(trial, tools)
        wrong = errors(predict(net, unseen).logits, unseen.y)
        if not trial.needs:
            tools.keep(trial, tensors=net.state_dict())
    return [{"validation_errors": wrong}]
