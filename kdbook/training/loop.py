"""The one loop: it trains every network of the book, alone or as a cohort."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from kdbook import check_number, kind_of, require
from kdbook.data.images import CENTRE_VIEW, Split
from kdbook.training.checkpoint import Checkpoint, fingerprint
from kdbook.training.objectives import Batch

CHECKPOINT_SECONDS = 5.0  # a kill loses at most this much, and one epoch


@dataclass
class History:
    """What `fit` saw: one dict an epoch (mean `loss` over rows, summed over a cohort; `seconds`).

    The first `resumed` of them were read from a checkpoint.

    >>> History([{"loss": 0.7}, {"loss": 0.2}]).epochs[-1]
    {'loss': 0.2}
    """

    epochs: list[dict] = field(default_factory=list)
    resumed: int = 0

    @property
    def seconds(self) -> float:
        """Training time, resumed parts included."""
        return sum(e["seconds"] for e in self.epochs)

    @property
    def loss(self) -> np.ndarray:
        """Mean training loss of each epoch, (epochs,)."""
        return np.array([e["loss"] for e in self.epochs])


def sgd(lr: float, *, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 0.0) -> Callable:
    """Stochastic gradient descent with momentum, as a function of the parameters; fused: one pass over the memory.

    >>> weights = [torch.nn.Parameter(torch.zeros(2))]
    >>> sgd(0.1, momentum=0.5)(weights).param_groups[0]["momentum"]
    0.5
    """
    check_number("lr", lr, "(0, inf)")
    check_number("momentum", momentum, "(0, 1)" if nesterov else "[0, 1)")  # without momentum: nesterov=False
    check_number("weight_decay", weight_decay, "[0, inf)")
    return partial(torch.optim.SGD, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, fused=True)


def adam(lr: float) -> Callable:
    """Adam with its usual moments, as a function of the parameters: for words, most of which a batch lacks.

    >>> weights = [torch.nn.Parameter(torch.zeros(2))]
    >>> adam(1e-3)(weights).param_groups[0]["lr"]
    0.001
    """
    check_number("lr", lr, "(0, inf)")
    return partial(torch.optim.Adam, lr=lr, fused=True)


def one_cycle(optimizer: torch.optim.Optimizer, steps: int):
    """Learning rate from lr/25 up to lr over the first 30 % of the steps, then down a cosine (Smith & Topin 2019).

    >>> optimizer = sgd(0.1)([torch.nn.Parameter(torch.zeros(2))])
    >>> round(one_cycle(optimizer, steps=100).get_last_lr()[0], 3)
    0.004
    """
    check_number("steps", steps, "[1, inf)", whole=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=steps + 1, cycle_momentum=False)


def falling(after: Sequence[int], epochs: int) -> Callable:
    """A schedule: the learning rate stays, and falls to a tenth after each of these epochs, of `epochs` in all.

    >>> optimizer = sgd(0.1)([torch.nn.Parameter(torch.zeros(2))])
    >>> schedule = falling([10, 20], epochs=30)(optimizer, steps=3_000)
    >>> [*schedule.milestones]
    [1000, 2000]
    """
    check_number("epochs", epochs, "[1, inf)", whole=True)
    for epoch in after:
        check_number("after", epoch, "[1, inf)", whole=True)

    def schedule(optimizer: torch.optim.Optimizer, steps: int):
        return torch.optim.lr_scheduler.MultiStepLR(optimizer, [epoch * steps // epochs for epoch in after])

    return schedule


def fit(
    models: nn.Module,
    objective: Callable,
    split: Split,
    *,
    epochs: int,
    batch_size: int,
    optimizer: Callable,
    schedule: Callable = one_cycle,
    seed: int | Sequence[int],
    device: torch.device | str = "cpu",
    autocast: torch.dtype | None = None,
    checkpoint: Path | Checkpoint | None = None,
    progress: bool | Callable = True,
) -> History:
    """Train `models` in place under an objective.

    >>> from kdbook.nets.vision import MLP
    >>> from kdbook.training import HardLabels
    >>> x, y = torch.randint(0, 256, (40, 4, 4), dtype=torch.uint8), torch.arange(40) % 2
    >>> how = {"epochs": 2, "batch_size": 8, "optimizer": adam(1e-3), "seed": 0, "progress": False}
    >>> len(fit(MLP([16, 8, 2]), HardLabels(), Split(x, y, torch.arange(40)), **how).epochs)
    2

    Parameters
    ----------
    models : nn.Module
        One student, a `StackedMLP` cohort, or an `nn.ModuleList` of peers; afterwards in eval mode. An answer is what
        `Outputs.of` can read.
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
        by bit (same machine, same number of threads). For a `split.drawn` cohort one a student.
    device : torch.device or str
        Where training runs; models and split are moved there.
    autocast : torch.dtype, optional
        Type in which layers compute, such as `torch.bfloat16`; weights and losses stay in float32.
    checkpoint : Path or Checkpoint, optional
        File to save to at epoch ends and to resume from; it is refused when anything was set otherwise.
    progress : bool or callable
        A text bar, nothing, or `progress(epoch, epochs)` after every epoch.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        For an empty split, a setting that makes no sense, an objective whose loss is not one of rows, or a checkpoint
        of another run.
    FloatingPointError
        When the loss of an epoch is not finite.

    Explained in notebooks/01_dark_knowledge.
    """
    epochs = check_number("epochs", epochs, "[1, inf)", whole=True)
    batch_size = check_number("batch_size", batch_size, "[1, inf)", whole=True)
    check_parts(models, objective, split, optimizer, schedule, device)
    seed = checked_seed(seed, split)
    if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
        checkpoint = Checkpoint(checkpoint)
    models.to(device)
    split = split.to(device)
    made_by = optimizer, schedule
    optimizer = optimizer(models.parameters())
    require(hasattr(optimizer, "param_groups"), "optimizer", "a function that makes one", type(optimizer).__name__)
    schedule = schedule(optimizer, epochs * -(-split.visits // batch_size))
    require(hasattr(schedule, "step"), "schedule", "a function that makes one", type(schedule).__name__)
    stateful = {"models": models, "optimizer": optimizer, "schedule": schedule}
    if hasattr(objective, "state_dict"):
        stateful["objective"] = objective
    history = History()
    if checkpoint:
        run = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "autocast": autocast, "split": split}
        whose = {"run": list(checkpoint.run)} | fingerprint(models, objective, optimizer, schedule, made_by, **run)
        done = checkpoint.resume(stateful, whose, device)
        history = History(done, resumed=len(done))
    constrained = [m for m in models.modules() if hasattr(m, "constrain_")]
    saved = time.monotonic()
    bar = tqdm(total=epochs, initial=len(history.epochs), unit="epoch", disable=progress is not True)
    with bar, torch.random.fork_rng(devices=[device] if str(device).startswith("cuda") else []):
        for epoch in range(len(history.epochs), epochs):
            began = time.perf_counter()
            order, views = split.visit(seed, epoch)
            if hasattr(objective, "start_epoch"):
                objective.start_epoch(epoch)
            models.train()
            totals, looked_at = {}, extremes(split.y[order], batch_size) if epoch == 0 else ()
            for x, at in split.batches(order, views, batch_size):
                rows, count = order[..., at], at.stop - at.start
                view, check = CENTRE_VIEW if views is None else views[..., at], at.start // batch_size in looked_at
                batch = Batch(x, split.y[rows], split.index[rows], view, check, split.origin)
                with torch.autocast(split.y.device.type, autocast, enabled=autocast is not None):
                    told = objective(models, batch)
                loss_rows, parts = checked_loss(told, count)
                loss = loss_rows.mean(-1).sum()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                schedule.step()
                for model in constrained:
                    model.constrain_()
                for name, value in {"loss": loss, **parts}.items():
                    totals[name] = totals.get(name, 0) + value.detach().mean() * count  # no wait for the device
            means = {name: float(total) / split.visits for name, total in totals.items()}
            if not np.isfinite(means["loss"]):
                raise FloatingPointError(f"loss is {means['loss']} in epoch {epoch + 1}: lower the learning rate")
            history.epochs.append({"epoch": epoch, **means, "seconds": time.perf_counter() - began})
            if checkpoint and (time.monotonic() - saved >= CHECKPOINT_SECONDS or epoch == epochs - 1):
                checkpoint.save(stateful, whose, history.epochs)
                saved = time.monotonic()
            bar.update()
            if callable(progress):
                progress(epoch + 1, epochs)
    models.eval()
    return history


def extremes(y: Tensor, batch_size: int) -> set[int]:
    """Batches whose labels y (visits,) or (S, visits) are looked at: the first, those of the smallest and largest."""
    return {0, *(int(at) % y.shape[-1] // batch_size for at in (y.argmin(), y.argmax()))}


def check_parts(models, objective, split, optimizer, schedule, device) -> None:
    """Raise ValueError for what `fit` cannot train, or train with."""
    net = isinstance(models, nn.Module) and any(p.requires_grad for p in models.parameters())
    wanted = "an nn.Module with parameters to train (several nets go into an nn.ModuleList)"
    require(net, "models", wanted, type(models).__name__)
    require(isinstance(split, Split), "split", "a Split, as Split(x, y, torch.arange(len(x)))", type(split).__name__)
    require(len(split) > 0, "split", "1 sample or more (look at what it was cut from)", len(split))
    require(callable(objective), "objective", "a function of (models, batch)", type(objective).__name__)
    require(callable(optimizer), "optimizer", "a function of the parameters, as sgd(0.1)", type(optimizer).__name__)
    require(callable(schedule), "schedule", "a function of (optimizer, steps)", type(schedule).__name__)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:  # torch built without it says so by an assertion
        require(False, "device", "one that torch has here, as 'cpu'", f"{device!r} ({str(error).splitlines()[0]})")


def checked_seed(seed: int | Sequence[int], split: Split) -> int | list[int]:
    """The seed, or those of a cohort whose students have a draw each: as many as these."""
    if isinstance(seed, Sequence) and not isinstance(seed, str):
        students = 0 if split.chosen is None else len(split.chosen)
        require(len(seed) == students, "seed", f"one, or for split.drawn one a student, {students} here", len(seed))
        return [check_number("seed", one, "[0, inf)", whole=True) for one in seed]
    require(split.chosen is None, "seed", "one a student for a split.drawn", seed)
    return check_number("seed", seed, "[0, inf)", whole=True)


def checked_loss(told, count: int) -> tuple[Tensor, Mapping[str, Tensor]]:
    """An objective's answer to a batch of `count`: its loss of rows and the parts; ValueError when it is neither."""
    rows, parts = told if isinstance(told, tuple) and len(told) == 2 else (told, None)
    good = isinstance(rows, Tensor) and isinstance(parts, Mapping)
    require(good, "what the objective returns", "(rows, parts), a Tensor and a dict", (kind_of(rows), kind_of(parts)))
    good = rows.ndim in (1, 2) and rows.shape[-1] in (1, count)
    require(good, "the objective's rows", f"({count},) or (S, {count}), as by reduction='none'", tuple(rows.shape))
    require(rows.requires_grad, "the objective's rows", "of a student that is asked with gradients", "none")
    kinds = {name: type(value).__name__ for name, value in parts.items() if not isinstance(value, Tensor)}
    require(not kinds, "parts", "tensors", kinds)
    return rows, parts
