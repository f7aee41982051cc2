"""Argument checks that the losses share, and the few formulas of one row that several of them are made of.

Checks of numbers, shapes and types read no tensor data and always run. Checks of tensor data (`check_finite`,
`check_range`, `check_not_negative`,
`check_probabilities`) make a GPU wait, so the losses call them only under `check=True`.
A temperature, alpha or beta that is a tensor is data too, but is always read: keep it on the CPU, where the
reading stalls nothing, and it is copied to the logits' device after the check.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Setting = float | Tensor


def float32_up(values: Tensor) -> Tensor:
    """Half-precision values as float32, all others unchanged: exp and log need the wider range."""
    return values.float() if values.dtype.itemsize < 4 else values


def row_loss(rows_of: Callable) -> Callable:
    """Give a loss of one value a row its last argument: `reduction`, "mean" (default) over all rows, or "none"."""

    @functools.wraps(rows_of)
    def loss(*arguments, reduction: str = "mean", **settings) -> Tensor:
        check_reduction(reduction)
        rows = rows_of(*arguments, **settings)
        return rows.mean() if reduction == "mean" else rows

    *others, check = inspect.signature(rows_of).parameters.values()
    reduction = inspect.Parameter("reduction", inspect.Parameter.KEYWORD_ONLY, default="mean", annotation="str")
    loss.__signature__ = inspect.signature(rows_of).replace(parameters=[*others, reduction, check])
    return loss


def check_reduction(reduction: str) -> None:
    """Raise ValueError unless the reduction is one that the losses know."""
    if reduction not in ("mean", "none"):
        raise ValueError(f"reduction must be 'mean' or 'none', got {reduction!r}")


def check_floating(name: str, values: Tensor) -> None:
    """Raise ValueError unless `values` is a floating-point tensor (..., C) that is not empty."""
    if not values.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {values.dtype}; convert with .float()")
    if values.ndim == 0 or values.numel() == 0:
        raise ValueError(f"{name} must have shape (..., C) and not be empty, got {tuple(values.shape)}")


def check_finite(name: str, values: Tensor) -> None:
    """Raise ValueError if any value is NaN or infinite. Reads data: only under `check=True`."""
    # A finite sum proves finite values in one pass; a sum that merely overflows goes on to the exact look.
    if math.isfinite(values.detach().sum().item()):
        return
    finite = values.isfinite()
    if not finite.all():
        where = (~finite).nonzero()[0].tolist()
        bad = values[tuple(where)].item()
        raise ValueError(f"{name} must be finite, got {bad} at {where}; look at the model or step that made it")


def check_broadcast(name: str, shape: torch.Size, target: torch.Size, *, of: str) -> None:
    """Raise ValueError unless `shape` broadcasts (aligned on the right, as torch does) to exactly `target`."""
    missing = len(target) - len(shape)
    if missing < 0 or any(have not in (1, want) for have, want in zip(shape, target[missing:], strict=True)):
        raise ValueError(f"{name} must broadcast to {tuple(target)}, {of}, got shape {tuple(shape)}")


def check_range(name: str, numbers: Tensor, size: int) -> None:
    """Raise ValueError unless 0 <= number < size. Reads data: only under `check=True`."""
    lowest, highest = (bound.item() for bound in numbers.aminmax())
    if lowest < 0 or highest >= size:
        bad = lowest if lowest < 0 else highest
        raise ValueError(f"{name} must lie in [0, {size}), got {bad}; remove rows without one before the loss")


def check_not_negative(name: str, values: Tensor) -> None:
    """Raise ValueError unless all values are finite and at least 0. Reads data: only under `check=True`."""
    check_finite(name, values)
    if (values < 0).any():
        raise ValueError(f"{name} must not be negative, got {values.min().item():.6g}")


def check_probabilities(name: str, probs: Tensor) -> None:
    """Raise ValueError unless rows are non-negative and sum to 1. Reads data: only under `check=True`."""
    check_not_negative(name, probs)
    sums = float32_up(probs).sum(-1)
    # A row of thousands of classes stored in bfloat16 misses 1 by up to its rounding, 2^-8.
    off = (sums - 1).abs() > (1e-2 if probs.dtype.itemsize < 4 else 1e-3)
    if off.any():
        raise ValueError(f"{name} must sum to 1 over classes, got {sums[off][0].item():.4g}; apply softmax first")


def positive(name: str, value: Setting, logits: Tensor) -> Setting:
    """The setting checked to be positive and finite, aligned to the rows of `logits` (see `align`)."""
    return _checked(name, value, logits, lambda v: (v > 0) & (v < math.inf), "positive and finite")


def fraction(name: str, value: Setting, logits: Tensor) -> Setting:
    """The setting checked to lie in [0, 1], aligned to the rows of `logits` (see `align`)."""
    return _checked(name, value, logits, lambda v: (v >= 0) & (v <= 1), "in [0, 1]")


def non_negative(name: str, value: Setting, logits: Tensor) -> Setting:
    """The setting checked to be at least 0 and finite, aligned to the rows of `logits` (see `align`)."""
    return _checked(name, value, logits, lambda v: (v >= 0) & (v < math.inf), "at least 0 and finite")


def _checked(name: str, value: Setting, logits: Tensor, is_good: Callable, rule: str) -> Setting:
    good = is_good(value)
    if not isinstance(value, Tensor):
        if not good:
            raise ValueError(f"{name} must be {rule}, got {value}")
        return value
    if not good.all():
        raise ValueError(f"{name} must be {rule}, got {value[~good][0].item():.6g} in a tensor")
    return align(name, value, logits)


def align(name: str, value: Tensor, logits: Tensor) -> Tensor:
    """Give a tensor setting one axis for each leading axis of the logits.

    Settings belong to students, and students are the first axis, so alignment starts at the *left*: shapes (),
    (S,), (S, 1) and (S, B) all fit logits (S, B, C); one value for each row of a shared batch is (1, B).
    (Teacher logits and labels belong to samples and align on the right.) No gradient: a setting is not a
    parameter, and half of a temperature's gradient would pass through the detached teacher.
    """
    lead = logits.shape[:-1]
    if value.ndim > len(lead) or any(have not in (1, want) for have, want in zip(value.shape, lead, strict=False)):
        raise ValueError(
            f"{name} must be a number or broadcast over the leading axes {tuple(lead)} of the logits from the left, "
            f"got shape {tuple(value.shape)}"
        )
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    # A few bytes from the CPU to a GPU are staged at once: the copy need not wait for the queue to drain.
    value = value.detach().to(device=logits.device, dtype=dtype, non_blocking=logits.is_cuda)
    return value.reshape(*value.shape, *(1,) * (len(lead) - value.ndim))


def values_input(name: str, values: Tensor, check: bool) -> Tensor:
    """Checked numbers in at least float32, with their gradient: the one door for logits and features of any loss."""
    check_floating(name, values)
    if check:
        check_finite(name, values)
    return float32_up(values)


def pair_input(names: tuple[str, str], student: Tensor, teacher: Tensor, check: bool) -> tuple[Tensor, Tensor]:
    """Checked numbers of student and teacher in the student's precision, the teacher's without gradient."""
    student = values_input(names[0], student, check)
    teacher = values_input(names[1], teacher.detach(), check)
    return student, teacher.to(student.dtype)


def logits_pair(student_logits: Tensor, teacher_logits: Tensor, check: bool) -> tuple[Tensor, Tensor]:
    """A checked pair over the same classes, the teacher's logits broadcast over the student's leading axes."""
    student, teacher = pair_input(("student_logits", "teacher_logits"), student_logits, teacher_logits, check)
    if teacher.shape[-1] != student.shape[-1]:
        raise ValueError(f"teacher_logits must have the student's {student.shape[-1]} classes, got {teacher.shape[-1]}")
    check_broadcast("teacher_logits", teacher.shape, student.shape, of="the shape of student_logits")
    return student, teacher


def feature_pair(f_s: Tensor, f_t: Tensor, check: bool) -> tuple[Tensor, Tensor]:
    """A checked pair of features of one batch, each with feature axes, which may differ."""
    pair = pair_input(("f_s", "f_t"), f_s, f_t, check)
    for name, feature in zip(("f_s", "f_t"), pair, strict=True):
        if feature.ndim < 2:
            raise ValueError(f"{name} must have shape (B, ...) with feature axes, got {tuple(feature.shape)}")
    if len(f_s) != len(f_t):
        raise ValueError(f"f_s and f_t must hold the same examples, got {len(f_s)} and {len(f_t)}")
    return pair


def stack_input(name: str, tensors: Sequence[Tensor] | Tensor, check: bool) -> Tensor:
    """Checked logits or features of two or more nets or heads, stacked on a new first axis."""
    if len(tensors) < 2:
        raise ValueError(f"{name} must hold at least two tensors, got {len(tensors)}")
    if not isinstance(tensors, Tensor):
        shapes = [tuple(one.shape) for one in tensors]
        if len(set(shapes)) > 1:
            raise ValueError(f"{name} must hold tensors of one shape, got {shapes}")
        tensors = torch.stack(tuple(tensors))
    return values_input(name, tensors, check)


def labels_input(labels: Tensor, logits: Tensor, check: bool) -> Tensor:
    """Checked labels as int64: class numbers that broadcast to the logits without their class axis."""
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be integer class numbers, got {labels.dtype}")
    check_broadcast("labels", labels.shape, logits.shape[:-1], of="the logits' shape without classes")
    if check:
        check_range("labels", labels, logits.shape[-1])
    return labels.long()


def is_number(value: Setting, number: float) -> bool:
    """Whether the setting is exactly this Python number; never reads a tensor."""
    return not isinstance(value, Tensor) and value == number


def divide(logits: Tensor, temperature: Setting) -> Tensor:
    """Logits / T for a temperature from `positive`."""
    if isinstance(temperature, Tensor):
        return logits / temperature.unsqueeze(-1)
    return logits if temperature == 1 else logits / temperature


def check_maps(**features: Tensor) -> None:
    """Raise ValueError unless all are feature maps (B, channels, H, W)."""
    for name, feature in features.items():
        if feature.ndim != 4:
            raise ValueError(
                f"{name} must have shape (B, channels, H, W), got {tuple(feature.shape)}; logits have none"
            )


def hard_rows(log_q: Tensor, labels: Tensor) -> Tensor:
    """-log q at each row's label: log_q (..., C), labels (...) broadcast from the right, result (...)."""
    # torch drops label -100 in silence by default; ignoring a number that no label has makes it an error again.
    skip = torch.iinfo(torch.int64).min
    flat = labels.expand(log_q.shape[:-1]).reshape(-1)
    rows = F.nll_loss(log_q.reshape(-1, log_q.shape[-1]), flat, ignore_index=skip, reduction="none")
    return rows.reshape(log_q.shape[:-1])


