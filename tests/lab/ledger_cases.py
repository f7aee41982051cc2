"""A small table and ledger for the tests of statements, draws, claims and the ledger's pages."""

import pandas as pd
import yaml

from kdbook.lab.entries import read_entries
from kdbook.lab.statements import Claim

TEACHER, HARD, DISTILLED = [66, 70, 68], [140, 150, 145, 155, 150], [78, 82, 80, 86, 74]
# Of the teachers 0, 1 and 2: students 0 and 3 have teacher 0, students 1 and 4 teacher 1, student 2 teacher 2.
BY_TEACHER = [(78 + 86) / 2, (82 + 74) / 2, 80]


def table():
    """Three teachers and two arms of five students, student i with teacher i mod 3; rows out of order."""
    arms = {"teacher": TEACHER, "hard": HARD, "distilled": DISTILLED}
    rows = [
        {"arm": arm, "seed": i, "teacher_seed": None if arm == "teacher" else i % 3, "test_errors": e,
         "test_errors_shifted": 2 * e + i, "agreement": 0.99}
        for arm, errors in arms.items() for i, e in enumerate(errors)
    ]  # fmt: skip
    return pd.DataFrame(rows[::-1])


def entry(check=(), **fields):
    """A valid entry of the ledger with one key check, changed as asked for; a field set to None is left out."""
    one = {
        "label": "student", "unit": "errors", "experiment": "hinton_mnist", "column": "test_errors",
        "where": {"arm": "distilled"}, "relation": "less", "than": 100, "smallest": 5,
        "smallest_reason": "one in twenty", "key": True, **dict(check),
    }  # fmt: skip
    whole = {
        "id": "some-claim", "chapter": "01", "statement": "s", "summary_verdict": "correct", "why": "w", "source": "p",
        "checked": "full text read", "published": "74", "test": "experiment",
        "checks": [{k: v for k, v in one.items() if v is not None}], **fields,
    }  # fmt: skip
    return {k: v for k, v in whole.items() if v is not None}


def read(tmp_path, *entries):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(list(entries)))
    return read_entries(path, Claim)


def claim(tmp_path, check=(), **fields):
    return read(tmp_path, entry(check, **fields))[0]


def check_of(tmp_path, **check):
    return claim(tmp_path, check).checks[0]


def checks(tmp_path, *changes, **fields):
    """A claim with several checks."""
    made = [entry({"label": f"check {n}", **change})["checks"][0] for n, change in enumerate(changes)]
    return read(tmp_path, entry(checks=made, **fields))[0]
