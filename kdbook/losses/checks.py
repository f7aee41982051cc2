"""Argument checks that the losses share, and the few formulas of one row that several of them are made of.

Checks of numbers, shapes and types read no tensor data and always run. Checks of tensor data (`check_finite`,
`check_not_negative`, `check_size`, ranges) make a GPU wait, so the losses ask for them only under `check=True`.
A setting that is a tensor is data too, but is always read: keep it on the CPU, where that stalls nothing, and it is
copied to the logits' device afterwards. Every public function of the losses passes `entry` or `row_loss`.
"""

import contextlib
import functools
import inspect
import math
import numbers
import reprlib
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook import check_choice, check_number, require

Setting = float | Tensor
# Numbers by their range, which `entry` checks. The last three may also be tensors, one value a row.
Positive, NotNegative, Fraction = Annotated[float, "(0, inf)"], Annotated[float, "[0, inf)"], Annotated[float, "[0, 1]"]
Temperature = Annotated[Setting, "(0, inf)"]
Weight = Annotated[Setting, "[0, inf)"]
Share = Annotated[Setting, "[0, 1]"]
Pair = tuple[Tensor, Tensor]
CLASSES, TOKENS, FEATURES, MAPS = "..., C", "..., N, V", "B, feature axes ...", "B, channels, H, W"  # axes
REDUCTIONS = ("mean", "none")
LARGEST = 1e18  # Adam keeps a gradient's square, which is still a float32 up to here


def float32_up(values: Tensor) -> Tensor:
    """Half-precision values as float32, all others unchanged: exp and log need the wider range."""
    return values.float() if values.dtype.itemsize < 4 else values


def entry(function: Callable) -> Callable:
    """Let a public function be entered only with arguments of its annotated types and ranges, and leave autocast.

    Autocast would take matrix products and distances out of float32, where the gradient of a small difference is 0 or
    NaN. A net among the arguments runs as the caller's nets do. Tensors lie on one device; settings that are tensors
    are aligned to the rows of the first one. Under `check` the result, too, must be of a size that can be trained on.
    """
    signature, hints = inspect.signature(function), typing.get_type_hints(function)
    ranges = {name: within for name, p in signature.parameters.items() if (within := range_of(p.annotation))}
    stacks = {name for name, hint in hints.items() if Sequence in kinds_of(hint)}

    @functools.wraps(function)
    def entered(*arguments, **settings):
        given = signature.bind(*arguments, **settings).arguments
        for name, value in given.items():
            check_type(name, value, hints.get(name, object))
        given |= {n: torch.atleast_1d(v).unbind() for n, v in given.items() if n in stacks and isinstance(v, Tensor)}
        device, rows = check_tensors({name: value for name, value in given.items() if name not in ranges})
        given |= {name: setting(name, given[name], ranges[name], rows) for name in given if name in ranges}
        is_on = torch.is_autocast_enabled(device)
        given |= {name: torch.autocast(device, enabled=is_on)(net) for name, net in given.items() if callable(net)}
        with torch.autocast(device, enabled=False) if is_on else contextlib.nullcontext():
            found = function(**given)
        if isinstance(found, Tensor) and given.get("check", "check" in hints):
            check_size(function.__name__, found, given)
        return found

    return entered


def row_loss(rows_of: Callable) -> Callable:
    """Give a loss of one value a row its last argument: `reduction`, "mean" (default) over all rows, or "none"."""

    @functools.wraps(rows_of)
    def loss(*arguments, reduction: str = "mean", **settings) -> Tensor:
        check_choice("reduction", reduction, REDUCTIONS)
        rows = rows_of(*arguments, **settings)
        return rows.mean() if reduction == "mean" else rows

    return entry(with_keyword(loss, rows_of, "reduction", str, "mean"))


def token_loss(values_of: Callable) -> Callable:
    """Make a `row_loss` of a function that gives values (..., N) and their mask: the mean, with its `num_tokens`."""

    @functools.wraps(values_of)
    def rows(*arguments, num_tokens: int | None = None, **settings) -> Tensor:
        return token_rows(*values_of(*arguments, **settings), num_tokens)

    return row_loss(with_keyword(rows, values_of, "num_tokens", int | None, None))


