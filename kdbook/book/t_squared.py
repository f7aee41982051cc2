"""Why T^2? Hinton et al. 2015, section 2: measured on logits, then by training with the factor and without it.

The gradient of KL(p||q) at temperature T is (q - p) / T (eq. 2). One 1/T is the chain rule's; the other comes from p
and q, which both flatten until their difference shrinks as 1/T. The paper derives the factor and reports no run without
it. Leaving it out of a mixed loss is the same as a smaller alpha (`soft_weight`) and learning rate. Leaving it
out of a soft loss alone only divides the learning rate by T^2: the `soft_without` students get one T^2 times as large.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook.data.images import load_images
from kdbook.lab.arms import trial as trial_of
from kdbook.lab.steps import (
    cached_teacher,
    errors,
    fidelity,
    predict,
    seeded_network,
    stored_network,
    teacher_answers,
    train,
    training_split,
)
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import hard_loss, kd_loss, logit_matching, soft_targets
from kdbook.training import Distillation

VERSION = 1
TEMPERATURES = (1.0, 2.0, 3.0, 4.0, 8.0, 10.0, 20.0, 40.0, 100.0)
FLAT = 0.05

COLUMNS = {
    "arm": "whose logits, or how the student was trained",
    "seed": "seed of weights and order, or of the Gaussian logits",
    "temperature": "T of the soft term",
    "kl_scaled": "mean T^2 KL(teacher || student), nats",
    "gradient_norm": "mean norm of autograd's gradient of KL, without T^2, for the student's logits",
    "gap_norm": "mean norm of q - p, student's minus teacher's soft targets",
    "chain_factor": "gradient_norm / gap_norm: the chain rule's part",
    "scaled_norm": "T^2 gradient_norm",
    "relative_norm": "scaled_norm / scaled_norm at the largest T",
    "flat_from": "smallest T of the list from which on relative_norm stays within 5 % of 1",
    "closed_form_error": "largest difference of autograd's gradient and (q - p) / T / largest entry of the latter",
    "rising": "share of the teacher's class probabilities that are larger than at T = 1",
    "soft_to_hard": "scaled_norm / mean norm of the hard loss's gradient (real logits only)",
    "soft_to_hard_without": "the same without T^2",
    "soft_weight": "alpha of the loss with T^2 that has the same minimum: weight of T^2 KL / sum of both weights",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "agreement": "share of test images with the teacher's top class",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
    "logit_gap": "root mean square difference of student's and teacher's centred logits over test images",
}

REAL = ("untrained", "hard")
GAUSSIAN = {"gaussian_10": 10, "gaussian_100": 100}
ARMS = {"mixed": 0.5, "mixed_without": 0.5, "soft": 1.0, "soft_without": 1.0}  # alpha
TRAINED_AT = (1.0, 4.0, 20.0)  # at T = 1 the factor is 1: there are no arms without it

# The learning rate is that of `ablations` for twice the batch, rounded down: not tuned. Quick runs, of few steps, take
# a lower one, at which training loss and validation errors no longer jump from seed to seed.
NET = {"sizes": [784, 300, 300, 10], "samples": 12_000, "batch_size": 128, "lr": 0.05, "epochs": 15}
SETTINGS = {
    "full": {"net": NET, "rows": {"real": 2_000, "gaussian": 10_000}},
    "quick": {
        "net": {**NET, "sizes": [784, 50, 50, 10], "samples": 2_000, "epochs": 12, "lr": 0.03},
        "rows": {"real": 1_000, "gaussian": 2_000},
    },
}
SEEDS = {"full": 5, "quick": 2}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """For each seed two pairs of real logits, two of Gaussian ones, and ten students of hinton_mnist's teacher."""
    check_profile(profile)
    made = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        made += logit_trials("t_squared", VERSION, profile, seed, GAUSSIAN)
        for arm, alpha in ARMS.items():
            for t in TRAINED_AT[arm.endswith("without") :]:
                settings = {**SETTINGS[profile]["net"], "temperature": t, "alpha": alpha}
                settings["lr"] *= t**2 if arm == "soft_without" else 1
                needs = (trial_of("hinton_mnist", profile, "teacher", seed),)
                made.append(Trial("t_squared", arm, seed, settings, needs=needs, version=VERSION))
    return made


def logit_trials(experiment: str, version: int, profile: str, seed: int, gaussian: dict[str, int]) -> list[Trial]:
    """Pairs of student's and teacher's logits: hinton_mnist's student of hard labels before and after its training
    against its teacher, and N(0, 4^2) for both."""
    rows = SETTINGS[profile]["rows"]
    needs = (trial_of("hinton_mnist", profile, "teacher", seed), trial_of("hinton_mnist", profile, "hard", seed))
    real = [Trial(experiment, arm, seed, {"rows": rows["real"]}, needs=needs, version=version) for arm in REAL]
    drawn = {"rows": rows["gaussian"], "sd": 4.0}
    return real + [Trial(experiment, a, seed, {**drawn, "classes": c}, version=version) for a, c in gaussian.items()]


