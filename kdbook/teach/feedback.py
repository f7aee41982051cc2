"""What exercises are made of: a right answer, the usual mistakes with the hint that each earns, and what is said.

`Exercise` is for a function that the reader writes or repairs, `Answer` for a number. A mistake is written as the
reader would make it, with the same signature, so that a test can make every one of them. A table holds what is special
to its exercise; what many share is seen by `symptoms`.
"""

import copy
import itertools
import math
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from kdbook.teach.symptoms import of_result, symptom

NOT_YET = "Not answered yet: replace the ... above and run the cell again."
SOFTMAX = ("softmax", "log_softmax", "softmin")


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


def each(mistake) -> tuple:
    """A mistake that is made in several ways, or in one."""
    return mistake if isinstance(mistake, tuple) else (mistake,)


@dataclass(frozen=True)
class Answer:
    """A check of a number.

    Parameters
    ----------
    question : str
        What is asked.
    right : float
        The answer.
    done : str
        Said when the number is right.
    mistakes : dict of str to float, or to a tuple of them
        Hint -> the number that a usual mistake gives.
    rtol : float
        Relative tolerance, of mistakes too.
    digits : int
        How many digits are enough; so many of a mistake give it away.
    numbers : sequence of float
        What the question gives or one reads off: a difference or quotient of these is told as such.
    """

    question: str
    right: float
    done: str
    mistakes: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)
    rtol: float = 0.01
    digits: int = 2
    numbers: Sequence[float] = ()

    def __call__(self, answer) -> Feedback:
        """What is to be said of the reader's number."""
        if unanswered(answer):
            return Feedback(False, NOT_YET)
        try:
            value = float(answer.replace(",", ".") if isinstance(answer, str) else answer)  # a decimal comma
        except (TypeError, ValueError, RuntimeError):
            told = f"A number is needed, this is a {type(answer).__name__}: {answer!r:.40}."
            comma = " Is there a comma where Python wants a point?" if isinstance(answer, tuple) else ""
            return Feedback(False, told + comma)
        if isinstance(answer, bool) or not math.isfinite(value):
            return Feedback(False, f"A finite number is needed, this is {answer!r:.40}.")
        if self._is(value, self.right):
            return Feedback(True, self.done)
        return Feedback(False, next(self._hints(value)))

    def _is(self, value: float, number: float) -> bool:
        rounded = value in {float(f"{number:.{digits}g}") for digits in range(self.digits, 17)}
        return rounded or math.isclose(value, number, rel_tol=self.rtol)

    def _hints(self, value: float):
        yield from (hint for hint, wrong in self.mistakes.items() if any(self._is(value, one) for one in each(wrong)))
        if value in {float(f"{self.right:.{digits}g}") for digits in range(1, self.digits)}:
            yield "So far that may be right: can you give more digits?"
        for whole in (1, 100) if "per cent" in self.question else (1,):
            parts = torch.tensor([value / whole, self.right / whole], dtype=torch.float64)
            yield from of_result(*parts, lambda got, number, by=whole: self._is(by * float(got), by * float(number)))
        terms, few = {f"{a:.7g}": a for a in self.numbers}, self.numbers[: 3 if len(self.numbers) < 4 else 2]
        terms |= {f"({a:.7g} - {b:.7g})": a - b for a, b in itertools.permutations(few, 2) if a > b}
        made = terms | {f"{a} / {b}": terms[a] / terms[b] for a, b in itertools.permutations(terms, 2)}
        for how, number in made.items():
            if any(math.isclose(value, one, rel_tol=self.rtol) for one in (number, 100 * number)):
                yield f"That is {how if '/' in how else how.strip('()')}: what does it tell, and what is asked for?"
        power = math.log10(value / self.right) if value / self.right > 0 else 0.5
        if abs(power - round(power)) < self.rtol / 3:
            yield "The digits are right, the point is not: in which units are the numbers of the question?"
        if math.isclose(value, self.right, rel_tol=0.03):
            yield "That is near, but not right: is something rounded on the way, or a small part left out?"
        bound = "small: what is the least" if value < self.right else "large: what is the most"
        yield f"Too {bound} that it could be?"


