"""The exercises of chapter 04: right answers pass, stubs are no answers, usual mistakes get their own hint."""

import torch
import torch.nn.functional as F

from kdbook.teach import check_attention_map, check_relational_distance, check_repaired_similarity

from .exercises import exercise_tests


def attention_by_hand(f, *, power=2, norm=2):
    q = (f.abs() ** power).mean(1).reshape(len(f), -1)
    return q / (q.abs() ** norm).sum(1, keepdim=True) ** (1 / norm)


def distances_by_hand(f, *, zeros=False):
    d = ((f[:, None] - f[None]) ** 2).sum(-1).sqrt()
    return d / (d.mean() if zeros else d[d > 0].mean())


def rkd_by_hand(f_s, f_t, *, reduction="mean", zeros=False):
    return F.smooth_l1_loss(*(distances_by_hand(f, zeros=zeros) for f in (f_s, f_t)), reduction=reduction)


def similarity(f_s, f_t, p, reduce):
    return reduce((F.normalize(f_s @ f_s.T, p=p, dim=1) - F.normalize(f_t @ f_t.T, p=p, dim=1)).square())


RIGHT = [
    (check_attention_map, attention_by_hand),
    (check_relational_distance, rkd_by_hand),
]

WRONG = [
    (check_attention_map, lambda f: f.square().mean(1).flatten(1), "norm of 1"),
    (check_attention_map, lambda f: F.normalize(f.mean(1).flatten(1)), "cancel"),
    (check_attention_map, lambda f: attention_by_hand(f, power=1), "absolute values"),
    (check_attention_map, lambda f: attention_by_hand(f, norm=1), "sum of 1"),
    (check_attention_map, lambda f: F.normalize(f.square().mean(1).flatten(1), dim=0), "over the batch"),
    (check_attention_map, lambda f: F.normalize(f.square().mean(1).flatten(), dim=0).view(2, -1), "whole batch"),
    (check_attention_map, lambda f: f.square().mean(1), "shape (2, 16)"),
    (check_relational_distance, lambda s, t: F.smooth_l1_loss(torch.cdist(s, s), torch.cdist(t, t)), "own unit"),
    (
        check_relational_distance,
        lambda s, t: F.mse_loss(distances_by_hand(s), distances_by_hand(t)),
        "squared differences",
    ),
    (check_relational_distance, lambda s, t: F.l1_loss(distances_by_hand(s), distances_by_hand(t)), "Plain L1"),
    (check_relational_distance, lambda s, t: rkd_by_hand(s, t, zeros=True), "counts the zeros"),
    (check_relational_distance, lambda s, t: rkd_by_hand(s, t) * 16 / 12, "other examples only"),
    (check_relational_distance, lambda s, t: rkd_by_hand(s, t, reduction="sum"), "sum over pairs"),
    (check_relational_distance, lambda s, t: rkd_by_hand(s, t) + 1, "divided by their mean"),
    (
        check_repaired_similarity,
        lambda s, t: similarity(s, t, 1, torch.mean),
        "which norm of theirs is 1",
    ),
    (check_repaired_similarity, lambda s, t: similarity(s, t, 2, torch.sum) / 16, "for three it is 0.563 times"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
