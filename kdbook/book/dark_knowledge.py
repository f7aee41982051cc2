"""What do soft targets hold? Measured on hinton_mnist's nets; nothing is trained here.

The teacher arm has one row a temperature: how unsure it is, what it says of 2s, the information about the input in its
answer, and the variance of the gradient that it gives. The student arms are compared with the teacher: class
similarities, features, mistakes. An untrained net is the zero line of each comparison.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.book import hinton_mnist
from kdbook.data.images import Split, load_images
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import predict, seeded_network, stored_network
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import soft_targets

VERSION = 1
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 20.0)
SIMILARITY_TEMPERATURE = 4.0

COLUMNS = {
    "arm": "whose answers: the teacher's (a row a temperature), or a student's held against the teacher's",
    "seed": "seed of the net",
    "temperature": "T of the softmax",
    "entropy_bits": "mean entropy of the answer over test images, bits",
    "information_bits": "H(mean answer) - mean H(answer): information about the input, bits; at most log2(10) = 3.32",
    "top": "mean probability of the top class over test 2s",
    "runner_up": "median probability of the second class over test 2s",
    "two_as_1": "mean probability of class 1 over test 2s",
    "two_as_3": "mean probability of class 3 over test 2s",
    "two_as_7": "mean probability of class 7 over test 2s",
    "two_as_8": "mean probability of class 8 over test 2s",
    "gradient_variance": "variance over images / squared mean of an untrained student's output-layer gradient, soft",
    "gradient_variance_hard": "the same with hard labels",
    "similarity": "correlation with the teacher's class-similarity matrix (log, off the diagonal)",
    "cka": "linear CKA of the last hidden layers on 2,000 test images",
    "shared_mistakes": "share of the teacher's mistakes for which the student gives the same wrong answer",
    "confusion": "correlation of the two confusion matrices off the diagonal",
    "entropy_auc": "chance that an image this student gets wrong has higher teacher entropy than one it gets right",
}
STUDENTS = ("untrained", "hard", "distilled", "distilled_shifted")


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Teachers, then four students of every seed."""
    check_profile(profile)
    chosen = seeds_of(seeds, hinton_mnist.SEEDS[profile][0])
    teachers = range(min(len(chosen), hinton_mnist.SEEDS[profile][1]))
    made = [
        Trial(
            "dark_knowledge",
            "teacher",
            s,
            {},
            needs=(trial_of("hinton_mnist", profile, "teacher", s),),
            version=VERSION,
        )
        for s in teachers
    ]
    for seed in chosen:
        teacher = trial_of("hinton_mnist", profile, "teacher", seed)
        for arm in STUDENTS:
            student = trial_of("hinton_mnist", profile, "hard" if arm == "untrained" else arm, seed)
            made.append(Trial("dark_knowledge", arm, seed, {}, needs=(teacher, student), version=VERSION))
    return made


def entropy(p: Tensor) -> Tensor:
    """Entropy over the last axis, bits."""
    return torch.special.entr(p).sum(-1) / math.log(2)


def class_similarity(logits: Tensor, y: Tensor, temperature: float = SIMILARITY_TEMPERATURE) -> Tensor:
    """Mean soft target of the images of each class: row a, column b = how much an a looks like a b.  (C, C)"""
    p = soft_targets(logits, temperature)
    return torch.stack([p[y == c].mean(0) for c in range(logits.shape[-1])])


def off_diagonal_correlation(a: Tensor, b: Tensor) -> float:
    """Pearson correlation of two square matrices without their diagonals; nan when one is constant."""
    off = ~torch.eye(len(a), dtype=torch.bool, device=a.device)
    return float(torch.corrcoef(torch.stack([a[off].double(), b[off].double()]))[0, 1])


def confusion_matrix(logits: Tensor, y: Tensor) -> Tensor:
    """Counts, row = true class, column = answer.  (C, C)"""
    classes = logits.shape[-1]
    return torch.bincount(y * classes + logits.argmax(-1), minlength=classes**2).view(classes, classes)


def linear_cka(a: Tensor, b: Tensor) -> float:
    """Linear centred kernel alignment of two feature matrices (N, D1), (N, D2); Kornblith et al. 2019, eq. 2-3."""
    a, b = (a - a.mean(0)).double(), (b - b.mean(0)).double()
    cross, own = (a.T @ b).square().sum(), (a.T @ a).norm() * (b.T @ b).norm()
    return float(cross / own)


