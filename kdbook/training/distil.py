"""Distil a model of your own: bring a teacher, a student and data, and get the student with its report card."""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from kdbook import check_number, kind_of, require
from kdbook.data import NO_LABEL, Items, Split, own_items
from kdbook.losses import kd_loss
from kdbook.training import mistakes
from kdbook.training.loop import adam, fit
from kdbook.training.objectives.asking import Answers, Batch, answer_of
from kdbook.training.report import ALONE, DISTILLED, TEACHER, Report, measured, scored
from kdbook.training.teachers import CachedTeacher, LiveTeacher, predict

PROBE = 1_000  # labelled rows on which both nets are looked at before anything is trained
LOSS = partial(kd_loss, reduction="none", check=False)  # what it would look for is looked for once, before training


class Called(nn.Module):
    """A net as `fit` calls it: of a mapping it is given what its forward names, or all, if it names nothing of it."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net
        self.named = {*inspect.signature(net.forward).parameters}

    def forward(self, x: Tensor | Mapping[str, Tensor]) -> Any:
        """What the net answers to a batch of inputs."""
        if not isinstance(x, Mapping):
            return self.net(x)
        return self.net(**({name: v for name, v in x.items() if name in self.named} or x))


@dataclass
class Taught(Answers):
    """What `distil` minimises: a row with a label has both terms of `kd_loss`, one without the teacher's alone.

    Parameters
    ----------
    teacher
        Anything with `soft_targets`; None for a student that learns from labels, with alpha = 0.
    temperature, alpha : float
        Of `kd_loss`.
    loss : callable
        (student_logits, teacher_logits, labels, temperature=, alpha=) -> rows (B,) or their mean.
    partly : bool
        Whether some rows have no label.
    """

    kept = ("losses",)
    teacher: Any
    temperature: float
    alpha: float
    loss: Callable
    partly: bool
    losses: list[Tensor] = field(default_factory=list)  # of the first steps and of the last one

    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """A loss a row (B,), or their mean (1,)."""
        told = logits.detach() if self.teacher is None else answer_of(self.teacher, batch).logits
        alpha = 1 - (1 - self.alpha) * (batch.y >= 0).float() if self.partly else self.alpha
        rows = self.loss(logits, told, batch.y.clamp_min(0), temperature=self.temperature, alpha=alpha)
        self.losses[mistakes.FIRST_STEPS :] = [rows.detach().mean()]
        return rows.reshape(-1)


def distil(
    teacher: nn.Module,
    student: nn.Module,
    train: Any,
    *,
    validation: Any = None,
    test: Any = None,
    unlabelled: Any = None,
    temperature: float = 4.0,
    alpha: float = 0.9,
    loss: Callable = LOSS,
    epochs: int = 30,
    batch_size: int = 64,
    rates: Sequence[float] = (3e-4, 1e-3, 3e-3),
    optimizer: Callable = adam,
    cache: bool | None = None,
    seed: int = 0,
    device: str = "auto",
    folder: Path | None = None,
    progress: bool = True,
    on_epoch: Callable[[dict], None] | None = None,
    **fitting,
) -> Report:
    """Train a student under a teacher, and without one, and say what it was worth.

    Both students begin alike, are trained by `fit` once for each learning rate, as many steps, and are chosen by their
    errors on validation data; mistakes that are often made are refused or told (`kdbook.training.mistakes`).

    >>> _ = torch.manual_seed(0)
    >>> x, teacher, student = torch.randn(200, 4), nn.Linear(4, 2), nn.Linear(4, 2)
    >>> data = x, teacher(x).argmax(1)
    >>> report = distil(teacher, student, data, epochs=2, rates=[3e-3], device="cpu", progress=False)
    >>> report.student is student, [*report.rows]
    (True, ['teacher', 'student alone', 'student distilled'])

    Parameters
    ----------
    teacher, student : nn.Module
        Nets whose answer is a tensor of logits, an object with `.logits` or a mapping with "logits". The teacher is
        always asked in eval mode and without gradients. The student is trained in place.
    train, validation, test, unlabelled
        A tensor, a pair (inputs, labels), a mapping, a Dataset, a `datasets.Dataset` or a DataLoader, see `own_items`;
        or a `Split`. Of inputs that are a mapping each net is given those that its forward names, so that teacher and
        student may read a text in their own ways. Labels are int64; -100 says that there is none. Without
        `validation` a tenth of what has labels is held out; without `test` the report is on validation data. From
        `unlabelled` inputs, without labels, the teacher's answers are learned besides.
    temperature, alpha : float
        Of `kd_loss`: alpha weighs the teacher, 1 - alpha the labels.
    loss : callable
        Your own in its place: (student_logits, teacher_logits, labels, temperature=, alpha=) -> rows (B,) or their
        mean.
    epochs, batch_size : int
        Of the student with a teacher; the one without visits its rows as often as gives as many steps.
    rates : sequence of float
        Learning rates to try, the same for both students.
    optimizer : callable
        Learning rate -> (parameters -> torch optimizer), such as `adam` or `sgd`.
    cache : bool, optional
        True keeps the teacher's answers and refuses where that would be wrong, False asks it afresh for every batch;
        None keeps them where that is exact.
    seed : int
        Of order, dropout and of what is held out.
    device : str
        ``auto`` takes cuda, then mps, then cpu.
    folder : Path, optional
        Where checkpoints are kept: the same call goes on there after an interruption.
    progress : bool
        Whether a line tells how far it is.
    on_epoch : callable, optional
        Told after every epoch: {"arm", "learning rate", "epoch", "epochs", "loss"}, for a log of yours.
    **fitting
        What else `fit` takes, such as `schedule` and `autocast`.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        For a setting that makes no sense, and for each of the mistakes that spoil a result.

    Explained in notebooks/10_your_own_model.
    """
    if device == "auto":
        device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    check_number("batch_size", batch_size, "[1, inf)", whole=True)
    require(len(rates) > 0, "rates", "one learning rate or more", "none")
    teacher, student = Called(teacher).to(device), Called(student).to(device)
    given = {"train": train, "validation": validation, "test": test, "unlabelled": unlabelled}
    named = {name: own_items(data, name).to(device) for name, data in given.items() if data is not None}
    train, held, test, notes = parted(named, seed)
    arms = {ALONE: train.rows(train.y >= 0), DISTILLED: train}
    ask = partial(answers, batch_size=batch_size, seed=seed)
    mistakes.check_nets(teacher, student, [*map(len, arms.values())], batch_size)
    classes = max(mistakes.check_answers(teacher, student, split, batch_size) for split in (train, held, test))
    partly, known = len(arms[ALONE]) < len(train), arms[ALONE].rows(torch.arange(min(PROBE, len(arms[ALONE]))))
    if len(known):
        mistakes.check_knowledge(ask(teacher, known), ask(student, known), known.y, notes)
    if loss is not LOSS:
        require(alpha == 1 or not partly, "alpha", "1 for an own loss where some rows have no label", alpha)
        mistakes.check_loss(loss, temperature, classes)
    taught = {ALONE: (None, 0.0), DISTILLED: (answering(teacher, train, cache, ask, notes), alpha)}
    of_held, of_test = ask(teacher, held), ask(teacher, test)

    steps, tries = epochs * -(-len(train) // batch_size), []
    with tqdm(total=2 * len(rates) * steps, unit="step", disable=not progress) as bar:
        for arm, rate in product(arms if len(known) else [DISTILLED], rates):
            whose, weight = taught[arm]
            objective, net = Taught(whose, temperature, weight, loss, partly), copy.deepcopy(student)
            about, a_visit = {"arm": arm, "learning rate": rate}, -(-len(arms[arm]) // batch_size)
            fitting |= {"epochs": -(-steps // a_visit), "batch_size": batch_size, "optimizer": optimizer(rate)}
            fitting["checkpoint"] = folder and Path(folder) / f"{arm}, learning rate {rate:g}.pt"
            tell = partial(told, bar, a_visit, objective, about, on_epoch)
            history = fit(net, objective, arms[arm], seed=seed, device=device, progress=tell, **fitting)
            mistakes.check_falling(objective.losses, f"{arm}, learning rate {rate:g}", notes)
            score = scored(ask(net, held), held.y, of_held)
            tries.append({**about, **score, "training, s": history.seconds, "net": net})
    best = {t["arm"]: t for t in sorted(tries, key=lambda t: (-t.get("wrong, %", 0), -t["loss, nats"]))}
    student.load_state_dict(best[DISTILLED]["net"].state_dict())
    rows = {TEACHER: measured(teacher, test, of_test, of_test)}
    for arm, t in best.items():
        rows[arm] = measured(t["net"], test, ask(t["net"], test), of_test) | {"learning rate": t["learning rate"]}
        rows[arm]["training, s"] = sum(other["training, s"] for other in tries if other["arm"] == arm)
    mistakes.check_end(rows, rates, len(test), notes)
    alone = best[ALONE].pop("net").net if ALONE in best else None
    return Report(student.net.eval(), alone, rows, [{**t, "net": None} for t in tries], notes)


def told(bar: tqdm, steps: int, objective: Taught, about: dict, on_epoch: Callable | None, epoch: int, of: int) -> None:
    """Move the bar, and tell a user's log of an epoch."""
    bar.set_description("{arm}, learning rate {learning rate:g}".format(**about), refresh=False)
    bar.update(steps)
    if on_epoch is not None:
        on_epoch({**about, "epoch": epoch, "epochs": of, "loss": float(objective.losses[-1])})


