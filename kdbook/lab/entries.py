"""Hand-written lists, such as the ledger and the cards: YAML read into frozen, checked dataclasses."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from kdbook import require

SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times as fast, where yaml was built with it
Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
ONLY_KNOWN_FIELDS = ConfigDict(extra="forbid")


def read_entries(path: Path, cls: type) -> list:
    """Read entries of one class.

    Parameters
    ----------
    path : Path
        A YAML list of mappings.
    cls : type
        Dataclass of pydantic, with an `id`.

    Raises
    ------
    ValueError
        Naming every entry (and what is inside it) and field that is wrong, or an id that is used twice.
    """
    entries = yaml.load(Path(path).read_text(encoding="utf-8"), SafeLoader) or []
    try:
        found = TypeAdapter(list[cls]).validate_python(entries)
    except ValidationError as error:
        raise ValueError("\n".join(_sentence(cls, entries, problem) for problem in error.errors())) from None
    ids = [entry.id for entry in found]
    for name in ids:
        require(ids.count(name) == 1, f"{cls.__name__.lower()} {name}: field id", "used once", "a second use")
    return found


def _sentence(cls: type, entries: list, problem: dict) -> str:
    """Such as ``claim some-id, check 'student': field unit: Field required``."""
    number, *path = problem["loc"]
    entry = entries[number]
    where = f"{cls.__name__.lower()} {entry.get('id', '(without id)')}"
    if len(path) > 1 and isinstance(inner := entry[path[0]][path[1]], dict):
        where += f", {path[0].removesuffix('s')} {inner.get('label', '(without label)')!r}"
        path = path[2:]
    message = problem["msg"].removeprefix("Value error, ")
    got = "" if problem["type"] in ("missing", "value_error") else f", got {problem['input']!r}"
    return f"{where}: field {f'{path[0]}: {message}' if path else message}{got}"
