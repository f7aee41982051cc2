"""Sequence losses: a language model learns what another one says of every next token.

Logits are (..., N, V): tokens are the last axis but one, the vocabulary is the last. `mask` (..., N) is true where a
token counts; it may lack the leading axis of a stack of students. What stands where it is false is never looked at, be
it -inf or NaN, neither for the loss nor for its gradient. Every loss sums over the vocabulary and is a mean
over the tokens of the whole batch; `reduction="none"` gives one value a text, (...), whose mean is that. p is the
teacher, q the student. No gradient reaches the teacher. Half inputs are computed in float32. Values are in nats.
"""

import math

import torch
from torch import Tensor

from kdbook import check_choice, require
from kdbook.losses import checks
from kdbook.losses.checks import Fraction, Pair, Positive, Temperature, divide, kl_rows, token_loss


@token_loss
def token_kd(s: Tensor, t: Tensor, mask: Tensor, *, temperature: Temperature = 1.0, check: bool = True) -> Pair:
    """Word-level distillation, T^2 KL(p||q) a token (Kim & Rush 2016, section 3.1; Hinton et al. 2015, eq. 1).

    >>> s, t = torch.zeros(1, 2, 3), torch.tensor([[[2.0, 0.0, 0.0], [9.0, 9.0, 0.0]]])  # (texts, tokens, vocabulary)
    >>> counts = torch.tensor([[True, False]])
    >>> token_kd(s, t, mask=counts)
    tensor(0.4330)

    Parameters
    ----------
    s, t : Tensor (..., N, V)
        Logits of student and teacher over one vocabulary, the teacher's broadcast over the student's leading axes.
    mask : Tensor (..., N), bool
        True where a token counts.
    temperature : float or Tensor
        Softens both.
    num_tokens : int, optional
        Tokens that the sum is divided by, when this is a part of a larger batch whose gradients are added up: those
        of the whole batch. A mean of the parts' means would weigh tokens of short parts more.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...).

    Raises
    ------
    ValueError
        For malformed settings, vocabularies that differ, or (`check`) a text of nothing but filling.

    Explained in notebooks/09_llm_era.
    """
    student, teacher = _pair(s, t, mask, check)
    log_p, log_q = (divide(z, temperature).log_softmax(-1) for z in (teacher, student))
    return kl_rows(log_p, log_q) * temperature**2, mask


@token_loss
def reverse_kl(s: Tensor, t: Tensor, mask: Tensor, *, check: bool = True) -> Pair:
    """KL(q||p) a token on given texts: the student avoids what its teacher finds unlikely.

    MiniLLM (Gu et al. 2024, eq. 2) minimises the same divergence between whole *sequences*, on the student's own
    samples and by policy gradient. This is not that.

    >>> s, t = torch.zeros(1, 2, 3), torch.tensor([[[2.0, 0.0, 0.0], [9.0, 9.0, 0.0]]])  # (texts, tokens, vocabulary)
    >>> counts = torch.tensor([[True, False]])
    >>> reverse_kl(s, t, counts)
    tensor(0.4743)

    Parameters
    ----------
    s, t, mask
        See `token_kd`.
    num_tokens, reduction, check : int, str, bool
        See `token_kd`; "mean" returns a scalar, "none" a tensor (...).

    Raises
    ------
    ValueError
        See `token_kd`.

    Explained in notebooks/09_llm_era.
    """
    student, teacher = _pair(s, t, mask, check)
    return kl_rows(student.log_softmax(-1), teacher.log_softmax(-1)), mask


@token_loss
def generalized_jsd(s: Tensor, t: Tensor, mask: Tensor, beta: Fraction, *, check: bool = True) -> Pair:
    """Between forward and reverse KL, with M = beta p + (1 - beta) q (Agarwal et al. 2024, GKD, eq. 1).

    beta KL(p||M) + (1 - beta) KL(q||M). At beta 0 and 1 that would be 0; by convention 0 means forward KL(p||q) and 1
    reverse KL(q||p), which are the limits of the quotient by beta and by 1 - beta. The value jumps there.

    >>> s, t = torch.zeros(1, 2, 3), torch.tensor([[[2.0, 0.0, 0.0], [9.0, 9.0, 0.0]]])  # (texts, tokens, vocabulary)
    >>> counts = torch.tensor([[True, False]])
    >>> generalized_jsd(s, t, counts, beta=0.5)
    tensor(0.1087)

    Parameters
    ----------
    s, t, mask
        See `token_kd`.
    beta : float
        In [0, 1].
    num_tokens, reduction, check : int, str, bool
        See `token_kd`; "mean" returns a scalar, "none" a tensor (...).

    Raises
    ------
    ValueError
        For a beta outside [0, 1]; else see `token_kd`.

    Explained in notebooks/09_llm_era.
    """
    student, teacher = _pair(s, t, mask, check)
    log_p, log_q = teacher.log_softmax(-1), student.log_softmax(-1)
    if beta in (0, 1):
        return kl_rows(log_p, log_q) if beta == 0 else kl_rows(log_q, log_p), mask
    mixture = torch.logaddexp(log_p + math.log(beta), log_q + math.log(1 - beta))
    return beta * kl_rows(log_p, mixture) + (1 - beta) * kl_rows(log_q, mixture), mask


