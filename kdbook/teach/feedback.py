"""What exercises are made of: a right answer, the usual mistakes with the hint that each earns, and what is said.

`Exercise` is for a function that the reader writes or repairs, `Answer` for a number. A mistake is written as the
reader would make it, with the same signature, so that a test can make every one of them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Answer:
    """A check of a number.

    Parameters
    ----------
    question : str
        What is asked.
    right : float
        The answer.
    mistakes : dict of str to float
        Hint -> the number that a usual mistake gives.
    done : str
        Said when the number is right.
    rtol : float
        Relative tolerance, of mistakes too.
    """

    question: str
    right: float
    mistakes: Mapping[str, float]
    done: str
    rtol: float = 0.01

    def __call__(self, answer) -> Feedback:
        """What is to be said of the reader's number."""
        if unanswered(answer):
            return Feedback(False, NOT_YET)
        try:
            value = float(answer.replace(",", ".") if isinstance(answer, str) else answer)  # a decimal comma
        except (TypeError, ValueError, RuntimeError):
            return Feedback(False, f"A number is needed, this is a {type(answer).__name__}: {answer!r:.40}.")
        if isinstance(answer, bool) or not math.isfinite(value):
            return Feedback(False, f"A finite number is needed, this is {answer!r:.40}.")
        if math.isclose(value, self.right, rel_tol=self.rtol):
            return Feedback(True, self.done)
        for hint, wrong in self.mistakes.items():
            if math.isclose(value, wrong, rel_tol=self.rtol):
                return Feedback(False, hint)
        return Feedback(False, "Too small." if value < self.right else "Too large.")


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


@dataclass(frozen=True)
class Exercise:
    """A check of a function, compared with the right one on one input after another.

    Parameters
    ----------
    question : str
        What the reader's function should do.
    right : callable
        One that does it.
    tries : sequence of (tuple, str)
        What both are called with, easy inputs first, and what is said when they differ there and no mistake is
        recognised: it may name ``{yours}``, ``{right}`` and ``{ratio}``, their sums and the quotient of these.
    done : str
        Said when all agree.
    mistakes : dict of str to callable
        Hint -> the function as a usual mistake has it.
    compared : callable
        What is compared of a result, such as its softmax where a constant does not matter.
    rtol : float
        Relative tolerance.
    """

    question: str
    right: Callable
    tries: Sequence[tuple[tuple, str]]
    done: str
    mistakes: Mapping[str, Callable] = field(default_factory=dict)
    compared: Callable[[Tensor], Tensor] = lambda x: x
    rtol: float = 1e-5

    def __call__(self, function: Callable) -> Feedback:
        """What is to be said of the reader's function."""
        for given, otherwise in self.tries:
            got = call(function, *given)
            if isinstance(got, Feedback):
                return got
            right = self._asked(self.right, given)
            if self._alike(self.compared(got), right):
                continue
            for hint, mistake in self.mistakes.items():
                if self._alike(self.compared(got), self._asked(mistake, given)):
                    return Feedback(False, hint)
            if got.shape != right.shape:
                told = f"The result should have the shape {tuple(right.shape)}; yours is {tuple(got.shape)}."
                return Feedback(False, told)
            yours, wanted = float(got.sum()), float(right.sum())
            ratio = yours / wanted if wanted else math.nan
            return Feedback(False, otherwise.format(yours=yours, right=wanted, ratio=ratio))
        return Feedback(True, self.done)

    def _asked(self, function: Callable, given: tuple) -> Tensor:
        return self.compared(torch.as_tensor(function(*given), dtype=torch.float64))

    def _alike(self, a: Tensor, b: Tensor) -> bool:
        return a.shape == b.shape and torch.allclose(a, b, rtol=self.rtol, atol=1e-9)
