"""Answers written without this package: right ones pass, and what learners and published code do gets its hint."""

import math

import pytest
import torch
import torch.nn.functional as F

from kdbook.teach import chapter_01 as c1
from kdbook.teach import chapter_02 as c2
from kdbook.teach import chapter_03 as c3
from kdbook.teach import chapter_04 as c4
from kdbook.teach import chapter_05 as c5
from kdbook.teach import chapter_06 as c6
from kdbook.teach import chapter_07 as c7
from kdbook.teach import chapter_08 as c8
from kdbook.teach import chapter_09 as c9
from kdbook.teach import chapter_10 as c10


def softmax(z, T):
    e = torch.exp((z - z.max(-1, keepdim=True).values) / T)
    return e / e.sum(-1, keepdim=True)


def soft_loss(s, t, T, reduce=torch.mean):
    return reduce((softmax(t, T) * (softmax(t, T).log() - softmax(s, T).log())).sum(-1))


def kd(s, t, y, T, alpha):
    return alpha * T**2 * soft_loss(s, t, T) + (1 - alpha) * F.cross_entropy(s, y)


def autograd(s, t, T):
    z = s.clone().requires_grad_()
    F.kl_div((z / T).log_softmax(-1), (t / T).softmax(-1), reduction="sum").backward()
    return z.grad


def best_bias(logits, labels):
    def errors(bias):
        shifted = logits.clone()
        shifted[:, 3] += bias
        return int((shifted.argmax(-1) != labels).sum())

    return min((b / 10 for b in range(-100, 101)), key=errors)


def temperature(z, top):
    low, high = 1e-3, 1e3
    for _ in range(100):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if softmax(z, middle).max() > top else (low, middle)
    return middle


def distance(f):
    d = ((f[:, None] - f[None]) ** 2).sum(-1).sqrt()
    return d * len(d) * (len(d) - 1) / d.sum()  # the mean over i != j, twins included


def mutual(logits, labels, detach=True):
    log_q = logits.log_softmax(-1)
    log_p, losses = (log_q.detach() if detach else log_q), []
    for i in range(len(logits)):
        kl = sum((log_p[j].exp() * (log_p[j] - log_q[i])).sum(-1).mean() for j in range(len(logits)) if j != i)
        losses.append(F.cross_entropy(logits[i], labels) + kl / (len(logits) - 1))
    return torch.stack(losses)


def exits(logits, labels, teacher=torch.Tensor.detach):
    p = teacher(logits[-1].softmax(-1))
    hard = sum(F.cross_entropy(z, labels) for z in logits)
    return hard + sum(F.kl_div(z.log_softmax(-1), p, reduction="batchmean") for z in logits[:-1])


def progressive(table, index, labels, epoch, epochs, final):
    a = final * (epoch + 1) / epochs
    return (1 - a) * F.one_hot(labels, table.shape[1]) + a * table[index]


def combined(generalist, known, specialist):
    rest = generalist.clone()
    rest[known] = 0
    whole = rest / rest.sum() * specialist[-1]
    whole[known] = specialist[:-1]
    return (generalist + whole) / 2


def lower_the_others(logits, share):
    logits = logits.clone()
    logits[:, :-1] -= math.log((1 - share) / share)
    return logits


def entropy(p):
    return -(p * p.log2()).sum(-1)


def jsd(p, q, beta):
    m = beta * p + (1 - beta) * q
    return beta * (p * (p / m).log()).sum(-1) + (1 - beta) * (q * (q / m).log()).sum(-1)


def bucket(top, at, q):
    chosen = q.gather(-1, at)
    p = torch.cat((top, 1 - top.sum(-1, keepdim=True)), -1)
    return (p * (p / torch.cat((chosen, 1 - chosen.sum(-1, keepdim=True)), -1)).log()).sum(-1)


