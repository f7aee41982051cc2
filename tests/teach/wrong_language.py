"""Wrong answers to the exercises of chapters 08 to 10, as people write them, and a piece of the hint for each."""

import math

import torch
import torch.nn.functional as F

from kdbook.teach import chapter_08 as c8
from kdbook.teach import chapter_09 as c9
from kdbook.teach import chapter_10 as c10

from .own import bucket, entropy, jsd, kd, soft_loss, softmax


def layers(name):
    return lambda ours, theirs: [name(m, ours, theirs) for m in range(1, ours + 1)]


def distance(s, t):
    return 1 - F.cosine_similarity(s, t, dim=-1)


def kl(p, q):
    return (p * (p / q).log()).sum(-1)


def to_mixture(mixture, first=lambda beta: beta, second=lambda beta: 1 - beta):
    return lambda p, q, beta: first(beta) * kl(p, mixture(p, q, beta)) + second(beta) * kl(q, mixture(p, q, beta))


def middle(p, q, beta):
    return beta * p + (1 - beta) * q


def told(top, at, q, divide=(False, False)):
    chosen = q.gather(-1, at)
    top, chosen = (x / x.sum(-1, keepdim=True) if by else x for x, by in zip((top, chosen), divide, strict=True))
    return (top * (top / chosen).log()).sum(-1)


def rest(top, at, q, term):
    return told(top, at, q) + term(1 - top.sum(-1), 1 - q.gather(-1, at).sum(-1))


def parts(losses, masks):
    return [(loss * mask).sum() for loss, mask in zip(losses, masks, strict=True)], [mask.sum() for mask in masks]


def own(soft):
    return lambda s, t, y, T, a: a * soft(s, t, T) + (1 - a) * F.cross_entropy(s, y)


def filled(s, t, mask, T):
    return T**2 * soft_loss(s.masked_fill(~mask[..., None], 0), t.masked_fill(~mask[..., None], 0), T)


