"""What people hand to `fit`, optimizers, splits, teachers and objectives by mistake: a sentence each, nothing accepted.

A sentence names the argument and its value, and says what is expected. The table is weighted by what people do.
"""

from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from kdbook.data import Split
from kdbook.data.glosses import Texts
from kdbook.nets.vision import MLP
from kdbook.training import (
    ApiTeacher,
    CachedTeacher,
    Distillation,
    EnsembleTeacher,
    HardLabels,
    LiveTeacher,
    adam,
    fit,
    one_cycle,
    predict,
    sgd,
)
from kdbook.training import objectives as o
from kdbook.training.checkpoint import Checkpoint
from kdbook.training.teachers import Looking
from tests.faults.objective_cases import CASES, gpt, images, mlp, texts

NAN, INF = float("nan"), float("inf")
TRIES = []  # (what is tried, argument, value as it is told, callable)


def attempt(what, argument, value, call):
    TRIES.append(pytest.param(argument, str(value), call, id=f"{len(TRIES)} {what}: {argument} {value}"))


def training(**changes):
    """`fit` with one thing changed."""
    settings = {"epochs": 1, "batch_size": 8, "optimizer": sgd(0.05), "seed": 0, "progress": False}
    parts = {"models": mlp(), "objective": HardLabels(), "split": images()}
    return fit(**parts | settings | changes)


def with_split(**changes):
    split = images()
    return Split(**{"x": split.x, "y": split.y, "index": split.index} | changes)


def answering(change):
    """Train under an objective whose answer is changed."""

    def objective(model, batch):
        return change(*HardLabels()(model, batch))

    return training(objective=objective)


class Bare(nn.Module):
    """No parameters."""

    def forward(self, x):
        return x.flatten(1)[:, :4]


def frozen():
    return mlp().requires_grad_(False)


# fit: numbers
for name in ("epochs", "batch_size"):
    for value in (0, -1, 2.0, 1.5, True, "8", None, NAN, [1], np.float32(4)):
        attempt("fit", name, repr(value), partial(training, **{name: value}))
for value in (-1, 0.0, 1.5, True, "1", None, NAN):
    attempt("fit", "seed", repr(value), partial(training, seed=value))
# fit: parts
for value in ("gpu", "cuda:99", "cpu:x", 3.5, "xpu"):
    attempt("fit", "device", repr(value), partial(training, device=value))
attempt("fit", "models", "list", lambda: training(models=[mlp(), mlp()]))
attempt("fit", "models", "type", lambda: training(models=MLP))
attempt("fit", "models", "None", lambda: training(models=None))
attempt("fit", "models", "Bare", lambda: training(models=Bare()))
attempt("fit", "models", "MLP", lambda: training(models=frozen()))
attempt("fit", "objective", "NoneType", lambda: training(objective=None))
attempt("fit", "objective", "str", lambda: training(objective="kd"))
attempt("fit", "optimizer", "SGD", lambda: training(optimizer=torch.optim.SGD(mlp().parameters(), 0.1)))
attempt("fit", "optimizer", "float", lambda: training(optimizer=0.1))
attempt("fit", "optimizer", "str", lambda: training(optimizer="adam"))
attempt("fit", "optimizer", "NoneType", lambda: training(optimizer=lambda parameters: None))
attempt("fit", "schedule", "str", lambda: training(schedule="cosine"))
attempt("fit", "schedule", "NoneType", lambda: training(schedule=None))
attempt("fit", "schedule", "NoneType", lambda: training(schedule=lambda optimizer, steps: None))
attempt("fit", "split", "tuple", lambda: training(split=(images().x, images().y)))
attempt("fit", "split", "Tensor", lambda: training(split=images().x))
attempt("fit", "split", "DataLoader", lambda: training(split=torch.utils.data.DataLoader([1])))
attempt("fit", "split", "0", lambda: training(split=images().rows(slice(0))))
attempt("fit", "split", "0", lambda: training(split=images().rows(images().y > 9)))
attempt("fit", "checkpoint", "5", lambda: training(checkpoint=5))
attempt("fit", "checkpoint", "'/tmp'", lambda: training(checkpoint="/tmp"))
attempt("fit", "mismatch", "'ignore'", lambda: training(checkpoint=Checkpoint("x.pt", mismatch="ignore")))
# fit: labels that the net has no class for, in the first batch and in a later one
for at in (0, 7, 19):
    for value in (4, -1, 255):
        y = images().y.clone()
        y[at] = value
        attempt(f"fit, row {at}", "labels", value, lambda y=y: training(split=with_split(y=y), batch_size=2))
