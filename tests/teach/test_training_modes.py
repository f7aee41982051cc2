"""The exercises of chapter 05: right answers pass, stubs are no answers, usual mistakes get their own hint."""

import torch
import torch.nn.functional as F

from kdbook.teach import check_mutual_loss, check_progressive_targets, check_repaired_exits

from .exercises import exercise_tests


def mutual_by_hand(logits, labels, *, detach=True, hard=1.0, over=None, turned=False):
    """Deep mutual learning, with one part exchanged as in the usual mistakes."""
    log_q = logits.log_softmax(-1)
    log_p = log_q.detach() if detach else log_q
    losses = []
    for i in range(len(logits)):
        kl = 0
        for j in range(len(logits)):
            first, second = (log_q[i], log_p[j]) if turned else (log_p[j], log_q[i])
            kl = kl + (first.exp() * (first - second)).sum(-1).mean() * (i != j)
        losses.append(hard * F.cross_entropy(logits[i], labels) + kl / (over or len(logits) - 1))
    return torch.stack(losses)


def progressive_by_hand(table, index, labels, epoch, epochs, final, *, late=0, rows=None):
    a = final * (epoch + 1 - late) / epochs
    return (1 - a) * F.one_hot(labels, table.shape[1]) + a * (table[index] if rows is None else rows)


def cross_entropy(s, t, temperature, log_q):
    return -((t / temperature).softmax(-1) * log_q(s / temperature)).sum(-1).mean()


def exits(logits, labels, teacher):
    p = teacher(logits[-1].softmax(-1))
    hard = sum(F.cross_entropy(z, labels) for z in logits)
    return hard + sum(F.kl_div(z.log_softmax(-1), p, reduction="batchmean") for z in logits[:-1])


RIGHT = [
    (check_mutual_loss, mutual_by_hand),
    (check_progressive_targets, progressive_by_hand),
]

WRONG = [
    (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, over=1e9), "labels' term alone"),
    (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, hard=0), "cross entropy is missing"),
    (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, over=1), "average them"),
    (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, over=3), "no peer of itself"),
    (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, turned=True), "turned round"),
    (check_mutual_loss, lambda z, y: mutual_by_hand(z, y, detach=False), "Who is fixed"),
    (check_mutual_loss, lambda z, y: mutual_by_hand(z.detach(), y), "nobody would learn"),
    (check_mutual_loss, lambda z, y: mutual_by_hand(z, y).mean(), "shape (3,)"),
    (check_progressive_targets, lambda t, i, *r: progressive_by_hand(t, i, *r, rows=t[:3]), "place in the batch"),
    (check_progressive_targets, lambda t, i, y, e, n, f: progressive_by_hand(t, i, y, e, n, f, late=1), "One step"),
    (check_progressive_targets, lambda t, i, y, e, n, f: progressive_by_hand(t, i, y, n - 1, n, f), "final one"),
    (check_progressive_targets, lambda t, i, y, e, n, f: progressive_by_hand(t, i, y, e, n, 1.0), "end at 1"),
    (check_progressive_targets, lambda t, i, y, e, n, f: progressive_by_hand(t, i, y, 6, 10, 1.0), "swapped"),
    (check_progressive_targets, lambda t, i, y, e, n, f: t[i], "where are the labels"),
    (check_repaired_exits, lambda z, y: exits(z, y, lambda p: p), "should what the shallow exits"),
    (
        check_repaired_exits,
        lambda z, y: exits(torch.cat([z[:1].detach(), z[1:]]), y, torch.Tensor.detach),
        "first exit no longer learns",
    ),
    (check_repaired_exits, lambda z, y: exits(z.detach(), y, lambda p: p), "stops with RuntimeError"),
    (check_repaired_exits, lambda z, y: 2 * exits(z, y, torch.Tensor.detach), "yours is 2 times"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
