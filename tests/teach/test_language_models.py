"""The exercises of chapter 08: right answers pass, stubs are no answers, usual mistakes get their own hint."""

import torch
import torch.nn.functional as F

from kdbook.teach import check_cosine_loss, check_layer_map, check_repaired_token_loss, check_retention

from .exercises import exercise_tests, soft_loss


def cosine(h_s, h_t):
    return (h_s * h_t).sum(-1) / (h_s.norm(dim=-1) * h_t.norm(dim=-1))


RIGHT = [
    (check_retention, 100 * (77.0 * 9 - 56.3) / (79.5 * 9 - 53.5)),
    (check_layer_map, lambda ours, theirs: list(range(theirs // ours, theirs + 1, theirs // ours))),
    (check_cosine_loss, lambda s, t, mask: 1 - cosine(s[mask], t[mask]).mean()),
]

WRONG = [
    (check_retention, 96.86, "WNLI is still"),
    (check_retention, 0.9619, "as a fraction"),
    (check_retention, 103.96, "Upside down"),
    (check_retention, 95.68, "mean of the tasks' ratios"),
    (check_retention, 50, "Too small"),
    (check_layer_map, lambda n, m: list(range(0, m, m // n)), "g(m) = m L_t"),
    (check_layer_map, lambda n, m: list(range(1, m + 1, m // n)), "spacing is right"),
    (check_layer_map, lambda n, m: [k * m // n - 1 for k in range(1, n + 1)], "counted from 0"),
    (check_layer_map, lambda n, m: list(range(m - n + 1, m + 1)), "top map"),
    (check_layer_map, lambda n, m: list(range(1, n + 1)), "bottom map"),
    (check_layer_map, lambda n, m: [m] * n, "g(m) = m L_t / L_s"),
    (check_layer_map, lambda n, m: [m], "shape (4,)"),
    (check_cosine_loss, lambda s, t, mask: (1 - cosine(s, t)).mean(), "Filling is counted"),
    (check_cosine_loss, lambda s, t, mask: ((1 - cosine(s, t)) * mask).mean(), "denominator"),
    (check_cosine_loss, lambda s, t, mask: cosine(s, t)[mask].mean(), "cosine itself"),
    (check_cosine_loss, lambda s, t, mask: -cosine(s, t)[mask].mean(), "loss of 0"),
    (check_cosine_loss, lambda s, t, mask: (1 - cosine(s, t))[mask].sum(), "sum over tokens"),
    (check_cosine_loss, lambda s, t, mask: (1 - (s * t).sum(-1))[mask].mean(), "two norms"),
    (
        check_cosine_loss,
        lambda s, t, mask: (((1 - cosine(s, t)) * mask).sum(1) / mask.sum(1)).mean(),
        "same weight",
    ),
    (check_cosine_loss, lambda s, t, mask: (1 - F.cosine_similarity(s, t, dim=1)).mean(), "wrong axis"),
    (check_cosine_loss, lambda s, t, mask: torch.zeros(3), "shape ()"),
    (check_cosine_loss, lambda s, t, mask: (s - t)[mask].square().mean(), "mean of 1 - cosine"),
    (
        check_repaired_token_loss,
        lambda s, t, m, T: T**2 * soft_loss(s, t, T, torch.sum) / len(s),
        "For texts of five tokens it is 5 times",
    ),
    (
        check_repaired_token_loss,
        lambda s, t, m, T: T**2 * soft_loss(s, t, T, torch.mean),
        "where 7 of 15 tokens are filling",
    ),
    (check_repaired_token_loss, lambda s, t, m, T: soft_loss(s[m], t[m], T, torch.mean), "of one token"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
