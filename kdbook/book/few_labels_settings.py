"""With which rate, decay and temperature does each student of `few_labels` learn? Chosen on validation images.

Every arm has nine tries on the same three draws, and twelve where images are few: three rates, each with as many decays
or, of soft targets, temperatures. Some are trained again on five draws as chosen, and for twice the epochs, and their
teachers are scored: the gates.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from kdbook.book import few_labels
from kdbook.book.few_labels import settings_of, train_students
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, predict, splits, teacher_answers
from kdbook.show import Look, curve, figure, plain

VERSION, DATA = 1, few_labels.DATA
SEEDS = {"full": (5, 0), "quick": (1, 0)}  # draws; teachers are those of few_labels
COLUMNS = columns(
    "arm seed answers images labels lr weight_decay temperature validation_errors",
    arm="as in few_labels; with `chosen` or `twice` its chosen settings, or these for twice the epochs",
    answers="labels, soft (a teacher's soft targets), hard (the classes that the teacher names), or teacher",
    images="images that the student sees",
    labels="labels that its teacher knows",
    lr="learning rate",
    weight_decay="decay of the weights",
    validation_errors="wrong answers on the 10,000 validation images, last epoch; none where a try diverged",
)
TITLES = {"labels": "true labels", "soft": "soft targets", "hard": "teacher's hard answers"}
TRIES = 3  # draws of each try
# A first grid had rates up to 0.2, at which most students of up to 2,000 images diverge, as some of high temperatures
# do at 0.1, and no decay above 0.005. Few images want more decay and higher temperatures than many.
RATES = {True: (0.05, 0.1, 0.2), False: (0.025, 0.05, 0.1)}  # whether all images are seen, in larger batches
FEW = 2_000  # images, at most
DECAYS = {True: (5e-4, 5e-3, 2e-2, 5e-2), False: (0.0, 5e-4, 5e-3)}  # whether images are few
TEMPERATURES = {True: (1.0, 2.0, 4.0, 8.0), False: (1.0, 2.0, 4.0)}


def others(answers: str, images: int) -> tuple[float, ...]:
    """Decays or temperatures that are tried."""
    return (TEMPERATURES if answers == "soft" else DECAYS)[images <= FEW]


def arms(profile: str) -> dict[str, Arm]:
    """Every student of `few_labels` with each try; those of one rate and decay are trained as one."""
    found = {}
    for name, arm in few_labels.arms(profile).items():
        needs = tuple(f"few_labels/{need}" for need in arm.needs)
        answers, unseen = arm.settings["answers"], {"scored_on": "validation"}
        if arm.teaches:
            found[name] = replace(arm, settings=arm.settings | unseen, teaches=False, needs=(f"few_labels/{name}",))
            continue
        for other in others(answers, arm.settings["images"]):
            for lr in RATES[arm.settings["images"] == few_labels.ALL]:
                settings = {**arm.settings, **settings_of(answers, (lr, other)), **unseen}
                together = f"seeds {name} {lr:g} {other:g}"
                tried = replace(arm, settings=settings, named=name, needs=needs, cohort=together, seeds=TRIES)
                found[f"{name} lr={lr:g} {other:g}"] = tried
        if arm.settings["images"] == 2_000 and answers != "hard":
            found |= again(name, replace(arm, needs=needs, settings=arm.settings | unseen))
    return found


def again(name: str, arm: Arm) -> Mapping[str, Arm]:
    """An arm as it was chosen, and for twice the epochs."""
    times = {f"{name} chosen": 1, f"{name} twice": 2}
    epochs = {n: {"epochs": arm.settings["epochs"] * t} for n, t in times.items()}
    return {n: replace(arm, settings={**arm.settings, **more}, cohort=f"seeds {n}") for n, more in epochs.items()}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the tries of an arm as one, and score each on validation images."""
    first = trials[0]
    whole, unseen = splits(first, tools)
    wrong = [None] * len(trials)
    if first.settings["answers"] == "teacher":
        wrong = [errors(teacher_answers(first.needs[0], unseen, tools), unseen.y)]
    else:
        with suppress(FloatingPointError):  # of the tries at the largest rates some diverge
            answers = predict(train_students(trials, whole, tools), unseen).logits
            wrong = [errors(logits, unseen.y) for logits in answers]
    known = [(*trial.needs, trial)[0].settings["images"] for trial in trials]
    return [{"labels": n, "validation_errors": found} for n, found in zip(known, wrong, strict=True)]


@figure("few_labels_settings", chapter="01", size=(11, 4), grid=(1, 3), legend=None, sharey=True)
def by_rate(panels, both):
    """What was tried for each student of few labels: rates, decays and temperatures.

    Three panels, for true labels, soft targets and hard answers of the teacher of all labels: validation errors over
    the learning rate, both logarithmic, for five numbers of images from top to bottom, each with several decays or
    temperatures. No choice matters as much as the number of images does.
    """
    students = both.map(lambda table: table[table.arm.isin([*few_labels.arms("full")])])
    for axes, answers in zip(panels, ("labels", "soft", "hard"), strict=True):
        column = "temperature" if answers == "soft" else "weight_decay"
        tried = sorted({*others(answers, 0), *others(answers, few_labels.ALL)})
        for images in few_labels.SIZES["full"]:
            shown = {"answers": answers, "images": images, "labels": images if answers == "labels" else few_labels.ALL}
            for other in others(answers, images):
                label = (
                    f"{'T =' if answers == 'soft' else 'decay'} {other:g}" if images in (FEW, few_labels.ALL) else ""
                )
                rows = students.rows(**shown, **{column: other})
                curve(axes, rows, "lr", "validation_errors", Look(label, f"C{tried.index(other)}"), bars=False)
        plain(axes.xaxis, sorted({*RATES[True], *RATES[False]}), "log")
        plain(axes.yaxis, (1_000, 1_500, 2_000, 3_000), "log")
        axes.set(title=TITLES[answers], xlabel="learning rate")
        once = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        axes.legend(once.values(), once)
    panels[0].set_ylabel("validation errors of 10,000")
