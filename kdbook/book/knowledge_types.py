"""Which knowledge of the teacher is worth most: its answers, its features or its relations? Tian et al. 2020, Table 1.

Every method alone beside hard labels, and added to soft targets, at an equal budget of data and epochs, on
Fashion-MNIST. A student has 12,000 images, so that one of two hundred runs takes seconds; its teacher had 50,000.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from torch import nn

from kdbook.book.shared.embeddings import (
    class_distances,
    distance_correlation,
    embed,
    embedding_pictures,
    embedding_scores,
)
from kdbook.book.which_knowledge import with_term
from kdbook.data.images import CLOTHES, Split, load_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import cached_teacher, scores, splits, stored_network, train
from kdbook.losses import feature, relation
from kdbook.show import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER, YOURS, Both, figure, gallery, heat, lying, of_seeds
from kdbook.training import ApiTeacher, Distillation, HardLabels, LiveTeacher
from kdbook.training.objectives import Cropped

VERSION, DATA = 2, "fashion-mnist"
SEEDS = {"full": (5, 3), "quick": (1, 1), "gpu": (5, 1)}  # students, teachers; one for all, as in the paper
COLUMNS = columns(
    "arm seed teacher_seed test_errors agreement mean_kl recall recall_new few_shot distance_correlation parameters",
    arm="teacher, hard, kd, api (KD from three classes), or a method, alone or (_kd) added to KD; mlp_: an MLP",
    recall="recall@1: share of 4,000 test images whose nearest neighbour by the embedding's cosine has their class",
    recall_new="the same among MNIST test images, whose classes nobody was trained on",
    few_shot="share of right answers by 5-way 5-shot nearest class means among MNIST test images",
    distance_correlation="Spearman correlation with the teacher's 45 distances between class means",
    parameters="trainable parameters of the student, without regressors",
)


class Method(NamedTuple):
    """What a method compares: the loss, and the hidden layers of teacher and student; and how much weight it has.

    Weights are a pair for each network, beside labels and added to soft targets. An MLP has no maps: methods that need
    them cannot teach it, and their losses say so.
    """

    label: str
    type: str
    loss: Callable
    layers: tuple[int, ...]
    conv: tuple[float, float]
    mlp: tuple[float, float] | None = None
    regressed: bool = False  # whether the layers pass through trainable maps


# Layers 0 to 2 are the maps of the stages, -1 is the embedding. They are the papers' choices: the middle for hints,
# every stage for attention, first to last for the flow, the last map for SP, the embedding for all other relations.
# Weights were chosen on validation images by the question `transfer_weights`. A hint is alone in a first stage and
# absent from the second: it has no weight, but epochs.
METHODS = {
    "fitnet": Method("FitNet hints", "feature", feature.hint_loss, (1,), (2, 1), (1, 1), regressed=True),
    "at": Method("AT", "feature", feature.attention_transfer, (0, 1, 2), (10.0, 40.0)),
    "at_paper": Method(
        "AT, paper's form", "feature", partial(feature.attention_transfer, form="paper"), (0, 1, 2), (0.6, 0.6)
    ),
    "fsp": Method("FSP", "relation", relation.flow_of_solution, (0, 2), (76.8, 4.8), regressed=True),
    "rkd_d": Method("RKD-D", "relation", relation.relational_distance, (-1,), (16.0, 16.0), (64.0, 64.0)),
    "rkd_a": Method("RKD-A", "relation", relation.relational_angle, (-1,), (19.2, 19.2), (19.2, 19.2)),
    "sp": Method("SP", "relation", relation.similarity_preserving, (2,), (1600.0, 6400.0), (400.0, 400.0)),
    "cc": Method("CC", "relation", relation.correlation_congruence, (-1,), (80.0, 320.0), (80.0, 80.0)),
    "pkt": Method("PKT", "relation", relation.probabilistic_transfer, (-1,), (32e3, 2e3), (32e3, 32e3)),
    "crd": Method("CRD", "relation", relation.contrastive_distillation, (-1,), (0.028, 0.007), (0.112, 0.028), True),
}
NEEDS_MAPS = tuple(name for name, method in METHODS.items() if not method.mlp)
LAYERS = (0, 1, 2, 3)  # of the teacher, cached once for all methods
IMAGES = 4_000  # of the test set for the embedding; all 10,000 would take six times as long
CRD = {"width": 64, "negatives": 256}  # the paper has 128 and 16,384
KD = {"temperature": 4.0, "alpha": 0.9}
API = {"reveals": "top_k", "count": 3}  # KD from a teacher that names three classes and shows nothing else
# Beside labels, and with soft targets; chosen on validation images too. Quick runs have smaller batches: at the full
# rates some terms diverge.
RATES = {
    "full": {"conv": (0.8, 0.4), "mlp": (0.1, 0.05)},
    "quick": {"conv": (0.1, 0.1), "mlp": (0.05, 0.05)},
}
# Tian et al. 2020, section 4: CIFAR-100, 240 epochs, the rate falls after 150, 180 and 210, alpha 0.9 and T = 4.
# Otherwise than there momentum is Nesterov's, and levels are in [0, 1], not of mean 0: batch norm follows.
RECIPE = {"epochs": 240, "batch_size": 64, "lr": 0.05, "falls": [150, 180, 210], "weight_decay": 5e-4}
RESNET = {"net": "resnet", "widths": [16, 32, 64], "stride": 1, "channels": 3, "classes": 100, "data": "cifar100"}


def arms(profile: str) -> dict[str, Arm]:
    """The convolutional teacher that chapters 04 and 05 share, and each method for two students.

    The teacher never sees the 10,000 validation images, so that it can teach while weights are chosen on them and
    afterwards. On a GPU, the paper's resnet56 and resnet20 on CIFAR-100.
    """
    if profile == "gpu":
        teacher, student = ({**RESNET, **RECIPE, "blocks": blocks} for blocks in (9, 3))
        return {
            "teacher": Arm("resnet56", "teacher", teacher, teaches=True),
            "hard": Arm("hard labels", "hard", student, ("teacher",)),
            "kd": Arm("KD", "soft", {**student, **KD}, ("teacher",)),
        }
    quick = profile == "quick"
    teacher = {"net": "conv", "part": "fit", "scored_on": "test", "batch_size": 128, "lr": 0.1, "weight_decay": 5e-4}
    training = {"samples": 12_000, "epochs": 8, "batch_size": 128, "weight_decay": 5e-4}
    nets = {"conv": {"net": "conv", "widths": [8, 16, 32]}, "mlp": {"sizes": [784, 100, 100, 10]}}
    if quick:
        teacher |= {"widths": [16, 32, 64], "samples": 6_000, "epochs": 4}
        training |= {"samples": 2_000, "epochs": 4, "batch_size": 32}  # many small steps
        nets["mlp"] = {"sizes": [784, 50, 50, 10]}
    else:
        teacher |= {"widths": [32, 64, 128], "depth": 2, "epochs": 6}

    def student(net: str, kd: bool, label: str, **more) -> Arm:
        settings = {**nets[net], **training, "lr": RATES[profile][net][kd], **(KD if kd else {}), **more}
        return Arm(label, "soft" if kd else "hard", settings, ("teacher",))

    def taught(net: str, name: str, kd: bool) -> Arm:
        weight = {"hint_epochs" if name == "fitnet" else "beta": getattr(METHODS[name], net)[kd]}
        return student(net, kd, METHODS[name].label, method=name, **weight, **(CRD if name == "crd" else {}))

    found = {"teacher": Arm("teacher", "teacher", teacher, teaches=True)}
    for net, prefix in (("conv", ""), ("mlp", "mlp_")):
        found[f"{prefix}hard"], found[f"{prefix}kd"] = student(net, False, "hard labels"), student(net, True, "KD")
        for name in METHODS if net == "conv" else [name for name in METHODS if name not in NEEDS_MAPS]:
            found[prefix + name], found[f"{prefix}{name}_kd"] = (taught(net, name, kd) for kd in (False, True))
    return found | {"api": student("conv", True, "KD from three classes", **API)}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net and look at its answers and at its embedding; a teacher's weights are kept."""
    (trial,) = trials
    split, test = splits(trial, tools)
    if trial.data != DATA:
        return [pair(trial, split, tools)]
    model = train_student(trial, split, tools) if trial.needs else train(trial, split, HardLabels(), tools)[0]
    seen = test.rows(slice(IMAGES))
    embedding = embed(model, seen)
    if not trial.needs or trial.seed == 0:
        kept = {} if trial.needs else model.state_dict()
        tools.keep(trial, tensors=kept, pictures=embedding_pictures(model, seen, embedding))
    row = scores(model, trial, tools) | embedding_scores(model, embedding, seen.y)
    for need in trial.needs:
        theirs = tools.remember(("embedding", need.id), lambda need=need: embed(stored_network(need, tools), seen))
        distances = [class_distances(e, seen.y) for e in (embedding, theirs)]
        row["distance_correlation"] = distance_correlation(*distances)
    return [row]


