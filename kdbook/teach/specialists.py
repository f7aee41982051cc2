"""Checks for the exercises of chapter 06."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.teach.feedback import Feedback, call, repaired, tensor

LOGITS = torch.tensor([[2.0, 0.5, 1.0], [-1.0, 0.0, 3.0]], dtype=torch.float64)  # two classes, then the dustbin
GENERALIST = torch.tensor([0.4, 0.2, 0.25, 0.1, 0.05], dtype=torch.float64)
KNOWN, SPECIALIST = torch.tensor([1, 2]), torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)


def check_dustbin_correction(function: Callable[[Tensor, float], Tensor]) -> Feedback:
    """Does `function(logits (N, K + 1), share)` correct the last logit, the dustbin, of a half-and-half specialist?

    `share` is how often its classes really occur. Logits that differ by a constant a row say the same.

    Explained in notebooks/06_specialists.
    """
    share = 0.1

    def raised(by: float) -> Tensor:
        return (LOGITS + torch.tensor([0.0, 0.0, by])).softmax(-1)

    odds = torch.tensor(share / (1 - share), dtype=torch.float64)
    got = call(function, LOGITS, share)
    if isinstance(got, Feedback):
        return got
    wrong = tensor(
        lambda: got.softmax(-1) if got.ndim else got,
        (),
        raised(float(-odds.log())),
        (
            (LOGITS.softmax(-1), "The dustbin is as likely as before."),
            (raised(float(odds.log())), "The special classes were seen too often; so whose probability must grow?"),
            (raised(float(1 / odds)), "That is the proportion itself; what is added to a logit is multiplied in odds."),
            (
                raised(float(torch.tensor(1 / share).log())),
                "How often were special texts seen for one other text, and how often do they occur for one? A share "
                "is not yet odds.",
            ),
            (
                raised(float(torch.tensor(0.5 / share).log())),
                "Special texts are seen more often than they occur, yes; but the others are seen more seldom, too.",
            ),
        ),
        "Only the last logit should change, by one number for all texts.",
    )
    return wrong or Feedback(
        True, "Half and half is where the odds of training are 1, so that only the real ones are left."
    )


def check_one_specialist(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Feedback:
    """Does `function(generalist (C,), known (K,), specialist (K + 1,))` minimise equation 5 for one specialist?

    Explained in notebooks/06_specialists.
    """
    outside = torch.ones(len(GENERALIST), dtype=torch.bool)
    outside[KNOWN] = False
    rest = GENERALIST * outside

    def spread(dustbin: Tensor) -> Tensor:
        whole = dustbin.clone()
        whole[KNOWN] = SPECIALIST[:-1]
        return whole

    even = spread(outside * SPECIALIST[-1] / outside.sum())
    shared = spread(rest / rest.sum() * SPECIALIST[-1])
    half_known = GENERALIST.clone()
    half_known[KNOWN] = (GENERALIST[KNOWN] + SPECIALIST[:-1]) / 2
    product = (GENERALIST * shared).sqrt()
    wrong = tensor(
        function,
        (GENERALIST, KNOWN, SPECIALIST),
        (GENERALIST + shared) / 2,
        (
            (GENERALIST, "That is the generalist alone."),
            (shared, "That is the specialist alone, its dustbin well shared out; the generalist has a vote, too."),
            (
                (GENERALIST + even) / 2,
                "The dustbin says nothing about the classes in it. Who does? An even share is not what q believes.",
            ),
            (half_known, "These do not add up to 1: what becomes of the classes in the dustbin?"),
            (GENERALIST + shared, "Twice too much: two distributions, one answer."),
            (product / product.sum(), "KL(p || q) is least at the arithmetic mean; this is the geometric one."),
        ),
        "Set the sum of the two gradients, q - p_g and q - p_m with its dustbin shared out, to 0 and solve for q.",
    )
    return wrong or Feedback(
        True, "With several specialists whose classes overlap there is no such formula: see `combine`."
    )


def check_repaired_objective(function: Callable[[Tensor, Tensor], Tensor]) -> Feedback:
    """Is `function(q (C,), p (C,))` KL(p || q), a term of equation 5?

    Explained in notebooks/06_specialists.
    """
    even, sure = torch.full((5,), 0.2), torch.tensor([0.96, 0.01, 0.01, 0.01, 0.01])
    probes = (
        ((GENERALIST, GENERALIST), "q is what everybody says, and the disagreement is {yours:.3g}, not 0."),
        ((sure, even), "For q = (0.96, 0.01, ...) and an even p it is {yours:.3f}; {right:.3f} is right. By hand?"),
    )
    return repaired(function, lambda q, p: (p * (p / q).log()).sum(), probes, "q pays for what it thinks impossible.")
