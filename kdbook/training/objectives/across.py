"""What a teacher of another vocabulary tells about a text: by token, by rank, or by the byte at which tokens end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.data.vocabularies import Vocabulary
from kdbook.losses.sequence import token_kd, token_mean, universal_logit_distillation
from kdbook.nets.gpt import GPT
from kdbook.training.objectives.asking import same_set
from kdbook.training.objectives.sentences import Rule, labels
from kdbook.training.sequences import log_probs


@dataclass
class Aligned:
    """What a teacher says of texts, byte by byte.

    ends : Tensor (M, N), byte at which each of the student's tokens ends
    x : Tensor (M, N_t), the teacher's tokens
    logits : Tensor (M, N_t - 1, V_t), what the teacher says after each of them but the last
    said : Tensor (M, bytes + 2), log-probability of the text up to each byte, NaN where no token of the teacher ends
    origin : str, that of the split whose index counts the texts; default: the first batch's
    """

    ends: Tensor
    x: Tensor
    logits: Tensor
    said: Tensor
    origin: str = ""

    @classmethod
    def of(cls, ours: Vocabulary, theirs: Vocabulary, texts: Sequence[str], model: GPT, device) -> "Aligned":
        """Ask the teacher about all texts once."""
        ends, (x, stops) = ours.with_ends(texts)[1], theirs.with_ends(texts)
        logits = log_probs(model, x.to(device))
        told = logits.cpu().gather(2, x[:, 1:, None])[..., 0]
        total = told.masked_fill(x[:, 1:] == 0, 0).cumsum(1)
        said = torch.full((len(x), int(stops.max()) + 1), torch.nan)
        for row, at, values in zip(said, stops[:, 1:], total, strict=True):
            row[at[at > 0]] = values[at > 0]
        return cls(ends.to(device), x.to(device), logits, said.to(device))


def across_vocabularies(way: Callable, aligned: Aligned, weight: float) -> Rule:
    """Cross entropy with the text, and `weight` times what a teacher of another vocabulary tells of it.

    `way` is one of `by_token`, `by_rank` and `by_bytes`.
    """

    def rule(s, t, targets, mask, batch):
        same_set(aligned, batch)
        return labels()(s, t, targets, mask, batch) + weight * way(s, targets, mask, aligned, batch)

    return rule


def by_token(s, targets, mask, aligned, batch) -> Tensor:
    """`token_kd`: refuses another vocabulary."""
    return token_kd(s, aligned.logits[batch.index][:, : s.shape[1]], mask, **batch.by_row)


def by_rank(s, targets, mask, aligned, batch) -> Tensor:
    """`universal_logit_distillation` on the teacher's own tokens of the same texts."""
    given, theirs = aligned.logits[batch.index], aligned.x[batch.index][:, 1:] > 0
    return universal_logit_distillation(s, given, mask, theirs, **batch.by_row)


def by_bytes(s, targets, mask, aligned, batch) -> Tensor:
    """KL between the two probabilities of each piece of text that both end at the same byte: said, or not said."""
    ours = s.log_softmax(-1).gather(-1, targets[..., None])[..., 0].masked_fill(~mask, 0).cumsum(1)
    theirs = aligned.said[batch.index].gather(1, aligned.ends[batch.index][:, 1 : batch.x.shape[1]])
    common = mask & ~theirs.isnan()
    row = common.nonzero()[:, 0]
    first = F.pad(row[1:] != row[:-1], (1, 0), value=True)
    log_q, log_p = (piece(total[common], first) for total in (ours, theirs))
    values = torch.zeros_like(ours)
    values[common] = binary_kl(log_p, log_q)
    return token_mean(values, common)


def piece(total: Tensor, first: Tensor) -> Tensor:
    """Log-probability of each piece from running totals (M,), which begin anew where `first` is true."""
    before = F.pad(total[:-1], (1, 0)).masked_fill(first, 0)
    return (total - before).clamp_max(-1e-6)  # rounding must not make a piece more than certain


def binary_kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL between two coins whose heads have log-probabilities `log_p` and `log_q`, both below 0."""
    tails_p, tails_q = (torch.log(-torch.expm1(z)) for z in (log_p, log_q))
    return log_p.exp() * (log_p - log_q) + tails_p.exp() * (tails_p - tails_q)
