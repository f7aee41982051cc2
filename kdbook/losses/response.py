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

import torch
from torch import Tensor

from kdbook.losses import checks
from kdbook.losses.checks import Fraction, Share, Temperature, Weight, divide, hard_rows, is_number, kl_rows


@checks.entry
def soft_targets(logits: Tensor, temperature: Temperature, *, check: bool = True) -> Tensor:
    """Class probabilities (..., C) softened by a temperature, softmax(logits / T) (Hinton et al. 2015, eq. 1).

    >>> soft_targets(torch.tensor([4.0, 2.0, 0.0]), 2.0)
    tensor([0.6652, 0.2447, 0.0900])

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
    return divide(logits, temperature).softmax(-1)


@checks.entry
def entropy_bits(probabilities: Tensor, *, check: bool = True) -> Tensor:
    """Entropy (...) of probabilities (..., C) in bits: -sum p log2 p, where a class without probability adds nothing.

    Of logits at a temperature it is `entropy_bits(soft_targets(logits, temperature))`. `check` reads whether
    rows are probabilities, and raises ValueError if they are not.

    >>> entropy_bits(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([1., 0.])
    """
    probabilities = checks.probabilities_input("probabilities", probabilities, check)
    return torch.special.entr(probabilities).sum(-1) / math.log(2)


@checks.row_loss
def hard_loss(
    student_logits: Tensor,
    labels: Tensor,
    *,
    label_smoothing: Fraction = 0.0,
    row_weights: Tensor | None = None,
    check: bool = True,
) -> Tensor:
    """Cross entropy with hard labels at T = 1: the term that a student has without a teacher.

    >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
    >>> hard_loss(logits, torch.tensor([0, 1]), reduction="none")
    tensor([0.1269, 2.1269])

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
    labels = checks.labels_input(labels, student, check)
    log_q = checks.log_softmax(student)
    rows = hard_rows(log_q, labels)
    if not is_number(label_smoothing, 0.0):
        rows = (1 - label_smoothing) * rows - label_smoothing * log_q.mean(-1)
    if row_weights is not None:
        checks.check_broadcast("row_weights", row_weights.shape, rows.shape, of="the logits' shape without classes")
        if check:
            checks.check_not_negative("row_weights", row_weights)
        rows = rows * row_weights.detach()
    return rows


@checks.row_loss
def soft_cross_entropy(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: Temperature, check: bool = True
) -> Tensor:
    """Cross entropy between softened teacher and student: T^2 * -sum p log q (Hinton et al. 2015, section 2).

    It is the KL form of `kd_loss` plus T^2 H(p), which no student can change: the gradient is the same, but the value
    does not fall to 0 when the student equals the teacher.

    >>> same = torch.zeros(1, 2)
    >>> soft_cross_entropy(same, same, temperature=1.0)  # the entropy of a coin, in nats
    tensor(0.6931)

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
    p = divide(teacher, temperature).softmax(-1)
    log_q = divide(student, temperature).log_softmax(-1)
    return -(p * log_q).sum(-1) * temperature**2


@checks.row_loss
def kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: Temperature,
    alpha: Share = 1.0,
    check: bool = True,
) -> Tensor:
    """Knowledge distillation: alpha T^2 KL(p||q) + (1 - alpha) CE(student, labels) (Hinton et al. 2015, section 2).

    p and q are teacher and student softened by T; the cross entropy is at T = 1. T^2 keeps the soft gradient's size
    when T changes. In float32 the value carries rounding of about 1e-7 T^2: take float64 to plot it at large T.

    >>> student, teacher = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]])
    >>> kd_loss(student, teacher, torch.tensor([0]), temperature=4.0, alpha=0.9)
    tensor(0.4440)
    >>> kd_loss(teacher, teacher, temperature=4.0)
    tensor(0.)

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
    if labels is not None:
        labels = checks.labels_input(labels, student, check)
    elif not (alpha == 1).all() if isinstance(alpha, Tensor) else alpha != 1:
        raise ValueError(f"labels must be given when alpha is below 1, got labels=None with alpha={alpha}")
    return checks.kd_rows(student, teacher, labels, temperature, alpha)