def with_keyword(made: Callable, of: Callable, name: str, hint: typing.Any, default: object) -> Callable:
    """`made`, which takes what `of` takes and one keyword more, with a signature that says so; `check` stays last."""
    *others, check = inspect.signature(of).parameters.values()
    more = check.replace(name=name, default=default, annotation=hint)
    made.__annotations__ = of.__annotations__ | {name: hint, "return": Tensor}
    made.__signature__ = inspect.Signature([*others, more, check], return_annotation=Tensor)
    return made


def range_of(hint: typing.Any) -> str:
    """The range that an annotation such as `Positive` names, "" without one."""
    return hint.__metadata__[0] if typing.get_origin(hint) is Annotated else ""


@functools.cache
def kinds_of(hint: typing.Any) -> tuple[type, ...]:
    """The classes that an annotation lets in."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = [typing.get_origin(kind) or kind for kind in kinds]
    return (*kinds, *[numbers.Real] * (float in kinds), *[numbers.Integral] * (int in kinds))


def check_type(name: str, value: object, hint: typing.Any) -> None:
    """Raise ValueError unless an argument is of its annotated type; True and False are no numbers."""
    kinds = kinds_of(hint)
    is_good = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if is_good and Sequence in kinds and isinstance(value, Sequence):
        is_good = all(isinstance(one, Tensor) for one in value)
    if not is_good:
        got, wanted = f"{type(value).__name__} {reprlib.repr(value)}", inspect.formatannotation(hint)
        remedy = "; torch.as_tensor takes numbers and arrays, a model's answer has .logits" * ("Tensor" in wanted)
        raise ValueError(f"{name} must be {wanted}, got {got}{remedy}")


def check_tensors(given: dict[str, object]) -> tuple[str, Tensor | None]:
    """The type of the device on which all tensors lie, and the first that is of real numbers.

    Raise ValueError where they lie on several devices, or on none.
    """
    many = [(name, v if isinstance(v, list | tuple) else [v]) for name, v in given.items()]
    tensors = [(name, one) for name, values in many for one in values if isinstance(one, Tensor)]
    devices = {t.device for _, t in tensors}
    if len(devices) > 1 or any(t.is_meta or t.layout != torch.strided for _, t in tensors):
        found = ", ".join(f"{n} {t.layout} on {t.device}" for n, t in tensors)
        raise ValueError(f"tensors must be dense and on one device that holds data, got {found}; move them with .to()")
    rows = next((t for _, t in tensors if t.is_floating_point()), None)
    return devices.pop().type if devices else "cpu", rows


def check_size(name: str, found: Tensor, given: dict[str, object]) -> None:
    """Raise ValueError if a result is NaN or of no use. Reads data: only under `check=True`."""
    largest = found.detach().abs().max().item()
    if not largest < LARGEST:
        sizes = {n: v.detach().abs().max().item() for n, v in given.items() if isinstance(v, Tensor)}
        raise ValueError(f"{name} must stay below {LARGEST:g}, got {largest:g}; look at the largest of {sizes}")


def check_floating(name: str, values: Tensor, axes: str = CLASSES) -> None:
    """Raise ValueError unless `values` is a floating-point tensor of these axes (... are any) that is not empty."""
    require(values.is_floating_point(), name, "floating point (convert with .float())", values.dtype)
    given, named = values.ndim, axes.count(",") + 1 - axes.startswith("...")
    if values.numel() == 0 or given < named or ("..." not in axes and given > named):
        raise ValueError(f"{name} must have shape ({axes}) and not be empty, got {tuple(values.shape)}")


def check_finite(name: str, values: Tensor) -> None:
    """Raise ValueError if any value is NaN or infinite. Reads data: only under `check=True`."""
    # A finite sum proves finite values in one pass; a sum that merely overflows goes on to the exact look.
    if not math.isfinite(values.detach().sum().item()) and len(bad := (~values.isfinite()).nonzero()):
        got = f"{values[tuple(bad[0])].item()} at {bad[0].tolist()}"
        raise ValueError(f"{name} must be finite, got {got}; look at the model or step that made it")


def check_broadcast(name: str, shape: Sequence[int], target: Sequence[int], *, of: str, least: int = 1) -> None:
    """Raise ValueError unless `shape` is `target` without some axes in front; at least `least` must be left.

    An axis of length 1 is no invitation: torch would repeat one row's labels for a whole batch.
    """
    if len(shape) < min(least, len(target)) or tuple(shape) != tuple(target[len(target) - len(shape) :]):
        remedy = "only axes in front, of a stack of students, may be left out"
        raise ValueError(f"{name} must broadcast to {tuple(target)}, {of}, got shape {tuple(shape)}; {remedy}")


def check_not_negative(name: str, values: Tensor) -> None:
    """Raise ValueError unless all values are finite and at least 0. Reads data: only under `check=True`."""
    check_finite(name, values)
    if (values < 0).any():
        raise ValueError(f"{name} must not be negative, got {values.min().item():.6g}")


def probabilities_input(name: str, probs: Tensor, check: bool) -> Tensor:
    """Checked probabilities in at least float32: non-negative rows that sum to 1."""
    check_floating(name, probs)
    values = float32_up(probs)
    if check:
        check_not_negative(name, probs)
        sums = values.sum(-1)
        # A row of thousands of classes stored in bfloat16 misses 1 by up to its rounding, 2^-8.
        if len(off := sums[(sums - 1).abs() > (1e-2 if probs.dtype.itemsize < 4 else 1e-3)]):
            raise ValueError(f"{name} must sum to 1 over classes, got {off[0].item():.4g}; apply softmax first")
    return values


def setting(name: str, value: Setting, within: str, logits: Tensor | None) -> Setting:
    """The setting, checked to lie in an interval such as ``(0, inf)``; a tensor is aligned to the rows of `logits`."""
    if not isinstance(value, Tensor):
        return check_number(name, value, within)
    for number in value.aminmax():
        check_number(name, number.item(), within)
    return value if logits is None else align(name, value, logits)  # without logits the loss says what is wrong


def align(name: str, value: Tensor, logits: Tensor) -> Tensor:
    """Give a tensor setting one axis for each leading axis of the logits.

    Settings belong to students, the first axis, so alignment starts at the *left*: shapes (), (S,), (S, 1) and (S, B)
    all fit logits (S, B, C); one value a row of a shared batch is (1, B). (Labels belong to samples: on the right.)
    No gradient: a setting is no parameter, and half of a temperature's would pass through the detached teacher.
    """
    lead = logits.shape[:-1]
    if value.ndim > len(lead) or any(have not in (1, want) for have, want in zip(value.shape, lead, strict=False)):
        wanted = f"a number or broadcast over the leading axes {tuple(lead)} of the logits from the left"
        raise ValueError(f"{name} must be {wanted}, got shape {tuple(value.shape)}")
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    # A few bytes from the CPU to a GPU are staged at once: the copy need not wait for the queue to drain.
    value = value.detach().to(device=logits.device, dtype=dtype, non_blocking=logits.is_cuda)
    return value.reshape(*value.shape, *(1,) * (len(lead) - value.ndim))


def filled(values: Tensor, mask: Tensor | None) -> Tensor:
    """Zeros where a mask, of axes that broadcast to those of `values`, is false.

    Before any formula: a loss masked only afterwards is finite, but its gradient at -inf or NaN is 0 times NaN.
    """
    return values if mask is None else values.masked_fill(~mask, 0)


def values_input(name: str, values: Tensor, check: bool, mask: Tensor | None = None, axes: str = CLASSES) -> Tensor:
    """Checked numbers in at least float32, with their gradient: the one door for logits and features of any loss."""
    check_floating(name, values, axes)
    values = float32_up(filled(values, mask))
    if check:
        check_finite(name, values)
    return values


def pair_input(check: bool, mask: Tensor | None = None, axes: str = CLASSES, **pair: Tensor) -> Pair:
    """Checked numbers of student and teacher in the student's precision, the teacher's without gradient."""
    student, teacher = (values_input(name, values, check, mask, axes) for name, values in pair.items())
    return student, teacher.detach().to(student.dtype)


def logits_pair(check: bool, mask: Tensor | None = None, **pair: Tensor) -> Pair:
    """A checked pair over the same classes, the teacher's logits broadcast over the student's leading axes."""
    (ours, student), (theirs, teacher) = pair.items()
    check_floating(ours, student)
    require(student.shape[-1] > 1, ours, "over 2 classes or more (write one logit z as [0, z])", tuple(student.shape))
    check_broadcast(theirs, teacher.shape, student.shape, of=f"the shape of {ours}", least=2)
    return pair_input(check, mask, **pair)


def feature_pair(check: bool, axes: str = FEATURES, **pair: Tensor) -> Pair:
    """A checked pair of features of one batch, each with feature axes, which may differ."""
    student, teacher = pair_input(check, axes=axes, **pair)
    if len(student) != len(teacher):
        raise ValueError(f"{' and '.join(pair)} must hold the same examples, got {len(student)} and {len(teacher)}")
    return student, teacher


def mapped_pair(check: bool, net: Callable | None, remedy: str, mask: Tensor | None = None, **pair: Tensor) -> Pair:
    """A checked pair of features of one shape, which the student's may get from a net; `remedy` is what maps them."""
    (ours, student), (theirs, teacher) = pair.items()
    if net is not None:
        try:
            student = net(filled(student, mask))
        except RuntimeError as error:
            got = f"{tuple(student.shape)} of {student.dtype}, of which torch says: {error}"
            raise ValueError(f"{ours} must fit {remedy}, got {got}") from error
        check_type(f"what comes out of {remedy}", student, Tensor)
    if student.shape != teacher.shape:
        shapes = f"{tuple(teacher.shape)}, got {tuple(student.shape)}"
        raise ValueError(f"{ours} must have the shape of {theirs}, {shapes}; give {remedy}")
    return pair_input(check, mask, FEATURES, **{ours: student, theirs: teacher})


