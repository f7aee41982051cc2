"""Mistakes that many exercises share, told by what a result is and by what a function does.

Each hint is an observation on the reader's own answer, so that it holds for whatever caused it, and asks what could.
Names are those of the reader's parameters. `feedback` asks here when a chapter's own mistakes say nothing.
"""

import copy
import inspect
import itertools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

RESULTS = (  # a hint, and what the right result may have become
    ("Right but for its sign: should it be positive or negative here, and why?", torch.neg),
    ("Right but for a factor of 100: per cent, or a fraction?", lambda x: 100 * x, lambda x: x / 100),
    ("Yours is twice what it should be: where does a factor of two come from?", lambda x: 2 * x),
    ("Yours is half what it should be: where does a factor of two go?", lambda x: x / 2),
    ("Right but for the unit: bits or nats?", lambda x: x * math.log(2), lambda x: x / math.log(2)),
    ("Yours and the right one add up to the whole: which of the two parts is asked for?", lambda x: 1 - x),
    ("Upside down: what is divided by what?", lambda x: 1 / x),
    ("That is the logarithm of the right result: is a logarithm asked for?", torch.log),
    ("The logarithm of yours is the right result: is a logarithm asked for?", torch.exp),
    ("Yours is the square of the right one, or its root: what is squared, and when?", torch.square, torch.sqrt),
)


def of_result(got: Tensor, right: Tensor, alike: Callable) -> Iterator[str]:
    """What has been done to a right result."""
    yield from (hint for hint, *ways in RESULTS if any(alike(got, way(right)) for way in ways))


def names_of(function: Callable, count: int) -> list[str]:
    """The reader's names of the arguments, in code's quotes."""
    try:
        names = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        names = []
    return [f"`{name}`" for name in names] if len(names) == count else [f"argument {n + 1}" for n in range(count)]


def other(x):
    """An argument of the same kind with other values, to see whether it has any influence."""
    if isinstance(x, list):
        return [other(part) for part in x]
    if isinstance(x, Tensor):
        turned = x.roll(1, 0) if x.ndim == 1 else x.flip(-1).roll(1, 0)
        return torch.ones_like(x) if x.dtype == torch.bool else 0.7 * turned if is_free(x) else turned
    return 2 * x if isinstance(x, int) else 0.2 + x / 2


WAYS = {
    "Add 1 to all of {}": lambda x: x + 1 if is_free(x) else x,
    "Make {} three times as large": lambda x: 3 * x if is_free(x) else x,
    "Turn the rows of {} round": lambda x: x.flip(0) if isinstance(x, Tensor) else x,
}


def is_free(x) -> bool:
    """Whether an argument is a tensor of any numbers: neither counts nor shares of a whole."""
    return isinstance(x, Tensor) and x.is_floating_point() and not torch.allclose(x.sum(-1), torch.ones(()).to(x))


def one_by_one(given: tuple, way: Callable) -> list[tuple]:
    """Arguments of which one is changed, each in its turn."""
    return [(*given[:i], way(x), *given[i + 1 :]) for i, x in enumerate(given)]


def shapes(got: Tensor, right: Tensor, alike: Callable) -> str:
    """What is to be said of a result of another shape."""
    for name, of in (("mean", torch.mean), ("sum", torch.sum)):
        if right.ndim == 0 and alike(of(got), right):
            return f"You return {got.numel()} numbers; their {name} is right: which step is left?"
        if got.ndim == 0 and alike(got, of(right)):
            return f"That is the {name} of the numbers asked for: how many should come back?"
    told = f"The result should have the shape {tuple(right.shape)}; yours is {tuple(got.shape)}."
    return f"{told} Which axis is one too many, or gone?"


def factors(got: Tensor, right: Tensor, given: tuple, names: list[str], alike: Callable) -> Iterator[str]:
    """What a constant factor may come from: an axis, a number that was given, or two of these."""
    ratio = float(got.abs().sum() / right.abs().sum())
    if not (ratio and math.isfinite(ratio) and alike(got, ratio * right)):
        return
    told, known = f"Yours is {ratio:.3g} times what it should be", {}
    for name, x in zip(names, given, strict=True):
        if isinstance(x, Tensor):
            sized = {n: f"{told}, and {name} has an axis of {n}: what is summed, and what averaged?" for n in x.shape}
            known |= {n**way: hint for n, hint in sized.items() for way in (1, -1)}
        elif isinstance(x, float) and x > 1:
            hint = f"{told} at {name} = {x:g}: how should it change as {name} grows?"
            known |= {x**power: hint for power in (1, 2, 3, 4, -1, -2, -3, -4)}
    yield from (hint for factor, hint in known.items() if math.isclose(factor, ratio, rel_tol=1e-4))
    for one, two in itertools.combinations_with_replacement(known, 2):
        if math.isclose(one * two, ratio, rel_tol=1e-4):
            yield f"{told}, which is {one:.3g} times {two:.3g}: do two things come together there?"
    if got.numel() > 1:
        yield f"All of your numbers are {ratio:.3g} times the right ones: which factor is missing, or one too many?"


