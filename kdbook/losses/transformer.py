"""Transformer losses: DistilBERT's triple loss, and the layers of TinyBERT.

Texts are the first axis and tokens the second. `mask` (B, N), or (N,) if all texts share it, is true at real tokens:
filling counts nowhere, be it -inf or NaN. Every loss is a mean over the tokens (or pairs of tokens) of the whole batch;
`reduction="none"` gives one value a text, whose mean is that. No gradient reaches the teacher's side. Half inputs are
computed in float32. `num_tokens` is what sums are divided by when this is a part of a larger batch whose gradients are
added up: the counted tokens of the whole batch.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook import check_choice, require
from kdbook.losses import checks
from kdbook.losses.checks import Pair, entry, row_loss, token_loss
from kdbook.losses.sequence import token_kd, token_mean

HIDDEN = ("B, N, D", "proj, a projection to the teacher's width")


@token_loss
def attention_score_loss(scores_s: Tensor, scores_t: Tensor, mask: Tensor, *, check: bool = True) -> Pair:
    """Mean squared difference of attention scores before the softmax (Jiao et al. 2020, TinyBERT, eq. 7).

    Library models return attention *after* the softmax; the paper matches Q K^T / sqrt(d), which converges faster.

    >>> scores, mask = torch.zeros(1, 2, 3, 3), torch.tensor([[True, True, False]])
    >>> attention_score_loss(scores, scores + 2, mask)
    tensor(4.)

    Parameters
    ----------
    scores_s, scores_t : Tensor (B, heads, N, N)
        From each query (third axis) to each key; as many heads on both sides.
    mask : Tensor (B, N), bool
        True at real tokens; pairs of a query and a key count where both are real.
    num_tokens, reduction, check : int, str, bool
        Counted pairs of the whole batch; "mean" returns a scalar, "none" a tensor (B,).

    Raises
    ------
    ValueError
        For shapes that differ, or (`check`) a text of nothing but filling.

    Explained in notebooks/08_language_models.
    """
    student, teacher = _pair("B, heads, N, N", "as many heads", mask, check, scores_s=scores_s, scores_t=scores_t)
    return (student - teacher).square().mean(1).flatten(1), _pairs(mask).flatten(-2)


@token_loss
def hidden_state_loss(
    hidden_s: Tensor, hidden_t: Tensor, mask: Tensor, proj: Callable | None = None, *, check: bool = True
) -> Pair:
    """Mean squared difference of hidden states or embeddings (Jiao et al. 2020, TinyBERT, eq. 8 and 9).

    >>> thin, wide, mask = torch.ones(1, 2, 3), torch.ones(1, 2, 5), torch.tensor([[True, False]])
    >>> hidden_state_loss(thin, wide, mask, proj=lambda h: h.sum(-1, keepdim=True).expand(-1, -1, 5))
    tensor(4.)

    Parameters
    ----------
    hidden_s, hidden_t : Tensor (B, N, D_s), (B, N, D_t)
        Of a layer, or of the embeddings.
    mask : Tensor (B, N), bool
        True at real tokens.
    proj : callable, optional
        Maps the student's width to the teacher's, and is trained with the student; None where they agree.
    num_tokens, reduction, check : int, str, bool
        Counted tokens of the whole batch; "mean" returns a scalar, "none" a tensor (B,).

    Raises
    ------
    ValueError
        For widths that differ, or (`check`) a text of nothing but filling.

    Explained in notebooks/08_language_models.
    """
    student, teacher = _pair(*HIDDEN, mask, check, proj, hidden_s=hidden_s, hidden_t=hidden_t)
    return (student - teacher).square().mean(-1), mask


@row_loss
def transformer_layer_loss(
    scores_s: Sequence[Tensor],
    scores_t: Sequence[Tensor],
    hidden_s: Sequence[Tensor],
    hidden_t: Sequence[Tensor],
    proj: Callable | None = None,
    *,
    mask: Tensor,
    num_pairs: int | None = None,
    num_tokens: int | None = None,
    check: bool = True,
) -> Tensor:
    """Attention scores and hidden states of several layers, summed over layers (Jiao et al. 2020, TinyBERT, eq. 11).

    Which of the teacher's layers stands beside the student's m-th is the caller's layer map g(m), in the paper
    m L_t / L_s. An empty pair of lists leaves its term out.

    >>> scores, hidden = torch.zeros(1, 2, 3, 3), torch.zeros(1, 3, 4)
    >>> mask = torch.ones(1, 3, dtype=torch.bool)
    >>> transformer_layer_loss([scores], [scores + 1], [hidden], [hidden + 1], mask=mask)
    tensor(2.)

    Parameters
    ----------
    scores_s, scores_t : sequence of Tensor (B, heads, N, N)
        See `attention_score_loss`.
    hidden_s, hidden_t, proj
        See `hidden_state_loss`.
    mask : Tensor (B, N), bool
        True at real tokens.
    num_pairs, num_tokens, reduction, check : int, str, bool
        Counted pairs and tokens of the whole batch; "mean" returns a scalar, "none" a tensor (B,).

    Raises
    ------
    ValueError
        For lists of different length, or all of them empty.

    Explained in notebooks/08_language_models.
    """
    for name, ours, theirs in (("scores", scores_s, scores_t), ("hidden", hidden_s, hidden_t)):
        require(len(ours) == len(theirs), f"{name}_s and {name}_t", "of as many layers", (len(ours), len(theirs)))
    require(len(scores_s) + len(hidden_s) > 0, "scores_s and hidden_s", "at least one layer between them", "none")
    look = {"reduction": "none", "check": check}
    scores, hidden = zip(scores_s, scores_t, strict=True), zip(hidden_s, hidden_t, strict=True)
    terms = [attention_score_loss(s, t, mask, num_tokens=num_pairs, **look) for s, t in scores]
    terms += [hidden_state_loss(s, t, mask, proj, num_tokens=num_tokens, **look) for s, t in hidden]
    return torch.stack(terms).sum(0)


@token_loss
def cosine_hidden_loss(hidden_s: Tensor, hidden_t: Tensor, mask: Tensor, *, check: bool = True) -> Pair:
    """1 - cosine of student's and teacher's hidden states (Sanh et al. 2019, DistilBERT, section 2).

    >>> h = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    >>> mask = torch.ones(1, 2, dtype=torch.bool)
    >>> cosine_hidden_loss(h, 3 * h, mask), cosine_hidden_loss(h, h.flip(-1), mask)
    (tensor(0.), tensor(1.))

    Parameters
    ----------
    hidden_s, hidden_t : Tensor (B, N, D)
        Last hidden states, of one width.
    mask : Tensor (B, N), bool
        True at real tokens.
    num_tokens, reduction, check : int, str, bool
        Counted tokens of the whole batch; "mean" returns a scalar, "none" a tensor (B,).

    Raises
    ------
    ValueError
        For widths that differ, or (`check`) a text of nothing but filling.

    Explained in notebooks/08_language_models.
    """
    student, teacher = _pair(*HIDDEN, mask, check, hidden_s=hidden_s, hidden_t=hidden_t)
    return 1 - F.cosine_similarity(student, teacher, dim=-1), mask


@row_loss
def masked_lm_distillation(
    s: Tensor,
    t: Tensor | None,
    labels: Tensor,
    hidden_s: Tensor | None,
    hidden_t: Tensor | None,
    mask: Tensor,
    *,
    temperature: float = 2.0,
    weights: tuple[float, float, float] = (5.0, 2.0, 1.0),
    num_tokens: int | None = None,
    num_masked: int | None = None,
    check: bool = True,
) -> Tensor:
    """DistilBERT's triple loss (Sanh et al. 2019, section 2; weights of the released command).

    w_ce T^2 KL over *all* real tokens, masked or not, as the released program has it by default; w_mlm cross entropy
    over the tokens that were masked; w_cos `cosine_hidden_loss`. A term of weight 0 is not computed.

    >>> logits, hidden, mask = torch.zeros(1, 2, 3), torch.ones(1, 2, 4), torch.ones(1, 2, dtype=torch.bool)
    >>> labels = torch.tensor([[2, -100]])  # the first token was masked
    >>> masked_lm_distillation(logits, logits, labels, hidden, hidden, mask)
    tensor(2.1972)

    Parameters
    ----------
    s, t : Tensor (B, N, V)
        Logits over the vocabulary; `t` may be None when its weight is 0.
    labels : Tensor (B, N), int64
        The original token where one was masked, negative elsewhere.
    hidden_s, hidden_t : Tensor (B, N, D)
        Last hidden states; `hidden_t` may be None when its weight is 0.
    mask : Tensor (B, N), bool
        True at real tokens.
    temperature : float
        Of the soft term.
    weights : (float, float, float)
        Of soft cross entropy, masked language modelling and cosine.
    num_tokens, num_masked, reduction, check : int, str, bool
        Counted and masked tokens of the whole batch; "mean" returns a scalar, "none" a tensor (B,).

    Raises
    ------
    ValueError
        For a weight below 0 or all 0, a vocabulary that differs, or a label on filling (`check`).

    Explained in notebooks/08_language_models.
    """
    if len(weights) != 3 or not all(0 <= w < torch.inf for w in weights) or not any(weights):
        raise ValueError(f"weights must be 0 or more and not all 0, three finite numbers, got {tuple(weights)}")
    w_soft, w_mlm, w_cos = weights
    if (w_soft and t is None) or (w_cos and (hidden_s is None or hidden_t is None)):
        raise ValueError(f"t, hidden_s and hidden_t must be given where a weight is not 0, got None with {weights}")
    student = checks.masked_input("s", s, "mask", mask, check)
    look = {"num_tokens": num_tokens, "reduction": "none", "check": check}
    rows = torch.zeros(len(student), device=student.device, dtype=student.dtype)
    if w_soft:
        rows = rows + w_soft * token_kd(s, t, mask.expand(s.shape[:-1]), temperature=temperature, **look)
    if w_mlm:
        hidden = labels.real >= 0
        words = checks.labels_input(labels.masked_fill(~hidden, 0), student, check)
        if check and bool((hidden & ~mask).any()):
            raise ValueError("labels must be negative on filling, got a word there; mask only real tokens")
        told = torch.zeros(labels.shape, device=student.device, dtype=student.dtype)
        told[hidden] = checks.hard_rows(student[hidden].log_softmax(-1), words[hidden])
        rows = rows + w_mlm * token_mean(told, hidden, num_masked)
    if w_cos:
        rows = rows + w_cos * cosine_hidden_loss(hidden_s, hidden_t, mask, **look)
    return rows


@entry
def layer_map(student_layers: int, teacher_layers: int, kind: str = "uniform") -> list[int]:
    """The teacher's layer, counted from 1, for each of the student's (Jiao et al. 2020, TinyBERT, section 4.6).

    >>> layer_map(3, 12), layer_map(3, 12, kind="top")
    ([4, 8, 12], [10, 11, 12])

    Parameters
    ----------
    student_layers, teacher_layers : int
        For "uniform" the second must be a multiple of the first.
    kind : {"uniform", "top", "bottom"}
        g(m) = m L_t / L_s, the teacher's last layers, or its first.

    Raises
    ------
    ValueError
        For another kind, a student deeper than its teacher, or a ratio that is not whole.

    Explained in notebooks/08_language_models.
    """
    check_choice("kind", kind, ("uniform", "top", "bottom"))
    require(1 <= student_layers <= teacher_layers, "student_layers", f"in 1..{teacher_layers}", student_layers)
    layers, (step, rest) = [*range(1, teacher_layers + 1)], divmod(teacher_layers, student_layers)
    if kind == "uniform":
        require(rest == 0, "teacher_layers", f"a multiple of student_layers {student_layers}", teacher_layers)
        return layers[step - 1 :: step]
    return layers[-student_layers:] if kind == "top" else layers[:student_layers]


def _pairs(mask: Tensor) -> Tensor:
    """Where query and key are both real: (..., N) -> (..., N, N)"""
    return mask[..., :, None] & mask[..., None, :]


def _pair(axes: str, remedy: str, mask: Tensor, check: bool, proj: Callable | None = None, **pair: Tensor) -> Pair:
    """Checked features of one shape, whose last axis but one is the tokens of the mask; 0 where these do not count."""
    for name, values in pair.items():
        checks.check_floating(name, values, axes)
    ours, _ = pair.values()
    checks.check_mask("mask", mask, (len(ours), ours.shape[-2]), check)
    counted = mask[..., None] if ours.ndim == 3 else _pairs(mask).unsqueeze(-3)
    return checks.mapped_pair(check, proj, remedy, counted, **pair)
