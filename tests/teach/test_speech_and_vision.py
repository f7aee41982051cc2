"""The exercises of chapter 07: right answers pass, stubs are no answers, usual mistakes get their own hint."""

import torch

from kdbook.teach import (
    check_depthwise_saving,
    check_ensemble,
    check_mixup,
    check_share_closed,
    check_share_kept,
    check_words_needed,
)

from .exercises import exercise_tests


def mix(x, weight, partner):
    return torch.stack([w * a + (1 - w) * x[p] for a, w, p in zip(x, weight, partner, strict=True)])


RIGHT = [
    (check_share_kept, 100 * 1.9 / 2.2),
    (check_words_needed, 50_000),
    (check_ensemble, lambda z: z.softmax(-1).mean(0).log()),
    (check_ensemble, lambda z: z.log_softmax(-1).logsumexp(0)),
    (check_depthwise_saving, 73_728 / (576 + 8_192)),
    (check_share_closed, 100 * 1.2 / 10.7),
    (check_mixup, mix),
]

WRONG = [
    (check_share_kept, 0.8636, "as a fraction"),
    (check_share_kept, 99.51, "one net alone has 96 %"),
    (check_share_kept, 13.64, "that is lost"),
    (check_share_kept, 115.8, "Upside down"),
    (check_share_kept, 1.9, "in points"),
    (check_share_kept, 50, "Too small"),
    (check_words_needed, 12_500, "*one* standard error"),
    (check_words_needed, 25_000, "four times the words"),
    (check_words_needed, 80, "does not occur"),
    (check_words_needed, 5, "0.002 of all words"),
    (check_words_needed, 194_238, "nothing to do with each other"),
    (check_words_needed, 1e6, "Too large"),
    (check_ensemble, lambda z: z.mean(0), "geometric"),
    (check_ensemble, lambda z: z.softmax(-1).mean(0), "softmax is still to be taken"),
    (check_ensemble, lambda z: z.softmax(-1).sum(0), "sums of probabilities"),
    (check_ensemble, lambda z: z.max(0).values, "no average"),
    (check_ensemble, lambda z: z[0], "first net alone"),
    (check_ensemble, lambda z: z.softmax(-1).mean(1).log(), "shape"),
    (check_ensemble, lambda z: z, "shape (4, 5)"),
    (check_ensemble, lambda z: torch.zeros(4, 5), "not the mean"),
    (check_ensemble, lambda z: 1 / 0, "ZeroDivisionError"),
    (check_depthwise_saving, 0.1189, "Upside down"),
    (check_depthwise_saving, 128, "1x1 convolution that mixes"),
    (check_depthwise_saving, 9, "depthwise convolution is missing"),
    (check_depthwise_saving, 7.89, "64, not 128"),
    (check_depthwise_saving, 3, "Too small"),
    (check_share_closed, 0.112, "as a fraction"),
    (check_share_closed, 88.8, "stays open"),
    (check_share_closed, 12.6, "before distillation"),
    (check_share_closed, 1.66, "own accuracy"),
    (check_share_closed, 50, "Too large"),
    (check_mixup, lambda x, w, p: mix(x, 1 - w, p), "swapped"),
    (check_mixup, lambda x, w, p: w * x + (1 - w) * x[p], "two axes"),
    (check_mixup, lambda x, w, p: w[:, None, None] * x + x[p], "add up to 1"),
    (check_mixup, lambda x, w, p: x, "mixed with itself"),
    (check_mixup, lambda x, w, p: mix(x, 0 * w + 0.5, p), "Half and half"),
    (check_mixup, lambda x, w, p: x.mean(0), "shape"),
    (check_mixup, lambda x, w, p: x * 3, "values differ"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
