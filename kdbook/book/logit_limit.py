"""Is distillation at high temperature the matching of logits? Hinton et al. 2015, section 2.1, and what came before.

- The gradient of T^2 KL against that of 1/(2C) sum (z - v)^2, both centred: their angle and norms as T grows (eq. 2-4).
- Students of KD at T = 1, 20 and 100 beside one of logit matching.
- Model compression: a transfer set made from few real images by MUNGE (Bucila, Caruana and Niculescu-Mizil 2006), and
  raw logits as targets (Ba and Caruana 2014), against training on the few images alone, for as many steps.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kdbook.book.t_squared import NET, REAL, logit_pair, logit_trials, nearness, soft_gradient
from kdbook.data.images import Split
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import cached_teacher, stored_network, train, training_split
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import logit_matching, soft_targets
from kdbook.training import CachedTeacher, Distillation, HardLabels

VERSION = 1
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 20.0, 40.0, 100.0, 200.0, 400.0, 1000.0)

COLUMNS = {
    "arm": "whose logits, or what the student learns from",
    "seed": "seed of weights, order and synthetic images, or of the Gaussian logits",
    "temperature": "T of the soft term",
    "angle": "mean angle between the gradients of T^2 KL and of the centred squared error, degrees",
    "norm_ratio": "mean norm of the gradient of T^2 KL / that of the centred squared error's",
    "top": "mean softened probability of the teacher's top class",
    "kl_scaled": "mean T^2 KL(teacher || student), nats",
    "limit": "mean of 1/(2C) sum (z - v)^2 with both centred",
    "limit_raw": "the same with logits as they are",
    "limit_shifted": "the same with 1 added to the student's logits, which no softmax sees",
    "transfer_images": "images that the student saw",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "agreement": "share of test images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
    "logit_gap": "root mean square difference of student's and teacher's centred logits over test images",
}

GAUSSIAN = {"gaussian_10": 10}
# arm -> (transfer set, what is learned: a temperature, centred or raw logits, or labels)
ARMS = {
    "kd_1": ("real", 1.0),
    "kd_20": ("real", 20.0),
    "kd_100": ("real", 100.0),
    "matching": ("real", "centred"),
    "few_labels": ("few", "labels"),
    "few_logits": ("few", "raw"),
    "munge_1": ("munge", 1.0),
    "munge_20": ("munge", 20.0),
    "munge_logits": ("munge", "raw"),
}
# MUNGE's swap probability and local variance parameter, round numbers, not tuned.
MUNGE = {"times": 10, "swap": 0.5, "s": 4.0}
SETTINGS = {
    "full": {"real": NET, "few": {**NET, "samples": 6_000}, "epochs": 8},
    "quick": {
        "real": {**NET, "sizes": [784, 50, 50, 10], "samples": 2_000, "epochs": 12, "lr": 0.03},
        "few": {**NET, "sizes": [784, 50, 50, 10], "samples": 600, "lr": 0.03},
        "epochs": 4,
    },
}
SEEDS = {"full": 5, "quick": 2}
PICTURES = 8


def settings(profile: str, arm: str) -> dict:
    """Settings of a trained arm: students of few real images see each of them as often as MUNGE made one from it."""
    chosen, (transfer, target) = SETTINGS[profile], ARMS[arm]
    soft = {"temperature": target, "alpha": 1.0} if isinstance(target, float) else {}
    if transfer == "real":
        return {**chosen["real"], **soft}
    if transfer == "few":
        return {**chosen["few"], "epochs": chosen["epochs"] * MUNGE["times"]}
    return {**chosen["few"], **MUNGE, **soft, "epochs": chosen["epochs"]}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """For each seed three pairs of logits and nine students of hinton_mnist's teacher."""
    check_profile(profile)
    made = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        needs = (trial_of("hinton_mnist", profile, "teacher", seed),)
        made += logit_trials("logit_limit", VERSION, profile, seed, GAUSSIAN)
        made += [Trial("logit_limit", a, seed, settings(profile, a), needs=needs, version=VERSION) for a in ARMS]
    return made


def nearest(x: Tensor, chunk: int = 1_000) -> Tensor:
    """Row of each image's nearest other one, Euclidean.  x (N, D) -> (N,)"""
    squares, found = x.square().sum(1), []
    for rows in torch.arange(len(x)).split(chunk):
        distance = squares - 2 * x[rows] @ x.T  # up to the row's own square, which is the same for all candidates
        distance[torch.arange(len(rows)), rows] = torch.inf
        found.append(distance.argmin(1))
    return torch.cat(found)