# fit: what an objective returns
attempt("objective", "objective", "Tensor", lambda: answering(lambda rows, parts: rows))
attempt("objective", "objective", "Tensor", lambda: answering(lambda rows, parts: rows.mean()))
attempt("objective", "objective", "()", lambda: answering(lambda rows, parts: (rows.mean(), parts)))
attempt("objective", "objective", "(8, 8, 1)", lambda: answering(lambda r, p: (r[:, None, None].expand(8, 8, 1), p)))
attempt("objective", "objective", "(8, 4)", lambda: answering(lambda r, p: (r[:, None].expand(8, 4), p)))
attempt("objective", "objective", "(4,)", lambda: answering(lambda rows, parts: (rows[:4], parts)))
attempt("objective", "objective", "float", lambda: answering(lambda rows, parts: (float(rows.detach().mean()), {})))
attempt("objective", "objective", "NoneType", lambda: answering(lambda rows, parts: None))
attempt("objective", "objective", "NoneType", lambda: answering(lambda rows, parts: (rows, None)))
attempt("objective", "objective", "none", lambda: answering(lambda rows, parts: (rows.detach(), parts)))
attempt("objective", "parts", "float", lambda: answering(lambda rows, parts: (rows, {"kd": 0.5})))
attempt("objective", "loss", "nan", lambda: answering(lambda rows, parts: (rows * NAN, parts)))
attempt("objective", "loss", "nan", lambda: answering(lambda rows, parts: (rows * INF, parts)))
attempt("objective", "loss", "nan", lambda: training(optimizer=sgd(1e30), epochs=3))
# optimizers
for value in (0, 0.0, -0.1, NAN, INF, "0.1", None, True, torch.tensor(0.1)):
    attempt("sgd", "lr", repr(value), partial(sgd, value))
    attempt("adam", "lr", repr(value), partial(adam, value))
for value in (2, 1.0, -0.1, NAN, "0.9", None):
    attempt("sgd", "momentum", repr(value), partial(sgd, 0.1, momentum=value))
attempt("sgd", "momentum", 0.0, lambda: sgd(0.1, momentum=0.0))
for value in (-1e-4, NAN, INF, "0"):
    attempt("sgd", "weight_decay", repr(value), partial(sgd, 0.1, weight_decay=value))
for value in (0, -1, 2.5, None):
    attempt("one_cycle", "steps", repr(value), lambda v=value: one_cycle(sgd(0.1)(mlp().parameters()), v))
# Split
X, Y, N = images().x, images().y, images().index
attempt("split", "x", "torch.float32", lambda: with_split(x=X / 255))
attempt("split", "x", "torch.float32", lambda: with_split(x=X.float()))
attempt("split", "x", "torch.float16", lambda: with_split(x=X.half()))
attempt("split", "x", "torch.int64", lambda: with_split(x=X.long()))
attempt("split", "x", "torch.bool", lambda: with_split(x=X > 100))
attempt("split", "x", "(20, 6, 6, 3)", lambda: with_split(x=X[..., None].expand(-1, -1, -1, 3)))
attempt("split", "x", "(20, 1, 6, 6)", lambda: with_split(x=X[:, None]))
attempt("split", "x", "(20, 4, 6, 6)", lambda: with_split(x=X[:, None].expand(-1, 4, -1, -1)))
attempt("split", "x", "(20, 36)", lambda: with_split(x=X.flatten(1)))
attempt("split", "x", "(20,)", lambda: with_split(x=X[:, 0, 0]))
attempt("split", "x", "ndarray", lambda: with_split(x=X.numpy()))
attempt("split", "x", "list", lambda: with_split(x=X.tolist()))
attempt("split", "y", "torch.float32", lambda: with_split(y=Y.float()))
attempt("split", "y", "(20, 4)", lambda: with_split(y=nn.functional.one_hot(Y)))
attempt("split", "y", "(20, 1)", lambda: with_split(y=Y[:, None]))
attempt("split", "y", "torch.uint8", lambda: with_split(y=Y.to(torch.uint8)))
attempt("split", "y", "torch.int32", lambda: with_split(y=Y.int()))
attempt("split", "y", "list", lambda: with_split(y=Y.tolist()))
attempt("split", "y", "ndarray", lambda: with_split(y=Y.numpy()))
attempt("split", "y", "19", lambda: with_split(y=Y[:19]))
attempt("split", "index", "19", lambda: with_split(index=N[:19]))
attempt("split", "index", "-1", lambda: with_split(index=N - 1))
attempt("split", "index", "0", lambda: with_split(index=N * 0))
attempt("split", "index", "range", lambda: with_split(index=range(20)))
attempt("split", "index", "NoneType", lambda: with_split(index=None))
attempt("split", "index", "torch.float32", lambda: with_split(index=N.float()))
attempt("split", "index", "torch.bool", lambda: with_split(index=N > 3))
for value in (0, 2, 26, -25, "25", None):
    attempt("split", "views", repr(value), lambda v=value: with_split(views=v))
