"""Objectives of language models that write: given texts, or their own.

Students of one teacher are an `nn.ModuleList` with a rule each: they share batches and the teacher's answers. A rule
is `(s, t, targets, mask, batch) -> loss a text`: logits (B, N, V) of student and teacher for the tokens `targets`
(B, N), of which those of `mask` count. A teacher of another vocabulary is asked once about all texts (`Aligned`), and
tells of them by token, by rank, or by the byte at which tokens end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook import losses, require
from kdbook.data.vocabularies import Vocabulary
from kdbook.nets.gpt import GPT
from kdbook.training.objectives.asking import Batch, Loss, Objective, asked, each, same_set
from kdbook.training.sequences import log_probs, sample
from kdbook.training.teachers import evaluating

Rule = Callable[[Tensor, Tensor | None, Tensor, Tensor, Batch], Tensor]


def labels() -> Rule:
    """Cross entropy with the tokens that stand there; on a teacher's texts this is sequence-level distillation."""

    def rule(s, t, targets, mask, batch):
        return losses.token_mean(losses.hard_loss(s, targets, **batch.by_row), mask)

    return rule


def soft(loss: Callable, **settings) -> Rule:
    """A sequence loss with the teacher's logits: `token_kd`, `reverse_kl`, `generalized_jsd`, `total_variation`."""

    def rule(s, t, targets, mask, batch):
        return loss(s, t, mask, **settings, **batch.by_row)

    return rule


def top_k(k: int, missing: str) -> Rule:
    """`sparse_kl` with the teacher's k largest log-probabilities, all that some APIs tell."""

    def rule(s, t, targets, mask, batch):
        values, index = t.log_softmax(-1).topk(k)
        return losses.token_mean(losses.sparse_kl(s, values, index, missing=missing, **batch.by_row), mask)

    return rule


def recorded(index: Tensor, values: Tensor, *, soft: bool) -> Rule:
    """What a teacher said as it wrote its texts: their tokens, or the likeliest next tokens with the rest (`soft`).

    index, values : Tensor (M, N - 1, K), those tokens and their log-probabilities at each place; see `places`
    """

    def rule(s, t, targets, mask, batch):
        same_set(rule, batch)
        likeliest, log_p = (stored[batch.index][:, : targets.shape[1]] for stored in (index, values))
        if soft:
            rows = losses.sparse_kl(s, log_p, likeliest, missing="rest", reduction="none", check=False)
        else:
            rows = losses.hard_loss(s, targets, **batch.by_row)
        return losses.token_mean(rows, places(batch.x, log_p))

    rule.origin = ""
    return rule


def shifted(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is shown, what is to be predicted, and where it is no filling: x (B, N) -> three of (B, N - 1)."""
    require(x.shape[1] >= 2, "texts", "of two tokens or more", x.shape[1])
    return x[:, :-1], x[:, 1:], x[:, 1:] > 0


@dataclass
class TeacherForced(Objective):
    """Students learn on given texts.

    Parameters
    ----------
    rules : sequence of Rule
        One a student; None leaves a student out.
    teacher : GPT, optional
        Asked once a batch, in eval mode and without gradients, when there is one.
    """

    rules: Sequence[Rule]
    teacher: GPT | None = None

    def __call__(self, students: nn.ModuleList, batch: Batch) -> Loss:
        shown, targets, mask = shifted(batch.x)
        theirs = answers(self.teacher, shown)
        return each(students, self.rules, lambda s, rule: rule(asked(s, shown), theirs, targets, mask, batch))


@dataclass
class OnPolicy(Objective):
    """GKD: each student learns its teacher's next tokens on texts of its own (Agarwal et al. 2024, algorithm 1).

    Parameters
    ----------
    teacher : GPT
        Frozen.
    lambdas : sequence of float
        One a student: probability that a batch consists of the student's own texts, drawn at T = 1, rather than of
        the given ones, whose first token its own begin with. No gradient passes through the drawing.
    betas : sequence of float
        One a student, of `generalized_jsd`: 0 forward, 1 reverse KL.

    Raises
    ------
    ValueError
        For a lambda or beta outside [0, 1].
    """

    teacher: GPT
    lambdas: Sequence[float]
    betas: Sequence[float]

    def __call__(self, students: nn.ModuleList, batch: Batch) -> Loss:
        own = float(torch.rand(()))  # shared: students of equal lambda write in the same steps
        given = shifted(batch.x)
        theirs = answers(self.teacher, given[0])

        def loss(student: GPT, recipe: tuple[float, float]) -> Tensor:
            (share, beta), (shown, _, mask), told = recipe, given, theirs
            if own < share:
                shown, _, mask = shifted(sample(student, batch.x[:, :1]))
                told = answers(self.teacher, shown)
            return losses.generalized_jsd(asked(student.train(), shown), told, mask, beta=beta, **batch.by_row)

        return each(students, zip(self.lambdas, self.betas, strict=True), loss)


@dataclass
class PolicyGradient(Objective):
    """MiniLLM's gradient for one student: the reverse KL between whole texts, on its own (Gu et al. 2024, eq. 3 to 5).

    A token's own divergence is summed exactly; what it does to the tokens after it is weighed by their log-ratio, less
    the batch's mean at that position. The paper's mixed-in teacher, length normalisation and language-model loss are
    left out.
    """

    teacher: GPT

    def __call__(self, students: nn.ModuleList, batch: Batch) -> Loss:
        (model,) = students
        shown, targets, mask = shifted(sample(model, batch.x[:, :1]))
        log_q = asked(model.train(), shown).log_softmax(-1)
        log_p = answers(self.teacher, shown).log_softmax(-1)
        p, q = (z.gather(-1, targets[..., None])[..., 0] for z in (log_p, log_q))
        gain = (p - q.detach()).masked_fill(~mask, 0)
        later = gain.flip(1).cumsum(1).flip(1) - gain
        later = later - (later * mask).sum(0) / mask.sum(0).clamp_min(1)
        return losses.token_mean(losses.kl_rows(log_q, log_p) - later * q, mask)[None], {}


def places(x: Tensor, values: Tensor) -> Tensor:
    """Where a teacher told what comes next (B, N - 1): elsewhere its values are above 0, as no log-probability is."""
    return (values[..., 0] <= 0) & (x[:, 1:] > 0)


def answers(teacher: GPT | None, shown: Tensor) -> Tensor | None:
    """A teacher's logits (B, N, V) in eval mode, None without one."""
    if teacher is None:
        return None
    with evaluating(teacher):
        return asked(teacher, shown)


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
    return losses.token_kd(s, aligned.logits[batch.index][:, : s.shape[1]], mask, **batch.by_row)


def by_rank(s, targets, mask, aligned, batch) -> Tensor:
    """`universal_logit_distillation` on the teacher's own tokens of the same texts."""
    given, theirs = aligned.logits[batch.index], aligned.x[batch.index][:, 1:] > 0
    return losses.universal_logit_distillation(s, given, mask, theirs, **batch.by_row)


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
    return losses.token_mean(values, common)


def piece(total: Tensor, first: Tensor) -> Tensor:
    """Log-probability of each piece from running totals (M,), which begin anew where `first` is true."""
    before = F.pad(total[:-1], (1, 0)).masked_fill(first, 0)
    return (total - before).clamp_max(-1e-6)  # rounding must not make a piece more than certain


def binary_kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL between two coins whose heads have log-probabilities `log_p` and `log_q`, both below 0."""
    tails_p, tails_q = (torch.log(-torch.expm1(z)) for z in (log_p, log_q))
    return log_p.exp() * (log_p - log_q) + tails_p.exp() * (tails_p - tails_q)
