"""Exercises of chapter 01: soft targets, what they tell, and the class that nobody showed."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.losses import entropy_bits, soft_targets
from kdbook.teach.feedback import Exercise, Feedback, call

LOGITS = torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 0.5]], dtype=torch.float64)
ANSWERS = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]], dtype=torch.float64)

check_soft_targets = Exercise(
    "Is `function(logits (B, C), temperature)` the softmax at a temperature?",
    right=soft_targets,
    tries=(
        ((LOGITS, 4.0), "The values differ from exp(z_i / T) / sum_j exp(z_j / T)."),
        (
            (LOGITS * 1000, 1.0),
            "Right for small logits, but exp overflows for large ones: what may be subtracted first?",
        ),
    ),
    mistakes={
        "It sharpens when it should soften: what does T do to the logits?": lambda z, T: (z * T).softmax(-1),
        "The temperature changes nothing.": lambda z, T: z.softmax(-1),
        "The rows no longer sum to 1: is T applied before or after the softmax?": lambda z, T: z.softmax(-1) / T,
        "The columns sum to 1, not the rows: which axis holds the classes?": lambda z, T: (z / T).softmax(0),
        "These are log-probabilities.": lambda z, T: (z / T).log_softmax(-1),
        "Exponentials, but not yet divided by their sum.": lambda z, T: (z / T).exp(),
        "The right shape of curve, but the rows must be normalised again.": lambda z, T: z.softmax(-1) ** (1 / T),
    },
    done="And it stays finite for large logits.",
)

check_information = Exercise(
    "Is `function(p (N, C))` the information H(mean p) - mean H(p), in bits?",
    right=lambda p: entropy_bits(p.mean(0)) - entropy_bits(p).mean(),
    tries=(((ANSWERS,), "It should be {right:.4f} bits here; yours is {yours:.4f}."),),
    mistakes={
        "Right in nats; the question asks for bits.": lambda p: (
            math.log(2) * (entropy_bits(p.mean(0)) - entropy_bits(p).mean())
        ),
        "The sign is turned: how unsure is one before, and how unsure after seeing?": lambda p: (
            entropy_bits(p).mean() - entropy_bits(p.mean(0))
        ),
        "That is only the first term: how unsure one is about the class of any image.": lambda p: entropy_bits(
            p.mean(0)
        ),
        "That is only the second term: how unsure the answers are themselves.": lambda p: entropy_bits(p).mean(),
        "That is one value an answer: the second term is the mean of their entropies.": lambda p: (
            entropy_bits(p.mean(0)) - entropy_bits(p)
        ),
    },
    done="It can never exceed log2 of the number of classes.",
    rtol=1e-4,
)


def check_missing_bias(function: Callable[[Tensor, Tensor], float]) -> Feedback:
    """Does `function(logits (N, C), labels (N,))` find what to add to class 3's logit so that errors are fewest?"""
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
        told = f"{yours} errors of 400, from {errors(0.0)}. It was chosen on these labels: test it on others."
        return Feedback(True, told)
    if errors(-float(got)) <= fewest + 2:
        return Feedback(False, "The size is right, the sign is not: is class 3 answered too seldom or too often?")
    return Feedback(False, f"It leaves {yours} errors of 400; some other number leaves clearly fewer.")


STUDENT = torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 0.5]])
TEACHER = torch.tensor([[2.0, 2.5, -1.0], [1.0, 1.0, 0.0]])

check_repaired_cross_entropy = Exercise(
    "Is `function(student_logits, teacher_logits, temperature)` the cross entropy of answers, also for large logits?",
    right=lambda s, t, T: -(soft_targets(t, T) * (s / T).log_softmax(-1)).sum(-1).mean(),
    tries=(
        (
            (STUDENT, TEACHER, 1.0),
            "For small logits at T = 1 it should be {right:.4f}; yours is {yours:.4f}. It was right before.",
        ),
        ((STUDENT, TEACHER, 4.0), "At T = 4 it should be {right:.4f}; yours is {yours:.4f}."),
        (
            (100 * STUDENT, TEACHER, 1.0),
            "For a student's logits of some hundreds it should be {right:.2f}; yours is {yours:.2f}. Print q: what "
            "became of the classes that the student thinks impossible?",
        ),
    ),
    done="No probability is ever rounded to 0 before its logarithm is taken.",
)