attempt("texts", "x", "torch.float32", lambda: Texts(texts().x.float(), texts().y, texts().index))
attempt("texts", "x", "torch.int32", lambda: Texts(texts().x.int(), texts().y, texts().index))
attempt("without", "classes", "[7]", lambda: images().without([7]))
# teachers
LOGITS = torch.randn(1, 20, 4)
for name, value in {"LiveTeacher": LiveTeacher, "predict": lambda m: predict(m, images())}.items():
    attempt(name, "model", "str", partial(value, "bert"))
    attempt(name, "model", "type", partial(value, MLP))
    attempt(name, "model", "dict", partial(value, {}))
attempt("predict", "batch_size", "0", lambda: predict(mlp(), images(), batch_size=0))
attempt("predict", "split", "0", lambda: predict(mlp(), images().rows(slice(0))))
attempt("predict", "layers", "[3]", lambda: predict(mlp(), images(), layers=(3,)))
attempt("predict", "layers", "[-2]", lambda: predict(mlp(), images(), layers=(-2,)))
attempt("predict", "view", "25", lambda: predict(mlp(), images(), view=25))
attempt("cache", "logits", "(20, 4)", lambda: CachedTeacher(LOGITS[0], N))
attempt("cache", "logits", "(5, 20, 4)", lambda: CachedTeacher(LOGITS.expand(5, -1, -1), N))
attempt("cache", "logits", "(1, 19, 4)", lambda: CachedTeacher(LOGITS[:, 1:], N))
attempt("cache", "logits", "torch.int64", lambda: CachedTeacher(LOGITS.long(), N))
attempt("cache", "features", "[3]", lambda: CachedTeacher(LOGITS, N, [torch.zeros(3, 2)]))
attempt("cache", "index", "0", lambda: CachedTeacher(LOGITS, N * 0))
attempt("cache", "index", "-5", lambda: CachedTeacher(LOGITS, N - 5))
attempt("cache", "logits", "ndarray", lambda: CachedTeacher(LOGITS.numpy(), N))
attempt("cache", "index", "list", lambda: CachedTeacher(LOGITS, N.tolist()))
attempt("cache", "logits", "NoneType", lambda: CachedTeacher(None, N))
for low, rows in ((3, "was not cached"), (0, "was not cached")):
    part = CachedTeacher(LOGITS[:, low : low + 15], N[low : low + 15])
    attempt("cache", "cached", rows, lambda part=part: training(objective=Distillation(part), batch_size=20))
attempt("cohort", "logits", "(1, 1, 19, 4)", lambda: CachedTeacher(LOGITS[None, :, 1:], N))
attempt("cohort", "logits", "(20,)", lambda: CachedTeacher(LOGITS[0, :, 0], N))
TEACHER = CachedTeacher(LOGITS, N)
for value in (2, -0.1, NAN, "0", None):
    attempt("api", "floor", repr(value), partial(ApiTeacher, TEACHER, floor=value))
for value in (0, 1.5, "3", None, True):
    attempt("api", "count", repr(value), partial(ApiTeacher, TEACHER, "top_k", value))
