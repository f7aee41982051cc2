"""Checks for the exercises: each names the mistake that was made, and never shows the answer."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kdbook.losses import soft_targets

NOT_YET = "Not answered yet: replace the ... above and run the cell again."


@dataclass(frozen=True)
class Feedback:
    """What a check says.

    passed : bool
    message : str
    """

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right.' if self.passed else 'Not yet.'} {self.message}"


def _unanswered(answer) -> bool:
    return answer is None or answer is ...


def _number(answer, right: float, mistakes: dict[float, str], done: str, rtol: float = 0.01) -> Feedback:
    """Compare with the right number, then with what the usual mistakes give."""
    if _unanswered(answer):
        return Feedback(False, NOT_YET)
    try:
        value = float(answer)
    except (TypeError, ValueError):
        return Feedback(False, f"A number is needed, this is a {type(answer).__name__}.")
    if math.isclose(value, right, rel_tol=rtol):
        return Feedback(True, done)
    for wrong, hint in mistakes.items():
        if math.isclose(value, wrong, rel_tol=rtol):
            return Feedback(False, hint)
    return Feedback(False, "Too small." if value < right else "Too large.")


def check_size_ratio(answer: float) -> Feedback:
    """How many times fewer parameters has 784-800-800-10 than 784-1200-1200-10, biases included?

    Explained in notebooks/00_overview.
    """
    large, small = 2_395_210, 1_276_810
    return _number(
        answer,
        large / small,
        {
            small / large: "That is the student's share of the teacher's size; the question asks for the inverse.",
            1.5: "That is the ratio of the hidden units. Weights sit between two layers: count them.",
            2.25: "That is the ratio of the middle layers alone; the first and the last layer count as well.",
        },
        "Less than a factor of two: this famous example is about regularisation more than about compression.",
        rtol=0.003,
    )


def check_gap_closed(answer: float) -> Feedback:
    """Which share of the gap between 146 and 67 errors does a student with 74 errors close?

    Explained in notebooks/00_overview.
    """
    return _number(
        answer,
        (146 - 74) / (146 - 67),
        {
            100 * (146 - 74) / (146 - 67): "Right in per cent; give it as a share between 0 and 1.",
            74 / 146: "That is the ratio of the two students' errors. What would a perfect copy of the teacher reach?",
            (74 - 67) / (146 - 67): "That is the share that stays open.",
            (146 - 74) / 146: "That compares with zero errors; the teacher itself makes 67.",
        },
        "Remember that this share depends on how weak the 146 was: an unregularised student.",
    )


def _call(function: Callable, *arguments) -> Tensor | Feedback:
    """Result of the reader's function as a tensor, or feedback on why there is none."""
    if not callable(function):
        return Feedback(False, NOT_YET if _unanswered(function) else "A function is needed.")
    try:
        result = function(*arguments)
    except Exception as error:  # any error of the reader's own code becomes feedback
        return Feedback(False, f"Your function stops with {type(error).__name__}: {error}")
    if _unanswered(result):
        return Feedback(False, NOT_YET)
    return torch.as_tensor(result, dtype=torch.float64)


def check_soft_targets(function: Callable[[Tensor, float], Tensor]) -> Feedback:
    """Is `function(logits (B, C), temperature)` the softmax at a temperature?

    Explained in notebooks/01_dark_knowledge.
    """
    z = torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 0.5]], dtype=torch.float64)
    got = _call(function, z, 4.0)
    if isinstance(got, Feedback):
        return got
    if got.shape != z.shape:
        return Feedback(
            False, f"The result should have one probability a class, shape (2, 3); yours is {tuple(got.shape)}."
        )
    mistakes = (
        (soft_targets(z, 0.25), "It sharpens when it should soften: what does T do to the logits?"),
        (z.softmax(-1), "The temperature changes nothing."),
        (z.softmax(-1) / 4, "The rows no longer sum to 1: is T applied before or after the softmax?"),
        ((z / 4).softmax(0), "The columns sum to 1, not the rows: which axis holds the classes?"),
        ((z / 4).log_softmax(-1), "These are log-probabilities."),
        ((z / 4).exp(), "Exponentials, but not yet divided by their sum."),
        (z.softmax(-1) ** 0.25, "The right shape of curve, but the rows must be normalised again."),
    )
    if not torch.allclose(got, soft_targets(z, 4.0), atol=1e-6):
        for wrong, hint in mistakes:
            if torch.allclose(got, wrong, atol=1e-6):
                return Feedback(False, hint)
        return Feedback(False, "The values differ from exp(z_i / T) / sum_j exp(z_j / T).")
    large = _call(function, z * 1000, 1.0)
    if isinstance(large, Feedback) or not bool(torch.isfinite(large).all()):
        return Feedback(
            False, "Right for small logits, but exp overflows for large ones: what may be subtracted first?"
        )
    return Feedback(True, "And it stays finite for large logits.")


def check_information(function: Callable[[Tensor], Tensor]) -> Feedback:
    """Is `function(p (N, C))` the information H(mean p) - mean H(p), in bits?

    Explained in notebooks/01_dark_knowledge.
    """
    p = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]], dtype=torch.float64)
    got = _call(function, p)
    if isinstance(got, Feedback):
        return got
    whole, own = torch.special.entr(p.mean(0)).sum(), torch.special.entr(p).sum(-1).mean()
    bit = math.log(2)
    return _number(
        got.mean() if got.numel() == 1 else math.nan,
        float((whole - own) / bit),
        {
            float(whole - own): "Right in nats; the question asks for bits.",
            float((own - whole) / bit): "The sign is turned: how unsure is one before, and how unsure after seeing?",
            float(whole / bit): "That is only the first term: how unsure one is about the class of any image.",
            float(own / bit): "That is only the second term: how unsure the answers are themselves.",
        },
        "It can never exceed log2 of the number of classes.",
        rtol=1e-4,
    )


def check_missing_bias(function: Callable[[Tensor, Tensor], float]) -> Feedback:
    """Does `function(logits (N, C), labels (N,))` find the number to add to class 3's logit that gives fewest errors?

    Explained in notebooks/01_dark_knowledge.
    """
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(400) % 4
    logits = torch.randn(400, 4, generator=generator) + 3.0 * torch.nn.functional.one_hot(y, 4)
    logits[:, 3] -= 4.0
    got = _call(function, logits, y)
    if isinstance(got, Feedback):
        return got
    if got.numel() != 1:
        return Feedback(False, f"One number is needed, this has {got.numel()}.")

    def errors(bias: float) -> int:
        return int(((logits + bias * torch.tensor([0, 0, 0, 1.0])).argmax(-1) != y).sum())

    fewest, yours = min(errors(b / 10) for b in range(-100, 101)), errors(float(got))
    if yours <= fewest + 2:
        return Feedback(
            True, f"{yours} errors of 400, from {errors(0.0)}. It was chosen on these labels: test it on others."
        )
    if errors(-float(got)) <= fewest + 2:
        return Feedback(False, "The size is right, the sign is not: is class 3 answered too seldom or too often?")
    return Feedback(False, f"It leaves {yours} errors of 400; some other number leaves clearly fewer.")
