"""Response losses: the student learns from what the teacher answers, its logits.

Classes are the last axis; leading axes are any, (B, C) for one student and (S, B, C) for a stack of them. Teacher
logits and labels without the student axis, (B, C) and (B,), are shared by all students and never copied for each.
`temperature`, `alpha` and `beta` are numbers, or tensors that start at the student axis: (S,) or (S, 1).
Losses sum over classes; `reduction="mean"` then averages over all other axes, `"none"` returns one value a row.
No gradient reaches teacher arguments or settings. Half inputs are computed in float32, under autocast too. Values are
in nats.
`check=True` also reads the data for NaN, infinities and labels out of range; shapes and settings are always checked.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.losses import checks
from kdbook.losses.checks import Setting, divide, entry, hard_rows, is_number, kd_rows, kl_rows, labels_input, row_loss


@entry
def soft_targets(logits: Tensor, temperature: Setting, *, check: bool = True) -> Tensor:
    """Class probabilities (..., C) softened by a temperature, softmax(logits / T) (Hinton et al. 2015, eq. 1).

    Parameters
    ----------
    logits : Tensor (..., C)
        Gradient passes through: detach a teacher's logits, or compute them without gradients.
    temperature : float or Tensor
        1 gives the model's own probabilities, larger values flatter ones.
    check : bool
        Also reject logits that are not finite.

    Raises
    ------
    ValueError
        If the temperature is not positive and finite, or logits are malformed.

    Explained in notebooks/02_temperature.
    """
    logits = checks.values_input("logits", logits, check)
    return divide(logits, checks.positive("temperature", temperature, logits)).softmax(-1)


@entry
def entropy_bits(probabilities: Tensor, *, check: bool = True) -> Tensor:
    """Entropy (...) of probabilities (..., C) in bits: -sum p log2 p, where a class without probability adds nothing.

    Of logits at a temperature it is `entropy_bits(soft_targets(logits, temperature))`. `check` reads whether
    rows are probabilities, and raises ValueError if they are not.
    """
    checks.check_floating("probabilities", probabilities)
    if check:
        checks.check_probabilities("probabilities", probabilities)
    return torch.special.entr(checks.float32_up(probabilities)).sum(-1) / math.log(2)


@row_loss
def hard_loss(
    student_logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: float = 0.0,
    row_weights: Tensor | None = None,
    check: bool = True,
) -> Tensor:
    """Cross entropy with hard labels at T = 1: the term that a student has without a teacher.

    Parameters
    ----------
    student_logits, labels : Tensor (..., C), Tensor (...) of integers
        Labels broadcast over leading axes: (B,) serves a stack of students (S, B, C).
    label_smoothing : float
        Share of each target spread evenly over all C classes, in [0, 1] (Szegedy et al. 2016, section 7).
    row_weights : Tensor (...), optional
        Factor of each row, broadcast as labels are; weights of classes, torch's `weight`, are looked up by label:
        ``class_weights[labels]``. The mean divides by the number of rows, not by the weights' sum.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...). T is 1: there is no factor T^2.

    Raises
    ------
    ValueError
        If an argument is malformed; the message names it and its value.

    Explained in notebooks/00_overview.
    """
    student = checks.values_input("student_logits", student_logits, check)
    labels = labels_input(labels, student, check)
    smoothing = checks.fraction("label_smoothing", label_smoothing, student)
    log_q = student.log_softmax(-1)
    rows = hard_rows(log_q, labels)
    if not is_number(smoothing, 0.0):
        rows = (1 - smoothing) * rows - smoothing * log_q.mean(-1)
    if row_weights is not None:
        checks.check_broadcast("row_weights", row_weights.shape, rows.shape, of="the logits' shape without classes")
        if check:
            checks.check_not_negative("row_weights", row_weights)
        rows = rows * row_weights.detach()
    return rows


@row_loss
def soft_cross_entropy(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: Setting, check: bool = True
) -> Tensor:
    """Cross entropy between softened teacher and student: T^2 * -sum p log q (Hinton et al. 2015, section 2).

    It is the KL form of `kd_loss` plus T^2 H(p), which no student can change: the gradient is the same, but the value
    does not fall to 0 when the student equals the teacher.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor (..., C)
        The teacher's broadcast over the student's leading axes.
    temperature : float or Tensor
        Softens both.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...); the factor T^2 is in both.

    Raises
    ------
    ValueError
        If the temperature is not positive and finite, or logits are malformed.

    Explained in notebooks/03_math.
    """
    student, teacher = checks.logits_pair(check, student_logits=student_logits, teacher_logits=teacher_logits)
    temperature = checks.positive("temperature", temperature, student)
    p = divide(teacher, temperature).softmax(-1)
    log_q = divide(student, temperature).log_softmax(-1)
    return -(p * log_q).sum(-1) * temperature**2


@row_loss
def kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: Setting,
    alpha: Setting = 1.0,
    check: bool = True,
) -> Tensor:
    """Knowledge distillation: alpha T^2 KL(p||q) + (1 - alpha) CE(student, labels) (Hinton et al. 2015, section 2).

    p and q are teacher and student softened by T; the cross entropy is at T = 1. T^2 keeps the soft gradient's size
    when T changes. In float32 the value carries rounding of about 1e-7 T^2: take float64 to plot it at large T.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor (..., C)
        The teacher's broadcast over the student's leading axes.
    labels : Tensor (...) of integers, optional
        Without them alpha must be 1.
    temperature, alpha : float or Tensor
        Alpha weights the soft term, 1 - alpha the hard term. A term whose weight is the number 0 is not computed.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...); the factor T^2 is in both.

    Raises
    ------
    ValueError
        If the temperature is not positive and finite, alpha is outside [0, 1], labels are missing, or shapes disagree.

    Explained in notebooks/03_math.
    """
    student, teacher = checks.logits_pair(check, student_logits=student_logits, teacher_logits=teacher_logits)
    temperature = checks.positive("temperature", temperature, student)
    alpha = checks.fraction("alpha", alpha, student)
    if labels is not None:
        labels = labels_input(labels, student, check)
    elif not (alpha == 1).all() if isinstance(alpha, Tensor) else alpha != 1:
        raise ValueError(f"labels must be given when alpha is below 1, got labels=None with alpha={alpha}")
    return kd_rows(student, teacher, labels, temperature, alpha)


@row_loss
def logit_matching(
    student_logits: Tensor, teacher_logits: Tensor, *, centre: bool = True, check: bool = True
) -> Tensor:
    """Half the mean squared difference of logits, 1/(2C) sum (s - t)^2, in squared logit units.

    With both centred row by row this is the limit of T^2 KL(p||q) for large T (Hinton et al. 2015, eqs. 2-4). It takes
    both: without 1/C it is C times larger, and a constant added to a row changes raw logits but no softmax.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor (..., C)
        The teacher's broadcast over the student's leading axes.
    centre : bool
        False compares raw logits, as Ba and Caruana 2014 regress them (their sum is C times this mean).
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...); mean over classes, not the sum, and no factor T^2.

    Raises
    ------
    ValueError
        If logits are malformed or shapes disagree.

    Explained in notebooks/03_math.
    """
    student, teacher = checks.logits_pair(check, student_logits=student_logits, teacher_logits=teacher_logits)
    gap = student - teacher
    if centre:
        gap = gap - gap.mean(-1, keepdim=True)
    return gap.square().mean(-1) / 2


@row_loss
def dkd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: Setting,
    alpha: Setting = 1.0,
    beta: Setting = 8.0,
    check: bool = True,
) -> Tensor:
    """Decoupled distillation: T^2 (alpha TCKD + beta NCKD); add `hard_loss` for the labels' own term.

    TCKD is the KL between the pairs (p_y, 1 - p_y) of teacher and student, NCKD the KL over the other classes, each
    renormalised to sum to 1. Plain distillation is TCKD + (1 - p_y) NCKD: a sure teacher mutes its own NCKD
    (Zhao et al. 2022, Decoupled Knowledge Distillation, section 3).

    Parameters
    ----------
    student_logits, teacher_logits : Tensor (..., C)
        The teacher's broadcast over the student's leading axes.
    labels : Tensor (...) of integers
        The target class y of each row.
    temperature, alpha, beta : float or Tensor
        Alpha and beta weight TCKD and NCKD, at least 0; they are the paper's and need not sum to 1.
    reduction, check : str, bool
        "mean" returns a scalar, "none" a tensor (...); the factor T^2 is in both.

    Raises
    ------
    ValueError
        If a setting is out of range, there is a single class, or shapes disagree.

    Explained in notebooks/04_knowledge_types.
    """
    student, teacher = checks.logits_pair(check, student_logits=student_logits, teacher_logits=teacher_logits)
    if student.shape[-1] < 2:
        raise ValueError(f"student_logits must have at least two classes, got {student.shape[-1]}")
    labels = labels_input(labels, student, check)
    temperature = checks.positive("temperature", temperature, student)
    alpha, beta = checks.non_negative("alpha", alpha, student), checks.non_negative("beta", beta, student)
    pair_t, rest_t = checks.target_and_rest(divide(teacher, temperature), labels)  # (..., 2), (..., C)
    pair_s, rest_s = checks.target_and_rest(divide(student, temperature), labels)
    rows = alpha * kl_rows(pair_t, pair_s) + beta * kl_rows(rest_t, rest_s)
    return rows * temperature**2


@entry
def mutual_loss(
    logits_list: Sequence[Tensor] | Tensor, labels: Tensor, *, reduction: str = "mean", check: bool = True
) -> Tensor:
    """Deep mutual learning: for net i of M, CE + 1/(M - 1) sum over peers j of KL(p_j||p_i) at T = 1.

    Peers are constants in each net's loss. Summing the M values and stepping once updates all nets at the same time;
    the paper updates them in turn, each from its peers' newest answers (Zhang et al. 2018, Deep Mutual Learning).

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
    checks.check_reduction(reduction)
    nets = checks.stack_input("logits_list", logits_list, check)  # (M, ..., C)
    labels = labels_input(labels, nets[0], check)
    log_q = nets.log_softmax(-1)
    log_p = log_q.detach()
    p, negentropy = log_p.exp(), kl_rows(log_p, log_p.new_zeros(()))  # (M, ..., C), (M, ...)
    # Averaged over peers, KL(p_j||p_i) is the peers' mean negentropy plus the cross entropy with the peers' mean.
    peer_p, peer_negentropy = ((one.sum(0) - one) / (len(nets) - 1) for one in (p, negentropy))
    rows = hard_rows(log_q, labels) + peer_negentropy - (peer_p * log_q).sum(-1)  # (M, ...)
    return rows.reshape(len(nets), -1).mean(1) if reduction == "mean" else rows


