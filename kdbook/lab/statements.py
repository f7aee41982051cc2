"""What is claimed: the rows of `claims.yaml` as frozen, validated dataclasses. `kdbook.lab.claims` measures them."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from kdbook import require
from kdbook.lab import arms
from kdbook.lab.entries import ONLY_KNOWN_FIELDS, Number, Text, read_entries

PATH = Path(__file__).with_name("claims.yaml")
Rows = Annotated[Mapping, Field(min_length=1)]


def _asked(name: str) -> str:
    arms.question(name)
    return name


@dataclass(frozen=True, config=ONLY_KNOWN_FIELDS)
class Gap:
    """A part of the difference in the check's column between two arms, such as labels (`where`) and teacher."""

    where: Rows
    versus: Rows
    share: Annotated[Number, Field(gt=0, le=1)] = 0.1


@dataclass(frozen=True, config=ONLY_KNOWN_FIELDS)
class Check:
    """One number to measure, and what is claimed of it; `claims.yaml` says what each field means."""

    label: Text
    unit: Text
    experiment: Annotated[str, AfterValidator(_asked)]
    column: Text | tuple[Text, ...]
    where: Rows
    versus: Mapping | None = None
    versus_column: str | None = None
    compare: Literal["difference", "ratio", "share"] = "difference"
    goal: Mapping | None = None
    scale: Number = 1.0
    key: bool = False
    control: bool = False
    of: tuple[str, ...] = ()
    relation: Literal["greater", "less"] | None = None
    than: Number | None = None
    published: Number | None = None
    errors: Annotated[Number, Field(gt=0)] | None = None
    score_of: Number | None = None
    tolerance: Annotated[Number, Field(ge=0)] | None = None
    tolerance_reason: str = ""
    smallest: Annotated[Number, Field(ge=0)] | Gap | None = None
    smallest_reason: str = ""

    @field_validator("column", "versus_column", "where", "versus", "goal")
    @classmethod
    def _is_measured(cls, names, info: ValidationInfo):
        if experiment := info.data.get("experiment"):
            columns = arms.question(experiment).COLUMNS
            for name in [names] if isinstance(names, str) else names or ():
                require(name in columns, f"column of {experiment}", f"one of {', '.join(columns)}", repr(name))
        return names

    @model_validator(mode="after")
    def _can_decide(self) -> Self:
        require((self.compare == "share") == bool(self.goal), "goal", "given with compare: share alone", self.goal)
        compared = self.compare == "difference" or self.versus or self.versus_column
        require(compared, "versus", f"given, since compare is {self.compare}", self.versus)
        for name, needs in (("tolerance", "published"), ("errors", "published"), ("than", "relation")):
            good = getattr(self, name) is None or getattr(self, needs) is not None
            require(good, needs, f"given beside {name}", getattr(self, needs))
        for name in ("tolerance", "smallest"):
            good = (getattr(self, name) is None) == (not getattr(self, f"{name}_reason"))
            require(good, f"{name}_reason", f"given with {name}, and only then", repr(getattr(self, f"{name}_reason")))
        if self.key:
            stated = self.relation or self.tolerance is not None
            require(stated, "relation, or published with tolerance,", "given for a key check", None)
            sized = not self.relation or self.published is not None or self.smallest is not None
            require(sized, "smallest", "given for a key check without a published effect", None)
        if self.control:
            bound = self.relation and self.than is not None and not self.key
            require(bound, "relation and than", "given for a control, which is no key check", self.relation)
        require(self.control or not self.of, "of", "given for a control alone", self.of)
        return self


@dataclass(frozen=True, config=ONLY_KNOWN_FIELDS)
class Claim:
    """A published statement, what reading says of it, and the checks that test it; fields as in `claims.yaml`."""

    id: Text
    chapter: Annotated[str, Field(pattern=r"^\d\d$")]
    statement: Text
    summary_verdict: Literal["correct", "imprecise", "wrong", "unsupported", "n/a"]
    why: Text
    source: Text
    checked: Literal["full text read", "excerpt read", "repository or page read", "recalled", "none"]
    published: Text
    test: Literal["experiment", "citation", "constants", "not testable here"]
    saying: bool = False
    links: tuple[str, ...] = ()
    reason: str = ""
    deviations: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @model_validator(mode="after")
    def _is_tested_or_says_why_not(self) -> Self:
        if self.test == "experiment":
            require(any(check.key for check in self.checks), "checks", "such that one is a key check", "none that is")
        else:
            require(self.reason, "reason", f"given, since test is {self.test}", repr(self.reason))
            require(not self.checks, "checks", f"empty, since test is {self.test}", len(self.checks))
        labels = {check.label for check in self.checks}
        unknown = {label for check in self.checks for label in check.of} - labels
        require(not unknown, "of", "labels of the claim's own checks", sorted(unknown))
        return self


@functools.cache
def load_claims() -> list[Claim]:
    """Read and validate the ledger, once a process: it takes seconds.

    Raises
    ------
    ValueError
        Naming the claim, the check and the field that is wrong.
    """
    return read_entries(PATH, Claim)


def published(claim: str, check: str) -> float:
    """A published number as the ledger has it, by the claim's id and the check's label, for a figure to show.

    Raises
    ------
    KeyError
        When there is no such check with a published number.
    """
    found = {(c.id, k.label): k.published for c in load_claims() for k in c.checks if k.published is not None}
    return found[claim, check]