def answers(net: nn.Module, split: Split, *, batch_size: int, seed: int) -> Tensor:
    """Logits (N, C), of the same reading at every call where readings differ."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return predict(net, split, batch_size=batch_size).logits


def parted(named: dict[str, Split], seed: int) -> tuple[Split, Split, Split, list[str]]:
    """What is learned from, what settings are chosen on, what is measured on, and a sentence about that."""
    more, train = named.pop("unlabelled", None), named["train"]
    mistakes.check_apart(named)
    held = named.get("validation")
    if held is None:
        rows = (train.y >= 0).nonzero()[:, 0] if (train.y >= 0).any() else torch.arange(len(train)).to(train.y)
        drawn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[: max(1, len(rows) // 10)]
        out = torch.zeros_like(train.y, dtype=torch.bool).index_fill(0, rows[drawn.to(rows.device)], True)
        train, held = train.rows(~out), train.rows(out)
    if more is not None:
        good = isinstance(train.x, dict) and isinstance(more.x, dict) and train.x.keys() == more.x.keys()
        wanted = "as the inputs of train, in memory (or give one Dataset for both, with label -100 where there is none)"
        require(good, "unlabelled", wanted, kind_of(more.x))
        x = {name: torch.cat([part, more.x[name]]) for name, part in train.x.items()}
        train = Items(x, torch.cat([train.y, torch.full_like(more.y, NO_LABEL)]), torch.arange(len(train) + len(more)))
    where, test = ("validation", held) if "test" not in named else ("test", named["test"])
    return train, held, test, [f"Measured on {len(test):,} rows of the {where} data."]


def answering(teacher: nn.Module, split: Split, cache: bool | None, ask: Callable, notes: list[str]) -> Any:
    """The teacher of a split: its answers kept, or asked for every batch where a kept one would be wrong."""
    varies, why = getattr(split.x, "varies", False), "two readings of one sample differ, and an answer belongs to one"
    require(not (cache and varies), "cache", "None or False for data that is augmented", f"True: {why}")
    notes += [f"The teacher was asked for every batch: {why}."] * varies
    if varies or cache is False or split.views > 1:
        return LiveTeacher(teacher)
    return CachedTeacher(ask(teacher, split)[None], split.index, origin=split.origin)
