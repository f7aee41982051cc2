"""Mistakes that published code makes in distillation, and how each is noticed; `mistakes.yaml` tells what they do.

What spoils a result is refused by a ValueError; what may be meant so is a warning, and a note of the report.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook import require
from kdbook.data import NO_LABEL, Split
from kdbook.losses import kd_loss
from kdbook.nets.vision import Outputs
from kdbook.training.report import ALONE, DISTILLED, TEACHER, errors
from kdbook.training.teachers import evaluating

FIRST_STEPS = 100
TELLING = 30  # answers, of which fewer say nothing about a net that may be guessing


def warn(notes: list[str], text: str) -> None:
    """Warn, and keep the sentence for the report."""
    notes.append(text)
    warnings.warn(text, stacklevel=4)


def check_nets(teacher: nn.Module, student: nn.Module, counts: Sequence[int], batch_size: int) -> None:
    """Refuse a student that shares its teacher's weights or is frozen, and a batch of one row for batch norm."""
    weights = [*student.parameters()]
    shared = len({*map(id, teacher.parameters())} & {*map(id, weights)})
    require(not shared, "student", "a net of its own (copy.deepcopy makes one)", f"{shared} weights of its teacher")
    free = any(weight.requires_grad for weight in weights)
    require(free, "student", "free to learn (student.requires_grad_(True))", f"{len(weights)} frozen weights")
    norm = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in student.modules())
    good = next(size for size in range(max(2, batch_size), 2**62) if all(count % size != 1 for count in counts))
    wanted = f"such that no batch has one row, on which batch norm fails, as {good}"
    require(not norm or good == batch_size, "batch_size", wanted, f"{batch_size} for {[*counts]} rows")


def check_answers(teacher: nn.Module, student: nn.Module, split: Split, batch_size: int) -> int:
    """Refuse what is no logits, other classes, padding that is read, and a teacher of two minds; return the classes."""
    x, _ = next(split.batches(torch.arange(len(split), device=split.y.device)[:batch_size], None, batch_size))
    t, again, s = (asked(net, x) for net in (teacher, teacher, student))
    require(t.ndim == 2, "the teacher's answer", "one a sample, (B, C) (of tokens, see token_kd)", tuple(t.shape))
    off, classes = float((t - again).abs().max()), t.shape[1]
    wanted = "a net that answers a question once and for all (is there dropout without training=self.training?)"
    require(off < 1e-2, "teacher", wanted, f"answers that differ by {off:.3g}")
    require(s.shape[-1] == classes, "student", f"a net of the teacher's {classes} classes", f"one of {s.shape[-1]}")
    for name, net, logits in (("teacher", teacher, t), ("student", student, s)):
        good = bool((logits < 0).any() or (logits.sum(-1) - 1).abs().max() > 1e-3)
        require(good, f"the {name}'s answer", "logits (take its softmax away)", "probabilities, rows that sum to 1")
        check_padding(name, net, x, logits)
    given = [*{*split.y.unique().tolist()} - {NO_LABEL}, 0]
    wanted = f"0 to {classes - 1}, the numbers of the teacher's classes, or {NO_LABEL} for none"
    require(0 <= min(given) <= max(given) < classes, "labels", wanted, f"{min(given)} to {max(given)}")
    return classes


def asked(net: nn.Module, x: Tensor | dict[str, Tensor]) -> Tensor:
    """Logits of a net in eval mode."""
    with evaluating(net):
        return Outputs.of(net(x)).logits.float()


def check_padding(name: str, net: nn.Module, x: Tensor | dict[str, Tensor], logits: Tensor) -> None:
    """Refuse a net that answers otherwise when a text of token numbers is filled with zeros to the longest's length."""
    parts = x if isinstance(x, dict) else {"": x}
    texts = [n for n, part in parts.items() if part.dtype == torch.int64 and part.ndim == 2]
    if not texts:
        return
    last, row = (parts[texts[0]] != 0).cumsum(1).argmax(1).min(0)
    cut = {n: part[row : row + 1, : last + 1] if n in texts else part[row : row + 1] for n, part in parts.items()}
    try:
        off = float((asked(net, cut.get("", cut)) - logits[row]).abs().max())
    except (RuntimeError, IndexError):  # numbers of a fixed length, which are no text
        return
    wanted = "a net that does not read padding (give it an attention_mask, 1 for tokens and 0 for padding, and use it)"
    require(off < 1e-2, name, wanted, f"answers that padding moves by {off:.3g}")


