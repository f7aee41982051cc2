"""Exercises of chapter 09: divergences of language models, what an API hides, and what terms forbid."""

import math

import torch

from kdbook.book.tables.distilled_models import published
from kdbook.lab.cards import USES, load_cards, with_origins
from kdbook.losses import entropy_bits
from kdbook.losses.sequence import generalized_jsd, sparse_kl
from kdbook.teach.feedback import NOT_YET, Answer, Exercise, Feedback, unanswered

P, Q = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64).softmax(-1)  # (N, V)


def kl(a, b):
    """KL(a || b) a row."""
    return (a * (a / b).log()).sum(-1)


def gkd(p, q, beta):
    """GKD's divergence a row, by the book's loss."""
    return generalized_jsd(
        q.log()[:, None], p.log()[:, None], torch.ones(len(p), 1, dtype=bool), beta, reduction="none"
    )


def to(mixture, weights=lambda beta: (beta, 1 - beta)):
    """A reader's divergence: weighted KLs of p and q to a mixture of their own."""

    def divergence(p, q, beta):
        (a, b), m = weights(beta), mixture(p, q, beta)
        return a * kl(p, m) + b * kl(q, m)

    return divergence


def middle(p, q, beta):
    """The mixture M of the paper."""
    return beta * p + (1 - beta) * q


check_generalized_jsd = Exercise(
    "Does `function(p, q, beta)` return GKD's divergence of the rows of two tables of probabilities (N, V)?",
    right=gkd,
    tries=(((P, Q, 0.2), "That is not beta KL(p||M) + (1 - beta) KL(q||M)."),),
    mistakes={
        "That is the divergence for 1 - beta: which of p and q does beta weigh?": lambda p, q, b: gkd(p, q, 1 - b),
        "The two terms are weighed as they should be, but the mixture M has its weights swapped.": to(
            lambda p, q, b: middle(q, p, b)
        ),
        "The mixture M is right; the two divergences have each other's weight.": to(middle, lambda b: (1 - b, b)),
        "Each KL is turned round: the mixture comes second.": (
            lambda p, q, b: b * kl(middle(p, q, b), p) + (1 - b) * kl(middle(p, q, b), q)
        ),
        "You mixed log-probabilities; that is no distribution. Mix the probabilities.": to(
            lambda p, q, b: middle(p.log(), q.log(), b).exp()
        ),
        "Both divergences should be to the mixture M, not to each other.": (
            lambda p, q, b: b * kl(p, q) + (1 - b) * kl(q, p)
        ),
        "The two divergences have no weights.": to(middle, lambda b: (1, 1)),
        "Divided by the number of rows: leave one value a row.": lambda p, q, b: gkd(p, q, b) / len(p),
    },
    done="It leans to forward KL for a small beta, to reverse KL for a large one.",
)

ALL_P, ALL_Q = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(10), dtype=torch.float64).softmax(-1)


def told(top, chosen):
    """The k told terms of the divergence."""
    return (top * (top / chosen).log()).sum(-1)


def renormalised(p):
    """Probabilities divided by their sum."""
    return p / p.sum(-1, keepdim=True)


def with_bucket(bucket):
    """The told terms and what a reader puts into the bucket, from the missing mass of teacher and student."""

    def divergence(top, at, q):
        chosen = q.gather(-1, at)
        return told(top, chosen) + bucket(1 - top.sum(-1), 1 - chosen.sum(-1))

    return divergence


check_missing_mass = Exercise(
    "Does `function(top_p, top_at, q)` return the KL a row with one more bucket for the mass that is not told?",
    right=lambda top, at, q: sparse_kl(q.log(), top.log(), at, reduction="none"),
    tries=(
        (
            (*ALL_P.topk(2), ALL_Q),
            "That is not the divergence of the k told probabilities and one bucket for the rest.",
        ),
    ),
    mistakes={
        "The mass that is not told is dropped: such a 'divergence' can even be negative.": with_bucket(
            lambda p, q: torch.zeros_like(p)
        ),
        "Renormalised over the k: that says that all other words are impossible.": (
            lambda top, at, q: told(renormalised(top), q.gather(-1, at))
        ),
        "Both sides are renormalised over the k: what the student gives to all other words costs nothing.": (
            lambda top, at, q: told(renormalised(top), renormalised(q.gather(-1, at)))
        ),
        "The bucket has the teacher's mass, but what does the student put there?": with_bucket(
            lambda p, q: p * p.log()
        ),
        "In the bucket teacher and student are swapped.": with_bucket(lambda p, q: q * (q / p).log()),
        "The bucket's term has the wrong sign.": with_bucket(lambda p, q: -p * (p / q).log()),
    },
    done="It is 0 where the student equals its teacher, and never more than the full KL.",
)

DRAW = torch.Generator().manual_seed(11)
LOSSES = [torch.rand(2, 5, generator=DRAW, dtype=torch.float64) for _ in range(2)]
MASKS = [torch.arange(5) < torch.tensor(real)[:, None] for real in ([5, 4], [1, 2])]


def sums(losses, masks):
    """Sum of each part's real tokens."""
    return torch.stack([loss[mask].sum() for loss, mask in zip(losses, masks, strict=True)])


def counts(masks):
    """Number of each part's real tokens."""
    return torch.stack([mask.sum() for mask in masks])