def munge(x: Tensor, *, times: int, swap: float, s: float, generator: torch.Generator) -> Tensor:
    """Synthetic images near the real ones: MUNGE for continuous attributes (Bucila et al. 2006, algorithm 1).

    With probability `swap` a pixel a of an image becomes a draw from ``N(b, (|a - b| / s)^2)``, b being the same pixel
    of its nearest neighbour. The paper changes both images and goes on with them; here each copy starts from real ones.

    Parameters
    ----------
    x : Tensor (N, H, W), uint8
        Real images.
    times : int
        Synthetic images for each real one.
    swap, s : float
        Probability, and how many times smaller than the difference the standard deviation is.
    generator : torch.Generator
        Source of all draws.

    Returns
    -------
    Tensor (times N, H, W), uint8

    Explained in notebooks/03_math.
    """
    a = x.float()
    b = a[nearest(a.flatten(1))]
    made = []
    for _ in range(times):
        drawn = b + (a - b).abs() / s * torch.randn(a.shape, generator=generator)
        swapped = torch.rand(a.shape, generator=generator) < swap
        made.append(torch.where(swapped, drawn.round().clamp(0, 255), a).to(torch.uint8))
    return torch.cat(made)


def munged(split: Split, trial: Trial) -> Split:
    """A transfer set of synthetic images; each carries the label of the real one, which no student is told."""
    generator = torch.Generator().manual_seed(trial.seed)
    x = munge(split.x.cpu(), generator=generator, **{k: trial.settings[k] for k in MUNGE})
    return Split(x, split.y.cpu().repeat(trial.settings["times"]), torch.arange(len(x))).to(split.x.device)


@dataclass
class LogitRegression:
    """Squared difference to a teacher's logits; `centre` as in `logit_matching`."""

    teacher: Any
    centre: bool

    def __call__(self, model, batch) -> tuple[Tensor, dict]:
        target = self.teacher.soft_targets(batch.x, batch.index, batch.view).logits
        shared = {"reduction": "none", "check": batch.check}
        return logit_matching(model(batch.x).logits, target, centre=self.centre, **shared), {}


def gradient_angle(a: Tensor, b: Tensor) -> Tensor:
    """Angle between rows, degrees; the arc cosine of their product would lose small ones to rounding."""
    a, b = (g / g.norm(dim=-1, keepdim=True) for g in (a, b))
    return 2 * torch.rad2deg(torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)))


def limit_rows(student: Tensor, teacher: Tensor) -> list[dict]:
    """Distillation's gradient and value against those of its limit, a row a temperature."""
    z = student.clone().requires_grad_()
    matching = logit_matching(z, teacher, reduction="none")
    matching.sum().backward()
    limits = {
        "limit": float(matching.detach().mean()),
        "limit_raw": float(logit_matching(student, teacher, centre=False)),
        "limit_shifted": float(logit_matching(student + 1, teacher, centre=False)),
    }
    rows = []
    for t in TEMPERATURES:
        kl, gradient = soft_gradient(student, teacher, t)
        gradient = gradient * t**2
        rows.append(
            {
                "temperature": t,
                "angle": float(gradient_angle(gradient, z.grad).mean()),
                "norm_ratio": float((gradient.norm(dim=-1) / z.grad.norm(dim=-1)).mean()),
                "top": float(soft_targets(teacher, t).amax(-1).mean()),
                "kl_scaled": float(kl.mean()) * t**2,
                **limits,
            }
        )
    return rows


def objective_for(trial: Trial, teacher: CachedTeacher):
    """What a trained arm minimises."""
    target = ARMS[trial.arm][1]
    if target == "labels":
        return HardLabels()
    return LogitRegression(teacher, target == "centred") if isinstance(target, str) else Distillation(teacher, target)


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Gradients of stored or drawn logits, or one student."""
    (trial,) = trials
    if trial.arm in (*REAL, *GAUSSIAN):
        return [{"rows": limit_rows(*logit_pair(trial, tools)[:2])}]
    split = training_split(trial, tools)
    if ARMS[trial.arm][0] == "munge":
        real = split.x.cpu()
        split = munged(split, trial)
        # `cached_teacher` knows a split by its indices, which are those of real images too
        teacher = CachedTeacher.of(stored_network(trial.needs[0], tools), split)
        if trial.arm == "munge_logits":
            near = real[nearest(real.flatten(1).float())]
            pictures = {"real": real, "neighbour": near, "synthetic": split.x.cpu()}
            tools.keep(trial, pictures={name: x[:PICTURES].numpy() for name, x in pictures.items()})
    else:
        teacher = cached_teacher(trial.needs[0], split, tools)
    model, _ = train(trial, split, objective_for(trial, teacher), tools)
    return [{"transfer_images": len(split), **nearness(model, trial, tools)}]