def gradient_noise(features: Tensor, difference: Tensor) -> float:
    """Total variance over examples of the output layer's gradient, divided by its squared mean.

    The gradient of one example is the outer product of `difference` (N, C), answer minus target, and `features`
    (N, D), so its squared norm is the product of two squared norms. A common factor (1/T or T^2) cancels.
    """
    mean = difference.T @ features / len(features)
    second = (difference.square().sum(1) * features.square().sum(1)).mean()
    return float((second - mean.square().sum()) / mean.square().sum())


def _teacher_rows(model, test: Split, student, train: Split) -> list[dict]:
    logits, twos = predict(model, test).logits, test.y == 2
    train_logits, x = predict(model, train).logits, train.images()
    with torch.no_grad():
        out = student.eval()(x)
    hard = gradient_noise(out.features[-1], out.logits.softmax(-1) - F.one_hot(train.y, 10))
    rows = []
    for t in TEMPERATURES:
        p = soft_targets(logits, t)
        of_twos = p[twos]
        soft = soft_targets(out.logits, t) - soft_targets(train_logits, t)
        rows.append(
            {
                "temperature": t,
                "entropy_bits": float(entropy(p).mean()),
                "information_bits": float(entropy(p.mean(0)) - entropy(p).mean()),
                "top": float(of_twos.amax(-1).mean()),
                "runner_up": float(of_twos.topk(2).values[:, 1].median()),
                **{f"two_as_{c}": float(of_twos[:, c].double().mean()) for c in (1, 3, 7, 8)},
                "gradient_variance": gradient_noise(out.features[-1], soft),
                "gradient_variance_hard": hard,
            }
        )
    return rows


def _teacher_pictures(logits: Tensor, test: Split) -> dict[str, np.ndarray]:
    """Images with their logits: six 2s over the range of certainty, and the most and least certain of all."""
    unsure = entropy(logits.softmax(-1))
    order = unsure.argsort(descending=True)
    twos = order[test.y[order] == 2]
    chosen = twos[torch.linspace(0, len(twos) - 1, 6).long()]
    chosen = torch.cat([twos[[0, 4, 20]], chosen[1:4]])
    pictures = {"similarity": class_similarity(logits, test.y)}
    for name, rows in (("twos", chosen), ("least_certain", order[:12]), ("most_certain", order[-12:])):
        pictures |= {f"{name}_images": test.x[rows], f"{name}_logits": logits[rows], f"{name}_labels": test.y[rows]}
    return {k: v.numpy() for k, v in pictures.items()}


def _auc(score: Tensor, positive: Tensor) -> float:
    """Chance that a positive has a higher score than a negative (Mann-Whitney), ties counted half."""
    _, place, counts = torch.unique(score, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2.0).double()[place]  # equal scores share their mean rank
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Read the stored nets and compare them, on the CPU, since not every device has float64."""
    (trial,) = trials
    test = load_images(trial.data, "test")
    teacher = stored_network(trial.needs[0], tools).cpu()
    logits = predict(teacher, test).logits
    if trial.arm == "teacher":
        tools.keep(trial, pictures=_teacher_pictures(logits, test))
        few = load_images(trial.data, "train").rows(slice(2000))
        fresh = trial_of("hinton_mnist", "full", "hard", trial.seed)
        return [{"rows": _teacher_rows(teacher, test, seeded_network(fresh), few)}]
    student_trial = trial.needs[1]
    untrained = trial.arm == "untrained"
    student = seeded_network(student_trial) if untrained else stored_network(student_trial, tools).cpu()
    answers = predict(student, test).logits
    few = test.rows(slice(2000)).images()
    with torch.no_grad():
        features = [m.eval()(few).features[-1] for m in (teacher, student)]
    similar = [class_similarity(z, test.y) for z in (logits, answers)]
    confused = [confusion_matrix(z, test.y) for z in (logits, answers)]
    mistaken = logits.argmax(-1) != test.y
    tools.keep(trial, pictures={"similarity": similar[1].numpy()})
    return [
        {
            "similarity": off_diagonal_correlation(similar[0].log(), similar[1].log()),
            "cka": linear_cka(*features),
            "shared_mistakes": float((answers.argmax(-1) == logits.argmax(-1))[mistaken].double().mean()),
            "confusion": off_diagonal_correlation(*confused),
            "entropy_auc": _auc(entropy(logits.softmax(-1)), answers.argmax(-1) != test.y),
        }
    ]
