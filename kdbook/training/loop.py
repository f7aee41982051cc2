"""The one loop: it trains every network of the book, alone or as a cohort."""

import io
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from kdbook.data.files import write_atomically
from kdbook.data.images import CENTRE_VIEW, Split
from kdbook.training.objectives import Batch

CHECKPOINT_SECONDS = 5.0  # a kill loses at most this much, and one epoch


@dataclass
class History:
    """What `fit` saw: one dict an epoch (mean `loss` over rows, summed over a cohort; `seconds`)."""

    epochs: list[dict] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Training time, resumed parts included."""
        return sum(e["seconds"] for e in self.epochs)

    @property
    def loss(self) -> np.ndarray:
        """Mean training loss of each epoch, (epochs,)."""
        return np.array([e["loss"] for e in self.epochs])


def sgd(lr: float, *, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 0.0) -> Callable:
    """Stochastic gradient descent with momentum, as a function of the parameters; fused: one pass over the memory."""
    return partial(torch.optim.SGD, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, fused=True)


def adam(lr: float) -> Callable:
    """Adam with its usual moments, as a function of the parameters: for words, most of which a batch lacks."""
    return partial(torch.optim.Adam, lr=lr, fused=True)


def one_cycle(optimizer: torch.optim.Optimizer, steps: int):
    """Learning rate from lr/25 up to lr over the first 30 % of the steps, then down a cosine (Smith & Topin 2019)."""
    peaks = [group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=steps + 1, cycle_momentum=False)


def fit(
    models: nn.Module,
    objective: Callable,
    split: Split,
    *,
    epochs: int,
    batch_size: int,
    optimizer: Callable,
    schedule: Callable = one_cycle,
    seed: int,
    device: torch.device | str = "cpu",
    checkpoint: Path | None = None,
    progress: bool | Callable = True,
) -> History:
    """Train `models` in place under an objective.

    Parameters
    ----------
    models : nn.Module
        One student, a `StackedMLP` cohort, or an `nn.ModuleList` of peers.
    objective : callable
        `(models, batch) -> (rows, parts)`; rows (B,) or (S, B) are averaged over B and *summed* over S, so that each
        student of a cohort gets the gradient that it would get alone. `parts` are tensors whose means are logged.
    split : Split
        Training samples; a shift is drawn for each image and epoch when `split.views` is 25.
    epochs, batch_size : int
        How often all samples are visited, and how many at once.
    optimizer : callable
        parameters -> torch optimizer, such as `sgd(0.1)`.
    schedule : callable
        (optimizer, number of steps) -> torch scheduler, stepped after every batch.
    seed : int
        With the epoch's number it fixes order, shifts and dropout, so that a resumed run equals an unbroken one bit
        by bit (same machine, same number of threads).
    device : torch.device or str
        Where training runs; models and split are moved there.
    checkpoint : Path, optional
        File to save to at epoch ends and to resume from.
    progress : bool or callable
        A text bar, nothing, or `progress(epoch, epochs)` after every epoch.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        For an empty split, a non-positive number of epochs or batch size, or a checkpoint of another run.
    FloatingPointError
        When the loss of an epoch is not finite.

    Explained in notebooks/01_dark_knowledge.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("number of samples", len(split))):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")
    models.to(device)
    split = split.to(device)
    optimizer = optimizer(models.parameters())
    schedule = schedule(optimizer, epochs * -(-split.visits // batch_size))
    stateful = {"models": models, "optimizer": optimizer, "schedule": schedule}
    if hasattr(objective, "state_dict"):
        stateful["objective"] = objective
    run = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "samples": len(split)}
    history = _resume(checkpoint, stateful, run)
    constrained = [m for m in models.modules() if hasattr(m, "constrain_")]
    saved = time.monotonic()
    bar = tqdm(total=epochs, initial=len(history.epochs), unit="epoch", disable=progress is not True)
    with bar, torch.random.fork_rng(devices=[device] if str(device).startswith("cuda") else []):
        for epoch in range(len(history.epochs), epochs):
            began = time.perf_counter()
            torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1))
            order = split.order().to(device)
            views = torch.randint(split.views, (len(order),)).to(device) if split.views > 1 else None
            if hasattr(objective, "start_epoch"):
                objective.start_epoch(epoch)
            models.train()
            totals = {}
            for x, at in split.batches(order, views, batch_size):
                rows = order[at]
                check = epoch == 0 and at.start == 0
                view = CENTRE_VIEW if views is None else views[at]
                loss_rows, parts = objective(models, Batch(x, split.y[rows], split.index[rows], view, check))
                loss = loss_rows.mean(-1).sum()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                schedule.step()
                for model in constrained:
                    model.constrain_()
                for name, value in {"loss": loss, **parts}.items():
                    totals[name] = totals.get(name, 0) + value.detach().mean() * len(rows)  # no wait for the device
            means = {name: float(total) / split.visits for name, total in totals.items()}
            if not np.isfinite(means["loss"]):
                raise FloatingPointError(f"loss is {means['loss']} in epoch {epoch + 1}: lower the learning rate")
            history.epochs.append({"epoch": epoch, **means, "seconds": time.perf_counter() - began})
            if checkpoint and (time.monotonic() - saved >= CHECKPOINT_SECONDS or epoch == epochs - 1):
                _save(checkpoint, stateful, run, history)
                saved = time.monotonic()
            bar.update()
            if callable(progress):
                progress(epoch + 1, epochs)
    return history


def _save(path: Path, stateful: dict, run: dict, history: History) -> None:
    """Write a checkpoint."""
    state, content = {name: part.state_dict() for name, part in stateful.items()}, io.BytesIO()
    torch.save({**state, "run": run, "history": history.epochs}, content)
    write_atomically(Path(path), content.getvalue())


def _resume(path: Path | None, stateful: dict, run: dict) -> History:
    """Load a checkpoint when there is one; an unreadable one is named and training starts afresh."""
    if path is None or not Path(path).exists():
        return History()
    try:
        saved = torch.load(path, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged archive, some with advice not to be followed
        reason = type(error).__name__
        warnings.warn(f"checkpoint {path} cannot be read ({reason}); training starts afresh", stacklevel=3)
        return History()
    if saved["run"] != run:
        raise ValueError(f"checkpoint {path} belongs to another run: it says {saved['run']}, asked for {run}")
    for name, part in stateful.items():
        part.load_state_dict(saved[name])
    return History(saved["history"])