def pair(trial: Trial, split: Split, tools: Tools) -> dict:
    """Train a net of CIFAR on moved and mirrored images and score it; a teacher's weights are kept."""
    s, objective = trial.settings, HardLabels()
    if "alpha" in s:
        objective = Distillation(LiveTeacher(stored_network(trial.needs[0], tools)), s["temperature"], s["alpha"])
    model, _ = train(trial, split, Cropped(objective), tools)
    if not trial.needs:
        tools.keep(trial, tensors=model.state_dict())
    return scores(model, trial, tools)


def train_student(trial: Trial, split: Split, tools: Tools) -> nn.Module:
    """A student trained as its settings say: labels, soft targets, a feature or relation term; in eval mode.

    A FitNet has two stages, hints and then labels or soft targets; they share the epochs that others spend on one.
    """
    s = trial.settings
    teacher = cached_teacher(trial.needs[0], split, tools, LAYERS)
    answers = ApiTeacher(teacher.showing(), s["reveals"], s["count"]) if "reveals" in s else teacher.showing()
    response = Distillation(answers, s["temperature"], s["alpha"]) if "alpha" in s else HardLabels()
    if "method" not in s:
        return train(trial, split, response, tools)[0]
    model, objective = with_term(trial, METHODS[s["method"]], teacher, split, response)
    if s["method"] != "fitnet":
        train(trial, split, objective, tools, model)
    else:
        hints = replace(objective, response=None)
        train(trial, split, hints, tools, model, settings={**s, "epochs": s["hint_epochs"]}, stage="hints")
        train(trial, split, response, tools, model, settings={**s, "epochs": s["epochs"] - s["hint_epochs"]})
    return model.student.eval()