@row_loss
def born_again_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    alpha: Setting = 1.0,
    check: bool = True,
) -> Tensor:
    """Born-again networks: `kd_loss` at T = 1, without labels unless alpha is below 1.

    The teacher of generation k is generation k - 1, same architecture, frozen; the student starts from fresh weights
    (Furlanello et al. 2018, Born Again Neural Networks).

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


@entry
def progressive_targets(labels: Tensor, last_probs: Tensor, a_t: Setting, *, check: bool = True) -> Tensor:
    """Targets (..., C) of progressive self-distillation (PS-KD): (1 - a_t) onehot(labels) + a_t last_probs.

    Train on them with `torch.nn.functional.cross_entropy`, which takes probabilities with the classes on axis 1
    (Kim et al. 2021, Self-Knowledge Distillation with Progressive Refinement of Targets, section 3).

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
    checks.check_floating("last_probs", last_probs)
    if check:
        checks.check_probabilities("last_probs", last_probs)
    labels = labels_input(labels, last_probs, check)
    a_t = checks.fraction("a_t", a_t, last_probs)
    weight = a_t.unsqueeze(-1) if isinstance(a_t, Tensor) else a_t
    return (1 - weight) * F.one_hot(labels, last_probs.shape[-1]) + weight * checks.float32_up(last_probs.detach())


