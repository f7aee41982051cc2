"""Which knowledge of the teacher is worth most: its answers, its features or its relations? Tian et al. 2020, Table 1.

Every method alone beside hard labels, and added to soft targets, at an equal budget of data and epochs, on
Fashion-MNIST. A student has 12,000 images, so that one of two hundred runs takes seconds; its teacher had 50,000.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kdbook.book.shared.embeddings import (
    IMAGES,
    class_distances,
    distance_correlation,
    embed,
    embedding_pictures,
    embedding_scores,
)
from kdbook.lab.steps import (
    cached_teacher,
    errors,
    fidelity,
    seeded_network,
    stored_network,
    teacher_answers,
    test_split,
    train,
    training_split,
)
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import feature, relation
from kdbook.nets.vision import MLP, count_parameters
from kdbook.training import ApiTeacher, CachedTeacher, Distillation, HardLabels, predict
from kdbook.training.objectives import Contrastive, Flow, Pairwise, Regressed, Transfer

VERSION = 1
DATA = "fashion-mnist"

COLUMNS = {
    "arm": "teacher, hard, kd, api (KD from three classes), or a method, alone or (_kd) added to KD; mlp_: an MLP",
    "seed": "seed of weights and order",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "agreement": "share of test images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
    "recall": "recall@1: share of 4,000 test images whose nearest neighbour by the embedding's cosine has their class",
    "recall_new": "the same among MNIST test images, whose classes nobody was trained on",
    "few_shot": "share of right answers by 5-way 5-shot nearest class means among MNIST test images",
    "distance_correlation": "Spearman correlation with the teacher's 45 distances between class means",
    "parameters": "trainable parameters of the student, without regressors",
}


class Method(NamedTuple):
    """What a method compares: the loss, the hidden layers of teacher and student, and whether those need regressors."""

    label: str
    type: str
    loss: Callable
    layers: tuple[int, ...]
    regressed: bool = False


# Layers 0 to 2 are the maps of the stages, -1 is the embedding. They are the papers' choices: the middle for hints,
# every stage for attention, first to last for the flow, the last map for SP, the embedding for all other relations.
METHODS = {
    "fitnet": Method("FitNet hints", "feature", feature.hint_loss, (1,), True),
    "at": Method("AT", "feature", feature.attention_transfer, (0, 1, 2)),
    "at_paper": Method("AT, paper's form", "feature", partial(feature.attention_transfer, form="paper"), (0, 1, 2)),
    "fsp": Method("FSP", "relation", relation.flow_of_solution, (0, 2), True),
    "rkd_d": Method("RKD-D", "relation", relation.relational_distance, (-1,)),
    "rkd_a": Method("RKD-A", "relation", relation.relational_angle, (-1,)),
    "sp": Method("SP", "relation", relation.similarity_preserving, (2,)),
    "cc": Method("CC", "relation", relation.correlation_congruence, (-1,)),
    "pkt": Method("PKT", "relation", relation.probabilistic_transfer, (-1,)),
    "crd": Method("CRD", "relation", relation.contrastive_distillation, (-1,), True),
}
NEEDS_MAPS = ("at", "at_paper", "fsp")  # an MLP has no maps: these cannot teach it, and the losses say so
LAYERS = (0, 1, 2, 3)  # of the teacher, cached once for all methods
CRD = {"width": 64, "negatives": 256}  # the paper has 128 and 16,384

KD = {"temperature": 4.0, "alpha": 0.9}
TRAINING = {"samples": 12_000, "epochs": 8, "batch_size": 128, "weight_decay": 5e-4}
QUICK = {"samples": 2_000, "epochs": 4, "batch_size": 32}  # many small steps
SETTINGS = {
    "full": {
        "teacher": {"net": "conv", "widths": [32, 64, 128], "depth": 2, "epochs": 6},
        "conv": {"net": "conv", "widths": [8, 16, 32], **TRAINING},
        "mlp": {"sizes": [784, 100, 100, 10], **TRAINING},
    },
    "quick": {
        "teacher": {"net": "conv", "widths": [16, 32, 64], "samples": 6_000, "epochs": 4},
        "conv": {"net": "conv", "widths": [8, 16, 32], **TRAINING, **QUICK},
        "mlp": {"sizes": [784, 50, 50, 10], **TRAINING, **QUICK},
    },
}
SEEDS = {"full": {"teacher": 3, "student": 5}, "quick": {"teacher": 1, "student": 1}}

# Chosen on validation images by the experiment `transfer_weights`: beside labels, and added to soft targets.
RATES = {
    "full": {"conv": (0.8, 0.4), "mlp": (0.1, 0.05)},
    "quick": {"conv": (0.1, 0.1), "mlp": (0.05, 0.05)},  # smaller batches; at the full rates some terms diverge
}
HINT_EPOCHS = {"conv": (2, 1), "mlp": (1, 1)}
BETAS = {
    "conv": {
        "at": (10.0, 40.0),
        "at_paper": (0.6, 0.6),
        "fsp": (76.8, 4.8),
        "rkd_d": (16.0, 16.0),
        "rkd_a": (19.2, 19.2),
        "sp": (1600.0, 6400.0),
        "cc": (80.0, 320.0),
        "pkt": (32_000.0, 2_000.0),
        "crd": (0.028, 0.007),
    },
    "mlp": {
        "rkd_d": (64.0, 64.0),
        "rkd_a": (19.2, 19.2),
        "sp": (400.0, 400.0),
        "cc": (80.0, 80.0),
        "pkt": (32_000.0, 32_000.0),
        "crd": (0.112, 0.028),
    },
}


def teacher(profile: str, seed: int) -> Trial:
    """The convolutional teacher that chapters 04 and 05 share.

    It never sees the 10,000 validation images, so that it can teach while weights are chosen on them and afterwards.
    """
    check_profile(profile)
    settings = {**SETTINGS[profile]["teacher"], "part": "fit", "scored_on": "test"}
    settings |= {"batch_size": 128, "lr": 0.1, "weight_decay": 5e-4}
    return Trial("knowledge_types", "teacher", seed % SEEDS[profile]["teacher"], settings, data=DATA, version=VERSION)


class Arm(NamedTuple):
    """A condition: the student's network, a method or none, and whether there are soft targets."""

    net: str
    method: str | None
    kd: bool


