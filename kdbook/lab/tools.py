"""What a trial meets while it is measured: the tools that it may use, and the line that shows how far it is."""

from collections.abc import Callable

import torch
from torch import Tensor
from tqdm import tqdm

from kdbook.lab.store import Store
from kdbook.lab.trial import Trial
from kdbook.training.checkpoint import Checkpoint


class Progress:
    """One line of text: which trial of how many, its epoch, and the time left by the work that is done."""

    def __init__(self, trials: list[Trial], quiet: bool = False):
        form = "{desc} | {percentage:.0f} %, {elapsed} gone, {remaining} left"
        self.total, self.number, self.whole = len(trials), 0, 0.0
        whole, hidden = sum(map(work, trials)), quiet or not trials
        self.bar = tqdm(total=whole, bar_format=form, disable=hidden, mininterval=1, leave=False)

    def epoch(self, trial: Trial, epoch: int, epochs: int) -> None:
        """Show the running trial's epoch."""
        text = f"trial {self.number + 1}/{self.total}: {trial.experiment} {trial.arm}, seed {trial.seed}"
        self.bar.set_description_str(f"{text}, epoch {epoch}/{epochs}", refresh=False)
        self.bar.n = self.whole + work(trial) * epoch / epochs
        self.bar.refresh()

    def done(self, group: list[Trial]) -> None:
        """Count finished trials."""
        self.number += len(group)
        self.whole += sum(map(work, group))
        self.bar.n = self.whole
        self.bar.refresh()


def work(trial: Trial) -> float:
    """How much a trial trains, epochs times weights: only the estimate of the time left depends on it."""
    sizes = trial.settings.get("sizes", [784, 100])
    return trial.settings.get("epochs", 1) * sum(a * b for a, b in zip(sizes[:-1], sizes[1:], strict=True))


class Tools:
    """What an experiment may use while it measures, in the process that measures."""

    def __init__(self, store: Store, device: torch.device, show: Progress):
        self.store, self.device, self.show = store, device, show
        self.kept, self.memory = {}, {}
        self.group, self.seconds_before = [], 0.0  # what is measured together, and what interrupted runs spent on it

    def tensors(self, trial: Trial) -> dict[str, Tensor]:
        """Stored artifact of a needed trial."""
        return {name: t.to(self.device) for name, t in self.store.tensors(trial).items()}

    def checkpoint(self, trial: Trial, stage: str = "checkpoint") -> Checkpoint:
        """Where the training of this trial, or a stage of it, may be checkpointed; another's is not gone on with."""
        run = [t.id for t in self.group or [trial]]
        return Checkpoint(self.store.checkpoint(trial).with_stem(stage), run, mismatch="afresh")

    def progress(self, trial: Trial) -> Callable:
        """Function (epoch, epochs) that shows how far the trial is."""
        return lambda epoch, epochs: self.show.epoch(trial, epoch, epochs)

    def keep(self, trial: Trial, *, tensors: dict | None = None, pictures: dict | None = None) -> None:
        """Store weights or logits (`tensors`) that another trial needs, and small arrays for figures (`pictures`)."""
        self.kept[trial.id] = {"tensors": tensors, "pictures": pictures}

    def remember(self, key: tuple, make: Callable):
        """`make()` once a process for each key: a teacher's orbit serves all students of that teacher."""
        if key not in self.memory:
            self.memory[key] = make()
        return self.memory[key]
