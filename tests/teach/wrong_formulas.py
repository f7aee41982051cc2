"""Wrong answers to the exercises of chapters 01 to 03, as people write them, and a piece of the hint for each."""

import math

import torch
import torch.nn.functional as F

from kdbook.teach import chapter_01 as c1
from kdbook.teach import chapter_02 as c2
from kdbook.teach import chapter_03 as c3

from .own import best_bias, entropy, kd, soft_loss, softmax, temperature


def shown(result):
    """A function that prints its result, where it should return it."""

    def answer(*given):
        str(result(*given))

    return answer


def without_keepdim(z, T):
    e = (z / T).exp()
    return e / e.sum(-1)


def in_place(z, T):
    z /= T
    z *= 2
    return z.softmax(-1) / 2


def one_more(errors):
    """Answers to the third exercise: what is returned of a grid of offsets and the errors that each leaves."""

    def answer(logits, labels):
        grid, moved = torch.arange(-10, 10, 0.5), torch.nn.functional.one_hot(torch.tensor(3), 4)
        return errors(grid, torch.stack([((logits + b * moved).argmax(-1) != labels).sum() for b in grid]))

    return answer


def soft(s, t, T, **how):
    return F.kl_div((s / T).log_softmax(-1), (t / T).softmax(-1), **how)


def mixture(soft_term, hard=lambda s, t, y, T: F.cross_entropy(s, y)):
    return lambda s, t, y, T, a: a * soft_term(s, t, T) + (1 - a) * hard(s, t, y, T)


def right_soft(s, t, T):
    return T**2 * soft_loss(s, t, T)


def by_autograd(s, t, T):
    z = s.clone().requires_grad_()
    F.kl_div((z / T).log_softmax(-1), (t / T).softmax(-1), reduction="sum").backward()
    return z.grad


CENTRED = lambda x: x - x.mean(-1, keepdim=True)  # noqa: E731