check_token_mean = Exercise(
    "Does `function(losses, masks)` average the tokens' losses (B, N) of two parts of one batch over all its tokens?",
    right=lambda losses, masks: sums(losses, masks).sum() / counts(masks).sum(),
    tries=(((LOSSES, MASKS), "That is not the sum over all real tokens divided by their number."),),
    mistakes={
        "A mean of the parts' means: tokens of the short part weigh more than others.": (
            lambda losses, masks: (sums(losses, masks) / counts(masks)).mean()
        ),
        "Divided twice: each part by its own tokens, and the sum by all tokens.": (
            lambda losses, masks: (sums(losses, masks) / counts(masks)).sum() / counts(masks).sum()
        ),
        "Each part is divided by its own tokens and the means are added.": (
            lambda losses, masks: (sums(losses, masks) / counts(masks)).sum()
        ),
        "Divided by the number of parts as well.": (
            lambda losses, masks: sums(losses, masks).mean() / counts(masks).sum()
        ),
        "That is the sum over all tokens.": lambda losses, masks: sums(losses, masks).sum(),
        "Filling is counted.": lambda losses, masks: torch.stack(losses).mean(),
        "Filling counts in the denominator.": lambda losses, masks: (torch.stack(losses) * torch.stack(masks)).mean(),
    },
    done="One denominator for the whole batch, however it is cut into parts.",
)


def score_columns() -> tuple[torch.Tensor, ...]:
    """Published scores of teacher, student and baseline, where all three are told and higher is better."""
    columns = ["teacher_score", "student_score", "student_baseline_score"]
    rows = published().dropna(subset=columns)
    return tuple(torch.tensor(rows[~rows.lower_is_better][column].to_numpy(float)) for column in columns)


check_shares_closed = Exercise(
    "Does `function(teacher, student, baseline)` return the share of the gap that distillation closed, in per cent?",
    right=lambda t, s, b: 100 * (s - b) / (t - b),
    tries=((score_columns(), "The values differ from the way gone over the way there is."),),
    mistakes={
        "Right as a fraction; the question asks for per cent.": lambda t, s, b: (s - b) / (t - b),
        "That is the score ratio: it is high even for a student that learned nothing from its teacher.": (
            lambda t, s, b: 100 * s / t
        ),
        "That is the gain relative to the baseline; where does the teacher come in?": lambda t, s, b: 100 * (s - b) / b,
        "The way is to be measured from the baseline, not from 0, to the teacher.": lambda t, s, b: 100 * (s - b) / t,
        "That is the share of the gap that is left.": lambda t, s, b: 100 * (t - s) / (t - b),
    },
    done="A student at its baseline has closed nothing, though its score ratio may be 90 %.",
)

ANSWERS = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64)

check_entropy = Exercise(
    "Does `function(logits, T)` return the entropy of softened targets (N, C) -> (N,), in bits?",
    right=lambda z, T: entropy_bits((z / T).softmax(-1)),
    tries=tuple(((ANSWERS, T), f"At T = {T:g} that is not - sum p log2 p.") for T in (1.0, 4.0)),
    mistakes={
        "These are nats: bits take the logarithm to base 2.": lambda z, T: (
            math.log(2) * entropy_bits((z / T).softmax(-1))
        ),
        "The sign: an entropy is never negative.": lambda z, T: -entropy_bits((z / T).softmax(-1)),
        "T divides the logits; yours multiplies.": lambda z, T: entropy_bits((z * T).softmax(-1)),
        "The temperature is not used.": lambda z, T: entropy_bits(z.softmax(-1)),
    },
    done="Now compare teachers of 30 and of 1200 units: whose targets are softer?",
)


def check_uses(answer) -> Feedback:
    """Which of the three uses do the terms of Alpaca 7B and all that it is made from allow? A list of names."""
    if unanswered(answer):
        return Feedback(False, NOT_YET)
    if not isinstance(answer, str | list | tuple | set):
        return Feedback(False, f"A list with some of {', '.join(USES)} is wanted, not {answer!r}.")
    given = {answer} if isinstance(answer, str) else set(map(str, answer))
    if unknown := given - set(USES):
        return Feedback(False, f"{min(unknown)!r} is no use; there are {', '.join(USES)}.")
    forbidden = {use: [n for n in with_origins(["alpaca-7b"]) if use in load_cards()[n].forbids] for use in USES}
    for use in sorted(given):
        if many := len(forbidden[use]):
            told = f"{use!r} is excluded by {many} of the cards that Alpaca is made from: follow `made_from`."
            return Feedback(False, told)
    if given != {use for use, cards in forbidden.items() if not cards}:
        return Feedback(False, "One use is allowed by every card; do not leave it out.")
    return Feedback(True, "The strictest term of all that a model is made from is the term of the model.")


check_sharpened = Answer(
    "A teacher gives a falsehood 0.7 and the truth 0.3: with which probability does it write the falsehood at T = 0.5?",
    right=0.49 / (0.49 + 0.09),
    mistakes={
        "That is its probability at T = 1: at a lower temperature the likelier answer gains.": 0.7,
        "That is T = 2: the logits are divided by T, so the powers are 1 / T.": 0.7**0.5 / (0.7**0.5 + 0.3**0.5),
        "The powers are right; divide by their sum.": 0.49,
        "That is T = 0, always the likeliest answer.": 1.0,
        "Right in per cent; a probability is asked for.": 100 * 0.49 / (0.49 + 0.09),
    },
    done="A student of such texts reads the falsehood more often than its teacher did.",
    rtol=0.005,
)
