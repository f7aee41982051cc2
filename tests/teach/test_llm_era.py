"""The exercises of chapter 09: right answers pass, stubs are no answers, usual mistakes get their own hint."""

import math

import torch

from kdbook.teach import (
    check_entropy,
    check_generalized_jsd,
    check_missing_mass,
    check_shares_closed,
    check_sharpened,
    check_token_mean,
    check_uses,
)

from .exercises import exercise_tests


def kl(a, b):
    return (a * (a / b).log()).sum(-1)


def jsd(p, q, beta):
    m = beta * p + (1 - beta) * q
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


def bucket(top, at, q):
    chosen = q.gather(-1, at)
    p = torch.cat((top, 1 - top.sum(-1, keepdim=True)), -1)
    return kl(p, torch.cat((chosen, 1 - chosen.sum(-1, keepdim=True)), -1))


def over_all(losses, masks):
    losses, masks = torch.cat(losses), torch.cat(masks)
    return losses[masks].mean()


def entropy(logits, T):
    p = torch.softmax(logits / T, -1)
    return -(p * torch.log2(p)).sum(-1)


def renormalised(top, at, q):
    share = top / top.sum(-1, keepdim=True)
    return kl(share, q.gather(-1, at))


def parts(losses, masks):
    return torch.stack([x[m].mean() for x, m in zip(losses, masks, strict=True)])


RIGHT = [
    (check_generalized_jsd, jsd),
    (check_missing_mass, bucket),
    (check_token_mean, over_all),
    (check_shares_closed, lambda t, s, b: 100 * (s - b) / (t - b)),
    (check_entropy, entropy),
    (check_sharpened, 0.7**2 / (0.7**2 + 0.3**2)),
]

WRONG = [
    (check_generalized_jsd, lambda p, q, b: jsd(p, q, 1 - b), "which of p and q does beta weigh"),
    (
        check_generalized_jsd,
        lambda p, q, b: b * kl(p, (1 - b) * p + b * q) + (1 - b) * kl(q, (1 - b) * p + b * q),
        "weights swapped",
    ),
    (
        check_generalized_jsd,
        lambda p, q, b: (1 - b) * kl(p, b * p + (1 - b) * q) + b * kl(q, b * p + (1 - b) * q),
        "each other's weight",
    ),
    (check_generalized_jsd, lambda p, q, b: kl(p, q), "beta KL"),
    (check_generalized_jsd, lambda p, q, b: b * kl(p, q) + (1 - b) * kl(q, p), "to the mixture M"),
    (
        check_generalized_jsd,
        lambda p, q, b: b * kl(b * p + (1 - b) * q, p) + (1 - b) * kl(b * p + (1 - b) * q, q),
        "turned round",
    ),
    (check_generalized_jsd, lambda p, q, b: jsd(p, q, b) / len(p), "one value a row"),
    (check_generalized_jsd, lambda p, q, b: jsd(p, q, b).mean(), "shape (4,)"),
    (check_missing_mass, lambda top, at, q: kl(top, q.gather(-1, at)), "is dropped"),
    (check_missing_mass, renormalised, "all other words are impossible"),
    (
        check_missing_mass,
        lambda top, at, q: renormalised(top, at, q) + q.gather(-1, at).sum(-1).log(),
        "costs nothing",
    ),
    (check_missing_mass, lambda top, at, q: bucket(top, at, q) + 1, "one bucket for the rest"),
    (check_token_mean, lambda x, m: parts(x, m).mean(), "tokens of the short part"),
    (check_token_mean, lambda x, m: parts(x, m).sum() / torch.cat(m).sum(), "Divided twice"),
    (check_token_mean, lambda x, m: parts(x, m).sum(), "means are added"),
    (check_token_mean, lambda x, m: over_all(x, m) / 2, "number of parts"),
    (check_token_mean, lambda x, m: torch.cat(x)[torch.cat(m)].sum(), "sum over all tokens"),
    (check_token_mean, lambda x, m: torch.cat(x).mean(), "Filling is counted"),
    (check_token_mean, lambda x, m: (torch.cat(x) * torch.cat(m)).mean(), "denominator"),
    (check_token_mean, lambda x, m: torch.tensor(7.0), "real tokens divided by"),
    (check_shares_closed, lambda t, s, b: (s - b) / (t - b), "as a fraction"),
    (check_shares_closed, lambda t, s, b: 100 * s / t, "score ratio"),
    (check_shares_closed, lambda t, s, b: 100 * (s - b) / b, "where does the teacher come in"),
    (check_shares_closed, lambda t, s, b: 100 * (t - s) / (t - b), "that is left"),
    (check_entropy, lambda z, T: entropy(z, T) * math.log(2), "nats"),
    (check_entropy, lambda z, T: -entropy(z, T), "never negative"),
    (check_entropy, lambda z, T: entropy(z, 1 / T), "yours multiplies"),
    (check_entropy, lambda z, T: entropy(z, 1.0), "temperature is not used"),
    (check_uses, ["research", "commercial"], "'commercial' is excluded by 2 of the cards"),
    (check_uses, ["train a competing model"], "excluded by 2 of the cards"),
    (check_uses, [], "do not leave it out"),
    (check_uses, ["fun"], "'fun' is no use"),
    (check_uses, 3, "A list with some of research"),
    (check_uses, ..., "Not answered yet"),
    (check_sharpened, 0.7, "T = 1"),
    (check_sharpened, 0.604, "T = 2"),
    (check_sharpened, 0.49, "divide by their sum"),
    (check_sharpened, 1.0, "T = 0"),
    (check_sharpened, 84.5, "in per cent"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)


def test_what_alpaca_may_be_used_for_is_told_by_a_list_or_by_one_name():
    assert check_uses(["research"]).passed and check_uses("research").passed
