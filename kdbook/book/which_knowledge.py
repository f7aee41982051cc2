"""Which knowledge of the teacher is worth most: its answers, its features or its relations? Tian et al. 2020, Table 1.

A student knows 2,000 labels and sees 12,000 images; its teacher has learned from 50,000 labels, so that there is
something to be learned from it. Every method stands alone beside the labels, and is added to soft targets, at an equal
number of steps. Each draw has labels, images and a teacher of its own. On a GPU: the paper's nets and recipe.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from torch import Tensor, nn

from kdbook.book.few_labels import draw
from kdbook.book.shared.embeddings import (
    class_distances,
    distance_correlation,
    embed,
    embedding_pictures,
    embedding_scores,
)
from kdbook.data.images import CLOTHES, Split, load_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import cached_teacher, kept_tensors, scores, seeded, seeded_network, splits, stored_network, train
from kdbook.losses import feature, relation
from kdbook.nets.vision import MLP
from kdbook.show import CONTROL, HARD, SOFT, SOFT_SHIFTED, YOURS, Both, figure, gallery, heat, lying, of_seeds
from kdbook.training import ApiTeacher, CachedTeacher, Distillation, HardLabels, LiveTeacher
from kdbook.training.objectives import (
    Contrastive,
    CorrelatedDistillation,
    Cropped,
    DecoupledDistillation,
    Flow,
    Pairwise,
    Regressed,
    StandardizedDistillation,
    Transfer,
)

VERSION, DATA = 1, "fashion-mnist"
SEEDS = {"full": (10, 10), "quick": (1, 1), "gpu": (5, 1)}  # draws with a teacher each; on a GPU one, as in the paper
COLUMNS = columns(
    "arm seed teacher_seed test_errors agreement mean_kl recall recall_new few_shot distance_correlation parameters",
    arm="teacher, hard, kd, other responses, or a method, alone or (_kd) added to KD; mlp_: an MLP",
    seed="seed of weights, order and of the draw of images",
    recall="recall@1: share of 4,000 test images whose nearest neighbour by the embedding's cosine has their class",
    recall_new="the same among MNIST test images, whose classes nobody was trained on",
    few_shot="share of right answers by 5-way 5-shot nearest class means among MNIST test images",
    distance_correlation="Spearman correlation with the teacher's 45 distances between class means",
    parameters="trainable parameters of the student, without regressors",
)


class Method(NamedTuple):
    """What a method compares: the loss, and the hidden layers of teacher and student; and how much weight it has.

    `unit` is the weight at which its term is as large as the cross-entropy of an untrained student's first steps.
    `conv` and `mlp` are the chosen weights, alone and added to KD; a FitNet's hints, which come first, have epochs.
    """

    label: str
    kind: str
    loss: Callable
    layers: tuple[int, ...]
    unit: float | None
    conv: tuple[float, float]
    mlp: tuple[float, float] | None = None
    maps: bool = False  # whether it needs maps
    regressed: bool = False  # whether the layers pass through trainable maps


# Layers 0 to 2 are the maps of the stages, -1 is the embedding. They are the papers' choices: the middle for hints,
# every stage for attention, first to last for the flow, the last map for SP, the embedding for all other relations.
METHODS = {
    "fitnet": Method("FitNet hints", "feature", feature.hint_loss, (1,), None, (1, 1), (1, 1), regressed=True),
    "at": Method("AT", "feature", feature.attention_transfer, (0, 1, 2), 100.0, (300.0, 100.0), maps=True),
    "fsp": Method("FSP", "relation", relation.flow_of_solution, (0, 2), 12.0, (1200.0, 36.0), None, True, True),
    "rkd_d": Method("RKD-D", "relation", relation.relational_distance, (-1,), 10.0, (100.0, 10.0), (100.0, 10.0)),
    "rkd_a": Method("RKD-A", "relation", relation.relational_angle, (-1,), 12.0, (120.0, 12.0)),
    "sp": Method("SP", "relation", relation.similarity_preserving, (2,), 1000.0, (3000.0, 1000.0)),
    "cc": Method("CC", "relation", relation.correlation_congruence, (-1,), 50.0, (500.0, 150.0)),
    "pkt": Method("PKT", "relation", relation.probabilistic_transfer, (-1,), 2e4, (6e5, 6e3), (2e5, 2e3)),
    "crd": Method("CRD", "relation", relation.contrastive_distillation, (-1,), 0.07, (0.21, 0.021), regressed=True),
}
NEEDS_MAPS = tuple(name for name, method in METHODS.items() if method.maps)
# Other ways to learn from the teacher's answers on the same images, without a label.
RESPONSES = {
    "kd": ("KD", Distillation),
    "standardized": ("KD of z scores", StandardizedDistillation),
    "dist": ("DIST", CorrelatedDistillation),
    "dkd": ("DKD", DecoupledDistillation),
    "api": ("KD from three classes", Distillation),
    "answers": ("teacher's hard answers", HardLabels),
}
OF_MLP = ("kd", "answers", *(name for name, method in METHODS.items() if method.mlp))
LAYERS = (0, 1, 2, 3)  # of the teacher, cached once for all methods
IMAGES = 4_000  # of the test set for the embedding; all 10,000 would take six times as long
FEW, SEEN, EPOCHS = 2_000, 12_000, 8  # labels, images with and without one, and rounds of all images
CRD = {"width": 64, "negatives": 256}  # the paper has 128 and 16,384
API = {"reveals": "top_k", "count": 3}  # KD from a teacher that names three classes and shows nothing else
# Chosen on validation images by `which_knowledge_settings`, a difference within a standard error (some 20 errors) going
# to what others have; a method added to KD keeps KD's rate and T.
AS_ANSWERS = {"lr": 0.4, "weight_decay": 5e-4}  # what most methods like that see all images
CHOSEN: dict[str, dict] = {
    "hard": {"lr": 0.1, "weight_decay": 5e-3},
    "kd": {"lr": 0.4, "temperature": 4.0},
    "standardized": {"lr": 0.8, "temperature": 1.0},
    "dist": {"temperature": 2.0},
    "dkd": {"dkd_beta": 0.5},
    "api": {"temperature": 2.0},
    **dict.fromkeys(("answers", "fitnet", "at", "rkd_a", "sp", "cc", "crd"), AS_ANSWERS),
    "mlp_hard": {"lr": 0.1, "weight_decay": 5e-3},
    "mlp_kd": {"lr": 0.1, "temperature": 2.0},
    "mlp_answers": {"weight_decay": 5e-4},
    **dict.fromkeys(("mlp_fitnet", "mlp_rkd_d", "mlp_pkt"), {"lr": 0.05, "weight_decay": 5e-4}),
}
# Tian et al. 2020, section 4: CIFAR-100, 240 epochs, the rate falls after 150, 180 and 210, alpha 0.9 and T = 4.
# Otherwise than there momentum is Nesterov's, and levels are in [0, 1], not of mean 0: batch norm follows.
RECIPE = {"epochs": 240, "batch_size": 64, "lr": 0.05, "falls": [150, 180, 210], "weight_decay": 5e-4}
RESNET = {"net": "resnet", "widths": [16, 32, 64], "stride": 1, "channels": 3, "classes": 100, "data": "cifar100"}


def arms(profile: str) -> dict[str, Arm]:
    """A teacher of all labels, and two students of a few for each response and method.

    The teacher never sees the 10,000 validation images, so that it can teach while weights are chosen on them and
    afterwards. On a GPU, the paper's resnet56 and resnet20 on CIFAR-100.
    """
    if profile == "gpu":
        teacher, pupil = ({**RESNET, **RECIPE, "blocks": blocks} for blocks in (9, 3))
        return {
            "teacher": Arm("resnet56", "teacher", teacher, teaches=True),
            "hard": Arm("hard labels", "hard", pupil, ("teacher",)),
            "kd": Arm("KD", "soft", {**pupil, "temperature": 4.0, "alpha": 0.9}, ("teacher",)),
        }
    common = {"part": "fit", "scored_on": "test", "batch_size": 128}
    teacher = {"net": "conv", "lr": 0.2, "weight_decay": 5e-4, "kept": "float16"}
    size = {"widths": [32, 64, 128], "images": 50_000, "epochs": 12}
    if profile == "quick":
        size = {"widths": [16, 32, 64], "images": 10_000, "epochs": 6}
    found = {"teacher": Arm("teacher", "teacher", {**common, **teacher, **size}, teaches=True)}
    for net, prefix in (("conv", ""), ("mlp", "mlp_")):
        found[f"{prefix}hard"] = student(profile, net, "hard", "hard labels", "hard")
        for name, (label, _) in RESPONSES.items():
            if net == "conv" or name in OF_MLP:
                found[prefix + name] = student(profile, net, name, label, "control" if name == "answers" else "soft")
        for name, method in METHODS.items():
            if net == "conv" or name in OF_MLP:
                found[prefix + name] = student(profile, net, name, method.label, "hard")
                found[f"{prefix}{name}_kd"] = student(profile, net, f"{name}_kd", method.label, "soft")
    return found


def student(profile: str, net: str, name: str, label: str, role: str) -> Arm:
    """A student's arm, as it was chosen for the net."""
    prefix, method, quick = "" if net == "conv" else "mlp_", name.removesuffix("_kd"), profile == "quick"
    settings = {"net": "conv", "widths": [8, 16, 32]} if net == "conv" else {"sizes": [784, 100, 100, 10]}
    seen, epochs = (SEEN // 2, EPOCHS // 2) if quick else (SEEN, EPOCHS)
    images = FEW if name == "hard" else seen
    rounds = epochs * seen // images  # steps are equal
    settings |= {"part": "fit", "scored_on": "test", "batch_size": 128}
    settings |= {"labels": FEW, "images": images, "epochs": rounds, "learn": name}
    base = CHOSEN[prefix + ("kd" if role == "soft" else "hard")]
    weight = {}
    if method in METHODS:
        chosen, unit = getattr(METHODS[method], net)[role == "soft"], METHODS[method].unit
        weight = {"beta": min(chosen, 10 * unit) if quick else chosen} if unit else {"hint_epochs": chosen}
        weight |= {"method": method} | (CRD if method == "crd" else {})  # in short runs a heavier term diverges
    settings |= {"weight_decay": 5e-4, **base, **weight, **CHOSEN.get(prefix + name, {})}
    return Arm(label, role, settings | (API if name == "api" else {}), ("teacher",))


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net and look at its answers and at its embedding; a teacher's weights are kept."""
    (trial,) = trials
    split, test = splits(trial, tools)
    if trial.data != DATA:
        return [pair(trial, split, tools)]
    split = drawn(trial, split)
    model = train_student(trial, split, tools) if trial.needs else train(trial, split, HardLabels(), tools)[0]
    seen = test.rows(slice(IMAGES))
    embedding = embed(model, seen)
    if not trial.needs or trial.seed == 0:
        kept = {} if trial.needs else kept_tensors(model, trial)
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


def drawn(trial: Trial, split: Split) -> Split:
    """The images of a trial's draw, numbered from 0: a memory by number has then a place for each, and no other."""
    split = split.rows(draw(trial, split))
    origin = f"{split.origin}, draw {trial.seed}"
    return replace(split, index=torch.arange(len(split), device=split.x.device), origin=origin)


def train_student(trial: Trial, split: Split, tools: Tools) -> nn.Module:
    """A student trained as its settings say: labels, soft targets, a feature or relation term; in eval mode.

    A FitNet has two stages, hints and then labels or soft targets; they share the epochs that others spend on one.
    """
    s = trial.settings
    teacher = cached_teacher(trial.needs[0], split, tools, LAYERS)
    response = response_of(trial, teacher, split)
    if s.get("learn") == "answers":
        split = replace(split, y=teacher.logits[0].argmax(-1))
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


def response_of(trial: Trial, teacher: CachedTeacher, split: Split):
    """What a student's answers are to be: labels, where they are known, or what the teacher answers."""
    s, theirs = trial.settings, teacher.showing()
    if "temperature" not in s:
        known = s.get("learn") == "answers" or "labels" not in s  # a label for every image
        return HardLabels() if known else HardLabels(worth=worth_of(split, s["labels"]))
    if "reveals" in s:
        theirs = ApiTeacher(theirs, s["reveals"], s["count"])
    _, learning = RESPONSES.get(s.get("learn"), RESPONSES["kd"])
    own = {key: s[name] for key, name in (("alpha", "alpha"), ("beta", "dkd_beta")) if name in s}
    return learning(theirs, s["temperature"], **own)


def worth_of(split: Split, labels: int) -> Tensor:
    """Weights (N,) of the labels: those of a draw's first images are known; 1 on average."""
    worth = torch.zeros(len(split), device=split.x.device)
    worth[:labels] = len(split) / labels
    return worth


def with_term(
    trial: Trial, method: Method, teacher: CachedTeacher, split: Split, response
) -> tuple[Regressed, Transfer]:
    """The trial's student with the regressors of its method, and the objective that trains them."""
    s, device = trial.settings, split.x.device
    student = seeded_network(trial).to(device)
    layers = (-1,) if isinstance(student, MLP) else method.layers
    theirs = [f[:1] for f in teacher.features]
    ours = student.eval()(torch.zeros(1, 28, 28, device=device)).features
    with seeded(trial.seed):
        if s["method"] == "crd":
            heads = [nn.Linear(f[-1].shape[1], s["width"]) for f in (ours, theirs)]
            model = Regressed(student, {-1: heads[0]}, teacher_head=heads[1])
            term = Contrastive(len(split), s["width"], s["negatives"], device)
        else:
            regressed = layers if method.regressed else ()
            model = Regressed(student, {i: regressor(ours[i], theirs[i]) for i in regressed})
            term = (Flow if s["method"] == "fsp" else Pairwise)(method.loss, layers)
    return model, Transfer(teacher.showing(layers), term, s.get("beta", 1.0), response)


def regressor(ours: Tensor, theirs: Tensor) -> nn.Module:
    """Linear map from one layer's channels to another's: a 1x1 convolution for maps (1, channels, H, W)."""
    if ours.ndim == 4:
        return nn.Conv2d(ours.shape[1], theirs.shape[1], 1)
    return nn.Linear(ours.shape[1], theirs.shape[1])


DECLARED = arms("full")
KINDS = {"response": "black", "feature": CONTROL, "relation": SOFT_SHIFTED}  # colours of the methods' names
LINES = {**{name: ("response", label) for name, (label, _) in RESPONSES.items()},
         **{name: (method.kind, method.label) for name, method in METHODS.items()}}  # fmt: skip


def by_method(
    axes: Axes, both: Both, column: str, prefix: str = "", minus: str | None = None, scale: float = 1
) -> None:
    """A line for each method, the first at the top: beside hard labels, and under it added to soft targets."""
    for at, name in enumerate(reversed(LINES)):
        for arm, place in ((prefix + name, 0.17), (f"{prefix}{name}_kd", -0.17)):
            if arm not in DECLARED:
                continue
            colour = SOFT if arm.endswith("_kd") or name in RESPONSES else HARD
            lying(axes, at + place, of_seeds(both.reference, arm, column, minus) * scale, colour)
            if both.mine is not None:
                own = of_seeds(both.mine, arm, column, minus).mean() * scale
                axes.scatter(own, at + 1.7 * place, marker="D", s=20, facecolors="none", edgecolors=YOURS)
    axes.set_yticks(range(len(LINES)), [label for _, label in reversed(LINES.values())])
    axes.set_ylim(-0.6, len(LINES) - 0.4)


def legend_of_methods(axes: Axes, both: Both) -> None:
    """One legend for all panels; and the methods' names in the colours of their types."""
    for label, (kind, _) in zip(axes.get_yticklabels(), reversed(LINES.values()), strict=True):
        label.set_color(KINDS[kind])
    shown = [
        *axes.get_legend_handles_labels()[0],
        Line2D([], [], color=HARD, marker="o", label="beside hard labels"),
        Line2D([], [], color=SOFT, marker="o", label="soft targets, or added to them"),
    ]
    if both.mine is not None:
        shown.append(Line2D([], [], color=YOURS, marker="D", mfc="none", ls="", label="yours (quick)"))
    axes.figure.legend(handles=shown, loc="outside lower center", ncols=3)


@figure("which_knowledge", chapter="04", size=(9.5, 6.4), grid=(1, 2), legend=None, sharey=True)
def students(left, right, both):
    """Which knowledge is worth most at an equal number of steps? Tian et al. 2020, Table 1, asked again.

    Left, test errors of a convolutional student, paired by draw, minus plain soft targets (KD): other ways to compare
    answers save a few; alone beside labels, relations and attention lie between labels and KD; added to KD nothing is
    far from it. Right, an MLP, minus hard labels: answers save most, relations some; hints do harm.
    """
    for axes, prefix, minus, title in (
        (left, "", "kd", "Convolutional student, minus KD"),
        (right, "mlp_", "mlp_hard", "MLP student, minus hard labels"),
    ):
        for arm, colour, label in (("hard", HARD, "hard labels alone"), ("kd", SOFT, "soft targets (KD) alone")):
            level = of_seeds(both.reference, prefix + arm, "test_errors", minus=minus).mean()
            axes.axvline(level, color=colour, lw=2, label=label)
        by_method(axes, both, "test_errors", prefix, minus=minus)
        axes.set(title=title, xlabel="test errors of 10,000: fewer <- -> more")
    legend_of_methods(left, both)


@figure("which_knowledge_embedding", chapter="04", size=(9.5, 6.4), grid=(1, 2), legend=None, sharey=True)
def metric_learning(left, right, both):
    """Is relation knowledge best for few examples of new classes, as the summary says?

    Two panels, one line a method for the convolutional student: how many MNIST digits, which no net was trained on,
    find their class among five by the nearest mean of five examples, and how much the distances between the means of
    its own classes resemble the teacher's. Lines mark labels alone, soft targets alone and the teacher.
    """
    for axes, column, scale in ((left, "few_shot", 100), (right, "distance_correlation", 1)):
        for arm, colour, style in (("hard", HARD, "-"), ("kd", SOFT, "-"), ("teacher", "black", ":")):
            mean = scale * of_seeds(both.reference, arm, column).mean()
            axes.axvline(mean, color=colour, ls=style, lw=1.6, label=DECLARED[arm].label)
        by_method(axes, both, column, scale=scale)
    left.set(title="5-way 5-shot with MNIST's digits", xlabel="% right")
    right.set(title="Distances of classes like the teacher's", xlabel="Spearman correlation")
    legend_of_methods(left, both)


@figure("attention_maps", chapter="04", size=(7, 6), grid=(5, 6), legend=None)
def attention(panels, both):
    """Zagoruyko and Komodakis 2017: where a net looks is the mean of its squared activations over channels.

    Six test images in columns; below each, the attention map of the second stage of the teacher, of a student of hard
    labels, of soft targets, and of attention transfer. The last one's are the most like the teacher's.
    """
    gallery(panels[0], load_images(DATA, "test").x[:6].numpy())
    for row, arm in zip(panels[1:], ("teacher", "hard", "kd", "at"), strict=True):
        gallery(row, both.reference.array(arm, "attention_1"), cmap="magma")
        row[0].set_ylabel(DECLARED[arm].label, rotation=0, ha="right", va="center")


@figure("similarity_matrices", chapter="04", size=(9, 8), grid=(2, 2), legend=None)
def similarities(panels, both):
    """Which inputs does a net find alike? Six images a class, in the order of classes.

    Four square matrices of cosines between the embeddings of sixty test images, for the teacher and students of hard
    labels, soft targets and similarity-preserving distillation. Bright blocks on the diagonal are classes; blocks off
    it are classes that a net finds alike, such as pullovers, coats and shirts.
    """
    for axes, arm in zip(panels.flat, ("teacher", "hard", "kd", "sp"), strict=True):
        drawn = heat(axes, both.reference.array(arm, "similarity"), vmin=-0.2, vmax=1)
        axes.set_title(DECLARED[arm].label)
    for axes in panels[:, 0]:
        axes.set_yticks([6 * c + 2.5 for c in range(10)], CLOTHES)
    panels[0, 0].figure.colorbar(drawn, ax=panels, shrink=0.8, label="cosine")


@figure("class_distances", chapter="04", size=(9, 8), grid=(2, 2), legend=None)
def distances(panels, both):
    """Inter-class distances: how far apart are the classes' mean embeddings?

    Four matrices of ten by ten distances between class means, in units of their mean, for the teacher and students of
    hard labels, soft targets and RKD's distances. Dark cells are classes near each other, as shirts and coats are.
    """
    for axes, arm in zip(panels.flat, ("teacher", "hard", "kd", "rkd_d"), strict=True):
        drawn = heat(axes, both.reference.array(arm, "distances"), CLOTHES, CLOTHES, vmin=0, vmax=1.7)
        axes.set_title(DECLARED[arm].label)
    panels[0, 0].figure.colorbar(drawn, ax=panels, shrink=0.8, label="distance / mean distance")
