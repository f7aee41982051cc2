"""Checks for the exercises of chapter 09's first half: sequences."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.losses.sequence import generalized_jsd, sparse_kl
from kdbook.teach.feedback import Feedback, tensor


def check_generalized_jsd(function: Callable[[Tensor, Tensor, float], Tensor]) -> Feedback:
    """Does `function(p, q, beta)` return GKD's divergence of the rows of two tables of probabilities (N, V)?

    Explained in notebooks/09_llm_era.
    """
    generator = torch.Generator().manual_seed(9)
    p, q = torch.randn(2, 4, 5, generator=generator, dtype=torch.float64).softmax(-1)
    beta = 0.2

    def kl(a, b):
        return (a * (a / b).log()).sum(-1)

    def given(b):
        return generalized_jsd(q.log()[:, None], p.log()[:, None], torch.ones(4, 1, dtype=bool), b, reduction="none")

    right = given(beta)
    swapped = (1 - beta) * p + beta * q
    mixture = beta * p + (1 - beta) * q
    logs = (beta * p.log() + (1 - beta) * q.log()).exp()
    wrong = tensor(
        function,
        (p, q, beta),
        right,
        (
            (given(1 - beta), "That is the divergence for 1 - beta: which of p and q does beta weigh?"),
            (
                beta * kl(p, swapped) + (1 - beta) * kl(q, swapped),
                "The two terms are weighed as they should be, but the mixture M has its weights swapped.",
            ),
            (
                (1 - beta) * kl(p, mixture) + beta * kl(q, mixture),
                "The mixture M is right; the two divergences have each other's weight.",
            ),
            (beta * kl(mixture, p) + (1 - beta) * kl(mixture, q), "Each KL is turned round: the mixture comes second."),
            (
                beta * kl(p, logs) + (1 - beta) * kl(q, logs),
                "You mixed log-probabilities; that is no distribution. Mix the probabilities.",
            ),
            (
                beta * kl(p, q) + (1 - beta) * kl(q, p),
                "Both divergences should be to the mixture M, not to each other.",
            ),
            (kl(p, mixture) + kl(q, mixture), "The two divergences have no weights."),
            (right / 4, "Divided by the number of rows: leave one value a row."),
        ),
        "That is not beta KL(p||M) + (1 - beta) KL(q||M).",
    )
    return wrong or Feedback(True, "It leans to forward KL for a small beta, to reverse KL for a large one.")


def check_missing_mass(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Feedback:
    """Does `function(top_p, top_at, q)` return the KL a row with one more bucket for the mass that is not told?

    Explained in notebooks/09_llm_era.
    """
    generator = torch.Generator().manual_seed(10)
    p, q = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64).softmax(-1)
    top, at = p.topk(2)
    chosen = q.gather(-1, at)
    terms = (top * (top / chosen).log()).sum(-1)
    share = top / top.sum(-1, keepdim=True)
    rest_p, rest_q = 1 - top.sum(-1), 1 - chosen.sum(-1)
    wrong = tensor(
        function,
        (top, at, q),
        sparse_kl(q.log(), top.log(), at, reduction="none"),
        (
            (terms, "The mass that is not told is dropped: such a 'divergence' can even be negative."),
            (
                (share * (share / chosen).log()).sum(-1),
                "Renormalised over the k: that says that all other words are impossible.",
            ),
            (
                (share * (share / (chosen / chosen.sum(-1, keepdim=True))).log()).sum(-1),
                "Both sides are renormalised over the k: what the student gives to all other words costs nothing.",
            ),
            (terms + rest_p * rest_p.log(), "The bucket has the teacher's mass, but what does the student put there?"),
            (terms + rest_q * (rest_q / rest_p).log(), "In the bucket teacher and student are swapped."),
            (terms - rest_p * (rest_p / rest_q).log(), "The bucket's term has the wrong sign."),
        ),
        "That is not the divergence of the k told probabilities and one bucket for the rest.",
    )
    return wrong or Feedback(True, "It is 0 where the student equals its teacher, and never more than the full KL.")


def check_token_mean(function: Callable[[list[Tensor], list[Tensor]], Tensor]) -> Feedback:
    """Does `function(losses, masks)` average the tokens' losses (B, N) of two parts of one batch over all its tokens?

    Explained in notebooks/09_llm_era.
    """
    generator = torch.Generator().manual_seed(11)
    losses = [torch.rand(2, 5, generator=generator, dtype=torch.float64) for _ in range(2)]
    masks = [torch.arange(5) < torch.tensor(n)[:, None] for n in ([5, 4], [1, 2])]
    sums = torch.stack([loss[mask].sum() for loss, mask in zip(losses, masks, strict=True)])
    counts = torch.stack([mask.sum() for mask in masks])
    total = counts.sum()
    right = sums.sum() / total
    wrong = tensor(
        function,
        (losses, masks),
        right,
        (
            ((sums / counts).mean(), "A mean of the parts' means: tokens of the short part weigh more than others."),
            ((sums / counts).sum() / total, "Divided twice: each part by its own tokens, and the sum by all tokens."),
            ((sums / counts).sum(), "Each part is divided by its own tokens and the means are added."),
            (sums.sum() / counts.numel() / total, "Divided by the number of parts as well."),
            (sums.sum(), "That is the sum over all tokens."),
            (torch.stack(losses).mean(), "Filling is counted."),
            (
                torch.stack([x * m for x, m in zip(losses, masks, strict=True)]).mean(),
                "Filling counts in the denominator.",
            ),
        ),
        "That is not the sum over all real tokens divided by their number.",
    )
    return wrong or Feedback(True, "One denominator for the whole batch, however it is cut into parts.")