@checks.row_loss
def logit_matching(
    student_logits: Tensor, teacher_logits: Tensor, *, centre: bool = True, check: bool = True
) -> Tensor:
    """Half the mean squared difference of logits, 1/(2C) sum (s - t)^2, in squared logit units.

    With both centred row by row this is the limit of T^2 KL(p||q) for large T (Hinton et al. 2015, eqs. 2-4). It takes
    both: without 1/C it is C times larger, and a constant added to a row changes raw logits but no softmax.

    >>> student, teacher = torch.tensor([[1.0, -1.0]]), torch.tensor([[7.0, 3.0]])
    >>> logit_matching(student, teacher), logit_matching(student, teacher, centre=False)
    (tensor(0.5000), tensor(13.))

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


@checks.entry
def standardized_logits(logits: Tensor, *, check: bool = True) -> Tensor:
    """Each row's z scores (..., C): its mean taken away, then divided by its standard deviation over the classes.

    Distilled so, from teacher to student, only the relations of logits count and no longer their size, which a small
    student cannot reach (Sun et al. 2024, Logit Standardization in Knowledge Distillation, section 4). The deviation is
    that of the paper's equation, with C in the denominator; the authors' code has C - 1.

    >>> standardized_logits(torch.tensor([[10.0, 20.0, 30.0]]))
    tensor([[-1.2247,  0.0000,  1.2247]])

    Parameters
    ----------
    logits : Tensor (..., C)
        Gradient passes through. Equal logits have no relation: their scores are 0.
    check : bool
        Also reject logits that are not finite.

    Raises
    ------
    ValueError
        If logits are malformed.

    Explained in notebooks/09_llm_era.
    """
    logits = checks.values_input("logits", logits, check)
    centred = logits - logits.mean(-1, keepdim=True)
    return centred * (centred.square().mean(-1, keepdim=True) + 1e-12).rsqrt()


@checks.row_loss
def dkd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: Temperature,
    alpha: Weight = 1.0,
    beta: Weight = 8.0,
    check: bool = True,
) -> Tensor:
    """Decoupled distillation: T^2 (alpha TCKD + beta NCKD); add `hard_loss` for the labels' own term.

    TCKD is the KL between the pairs (p_y, 1 - p_y) of teacher and student, NCKD the KL over the other classes, each
    renormalised to sum to 1. Plain distillation is TCKD + (1 - p_y) NCKD: a sure teacher mutes its own NCKD
    (Zhao et al. 2022, Decoupled Knowledge Distillation, section 3).

    >>> student, teacher = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[4.0, 0.0, 1.0]])
    >>> dkd_loss(student, teacher, torch.tensor([0]), temperature=4.0)
    tensor(4.4776)

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
    labels = checks.labels_input(labels, student, check)
    pair_t, rest_t = _target_and_rest(divide(teacher, temperature), labels)  # (..., 2), (..., C)
    pair_s, rest_s = _target_and_rest(divide(student, temperature), labels)
    rows = alpha * kl_rows(pair_t, pair_s) + beta * kl_rows(rest_t, rest_s)
    return rows * temperature**2


def _target_and_rest(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of (target, not target), (..., 2), and of the other classes among themselves, (..., C)."""
    is_target = labels.unsqueeze(-1) == torch.arange(logits.shape[-1], device=labels.device)  # (..., C)
    others = logits.masked_fill(is_target, -torch.inf)
    mass = others.logsumexp(-1, keepdim=True)
    margin = logits.masked_fill(~is_target, 0).sum(-1, keepdim=True) - mass
    # The logit of p_y against the rest gives log(1 - p_y) without subtracting from 1. The target's own place among
    # the others, log 0, becomes 0 for teacher and student alike and so adds nothing to their KL.
    pair = torch.nn.functional.logsigmoid(torch.cat((margin, -margin), -1))
    return pair, (others - mass).masked_fill(is_target, 0)
