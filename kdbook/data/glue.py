"""GLUE's own tasks from a folder of their files, in the form of `kdbook.data.tasks`: for readers who have a copy.

The answers of GLUE's test sets are not public: as in most papers, the development set is the test part here, and
validation is a fixed twelfth of the training file. STS-B, a regression, is left out.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from kdbook.data.glosses import bin_of
from kdbook.data.tasks import check_request

VALIDATION = range(92, 100)  # bins of a hundred, by text


class Columns(NamedTuple):
    """Where a file has its texts and its label, by name or (without a header) number, and what the labels are."""

    texts: tuple
    label: str | int
    labels: tuple[str, ...] = ("0", "1")
    dev: str = "dev.tsv"


TASKS = {
    "CoLA": Columns((3,), 1),
    "SST-2": Columns(("sentence",), "label"),
    "MRPC": Columns(("#1 String", "#2 String"), "Quality"),
    "QQP": Columns(("question1", "question2"), "is_duplicate"),
    "MNLI": Columns(
        ("sentence1", "sentence2"), "gold_label", ("entailment", "neutral", "contradiction"), "dev_matched.tsv"
    ),
    "QNLI": Columns(("question", "sentence"), "label", ("entailment", "not_entailment")),
    "RTE": Columns(("sentence1", "sentence2"), "label", ("entailment", "not_entailment")),
    "WNLI": Columns(("sentence1", "sentence2"), "label"),
}


def load(
    folder: str | Path, name: str, part: str, limit: int | None = None, seed: int = 0
) -> tuple[list[str] | list[tuple[str, str]], Tensor]:
    """Texts of a GLUE task with their labels, in random order.

    Parameters
    ----------
    folder : str or Path
        Holds a folder for each task, such as ``RTE/train.tsv`` and ``RTE/dev.tsv``, as GLUE distributes them.
    name : str
        A key of `TASKS`.
    part : str
        ``fit``, ``validation``, ``train`` (both) or ``test`` (the development set).
    limit, seed : int
        At most so many texts; seed of their order.

    Returns
    -------
    texts : list of str, or of (str, str)
    labels : Tensor (N,), int64

    Raises
    ------
    ValueError
        For an unknown task or part, a limit below 1, or a file with other columns or labels.
    FileNotFoundError
        When the file is not there.
    """
    check_request(name, TASKS, part, limit)
    rows = _rows(Path(folder).expanduser() / name / (TASKS[name].dev if part == "test" else "train.tsv"), TASKS[name])
    if part in ("fit", "validation"):
        rows = [row for row in rows if (bin_of("\t".join(row[0])) in VALIDATION) == (part == "validation")]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).tolist()[:limit]
    texts = [rows[at][0] if len(rows[at][0]) == 2 else rows[at][0][0] for at in order]
    return texts, torch.tensor([rows[at][1] for at in order], dtype=torch.int64)


def _rows(path: Path, columns: Columns) -> list[tuple[tuple[str, ...], int]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: put GLUE's files there, one folder a task, and name their folder")
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    asked = [*columns.texts, columns.label]
    if isinstance(columns.label, str):
        header, *lines = lines or [[]]
        if lacking := [name for name in asked if name not in header]:
            raise ValueError(f"{path} lacks the column {lacking[0]!r}; it has {', '.join(header) or 'no line'}")
        asked = [header.index(name) for name in asked]
    rows = []
    for number, line in enumerate(lines, 1 + isinstance(columns.label, str)):
        cells = [line[at] for at in asked] if len(line) > max(asked) else [""]
        if not all(cells) or cells[-1] not in columns.labels:
            raise ValueError(f"{path}, line {number}: needs texts and a label of {', '.join(columns.labels)}: {line}")
        rows.append((tuple(cells[:-1]), columns.labels.index(cells[-1])))
    return rows
