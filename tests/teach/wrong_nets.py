"""Wrong answers to the exercises of chapters 04 to 07, as people write them, and a piece of the hint for each."""

import math

import torch
import torch.nn.functional as F

from kdbook.teach import chapter_04 as c4
from kdbook.teach import chapter_05 as c5
from kdbook.teach import chapter_06 as c6
from kdbook.teach import chapter_07 as c7

from .own import combined, distance, exits, mutual, progressive


def one_norm(f):
    return F.normalize(f @ f.T, 1)


def rows(f):
    return F.normalize(f @ f.T, dim=1)


def rkd(s, t, ours=distance, compare=F.smooth_l1_loss):
    return compare(ours(s), ours(t))


def hard(logits, labels):
    return torch.stack([F.cross_entropy(z, labels) for z in logits])


def pairs(logits):
    """KL (M, M) of each column's net as the target and each row's as the learner."""
    log_q = logits.log_softmax(-1)
    return (log_q[None].exp().detach() * (log_q[None].detach() - log_q[:, None])).sum(-1).mean(-1)


def imitation(logits, teacher):
    """KL of all nets but the last from a teacher's answer."""
    return sum(F.kl_div(q.log_softmax(-1), teacher.softmax(-1), reduction="batchmean") for q in logits[:-1])


def add_to_dustbin(by):
    def answer(logits, share):
        logits = logits.clone()
        logits[:, -1] += by(share)
        return logits

    return answer


def spread_evenly(generalist, known, specialist):
    whole = torch.full_like(generalist, float(specialist[-1]) / (len(generalist) - len(known)))
    whole[known] = specialist[:-1]
    return (generalist + whole) / 2


def told(generalist, known, specialist):
    return 2 * combined(generalist, known, specialist) - generalist


def known_only(generalist, known, specialist):
    generalist = generalist.clone()
    generalist[known] = (generalist[known] + specialist[:-1]) / 2
    return generalist


def zeros_elsewhere(generalist, known, specialist):
    whole = torch.zeros_like(generalist)
    whole[known] = specialist[:-1]
    return (generalist + whole) / 2


def overwritten(generalist, known, specialist):
    generalist[known] = specialist[:-1]
    return generalist


def geometric(*given):
    product = (given[0] * told(*given)).sqrt()
    return product / product.sum()


def mixup(weight=lambda w: w[:, None, None], rest=lambda w: 1 - w, partner=lambda x, p: x[p]):
    return lambda x, w, p: weight(w) * x + rest(weight(w)) * partner(x, p)