def stack_input(name: str, tensors: Sequence[Tensor], check: bool) -> Tensor:
    """Checked logits or features of two or more nets or heads, stacked on a new first axis."""
    shapes = [tuple(one.shape) for one in tensors]
    require(len(shapes) >= 2, name, "at least two tensors", len(shapes))
    require(len(set(shapes)) == 1, name, "tensors of one shape", shapes)
    return values_input(name, torch.stack(tuple(tensors)), check)


def whole_input(name: str, numbers: Tensor, shape: Sequence[int], size: int, check: bool, *, of: str) -> Tensor:
    """Checked whole numbers in [0, size) as int64, which broadcast to `shape`."""
    if numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool:
        raise ValueError(f"{name} must be integer class numbers, got {numbers.dtype}; give one number a row")
    check_broadcast(name, numbers.shape, shape, of=of)
    for number in map(Tensor.item, numbers.aminmax()) if check else ():
        if not 0 <= number < size:
            raise ValueError(f"{name} must lie in [0, {size}), got {number}; remove rows without one before the loss")
    return numbers.long()


def labels_input(labels: Tensor, logits: Tensor, check: bool) -> Tensor:
    """Checked labels as int64: class numbers that broadcast to the logits without their class axis."""
    of = "the logits' shape without classes"
    return whole_input("labels", labels, logits.shape[:-1], logits.shape[-1], check, of=of)


