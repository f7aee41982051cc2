"""Many small students as one stacked model, against the same students one by one; both in turn, within one run.

`make bench` puts the row into README.md; `python benchmarks/cohort.py` prints it alone.
"""

import statistics

import torch

from kdbook.data import load_images
from kdbook.nets.vision import MLP
from kdbook.training import CachedTeacher, Distillation, fit, sgd, stack

SIZES = [784, 30, 30, 10]
GRID = [(t, a) for t in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 8.0, 10.0, 20.0) for a in (0.5, 0.9, 1.0)]  # T and alpha
IMAGES, BATCH_SIZE, ROUNDS = 7_680, 128, 3


def students(grid: list[tuple[float, float]]) -> list[MLP]:
    """One student a setting, all of one seed."""
    made = []
    for _ in grid:
        torch.manual_seed(0)
        made.append(MLP(SIZES))
    return made


def cohort_seconds(grid=GRID, images: int = IMAGES, rounds: int = ROUNDS) -> tuple[float, float]:
    """Time of one epoch for all students, s: as one stacked model, and one by one; medians."""
    split = load_images().rows(slice(images))
    torch.manual_seed(1)
    teacher = CachedTeacher.of(MLP([784, 1200, 1200, 10]), split)
    temperature, alpha = torch.tensor(grid).T[:, :, None]  # (S, 1) each
    settings = {"epochs": 1, "batch_size": BATCH_SIZE, "optimizer": sgd(0.01), "seed": 0, "progress": False}

    def together() -> float:
        return fit(stack(students(grid)), Distillation(teacher, temperature, alpha), split, **settings).seconds

    def one_by_one() -> float:
        pairs = zip(students(grid), grid, strict=True)
        return sum(fit(s, Distillation(teacher, t, a), split, **settings).seconds for s, (t, a) in pairs)

    together()
    stacked, alone = zip(*((together(), one_by_one()) for _ in range(rounds)), strict=True)
    return statistics.median(stacked), statistics.median(alone)


def cohort_row(**settings) -> tuple[str, str, str]:
    """What, measured and aim: a row of the table in README.md."""
    stacked, alone = cohort_seconds(**settings)
    students = len(settings.get("grid", GRID))
    what = f"{students} students 784-30-30-10 as one stacked model, batch {BATCH_SIZE}: time against one by one"
    return what, f"{stacked / alone:.2f} ({stacked:.2f} against {alone:.2f} s an epoch)", "0.2, at most 0.25"


if __name__ == "__main__":
    print("| {} | {} | {} |".format(*cohort_row()))
