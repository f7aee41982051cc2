"""A small task, nets for it, and `distil` in a blink: what tests of own models share."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset

import kdbook
from kdbook.training.report import DISTILLED

CLASSES, WIDTH = 3, 6


def samples(count=300, seed=0):
    """Points around three corners, and which corner it is."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (count,), generator=generator)
    x = 0.5 * torch.randn(count, WIDTH, generator=generator) + F.one_hot(y, WIDTH)
    return x, y


X, Y = samples()
TEST = samples(200, seed=1)


def good_teacher(classes=CLASSES):
    """A net that knows the corners, up to a constant."""
    net = nn.Linear(WIDTH, classes)
    with torch.no_grad():
        net.weight.copy_(3 * torch.eye(WIDTH)[:classes])
        net.bias.zero_()
    return net


def small_student(classes=CLASSES):
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(WIDTH, 8), nn.ReLU(), nn.Linear(8, classes))


def quick(teacher=None, student=None, train=(X, Y), **changes):
    """`distil` in a blink; changes replace its arguments."""
    settings = {"test": TEST, "epochs": 3, "batch_size": 32, "rates": [0.02], "device": "cpu", "progress": False}
    return kdbook.distil(teacher or good_teacher(), student or small_student(), train, **settings | changes)


def wrong(report, name=DISTILLED):
    return report.rows[name]["wrong, %"]


class Points(Dataset):
    """Samples by number, in a form of one's choice."""

    def __init__(self, form):
        self.form = form

    def __len__(self):
        return len(X)

    def __getitem__(self, at):
        return self.form(X[at], Y[at])
