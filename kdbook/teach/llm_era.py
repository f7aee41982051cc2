"""Checks for the exercises of chapter 09."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.book.tables.distilled_models import published
from kdbook.lab.cards import USES, load_cards, with_origins
from kdbook.losses.sequence import generalized_jsd, sparse_kl
from kdbook.teach.feedback import NOT_YET, Feedback, number, tensor, unanswered


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


def check_shares_closed(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Feedback:
    """Does `function(teacher, student, baseline)` return the share of the gap that distillation closed, in per cent?

    Explained in notebooks/09_llm_era.
    """
    rows = published().dropna(subset=["teacher_score", "student_score", "student_baseline_score"])
    rows = rows[~rows.lower_is_better]
    columns = ("teacher_score", "student_score", "student_baseline_score")
    t, s, b = (torch.tensor(rows[c].to_numpy(), dtype=torch.float64) for c in columns)
    share = (s - b) / (t - b)
    wrong = tensor(
        function,
        (t, s, b),
        100 * share,
        (
            (share, "Right as a fraction; the question asks for per cent."),
            (
                100 * s / t,
                "That is the score ratio: it is high even for a student that learned nothing from its teacher.",
            ),
            (100 * (s - b) / b, "That is the gain relative to the baseline; where does the teacher come in?"),
            (100 * (s - b) / t, "The way is to be measured from the baseline, not from 0, to the teacher."),
            (100 * (t - s) / (t - b), "That is the share of the gap that is left."),
        ),
        "The values differ from the way gone over the way there is.",
    )
    return wrong or Feedback(True, "A student at its baseline has closed nothing, though its score ratio may be 90 %.")


def check_entropy(function: Callable[[Tensor, float], Tensor]) -> Feedback:
    """Does `function(logits, T)` return the entropy of softened targets (N, C) -> (N,), in bits?

    Explained in notebooks/09_llm_era.
    """
    logits = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    for temperature in (1.0, 4.0):
        log_p = (logits / temperature).log_softmax(-1)
        nats = -(log_p.exp() * log_p).sum(-1)
        bits = nats / torch.tensor(2.0, dtype=torch.float64).log()
        sharp = (logits * temperature).log_softmax(-1)
        plain = logits.log_softmax(-1)
        wrong = tensor(
            function,
            (logits, temperature),
            bits,
            (
                (nats, "These are nats: bits take the logarithm to base 2."),
                (-bits, "The sign: an entropy is never negative."),
                (-(sharp.exp() * sharp).sum(-1) / torch.tensor(2.0).log(), "T divides the logits; yours multiplies."),
                (-(plain.exp() * plain).sum(-1) / torch.tensor(2.0).log(), "The temperature is not used."),
            ),
            f"At T = {temperature:g} that is not - sum p log2 p.",
        )
        if wrong:
            return wrong
    return Feedback(True, "Now compare teachers of 30 and of 1200 units: whose targets are softer?")


def check_uses(answer) -> Feedback:
    """Which of the three uses do the terms of Alpaca 7B and all that it is made from allow? A list of names.

    Explained in notebooks/09_llm_era.
    """
    if unanswered(answer):
        return Feedback(False, NOT_YET)
    if not isinstance(answer, str | list | tuple | set):
        return Feedback(False, f"A list with some of {', '.join(USES)} is wanted, not {answer!r}.")
    given = {answer} if isinstance(answer, str) else set(map(str, answer))
    if unknown := given - set(USES):
        return Feedback(False, f"{min(unknown)!r} is no use; there are {', '.join(USES)}.")
    forbidden = {use: [n for n in with_origins(["alpaca-7b"]) if use in load_cards()[n].forbids] for use in USES}
    for use in sorted(given):
        if forbidden[use]:
            many = len(forbidden[use])
            return Feedback(
                False, f"{use!r} is excluded by {many} of the cards that Alpaca is made from: follow `made_from`."
            )
    if given != {use for use, cards in forbidden.items() if not cards}:
        return Feedback(False, "One use is allowed by every card; do not leave it out.")
    return Feedback(True, "The strictest term of all that a model is made from is the term of the model.")


def check_sharpened(answer: float) -> Feedback:
    """A teacher gives a falsehood 0.7 and the truth 0.3: with which probability does it write the falsehood at T = 0.5?

    Explained in notebooks/09_llm_era.
    """
    right = 0.49 / (0.49 + 0.09)
    mistakes = {
        0.7: "That is its probability at T = 1: at a lower temperature the likelier answer gains.",
        0.7**0.5 / (0.7**0.5 + 0.3**0.5): "That is T = 2: the logits are divided by T, so the powers are 1 / T.",
        0.49: "The powers are right; divide by their sum.",
        1.0: "That is T = 0, always the likeliest answer.",
        100 * right: "Right in per cent; a probability is asked for.",
    }
    return number(
        answer, right, mistakes, "A student of such texts reads the falsehood more often than its teacher did.", 0.005
    )
