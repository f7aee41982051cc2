"""Which classes does a generalist confuse, and are those the taxonomy's neighbours? Hinton et al. 2015, section 5.3.

Published: online K-means on the columns of the covariance of the generalist's predictions; no labels are needed, and
other ways of clustering gave about the same. Table 2 lists three clusters by example. Here the classes are WordNet's.
"""

import numpy as np
import torch

from kdbook.data.glosses import VOCABULARY, Texts, load_glosses, read_glosses
from kdbook.lab.steps import predict, seeded_network, stored_network, train
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.nets.vision import count_parameters
from kdbook.training import HardLabels
from kdbook.training.opinions import confusable_subsets

VERSION = 1
COLUMNS = {
    "arm": "generalist, or what its classes are clustered by",
    "seed": "seed of the generalist and of the clustering",
    "accuracy": "top-1 accuracy of the generalist, % of test definitions",
    "training_accuracy": "the same, % of the definitions that it is trained on",
    "taxonomy_rand": "adjusted Rand index of clusters and WordNet's supersenses; 0 = chance, 1 = the same",
    "other_rand": "adjusted Rand index of these clusters and those of the arm covariance",
    "largest": "share of the classes in the largest cluster",
    "covered": "share of the classes that belong to a subset or more",
    "parameters": "trainable parameters of the generalist",
}

# Chosen on validation texts: hidden units so that the network, as that of the paper, is too small for its task. With
# 128 it gets 94 % of its training texts right and 54 % of the validation texts, and specialists trained on the same
# texts added nothing to that. Then rate (0.006, 0.01, 0.02), dropout (0, 0.1, 0.2), epochs (12, not 36).
GENERALIST = {
    "net": "bag_of_words", "sizes": [VOCABULARY, 20, 535], "input_dropout": 0.2,
    "optimizer": "adam", "lr": 0.01, "batch_size": 512, "epochs": 12,
}  # fmt: skip
# The number of subsets is 24 and their size 30, so that as in the paper (61 of 300, of 15,000 classes) an average class
# is in 1.3 of them.
SUBSETS = {"clusters": 24, "size": 30}
SETTINGS = {
    "full": {"generalist": GENERALIST, "subsets": SUBSETS},
    "quick": {
        "generalist": {**GENERALIST, "epochs": 8, "batch_size": 256, "lr": 0.03, "every": 3},
        "subsets": {"clusters": 8, "size": 30},
    },
}
SEEDS = {"full": 5, "quick": 2}
SOURCES = ("covariance", "covariance_tree", "covariance_raw", "covariance_training", "confusion")


def generalist(profile: str, seed: int, **changes) -> Trial:
    """The generalist of a seed, which all experiments of the chapter share; `changes` to its settings."""
    check_profile(profile)
    settings = {**SETTINGS[profile]["generalist"], **changes}
    return Trial("specialist_clusters", "generalist", seed, settings, data="wordnet", version=VERSION)


def subsets(profile: str, seed: int, source: str = "covariance") -> Trial:
    """The clustering of a generalist's classes."""
    settings = {**SETTINGS[profile]["subsets"], "source": source}
    needs = (generalist(profile, seed),)
    return Trial("specialist_clusters", source, seed, settings, needs=needs, data="wordnet", version=VERSION)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """A generalist a seed, and five ways to cluster its classes."""
    check_profile(profile)
    chosen = seeds_of(seeds, SEEDS[profile])
    return [t for s in chosen for t in (generalist(profile, s), *(subsets(profile, s, source) for source in SOURCES))]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a generalist, or cluster its classes."""
    (trial,) = trials
    return [train_generalist(trial, tools) if trial.arm == "generalist" else cluster(trial, tools)]


def train_generalist(trial: Trial, tools: Tools) -> dict:
    """Hard labels; scored on the test definitions once."""
    fit = training_texts(trial, tools)
    model, _ = train(trial, fit, HardLabels(), tools, seeded_network(trial))
    tools.keep(trial, tensors=model.state_dict())
    parts = {"accuracy": load_glosses("test", tools.device), "training_accuracy": fit}
    scores = {name: percent(predict(model, part).logits, part.y) for name, part in parts.items()}
    return {**scores, "parameters": count_parameters(model)}


def training_texts(trial: Trial, tools: Tools) -> Texts:
    """The part ``fit``, or of a quick trial one text in `every`: neighbours in WordNet's order are of one class."""
    return load_glosses("fit", tools.device).rows(slice(None, None, trial.settings.get("every", 1)))


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
    trained = source == "covariance_training"
    part = training_texts(teacher, tools) if trained else load_glosses("validation", tools.device)
    logits = predict(stored_network(teacher, tools), part).logits
    if source == "confusion":
        mistakes = np.zeros((logits.shape[1],) * 2)
        np.add.at(mistakes, (part.y.cpu().numpy(), logits.argmax(-1).cpu().numpy()), 1)
        columns = mistakes + mistakes.T
    else:
        columns = np.cov(logits.softmax(-1).double().cpu().numpy().T)
    if source == "covariance_raw":
        return columns
    np.fill_diagonal(columns, 0)
    return columns / np.linalg.norm(columns, axis=1, keepdims=True).clip(1e-12)


def percent(logits: torch.Tensor, y: torch.Tensor) -> float:
    """Top-1 accuracy in %."""
    return 100 * float((logits.argmax(-1) == y).float().mean())