WRONG = [
    (
        c8.check_layer_map,
        {
            "where does your count": layers(lambda m, ours, theirs: m * theirs // ours - 1),
            "top": layers(lambda m, ours, theirs: theirs - ours + m),
            "whatever `theirs` may be": (layers(lambda m, ours, theirs: m), layers(lambda m, ours, theirs: 3 * m)),
            "*last*": layers(lambda m, ours, theirs: 1 + (m - 1) * theirs // ours),
            "shape (4,)": (
                lambda ours, theirs: list(range(0, theirs + 1, theirs // ours)),
                lambda ours, theirs: list(range(theirs // ours, theirs, theirs // ours)),
                lambda ours, theirs: theirs // ours,
                lambda ours, theirs: [m * ours // theirs for m in range(1, theirs + 1)],
            ),
            "both ends": layers(lambda m, ours, theirs: 1 + round((m - 1) * (theirs - 1) / max(ours - 1, 1))),
            "another order": layers(lambda m, ours, theirs: (ours + 1 - m) * theirs // ours),
            "whatever `ours` and": lambda ours, theirs: [3, 6, 9, 12],
            "numbers is needed": lambda ours, theirs: {"1": 3},
        },
    ),
    (
        c8.check_cosine_loss,
        {
            "whatever `m` may be": (
                lambda s, t, m: (1 - F.cosine_similarity(s, t, dim=1)).mean(),
                lambda s, t, m: distance(s, t).mean(),
                lambda s, t, m: 1 - F.cosine_similarity(s.flatten(1), t.flatten(1)).mean(),
            ),
            "denominator": (
                lambda s, t, m: (distance(s, t) * m).mean(),
                lambda s, t, m: distance(s * m[..., None], t).mean() - (~m).double().mean(),
            ),
            "add up to the whole": lambda s, t, m: F.cosine_similarity(s, t, dim=-1)[m].mean(),
            "sign": lambda s, t, m: F.cosine_similarity(s, t, dim=-1)[m].mean() - 1,
            "rows are given twice": lambda s, t, m: distance(s, t)[m].sum(),
            "same weight": lambda s, t, m: ((distance(s, t) * m).sum(1) / m.sum(1)).mean(),
            "yours is 4.34": lambda s, t, m: (1 - (s * t).sum(-1))[m].mean(),
            "below 0": lambda s, t, m: -F.cosine_similarity(s, t, dim=-1)[m].mean(),
            "three times as large": lambda s, t, m: F.mse_loss(s[m], t[m]),
            "10 numbers; their mean": lambda s, t, m: distance(s, t)[m],
            "yours is 0.333": lambda s, t, m: (distance(s * m[..., None], t)).mean(),
            "an axis": lambda s, t, m: distance(s, t)[m].mean() / len(s),
        },
    ),
    (
        c8.check_repaired_token_loss,
        {
            "For texts of five tokens it is 5 times": lambda s, t, m, T: T**2 * soft_loss(s, t, T, torch.sum) / len(s),
            "where 7 of 15 tokens are filling": (
                lambda s, t, m, T: T**2 * soft_loss(s, t, T),
                filled,
                lambda s, t, m, T: T**2 * (soft_loss(s, t, T, lambda x: x) * m).sum() / m.numel(),
            ),
            "as `temperature` grows": lambda s, t, mask, temperature: soft_loss(s[mask], t[mask], temperature),
            "an axis": (
                lambda s, t, m, T: T**2 * F.kl_div((s[m] / T).log_softmax(-1), softmax(t[m], T), reduction="mean"),
                lambda s, t, m, T: T**2 * soft_loss(s[m], t[m], T, torch.sum),
            ),
            "exchanged": lambda s, t, m, T: T**2 * soft_loss(t[m], s[m], T),
            "the same weight": lambda s, t, m, T: (
                T**2 * ((soft_loss(s, t, T, lambda x: x) * m).sum(1) / m.sum(1)).mean()
            ),
            "numbers; their mean": lambda s, t, m, T: T**2 * soft_loss(s[m], t[m], T, lambda x: x),
            "equals": lambda s, t, m, T: T**2 * F.cross_entropy(s[m] / T, softmax(t[m], T)),
            "rows are given twice": lambda s, t, m, T: (
                T**2 * F.kl_div((s / T).log_softmax(0), (t / T).softmax(0), reduction="batchmean")
            ),
            "gives nothing back": lambda s, t, m, T: None,
        },
    ),
    (
        c9.check_generalized_jsd,
        {
            "exchanged": lambda p, q, beta: jsd(p, q, 1 - beta),
            "how much of p": to_mixture(lambda p, q, beta: (1 - beta) * p + beta * q),
            "each other's weight": to_mixture(middle, lambda beta: 1 - beta, lambda beta: beta),
            "comes first": lambda p, q, b: b * kl(middle(p, q, b), p) + (1 - b) * kl(middle(p, q, b), q),
            "is that a distribution": to_mixture(lambda p, q, b: (b * p.log() + (1 - b) * q.log()).exp()),
            "to each other": lambda p, q, b: b * kl(p, q) + (1 - b) * kl(q, p),
            "no weights": to_mixture(middle, lambda b: 1, lambda b: 1),
            "an axis": (lambda p, q, b: jsd(p, q, b) / len(p), lambda p, q, b: jsd(p, q, b) / p.shape[-1]),
            "the mean of the numbers": lambda p, q, b: jsd(p, q, b).mean(),
            "bits": lambda p, q, b: jsd(p, q, b) / math.log(2),
            "whatever `beta` may be": (lambda p, q, beta: jsd(p, q, 0.5), lambda p, q, beta: kl(p, q)),
            "sign": lambda p, q, b: -jsd(p, q, b),
            "shape (4,)": lambda p, q, b: b * p * (p / middle(p, q, b)).log(),
        },
    ),
    (
        c9.check_missing_mass,
        {
            "dropped": told,
            "impossible": lambda *given: told(*given, divide=(True, False)),
            "what does it cost": lambda *given: told(*given, divide=(True, True)),
            "what does the student put": lambda *given: rest(*given, lambda p, q: p * p.log()),
            "swapped": lambda *given: rest(*given, lambda p, q: q * (q / p).log()),
            "wrong sign": lambda *given: rest(*given, lambda p, q: -p * (p / q).log()),
            "the mean of the numbers": lambda *given: bucket(*given).mean(),
            "bits": lambda *given: bucket(*given) / math.log(2),
            "whatever `at` may be": lambda top, at, q: bucket(top, torch.arange(top.shape[-1]).expand_as(top), q),
            "sign": lambda *given: -bucket(*given),
        },
    ),
    (
        c9.check_token_mean,
        {
            "short part": lambda x, m: sum(s / n for s, n in zip(*parts(x, m), strict=True)) / 2,
            "Divided twice": lambda x, m: sum(s / n for s, n in zip(*parts(x, m), strict=True)) / sum(parts(x, m)[1]),
            "means are added": lambda x, m: sum(s / n for s, n in zip(*parts(x, m), strict=True)),
            "half": lambda x, m: sum(parts(x, m)[0]) / sum(parts(x, m)[1]) / 2,
            "sum over all": lambda x, m: sum(parts(x, m)[0]),
            "whatever `m` may be": lambda x, m: torch.cat(x).mean(),
            "Filling counts": (
                lambda x, m: (torch.cat(x) * torch.cat(m)).mean(),
                lambda x, m: sum((a * b).mean() for a, b in zip(x, m, strict=True)) / 2,
            ),
            "12 numbers; their mean": lambda x, m: torch.cat(x)[torch.cat(m)],
            "loss * masks": lambda losses, masks: sum(loss * masks for loss in losses),
        },
    ),
    (
        c9.check_shares_closed,
        {
            "per cent": lambda t, s, b: (s - b) / (t - b),
            "whatever `b` may be": lambda t, s, b: 100 * s / t,
            "to be measured": lambda t, s, b: 100 * (s - b) / t,
            "`t` and `b` exchanged": lambda t, s, b: 100 * (t - s) / (t - b),
            "sign": lambda t, s, b: 100 * (b - s) / (t - b),
            "whatever `t` may be": (lambda t, s, b: s - b, lambda t, s, b: 100 * (s - b) / b),
            "the mean of the numbers": lambda t, s, b: (100 * (s - b) / (t - b)).mean(),
            "rounded": lambda t, s, b: (100 * (s - b) / (t - b)).round(),
            "Which gap": lambda t, s, b: 100 * (s - b) / (t - s),
        },
    ),
    (
        c9.check_entropy,
        {
            "bits": lambda z, T: math.log(2) * entropy(softmax(z, T)),
            "sign": lambda z, T: -entropy(softmax(z, T)),
            "works the wrong way": lambda z, T: entropy(softmax(z, 1 / T)),
            "whatever `T` may be": lambda z, T: entropy(softmax(z, 1)),
            "as `T` grows": lambda z, T: entropy(softmax(z, T)) / T,
            "the mean of the numbers": lambda z, T: entropy(softmax(z, T)).mean(),
            "an axis": lambda z, T: -(softmax(z, T) * softmax(z, T).log2()).mean(-1),
            "shape (6,)": (lambda z, T: -softmax(z, T).log2() * softmax(z, T), lambda z, T: entropy(softmax(z, T).T)),
            "rows are given twice": lambda z, T: entropy((z / T).softmax(0)),
            "nan": lambda z, T: -(z * z.log2()).sum(-1),
        },
    ),
    (
        c10.check_repaired_own_loss,
        {
            "how many classes": own(
                lambda s, t, T: (softmax(t, T) * (softmax(t, T).log() - softmax(s, T).log())).mean()
            ),
            "at T = 4 it is 0.0625": own(soft_loss),
            "at T = 4 it is 0.25": own(lambda s, t, T: T * soft_loss(s, t, T)),
            "at T = 4 it is 0.311": lambda s, t, y, T, a: kd(s, t, y, 1, a),
            "exchanged": own(lambda s, t, T: T**2 * soft_loss(t, s, T)),
            "equals": (
                own(lambda s, t, T: T**2 * F.cross_entropy(s / T, softmax(t, T))),
                lambda s, t, y, T, a: a * T**2 * soft_loss(s, t, T) + F.cross_entropy(s, y),
            ),
            "loss of labels": (
                lambda s, t, y, T, a: kd(s, t, y, T, 1 - a),
                lambda s, t, y, T, a: a * T**2 * soft_loss(s, t, T) + (1 - a) * F.cross_entropy(s.softmax(-1), y),
            ),
            "alpha itself": lambda s, t, y, T, a: kd(s, t, y, T, round(a + 1e-9)),
            "twice": own(lambda s, t, T: T**2 * soft_loss(s, t, T, torch.sum)),
            "gives nothing back": lambda s, t, y, T, a: None,
        },
    ),
]
