"""Every kind of objective that the library has, each with nets and data on which it can be trained in a second.

Run as a program it trains some, one after the other: `python objective_cases.py FOLDER NAME ...`.
"""

import inspect
import pkgutil
import sys
from functools import partial
from importlib import import_module

import torch
from torch import nn

import kdbook.training.objectives as folder
from kdbook.data import Split
from kdbook.data.vocabularies import byte_pairs, characters
from kdbook.data.wordpiece import MASK, Tokens
from kdbook.losses.feature import hint_loss
from kdbook.losses.relation import flow_of_solution
from kdbook.losses.sequence import token_kd
from kdbook.nets.bert import Bert
from kdbook.nets.gpt import GPT
from kdbook.nets.vision import MLP, ConvNet, EarlyExits
from kdbook.training import CachedTeacher, LiveTeacher, fit, loop, sgd, stack
from kdbook.training import objectives as o

EPOCHS, LONG = 3, 40  # LONG: to be killed at random moments
SETTINGS = {"epochs": EPOCHS, "batch_size": 8, "optimizer": sgd(0.05), "seed": 5, "progress": False}


def found() -> set[str]:
    """Names of all objectives, terms and rules that the folder's files define."""
    names = set()
    for file in pkgutil.iter_modules(folder.__path__):
        module = import_module(f"{folder.__name__}.{file.name}")
        for name, made in vars(module).items():
            if getattr(made, "__module__", None) != module.__name__ or name.startswith("_"):
                continue
            a_class = inspect.isclass(made) and "__call__" in dir(made) and not issubclass(made, nn.Module)
            a_rule = inspect.isfunction(made) and getattr(made.__annotations__.get("return"), "__origin__", None)
            if (a_class and not inspect.isabstract(made)) or a_rule is o.labels.__annotations__["return"].__origin__:
                names.add(name)
    return names


