"""A question as a table of arms: what each is called, what it learns with, and from whom; its trials are derived.

A module of `kdbook.book` with `arms(profile)`, `SEEDS`, `COLUMNS`, `VERSION` and `measure(trials, tools)` is a
question. The lab finds questions by their file names and imports one only when it is asked for.
"""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from kdbook import check_number, require
from kdbook.lab.trial import Trial, check_profile, seeds_of

BOOK = Path(__file__).parents[1] / "book"
FOLDERS = {"": "kdbook.book", "tables": "kdbook.book.tables"}  # folder of files -> package


@dataclass(frozen=True)
class Arm:
    """A condition of a question.

    Parameters
    ----------
    label : str
        What figures, sliders and the ledger call it.
    role : str
        What it is in the comparison, which gives its colour: a key of `kdbook.show.style.ROLES`.
    settings : mapping
        Everything that the result depends on; values that JSON can hold, or functions of the seed that give such.
    needs : tuple of str
        Arms whose artifacts it uses: ``arm`` of this question, or ``question/arm``.
    teaches : bool
        Whether it is trained once a teacher: student seed i meets its seed i mod the number of teachers.
    cohort : str
        Arms of one cohort and seed are trained as one model; those of all seeds, when it begins with ``seeds``.
    listed : bool
        False for one that is only needed, and has no row of its own.
    named : str
        Its name in the table, where several arms (of other settings) share one; default: its key in `arms`.
    seeds : int, optional
        The most seeds that it is given, where it has fewer than the others.
    at : sequence of int, optional
        Its own seeds, where they are not those of whoever needs it: whoever has seed i needs the one of ``at[i]``.
    facts : mapping
        Columns that are known beforehand.
    """

    label: str
    role: str = "soft"
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    teaches: bool = False
    cohort: str = ""
    listed: bool = True
    named: str = ""
    seeds: int | None = None
    at: Sequence[int] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@cache
def files() -> dict[str, str]:
    """Module of every question by its name."""
    found = {}
    for folder, package in FOLDERS.items():
        found |= {path.stem: f"{package}.{path.stem}" for path in (BOOK / folder).glob("[!_]*.py")}
    return found


def names() -> list[str]:
    """All questions of the book, by the names of their files; nothing is imported."""
    return sorted(files())


@cache
def _text(name: str) -> str:
    return BOOK.parents[1].joinpath(*files()[name].split(".")).with_suffix(".py").read_text(encoding="utf-8")


def asked(name: str) -> str:
    """What a question asks: the first line of its docstring, read without importing it."""
    return _text(name).splitlines()[0].strip('"')


def on_gpu() -> list[str]:
    """Questions that have the profile gpu: it is a key of the `SEEDS` in their files; nothing is imported."""
    return [name for name in names() if re.search('^SEEDS = .*"gpu":', _text(name), re.MULTILINE)]


def question(name: str) -> ModuleType:
    """The module of a question.

    Raises
    ------
    ValueError
        For an unknown name, listing those there are.
    """
    found = files()
    good = name in [*found]  # whatever it is, a list among them
    require(good, "question", f"one of {', '.join(sorted(found))}", repr(name))
    return importlib.import_module(found[name])


def seeds_of_profile(name: str, profile: str) -> tuple[int, int]:
    """Numbers of students and of teachers that a question has in a profile.

    Raises
    ------
    ValueError
        For an unknown question or profile, and for one that the question does not have: only some have gpu.
    """
    there = question(name).SEEDS
    check_profile(profile)
    if profile not in there:
        wanted = f"one of {', '.join(there)} (gpu is one of {', '.join(on_gpu())})"
        raise ValueError(f"profile of {name} must be {wanted}, got {profile!r}")
    return there[profile]


@cache
def made(arms: Callable, profile: str, **of) -> Mapping[str, Arm]:
    """What a question's function `arms` makes, once for all trials: each of hundreds asks for it."""
    return arms(profile, **of)


def trial(name: str, profile: str, arm: str, seed: int, **of) -> Trial:
    """One arm of a question and seed, with all that it needs.

    Parameters
    ----------
    name : str
        Question.
    profile : {"quick", "full", "gpu"}
        Whose settings.
    arm : str
        A key of the question's `arms`.
    seed : int
        Of the student that is asked for; an arm that teaches has the seed of that student's teacher.
    **of
        What else the question's `arms` takes.
    """
    module, (_, teachers) = question(name), seeds_of_profile(name, profile)
    table, seed = made(module.arms, profile, **of), check_number("seed", seed, "[0, inf)", whole=True)
    require(arm in table, f"arm of {name}", f"one of {', '.join(table)}", repr(arm))
    chosen = table[arm]
    if chosen.teaches:
        seed = getattr(module, "FIRST_TEACHER", 0) + seed % teachers
    if chosen.at:
        seed = chosen.at[seed]
    needs = []
    for need in chosen.needs:
        where, _, other = need.rpartition("/")
        needs.append(trial(where, profile, other, seed) if where else trial(name, profile, other, seed, **of))
    data, version = chosen.settings.get("data", getattr(module, "DATA", "mnist")), module.VERSION
    settings = {k: v(seed) if callable(v) else v for k, v in chosen.settings.items() if k != "data"}
    return Trial(name, chosen.named or arm, seed, settings, tuple(needs), data, version, chosen.cohort)


def trials(name: str, profile: str = "quick", seeds: int | None = None, **of) -> list[Trial]:
    """The trials of a question: its teachers of the chosen seeds, then every other arm of every seed.

    Parameters
    ----------
    name : str
        Question.
    profile : {"quick", "full", "gpu"}
        Whose settings, and how many seeds.
    seeds : int, optional
        Number of seeds; None or 0 = the profile's own.
    **of
        What else the question's `arms` takes, such as the `data` of `mobile_vision`.

    Raises
    ------
    ValueError
        For an unknown question, a profile that it does not have, or a negative number of seeds.
    """
    module = question(name)
    made.cache_clear()  # results that arms are read from may have changed
    students, teachers = seeds_of_profile(name, profile)
    chosen = seeds_of(seeds, students)
    listed = {arm: found for arm, found in made(module.arms, profile, **of).items() if found.listed}
    order = [(s, n) for s in range(min(teachers, len(chosen))) for n, arm in listed.items() if arm.teaches]
    order += [(s, n) for s in chosen for n, arm in listed.items() if not arm.teaches and s in chosen[: arm.seeds]]
    return [trial(name, profile, arm, seed, **of) for seed, arm in order]
