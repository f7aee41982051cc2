"""Figures of knowledge_types: who learns most from answers, features and relations, and what embeddings look like."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kdbook.book.knowledge_types import METHODS, NEEDS_MAPS
from kdbook.data import load_images
from kdbook.lab.intervals import t_interval
from kdbook.show.figures import figure
from kdbook.show.style import HARD, SOFT, SOFT_SHIFTED, TEACHER, YOURS

COLOURS = {"feature": "#CC79A7", "relation": SOFT_SHIFTED}
SEEN = {"teacher": "teacher", "hard": "hard labels", "kd": "KD", "at": "AT", "sp": "SP", "crd": "CRD"}
CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


def _points(axes, at, values, colour) -> None:
    """Seeds as dots and their mean with its 95 % interval, along a horizontal line."""
    mean, low, high = t_interval(values)
    axes.plot([low, high], [at, at], color=colour, lw=1.5)
    axes.scatter(values, np.full(len(values), at), s=10, color=colour, alpha=0.4)
    axes.scatter([mean], [at], s=42, color=colour, zorder=3)


@figure("knowledge_types", chapter="04")
def students(reference, mine=None) -> Figure:
    """Tian et al. 2020, Table 1, asked again on Fashion-MNIST: which knowledge is worth most at an equal budget?

    Two panels, for a small convolutional student and an MLP. One line a method: test errors, when it is alone beside
    hard labels and when it is added to soft targets, minus those of soft targets alone, paired by seed. Vertical lines
    mark soft targets alone, at zero, and labels alone. Methods that need maps have no line for the MLP.
    """
    fig, panels = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
    rows = {name: at for at, name in enumerate(reversed([*METHODS]))}
    for axes, prefix, title in zip(panels, ("", "mlp_"), ("convolutional student", "MLP student"), strict=True):
        more = _errors_more_than_kd(reference, prefix)
        axes.axvline(more[f"{prefix}hard"].mean(), color=HARD, lw=2, label="hard labels alone")
        axes.axvline(0, color=SOFT, lw=2, label="soft targets (KD) alone")
        for name, at in rows.items():
            if prefix and name in NEEDS_MAPS:
                continue
            _points(axes, at + 0.17, more[prefix + name].to_numpy(), HARD)
            _points(axes, at - 0.17, more[f"{prefix}{name}_kd"].to_numpy(), SOFT)
            if mine is not None:
                own = _errors_more_than_kd(mine, prefix).mean()
                spots = [own[prefix + name], own[f"{prefix}{name}_kd"]]
                axes.scatter(spots, [at + 0.3, at - 0.3], marker="D", s=22, facecolors="none", edgecolors=YOURS)
        axes.set(title=title, xlabel="test errors of 10,000, minus those of KD")
    panels[0].set_yticks(list(rows.values()), [METHODS[name].label for name in rows])
    for label, name in zip(panels[0].get_yticklabels(), rows, strict=True):
        label.set_color(COLOURS[METHODS[name].type])
    shown = [
        Line2D([], [], color=HARD, marker="o", label="beside hard labels"),
        Line2D([], [], color=SOFT, marker="o", label="added to soft targets"),
    ]
    if mine is not None:
        shown.append(Line2D([], [], color=YOURS, marker="D", mfc="none", ls="", label="yours (quick)"))
    handles = panels[0].get_legend_handles_labels()[0]
    fig.legend(handles=[*handles, *shown], loc="outside lower center", ncols=6, fontsize=8)
    return fig


def _errors_more_than_kd(table, prefix: str):
    """Test errors of every student (columns) of every seed (rows), minus those of the same net under plain KD."""
    errors = table[table.arm != "teacher"].pivot(index="seed", columns="arm", values="test_errors")
    return errors.sub(errors[f"{prefix}kd"], axis=0)


MEASURES = {
    "recall": ("recall@1, own classes", 100),
    "recall_new": ("recall@1, MNIST", 100),
    "few_shot": ("5-way 5-shot, MNIST", 100),
    "distance_correlation": ("distances of classes\nlike the teacher's", 1),
}


@figure("knowledge_types_embedding", chapter="04")
def metric_learning(reference, mine=None) -> Figure:
    """Is relation knowledge best for metric learning and few examples, as the summary says?

    Four panels, one line a method, each added to soft targets or beside hard labels: share of nearest neighbours of the
    same class among Fashion-MNIST and among unseen MNIST digits, few-shot accuracy on MNIST, and how much the distances
    between class means resemble the teacher's. Lines of labels alone, soft targets alone and the teacher are marked.
    """
    fig, panels = plt.subplots(1, len(MEASURES), figsize=(14, 4.8), sharey=True)
    rows = {name: at for at, name in enumerate(reversed([*METHODS]))}
    for axes, (column, (title, scale)) in zip(panels, MEASURES.items(), strict=True):
        values = reference.groupby("arm")[column].apply(np.array) * scale
        for arm, colour, style in (("hard", HARD, "-"), ("kd", SOFT, "-"), ("teacher", TEACHER, ":")):
            axes.axvline(values[arm].mean(), color=colour, ls=style, lw=1.6, label=SEEN[arm])
        for name, at in rows.items():
            _points(axes, at + 0.17, values[name], HARD)
            _points(axes, at - 0.17, values[f"{name}_kd"], SOFT)
            if mine is not None:
                own = mine.groupby("arm")[column].mean() * scale
                spots = [own[name], own[f"{name}_kd"]]
                axes.scatter(spots, [at + 0.3, at - 0.3], marker="D", s=18, facecolors="none", edgecolors=YOURS)
        axes.set(title=title, xlabel="%" if scale == 100 else "Spearman correlation")
    panels[0].set_yticks(list(rows.values()), [METHODS[name].label for name in rows])
    panels[0].legend(fontsize=8, loc="lower left")
    return fig


@figure("attention_maps", chapter="04")
def attention(reference, mine=None) -> Figure:
    """Zagoruyko and Komodakis 2017: where a net looks is the mean of its squared activations over channels.

    Six test images in columns; below each, the attention map of the second stage of the teacher, of a student of hard
    labels, of soft targets, and of attention transfer. The last one's are the most like the teacher's, without copying
    them.
    """
    shown = ("teacher", "hard", "kd", "at")
    images = load_images("fashion-mnist", "test").x[:6].numpy()
    fig, panels = plt.subplots(1 + len(shown), 6, figsize=(7, 6))
    for axes, image in zip(panels[0], images, strict=True):
        axes.imshow(image, cmap="gray_r")
    for row, arm in zip(panels[1:], shown, strict=True):
        for axes, found in zip(row, reference.array(arm, "attention_1"), strict=True):
            axes.imshow(found, cmap="magma")
        row[0].set_ylabel(SEEN[arm], rotation=0, ha="right", va="center")
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
    return fig


@figure("similarity_matrices", chapter="04")
def similarities(reference, mine=None) -> Figure:
    """Which inputs does a net find alike? Six images a class, in the order of classes.

    Five square matrices of cosines between the embeddings of sixty test images, for the teacher and students of hard
    labels, soft targets, similarity-preserving and contrastive distillation. Bright blocks on the diagonal are classes;
    blocks off it are classes that a net finds alike, such as pullovers, coats and shirts.
    """
    shown = ("teacher", "hard", "kd", "sp", "crd")
    fig, panels = plt.subplots(1, len(shown), figsize=(14, 3.4))
    for axes, arm in zip(panels, shown, strict=True):
        drawn = axes.imshow(reference.array(arm, "similarity"), vmin=-0.2, vmax=1)
        axes.set(title=SEEN[arm], xticks=[], yticks=[])
        axes.grid(False)
    panels[0].set_yticks(np.arange(10) * 6 + 2.5, CLOTHES, fontsize=8)
    fig.colorbar(drawn, ax=panels, shrink=0.8, label="cosine")
    return fig


@figure("embedding_planes", chapter="04")
def planes(reference, mine=None) -> Figure:
    """Five hundred test images in the plane of their embedding's two largest principal components.

    Five scatter plots, coloured by class: teacher and students of hard labels, soft targets, similarity-preserving and
    contrastive distillation. Shoes, bags and trousers lie apart in all; upper-body clothes overlap in all.
    """
    shown = ("teacher", "hard", "kd", "sp", "crd")
    labels = load_images("fashion-mnist", "test").y[:500].numpy()
    fig, panels = plt.subplots(1, len(shown), figsize=(14, 3.4))
    for axes, arm in zip(panels, shown, strict=True):
        x, y = reference.array(arm, "plane").T
        for c, name in enumerate(CLOTHES):
            here = labels == c
            axes.scatter(x[here], y[here], s=6, color=plt.get_cmap("tab10")(c), label=name)
        axes.set(title=SEEN[arm], xticks=[], yticks=[])
    fig.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=8, markerscale=2)
    return fig


@figure("class_distances", chapter="04")
def distances(reference, mine=None) -> Figure:
    """Inter-class distances: how far apart are the classes' mean embeddings?

    Four matrices of ten by ten distances between class means, in units of their mean, for the teacher and students of
    hard labels, soft targets and RKD's distances. Dark cells, classes near each other, are the same in all: shirts,
    coats and pullovers. Far classes differ: trousers and boots are farthest for hard labels only.
    """
    shown = {"teacher": "teacher", "hard": "hard labels", "kd": "KD", "rkd_d": "RKD-D"}
    fig, panels = plt.subplots(1, len(shown), figsize=(13, 3.6))
    for axes, (arm, title) in zip(panels, shown.items(), strict=True):
        drawn = axes.imshow(reference.array(arm, "distances"), vmin=0, vmax=1.7)
        axes.set(title=title, xticks=range(10), yticks=[])
        axes.set_xticklabels(CLOTHES, rotation=90, fontsize=8)
        axes.grid(False)
    panels[0].set_yticks(range(10), CLOTHES, fontsize=8)
    fig.colorbar(drawn, ax=panels, shrink=0.8, label="distance / mean distance")
    return fig