def images(n: int = 20, side: int = 6) -> Split:
    x = torch.randint(0, 256, (n, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return Split(x, torch.arange(n) % 4, torch.arange(n))


def texts(vocabulary: int = 12) -> Tokens:
    x = torch.randint(MASK + 1, vocabulary, (16, 7), generator=torch.Generator().manual_seed(1))
    x[:, 0], x[::2, 5:] = 1, 0
    return Tokens(x, torch.arange(16) % 3, torch.arange(16), bucket=8)


def mlp(seed: int = 0, **settings) -> MLP:
    torch.manual_seed(seed)
    return MLP([36, 8, 4], **settings)


def gpt(seed: int = 0, vocabulary: int = 12, length: int = 7) -> GPT:
    torch.manual_seed(seed)
    return GPT(layers=1, width=8, heads=2, vocabulary=vocabulary, length=length)


def bert(seed: int = 0, layers: int = 1) -> Bert:
    torch.manual_seed(seed)
    return Bert(layers=layers, width=8, heads=2, vocabulary=12, length=7)


def cached() -> CachedTeacher:
    return CachedTeacher.of(mlp(9), images())


def live() -> LiveTeacher:
    return LiveTeacher(mlp(9))


def peers(count: int = 2) -> nn.ModuleList:
    return nn.ModuleList(mlp(seed) for seed in range(count))


def on_images(objective, make=mlp):
    return make(input_dropout=0.1) if make is mlp else make(), objective, images()


def on_texts(objective, *students):
    return nn.ModuleList(students), objective, texts()


def contrastive(term=None):
    torch.manual_seed(3)
    model = o.Regressed(mlp(), {}, nn.Linear(8, 8))
    return model, o.Transfer(live(), o.Contrastive(20, 8, 5), beta=0.1), images()


def flow():
    torch.manual_seed(0)
    student, teacher = (ConvNet((8, 8), classes=4) for _ in range(2))
    return student, o.Transfer(LiveTeacher(teacher), o.Flow(flow_of_solution, (0, 1)), beta=1.0), images()


def exits():
    torch.manual_seed(0)
    return EarlyExits((8, 8), classes=4), o.SelfExits(alpha=0.3, beta=0.1), images(side=28)


def treated():
    teachers = {"teacher": cached(), "other": live()}
    treatments = [(1.0, "teacher", "confidence"), (2.0, "other", "permuted"), (1.0, "teacher", "labels")]
    return stack([mlp(s) for s in range(3)]), o.TreatedTargets(treatments, teachers), images()


def partly():
    alpha = torch.tensor([[0.2], [0.8]])
    return stack([mlp(0), mlp(1)]), o.PartlyLabelled(cached(), 2.0, alpha, labels=7), images()


def layered():
    torch.manual_seed(0)
    student, teacher = o.Projected(bert(), 8, 8), bert(9, layers=2)
    return nn.ModuleList([student]), o.LayerDistillation(teacher, [o.LayerRecipe((2,))]), texts()


def across():
    words = ["the capital of france is paris", "paris is old", "the sea is near", "old is the sea"] * 4
    ours, theirs = characters(words), byte_pairs(words, 60)
    x = ours.encode(words)
    aligned = o.Aligned.of(ours, theirs, words, gpt(9, 60, 64), "cpu")
    split = Tokens(x, torch.zeros(16, dtype=torch.int64), torch.arange(16), bucket=8)
    rule = o.across_vocabularies(o.by_bytes, aligned, 0.5)
    return nn.ModuleList([gpt(0, int(x.max()) + 1, 64)]), o.TeacherForced([rule]), split


def told():
    likeliest = texts().x[:, 1:, None].expand(-1, -1, 2) + torch.tensor([0, -1])
    rule = o.recorded(likeliest, torch.tensor([0.6, 0.3]).log().expand(likeliest.shape), soft=True)
    return on_texts(o.TeacherForced([rule]), gpt())


def half_known():
    split = images()
    special = Split(split.x, torch.where(split.y < 2, split.y, 2), split.index)
    return mlp(), o.RegularisedSpecialist(live(), torch.tensor([0, 1])), special


CASES = {
    "HardLabels": lambda: on_images(o.HardLabels(0.1)),
    "Distillation": lambda: on_images(o.Distillation(cached(), 2.0, 0.5)),
    "PartlyLabelled": partly,
    "WithoutFactor": lambda: on_images(o.WithoutFactor(live(), 2.0, 0.5)),
    "StandardizedDistillation": lambda: on_images(o.StandardizedDistillation(cached(), 2.0, 0.5)),
    "DecoupledDistillation": lambda: on_images(o.DecoupledDistillation(cached(), 2.0, 0.5, beta=4.0)),
    "CorrelatedDistillation": lambda: on_images(o.CorrelatedDistillation(cached(), 2.0, 0.5)),
    "LogitRegression": lambda: on_images(o.LogitRegression(cached(), True)),
    "RegularisedSpecialist": half_known,
    "TreatedTargets": treated,
    "Transfer": lambda: on_images(o.Transfer(live(), o.Pairwise(hint_loss, (0,)), 1.0)),
    "Pairwise": lambda: on_images(o.Transfer(live(), o.Pairwise(hint_loss, (-1,)), 0.5)),
    "Flow": flow,
    "Contrastive": contrastive,
    "Logged": lambda: (peers(), o.Logged(o.Distillation(cached())), images()),
    "MutualLearning": lambda: (peers(3), o.MutualLearning(), images()),
    "Collaborative": lambda: (peers(), o.Collaborative(), images()),
    "CoTrained": lambda: (peers(), o.CoTrained(2.0, 0.9, 0.3), images()),
    "ProgressiveSelf": lambda: (peers(1), o.ProgressiveSelf(images(), epochs=EPOCHS, classes=4), images()),
    "SelfExits": exits,
    "TeacherForced": lambda: on_texts(o.TeacherForced([o.soft(token_kd), o.labels()], gpt(9)), gpt(0), gpt(1)),
    "OnPolicy": lambda: on_texts(o.OnPolicy(gpt(9), [1.0, 0.5], [0.5, 1.0]), gpt(0), gpt(1)),
    "PolicyGradient": lambda: on_texts(o.PolicyGradient(gpt(9)), gpt(0)),
    "MaskedLM": lambda: (bert(), o.MaskedLM(0.3), texts()),
    "TripleDistillation": lambda: on_texts(o.TripleDistillation(bert(9), [o.TripleRecipe()], 0.3), bert()),
    "LayerDistillation": layered,
    "OwnRates": lambda: (
        nn.ModuleList([mlp()]),
        o.OwnRates(o.ProgressiveSelf(images(), epochs=EPOCHS, classes=4), [0.1]),
        images(),
    ),
    "Seen": lambda: (peers(1), o.Seen(o.ProgressiveSelf(images(), epochs=EPOCHS, classes=4)), images()),
    "Cropped": lambda: on_images(o.Cropped(o.Distillation(live(), 1.0), reach=1)),
    "Mixup": lambda: on_images(o.Mixup(o.Distillation(live(), 1.0))),
    "labels": lambda: on_texts(o.TeacherForced([o.labels()]), gpt()),
    "soft": lambda: on_texts(o.TeacherForced([o.soft(token_kd, temperature=2.0)], gpt(9)), gpt()),
    "top_k": lambda: on_texts(o.TeacherForced([o.top_k(3, "rest")], gpt(9)), gpt()),
    "recorded": told,
    "across_vocabularies": across,
}


def trained(name: str, checkpoint=None, progress=False):
    """Train one of them from its beginning, or on from its checkpoint: history and all state that there is."""
    torch.set_num_threads(1)
    models, objective, split = CASES[name]()
    history = fit(models, objective, split, **SETTINGS | {"progress": progress}, checkpoint=checkpoint)
    return history, {"models": models.state_dict(), "objective": getattr(objective, "state_dict", dict)()}


if __name__ == "__main__":
    loop.CHECKPOINT_SECONDS = 0.0
    folder, *names = sys.argv[1:]
    EPOCHS = SETTINGS["epochs"] = LONG
    ends = {}
    for name in names:
        history, state = trained(name, f"{folder}/{name}.pt", partial(print, flush=True))
        ends[name] = {"state": state, "loss": history.loss.tolist()}
    torch.save(ends, f"{folder}/end.pt")
