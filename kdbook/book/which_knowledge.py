"""Which knowledge of the teacher is worth most: its answers, its features or its relations? Tian et al. 2020, Table 1.

A student knows 2,000 labels and sees 12,000 images; its teacher has learned from 50,000 labels, so that there is
something to be learned from it. Every method stands alone beside the labels, and is added to soft targets, at an equal
number of steps. Each draw has labels, images and a teacher of its own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kdbook.book.few_labels import draw
from kdbook.book.shared.embeddings import (
    class_distances,
    distance_correlation,
    embed,
    embedding_pictures,
    embedding_scores,
)
from kdbook.data.images import Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import cached_teacher, kept_tensors, scores, seeded, seeded_network, splits, stored_network, train
from kdbook.losses import feature, relation
from kdbook.nets.vision import MLP
from kdbook.training import ApiTeacher, CachedTeacher, Distillation, HardLabels
from kdbook.training.objectives import (
    Contrastive,
    CorrelatedDistillation,
    DecoupledDistillation,
    Flow,
    Pairwise,
    Regressed,
    StandardizedDistillation,
    Transfer,
)

VERSION, DATA = 1, "fashion-mnist"
SEEDS = {"full": (10, 10), "quick": (1, 1)}  # draws, each with a teacher of its own
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
    """What a method compares: the loss, and the hidden layers of teacher and student.

    `unit` is the weight at which its term is as large as the cross-entropy of an untrained student's first steps,
    rounded. A hint is alone in a first stage and absent from the second: it has no weight, but epochs. An MLP has no
    maps: methods that need them cannot teach it, and their losses say so.
    """

    label: str
    kind: str
    loss: Callable
    layers: tuple[int, ...]
    unit: float | None = None
    maps: bool = False  # whether it needs maps
    regressed: bool = False  # whether the layers pass through trainable maps


# Layers 0 to 2 are the maps of the stages, -1 is the embedding. They are the papers' choices: the middle for hints,
# every stage for attention, first to last for the flow, the last map for SP, the embedding for all other relations.
METHODS = {
    "fitnet": Method("FitNet hints", "feature", feature.hint_loss, (1,), regressed=True),
    "at": Method("AT", "feature", feature.attention_transfer, (0, 1, 2), 100.0, maps=True),
    "fsp": Method("FSP", "relation", relation.flow_of_solution, (0, 2), 12.0, maps=True, regressed=True),
    "rkd_d": Method("RKD-D", "relation", relation.relational_distance, (-1,), 10.0),
    "rkd_a": Method("RKD-A", "relation", relation.relational_angle, (-1,), 12.0),
    "sp": Method("SP", "relation", relation.similarity_preserving, (2,), 1000.0),
    "cc": Method("CC", "relation", relation.correlation_congruence, (-1,), 50.0),
    "pkt": Method("PKT", "relation", relation.probabilistic_transfer, (-1,), 2e4),
    "crd": Method("CRD", "relation", relation.contrastive_distillation, (-1,), 0.07, regressed=True),
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
LAYERS = (0, 1, 2, 3)  # of the teacher, cached once for all methods
IMAGES = 4_000  # of the test set for the embedding; all 10,000 would take six times as long
FEW, SEEN, EPOCHS = 2_000, 12_000, 8  # labels, images with and without one, and rounds of all images
CRD = {"width": 64, "negatives": 256}  # the paper has 128 and 16,384
API = {"reveals": "top_k", "count": 3}  # KD from a teacher that names three classes and shows nothing else
# Chosen on validation images by `which_knowledge_settings`: of labels rate and decay, of responses rate and T; a method
# keeps those of the labels or of KD, and has a weight (of a hint: epochs) besides.
CHOSEN: dict[str, dict] = {
    "hard": {"lr": 0.1, "weight_decay": 5e-3},
    "kd": {"lr": 0.4, "temperature": 4.0},
    "mlp_hard": {"lr": 0.1, "weight_decay": 5e-3},
    "mlp_kd": {"lr": 0.1, "temperature": 2.0},
}


def arms(profile: str) -> dict[str, Arm]:
    """A teacher of all labels, and two students of a few for each response and method.

    The teacher never sees the 10,000 validation images, so that it can teach while weights are chosen on them and
    afterwards.
    """
    common = {"part": "fit", "scored_on": "test", "batch_size": 128}
    teacher = {"net": "conv", "lr": 0.2, "weight_decay": 5e-4, "kept": "float16"}
    size = {"widths": [32, 64, 128], "images": 50_000, "epochs": 12}
    if profile == "quick":
        size = {"widths": [16, 32, 64], "images": 10_000, "epochs": 6}
    found = {"teacher": Arm("teacher", "teacher", {**common, **teacher, **size}, teaches=True)}
    for net, prefix in (("conv", ""), ("mlp", "mlp_")):
        found[f"{prefix}hard"] = student(profile, net, "hard", "hard labels", "hard")
        for name, (label, _) in RESPONSES.items():
            found[prefix + name] = student(profile, net, name, label, "control" if name == "answers" else "soft")
        for name, method in METHODS.items():
            if net == "conv" or not method.maps:
                found[prefix + name] = student(profile, net, name, method.label, "hard")
                found[f"{prefix}{name}_kd"] = student(profile, net, f"{name}_kd", method.label, "soft")
    return found


def student(profile: str, net: str, name: str, label: str, role: str) -> Arm:
    """A student's arm, as it was chosen for the net."""
    prefix, method, quick = "" if net == "conv" else "mlp_", name.removesuffix("_kd"), profile == "quick"
    settings = {"net": "conv", "widths": [8, 16, 32]} if net == "conv" else {"sizes": [784, 100, 100, 10]}
    images = FEW if name == "hard" else SEEN
    rounds = EPOCHS * SEEN // images // (4 if quick else 1)  # steps are equal
    settings |= {"part": "fit", "scored_on": "test", "batch_size": 128}
    settings |= {"labels": FEW, "images": images, "epochs": rounds, "learn": name}
    base = CHOSEN[prefix + ("kd" if role == "soft" else "hard")]
    weight = {}
    if method in METHODS:
        unit = METHODS[method].unit
        weight = {"hint_epochs": 2} if unit is None else {"beta": unit}
        weight |= {"method": method} | (CRD if method == "crd" else {})
    settings |= {"weight_decay": 5e-4, **base, **weight, **CHOSEN.get(prefix + name, {})}
    return Arm(label, role, settings | (API if name == "api" else {}), ("teacher",))


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net and look at its answers and at its embedding; a teacher's weights are kept."""
    (trial,) = trials
    split, test = splits(trial, tools)
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
    if s["learn"] == "answers":
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
    if s["learn"] == "answers":
        return HardLabels()
    if "temperature" not in s:
        return HardLabels(worth=worth_of(split, s["labels"]))
    if "reveals" in s:
        theirs = ApiTeacher(theirs, s["reveals"], s["count"])
    _, learning = RESPONSES.get(s["learn"], RESPONSES["kd"])
    own = {"beta": s["dkd_beta"]} if "dkd_beta" in s else {}
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