LABELS = {name: arm.label for name, arm in arms("full").items()}
TYPES = {"feature": CONTROL, "relation": SOFT_SHIFTED}


def by_method(
    axes: Axes, both: Both, column: str, prefix: str = "", minus: str | None = None, scale: float = 1
) -> None:
    """A line for each method, the first at the top: beside hard labels, and under it added to soft targets."""
    for at, name in enumerate(reversed(METHODS)):
        if prefix and name in NEEDS_MAPS:
            continue
        names = (prefix + name, f"{prefix}{name}_kd")
        for arm, place, colour in zip(names, (0.17, -0.17), (HARD, SOFT), strict=True):
            lying(axes, at + place, of_seeds(both.reference, arm, column, minus) * scale, colour)
        if both.mine is not None:
            own = [of_seeds(both.mine, arm, column, minus).mean() * scale for arm in names]
            axes.scatter(own, [at + 0.3, at - 0.3], marker="D", s=20, facecolors="none", edgecolors=YOURS)
    axes.set_yticks(range(len(METHODS)), [METHODS[name].label for name in reversed(METHODS)])


@figure("knowledge_types", chapter="04", size=(12, 5), grid=(1, 2), legend=None, sharey=True)
def students(left, right, both):
    """Tian et al. 2020, Table 1, asked again on Fashion-MNIST: which knowledge is worth most at an equal budget?

    Two panels, for a small convolutional student and an MLP. One line a method: test errors, when it is alone beside
    hard labels and when it is added to soft targets, minus those of soft targets alone, paired by seed. Vertical lines
    mark soft targets alone, at zero, and labels alone. Methods that need maps have no line for the MLP.
    """
    for axes, prefix, title in ((left, "", "convolutional student"), (right, "mlp_", "MLP student")):
        labels = of_seeds(both.reference, f"{prefix}hard", "test_errors", minus=f"{prefix}kd").mean()
        axes.axvline(labels, color=HARD, lw=2, label="hard labels alone")
        axes.axvline(0, color=SOFT, lw=2, label="soft targets (KD) alone")
        by_method(axes, both, "test_errors", prefix, minus=f"{prefix}kd")
        axes.set(title=title, xlabel="test errors of 10,000, minus those of KD")
    for label, name in zip(left.get_yticklabels(), reversed(METHODS), strict=True):
        label.set_color(TYPES[METHODS[name].type])
    shown = [
        *left.get_legend_handles_labels()[0],
        Line2D([], [], color=HARD, marker="o", label="beside hard labels"),
        Line2D([], [], color=SOFT, marker="o", label="added to soft targets"),
    ]
    if both.mine is not None:
        shown.append(Line2D([], [], color=YOURS, marker="D", mfc="none", ls="", label="yours (quick)"))
    left.figure.legend(handles=shown, loc="outside lower center", ncols=len(shown))