def check_knowledge(teacher_logits: Tensor, student_logits: Tensor, y: Tensor, notes: list[str]) -> None:
    """Refuse a teacher of another order of classes, or that guesses; warn of a student that knows before it learns."""
    (count, classes), answer = teacher_logits.shape, teacher_logits.argmax(1)
    pairs = torch.zeros(classes, classes).index_put_((answer.cpu(), y.cpu()), torch.ones(count), accumulate=True)
    most, meant = pairs.max(1)
    sure = (most > pairs.sum(1) / 2) & (most >= 3)
    turned = {a: b for a, b in enumerate(meant.tolist()) if sure[a] and a != b}
    told = ", ".join(f"{a} for {b}" for a, b in turned.items())
    wanted = "one with its classes in the order of the labels (put its logits into that order)"
    require(not turned or {*turned} != {*turned.values()}, "teacher", wanted, f"one that says {told:.40}")
    right, known = (count - errors(logits, y) for logits in (teacher_logits, student_logits))
    guessed = (count + 3 * (count * (classes - 1)) ** 0.5) / classes  # three standard deviations above the mean
    wanted = "better than guessing (give it the inputs that it was trained on, scaled or tokenised as they were)"
    require(count < TELLING or right > guessed, "teacher", wanted, f"{right} right answers of {count}")
    if count >= TELLING and known > count * (1 + 1 / classes) / 2:
        told = f"The student is right {known} times of {count} before training"
        warn(notes, f"{told}: it has learned this already, and goes on from there with and without a teacher.")


def check_apart(named: Mapping[str, Split]) -> None:
    """Refuse held-out data of which more than a hundredth stands in what is learned from, or is tuned on."""
    for (one, rows), (other, held) in combinations({n: rows_of(split) for n, split in named.items()}.items(), 2):
        share = len(rows & held) / max(1, len(held))
        wanted = f"apart from {one}, or it tells how well that was learned by heart"
        require(share <= 0.01, other, wanted, f"{share:.0%} of its rows from there")


def rows_of(split: Split) -> set[bytes]:
    """The bytes of every row; of data that is read anew nothing."""
    x = split.x if isinstance(split.x, Mapping) else {"": split.x} if isinstance(split.x, Tensor) else {}
    return set(map(b"".join, zip(*([row.tobytes() for row in part.cpu().numpy()] for part in x.values()), strict=True)))


def check_loss(loss: Callable, temperature: float, classes: int) -> None:
    """Refuse an own loss that is `kd_loss` times a factor that is often forgotten, or whose alpha weighs the labels."""
    generator = torch.Generator().manual_seed(0)
    s, t = 3 * torch.randn(2, 32, classes, generator=generator)
    y = torch.randint(classes, (32,), generator=generator)
    gradients = []
    for of, alpha in ((loss, 1.0), (kd_loss, 1.0), (kd_loss, 0.0)):
        at = s.clone().requires_grad_()
        of(at, t, y, temperature=temperature, alpha=alpha).mean().backward()
        gradients.append(at.grad.flatten())
    own, right, labels = gradients
    good = F.cosine_similarity(own, labels, dim=0) < 0.999
    require(good, "loss", "one whose alpha weighs the teacher, 1 - alpha the labels", "the labels' alone at alpha = 1")
    factor, square = float(own.norm() / right.norm()), temperature**2
    without, mean = f"its factor T^2 = {square:g} is missing", f"it is a mean over {classes} classes, no sum"
    for size, why in ((square, without), (classes, mean), (square * classes, f"{without}, and {mean}")):
        good = size == 1 or abs(factor * size - 1) > 0.01 or F.cosine_similarity(own, right, dim=0) < 0.999
        require(good, "loss", f"as large as kd_loss ({why})", f"{factor:.3g} times that")


def check_falling(losses: Sequence[Tensor], whose: str, notes: list[str]) -> None:
    """Warn where the loss of the first hundred steps does not fall."""
    fifth = max(1, len(losses) // 5)
    begin, end = (float(torch.stack([*part]).mean()) for part in (losses[:fifth], losses[-fifth:]))
    if len(losses) >= 10 and not end < begin:
        told = f"the loss of the first {len(losses)} steps does not fall, it goes from {begin:.3g} to {end:.3g}"
        warn(notes, f"{whose}: {told}. Try other learning rates; look at inputs and labels.")


def check_end(rows: Mapping[str, Mapping], rates: Sequence[float], count: int, notes: list[str]) -> None:
    """Warn of a teacher that is no better than the student alone; note a rate at the end of its range, and few rows."""
    for name, row in rows.items():
        if name != TEACHER and len(rates) > 1 and row["learning rate"] in (min(rates), max(rates)):
            notes.append(f"{name}: the best learning rate, {row['learning rate']:g}, is the last that was tried.")
    if ALONE in rows:
        teacher, alone, distilled = (rows[name].get("wrong, %", 0.0) for name in (TEACHER, ALONE, DISTILLED))
        told = f"The teacher, {teacher:.1f} % wrong, is no better than the student alone, {alone:.1f} %"
        if alone <= teacher:
            warn(notes, f"{told}: it has little to teach. Take a better one, or give unlabelled inputs.")
        chance = 2 * (2 * distilled * (100 - distilled) / count) ** 0.5
        if alone - distilled < chance:
            notes.append(f"Of {count:,} rows, a difference below {chance:.1f} points can be chance.")
