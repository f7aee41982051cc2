"""Checks for the exercises of chapter 01."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.losses import soft_targets
from kdbook.teach.feedback import Feedback, call, number, repaired, tensor


def check_soft_targets(function: Callable[[Tensor, float], Tensor]) -> Feedback:
    """Is `function(logits (B, C), temperature)` the softmax at a temperature?

    Explained in notebooks/01_dark_knowledge.
    """
    z = torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 0.5]], dtype=torch.float64)
    mistakes = (
        (soft_targets(z, 0.25), "It sharpens when it should soften: what does T do to the logits?"),
        (z.softmax(-1), "The temperature changes nothing."),
        (z.softmax(-1) / 4, "The rows no longer sum to 1: is T applied before or after the softmax?"),
        ((z / 4).softmax(0), "The columns sum to 1, not the rows: which axis holds the classes?"),
        ((z / 4).log_softmax(-1), "These are log-probabilities."),
        ((z / 4).exp(), "Exponentials, but not yet divided by their sum."),
        (z.softmax(-1) ** 0.25, "The right shape of curve, but the rows must be normalised again."),
    )
    otherwise = "The values differ from exp(z_i / T) / sum_j exp(z_j / T)."
    if wrong := tensor(function, (z, 4.0), soft_targets(z, 4.0), mistakes, otherwise):
        return wrong
    large = call(function, z * 1000, 1.0)
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
    got = call(function, p)
    if isinstance(got, Feedback):
        return got
    whole, own = torch.special.entr(p.mean(0)).sum(), torch.special.entr(p).sum(-1).mean()
    bit = math.log(2)
    return number(
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
    got = call(function, logits, y)
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


def check_repaired_cross_entropy(function: Callable[[Tensor, Tensor, float], Tensor]) -> Feedback:
    """Is `function(student_logits, teacher_logits, temperature)` the cross entropy of answers, also for large logits?

    Explained in notebooks/01_dark_knowledge.
    """
    s = torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 0.5]])
    t = torch.tensor([[2.0, 2.5, -1.0], [1.0, 1.0, 0.0]])

    def right(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        return -(soft_targets(teacher, temperature) * (student / temperature).log_softmax(-1)).sum(-1).mean()

    probes = (
        ((s, t, 1.0), "For small logits at T = 1 it should be {right:.4f}; yours is {yours:.4f}. It was right before."),
        ((s, t, 4.0), "At T = 4 it should be {right:.4f}; yours is {yours:.4f}."),
        (
            (100 * s, t, 1.0),
            "For a student's logits of some hundreds it should be {right:.2f}; yours is {yours:.2f}. Print q: what "
            "became of the classes that the student thinks impossible?",
        ),
    )
    return repaired(function, right, probes, "No probability is ever rounded to 0 before its logarithm is taken.")