WRONG = [
    (
        c4.check_attention_map,
        {
            "right proportions": (
                lambda f: f.square().mean(1).flatten(1),
                lambda f: F.normalize(f.square().mean(1).flatten(1), p=1),
                lambda f: f.square().mean(1).flatten(1) / f.square().mean(1).norm(),
            ),
            "cancel": lambda f: F.normalize(f.mean(1).flatten(1)),
            "absolute": lambda f: F.normalize(f.abs().mean(1).flatten(1)),
            "rows are given twice": lambda f: F.normalize(f.square().mean(1).flatten(1), dim=0),
            "yours is (2, 3)": lambda f: F.normalize(f.square().mean((2, 3))),
            "yours is (2, 4, 4)": lambda f: F.normalize(f.square().mean(1)),
            "three times as large": lambda f: f.square().mean(1).flatten(1).softmax(-1),
            "yours is (3, 16)": lambda f: F.normalize(f.square().mean(0).flatten(1)),
        },
    ),
    (
        c4.check_relational_distance,
        {
            "three times as large": (
                lambda s, t: rkd(s, t, lambda f: torch.cdist(f, f)),
                lambda s, t: F.smooth_l1_loss(*(torch.cdist(f, f) / torch.cdist(t, t).sum() * 12 for f in (s, t))),
            ),
            "twice": lambda s, t: rkd(s, t, compare=F.mse_loss),
            "where a line": lambda s, t: rkd(s, t, compare=F.l1_loss),
            "to themselves": lambda s, t: rkd(s, t, lambda f: torch.cdist(f, f) / torch.cdist(f, f).mean()),
            "4 times 0.333": lambda s, t: rkd(s, t) * 4 / 3,
            "4 times 4": lambda s, t: rkd(s, t, compare=lambda a, b: F.smooth_l1_loss(a, b, reduction="sum")),
            "Add 1 to all": lambda s, t: rkd(F.normalize(s), F.normalize(t)),
            "shape ()": lambda s, t: distance(s) - distance(t),
            "f_s - f_t": lambda f_s, f_t: F.smooth_l1_loss(f_s - f_t, 0 * f_s),
        },
    ),
    (
        c4.check_repaired_similarity,
        {
            "which norm of theirs is 1": lambda s, t: (one_norm(s) - one_norm(t)).square().sum() / len(s) ** 2,
            "for three it is 0.563 times": lambda s, t: (rows(s) - rows(t)).square().sum() / 16,
            "is 64 what it should pay": lambda s, t: (s @ s.T - t @ t.T).square().mean(),
            "an axis": (
                lambda s, t: (rows(s) - rows(t)).square().sum() / len(s),
                lambda s, t: (rows(s) - rows(t)).square().mean(1).sum(),
            ),
            "4 times 4": lambda s, t: (rows(s) - rows(t)).square().sum(),
            "square": lambda s, t: (rows(s) - rows(t)).square().mean().sqrt(),
            "numbers; their mean": lambda s, t: (rows(s) - rows(t)).square().mean(1),
            "is 16 what it should pay": lambda s, t: ((lambda f: f.T @ f)(s) - (lambda f: f.T @ f)(t)).square().mean(),
            "gives nothing back": lambda s, t: None,
        },
    ),
    (
        c5.check_mutual_loss,
        {
            "labels' term alone": hard,
            "whatever `y` may be": lambda z, y: pairs(z).sum(1) / (len(z) - 1),
            "every peer that joins": lambda z, y: hard(z, y) + pairs(z).sum(1),
            "peer of itself": lambda z, y: hard(z, y) + pairs(z).mean(1),
            "Whose answer": lambda z, y: hard(z, y) + pairs(z).sum(0) / (len(z) - 1),
            "Who is fixed": lambda z, y: mutual(z, y, detach=False),
            "who would learn": lambda z, y: mutual(z.detach(), y),
            "the mean of the numbers": lambda z, y: mutual(z, y).mean(),
            "the sum of the numbers": lambda z, y: mutual(z, y).sum(),
            "half": lambda z, y: hard(z, y) / 2 + pairs(z).sum(1) / (len(z) - 1) / 2,
        },
    ),
    (
        c5.check_progressive_targets,
        {
            "whatever `index` may be": lambda table, index, y, e, n, final: progressive(
                table[: len(y)], range(len(y)), y, e, n, final
            ),
            "early on": lambda table, index, y, e, n, final: (
                progressive(table, index, y, 1 - 1 / final + n - e - 2 + (1 / final - 1) * (n + 1), n, final)
                if False
                else (1 - final * (e + 1) / n) * table[index] + final * (e + 1) / n * F.one_hot(y, 3)
            ),
            "One step late": lambda table, index, y, e, n, final: progressive(table, index, y, e - 1, n, final),
            "whatever `e` and `n` may be": lambda table, index, y, e, n, final: progressive(
                table, index, y, n - 1, n, final
            ),
            "whatever `final` may be": lambda table, index, y, e, n, final: progressive(table, index, y, e, n, 1),
            "whatever `labels` and": lambda table, index, labels, epoch, epochs, final: table[index],
            "equal steps": lambda table, index, y, e, n, final: progressive(
                table, index, y, e * n / (n - 1) - 1, n, final
            ),
            "whatever `table` and": lambda table, index, labels, epoch, epochs, final: F.one_hot(labels, 3),
            "A row of yours adds up to": lambda table, index, y, e, n, final: (
                F.one_hot(y, 3) + final * (e + 1) / n * table[index]
            ),
            "shape (3, 3)": lambda table, index, y, e, n, final: progressive(
                table, slice(0, 6), y.repeat(2), e, n, final
            ),
            "one_hot(labels)": lambda table, index, labels, epoch, epochs, final: (
                (1 - final) * F.one_hot(labels) + final * F.one_hot(labels, 9)
            ),
        },
    ),
    (
        c5.check_repaired_exits,
        {
            "should what the shallow exits": lambda z, y: exits(z, y, lambda p: p),
            "first exit no longer learns": (
                lambda z, y: exits(torch.cat([z[:1].detach(), z[1:]]), y),
                lambda z, y: exits(z.detach(), y),
                lambda z, y: hard(z, y).sum() + imitation(z.detach(), z[-1]),
            ),
            "yours is 2 times": lambda z, y: 2 * exits(z, y),
            "yours is 0.697 times": lambda z, y: hard(z, y).sum(),  # no teacher
            "yours is 0.303 times": lambda z, y: imitation(z, z[-1].detach()),  # no labels
            "yours is 0.333 times": lambda z, y: exits(z, y) / len(z),
            "yours is 0.901 times": lambda z, y: exits(z.flip(0), y),  # the first one teaches
            "yours is 0.955 times": lambda z, y: hard(z, y).sum() + sum(imitation(z[[-1, 0]], q) for q in z[:-1]),
            "yours is 0.785 times": lambda z, y: exits(z, y) - F.cross_entropy(z[-1], y),
            "gives nothing back": lambda z, y: None,
        },
    ),
    (
        c6.check_dustbin_correction,
        {
            "whatever `share` may be": (
                lambda logits, share: logits,
                lambda logits, share: logits.softmax(-1),
                lambda logits, share: logits + math.log((1 - share) / share),
            ),
            "Right for 1 - `share`": add_to_dustbin(lambda share: math.log(share / (1 - share))),
            "in odds": add_to_dustbin(lambda share: (1 - share) / share),
            "the same as odds": add_to_dustbin(lambda share: -math.log(share)),
            "more seldom": add_to_dustbin(lambda share: math.log(0.5 / share)),
            "Add 1 to all": lambda logits, share: torch.cat([logits[:, :-1], logits[:, -1:] * (1 - share) / share], 1),
            "shape (2, 3)": lambda logits, share: logits[:, -1] + math.log((1 - share) / share),
        },
    ),
    (
        c6.check_one_specialist,
        {
            "whatever `known` and `s` may be": lambda g, known, s: g,
            "a vote": told,
            "even share": spread_evenly,
            "A row of yours adds up to": (known_only, zeros_elsewhere, overwritten),
            "Yours is twice": lambda *given: 2 * combined(*given),
            "arithmetic": geometric,
            "shape (5,)": (lambda *_: torch.ones(7), lambda g, known, s: torch.cat([g[known], s[-1:]])),
            "whatever argument 1": lambda *_: torch.tensor([0.3263, 0.35, 0.225, 0.0659, 0.0329]),
            "generalist + specialist": lambda generalist, known, specialist: (generalist + specialist) / 2,
        },
    ),
    (
        c6.check_repaired_objective,
        {
            "By hand?": lambda q, p: F.kl_div(p.log(), q, reduction="sum"),
            "not 0": (
                lambda q, p: -(p * q.log()).sum(),
                lambda q, p: F.kl_div(q, p, reduction="sum"),
                lambda q, p: F.kl_div(q.log(), p.log(), reduction="sum"),
            ),
            "an axis": (
                lambda q, p: F.kl_div(q.log(), p, reduction="batchmean"),
                lambda q, p: F.kl_div(q.log(), p),
                lambda q, p: (p / q).log().sum(),
            ),
            "sign": lambda q, p: (p * (q / p).log()).sum(),
            "bits": lambda q, p: (p * (p / q).log2()).sum(),
            "their mean is right": lambda q, p: F.kl_div(q.log(), p, reduction="none"),
            "gives nothing back": lambda q, p: None,
        },
    ),
    (
        c7.check_ensemble,
        {
            "veto": (
                lambda z: z.mean(0),
                lambda z: z.log_softmax(-1).mean(0),
                lambda z: z.sum(0) / 3 if len(z) == 3 else z.mean(0),
            ),
            "logarithm still to be taken": (lambda z: z.softmax(-1).mean(0), lambda z: z.softmax(-1).sum(0)),
            "surest": lambda z: z.max(0).values,
            "Turn the rows": lambda z: z[0],
            "shape (4, 5)": (lambda z: z, lambda z: z.softmax(-1).mean(1).log()),
            "gives nothing back": lambda z: None,
        },
    ),
    (
        c7.check_mixup,
        {
            "Right for 1 - `w`": mixup(weight=lambda w: (1 - w)[:, None, None]),
            "columns, or rows": (
                lambda x, w, p: w * x + (1 - w) * x[p],
                lambda x, w, p: w[:, None] * x + (1 - w[:, None]) * x[p],
            ),
            "brighter": mixup(rest=lambda w: 1),
            "whatever `w` and `p` may be": mixup(partner=lambda x, p: x),
            "whatever `p` may be": (mixup(partner=lambda x, p: x.flip(0)), mixup(partner=lambda x, p: x.roll(1, 0))),
            "whatever `w` may be": (lambda x, w, p: (x + x[p]) / 2, mixup(weight=lambda w: 0.7)),
            "w * x[:, :4]": lambda x, w, p: w * x[:, :4] + x[p],
            "gives nothing back": lambda x, w, p: None,
        },
    ),
]