def check_mask(name: str, mask: Tensor, tokens: Sequence[int], check: bool, *, least: int = 1) -> None:
    """Raise ValueError unless a mask is boolean, fits `tokens` (..., N), and (`check`) counts one in every text."""
    require(mask.dtype == torch.bool, name, "bool (.bool() makes one of an attention mask of 1 and 0)", mask.dtype)
    check_broadcast(name, mask.shape, tokens, of="the texts and their tokens", least=least)
    if check and len(empty := (~mask.any(-1)).nonzero()):
        row = empty[0].tolist()
        raise ValueError(f"{name} must count a token in every text, got only filling in row {row}; drop empty texts")


def masked_input(name: str, values: Tensor, mask_name: str, mask: Tensor, check: bool, least: int = 1) -> Tensor:
    """Checked numbers of tokens (..., N, V) beside their checked mask, 0 where it does not count."""
    check_floating(name, values, TOKENS)
    check_mask(mask_name, mask, values.shape[:-1], check, least=least)
    return values_input(name, values, check, mask[..., None])


def is_number(value: Setting, number: float) -> bool:
    """Whether the setting is exactly this Python number; never reads a tensor."""
    return not isinstance(value, Tensor) and value == number


def divide(logits: Tensor, temperature: Setting) -> Tensor:
    """Logits / T for a temperature from `setting`."""
    if isinstance(temperature, Tensor):
        return logits / temperature.unsqueeze(-1)
    return logits if temperature == 1 else logits / temperature


