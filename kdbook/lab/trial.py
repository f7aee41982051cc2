"""A trial: one training run with all its settings and its seed; the unit that is stored, resumed and distributed."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

from kdbook import check_number, require

PROFILES = ("quick", "full", "gpu")


@dataclass(frozen=True, eq=False)
class Trial:
    """Settings of one run.

    Parameters
    ----------
    experiment : str
        Module of `kdbook.book` that can measure it.
    arm : str
        The condition, such as ``distilled``.
    seed : int
        Of weights, order, shifts and dropout; 0 or more.
    settings : mapping
        Everything that the result depends on; values that JSON can hold, so that they can be compared again.
    needs : tuple of Trial
        Trials whose artifacts this one uses, such as its teacher.
    data : str
        Image set.
    version : int
        `VERSION` of the experiment's module, raised by hand when the meaning of a result changes.
    cohort : str
        Trials with equal experiment, seed and non-empty cohort are trained as one stacked model, or those of all seeds
        when it begins with ``seeds``. Not identity.
    """

    experiment: str
    arm: str
    seed: int
    settings: Mapping[str, Any]
    needs: tuple["Trial", ...] = ()
    data: str = "mnist"
    version: int = 1
    cohort: str = ""

    def __post_init__(self):
        for what, name in (("experiment", self.experiment), ("arm", self.arm)):
            good = isinstance(name, str) and re.fullmatch(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,150}", name) is not None
            require(good, what, "a name of 1 to 151 letters, which is part of a path", repr(name))
        object.__setattr__(self, "seed", check_number("seed", self.seed, "[0, inf)", whole=True))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits of the identity: settings, needs, data checksum and version."""
        from kdbook.data.images import checksum

        identity = self.identity() | {"needs": [need.id for need in self.needs], "data": checksum(self.data)}
        return hashlib.sha256(json.dumps(identity, sort_keys=True, default=plain).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Readable and unique: ``hinton_mnist/distilled-0-1f2e3d4c5b6a``."""
        return f"{self.experiment}/{self.arm}-{self.seed}-{self.id}"

    def identity(self) -> dict:
        """Its fields by name, but for the cohort; the settings are a dictionary, which can be sent and written."""
        told = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "cohort"}
        return told | {"settings": dict(self.settings)}

    def __reduce__(self):
        return partial(Trial, **self.identity(), cohort=self.cohort), ()

    def __eq__(self, other) -> bool:
        return isinstance(other, Trial) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)


def plain(value):
    """A number or an array of numpy or torch as JSON has it: a measurement must not be lost for its type."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise ValueError(f"settings and measurements must be numbers, texts or lists of them, got {value!r:.80}")


def in_order(trials: Iterable[Trial]) -> list[Trial]:
    """The trials and all they need, each once, needs first.

    Depth first, so that a teacher's students follow it: `graphlib` would give all teachers before the first student,
    and tear the arms of a cohort apart.
    """
    ordered: dict[Trial, None] = {}
    for trial in trials:
        ordered |= dict.fromkeys([*in_order(trial.needs), trial])
    return list(ordered)


def check_profile(profile: str) -> None:
    """Raise ValueError for an unknown profile."""
    require(profile in PROFILES, "profile", f"one of {', '.join(PROFILES)}", repr(profile))


def seeds_of(seeds: int | None, default: int) -> range:
    """The seeds to run: 0 to `seeds` - 1, or the profile's own number for None or 0."""
    return range(check_number("seeds", 0 if seeds is None else seeds, "[0, inf)", whole=True) or default)
