"""Do small students want lower temperatures? Hinton et al. 2015, section 3, on MNIST.

Published: with 300 or more units in both hidden layers all temperatures above 8 gave similar results; with 30 units
temperatures from 2.5 to 4 were significantly better than higher or lower ones. Soft targets only, no labels.
"""

import torch
from torch import Tensor

from kdbook.data.images import Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import (
    cached_teacher,
    cohort_teacher,
    errors,
    fidelity,
    predict,
    seeded_network,
    splits,
    teacher_answers,
    train,
    train_seeds,
)
from kdbook.show import SOFT, Look, curve, figure, level, plain, rows_of, temperatures
from kdbook.training import Distillation, OwnRates, stack

VERSION = 1
SEEDS = {"full": (20, 0), "quick": (2, 0), "gpu": (50, 0)}  # students; the teachers are hinton_mnist's
COLUMNS = columns(
    "arm seed teacher_seed width temperature test_errors agreement mean_kl",
    arm="hidden units, then temperature",
    seed="seed of weights and order; all temperatures of a seed start from the same weights",
    temperature="T of training",
)

TEMPERATURES = (1.0, 2.0, 2.5, 3.0, 4.0, 8.0, 12.0, 20.0, 40.0)
WIDTHS = {10: TEMPERATURES, 30: TEMPERATURES, 100: TEMPERATURES, 300: TEMPERATURES, 800: (1.0, 4.0, 20.0)}
EPOCHS = {"full": {10: 12, 30: 12, 100: 8, 300: 6, 800: 6}, "quick": {10: 10, 30: 8, 100: 5, 300: 2, 800: 2}}
PUBLISHED = {30: (2.5, 4.0), 300: (8.0, 40.0), 800: (8.0, 40.0)}  # width -> lowest and highest of the best temperatures


def learning_rate(temperature: float) -> float:
    """0.2 / T, and 0.05 from T = 4 on: about the best of 0.05, 0.1, 0.2 and 0.4 on the last 10,000 training images.

    Twice the rate made students of 10 and of 100 units diverge at high temperatures; a quarter of it left those of
    T = 1, whose gradients are smallest, far from the end of their training. At 300 units twice the rate would do.
    """
    return max(0.05, 0.2 / temperature)


def arms(profile: str) -> dict[str, Arm]:
    """All temperatures of a seed and a width as one cohort, on a GPU of all seeds; the teacher is hinton_mnist's."""
    images, few = {"batch_size": 256}, None if profile == "gpu" else 5
    if profile == "quick":
        images, few = {"samples": 2_000, "batch_size": 50}, 1
    epochs, of = EPOCHS["quick" if profile == "quick" else "full"], "seeds " if profile == "gpu" else ""

    def taught(width: int, t: float) -> Arm:
        sizes, soft = [784, width, width, 10], {"temperature": t, "alpha": 1.0, "lr": learning_rate(t)}
        return Arm(
            f"{width} units, T = {t:g}",
            settings={"sizes": sizes, **soft, "epochs": epochs[width], **images},
            needs=("hinton_mnist/teacher",),
            cohort=f"{of}{width}",
            seeds=few if width == 800 else None,
        )

    return {f"{width}:T={t:g}": taught(width, t) for width, chosen in WIDTHS.items() for t in chosen}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a cohort, then read the test set once."""
    temperature = torch.tensor([[t.settings["temperature"]] for t in trials])
    return train_cohort(trials, tools, lambda teacher: Distillation(teacher, temperature, alpha=1.0))


def train_cohort(trials: list[Trial], tools: Tools, objective) -> list[dict]:
    """Train students of one width, of a seed or all, under `objective(teacher)`; a row of measurements for each."""
    first, rates = trials[0], [t.settings["lr"] for t in trials]
    split, test = splits(first, tools)
    if first.cohort.startswith("seeds"):
        cohort, _ = train_seeds(trials, split, OwnRates(objective(cohort_teacher(trials, split, tools)), rates), tools)
    else:
        rated = OwnRates(objective(cached_teacher(first.needs[0], split, tools)), rates)
        cohort, _ = train(first, split, rated, tools, model=stack([seeded_network(t) for t in trials]))
    answers = predict(cohort, test).logits
    return [row_of(logits, trial, test, tools) for trial, logits in zip(trials, answers, strict=True)]


def row_of(logits: Tensor, trial: Trial, test: Split, tools: Tools) -> dict:
    """What is measured of a student by its logits (N, C) for a test split."""
    (teacher,) = trial.needs
    row = {"teacher_seed": teacher.seed, "width": trial.settings["sizes"][1], "test_errors": errors(logits, test.y)}
    return row | fidelity(logits, teacher_answers(teacher, test, tools))


TICKS = (1, 2, 4, 8, 20, 40)


def paired(table):
    """The table with `excess`: errors above the mean over all temperatures of the same seed and width, in % of it."""
    mean = table.groupby(["width", "seed"]).test_errors.transform("mean")
    return table.assign(excess=100 * (table.test_errors / mean - 1))


@figure("temperature_by_width", chapter="02", size=(15, 4.4), grid=(1, len(WIDTHS)), legend=1, sharey=True)
def by_width(panels, both):
    """Hinton et al. 2015, section 3: 2.5 to 4 for 30 units, anything above 8 for 300 or more.

    Five panels, for students of 10 to 800 units a layer: test errors above or below the mean over all temperatures of
    the same seed, in per cent, over the temperature. Grey bands are the paper's best. For 10 and 30 units errors rise
    steeply above 4; for 300 and 800 they fall from 1 on and are level from about 8.
    """
    compared, look = both.map(paired), Look("reference", SOFT)
    for axes, width in zip(panels, WIDTHS, strict=True):
        if width in PUBLISHED:
            axes.axvspan(*PUBLISHED[width], color="black", alpha=0.1, lw=0, label="published: best")
        level(axes, 0)
        rows = compared.rows(width=width)
        curve(axes, rows, "temperature", "excess", look, own_mark="D--", own="yours (quick)")
        temperatures(axes, TICKS)
        axes.set_title(f"{width} units")
    panels[0].set_ylabel("test errors, % above the seed's mean")


@figure("temperature_errors_and_agreement", chapter="02", size=(11, 5), grid=(1, 2), legend=1)
def levels(left, right, both):
    """How large the effect of the temperature is beside that of the width.

    Left, test errors over the temperature of training, one curve a width, on a logarithmic scale; right, the share of
    test images with the teacher's answer. The curves of the widths lie far apart.
    """
    for axes, column, scale in ((left, "test_errors", 1), (right, "agreement", 100)):
        for width, mark in zip(WIDTHS, ("v-", "o-", "s-", "^-", "d-"), strict=True):
            rows, look = both.rows(width=width), Look(f"{width} units", SOFT)
            own = "yours (quick)" if width == 10 else None
            curve(axes, rows, "temperature", column, look, mark=mark, own=own, scale=scale)
            last = rows.reference.temperature.max()
            end = rows_of(rows.reference, {"temperature": last})[column].mean() * scale
            axes.text(last * 1.08, end, f"{width}", va="center")
        temperatures(axes, TICKS)
    plain(left.yaxis, scale="log")
    left.set(title="MNIST test errors of 10,000", ylabel="wrong answers (log scale)")
    right.set(title="Same answer as the teacher", ylabel="% of test images")