@token_loss
def total_variation(s: Tensor, t: Tensor, mask: Tensor, *, check: bool = True) -> Pair:
    """Half the sum of ``|p - q|`` a token: what speculative sampling rejects (Leviathan et al. 2023).

    >>> s, t = torch.zeros(1, 2, 3), torch.tensor([[[2.0, 0.0, 0.0], [9.0, 9.0, 0.0]]])  # (texts, tokens, vocabulary)
    >>> counts = torch.tensor([[True, False]])
    >>> total_variation(s, t, counts)
    tensor(0.4537)

    Parameters
    ----------
    s, t, mask
        See `token_kd`.
    num_tokens, reduction, check : int, str, bool
        See `token_kd`; "mean" returns a scalar, "none" a tensor (...).

    Raises
    ------
    ValueError
        See `token_kd`.

    Explained in notebooks/09_llm_era.
    """
    student, teacher = _pair(s, t, mask, check)
    return (student.softmax(-1) - teacher.softmax(-1)).abs().sum(-1) / 2, mask


@token_loss
def universal_logit_distillation(s: Tensor, t: Tensor, mask_s: Tensor, mask_t: Tensor, *, check: bool = True) -> Pair:
    """Distance of sorted probabilities, for two vocabularies and tokenisations (Boizard et al. 2024, ULD, eq. 4).

    Both distributions are sorted, largest first, the shorter filled with zeros, and their absolute differences summed:
    a Wasserstein distance under which all tokens are as far apart. The i-th counted token of the student meets the i-th
    of the teacher, up to the shorter text's end. Which token is likely is not told, only how likely the likeliest is.

    >>> s, t = torch.zeros(1, 2, 3), torch.zeros(1, 2, 4)  # another vocabulary
    >>> all_count = torch.ones(1, 2, dtype=torch.bool)
    >>> universal_logit_distillation(s, t, all_count, all_count)
    tensor(0.5000)

    Parameters
    ----------
    s, t : Tensor (..., N_s, V_s), (..., N_t, V_t)
        Logits on the same texts, each in its own tokens.
    mask_s, mask_t : Tensor (..., N_s), (..., N_t), bool
        True where a token counts.
    num_tokens, reduction, check : int, str, bool
        See `token_kd`; "mean" returns a scalar, "none" a tensor (...).

    Raises
    ------
    ValueError
        For leading axes that differ, or (`check`) a text of nothing but filling.

    Explained in notebooks/09_llm_era.
    """
    checks.check_broadcast("t", t.shape[:-2], s.shape[:-2], of="the texts of s")
    student = checks.masked_input("s", s, "mask_s", mask_s, check, least=2)
    teacher = checks.masked_input("t", t.detach(), "mask_t", mask_t, check, least=2).to(student.dtype)
    tokens, size = (min(student.shape[-2], teacher.shape[-2]), max(student.shape[-1], teacher.shape[-1]))
    shown = [_sorted_probs(z, m, tokens, size) for z, m in ((student, mask_s), (teacher, mask_t))]
    shorter = torch.minimum(mask_s.sum(-1), mask_t.sum(-1))[..., None]
    return (shown[0] - shown[1]).abs().sum(-1), torch.arange(tokens, device=student.device) < shorter


def _sorted_probs(logits: Tensor, mask: Tensor, tokens: int, size: int) -> Tensor:
    """Probabilities (..., tokens, size), largest first, of the first counted tokens of each text."""
    order = (~mask).long().argsort(dim=-1, stable=True)[..., :tokens, None]  # counted tokens first, in their order
    order = order.expand(*logits.shape[:-2], tokens, logits.shape[-1])
    ranked = logits.gather(-2, order).softmax(-1).sort(-1, descending=True).values
    return torch.nn.functional.pad(ranked, (0, size - ranked.shape[-1]))


