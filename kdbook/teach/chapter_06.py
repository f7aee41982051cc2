"""Exercises of chapter 06: the dustbin's odds, and how generalist and specialists are combined."""

import math

import torch

from kdbook.teach.feedback import Exercise, hints, plain

LOGITS = torch.tensor([[2.0, 0.5, 1.0], [-1.0, 0.0, 3.0]], dtype=torch.float64)  # two classes, then the dustbin
GENERALIST = torch.tensor([0.4, 0.2, 0.25, 0.1, 0.05], dtype=torch.float64)
KNOWN, SPECIALIST = torch.tensor([1, 2]), torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)


def raised(logits, by: float):
    """The logits with the last one, the dustbin's, raised."""
    return torch.cat([logits[:, :-1], logits[:, -1:] + by], 1)


check_dustbin_correction = Exercise(
    "Does `function(logits (N, K + 1), share)` correct the last logit, the dustbin, of a half-and-half specialist? "
    "`share` is how often its classes really occur. Logits that differ by a constant a row say the same.",
    right=lambda z, share: raised(z, math.log((1 - share) / share)),
    tries=plain((LOGITS, 0.1), (LOGITS, 0.3)),
    compared=lambda z: z.softmax(-1),
    mistakes=hints(
        "That is the proportion itself: what is added to a logit, and what is multiplied by that in odds?",
        lambda z, share: raised(z, (1 - share) / share),
        "How often is a special text seen, and how often does one occur, for one other? Is a share the same as odds?",
        lambda z, share: raised(z, -math.log(share)),
        "Special texts are seen more often than they occur, yes; but are the others not seen more seldom, too?",
        lambda z, share: raised(z, math.log(0.5 / share)),
    ),
    done="Half and half is where the odds of training are 1, so that only the real ones are left.",
)


def spread(specialist, known, over):
    """The specialist's answer over all classes, its dustbin shared out in proportion to `over` (C,)."""
    over = over.clone()
    over[known] = 0
    whole = specialist[-1] * over / over.sum()
    whole[known] = specialist[:-1]
    return whole


def geometric(g, known, s):
    """The geometric mean of both answers."""
    product = (g * spread(s, known, g)).sqrt()
    return product / product.sum()


def half_known(g, known, s):
    """A mean over the known classes only."""
    mixed = g.clone()
    mixed[known] = (g[known] + s[:-1]) / 2
    return mixed


check_one_specialist = Exercise(
    "Does `function(generalist (C,), known (K,), specialist (K + 1,))` minimise equation 5 for one specialist?",
    right=lambda g, known, s: (g + spread(s, known, g)) / 2,
    tries=plain((GENERALIST, KNOWN, SPECIALIST), (GENERALIST.flip(0), KNOWN + 2, SPECIALIST.roll(1))),
    mistakes=hints(
        "That is the specialist alone, its dustbin well shared out: has the generalist not a vote, too?",
        lambda g, known, s: spread(s, known, g),
        "The dustbin says nothing about the classes in it. Who does? An even share is not what q believes.",
        lambda g, known, s: (g + spread(s, known, torch.ones_like(g))) / 2,
        "KL(p || q) is least at one kind of mean: is it the geometric one, or the arithmetic?",
        geometric,
    ),
    done="With several specialists whose classes overlap there is no such formula: see `combine`.",
)

EVEN, SURE = torch.full((5,), 0.2), torch.tensor([0.96, 0.01, 0.01, 0.01, 0.01])

check_repaired_objective = Exercise(
    "Is `function(q (C,), p (C,))` KL(p || q), a term of equation 5?",
    right=lambda q, p: (p * (p / q).log()).sum(),
    tries=(
        ((GENERALIST, GENERALIST), "q is what everybody says, and the disagreement is {yours:.3g}, not 0: why?"),
        ((SURE, EVEN), ""),
    ),
    mistakes=hints(
        "For q = (0.96, 0.01, ...) and an even p it is 1.386; 2.083 is right. By hand?",
        lambda q, p: (q * (q / p).log()).sum(),
    ),
    done="q pays for what it thinks impossible.",
)
