"""What the page *Playground* carries: letters of the shipped definitions, counted, and the published models."""

import json
import re
from pathlib import Path

import numpy as np
import stills

from kdbook.book.tables.distilled_models import FAMILIES, published
from kdbook.data.glosses import read_glosses

LETTERS = "abcdefghijklmnopqrstuvwxyz "
FIELDS = {  # name in the page: column of the table
    "model": "model", "teacher": "teacher", "family": "family", "benchmark": "benchmark", "source": "source",
    "checked": "checked", "read": "read", "ratio": "size_ratio", "kept": "score_ratio", "student": "student_score",
    "score": "teacher_score", "studentSize": "student_params_b", "teacherSize": "teacher_params_b",
}  # fmt: skip


def letter_counts() -> np.ndarray:
    """How often three letters follow each other in WordNet's definitions, (27, 27, 27) of uint32, as in a ring.

    What is no letter, and each run of it, is one space.
    """
    text = " ".join(definition.text for definition in read_glosses().definitions).lower()
    letters = re.sub("[^a-z]+", " ", f"{text} ").encode()
    number = np.array([LETTERS.find(chr(code)) for code in range(256)])
    one = number[np.frombuffer(letters, np.uint8)]
    triples = (one * 27 + np.roll(one, -1)) * 27 + np.roll(one, -2)
    return np.bincount(triples, minlength=27**3).astype(np.uint32)


def models() -> list[dict]:
    """Published students whose size, score and teacher are all known, a row a benchmark; families as in figures."""
    table = published()
    known = table[table.size_ratio.notna() & table.score_ratio.notna()]
    known = known.sort_values("family", key=lambda names: names.map([*FAMILIES].index), kind="stable")
    return json.loads(known[[*FIELDS.values()]].set_axis([*FIELDS], axis=1).to_json(orient="records"))


def write(folder: Path) -> None:
    """Write `ideas.js` and the still pictures into a folder."""
    from pack import base64_of

    counts = letter_counts()
    packed = {"letters": base64_of(counts), "models": models()}
    (folder / "ideas.js").write_text(f"globalThis.kdbookIdeas = {json.dumps(packed)};\n")
    stills.playground(folder)
    stills.letters(folder / "speculative.svg", counts.reshape(27, 27, 27), LETTERS)
