"""What the map of chapter 06 carries: which classes a generalist finds likely together, and what specialists add.

    python site/doubts.py           trains one seed of the chapter's team in your store, and writes `doubts.npz`

`results/full` has what clusters and teams come to, not the matrix and not the counts of single classes. They are kept
here, of a team that was trained again on one thread: its last digits, and so a few of its answers, are others.
"""

import base64
import json
from pathlib import Path

import numpy as np
import stills
import torch

from kdbook.book.shared.team import generalist_log_p, members_of, opinions_of
from kdbook.book.specialist_clusters import class_columns
from kdbook.data.glosses import load_glosses, read_glosses
from kdbook.lab import Store, Tools, Trial, arms
from kdbook.lab.engines import local
from kdbook.lab.tools import Progress
from kdbook.training.opinions import active_specialists, combine, confusable_subsets

COMMITTED = Path(__file__).with_name("doubts.npz")
SEED = 0
FACTOR = 2**12  # of the covariances, in half precision: the smallest would be lost
COUNTS = ("texts", "alone", "gained", "lost")  # of test texts by class: all, right without specialists, and changes


def team() -> Trial:
    """Generalist and specialists as published, of one seed."""
    return arms.trial("specialists", "full", "specialists", SEED)


def measured(tools: Tools) -> dict[str, np.ndarray]:
    """The covariance on its diagonal and above, times `FACTOR`; the cluster of each class; `COUNTS` of each class."""
    trial, test = team(), load_glosses("test", tools.device)
    generalist, cut, *_ = trial.needs
    sizes = {name: cut.settings[name] for name in ("clusters", "size")}
    label, _ = confusable_subsets(class_columns(generalist, "covariance", tools), **sizes, seed=SEED)
    covariance = class_columns(generalist, "covariance_raw", tools)
    log_p, members = generalist_log_p(trial, test, tools), members_of(trial, tools)
    asked = active_specialists(log_p, members)
    alone = log_p.argmax(-1) == test.y
    together = combine(log_p, opinions_of(trial, test, tools), asked).argmax(-1) == test.y
    chosen = (alone | True, alone, together & ~alone, alone & ~together)
    counts = [np.bincount(test.y[at], minlength=len(covariance)).astype(np.int16) for at in chosen]
    upper = FACTOR * covariance[np.triu_indices(len(covariance))]
    found = {"covariance": upper.astype(np.float16), "label": label.astype(np.int8), "members": members.cpu().numpy()}
    return found | dict(zip(COUNTS, counts, strict=True))


def in_order(label: np.ndarray, groups: tuple[str, ...]) -> np.ndarray:
    """Classes by cluster: those of the commonest kinds first, of these the large ones; in a cluster by kind."""
    kinds, kind = np.unique(groups, return_inverse=True)
    table = np.zeros((label.max() + 1, len(kinds)), int)
    np.add.at(table, (label, kind), 1)
    size, main = table.sum(1), table.argmax(1)  # main: the kind of most of a cluster's classes
    classes_of = np.bincount(main, weights=size, minlength=len(kinds))
    place = np.lexsort((-size, main, -classes_of[main])).argsort()
    return np.lexsort((kind, kind != main[label], place[label]))


def scaled(upper: np.ndarray) -> np.ndarray:
    """What classes are clustered by, (C, C), from what is kept of their covariance."""
    classes = int((2 * len(upper)) ** 0.5)
    matrix = np.zeros((classes, classes))
    matrix[np.triu_indices(classes)] = upper
    matrix = np.triu(matrix, 1) + np.triu(matrix, 1).T
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True).clip(1e-12)


def packed() -> dict:
    """Everything that the map needs, by name."""
    kept, task, trial = np.load(COMMITTED), read_glosses(), team()
    generalist, _, *specialists = trial.needs
    return {
        "about": f"{generalist.name}, and the {len(specialists)} specialists of {trial.name}, trained again",
        "classes": task.classes,
        "groups": task.groups,
        "order": in_order(kept["label"], task.groups).tolist(),
        "labels": kept["label"].tolist(),
        "members": [mine.nonzero()[0].tolist() for mine in kept["members"]],
        "counts": {name: kept[name].tolist() for name in COUNTS},
        "covariance": base64.b64encode(kept["covariance"].tobytes()).decode(),
        "factor": FACTOR,
    }


def write(folder: Path) -> None:
    """Write `doubts.js` and the still picture into a folder."""
    told = packed()
    (folder / "doubts.js").write_text(f"globalThis.kdbookDoubts = {json.dumps(told)};\n")
    stills.doubts(folder / "doubts.png", scaled(np.load(COMMITTED)["covariance"])[np.ix_(told["order"], told["order"])])


if __name__ == "__main__":
    store, device = Store(), torch.device("cpu")
    local([team()], store, device)
    np.savez_compressed(COMMITTED, **measured(Tools(store, device, Progress([], quiet=True))))
