"""The exercises of chapter 09's first half: solutions pass, usual mistakes get their own hint."""

import pytest
import torch

from kdbook.teach.llm_era import check_generalized_jsd, check_missing_mass, check_token_mean


def kl(a, b):
    return (a * (a / b).log()).sum(-1)


def jsd(p, q, beta):
    m = beta * p + (1 - beta) * q
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


def bucket(top, at, q):
    chosen = q.gather(-1, at)
    p = torch.cat((top, 1 - top.sum(-1, keepdim=True)), -1)
    return kl(p, torch.cat((chosen, 1 - chosen.sum(-1, keepdim=True)), -1))


def renormalised(top, at, q):
    share = top / top.sum(-1, keepdim=True)
    return kl(share, q.gather(-1, at))


def over_all(losses, masks):
    losses, masks = torch.cat(losses), torch.cat(masks)
    return losses[masks].mean()


def parts(losses, masks):
    return torch.stack([x[m].mean() for x, m in zip(losses, masks, strict=True)])


SOLUTIONS = [(check_generalized_jsd, jsd), (check_missing_mass, bucket), (check_token_mean, over_all)]


@pytest.mark.parametrize(("check", "solution"), SOLUTIONS)
def test_the_solution_passes(check, solution):
    assert check(solution).passed, check(solution)


@pytest.mark.parametrize("check", [check for check, _ in SOLUTIONS])
@pytest.mark.parametrize("stub", [..., None, lambda *given: ...])
def test_a_stub_is_not_an_answer(check, stub):
    assert not check(stub).passed


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
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
    ],
)
def test_a_usual_mistake_gets_its_own_hint(check, answer, hint):
    feedback = check(answer)
    assert not feedback.passed
    assert hint in feedback.message