def _arms() -> dict[str, Arm]:
    found = {}
    for net in ("conv", "mlp"):
        for method in (None, *METHODS):
            for kd in (False, True):
                if net == "conv" or method not in NEEDS_MAPS:
                    name = ("kd" if kd else "hard") if method is None else f"{method}_kd" if kd else method
                    found[name if net == "conv" else f"mlp_{name}"] = Arm(net, method, kd)
    return found | {"api": Arm("conv", None, True)}


ARMS = _arms()
API = {"reveals": "top_k", "count": 3}  # of arm api: KD from a teacher that names three classes and shows nothing else


def settings(arm: str, profile: str) -> dict:
    """Settings of a student's arm."""
    net, method, kd = ARMS[arm]
    chosen = {
        **SETTINGS[profile][net],
        "lr": RATES[profile][net][kd],
        **(KD if kd else {}),
        **(API if arm == "api" else {}),
    }
    if method:
        chosen |= {"method": method, **(CRD if method == "crd" else {})}
        # a hint is alone in the first stage and absent from the second: it has no weight
        chosen |= {"hint_epochs": HINT_EPOCHS[net][kd]} if method == "fitnet" else {"beta": BETAS[net][method][kd]}
    return chosen


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Teachers, then all arms of every student seed."""
    check_profile(profile)
    chosen = seeds_of(seeds, SEEDS[profile]["student"])
    made = [teacher(profile, s) for s in range(min(SEEDS[profile]["teacher"], len(chosen)))]
    for seed in chosen:
        needs = (teacher(profile, seed),)
        made += [
            Trial("knowledge_types", arm, seed, settings(arm, profile), needs=needs, data=DATA, version=VERSION)
            for arm in ARMS
        ]
    return made


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net and look at its answers and at its embedding; a teacher's weights are kept."""
    (trial,) = trials
    split = test_split(trial, tools)
    if trial.needs:
        model = train_student(trial, tools)
    else:
        model, _ = train(trial, training_split(trial, tools), HardLabels(), tools)
    found = predict(model, split, layers=(-1,))
    seen = split.rows(slice(IMAGES))
    embedding = found.features[-1][:IMAGES]
    if not trial.needs or trial.seed == 0:
        kept = {} if trial.needs else model.state_dict()
        tools.keep(trial, tensors=kept, pictures=embedding_pictures(model, seen, embedding))
    row = {"test_errors": errors(found.logits, split.y), "parameters": count_parameters(model)}
    row |= embedding_scores(model, embedding, seen.y)
    for need in trial.needs:
        row |= {"teacher_seed": need.seed, **fidelity(found.logits, teacher_answers(need, split, tools))}
        theirs = tools.remember(("embedding", need.id), lambda need=need: embed(stored_network(need, tools), seen))
        distances = [class_distances(e, seen.y) for e in (embedding, theirs)]
        row["distance_correlation"] = distance_correlation(*distances)
    return [row]