@row_loss
def deep_to_shallow_loss(
    branch_logits: Sequence[Tensor] | Tensor,
    labels: Tensor,
    *,
    temperature: Setting,
    alpha: Setting,
    beta: Setting = 0.0,
    branch_feats: Sequence[Tensor] | None = None,
    check: bool = True,
) -> Tensor:
    """Be Your Own Teacher: a net's deepest head teaches the heads on its shallower branches (Zhang et al. 2019).

    CE(deepest) + sum over branches of (1 - alpha) CE + alpha T^2 KL(deepest||branch) + beta MSE(feature, deepest's).
    The deepest head learns from labels alone: as a teacher it is detached.

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
    labels = labels_input(labels, deepest, check)
    temperature, alpha = checks.positive("temperature", temperature, deepest), checks.fraction("alpha", alpha, deepest)
    beta = checks.non_negative("beta", beta, deepest)
    rows = hard_rows(deepest.log_softmax(-1), labels)
    for branch in heads[:-1]:
        rows = rows + kd_rows(branch, deepest.detach(), labels, temperature, alpha)
    if not is_number(beta, 0.0):
        if branch_feats is None:
            raise ValueError("branch_feats must be given when beta is not 0, got None")
        *shallow, target = branch_feats
        feats = checks.stack_input("branch_feats", [*shallow, target.detach()], check)
        if feats.shape[: rows.ndim + 1] != heads.shape[:-1] or feats.ndim == rows.ndim + 1:
            raise ValueError(
                f"branch_feats must be one a head, {tuple(heads.shape[:-1])}, with feature axes behind, got "
                f"{tuple(feats.shape)}"
            )
        for feat in feats[:-1]:
            rows = rows + beta * (feat - feats[-1]).square().flatten(rows.ndim).mean(-1)
    return rows