attempt("api", "reveals", "'logits'", lambda: ApiTeacher(TEACHER, "logits"))
attempt("ensemble", "teachers", "empty", lambda: EnsembleTeacher([]))
attempt("ensemble", "mean", "'median'", lambda: EnsembleTeacher([TEACHER], "median"))
attempt("looking", "look", "'both'", lambda: Looking(TEACHER, "both"))
for name, make in {"api": ApiTeacher, "looking": Looking, "ensemble": lambda t: EnsembleTeacher([t])}.items():
    attempt(name, "teacher", "MLP", lambda m=make: m(mlp()))
attempt("distillation", "teacher", "MLP", lambda: training(objective=Distillation(mlp())))
attempt("distillation", "teacher", "Tensor", lambda: training(objective=Distillation(LOGITS)))
attempt("distillation", "teacher", "NoneType", lambda: training(objective=Distillation(None)))
wide = CachedTeacher(torch.randn(1, 20, 7), N)
attempt("distillation", "teacher_logits", "7", lambda: training(objective=Distillation(wide)))
blank = CachedTeacher(torch.full((1, 20, 4), NAN), N)
attempt("distillation", "teacher_logits", "nan", lambda: training(objective=Distillation(blank)))
# objectives' settings
for value in (0, -1.0, NAN, INF, "4", None, True):
    attempt("distillation", "temperature", repr(value), partial(Distillation, TEACHER, value))
for value in (-0.1, 1.5, NAN, "1", None):
    attempt("distillation", "alpha", repr(value), partial(Distillation, TEACHER, 2.0, value))
    attempt("labels", "label_smoothing", repr(value), partial(HardLabels, value))
attempt("without factor", "alpha", "2", lambda: o.WithoutFactor(TEACHER, 2.0, 2))
attempt("transfer", "beta", "-1", lambda: o.Transfer(TEACHER, None, -1))
attempt(
    "transfer",
    "teacher",
    "CachedTeacher",
    lambda: training(objective=CASES["Pairwise"]()[1].__class__(TEACHER, None, 1.0)),
)
attempt("collaborative", "temperature", "0", lambda: o.Collaborative(0))
attempt("collaborative", "weight", "nan", lambda: o.Collaborative(weight=NAN))
attempt("co-trained", "feedback", "1.5", lambda: o.CoTrained(2.0, 0.5, 1.5))
attempt("exits", "beta", "-0.5", lambda: o.SelfExits(beta=-0.5))
attempt("exits", "alpha", "'0'", lambda: o.SelfExits(alpha="0"))
for value in (0, 2.5, "3"):
    attempt("ps-kd", "epochs", repr(value), lambda v=value: o.ProgressiveSelf(images(), epochs=v, classes=4))
attempt("ps-kd", "classes", "3", lambda: o.ProgressiveSelf(images(), epochs=2, classes=3))
attempt("ps-kd", "final", "1.2", lambda: o.ProgressiveSelf(images(), epochs=2, final=1.2, classes=4))
for value in (0, 1.5, "0.15"):
    attempt("masked", "share", repr(value), partial(o.MaskedLM, value))
attempt("on policy", "lambda", "1.5", lambda: o.OnPolicy(gpt(), [1.5], [0.5]))
attempt("on policy", "beta", "'0'", lambda: o.OnPolicy(gpt(), [0.5], ["0"]))
attempt("own rates", "rates", "none", lambda: o.OwnRates(HardLabels(), []))
attempt("own rates", "rates", "0", lambda: o.OwnRates(HardLabels(), [0, 0.1]))
attempt("own rates", "rates", "-0.1", lambda: o.OwnRates(HardLabels(), [0.1, -0.1]))


@pytest.mark.parametrize(("argument", "value", "call"), TRIES)
def test_a_mistake_ends_in_a_sentence_that_names_argument_and_value(argument, value, call):
    with pytest.raises((ValueError, TypeError, IndexError, FloatingPointError)) as caught:
        call()
    told = str(caught.value)
    assert argument in told and value in told, told
    assert any(word in told for word in ("must", "needs", "lower the", "have no sample", "cache the split")), told


def test_the_table_is_large_and_broad(capsys):
    kinds = Counter(p.id.split(" ", 1)[1].split(":")[0] for p in TRIES)
    with capsys.disabled():
        print(f"\n{len(TRIES)} tries: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    assert len(TRIES) >= 120 and max(kinds.values()) < len(TRIES) / 3