def call(function: Callable, *arguments) -> Tensor | Feedback:
    """Result of the reader's function as a tensor, or feedback on why there is none."""
    if not callable(function):
        return Feedback(False, NOT_YET if unanswered(function) else "A function is needed.")
    try:
        result = function(*copy.deepcopy(arguments))  # what it does to them in place is its own affair
    except Exception as error:  # any error of the reader's own code becomes feedback
        return Feedback(False, f"Your function stops{line_of(error, function)} with {type(error).__name__}: {error}")
    if result is None:
        return Feedback(False, "Your function gives nothing back: which line hands over its result?")
    if result is ...:
        return Feedback(False, NOT_YET)
    try:
        return torch.as_tensor(result, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return Feedback(False, f"A tensor of numbers is needed, your function returns a {type(result).__name__}.")


def line_of(error: Exception, function: Callable) -> str:
    """Where the reader's own code stopped, as far as Python knows."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" in line {frames[-1].lineno}, `{frames[-1].line}`," if frames else ""


class Used(TorchFunctionMode):
    """Notes the names of PyTorch's functions that are called under it."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Call a function as it is."""
        self.names.add(getattr(function, "__name__", ""))
        return function(*args, **(kwargs or {}))


def plain(*inputs: tuple) -> tuple[tuple[tuple, str], ...]:
    """Tries that have nothing of their own to say."""
    return tuple((given, "") for given in inputs)


def hints(*told: str | Callable) -> dict[str, tuple[Callable, ...]]:
    """A table of mistakes from each hint, followed by the functions that earn it."""
    table, hint = {}, ""
    for one in told:
        hint = one if isinstance(one, str) else hint
        table[hint] = table.get(hint, ()) + (() if one is hint else (one,))
    return table


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
        What both are called with, easy inputs first, and what is said when they differ there and no mistake of the
        table is recognised; where that is empty, what `symptoms` sees. It may name ``{yours}``, ``{right}`` and
        ``{ratio}``, their sums and the quotient of these. Two at least, or a number that is written into the code
        would pass.
    done : str
        Said when all agree.
    mistakes : dict of str to callable, or to a tuple of them
        Hint -> the function as a usual mistake has it.
    compared : callable
        What is compared of a result, such as its softmax where a constant does not matter.
    rtol : float
        Relative tolerance.
    forbidden : collection of str
        PyTorch's functions that are not to do the work.
    """

    question: str
    right: Callable
    tries: Sequence[tuple[tuple, str]]
    done: str
    mistakes: Mapping[str, Callable | tuple[Callable, ...]] = field(default_factory=dict)
    compared: Callable[[Tensor], Tensor] = lambda x: x
    rtol: float = 1e-5
    forbidden: Collection[str] = ()

    def __call__(self, function: Callable) -> Feedback:
        """What is to be said of the reader's function."""
        used = Used()
        for given, otherwise in self.tries:
            with used:
                got = call(function, *given)
            if isinstance(got, Feedback):
                return got
            right = self._asked(self.right, given)
            if not self._alike(self.compared(got), right):
                return Feedback(False, self._hint(function, given, self.compared(got), right, otherwise))
        if borrowed := used.names & {*self.forbidden}:
            told = (
                f"The numbers are right, but PyTorch's `{min(borrowed)}` does the work: how would you do it yourself?"
            )
            return Feedback(False, told)
        return Feedback(True, self.done)

    def _hint(self, function: Callable, given: tuple, got: Tensor, right: Tensor, otherwise: str) -> str:
        for hint, mistake in self.mistakes.items():
            if any(self._alike(got, self._asked(one, given)) for one in each(mistake)):
                return hint
        yours, wanted = float(got.sum()), float(right.sum())
        if otherwise and got.shape == right.shape:  # what is new in an input tells most
            return otherwise.format(yours=yours, right=wanted, ratio=yours / wanted if wanted else math.nan)
        if seen := symptom(function, self.right, given, self.compared, self._alike):
            return seen
        answers = [call(function, *one) for one, _ in self.tries]
        if all(not isinstance(one, Feedback) and self._alike(one, answers[0]) for one in answers):
            return "Your function gives the same answer to every input: what does it do with what it is given?"
        if not math.isfinite(yours):
            return f"Your result has {yours} in it: at which step does it come up first?"
        at = (got - right).abs().argmax()
        mine, theirs = float(got.flatten()[at]), float(right.flatten()[at])
        return f"Where it differs most, yours is {mine:.4g} and should be {theirs:.4g}: can you follow it by hand?"

    def _asked(self, function: Callable, given: tuple) -> Tensor:
        return self.compared(torch.as_tensor(function(*given), dtype=torch.float64))

    def _alike(self, a: Tensor, b: Tensor) -> bool:
        return a.shape == b.shape and torch.allclose(a, b, rtol=self.rtol, atol=1e-9)
