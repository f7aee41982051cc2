"""Losses of nets that teach each other or themselves: peers, generations, the last epoch, the deepest head.

Shapes, settings and `reduction` are those of `kdbook.losses.response`; every net is a constant in another's loss.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from kdbook import check_choice, require
from kdbook.losses import checks
from kdbook.losses.checks import Share, Temperature, Weight, hard_rows, is_number, kd_rows, kl_rows
from kdbook.losses.response import kd_loss


@checks.entry
def mutual_loss(
    logits_list: Sequence[Tensor] | Tensor, labels: Tensor, *, reduction: str = "mean", check: bool = True
) -> Tensor:
    """Deep mutual learning: for net i of M, CE + 1/(M - 1) sum over peers j of KL(p_j||p_i) at T = 1.

    Peers are constants in each net's loss. Summing the M values and stepping once updates all nets at the same time;
    the paper updates them in turn, each from its peers' newest answers (Zhang et al. 2018, Deep Mutual Learning).

    >>> two = [torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])]
    >>> mutual_loss(two, torch.tensor([0]))
    tensor([1.6501, 3.6501])

    Parameters
    ----------
    logits_list, labels : sequence of M tensors (..., C) or Tensor (M, ..., C), Tensor (...) of integers
        One entry a net, two or more; all share the labels.
    reduction, check : str, bool
        "mean" returns one value a net, (M,), "none" a tensor (M, ...). T is 1: there is no factor T^2.

    Raises
    ------
    ValueError
        If there are fewer than two nets, or shapes disagree.

    Explained in notebooks/05_training_modes.
    """
    check_choice("reduction", reduction, checks.REDUCTIONS)
    nets = checks.stack_input("logits_list", logits_list, check)  # (M, ..., C)
    labels = checks.labels_input(labels, nets[0], check)
    log_q = nets.log_softmax(-1)
    log_p = log_q.detach()
    p, negentropy = log_p.exp(), kl_rows(log_p, log_p.new_zeros(()))  # (M, ..., C), (M, ...)
    # Averaged over peers, KL(p_j||p_i) is the peers' mean negentropy plus the cross entropy with the peers' mean.
    peer_p, peer_negentropy = ((one.sum(0) - one) / (len(nets) - 1) for one in (p, negentropy))
    rows = hard_rows(log_q, labels) + peer_negentropy - (peer_p * log_q).sum(-1)  # (M, ...)
    return rows.reshape(len(nets), -1).mean(1) if reduction == "mean" else rows


@checks.row_loss
def born_again_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    alpha: Share = 1.0,
    check: bool = True,
) -> Tensor:
    """Born-again networks: `kd_loss` at T = 1, without labels unless alpha is below 1.

    The teacher of generation k is generation k - 1, same architecture, frozen; the student starts from fresh weights
    (Furlanello et al. 2018, Born Again Neural Networks).

    >>> student, teacher = torch.zeros(1, 2), torch.tensor([[2.0, 0.0]])
    >>> born_again_loss(student, teacher)
    tensor(0.3278)

    Parameters
    ----------
    student_logits, teacher_logits : Tensor (..., C)
        Of generations k and k - 1.
    labels, alpha : Tensor (...) of integers, float or Tensor
        As in `kd_loss`.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...). T is 1: there is no factor T^2.

    Raises
    ------
    ValueError
        As `kd_loss`, and if both arguments are one tensor, which means that a net is its own teacher.

    Explained in notebooks/05_training_modes.
    """
    if student_logits is teacher_logits:
        raise ValueError("teacher_logits must come from the generation before, got the student's own tensor")
    return kd_loss(student_logits, teacher_logits, labels, temperature=1.0, alpha=alpha, reduction="none", check=check)


@checks.entry
def progressive_targets(labels: Tensor, last_probs: Tensor, a_t: Share, *, check: bool = True) -> Tensor:
    """Targets (..., C) of progressive self-distillation (PS-KD): (1 - a_t) onehot(labels) + a_t last_probs.

    Train on them with `torch.nn.functional.cross_entropy`, which takes probabilities with the classes on axis 1
    (Kim et al. 2021, Self-Knowledge Distillation with Progressive Refinement of Targets, section 3).

    >>> last = torch.tensor([[0.6, 0.3, 0.1]])
    >>> progressive_targets(torch.tensor([1]), last, 0.5)
    tensor([[0.3000, 0.6500, 0.0500]])

    Parameters
    ----------
    labels : Tensor (...) of integers
        Broadcast over the leading axes of `last_probs`.
    last_probs : Tensor (..., C)
        The model's own probabilities for these samples in the last epoch, taken from its table by *sample index*,
        never by position in the batch: each epoch has its own order. One-hot rows before the first epoch has ended.
    a_t : float or Tensor
        a_T (epoch + 1) / epochs, in [0, 1].
    check : bool
        Also reject labels out of range and rows that are not probabilities.

    Raises
    ------
    ValueError
        If a_t is outside [0, 1], or last_probs are no probabilities.

    Explained in notebooks/05_training_modes.
    """
    last_probs = checks.probabilities_input("last_probs", last_probs.detach(), check)
    labels = checks.labels_input(labels, last_probs, check)
    weight = a_t.unsqueeze(-1) if isinstance(a_t, Tensor) else a_t
    return (1 - weight) * F.one_hot(labels, last_probs.shape[-1]) + weight * last_probs


@checks.row_loss
def deep_to_shallow_loss(
    branch_logits: Sequence[Tensor] | Tensor,
    labels: Tensor,
    *,
    temperature: Temperature,
    alpha: Share,
    beta: Weight = 0.0,
    branch_feats: Sequence[Tensor] | None = None,
    check: bool = True,
) -> Tensor:
    """Be Your Own Teacher: a net's deepest head teaches the heads on its shallower branches (Zhang et al. 2019).

    CE(deepest) + sum over branches of (1 - alpha) CE + alpha T^2 KL(deepest||branch) + beta MSE(feature, deepest's).
    The deepest head learns from labels alone: as a teacher it is detached.

    >>> deep, shallow = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    >>> deep_to_shallow_loss([shallow, deep], torch.tensor([0]), temperature=3.0, alpha=0.5)
    tensor(0.3414)

    Parameters
    ----------
    branch_logits, labels : sequence of tensors (..., C) or Tensor (heads, ..., C), Tensor (...) of integers
        Shallow to deep, two or more heads; they share the labels.
    temperature, alpha, beta : float or Tensor
        The same for all branches: alpha in [0, 1], beta at least 0.
    branch_feats : sequence of tensors (..., feature axes), optional
        Shallow to deep, one a head, already projected to the deepest one's shape. Needed if beta is not 0.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...); the factor T^2 is in both, the MSE is a mean over elements.

    Raises
    ------
    ValueError
        If there are fewer than two heads, features are missing or of unequal shape, or a setting is out of range.

    Explained in notebooks/05_training_modes.
    """
    heads = checks.stack_input("branch_logits", branch_logits, check)  # (heads, ..., C)
    deepest = heads[-1]
    labels = checks.labels_input(labels, deepest, check)
    rows = hard_rows(deepest.log_softmax(-1), labels)
    for branch in heads[:-1]:
        rows = rows + kd_rows(branch, deepest.detach(), labels, temperature, alpha)
    if not is_number(beta, 0.0):
        require(branch_feats is not None, "branch_feats", "given when beta is not 0", None)
        *shallow, target = branch_feats
        feats = checks.stack_input("branch_feats", [*shallow, target.detach()], check)
        if feats.shape[: rows.ndim + 1] != heads.shape[:-1] or feats.ndim == rows.ndim + 1:
            wanted = f"one a head, {tuple(heads.shape[:-1])}, with feature axes behind"
            raise ValueError(f"branch_feats must be {wanted}, got {tuple(feats.shape)}")
        for feat in feats[:-1]:
            rows = rows + beta * (feat - feats[-1]).square().flatten(rows.ndim).mean(-1)
    return rows
