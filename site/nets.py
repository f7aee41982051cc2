"""The four small nets that the page *Play* carries: which trials they are, and how they were trained.

    python site/nets.py             trains what `results/weights` lacks of them, about ten minutes on one core

The nets of chapter 01 would take 12 MB in a page. These learn by the same recipes and are stored in the same way; they
have fewer units, and the teacher has fewer epochs. Widths and epochs were set before one of them was scored.
"""

import torch

from kdbook.lab import Store, Trial, arms
from kdbook.lab.engines import local
from kdbook.lab.weights import WEIGHTS

TEACHER = {"sizes": [784, 400, 400, 10], "epochs": 24}  # chapter 01: two layers of 1200 units, 150 epochs
STUDENT = {"sizes": [784, 100, 100, 10]}  # chapter 01: two layers of 800 units


def smaller(question: str, arm: str, teacher: Trial | None = None) -> Trial:
    """A trial of the full profile with fewer units, and with a teacher that has fewer as well."""
    full = arms.trial(question, "full", arm, 0)
    needs = (teacher,) if teacher else ()
    settings = {**full.settings, **(STUDENT if teacher else TEACHER)}
    return Trial(question, arm, 0, settings, needs, full.data, full.version)


def trials() -> dict[str, Trial]:
    """The nets by the names that the page knows them by."""
    teacher = smaller("hinton_mnist", "teacher")
    return {
        "teacher": teacher,
        "hard": smaller("hinton_mnist", "hard", teacher),
        "soft": smaller("hinton_mnist", "distilled", teacher),
        "no3": smaller("missing_digit", "no_3", teacher),
    }


if __name__ == "__main__":
    local([*trials().values()], Store(WEIGHTS), torch.device("cpu"))