@figure("knowledge_types_embedding", chapter="04", size=(14, 5), grid=(1, 4), legend="below", sharey=True)
def metric_learning(panels, both):
    """Is relation knowledge best for metric learning and few examples, as the summary says?

    Four panels, one line a method, each added to soft targets or beside hard labels: share of nearest neighbours of the
    same class among Fashion-MNIST and among unseen MNIST digits, few-shot accuracy on MNIST, and how much the distances
    between class means resemble the teacher's. Lines of labels alone, soft targets alone and the teacher are marked.
    """
    titles = {
        "recall": "recall@1, own classes",
        "recall_new": "recall@1, MNIST",
        "few_shot": "5-way 5-shot, MNIST",
        "distance_correlation": "distances of classes\nlike the teacher's",
    }
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        scale, unit = (1, "Spearman correlation") if column == "distance_correlation" else (100, "%")
        for arm, colour, style in (("hard", HARD, "-"), ("kd", SOFT, "-"), ("teacher", TEACHER, ":")):
            mean = scale * of_seeds(both.reference, arm, column).mean()
            axes.axvline(mean, color=colour, ls=style, lw=1.6, label=LABELS[arm])
        by_method(axes, both, column, scale=scale)
        axes.set(title=title, xlabel=unit)


@figure("attention_maps", chapter="04", size=(7, 6), grid=(5, 6), legend=None)
def attention(panels, both):
    """Zagoruyko and Komodakis 2017: where a net looks is the mean of its squared activations over channels.

    Six test images in columns; below each, the attention map of the second stage of the teacher, of a student of hard
    labels, of soft targets, and of attention transfer. The last one's are the most like the teacher's, without copying
    them.
    """
    gallery(panels[0], load_images(DATA, "test").x[:6].numpy())
    for row, arm in zip(panels[1:], ("teacher", "hard", "kd", "at"), strict=True):
        gallery(row, both.reference.array(arm, "attention_1"), cmap="magma")
        row[0].set_ylabel(LABELS[arm], rotation=0, ha="right", va="center")


SEEN = ("teacher", "hard", "kd", "sp", "crd")


@figure("similarity_matrices", chapter="04", size=(14, 3.4), grid=(1, 5), legend=None)
def similarities(panels, both):
    """Which inputs does a net find alike? Six images a class, in the order of classes.

    Five square matrices of cosines between the embeddings of sixty test images, for the teacher and students of hard
    labels, soft targets, similarity-preserving and contrastive distillation. Bright blocks on the diagonal are classes;
    blocks off it are classes that a net finds alike, such as pullovers, coats and shirts.
    """
    for axes, arm in zip(panels, SEEN, strict=True):
        drawn = heat(axes, both.reference.array(arm, "similarity"), vmin=-0.2, vmax=1)
        axes.set_title(LABELS[arm])
    panels[0].set_yticks([6 * c + 2.5 for c in range(10)], CLOTHES)
    panels[0].figure.colorbar(drawn, ax=panels, shrink=0.8, label="cosine")


@figure("embedding_planes", chapter="04", size=(14, 3.4), grid=(1, 5), legend=None)
def planes(panels, both):
    """Five hundred test images in the plane of their embedding's two largest principal components.

    Five scatter plots, coloured by class: teacher and students of hard labels, soft targets, similarity-preserving and
    contrastive distillation. Shoes, bags and trousers lie apart in all; upper-body clothes overlap in all.
    """
    labels = load_images(DATA, "test").y[:500].numpy()
    for axes, arm in zip(panels, SEEN, strict=True):
        x, y = both.reference.array(arm, "plane").T
        for c, name in enumerate(CLOTHES):
            axes.scatter(x[labels == c], y[labels == c], s=6, color=f"C{c}", label=name)
        axes.set(title=LABELS[arm], xticks=[], yticks=[])
    panels[0].figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", markerscale=2)


@figure("class_distances", chapter="04", size=(13, 3.6), grid=(1, 4), legend=None)
def distances(panels, both):
    """Inter-class distances: how far apart are the classes' mean embeddings?

    Four matrices of ten by ten distances between class means, in units of their mean, for the teacher and students of
    hard labels, soft targets and RKD's distances. Dark cells, classes near each other, are the same in all: shirts,
    coats and pullovers. Far classes differ: trousers and boots are farthest for hard labels only.
    """
    for axes, arm in zip(panels, ("teacher", "hard", "kd", "rkd_d"), strict=True):
        drawn = heat(axes, both.reference.array(arm, "distances"), CLOTHES, vmin=0, vmax=1.7)
        axes.set_title(LABELS[arm])
    panels[0].set_yticks(range(10), CLOTHES)
    panels[0].figure.colorbar(drawn, ax=panels, shrink=0.8, label="distance / mean distance")
