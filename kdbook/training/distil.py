"""Distil a model of your own: bring a teacher, a student and data, and get the student with its report card."""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from kdbook import kind_of, require
from kdbook.data.images import Split
from kdbook.data.own import NO_LABEL, own_items
from kdbook.losses import kd_loss
from kdbook.training import mistakes
from kdbook.training.loop import adam, fit
from kdbook.training.objectives.asking import Answers, Batch, answer_of
from kdbook.training.report import ALONE, DISTILLED, TEACHER, Report, errors, measured, scored
from kdbook.training.settings import check_number
from kdbook.training.teachers import CachedTeacher, LiveTeacher, predict

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

    kept = ("first",)
    teacher: Any
    temperature: float
    alpha: float
    loss: Callable
    partly: bool
    first: list[Tensor] = field(default_factory=list)  # losses of the first steps
    now: list[Tensor] = field(default_factory=list)  # losses of the running epoch

    def start_epoch(self, epoch: int) -> None:
        super().start_epoch(epoch)
        self.now = []

    def rows(self, logits: Tensor, batch: Batch) -> Tensor:
        """A loss a row (B,), or their mean (1,)."""
        told = logits.detach() if self.teacher is None else answer_of(self.teacher, batch).logits
        alpha = 1 - (1 - self.alpha) * (batch.y >= 0).float() if self.partly else self.alpha
        rows = self.loss(logits, told, batch.y.clamp_min(0), temperature=self.temperature, alpha=alpha)
        self.now.append(rows.detach().mean())
        self.first += [self.now[-1]] * (len(self.first) < mistakes.FIRST_STEPS)
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
    good = isinstance(teacher, nn.Module) and isinstance(student, nn.Module)
    require(good, "teacher and student", "nets (nn.Module)", f"{kind_of(teacher)} and {kind_of(student)}")
    check_number("batch_size", batch_size, "[1, inf)", whole=True)
    require(len(rates) > 0, "rates", "one learning rate or more", "none")
    if device == "auto":
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        device = next(name for name in there if there[name])
    teacher, student = Called(teacher).to(device), Called(student).to(device)
    train, held, test, where = parted(train, validation, test, unlabelled, seed, device)
    notes, labelled = [f"Measured on {len(test):,} rows of {where}."], train.rows(train.y >= 0)
    classes = max(mistakes.check_answers(teacher, student, split, batch_size) for split in (train, held, test))
    mistakes.check_nets(teacher, student, [len(train), len(labelled)], batch_size)
    partly = len(labelled) < len(train)
    if loss is not LOSS:
        require(alpha == 1 or not partly, "alpha", "1 for an own loss where some rows have no label", alpha)
        mistakes.check_loss(loss, temperature, classes)

    def answers(net: nn.Module, split: Split) -> Tensor:
        """Logits (N, C), of the same reading at every call."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return predict(net, split, batch_size=batch_size).logits

    of_held, of_test = answers(teacher, held), answers(teacher, test)
    if held.y.min() >= 0:
        mistakes.check_teacher(of_held, held.y)
        mistakes.check_fresh(errors(answers(student, held), held.y), len(held), classes, notes)
    own = answering(teacher, train, cache, answers, notes)

    arms = {ALONE: (None, 0.0, labelled)} if len(labelled) else {}
    arms[DISTILLED] = own, alpha, train
    steps, tries = epochs * -(-len(train) // batch_size), []
    with tqdm(total=len(arms) * len(rates) * steps, unit="step", disable=not progress) as bar:
        for (arm, (whose, weight, split)), rate in product(arms.items(), rates):
            told, a_visit = {"arm": arm, "learning rate": rate}, -(-len(split) // batch_size)
            objective, net = Taught(whose, temperature, weight, loss, partly), copy.deepcopy(student)
            bar.set_description(f"{arm}, learning rate {rate:g}")

            def tell(epoch: int, epochs: int, told=told, a_visit=a_visit, objective=objective) -> None:
                bar.update(a_visit)
                if on_epoch is not None:
                    on_epoch(
                        {**told, "epoch": epoch, "epochs": epochs, "loss": float(torch.stack(objective.now).mean())}
                    )

            fitting |= {"epochs": -(-steps // a_visit), "batch_size": batch_size, "optimizer": optimizer(rate)}
            fitting["checkpoint"] = folder and Path(folder) / f"{arm}, rate {rate:g}.pt"
            history = fit(net, objective, split, seed=seed, device=device, progress=tell, **fitting)
            mistakes.check_falling(objective.first, f"{arm}, learning rate {rate:g}", notes)
            logits = answers(net, held)
            told |= scored(logits, held.y) or {"loss, nats": float(LOSS(logits, of_held, temperature=1.0).mean())}
            tries.append({**told, "training, s": history.seconds, "net": net})

    best = {
        arm: min((t for t in tries if t["arm"] == arm), key=lambda t: (t.get("wrong, %"), t["loss, nats"]))
        for arm in arms
    }
    student.load_state_dict(best[DISTILLED]["net"].state_dict())
    rows = {TEACHER: measured(teacher, test, of_test, of_test)}
    for arm, t in best.items():
        rows[arm] = measured(t["net"], test, answers(t["net"], test), of_test) | {"learning rate": t["learning rate"]}
        rows[arm]["training, s"] = sum(t["training, s"] for t in tries if t["arm"] == arm)
    mistakes.check_end(rows, rates, len(test), notes)
    alone = best[ALONE]["net"].net if ALONE in best else None
    return Report(student.net.eval(), alone, rows, [{k: v for k, v in t.items() if k != "net"} for t in tries], notes)


def parted(
    train: Any, validation: Any, test: Any, unlabelled: Any, seed: int, device: str
) -> tuple[Split, Split, Split, str]:
    """What is learned from, what settings are chosen on, what is measured on, and what that is in words."""
    given = {"train": train, "validation": validation, "test": test, "unlabelled": unlabelled}
    named = {name: own_items(data, name).to(device) for name, data in given.items() if data is not None}
    more = named.pop("unlabelled", None)
    mistakes.check_apart(named)
    train, held = named["train"], named.get("validation")
    if held is None:
        rows = (train.y >= 0).nonzero()[:, 0] if (train.y >= 0).any() else torch.arange(len(train))
        rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).to(rows)]
        out = torch.zeros_like(train.y, dtype=torch.bool).index_fill(0, rows[: max(1, len(rows) // 10)], True)
        train, held = train.rows(~out), train.rows(out)
    if more is not None:
        train = joined(train, more)
    return train, held, named.get("test", held), "the test data" if "test" in named else "validation data"


def joined(train: Split, more: Split) -> Split:
    """The same samples, and others without labels."""
    good = isinstance(train.x, dict) and isinstance(more.x, dict) and train.x.keys() == more.x.keys()
    require(
        good,
        "unlabelled",
        "in memory and with the inputs of train (or give one Dataset, whose labels are -100 where there is none)",
        kind_of(more.x),
    )
    x = {name: torch.cat([part, more.x[name]]) for name, part in train.x.items()}
    y = torch.cat([train.y, torch.full_like(more.y, NO_LABEL)])
    return replace(train, x=x, y=y, index=torch.arange(len(y), device=y.device), origin="")


def answering(teacher: nn.Module, split: Split, cache: bool | None, answers: Callable, notes: list[str]) -> Any:
    """The teacher of a split: its answers kept, or asked for every batch where a kept one would be wrong."""
    varies = getattr(split.x, "varies", False)
    why = "two readings of one sample differ, and a kept answer belongs to one of them"
    require(not (cache and varies), "cache", "None or False for data that is augmented", f"True: {why}")
    if varies:
        notes.append(f"The teacher was asked for every batch: {why}.")
    if varies or cache is False:
        return LiveTeacher(teacher)
    if split.views > 1:
        return CachedTeacher.of(teacher, split)
    return CachedTeacher(answers(teacher, split)[None], split.index, origin=split.origin)