RIGHT = [
    (c1.check_soft_targets, softmax),
    (c1.check_information, lambda p: entropy(p.mean(0)) - entropy(p).mean()),
    (c1.check_missing_bias, best_bias),
    (c1.check_repaired_cross_entropy, lambda s, t, T: F.cross_entropy(s / T, (t / T).softmax(-1))),
    (c2.check_dark_mass, lambda z, T: 1 - softmax(z, T).max(-1).values),
    (c2.check_temperature_for_top, temperature),
    (c2.check_repaired_stack, softmax),
    (c3.check_kd_loss, kd),
    (c3.check_soft_gradient, autograd),
    (c3.check_logit_limit, lambda s, t: (s - t).var(-1, unbiased=False) / 2),
    (c3.check_repaired_soft_loss, lambda s, t, T: T**2 * soft_loss(s, t, T)),
    (c3.check_repaired_mixture, kd),
    (c4.check_attention_map, lambda f: F.normalize((f**2).mean(1).reshape(len(f), -1))),
    (c4.check_relational_distance, lambda s, t: F.smooth_l1_loss(distance(s), distance(t))),
    (c5.check_mutual_loss, mutual),
    (c5.check_progressive_targets, progressive),
    (c5.check_repaired_exits, exits),
    (c6.check_dustbin_correction, lower_the_others),
    (c6.check_one_specialist, combined),
    (c6.check_repaired_objective, lambda q, p: F.kl_div(q.log(), p, reduction="sum")),
    (c7.check_share_kept, 100 * 1.9 / 2.2),
    (c7.check_words_needed, 50_000),
    (c7.check_ensemble, lambda z: z.log_softmax(-1).logsumexp(0)),
    (c7.check_depthwise_saving, 73_728 / (576 + 8_192)),
    (c7.check_share_closed, 100 * 1.2 / 10.7),
    (c7.check_mixup, lambda x, w, p: torch.stack([w[i] * x[i] + (1 - w[i]) * x[p[i]] for i in range(5)])),
    (c8.check_retention, 100 * (77.0 * 9 - 56.3) / (79.5 * 9 - 53.5)),
    (c8.check_layer_map, lambda ours, theirs: list(range(theirs // ours, theirs + 1, theirs // ours))),
    (c8.check_cosine_loss, lambda s, t, m: 1 - (F.normalize(s[m]) * F.normalize(t[m])).sum(-1).mean()),
    (c8.check_repaired_token_loss, lambda s, t, m, T: T**2 * soft_loss(s[m], t[m], T)),
    (c9.check_generalized_jsd, jsd),
    (c9.check_missing_mass, bucket),
    (c9.check_token_mean, lambda x, m: torch.cat(x)[torch.cat(m)].mean()),
    (c9.check_entropy, lambda z, T: entropy(softmax(z, T))),
    (c9.check_uses, ["research"]),
    (c9.check_uses, "research"),
    (c9.check_sharpened, 0.7**2 / (0.7**2 + 0.3**2)),
    (c10.check_repaired_own_loss, kd),
    (c10.check_fair_epochs, 303),
]

WRONG = [
    (c1.check_soft_targets, lambda z, t: (z / t).exp() / (z / t).exp().sum(-1, keepdim=True), "overflows"),
    (c1.check_soft_targets, lambda z, t: softmax(z, t)[:, 0], "shape (2, 3)"),
    (c1.check_missing_bias, lambda z, y: -best_bias(z, y), "sign"),
    (c1.check_missing_bias, lambda z, y: 0.0, "errors of 400"),
    (c1.check_missing_bias, lambda z, y: z, "One number"),
    (
        c1.check_repaired_cross_entropy,
        lambda s, t, T: -(softmax(t, T) * (s / T).softmax(-1).log()).sum(-1).mean(),
        "it should be 179.95; yours is inf",
    ),
    (
        c1.check_repaired_cross_entropy,
        lambda s, t, T: -(softmax(t, T) * ((s / T).softmax(-1) + 1e-9).log()).sum(-1).mean(),
        "For a student's logits of some hundreds it should be 179.95; yours is",
    ),
    (c1.check_repaired_cross_entropy, lambda s, t, T: F.cross_entropy(s / T, t.softmax(-1)), "At T = 4 it should be"),
    (c2.check_temperature_for_top, lambda z, top: 1.0, "higher T"),
    (c2.check_temperature_for_top, lambda z, top: 100.0, "lower T"),
    (c2.check_temperature_for_top, lambda z, top: 1 / temperature(z, top), "divides by T"),
    (c2.check_temperature_for_top, lambda z, top: -2.0, "positive and finite"),
    (c2.check_temperature_for_top, lambda z, top: z, "One temperature"),
    (c2.check_repaired_stack, lambda z, T: (z / T).softmax(1 if z.ndim > 1 else 0), "do the classes of an image"),
    (c2.check_repaired_stack, lambda z, T: (z / T).softmax(0), "A table"),
    (c2.check_repaired_stack, lambda z, T: (z / T).softmax(min(z.ndim - 1, 2)), "four axes"),
    (c3.check_kd_loss, lambda s, t, y, T, a: kd(s, t, y, T, a) * 0.9, "term by term"),
    (c3.check_kd_loss, lambda s, t, y, T, a: kd(s, t, y, T, a**2), "both"),
    (
        c3.check_repaired_soft_loss,
        lambda s, t, T: T**2 * F.kl_div((s / T).log_softmax(-1), (t / T).softmax(-1), reduction="none").mean(),
        "With 10 classes your loss is 0.1 times",
    ),
    (c3.check_repaired_soft_loss, lambda s, t, T: T**2 * soft_loss(s, t, T) / s.shape[-1] * 10, "with 3 it is 3.33"),
    (
        c3.check_repaired_soft_loss,
        lambda s, t, T: T**2 * soft_loss(s, t, T, torch.sum) / 4,
        "half of the rows it is 0.5",
    ),
    (c3.check_repaired_soft_loss, lambda s, t, T: 6.25 * soft_loss(s, t, T), "At T = 20 your loss is 0.0156"),
    (c3.check_repaired_mixture, lambda s, t, y, T, a: kd(s, t, y, T, a) / T**2, "At alpha = 1, the soft term alone"),
    (
        c3.check_repaired_mixture,
        lambda s, t, y, T, a: a * T**2 * soft_loss(s, t, T) + 2 * (1 - a) * F.cross_entropy(s, y),
        "the labels alone",
    ),
    (
        c3.check_repaired_mixture,
        lambda s, t, y, T, a: a * T**2 * soft_loss(s, t, T) + (1 - a) * T * F.cross_entropy(s, y),
        "with it your loss is 2.5 times",
    ),
    (c3.check_repaired_mixture, lambda s, t, y, T, a: kd(s, t, y, T, float(a > 0.5)), "their mixture is not"),
    (
        c4.check_repaired_similarity,
        lambda s, t: (F.normalize(s @ s.T, p=1, dim=1) - F.normalize(t @ t.T, p=1, dim=1)).square().mean(),
        "which norm of theirs is 1",
    ),
    (
        c4.check_repaired_similarity,
        lambda s, t: (F.normalize(s @ s.T, dim=1) - F.normalize(t @ t.T, dim=1)).square().sum() / 16,
        "for three it is 0.563 times",
    ),
    (c5.check_mutual_loss, lambda z, y: mutual(z, y, detach=False), "Who is fixed"),
    (c5.check_mutual_loss, lambda z, y: mutual(z.detach(), y), "nobody would learn"),
    (c5.check_mutual_loss, lambda z, y: mutual(z, y).mean(), "shape (3,)"),
    (c5.check_repaired_exits, lambda z, y: exits(z, y, lambda p: p), "should what the shallow exits"),
    (c5.check_repaired_exits, lambda z, y: exits(torch.cat([z[:1].detach(), z[1:]]), y), "first exit no longer learns"),
    (c5.check_repaired_exits, lambda z, y: 2 * exits(z, y), "yours is 2 times"),
    (c6.check_dustbin_correction, lambda logits, share: logits.flip(1), "Only the last logit"),
    (c6.check_one_specialist, lambda *_: torch.ones(7), "shape"),
    (c6.check_repaired_objective, lambda q, p: F.kl_div(p.log(), q, reduction="sum"), "By hand?"),
    (c6.check_repaired_objective, lambda q, p: -(p * q.log()).sum(), "not 0"),
    (c7.check_ensemble, lambda z: z, "shape (4, 5)"),
    (c8.check_layer_map, lambda n, m: [m] * n, "g(m) = m L_t / L_s"),
    (
        c8.check_repaired_token_loss,
        lambda s, t, m, T: T**2 * soft_loss(s, t, T, torch.sum) / len(s),
        "For texts of five tokens it is 5 times",
    ),
    (c8.check_repaired_token_loss, lambda s, t, m, T: T**2 * soft_loss(s, t, T), "where 7 of 15 tokens are filling"),
    (c8.check_repaired_token_loss, lambda s, t, m, T: soft_loss(s[m], t[m], T), "of one token"),
    (c9.check_missing_mass, lambda top, at, q: bucket(top, at, q) + 1, "one bucket for the rest"),
    (c9.check_uses, ["research", "commercial"], "'commercial' is excluded by 2 of the cards"),
    (c9.check_uses, ["train a competing model"], "excluded by 2 of the cards"),
    (c9.check_uses, [], "do not leave it out"),
    (c9.check_uses, ["fun"], "'fun' is no use"),
    (c9.check_uses, 3, "A list with some of research"),
    (c10.check_repaired_own_loss, lambda s, t, y, T, a: kd(s, t, y, 1, a), "at T = 4 it is"),
    (c10.check_fair_epochs, 16, "Too small"),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_a_right_answer_of_ones_own_passes(check, answer):
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG, ids=[hint for *_, hint in WRONG])
def test_a_wrong_answer_of_ones_own_gets_a_fitting_hint(check, answer, hint):
    said = check(answer)
    assert not said.passed
    assert hint in said.message, said
