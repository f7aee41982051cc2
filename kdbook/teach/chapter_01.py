"""Exercises of chapter 01: soft targets, what they tell, and the class that nobody showed."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.losses import entropy_bits, soft_targets
from kdbook.teach.feedback import SOFTMAX, Exercise, Feedback, call, hints, plain

LOGITS = torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 0.5]], dtype=torch.float64)
ANSWERS = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.1, 0.7]], dtype=torch.float64)

check_soft_targets = Exercise(
    "Is `function(logits (B, C), temperature)` the softmax at a temperature?",
    right=lambda z, T: (z / T - (z / T).logsumexp(-1, keepdim=True)).exp(),
    tries=(
        ((LOGITS, 2.5), ""),
        ((LOGITS * 1000, 1.0), "Right for small logits, but exp overflows for large ones: what may be subtracted?"),
    ),
    forbidden=SOFTMAX,
    done="And it stays finite for large logits.",
)

check_information = Exercise(
    "Is `function(p (N, C))` the information H(mean p) - mean H(p), in bits?",
    right=lambda p: entropy_bits(p.mean(0)) - entropy_bits(p).mean(),
    tries=plain((ANSWERS,), (ANSWERS[:2],)),
    mistakes=hints(
        "That is the first term, how unsure one is before any answer: what is known after it?",
        lambda p: entropy_bits(p.mean(0)),
        "That is the second term, how unsure the answers are themselves: beside what?",
        lambda p: entropy_bits(p).mean(),
    ),
    done="It can never exceed log2 of the number of classes.",
    rtol=1e-4,
)


def check_missing_bias(function: Callable[[Tensor, Tensor], float]) -> Feedback:
    """Does `function(logits (N, C), labels (N,))` find what to add to class 3's logit so that errors are fewest?"""
    generator, done = torch.Generator().manual_seed(0), ""
    three, y = torch.tensor([0, 0, 0, 1.0]), torch.arange(400) % 4
    for missing in (4.0, 1.5):
        logits = torch.randn(400, 4, generator=generator) + 3.0 * torch.nn.functional.one_hot(y, 4) - missing * three
        got = call(function, logits, y)
        if isinstance(got, Feedback):
            return got
        if got.numel() != 1 or not got.isfinite().all():
            return Feedback(False, f"One number is needed, and a finite one; this is {got.tolist()!s:.60}.")

        def errors(bias: float, logits: Tensor = logits) -> int:
            return int(((logits + bias * three).argmax(-1) != y).sum())

        yours, fewest = float(got), min(errors(b / 10) for b in range(-100, 101))
        if errors(yours) <= fewest + 2:
            told = (
                f"{errors(yours)} errors of 400, from {errors(0.0)}. It was chosen on these labels: test it on others."
            )
            done = done or told
            continue
        if errors(-yours) <= fewest + 2:
            return Feedback(False, "The size is right, the sign is not: is class 3 answered too seldom or too often?")
        if done:
            told = (
                f"Right for the first images, but for other images it leaves {errors(yours)} errors of 400: does your"
            )
            return Feedback(False, f"{told} number come from what is given?")
        times = int(((logits + yours * three).argmax(-1) == 3).sum())
        told = f"With {yours:.3g} class 3 is answered {times} times of 400, and is right 100 times. How often is it"
        return Feedback(False, f"{told} answered as your number grows?")
    return Feedback(True, done)


STUDENT = torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 0.5]])
TEACHER = torch.tensor([[2.0, 2.5, -1.0], [1.0, 1.0, 0.0]])

check_repaired_cross_entropy = Exercise(
    "Is `function(student_logits, teacher_logits, temperature)` the cross entropy of answers, also for large logits?",
    right=lambda s, t, T: -(soft_targets(t, T) * (s / T).log_softmax(-1)).sum(-1).mean(),
    tries=(
        ((STUDENT, TEACHER, 1.0), ""),
        ((STUDENT, TEACHER, 4.0), "At T = 4 it should be {right:.4f}; yours is {yours:.4f}: what is softened, or not?"),
        (
            (100 * STUDENT, TEACHER, 1.0),
            "For a student's logits of some hundreds it should be {right:.2f}; yours is {yours:.2f}. Print q: what "
            "became of the classes that the student thinks impossible?",
        ),
        ((1e5 * STUDENT, TEACHER, 1.0), "For logits of many thousands it is {yours:.4g}: how many digits are enough?"),
    ),
    done="No probability is ever rounded to 0 before its logarithm is taken.",
)
