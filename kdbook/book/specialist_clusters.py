"""Which classes does a generalist confuse, and are those the taxonomy's neighbours? Hinton et al. 2015, section 5.3.

Published: online K-means on the columns of the covariance of the generalist's predictions; no labels are needed, and
other ways of clustering gave about the same. Table 2 lists three clusters by example. Here the classes are WordNet's.
"""

from dataclasses import replace

import numpy as np
import torch

from kdbook.book.shared.team import training_texts
from kdbook.data.glosses import VOCABULARY, load_glosses, read_glosses
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import percent_right, predict, stored_network, train
from kdbook.nets.vision import count_parameters
from kdbook.show import by_arm, figure, level, looks
from kdbook.training import HardLabels
from kdbook.training.opinions import confusable_subsets

VERSION = 1
DATA = "wordnet"
SEEDS = {"full": (5, 5), "quick": (2, 2)}  # of the chapter's three questions: a generalist for every seed
COLUMNS = columns(
    "arm seed accuracy training_accuracy taxonomy_rand other_rand largest covered parameters",
    arm="generalist, or what its classes are clustered by",
    seed="seed of the generalist and of the clustering",
    accuracy="top-1 accuracy of the generalist, % of test definitions",
    training_accuracy="the same, % of the definitions that it is trained on",
    taxonomy_rand="adjusted Rand index of clusters and WordNet's supersenses; 0 = chance, 1 = the same",
    other_rand="adjusted Rand index of these clusters and those of the arm covariance",
    largest="share of the classes in the largest cluster",
    covered="share of the classes that belong to a subset or more",
    parameters="trainable parameters of the generalist",
)
SOURCES = {
    "covariance": "covariance,\nscaled",
    "covariance_tree": "scaled,\nas a tree",
    "covariance_raw": "covariance\nas it is",
    "covariance_training": "scaled, train-\ning texts",
    "confusion": "confusions,\nscaled",
}


