"""With which rate, decay and temperature do the nets of `capacity_gap` learn? Chosen on validation images.

Twelve tries an arm: four rates, each with three decays, or three rates at each of four temperatures (on all images
of three); rates of soft targets are divided by T, as their gradient grows with it. MLPs that teach have three rates.
Teachers are tried with one seed, the smaller and the larger of a kind (those between take what the larger
has), assistants with three temperatures at one rate, and students, who cost a second, on three draws. Some are trained
again on five draws, as chosen and for twice the epochs: the gates.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import product

from kdbook.book import capacity_gap
from kdbook.book.capacity_gap import ASSISTANTS, CONVS, EARLY, FEW, LABELS, MLPS, train_students, train_teacher
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, predict, splits, teacher_answers
from kdbook.show import figure, line, temperatures

VERSION, DATA = 1, capacity_gap.DATA
SEEDS = {"full": (5, 5), "quick": (1, 1)}  # draws; teachers are those of capacity_gap
COLUMNS = columns(
    "arm seed told_by images logits lr weight_decay temperature validation_errors",
    arm="as in capacity_gap; with `chosen` or `twice` as it was chosen, or so for twice the epochs; a teacher `scored`",
    seed="seed of weights, order and of the draw of images",
    told_by="arm of the teacher that it learns from",
    images="images that it sees",
    logits="plain or standardized; none where labels teach",
    lr="learning rate",
    weight_decay="decay of the weights",
    temperature="T of training",
    validation_errors="wrong answers on the 10,000 validation images, last epoch; none where a try diverged",
)
TRIES = 3  # draws of each student's try
RATES, DECAYS = (0.05, 0.1, 0.2), {True: (5e-4, 5e-3, 2e-2), False: (0.0, 5e-4, 2e-3)}  # whether images are few
TEMPERATURES = (1.0, 2.0, 4.0)  # of assistants
SCORED = ("mlp_64", "conv_32")  # teachers that the gates ask for, and their students
GATED = ("labels", *(f"from {name}, T = {t:g}" for name, t in zip(SCORED, (4, 2), strict=True)))
TRIED = ("mlp_64", "mlp_800", "conv_8", "conv_32")  # the smaller and the larger teacher of a kind


def arms(profile: str) -> dict[str, Arm]:
    """Every net of `capacity_gap` with each try; students of one rate and decay or T are trained as one."""
    found = {}
    for name, arm in capacity_gap.candidates(profile).items():
        needs = tuple(f"capacity_gap/{need}" for need in arm.needs)
        unseen = replace(arm, settings={**arm.settings, "scored_on": "validation"}, needs=needs, teaches=False)
        if arm.cohort:
            for try_, own in tries(arm).items():
                found[f"{name}{try_}"] = tried(unseen, name, own, seeds=TRIES, cohort=f"seeds {name}{try_}")
        elif name in TRIED:
            found |= {f"{name}{try_}": tried(unseen, name, own, seeds=1) for try_, own in tries(arm).items()}
        elif needs:
            own = {t: {"temperature": t} for t in TEMPERATURES}
            found |= {f"{name} T = {t:g}": tried(unseen, name, own[t], seeds=1) for t in TEMPERATURES}
        if name in GATED:
            for again, times in {"chosen": 1, "twice": 2}.items():
                own = {"epochs": arm.settings["epochs"] * times}
                found[f"{name} {again}"] = tried(unseen, f"{name} {again}", own, cohort=f"seeds {name} {again}")
        if name in SCORED:
            settings = {"part": "fit", "scored_on": "validation"}
            found[f"{name} scored"] = Arm(LABELS[name], "teacher", settings, (f"capacity_gap/{name}",))
    return found


def tries(arm: Arm) -> dict[str, dict]:
    """Rates and decays of a net of labels, or rates of a student of soft targets, whose gradient grows as T does."""
    if arm.needs:
        return {f" lr={lr:g}": {"lr": lr} for lr in (rate / arm.settings["temperature"] for rate in RATES)}
    decays, rates = DECAYS[arm.settings["images"] == FEW], RATES
    if "net" in arm.settings:  # convolutional nets were best at 0.2, where their range ended
        rates = (*RATES, 0.4)
    if arm.cohort:
        rates = (0.025, *RATES)
    return {f" lr={lr:g} {d:g}": {"lr": lr, "weight_decay": d} for lr, d in product(rates, decays)}


def tried(arm: Arm, name: str, own: dict, **how) -> Arm:
    """An arm with settings of a try, under its own name in the table."""
    return replace(arm, settings={**arm.settings, **own}, named=name, **how)


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one teacher, or the tries of a student as one, and score each on validation images."""
    first = trials[0]
    whole, unseen = splits(first, tools)
    wrong = [None] * len(trials)
    with suppress(FloatingPointError):  # at the largest rates some diverge
        if first.cohort:
            answers = predict(train_students(trials, whole, tools), unseen).logits
        elif "epochs" in first.settings:
            answers = [predict(train_teacher(first, whole.rows(slice(first.settings["images"])), tools), unseen).logits]
        else:
            answers = [teacher_answers(first.needs[0], unseen, tools)]
        wrong = [errors(logits, unseen.y) for logits in answers]
    told_by = first.needs[0].arm if first.needs else None
    return [{"told_by": told_by, "validation_errors": found} for found in wrong]


@figure("capacity_gap_settings", chapter="09", size=(11, 4.4), grid=(1, 2), legend="all", sharey=True)
def by_temperature(left, right, both):
    """Which T suits which teacher of a student of few images?

    Validation errors of the student over T, at the best of three rates, means of three draws: left for teachers of
    labels, right for assistants and the largest convolutional net stopped early. Convolutional teachers want T = 2,
    MLPs 4 or more; whichever T one takes, the MLP of 64 units stays the best teacher of labels.
    """
    students = both.reference[(both.reference.images == FEW) & (both.reference.logits == "plain")]
    for axes, tell in ((left, (*MLPS, *CONVS)), (right, (*EARLY, *ASSISTANTS))):
        for colour, name in enumerate(tell):
            tried = students[students.told_by == name].dropna(subset="validation_errors")
            best = {}
            for t, rows in tried.groupby("temperature"):
                rates = rows.groupby("lr").validation_errors
                best[t] = rates.get_group(rates.mean().idxmin())
            line(axes, best, f"C{colour}", label=LABELS[name], interval=False)
        temperatures(axes, capacity_gap.TEMPERATURES["plain"])
    left.set(title="Teachers of labels", ylabel="student's validation errors of 10,000", ylim=(1_340, None))
    right.set_title("Stopped early, and assistants")