WRONG = [
    (
        c1.check_soft_targets,
        {
            "works the wrong way": lambda z, T: softmax(z * T, 1),
            "whatever `T` may be": (lambda z, T: softmax(z, 1), lambda z, T: F.one_hot(z.argmax(-1), z.shape[-1])),
            "A row of yours adds up to": (
                lambda z, T: softmax(z, 1) / T,
                lambda z, T: (z / T).exp(),
                lambda z, T: softmax(z, 1) ** (1 / T),
                lambda z, T: (z / T).exp() / (z / T).exp().sum(),
            ),
            "other axis": lambda z, T: (z / T).exp() / (z / T).exp().sum(0),
            "logarithm": lambda z, T: softmax(z, T).log(),
            "PyTorch": (lambda z, T: torch.softmax(z / T, -1), lambda z, T: F.log_softmax(z / T, -1).exp()),
            "overflows": lambda z, T: (z / T).exp() / (z / T).exp().sum(-1, keepdim=True),
            "shape (2, 3)": lambda z, T: softmax(z, T)[:, 0],
            "return e / e.sum(-1)": without_keepdim,
            "gives nothing back": shown(softmax),
        },
    ),
    (
        c1.check_information,
        {
            "bits": lambda p: math.log(2) * (entropy(p.mean(0)) - entropy(p).mean()),
            "sign": lambda p: entropy(p).mean() - entropy(p.mean(0)),
            "first term": lambda p: entropy(p.mean(0)),
            "second term": lambda p: entropy(p).mean(),
            "their mean is right": lambda p: entropy(p.mean(0)) - entropy(p),
            "below 0": lambda p: entropy(p.mean(0)) - entropy(p).sum(),
            "the same answer": lambda p: 0.1842,
            "an axis": lambda p: -(p.mean(0) * p.mean(0).log2()).mean() + (p * p.log2()).mean(),
            "gives nothing back": shown(entropy),
        },
    ),
    (
        c1.check_missing_bias,
        {
            "sign": lambda z, y: -best_bias(z, y),
            "answered 4 times of 400": (lambda z, y: 0.0, lambda z, y: 1e-3),
            "other images": lambda z, y: 4,
            "answered 400 times": (
                lambda z, y: 100,
                one_more(lambda grid, errors: errors.min()),
                one_more(lambda grid, errors: errors.argmin()),
            ),
            "answered 24 times": lambda z, y: 1.0,
            "answered 43 times": lambda z, y: ((y == 3).sum() / (z.argmax(-1) == 3).sum()).log() / 2,
            "answered 390 times": one_more(lambda grid, errors: grid[errors.argmax()]),
            "gives nothing back": shown(best_bias),
            "a finite one": (lambda z, y: z, one_more(lambda grid, errors: errors), lambda z, y: z[:, 3].mean() / 0),
        },
    ),
    (
        c1.check_repaired_cross_entropy,
        {
            "yours is inf": lambda s, t, T: -(softmax(t, T) * (s / T).softmax(-1).log()).sum(-1).mean(),
            "of some hundreds it should be 179.95; yours is 1": (
                lambda s, t, T: -(softmax(t, T) * ((s / T).softmax(-1) + 1e-9).log()).sum(-1).mean(),
                lambda s, t, T: -(softmax(t, T) * (s / T).softmax(-1).clamp(1e-12).log()).sum(-1).mean(),
            ),
            "many thousands": lambda s, t, T: -(softmax(t, T) * (s.double() / T).softmax(-1).log()).sum(-1).mean(),
            "what is softened, or not": (
                lambda s, t, T: F.cross_entropy(s / T, t.softmax(-1)),
                lambda s, t, T: F.cross_entropy(s, (t / T).softmax(-1)),
            ),
            "exchanged": lambda s, t, T: F.cross_entropy(t / T, (s / T).softmax(-1)),
            "sign": lambda s, t, T: -F.cross_entropy(s / T, (t / T).softmax(-1)),
            "an axis": lambda s, t, T: -((t / T).softmax(-1) * (s / T).log_softmax(-1)).mean(),
            "twice": lambda s, t, T: F.cross_entropy(s / T, (t / T).softmax(-1), reduction="sum"),
            "their mean is right": lambda s, t, T: F.cross_entropy(s / T, (t / T).softmax(-1), reduction="none"),
            "rows are given twice": lambda s, t, T: -(softmax(t, T) * (s / T).log_softmax(0)).sum(-1).mean(),
            "nan": lambda s, t, T: -((t / T).softmax(-1) * (-(s / T).softmax(-1)).log()).sum(-1).mean(),
        },
    ),
    (
        c2.check_dark_mass,
        {
            "add up to the whole": lambda z, T: softmax(z, T).amax(-1),
            "whatever `T` may be": lambda z, T: 1 - softmax(z, 1).amax(-1),
            "works the wrong way": lambda z, T: 1 - softmax(z, 1 / T).amax(-1),
            "divides a probability": lambda logits, temperature: (1 - softmax(logits, 1).amax(-1)) / temperature,
            "class 0 off": lambda z, T: 1 - softmax(z, T)[:, 0],
            "runner-up": lambda z, T: softmax(z, T).sort(-1).values[:, -2],
            "the mean of the numbers": lambda z, T: (1 - softmax(z, T).amax(-1)).mean(),
            "the sum of the numbers": lambda z, T: (1 - softmax(z, T).amax(-1)).sum(),
            "shape (3,)": (lambda z, T: softmax(z, T).sort(-1).values[:, :-1], lambda z, T: 1 - softmax(z, T).amax(0)),
            "logarithm": lambda z, T: (1 - softmax(z, T).amax(-1)).log(),
            "whatever `z` and `T`": lambda z, T: softmax(z.sort(-1).values[:, :-1], T).sum(-1),
            "rows are given twice": lambda z, T: 1 - (z / T).softmax(0).amax(-1),
        },
    ),
    (
        c2.check_temperature_for_top,
        {
            "higher T": (
                lambda z, top: 1.0,
                lambda z, top: 1 - top,
                lambda z, top: softmax(z, temperature(z, top)).max(),  # its probability, not the temperature
            ),
            "lower T": (
                lambda z, top: 100.0,
                lambda z, top: temperature(torch.tensor([4.0, 1.0, -2.0, 0.5]), 0.5),  # right for one of the inputs
                lambda z, top: float(round(temperature(z, top) * 1.03, 2)),
            ),
            "multiply by T": lambda z, top: 1 / temperature(z, top),
            "positive and finite": (lambda z, top: -2.0, lambda z, top: float("nan"), lambda z, top: 0),
            "One temperature": lambda z, top: z,
            "gives nothing back": shown(temperature),
        },
    ),
    (
        c2.check_repaired_stack,
        {
            "other axis": lambda z, T: (z / T).softmax(0),
            "four axes:": lambda z, T: (z / T).softmax(min(z.ndim - 1, 2)),
            "whatever `T` may be": lambda z, T: z.softmax(-1),
            "works the wrong way": lambda z, T: (z * T).softmax(-1),
            "logarithm": lambda z, T: (z / T).log_softmax(-1),
            "do the classes of an image": lambda z, T: (z / T).softmax(1 if z.ndim > 1 else 0),
            "yours is (6, 4)": lambda z, T: (z / T).reshape(-1, z.shape[-1]).softmax(-1),
            "A row of yours adds up to": lambda z, T: (z / T).flatten().softmax(0).view_as(z),
            "One answer alone": lambda z, T: (z / T).softmax(0 if z.ndim == 1 else -1) * (z.ndim > 1),
            "dim=2": lambda z, T: torch.softmax(z / T, dim=2),
            "gives nothing back": shown(softmax),
        },
    ),
    (
        c3.check_kd_loss,
        {
            "as `T` grows": (
                mixture(soft_loss),
                mixture(lambda s, t, T: T * soft_loss(s, t, T)),
                mixture(lambda s, t, T: soft_loss(s, t, T) / T**2),
                mixture(right_soft, lambda s, t, y, T: T**2 * F.cross_entropy(s, y)),
            ),
            "an axis": (
                mixture(lambda s, t, T: T**2 * soft(s, t, T, reduction="mean")),
                mixture(lambda s, t, T: T**2 * soft(s, t, T, reduction="sum")),
            ),
            "two things": mixture(lambda s, t, T: soft(s, t, T, reduction="none").mean()),
            "exchanged": (
                mixture(lambda s, t, T: T**2 * soft_loss(t, s, T)),
                mixture(right_soft, lambda s, t, y, T: F.cross_entropy(t, y)),
            ),
            "sign": mixture(lambda s, t, T: -(T**2) * soft_loss(s, t, T)),
            "below 0": (
                mixture(lambda s, t, T: T**2 * F.kl_div(softmax(s, T), softmax(t, T), reduction="batchmean")),
                mixture(lambda s, t, T: T**2 * F.kl_div(softmax(s, T), softmax(t, T))),
                mixture(right_soft, lambda s, t, y, T: -s.softmax(-1)[range(len(y)), y].mean()),
            ),
            "has nan in it": mixture(lambda s, t, T: F.kl_div((s / T).log_softmax(-1), (t / T).log_softmax(-1))),
            "equals": (
                mixture(lambda s, t, T: T**2 * F.kl_div(s.log_softmax(-1), softmax(t, T), reduction="batchmean")),
                mixture(lambda s, t, T: T**2 * F.kl_div((s / T).log_softmax(-1), softmax(t, 1), reduction="batchmean")),
                mixture(lambda s, t, T: T**2 * F.cross_entropy(s / T, softmax(t, T))),
                lambda s, t, y, T, a: a * right_soft(s, t, T) + F.cross_entropy(s, y),
            ),
            "Right for 1 - `a`": lambda s, t, y, T, a: kd(s, t, y, T, 1 - a),
            "whatever `T` may be": (
                mixture(lambda s, t, T: F.mse_loss(s, t)),
                mixture(lambda s, t, T: F.cross_entropy(s, softmax(t, 1))),
            ),
            "whatever `a` may be": lambda s, t, y, T, a: (right_soft(s, t, T) + F.cross_entropy(s, y)) / 2,
            "at which temperature": mixture(right_soft, lambda s, t, y, T: F.cross_entropy(s / T, y)),
            "take their own softmax": (
                mixture(right_soft, lambda s, t, y, T: F.cross_entropy(s.softmax(-1), y)),
                mixture(right_soft, lambda s, t, y, T: F.cross_entropy(s.log_softmax(-1).exp(), y)),
            ),
            "gives nothing back": shown(kd),
        },
    ),
    (
        c3.check_soft_gradient,
        {
            "sign": lambda s, t, T: (softmax(t, T) - softmax(s, T)) / T,
            "as `T` grows": (
                lambda s, t, T: softmax(s, T) - softmax(t, T),
                lambda s, t, T: (softmax(s, T) - softmax(t, T)) / T**2,
                lambda s, t, T: (softmax(s, T) - softmax(t, T)) * T,
            ),
            "at T = 1": lambda s, t, T: (softmax(s, 1) - softmax(t, 1)) / T,
            "an axis": lambda s, t, T: (softmax(s, T) - softmax(t, T)) / T / len(s),
            "Add 1 to all": lambda s, t, T: (s - t) / (3 * T**2),
            "`backward` does the work": by_autograd,
            "whatever `t` may be": lambda s, t, T: softmax(s, T) / T,
            "equals": (
                lambda s, t, T: (softmax(s, T) - F.one_hot(t.argmax(-1), 3)) / T,
                lambda s, t, T: (softmax(s, T) - t) / T,
            ),
            "shape (4, 3)": lambda s, t, T: (softmax(s, T) - softmax(t, T)).sum(0) / T,
            "other axis": lambda s, t, T: ((s / T).softmax(0) - (t / T).softmax(0)) / T,
        },
    ),
    (
        c3.check_logit_limit,
        {
            "Add 1 to all": (
                lambda s, t: (s - t).square().mean(-1) / 2,
                lambda s, t: (s - t).square().sum(-1) / 2,
                lambda s, t: (s - t).square().mean(-1),
                lambda s, t: (s - t).abs().mean(-1) / 2,
            ),
            "twice": lambda s, t: (s - t).var(-1, unbiased=False),
            "an axis": lambda s, t: CENTRED(s - t).square().sum(-1) / 2,
            "6 times the right ones": lambda s, t: CENTRED(s - t).square().sum(-1),
            "1.5 times": lambda s, t: (s - t).var(-1) / 2,
            "the mean of the numbers": lambda s, t: (s - t).var(-1, unbiased=False).mean() / 2,
            "square": lambda s, t: (s - t).std(-1, unbiased=False) / 2**0.5,
            "very near": lambda s, t: 1e6 * (softmax(t, 1e3) * (softmax(t, 1e3) / softmax(s, 1e3)).log()).sum(-1),
            "equals": lambda s, t: CENTRED(s).square().mean(-1) / 2 + CENTRED(t).square().mean(-1) / 2,
            "whatever `t` may be": lambda s, t: s.var(-1, unbiased=False) / 2,
        },
    ),
    (
        c3.check_repaired_soft_loss,
        {
            "With 10 classes your loss is 0.1 times": lambda s, t, T: T**2 * soft(s, t, T, reduction="none").mean(),
            "with 3 it is 3.33": lambda s, t, T: right_soft(s, t, T) / s.shape[-1] * 10,
            "half of the rows it is 0.5": lambda s, t, T: T**2 * soft_loss(s, t, T, torch.sum) / 4,
            "At T = 20 your loss is 0.0156": lambda s, t, T: 6.25 * soft_loss(s, t, T),
            "as `T` grows": (
                lambda s, t, T: soft(s, t, T, reduction="batchmean"),
                lambda s, t, T: T * soft(s, t, T, reduction="batchmean"),
            ),
            "an axis": (
                lambda s, t, T: T**2 * soft(s, t, T, reduction="sum"),
                lambda s, t, T: T**2 * soft(s, t, T, reduction="batchmean") / len(s),
            ),
            "exchanged": lambda s, t, T: right_soft(t, s, T),
            "numbers; their mean": lambda s, t, T: T**2 * soft(s, t, T, reduction="none").sum(-1),
            "below 0": lambda s, t, T: T**2 * F.kl_div((s / T).softmax(-1), (t / T).softmax(-1), reduction="batchmean"),
            "equals": lambda s, t, T: T**2 * F.cross_entropy(s / T, (t / T).softmax(-1)),
            "gives nothing back": shown(soft_loss),
        },
    ),
    (
        c3.check_repaired_mixture,
        {
            "with it your loss is 1.26 times": mixture(right_soft, lambda s, t, y, T: F.cross_entropy(s / T, y)),
            "as `T` grows": mixture(soft_loss),
            "twice": mixture(right_soft, lambda s, t, y, T: 2 * F.cross_entropy(s, y)),
            "with it your loss is 2.5 times": mixture(right_soft, lambda s, t, y, T: T * F.cross_entropy(s, y)),
            "with it your loss is 6.25 times": mixture(right_soft, lambda s, t, y, T: T**2 * F.cross_entropy(s, y)),
            "how does alpha mix them": (
                lambda s, t, y, T, a: kd(s, t, y, T, float(a > 0.5)),
                lambda s, t, y, T, a: kd(s, t, y, T, a**2),
            ),
            "Right for 1 - `a`": lambda s, t, y, T, a: kd(s, t, y, T, 1 - a),
            "exchanged": mixture(lambda s, t, T: right_soft(t, s, T)),
            "an axis": mixture(lambda s, t, T: T**2 * soft(s, t, T, reduction="none").mean()),
            "gives nothing back": shown(kd),
        },
    ),
]