@checks.row_loss
def sparse_kl(
    s: Tensor,
    top_log_probs: Tensor,
    top_indices: Tensor,
    *,
    missing: str = "rest",
    temperature: Positive = 1.0,
    check: bool = True,
) -> Tensor:
    """KL from a teacher of whom only the k largest log-probabilities are known, one value a token.

    ``rest`` puts all that is missing into one more bucket on both sides: a student may spread it as it likes, and the
    loss is 0 where it equals its teacher. ``zero`` says that nothing is missing: the k are renormalised, at a
    temperature if wished, and the student is pushed to give all other tokens nothing; it never reaches 0.

    >>> log_probs, tokens = torch.tensor([[0.5, 0.3]]).log(), torch.tensor([[7, 2]])
    >>> sparse_kl(torch.zeros(1, 10), log_probs, tokens)
    tensor(0.8570)

    Parameters
    ----------
    s : Tensor (..., V)
        The student's logits.
    top_log_probs, top_indices : Tensor (..., K)
        The teacher's largest log-probabilities at T = 1, nats, and the tokens that have them.
    missing : {"rest", "zero"}
        What happens to the mass that is not told.
    temperature : float
        Softens both, with the factor T^2; must be 1 for ``rest``, since a sum of unknown parts cannot be softened.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...).

    Raises
    ------
    ValueError
        For k larger than the vocabulary, another way or temperature, or (`check`) log-probabilities whose
        probabilities sum to more than 1, and tokens that are named twice.

    Explained in notebooks/09_llm_era.
    """
    student = checks.values_input("s", s, check)
    check_choice("missing", missing, ("rest", "zero"))
    require(missing == "zero" or temperature == 1, "temperature", "1 for missing='rest'", temperature)
    told = checks.values_input("top_log_probs", top_log_probs.detach(), check).to(student.dtype)
    *rows, words = student.shape
    require([*told.shape[:-1]] == rows, "top_log_probs", f"{(*rows, 'K')}, as s", tuple(told.shape))
    require(told.shape[-1] <= words, "k", f"in 1..{words}, the vocabulary", told.shape[-1])
    top_indices = checks.whole_input("top_indices", top_indices, told.shape, words, check, of="as top_log_probs")
    if check:
        _check_top(told, top_indices, coarse=top_log_probs.dtype.itemsize < 4)
    log_q = divide(student, temperature).log_softmax(-1)
    q_top = log_q.gather(-1, top_indices)
    if missing == "zero":
        return kl_rows(divide(told, temperature).log_softmax(-1), q_top) * temperature**2
    told = told - told.logsumexp(-1, keepdim=True).clamp_min(0)  # rounding may lift the sum a little above 1
    rows = kl_rows(told, q_top)
    if told.shape[-1] == student.shape[-1]:
        return rows
    p_rest = -torch.expm1(told.logsumexp(-1))
    others = log_q.scatter(-1, top_indices, -torch.inf).logsumexp(-1)
    return rows + torch.special.xlogy(p_rest, p_rest) - p_rest * others


def _check_top(told: Tensor, indices: Tensor, *, coarse: bool) -> None:
    """Raise ValueError unless `told` and `indices` are the top k of a distribution."""
    largest = float(told.logsumexp(-1).max().exp())
    good = largest <= 1 + (1e-2 if coarse else 1e-4)
    require(good, "top_log_probs", "of probabilities that sum to at most 1", f"{largest:.4g}")
    differ = bool((indices.sort(-1).values.diff() > 0).all())
    require(differ, "top_indices", "tokens that differ, as topk gives them", "one twice")


@checks.entry
def token_mean(values: Tensor, mask: Tensor, num_tokens: int | None = None) -> Tensor:
    """One value a text (...), whose mean is the sum of all counted `values` (..., N) by the number of counted tokens.

    With `num_tokens` the sum is divided by that instead, and the values of several parts of a batch add up. What is
    not counted is left out of value and gradient, but `values` must have a gradient there: fill before the formula.

    >>> token_mean(torch.tensor([[1.0, 3.0, 99.0]]), torch.tensor([[True, True, False]]))
    tensor([2.])
    """
    values = checks.values_input("values", values, check=False)
    checks.check_mask("mask", mask, values.shape, check=False)
    return checks.token_rows(values, mask, num_tokens)


def _pair(s: Tensor, t: Tensor, mask: Tensor, check: bool) -> tuple[Tensor, Tensor]:
    checks.check_floating("s", s, checks.TOKENS)
    checks.check_floating("t", t, checks.TOKENS)
    remedy = "else use universal_logit_distillation, align by bytes, or learn from the teacher's texts"
    require(s.shape[-1] == t.shape[-1], "s and t", f"over one vocabulary ({remedy})", (s.shape[-1], t.shape[-1]))
    checks.check_mask("mask", mask, s.shape[:-1], check, least=2)
    return checks.logits_pair(check, mask[..., None], s=s, t=t)