def kl_rows(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p||q) = sum p (log p - log q) over the last axis: the target is p, whichever comes first elsewhere."""
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def kd_rows(student: Tensor, teacher: Tensor, labels: Tensor | None, temperature: Setting, alpha: Setting) -> Tensor:
    """alpha T^2 KL(p||q) + (1 - alpha) CE, one value a row, of inputs that are checked already.

    A term whose weight is the number 0 is not computed, and at T = 1 both terms share one softmax of the student.
    """
    at_one = is_number(temperature, 1.0)
    log_q1 = student.log_softmax(-1) if at_one or not is_number(alpha, 1.0) else None  # (..., C)
    soft = hard = 0.0
    if not is_number(alpha, 0.0):
        log_p = divide(teacher, temperature).log_softmax(-1)  # (..., C)
        log_q = log_q1 if at_one else divide(student, temperature).log_softmax(-1)  # (..., C)
        soft = kl_rows(log_p, log_q) * (alpha * temperature**2)
    if labels is not None and not is_number(alpha, 1.0):
        hard = hard_rows(log_q1, labels) * (1 - alpha)
    return soft + hard


def target_and_rest(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of (target, not target), (..., 2), and of the other classes among themselves, (..., C)."""
    is_target = labels.unsqueeze(-1) == torch.arange(logits.shape[-1], device=labels.device)  # (..., C)
    others = logits.masked_fill(is_target, -torch.inf)
    mass = others.logsumexp(-1, keepdim=True)
    margin = logits.masked_fill(~is_target, 0).sum(-1, keepdim=True) - mass
    # The logit of p_y against the rest gives log(1 - p_y) without subtracting from 1. The target's own place among
    # the others, log 0, becomes 0 for teacher and student alike and so adds nothing to their KL.
    pair = F.logsigmoid(torch.cat((margin, -margin), -1))
    return pair, (others - mass).masked_fill(is_target, 0)