def logit_pair(trial: Trial, tools: Tools) -> tuple[Tensor, Tensor, Tensor | None]:
    """Student's and teacher's logits (N, C) in float64, on the CPU, since not every device has it; labels if real."""
    s = trial.settings
    if trial.arm not in REAL:
        generator = torch.Generator().manual_seed(trial.seed)
        drawn = s["sd"] * torch.randn(2, s["rows"], s["classes"], generator=generator, dtype=torch.float64)
        return drawn[0], drawn[1], None
    teacher, student = trial.needs
    few = load_images(trial.data, "train").rows(slice(s["rows"]))
    net = seeded_network(student) if trial.arm == "untrained" else stored_network(student, tools)
    answers = [predict(m.cpu(), few).logits.double() for m in (net, stored_network(teacher, tools))]
    return answers[0], answers[1], few.y


def soft_gradient(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """KL(p||q) of each row (N,), and autograd's gradient of it for the student's logits (N, C), both without T^2."""
    z = student.clone().requires_grad_()
    rows = kd_loss(z, teacher, temperature=temperature, reduction="none")
    rows.sum().backward()
    return rows.detach() / temperature**2, z.grad / temperature**2


def flat_from(temperatures, norms, share: float = FLAT) -> float:
    """Smallest temperature from which on every norm is within `share` of the last one.

    Parameters
    ----------
    temperatures, norms : sequence of float
        Temperatures ascending, and the norm at each.
    share : float
        Of the last norm.
    """
    near = np.abs(np.asarray(norms) / norms[-1] - 1) <= share
    return float(temperatures[len(near) - int(np.cumprod(near[::-1]).sum())])


def logit_rows(student: Tensor, teacher: Tensor, y: Tensor | None) -> list[dict]:
    """The gradient and its two factors, a row a temperature."""
    hard = None
    if y is not None:
        hard = float((student.softmax(-1) - F.one_hot(y, student.shape[-1])).norm(dim=-1).mean())
    at_one, rows = soft_targets(teacher, 1.0), []
    for t in TEMPERATURES:
        kl, gradient = soft_gradient(student, teacher, t)
        p = soft_targets(teacher, t)
        gap = soft_targets(student, t) - p
        norm, gap_norm = (float(g.norm(dim=-1).mean()) for g in (gradient, gap))
        row = {
            "temperature": t,
            "kl_scaled": float(kl.mean()) * t**2,
            "gradient_norm": norm,
            "gap_norm": gap_norm,
            "chain_factor": norm / gap_norm,
            "scaled_norm": norm * t**2,
            "closed_form_error": float((gradient - gap / t).abs().max() / (gap / t).abs().max()),
            "rising": float((p > at_one).double().mean()),
        }
        rows.append(row | ({"soft_to_hard": norm * t**2 / hard, "soft_to_hard_without": norm / hard} if hard else {}))
    norms = [row["scaled_norm"] for row in rows]
    flat = flat_from(TEMPERATURES, norms)
    return [{**row, "relative_norm": n / norms[-1], "flat_from": flat} for row, n in zip(rows, norms, strict=True)]


@dataclass
class WithoutFactor(Distillation):
    """alpha KL(p||q) + (1 - alpha) CE: `Distillation` without its T^2, a mistake that is easily made."""

    def __call__(self, model, batch) -> tuple[Tensor, dict]:
        target = self.teacher.soft_targets(batch.x, batch.index, batch.view).logits
        logits, shared = model(batch.x).logits, {"reduction": "none", "check": batch.check}
        kl = kd_loss(logits, target, temperature=self.temperature, **shared) / self.temperature**2
        if self.alpha == 1:
            return kl, {}
        return self.alpha * kl + (1 - self.alpha) * hard_loss(logits, batch.y, **shared), {}


def soft_weight(temperature: float, alpha: float) -> float:
    """The alpha with which a loss with T^2 has the same minimum as alpha KL + (1 - alpha) CE without it."""
    return alpha / (alpha + (1 - alpha) * temperature**2)


def nearness(model: nn.Module, trial: Trial, tools: Tools) -> dict:
    """Test errors, and how near the teacher (the trial's first need) is: one look at the test set."""
    test, teacher = load_images(trial.data, "test", tools.device), trial.needs[0]
    logits, answers = predict(model, test).logits, teacher_answers(teacher, test, tools)
    return {
        "test_errors": errors(logits, test.y),
        **fidelity(logits, answers),
        "logit_gap": float((2 * logit_matching(logits, answers)).sqrt()),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Gradients of stored or drawn logits, or one student trained with T^2 or without."""
    (trial,) = trials
    if trial.arm not in ARMS:
        return [{"rows": logit_rows(*logit_pair(trial, tools))}]
    split, (t, alpha) = training_split(trial, tools), (trial.settings[k] for k in ("temperature", "alpha"))
    without = trial.arm.endswith("without")
    objective = (WithoutFactor if without else Distillation)(cached_teacher(trial.needs[0], split, tools), t, alpha)
    model, _ = train(trial, split, objective, tools)
    return [{"soft_weight": soft_weight(t, alpha) if without else alpha, **nearness(model, trial, tools)}]
