"""Answers to exercises, written without this package; wrong ones beside are made from them."""

import math

import torch
import torch.nn.functional as F


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
