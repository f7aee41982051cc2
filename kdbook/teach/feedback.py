"""What a check says, and the comparisons that all checks share."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

NOT_YET = "Not answered yet: replace the ... above and run the cell again."


@dataclass(frozen=True)
class Feedback:
    """What a check says.

    passed : bool
    message : str
    """

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right.' if self.passed else 'Not yet.'} {self.message}"


def unanswered(answer) -> bool:
    """Whether a stub still stands there."""
    return answer is None or answer is ...


def number(answer, right: float, mistakes: dict[float, str], done: str, rtol: float = 0.01) -> Feedback:
    """Compare with the right number, then with what the usual mistakes give; `done` is said when it is right."""
    if unanswered(answer):
        return Feedback(False, NOT_YET)
    try:
        value = float(answer)
    except (TypeError, ValueError):
        return Feedback(False, f"A number is needed, this is a {type(answer).__name__}.")
    if math.isclose(value, right, rel_tol=rtol):
        return Feedback(True, done)
    for wrong, hint in mistakes.items():
        if math.isclose(value, wrong, rel_tol=rtol):
            return Feedback(False, hint)
    return Feedback(False, "Too small." if value < right else "Too large.")


def call(function: Callable, *arguments) -> Tensor | Feedback:
    """Result of the reader's function as a tensor, or feedback on why there is none."""
    if not callable(function):
        return Feedback(False, NOT_YET if unanswered(function) else "A function is needed.")
    try:
        result = function(*arguments)
    except Exception as error:  # any error of the reader's own code becomes feedback
        return Feedback(False, f"Your function stops with {type(error).__name__}: {error}")
    if unanswered(result):
        return Feedback(False, NOT_YET)
    try:
        return torch.as_tensor(result, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return Feedback(False, f"A tensor of numbers is needed, your function returns a {type(result).__name__}.")


def tensor(
    function: Callable,
    arguments: tuple,
    right: Tensor,
    mistakes: Iterable[tuple[Tensor, str]],
    otherwise: str,
    rtol=1e-5,
) -> Feedback | None:
    """What is wrong with the tensor that the reader's function returns: first its shape, then what usual mistakes give.

    Parameters
    ----------
    function, arguments : callable, tuple
        The reader's, and what it is called with.
    right : Tensor
        What it should return.
    mistakes : iterable of (Tensor, str)
        What a mistake gives, and its hint.
    otherwise : str
        Hint for any other value.
    rtol : float
        Relative tolerance.

    Returns
    -------
    Feedback or None
        None when all is right.
    """
    got = call(function, *arguments)
    if isinstance(got, Feedback):
        return got
    if got.shape != right.shape:
        return Feedback(False, f"The result should have the shape {tuple(right.shape)}; yours is {tuple(got.shape)}.")
    if torch.allclose(got, right.double(), rtol=rtol, atol=1e-9):
        return None
    for wrong, hint in mistakes:
        if wrong.shape == got.shape and torch.allclose(got, wrong.double(), rtol=rtol, atol=1e-9):
            return Feedback(False, hint)
    return Feedback(False, otherwise)


def repaired(
    function: Callable, right: Callable, probes: Iterable[tuple[tuple, str]], done: str, *, rtol: float = 1e-5
) -> Feedback:
    """Compare a repair of somebody's mistake with the right function, on one input after another.

    Parameters
    ----------
    function, right : callable
        The reader's, and one that does what theirs should.
    probes : iterable of (tuple, str)
        What both are called with, and the symptom that the reader is told when they differ there: it may name
        ``{yours}``, ``{right}`` and ``{ratio}``, their sums and the quotient of these. Easy inputs come first.
    done : str
        Said when all agree.
    rtol : float
        Relative tolerance.

    Returns
    -------
    Feedback
    """
    for arguments, symptom in probes:
        got = call(function, *arguments)
        if isinstance(got, Feedback):
            return got
        expected = torch.as_tensor(right(*arguments), dtype=torch.float64)
        if got.shape != expected.shape:
            return Feedback(
                False, f"The result should have the shape {tuple(expected.shape)}; yours is {tuple(got.shape)}."
            )
        if not torch.allclose(got, expected, rtol=rtol, atol=1e-9):
            yours, wanted = float(got.sum()), float(expected.sum())
            ratio = yours / wanted if wanted else math.nan
            return Feedback(False, symptom.format(yours=yours, right=wanted, ratio=ratio))
    return Feedback(True, done)