def arms(profile: str) -> dict[str, Arm]:
    """The generalist that the chapter's three questions share, and five ways to cluster its classes."""
    # Chosen on validation texts: hidden units so that the network, as that of the paper, is too small for its task.
    # With 128 it gets 94 % of its training texts right and 54 % of the validation texts, and specialists trained on the
    # same texts added nothing to that. Then rate (0.006, 0.01, 0.02), dropout (0, 0.1, 0.2), epochs (12, not 36).
    settings = {"net": "bag_of_words", "sizes": [VOCABULARY, 20, 535], "input_dropout": 0.2, "optimizer": "adam"}
    settings |= {"lr": 0.01, "batch_size": 512, "epochs": 12}
    # 24 subsets of 30, so that as in the paper (61 of 300, of 15,000 classes) an average class is in 1.3 of them.
    subsets = {"clusters": 24, "size": 30}
    if profile == "quick":
        settings |= {"lr": 0.03, "batch_size": 256, "epochs": 8, "every": 3}
        subsets |= {"clusters": 8}
    generalist = Arm("generalist", "teacher", settings)
    found = {"generalist": generalist}
    for k in (1, 2):  # two more of every seed, which make an ensemble with it
        found[f"generalist_{k}"] = replace(generalist, named="generalist", listed=False, at=range(1000 + k, 2000, 10))
    for source, label in SOURCES.items():
        found[source] = Arm(label, settings={**subsets, "source": source}, needs=("generalist",))
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a generalist, or cluster its classes."""
    (trial,) = trials
    return [train_generalist(trial, tools) if trial.arm == "generalist" else cluster(trial, tools)]


def train_generalist(trial: Trial, tools: Tools) -> dict:
    """Hard labels; scored on the test definitions once."""
    fit = training_texts(trial, tools)
    model, _ = train(trial, fit, HardLabels(), tools)
    tools.keep(trial, tensors=model.state_dict())
    parts = {"accuracy": load_glosses("test", tools.device), "training_accuracy": fit}
    scores = {name: percent_right(predict(model, part).logits, part.y) for name, part in parts.items()}
    return {**scores, "parameters": count_parameters(model)}


def cluster(trial: Trial, tools: Tools) -> dict:
    """Cluster by what the generalist says of definitions that it was not trained on, and compare."""
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import adjusted_rand_score

    sizes = {"clusters": trial.settings["clusters"], "size": trial.settings["size"], "seed": trial.seed}
    (teacher,) = trial.needs
    columns = class_columns(teacher, trial.settings["source"], tools)
    label, members = confusable_subsets(columns, **sizes)
    if trial.settings["source"] == "covariance_tree":
        label = AgglomerativeClustering(sizes["clusters"]).fit_predict(columns)
    plain, _ = confusable_subsets(class_columns(teacher, "covariance", tools), **sizes)
    kinds, groups = np.unique(read_glosses().groups, return_inverse=True)
    counts = np.zeros((sizes["clusters"], len(kinds)), dtype=np.int16)
    np.add.at(counts, (label, groups), 1)
    tools.keep(trial, tensors={"members": torch.from_numpy(members)}, pictures={"groups": counts, "members": members})
    return {
        "taxonomy_rand": float(adjusted_rand_score(groups, label)),
        "other_rand": float(adjusted_rand_score(plain, label)),
        "largest": float(np.bincount(label).max() / len(label)),
        "covered": float(members.any(0).mean()),
    }


def class_columns(teacher: Trial, source: str, tools: Tools) -> np.ndarray:
    """What classes are clustered by, (C, C), a row a class.

    ``covariance`` leaves out a class's own variance and gives every row length 1: else the few classes with a large
    variance become clusters of their own, and all others one (``covariance_raw``). ``covariance_tree`` has the same
    columns, for another algorithm. ``covariance_training`` asks about the training texts. ``confusion``
    counts mistakes on the validation texts, and needs their labels.
    """
    from sklearn.metrics import confusion_matrix

    trained = source == "covariance_training"
    part = training_texts(teacher, tools) if trained else load_glosses("validation", tools.device)
    logits = predict(stored_network(teacher, tools), part).logits
    if source == "confusion":
        mistakes = confusion_matrix(part.y.cpu(), logits.argmax(-1).cpu(), labels=range(logits.shape[1]))
        columns = (mistakes + mistakes.T).astype(float)
    else:
        columns = np.cov(logits.softmax(-1).double().cpu().numpy().T)
    if source == "covariance_raw":
        return columns
    np.fill_diagonal(columns, 0)
    return columns / np.linalg.norm(columns, axis=1, keepdims=True).clip(1e-12)


@figure("specialist_clusters", chapter="06", size=(12, 5.2), grid=(1, 2), legend=1, width_ratios=[1.2, 1])
def clusters(left, right, both):
    """Hinton et al. 2015, section 5.3: cluster the covariance of the generalist's predictions.

    Left, a matrix of clusters against WordNet's supersenses: most clusters hold classes of one supersense, such as
    persons, plants or animals. Right, the adjusted Rand index with the supersenses of five ways to cluster: the scaled
    covariance of texts not trained on is above the others.
    """
    kinds = sorted(set(read_glosses().groups))
    counts = both.reference.array("covariance", "groups").astype(float)
    columns = np.argsort(-counts.sum(0), kind="stable")
    rows = np.lexsort((-counts.max(1), np.argsort(columns)[counts.argmax(1)]))
    shown = counts[rows][:, columns]
    left.imshow(shown / shown.sum(1, keepdims=True).clip(1), cmap="Blues", aspect="auto", vmin=0, vmax=1)
    left.set_xticks(range(len(kinds)), [kinds[c] for c in columns], rotation=60, ha="right")
    left.set_yticks(range(len(rows)), [f"{n:.0f}" for n in shown.sum(1)])
    left.set(title="Share of a cluster's classes by supersense", ylabel="clusters, with their number of classes")
    left.grid(visible=False)
    by_arm(right, both, "taxonomy_rand", looks(arms("full"), SOURCES))
    level(right, 0)
    right.set(title="Agreement with WordNet's supersenses", ylabel="adjusted Rand index (0: chance)")
    right.set_ylim(-0.05, None)
