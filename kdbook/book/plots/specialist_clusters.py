"""Figures of specialist_clusters: what a generalist confuses, beside WordNet's own order of things."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.specialist_clusters import SOURCES
from kdbook.data import read_glosses
from kdbook.show.drawing import compare_arms
from kdbook.show.figures import figure

NAMES = (
    "covariance,\nscaled",
    "scaled,\nas a tree",
    "covariance\nas it is",
    "scaled, train-\ning texts",
    "confusions,\nscaled",
)
TICKS = dict(zip(SOURCES, NAMES, strict=True))


@figure("specialist_clusters", chapter="06")
def clusters(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 5.3: cluster the covariance of the generalist's predictions.

    Left, a matrix of clusters against WordNet's supersenses: most clusters hold classes of one supersense, such as
    persons, plants or animals. Right, the adjusted Rand index with the supersenses of five ways to cluster: the scaled
    covariance of texts not trained on is above the others.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5.2), width_ratios=[1.2, 1])
    kinds = sorted(set(read_glosses().groups))
    counts = reference.array("covariance", "groups").astype(float)
    columns = np.argsort(-counts.sum(0), kind="stable")
    rows = np.lexsort((-counts.max(1), np.argsort(columns)[counts.argmax(1)]))
    shown = counts[rows][:, columns]
    left.imshow(shown / shown.sum(1, keepdims=True).clip(1), cmap="Blues", aspect="auto", vmin=0, vmax=1)
    left.set_xticks(range(len(kinds)), [kinds[c] for c in columns], rotation=60, ha="right", fontsize=8)
    left.set_yticks(range(len(rows)), [f"{int(n)}" for n in shown.sum(1)], fontsize=7)
    left.set(title="Share of a cluster's classes by supersense", ylabel="clusters, with their number of classes")
    left.grid(visible=False)
    compare_arms(right, TICKS, "taxonomy_rand", reference, mine)
    right.axhline(0, color="#999999", lw=1)
    right.set(
        title="Agreement with WordNet's supersenses", ylabel="adjusted Rand index (0: chance)", ylim=(-0.05, None)
    )
    if mine is not None:
        right.legend(fontsize=8)
    return fig
