"""What is claimed: the rows of `claims.yaml` as frozen, validated dataclasses. `kdbook.lab.claims` measures them."""

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from kdbook import experiments

PATH = Path(__file__).with_name("claims.yaml")
CHOICES = {
    "summary_verdict": ("correct", "imprecise", "wrong", "unsupported", "n/a"),
    "test": ("experiment", "citation", "constants", "not testable here"),
    "compare": ("difference", "ratio", "share"),
    "relation": ("greater", "less", None),
}


@dataclass(frozen=True)
class Check:
    """One number to measure: `column` of the rows `where`, one a seed, compared as `compare` says, times `scale`.

    `versus` and `versus_column` name the other side of a difference or ratio (either defaults to the same); `goal` the
    end of a share, (versus - where) / (versus - goal). `shown` checks are printed and decide nothing.
    """

    label: str
    unit: str
    experiment: str
    column: str
    where: Mapping
    versus: Mapping | None = None
    versus_column: str | None = None
    compare: str = "difference"
    goal: Mapping | None = None
    scale: float = 1.0
    published: float | None = None
    tolerance: float | None = None
    tolerance_reason: str = ""
    relation: str | None = None
    than: float | None = None
    shown: bool = False

    @property
    def expected(self) -> str:
        """What was published, as text."""
        if self.published is None:
            return f"{'>' if self.relation == 'greater' else '<'} {self.than:g}" if self.relation else "-"
        bound = {"greater": "at least ", "less": "at most "}.get(self.relation, "")
        return f"{bound}{self.published:g}" + (f" ± {self.tolerance:g}" if self.tolerance else "")


@dataclass(frozen=True)
class Claim:
    """A published statement, what reading says of it, and the checks that test it; fields as in `claims.yaml`."""

    id: str
    chapter: str
    statement: str
    summary_verdict: str
    why: str
    source: str
    checked: str
    published: str
    test: str
    links: tuple[str, ...] = ()
    reason: str = ""
    deviations: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


def load_claims(path: Path = PATH) -> list[Claim]:
    """Read and validate a ledger.

    Raises
    ------
    ValueError
        Naming the claim, the check and the field that is wrong.
    """
    entries = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
    claims = [_claim(fields) for fields in entries]
    ids = [claim.id for claim in claims]
    for name in ids:
        _need(ids.count(name) == 1, f"claim {name}", "id", "is used twice")
    return claims


def _need(condition: bool, where: str, name: str, message: str) -> None:
    if not condition:
        raise ValueError(f"{where}: field {name} {message}")


def _build(cls, fields: Mapping, where: str):
    """A dataclass from a mapping, with every field known, none missing, and choices among those there are."""
    known = {f.name: f for f in dataclasses.fields(cls)}
    for name in fields:
        _need(name in known, where, name, f"is unknown; there are {', '.join(known)}")
    for name, f in known.items():
        optional = f.default is not dataclasses.MISSING
        _need(optional or fields.get(name) not in (None, "", {}), where, name, "is missing")
        if name in CHOICES and name in fields:
            options = [str(c) for c in CHOICES[name] if c]
            _need(fields[name] in CHOICES[name], where, name, f"must be one of {options}, got {fields[name]!r}")
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})


def _claim(fields: Mapping) -> Claim:
    where = f"claim {fields.get('id', '(without id)')}"
    claim = _build(Claim, {**fields, "checks": [_check(where, c) for c in fields.get("checks", ())]}, where)
    two_digits = bool(re.fullmatch(r"\d\d", str(claim.chapter)))
    _need(two_digits, where, "chapter", f"must be two digits, got {claim.chapter!r}")
    measured = claim.test == "experiment"
    _need(measured or bool(claim.reason), where, "reason", f"is missing, and test is {claim.test}")
    problem = "must decide something" if measured else f"must be empty, since test is {claim.test}"
    _need(any(not c.shown for c in claim.checks) if measured else not claim.checks, where, "checks", problem)
    return claim


def _check(claim: str, fields: Mapping) -> Check:
    where = f"{claim}, check {fields.get('label', '(without label)')!r}"
    check = _build(Check, fields, where)
    try:
        columns = experiments.module(check.experiment).COLUMNS
    except ValueError as error:
        raise ValueError(f"{where}: field experiment: {error}") from None
    selections = {name: getattr(check, name) for name in ("where", "versus", "goal") if getattr(check, name)}
    used = [("column", check.column), ("versus_column", check.versus_column)]
    for name, column in used + [(name, key) for name, keys in selections.items() for key in keys]:
        known = column in columns or column is None
        _need(known, where, name, f"{column!r} is no column of {check.experiment}; there are {', '.join(columns)}")
    for name in ("scale", "published", "tolerance", "than"):
        value = getattr(check, name)
        numeric = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        _need(value is None or numeric, where, name, f"must be a number, got {value!r}")
    _need((check.compare == "share") == bool(check.goal), where, "goal", "belongs to compare: share, and it to goal")
    compared = bool(check.versus or check.versus_column)
    _need(check.compare == "difference" or compared, where, "versus", f"is missing, and compare is {check.compare}")
    if not check.shown and check.published is not None:
        _need(check.tolerance is not None and check.tolerance >= 0, where, "tolerance", "is missing or negative")
        _need(bool(check.tolerance_reason), where, "tolerance_reason", "is missing")
        _need(check.than is None, where, "than", "has no use beside published")
    elif not check.shown:
        _need(bool(check.relation) and check.than is not None, where, "published", "is missing, or relation with than")
    return check
