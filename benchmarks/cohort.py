"""Many small students as one stacked model, against the same students one by one, in turn."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook.data import load_images
from kdbook.nets.vision import MLP
from kdbook.training import CachedTeacher, Distillation, fit, sgd, stack

SIZES = [784, 30, 30, 10]
TEMPERATURES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 10.0, 20.0)
ALPHAS = (0.5, 0.9, 1.0, 0.1, 0.3, 0.4, 0.6, 0.7, 0.8, 0.95)
IMAGES = 7_680


def students(sizes: list[int], count: int) -> list[MLP]:
    """Fresh students of equal shape."""
    torch.manual_seed(0)
    return [MLP(sizes) for _ in range(count)]


def settings_of_one_seed(count: int, batch_size: int = 128):
    """Students that share batches, each with its own temperature and alpha: (as one, one by one)."""
    grid = [(t, a) for a in ALPHAS for t in TEMPERATURES][:count]
    split = load_images().rows(slice(IMAGES))
    teacher = CachedTeacher.of(MLP([784, 1200, 1200, 10]).eval(), split)
    temperature, alpha = torch.tensor(grid).T[:, :, None]  # (S, 1) each
    settings = {"epochs": 1, "batch_size": batch_size, "optimizer": sgd(0.01), "seed": 0, "progress": False}

    def together() -> None:
        fit(stack(students(SIZES, count)), Distillation(teacher, temperature, alpha), split, **settings)

    def one_by_one() -> None:
        for student, (t, a) in zip(students(SIZES, count), grid, strict=True):
            fit(student, Distillation(teacher, t, a), split, **settings)

    return together, one_by_one


def seeds(count: int, sizes: list[int], batch_size: int = 256):
    """Students of as many seeds, each with a draw and an order of its own: (as one, one by one)."""
    whole = load_images()
    teacher = CachedTeacher.of(MLP([784, 100, 10]).eval(), whole)
    generator = torch.Generator().manual_seed(0)
    chosen = torch.stack([torch.randperm(len(whole), generator=generator)[:IMAGES] for _ in range(count)])
    settings = {"epochs": 1, "batch_size": batch_size, "optimizer": sgd(0.01), "progress": False}
    learn = partial(Distillation, teacher, 4.0, 0.9)

    def together() -> None:
        fit(stack(students(sizes, count)), learn(), whole.drawn(chosen), seed=list(range(count)), **settings)

    def one_by_one() -> None:
        for seed, (student, rows) in enumerate(zip(students(sizes, count), chosen, strict=True)):
            fit(student, learn(), whole.rows(rows), seed=seed, **settings)

    return together, one_by_one


def convolutions(count: int, widths: list[int], batch_size: int = 256, steps: int = 10):
    """Forward and backward of `count` stacks of three convolutions: (as grouped ones, one by one)."""

    def net(groups: int) -> nn.Sequential:
        layers, before = [], 1
        for width in widths:
            layers += [nn.Conv2d(before * groups, width * groups, 3, 2, 1, bias=False, groups=groups), nn.ReLU()]
            before = width
        return nn.Sequential(*layers).to(memory_format=torch.channels_last)

    x = torch.rand(batch_size, 1, 28, 28).to(memory_format=torch.channels_last)
    shared, alone = net(count), [net(1) for _ in range(count)]
    every = x.expand(-1, count, -1, -1)

    def step(stack: nn.Module, images: Tensor) -> None:
        stack.zero_grad()
        F.adaptive_avg_pool2d(stack(images), 1).sum().backward()

    def together() -> None:
        for _ in range(steps):
            step(shared, every)

    def one_by_one() -> None:
        for _ in range(steps):
            for one in alone:
                step(one, x)

    return together, one_by_one
