"""Exercises of chapter 09: divergences of language models, what an API hides, and what terms forbid."""

import torch

from kdbook.book.tables.distilled_models import published
from kdbook.lab.cards import USES, load_cards, with_origins
from kdbook.losses import entropy_bits
from kdbook.losses.sequence import generalized_jsd, sparse_kl
from kdbook.teach.feedback import NOT_YET, Answer, Exercise, Feedback, hints, plain, unanswered

P, Q = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64).softmax(-1)  # (N, V)


def kl(a, b):
    """KL(a || b) a row."""
    return (a * (a / b).log()).sum(-1)


def gkd(p, q, beta):
    """GKD's divergence a row, by the book's loss."""
    return generalized_jsd(
        q.log()[:, None], p.log()[:, None], torch.ones(len(p), 1, dtype=bool), beta, reduction="none"
    )


def both(p, q, a, b, m):
    """KLs of p and q to m, with weights a and b."""
    return a * kl(p, m) + b * kl(q, m)


def middle(p, q, beta):
    """The mixture M of the paper."""
    return beta * p + (1 - beta) * q


check_generalized_jsd = Exercise(
    "Does `function(p, q, beta)` return GKD's divergence of the rows of two tables of probabilities (N, V)?",
    right=gkd,
    tries=plain((P, Q, 0.3), (Q[1:], P[1:], 0.6)),
    mistakes=hints(
        "The two terms are weighed as they should be: but how much of p is in your mixture M?",
        lambda p, q, b: both(p, q, b, 1 - b, middle(q, p, b)),
        "The mixture M is right: do the two divergences have each other's weight?",
        lambda p, q, b: both(p, q, 1 - b, b, middle(p, q, b)),
        "Each KL is turned round: which of its two comes first, the mixture or p?",
        lambda p, q, b: b * kl(middle(p, q, b), p) + (1 - b) * kl(middle(p, q, b), q),
        "You mixed log-probabilities: is that a distribution? What does it add up to?",
        lambda p, q, b: both(p, q, b, 1 - b, middle(p.log(), q.log(), b).exp()),
        "Those are divergences to each other: where is the mixture M?",
        lambda p, q, b: b * kl(p, q) + (1 - b) * kl(q, p),
        "The two divergences have no weights, or the same: what does beta weigh?",
        lambda p, q, b: both(p, q, 1, 1, middle(p, q, b)),
    ),
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
    tries=plain((*ALL_P.topk(2), ALL_Q), (*ALL_Q.topk(3), ALL_P)),
    mistakes=hints(
        "The mass that is not told is dropped: can a divergence of what is left be negative?",
        with_bucket(lambda p, q: torch.zeros_like(p)),
        "Renormalised over the k: does that not say that all other words are impossible?",
        lambda top, at, q: told(renormalised(top), q.gather(-1, at)),
        "Both sides are renormalised over the k: what does it cost to give nearly all to other words?",
        lambda top, at, q: told(renormalised(top), renormalised(q.gather(-1, at))),
        "The bucket has the teacher's mass, but what does the student put there?",
        with_bucket(lambda p, q: p * p.log()),
        "Are teacher and student swapped in the bucket?",
        with_bucket(lambda p, q: q * (q / p).log()),
        "In the bucket, is a teacher that says more than its student paid for it? Its term has the wrong sign.",
        with_bucket(lambda p, q: -p * (p / q).log()),
    ),
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
    tries=plain((LOSSES, MASKS), (LOSSES[::-1], MASKS)),
    mistakes=hints(
        "A mean of the parts' means: do tokens of the short part weigh more than others?",
        lambda losses, masks: (sums(losses, masks) / counts(masks)).mean(),
        "Divided twice: by a part's own tokens, and by which others?",
        lambda losses, masks: (sums(losses, masks) / counts(masks)).sum() / counts(masks).sum(),
        "Each part is divided by its own tokens and the means are added: how many means are one mean?",
        lambda losses, masks: (sums(losses, masks) / counts(masks)).sum(),
        "That is the sum over all tokens: what would a batch of twice the size give?",
        lambda losses, masks: sums(losses, masks).sum(),
        "Filling counts in the denominator: how many tokens are real?",
        lambda losses, masks: (torch.stack(losses) * torch.stack(masks)).mean(),
    ),
    done="One denominator for the whole batch, however it is cut into parts.",
)


def score_columns() -> tuple[torch.Tensor, ...]:
    """Published scores of teacher, student and baseline, where all three are told and higher is better."""
    columns = ["teacher_score", "student_score", "student_baseline_score"]
    rows = published().dropna(subset=columns)
    return tuple(torch.tensor(rows[~rows.lower_is_better][column].to_numpy(float)) for column in columns)


SCORES = score_columns()

check_shares_closed = Exercise(
    "Does `function(teacher, student, baseline)` return the share of the gap that distillation closed, in per cent?",
    right=lambda t, s, b: 100 * (s - b) / (t - b),
    tries=plain(SCORES, tuple(x[:2] for x in SCORES)),
    mistakes=hints(
        "From where is the way to be measured, from the baseline or from 0?",
        lambda t, s, b: 100 * (s - b) / t,
        "Which gap is that, the one before distillation or the one after?",
        lambda t, s, b: 100 * (s - b) / (t - s),
    ),
    done="A student at its baseline has closed nothing, though its score ratio may be 90 %.",
)

ANSWERS = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64)

check_entropy = Exercise(
    "Does `function(logits, T)` return the entropy of softened targets (N, C) -> (N,), in bits?",
    right=lambda z, T: entropy_bits((z / T).softmax(-1)),
    tries=plain((ANSWERS, 2.5), (ANSWERS, 1.0)),
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
            told = (
                f"{use!r} is excluded by {many} of the cards that Alpaca is made from: which ones? Follow `made_from`."
            )
            return Feedback(False, told)
    if given != {use for use, cards in forbidden.items() if not cards}:
        return Feedback(False, "One use is allowed by every card; do not leave it out. Which one?")
    return Feedback(True, "The strictest term of all that a model is made from is the term of the model.")


check_sharpened = Answer(
    "A teacher gives a falsehood 0.7 and the truth 0.3: with which probability does it write the falsehood at T = 0.5?",
    right=0.49 / (0.49 + 0.09),
    mistakes={
        "That is T = 2: by what are the logits divided?": 0.7**0.5 / (0.7**0.5 + 0.3**0.5),
        "That is T = 0: is it always the likeliest answer?": 1.0,
        "T works on the probability itself in yours: on what should it work?": 0.7 * 0.5,
        "You took a probability for a logit: what is the logit of an answer of 0.7?": 0.68997,
    },
    numbers=(0.7, 0.3, 0.49, 0.09, 0.5),
    done="A student of such texts reads the falsehood more often than its teacher did.",
    rtol=0.005,
)
