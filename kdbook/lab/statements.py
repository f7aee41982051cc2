"""What is claimed: the rows of `claims.yaml` as frozen, validated dataclasses. `kdbook.lab.claims` measures them."""

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
class Check:
    """One number to measure: `column` of the rows `where`, one a seed, compared as `compare` says, times `scale`.

    `versus` and `versus_column` name the other side of a difference or ratio (either defaults to the same); `goal` the
    end of a share, (versus - where) / (versus - goal). `shown` checks are printed and decide nothing.
    """

    label: Text
    unit: Text
    experiment: Annotated[str, AfterValidator(_asked)]
    column: Text
    where: Rows
    versus: Mapping | None = None
    versus_column: str | None = None
    compare: Literal["difference", "ratio", "share"] = "difference"
    goal: Mapping | None = None
    scale: Number = 1.0
    published: Number | None = None
    tolerance: Annotated[Number, Field(ge=0)] | None = None
    tolerance_reason: str = ""
    relation: Literal["greater", "less"] | None = None
    than: Number | None = None
    shown: bool = False

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
        if self.published is not None and not self.shown:
            require(self.tolerance is not None, "tolerance", "given beside published", self.tolerance)
            require(self.tolerance_reason, "tolerance_reason", "given beside published", repr(self.tolerance_reason))
            require(self.than is None, "than", "left out beside published", self.than)
        elif not self.shown:
            good = self.relation and self.than is not None
            require(good, "published, or relation with than,", "given", f"{self.relation} and {self.than}")
        return self

    @property
    def expected(self) -> str:
        """What was published, as text."""
        if self.published is None:
            return f"{'>' if self.relation == 'greater' else '<'} {self.than:g}" if self.relation else "-"
        bound = {"greater": "at least ", "less": "at most "}.get(self.relation, "")
        return f"{bound}{self.published:g}" + (f" ± {self.tolerance:g}" if self.tolerance else "")


@dataclass(frozen=True, config=ONLY_KNOWN_FIELDS)
class Claim:
    """A published statement, what reading says of it, and the checks that test it; fields as in `claims.yaml`."""

    id: Text
    chapter: Annotated[str, Field(pattern=r"^\d\d$")]
    statement: Text
    summary_verdict: Literal["correct", "imprecise", "wrong", "unsupported", "n/a"]
    why: Text
    source: Text
    checked: Text
    published: Text
    test: Literal["experiment", "citation", "constants", "not testable here"]
    links: tuple[str, ...] = ()
    reason: str = ""
    deviations: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @model_validator(mode="after")
    def _is_tested_or_says_why_not(self) -> Self:
        if self.test == "experiment":
            require(not all(check.shown for check in self.checks), "checks", "such that one decides", "none that does")
        else:
            require(self.reason, "reason", f"given, since test is {self.test}", repr(self.reason))
            require(not self.checks, "checks", f"empty, since test is {self.test}", len(self.checks))
        return self


def load_claims(path: Path = PATH) -> list[Claim]:
    """Read and validate a ledger.

    Raises
    ------
    ValueError
        Naming the claim, the check and the field that is wrong.
    """
    return read_entries(path, Claim)