def same_resolution(*maps: Tensor) -> list[Tensor]:
    """Feature maps (B, channels, H, W) averaged down to the smallest of their resolutions."""
    size = tuple(min(f.shape[axis] for f in maps) for axis in (-2, -1))
    return [f if f.shape[-2:] == size else F.adaptive_avg_pool2d(f, size) for f in maps]


def hard_rows(log_q: Tensor, labels: Tensor) -> Tensor:
    """-log q at each row's label: log_q (..., C), labels (...) broadcast from the right, result (...)."""
    # torch drops label -100 in silence by default; ignoring a number that no label has makes it an error again.
    skip = torch.iinfo(torch.int64).min
    flat = labels.expand(log_q.shape[:-1]).reshape(-1)
    rows = F.nll_loss(log_q.reshape(-1, log_q.shape[-1]), flat, ignore_index=skip, reduction="none")
    return rows.reshape(log_q.shape[:-1])


def log_softmax(logits: Tensor) -> Tensor:
    """Log of the softmax over the last axis; of a stack across, where classes are few and torch's own way is slow.

    Ten classes of 100 students and 128 images take 1.9 ms along their rows and 0.12 across.
    """
    if logits.ndim < 3 or logits.shape[-1] > 32 or logits.device.type != "cpu":
        return logits.log_softmax(-1)
    return logits.transpose(-2, -1).contiguous().log_softmax(-2).transpose(-2, -1)


def kl_rows(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p||q) = sum p (log p - log q) over the last axis: the target is p, whichever comes first elsewhere."""
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def kd_rows(student: Tensor, teacher: Tensor, labels: Tensor | None, temperature: Setting, alpha: Setting) -> Tensor:
    """alpha T^2 KL(p||q) + (1 - alpha) CE, one value a row, of inputs that are checked already.

    A term whose weight is the number 0 is not computed, and at T = 1 both terms share one softmax of the student.
    """
    at_one = is_number(temperature, 1.0)
    log_q1 = log_softmax(student) if at_one or not is_number(alpha, 1.0) else None  # (..., C)
    soft = hard = 0.0
    if not is_number(alpha, 0.0):
        log_p = log_softmax(divide(teacher, temperature))  # (..., C)
        log_q = log_q1 if at_one else log_softmax(divide(student, temperature))  # (..., C)
        soft = kl_rows(log_p, log_q) * (alpha * temperature**2)
    if labels is not None and not is_number(alpha, 1.0):
        hard = hard_rows(log_q1, labels) * (1 - alpha)
    return soft + hard


def token_rows(values: Tensor, mask: Tensor, num_tokens: int | None) -> Tensor:
    """One value a text, (...), of `values` (..., N): see `token_mean`."""
    require(num_tokens is None or num_tokens >= 1, "num_tokens", "1 or more", num_tokens)
    texts = mask[..., 0].numel()
    count = mask.sum().clamp_min(1).to(values.dtype) if num_tokens is None else num_tokens
    return values.masked_fill(~mask, 0).sum(-1) * (texts / count)