def changed(given: tuple) -> Iterator[tuple[tuple, str, bool]]:
    """Other arguments, what is to be said if they make yours right, and whether rows have become columns."""
    for i, j in itertools.combinations(range(len(given)), 2):
        if type(given[i]) is type(given[j]) and getattr(given[i], "shape", ()) == getattr(given[j], "shape", ()):
            swapped = [*given]
            swapped[i], swapped[j] = given[j], given[i]
            yield tuple(swapped), f"That is right with {{{i}}} and {{{j}}} exchanged: which of them is which?", False
    for i, x in enumerate(given):
        if isinstance(x, float) and x > 0:
            hint = f"{{{i}}} works the wrong way: what should happen as it grows?"
            yield (*given[:i], 1 / x, *given[i + 1 :]), hint, False
        if isinstance(x, float) and x <= 1 or is_free(x) and x.ndim == 1:
            yield (*given[:i], 1 - x, *given[i + 1 :]), f"Right for 1 - {{{i}}}: what does {{{i}}} weigh?", False
    if isinstance(given[0], Tensor) and given[0].ndim == 2:
        turned = tuple(x.T if isinstance(x, Tensor) and x.ndim == 2 else x for x in given)
        yield turned, "Right along the other axis: which one do you add up along, or normalise?", True


def of_function(yours: Callable, right: Callable, given: tuple, names: list[str], alike: Callable) -> Iterator[str]:
    """What a function does that the right one does not: experiments with it, beside the one that failed."""
    got, wanted = yours(*given), right(*given)
    for new, hint, turned in changed(given):
        result = right(*new)
        if result is not None and alike(got, result.T if turned and result.ndim == 2 else result):
            yield hint.format(*names)

    def stays(new: tuple, still: Callable = lambda x: x) -> tuple[bool, bool] | None:
        """Whether the right result is ``still`` what it was, and whether yours is."""
        mine, theirs = yours(*new), right(*new)
        return None if mine is None or theirs is None else (alike(theirs, still(wanted)), alike(mine, still(got)))

    if idle := [name for name, new in zip(names, one_by_one(given, other), strict=True) if stays(new) == (False, True)]:
        yield f"Yours stays the same whatever {' and '.join(idle)} may be: where should that come in?"
    yield from factors(got, wanted, given, names, alike)
    whole, off = got.sum(-1) if got.ndim else got, got - wanted
    if got.ndim and bool((wanted.sum(-1) - 1).abs().max() < 1e-6 < (whole - 1).abs().max()):
        yield f"A row of yours adds up to {whole.flatten()[0]:.3g}, and should to 1: what comes twice, or is lost?"
    if got.ndim and alike(got.flatten().sort().values, wanted.flatten().sort().values):
        yield "Your numbers are right, but in another order: which one belongs where?"
    if got.numel() > 1 and alike(off, off.mean().expand_as(off)):
        yield f"Each of your numbers is off by {off.mean():.3g}: where does your count begin, or what is added?"
    if bool((wanted >= 0).all() and (got < 0).all()):
        yield f"Yours is below 0 ({got.sum():.3g}), and should not be: is a probability taken for a logarithm?"
    if got.ndim > 1 and alike(got / got.sum(-1, keepdim=True), wanted / wanted.sum(-1, keepdim=True)):
        yield "Each row has the right proportions, but another size: what should be 1 in each row?"
    for i, j in itertools.combinations(range(len(given)), 2):
        if isinstance(given[i], Tensor) and given[i].shape == getattr(given[j], "shape", None):
            new = (*given[:j], given[i], *given[j + 1 :])
            if stays(new, torch.zeros_like) == (True, False):
                left = f"{yours(*new).abs().max():.3g}"
                yield f"Where {names[i]} equals {names[j]} it should be 0, and yours is {left}: what is left there?"
    for told, way in WAYS.items():
        for name, new in zip([*names, "everything"], [*one_by_one(given, way), tuple(map(way, given))], strict=True):
            if stays(new) == (True, False):
                yield f"{told.format(name)}: yours changes, and the right one does not. Why should it not?"
    if len({len(x) if isinstance(x, Tensor) else 0 for x in given} - {0}) == 1:
        new = tuple(torch.cat([x, x]) if isinstance(x, Tensor) else x for x in given)
        if stays(new, lambda x: torch.cat([x, x]) if x.ndim else x) == (True, False):
            yield "When all rows are given twice yours changes, and should not: what do the other rows do in it?"
    if torch.allclose(got, wanted, rtol=0.02, atol=0):
        yield "Yours is very near the right one, but not equal: is something rounded, or a small part left out?"


def symptom(function: Callable, right: Callable, given: tuple, compared: Callable, alike: Callable) -> str | None:
    """What is seen of a finite but wrong result, if any experiment shows something."""

    def safe(made_by: Callable) -> Callable:
        def answer(*arguments) -> Tensor | None:
            try:
                return compared(torch.as_tensor(made_by(*copy.deepcopy(arguments)), dtype=torch.float64).detach())
            except Exception:  # an experiment that cannot be made shows nothing
                return None

        return answer

    yours, theirs = safe(function), safe(right)
    got, wanted, names = yours(*given), theirs(*given), names_of(function, len(given))
    if got.shape != wanted.shape:
        return shapes(got, wanted, alike)
    if not got.isfinite().all():
        return None
    return next(itertools.chain(of_result(got, wanted, alike), of_function(yours, theirs, given, names, alike)), None)
