"""Checks for the exercises of chapter 09: published pairs, capacity, provenance and planted falsehoods."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.experiments.distilled_models import published
from kdbook.lab.cards import USES, load_cards, with_origins
from kdbook.teach.feedback import NOT_YET, Feedback, number, tensor, unanswered


def check_gap_closed(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Feedback:
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
    given = {answer} if isinstance(answer, str) else set(answer)
    if unknown := given - set(USES):
        return Feedback(False, f"{sorted(map(str, unknown))[0]!r} is no use; there are {', '.join(USES)}.")
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
