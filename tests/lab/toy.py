"""A tiny experiment for the tests of the lab, whose teacher belongs to another one.

As a script it runs itself by the command line in a process of its own. Environment variables steer it: `TOY_LOG` is a
file that gets a line for each trial measured, `TOY_STALL` a file that a student makes before it stops in mid-epoch,
`TOY_MEET` a folder where `TOY_NUMBER` processes (two) wait for each other. Further arguments go to the command line.
"""

import os
import signal
import sys
import time
from pathlib import Path

from kdbook.lab import arms as registry
from kdbook.lab.arms import Arm
from kdbook.lab.steps import errors, objective_for, predict, train, training_split

VERSION = 1
SEEDS = {"quick": (2, 1), "full": (2, 1), "gpu": (3, 1)}
FILES = dict.fromkeys(("toy", "toy_teacher"), "kdbook.book.toy")  # one module for both
COLUMNS = {"arm": "who", "seed": "seed", "train_errors": "wrong answers on the images trained on"}
SETTINGS = {
    "sizes": [784, 8, 10],
    "hidden_dropout": 0.2,
    "samples": 100,
    "shifts": True,
    "batch_size": 25,
    "lr": 0.05,
    "epochs": 6,
}


def arms(profile):
    return {
        "teacher": Arm("teacher", "teacher", SETTINGS, teaches=True, listed=False),
        "student": Arm("student", "soft", {**SETTINGS, "temperature": 2.0, "alpha": 1.0}, ("toy_teacher/teacher",)),
    }


class Stalling:
    """An objective that can stop in the middle of the fourth epoch, where the environment says so."""

    def __init__(self, objective, student):
        self.objective, self.student = objective, student

    def start_epoch(self, epoch):
        self.epoch, self.batches = epoch, 0

    def __call__(self, model, batch):
        self.batches += 1
        stall = self.student and os.environ.get("TOY_STALL")
        if stall and self.epoch == 3 and self.batches == 2:
            Path(stall).touch()
            time.sleep(600)
        return self.objective(model, batch)


def measure(trials, tools):
    (trial,) = trials
    if log := os.environ.get("TOY_LOG"):
        with open(log, "a") as file:
            file.write(f"{trial.arm} {trial.seed}\n")
    split = training_split(trial, tools)
    objective = Stalling(objective_for(trial, split, tools), trial.arm == "student")
    model, history = train(trial, split, objective, tools)
    tools.keep(trial, tensors=model.state_dict(), pictures={"loss": history.loss})
    return [{"train_errors": errors(predict(model, split).logits, split.y)}]


def meet(folder, number):
    """Wait until `number` processes are here."""
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < number:
        time.sleep(0.01)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with Ctrl-C ignored
    from kdbook.training import loop

    loop.CHECKPOINT_SECONDS = 0.0
    registry.files = lambda: FILES
    sys.modules["kdbook.book.toy"] = sys.modules["__main__"]
    from kdbook.__main__ import main

    if os.environ.get("TOY_MEET"):
        meet(Path(os.environ["TOY_MEET"]), int(os.environ.get("TOY_NUMBER", 2)))
    sys.argv = ["kdbook", "run", "toy", "--device", "cpu", *sys.argv[1:]]
    main()