def train_student(trial: Trial, tools: Tools) -> nn.Module:
    """A student trained as its settings say: labels, soft targets, a feature or relation term; in eval mode.

    A FitNet has two stages, hints and then labels or soft targets; they share the epochs that others spend on one.
    """
    split, s = training_split(trial, tools), trial.settings
    teacher = cached_teacher(trial.needs[0], split, tools, LAYERS)
    answers = ApiTeacher(teacher.showing(), s["reveals"], s["count"]) if "reveals" in s else teacher.showing()
    response = Distillation(answers, s["temperature"], s["alpha"]) if "alpha" in s else HardLabels()
    if "method" not in s:
        return train(trial, split, response, tools)[0]
    model, objective = with_term(trial, teacher, len(split), tools.device)
    if s["method"] != "fitnet":
        train(trial, split, objective, tools, model)
    else:
        hints = replace(objective, alone=True)
        train(trial, split, hints, tools, model, settings={**s, "epochs": s["hint_epochs"]}, stage="hints")
        train(trial, split, response, tools, model, settings={**s, "epochs": s["epochs"] - s["hint_epochs"]})
    return model.student.eval()


def with_term(trial: Trial, teacher: CachedTeacher, samples: int, device) -> tuple[Regressed, Transfer]:
    """The trial's student with the regressors of its method, and the objective that trains them."""
    s = trial.settings
    method = METHODS[s["method"]]
    student = seeded_network(trial).to(device)
    layers = method.layers if student_has_maps(student) else (-1,)
    theirs = [f[:1] for f in teacher.features]
    with torch.no_grad():
        ours = student.eval()(torch.zeros(1, 28, 28, device=device)).features
    with torch.random.fork_rng():
        torch.manual_seed(trial.seed)
        if s["method"] == "crd":
            heads = [nn.Linear(f[-1].shape[1], s["width"]) for f in (ours, theirs)]
            model = Regressed(student, {-1: heads[0]}, teacher_head=heads[1])
            term = Contrastive(samples, s["width"], s["negatives"], device)
        else:
            regressed = layers if method.regressed else ()
            model = Regressed(student, {i: regressor(ours[i], theirs[i]) for i in regressed})
            term = (Flow if s["method"] == "fsp" else Pairwise)(method.loss, layers)
    response = {"temperature": s.get("temperature", 1.0), "alpha": s.get("alpha", 0.0)}
    return model, Transfer(teacher.showing(layers), term, s.get("beta", 1.0), **response)


def student_has_maps(student: nn.Module) -> bool:
    """Whether a network has convolutional features."""
    return not isinstance(student, MLP)


def regressor(ours: Tensor, theirs: Tensor) -> nn.Module:
    """Linear map from one layer's channels to another's: a 1x1 convolution for maps (1, channels, H, W)."""
    if ours.ndim == 4:
        return nn.Conv2d(ours.shape[1], theirs.shape[1], 1)
    return nn.Linear(ours.shape[1], theirs.shape[1])
