"""Why T^2? Hinton et al. 2015, section 2: measured on logits, then by training with the factor and without it.

The gradient of KL(p||q) at temperature T is (q - p) / T (eq. 2). One 1/T is the chain rule's; the other comes from p
and q, which both flatten until their difference shrinks as 1/T. The paper derives the factor and reports no run without
it. Leaving it out of a mixed loss is the same as a smaller alpha (`soft_weight`) and learning rate. Leaving it
out of a soft loss alone only divides the learning rate by T^2: the `soft_without` students get one T^2 times as large.
"""

from collections.abc import Mapping

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook.book.temperature_views import answers_of, normal
from kdbook.data.images import load_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import (
    cached_teacher,
    cohort_teacher,
    errors,
    fidelity,
    predict,
    teacher_answers,
    test_split,
    train,
    train_seeds,
    training_split,
)
from kdbook.losses import kd_loss, logit_matching, soft_targets
from kdbook.show import (
    HARD,
    OWN,
    SOFT,
    TEACHER,
    Both,
    Look,
    curve,
    figure,
    looks,
    names,
    plain,
    published,
    rows_of,
    seeds,
    temperatures,
    yours,
)
from kdbook.training import unstack
from kdbook.training.objectives import Distillation, WithoutFactor

VERSION = 1
SEEDS = {"full": (5, 0), "quick": (2, 0), "gpu": (20, 0)}  # students; the teachers are hinton_mnist's
TEMPERATURES = (1.0, 2.0, 3.0, 4.0, 8.0, 10.0, 20.0, 40.0, 100.0)
TRAINED_AT = (1.0, 4.0, 20.0)  # at T = 1 the factor is 1: there are no arms without it
COLUMNS = columns(
    "arm seed temperature kl_scaled gradient_norm gap_norm chain_factor scaled_norm relative_norm flat_from"
    " closed_form_error rising soft_to_hard soft_to_hard_without soft_weight test_errors agreement mean_kl logit_gap",
    arm="whose logits, or how the student was trained",
    seed="seed of weights and order, or of the Gaussian logits",
    gradient_norm="mean norm of autograd's gradient of KL, without T^2, for the student's logits",
    gap_norm="mean norm of q - p, student's minus teacher's soft targets",
    chain_factor="gradient_norm / gap_norm: the chain rule's part",
    scaled_norm="T^2 gradient_norm",
    relative_norm="scaled_norm / scaled_norm at the largest T",
    flat_from="smallest T of the list from which on relative_norm stays within 5 % of 1",
    closed_form_error="largest difference of autograd's gradient and (q - p) / T / largest entry of the latter",
    rising="share of the teacher's class probabilities that are larger than at T = 1",
    soft_to_hard="scaled_norm / mean norm of the hard loss's gradient (real logits only)",
    soft_to_hard_without="the same without T^2",
    soft_weight="alpha of the loss with T^2 that has the same minimum: weight of T^2 KL / sum of both weights",
)


def net(profile: str) -> dict:
    """What a student learns with.

    The learning rate is that of `ablations` for twice the batch, rounded down: not tuned. Quick runs, of few steps,
    take a lower one, at which training loss and validation errors no longer jump from seed to seed. On a GPU students
    have all images.
    """
    full = {"sizes": [784, 300, 300, 10], "samples": 12_000, "batch_size": 128, "lr": 0.05, "epochs": 15}
    quick = {"sizes": [784, 50, 50, 10], "samples": 2_000, "epochs": 12, "lr": 0.03}
    return full | {"quick": quick, "full": {}, "gpu": {"samples": 60_000}}[profile]


def logit_arms(profile: str) -> dict[str, Arm]:
    """Pairs of student's and teacher's logits, stored and drawn.

    hinton_mnist's student of hard labels before and after its training against its teacher, and N(0, 4^2) for both.
    """
    few, many = (1_000, 2_000) if profile == "quick" else (2_000, 10_000)
    stored, drawn = {"rows": few}, {"rows": many, "sd": 4.0}
    needs = ("hinton_mnist/teacher", "hinton_mnist/hard")
    return {
        "untrained": Arm("untrained student, MNIST", "soft", stored, needs),
        "hard": Arm("trained student, MNIST", "hard", stored, needs),
        "gaussian_10": Arm("Gaussian, 10 classes", "control", {**drawn, "classes": 10}),
        "gaussian_100": Arm("Gaussian, 100 classes", "shifted", {**drawn, "classes": 100}),
    }


def arms(profile: str) -> dict[str, Arm]:
    """Four pairs of logits, and ten students of hinton_mnist's teacher, on a GPU each of all seeds as one model."""

    def taught(name: str, t: float, alpha: float) -> Arm:
        settings = {**net(profile), "temperature": t, "alpha": alpha}
        settings["lr"] *= t**2 if name == "soft_without" else 1
        look = ("without", "hard") if name.endswith("without") else ("with T²", "soft")
        cohort = f"seeds {name} {t:g}" if profile == "gpu" else ""
        return Arm(*look, settings, ("hinton_mnist/teacher",), named=name, cohort=cohort)

    students = {}
    for kind, alpha in {"mixed": 0.5, "soft": 1.0}.items():
        students |= {f"{kind} {t:g}": taught(kind, t, alpha) for t in TRAINED_AT}
        students |= {f"{kind}_without {t:g}": taught(f"{kind}_without", t, alpha) for t in TRAINED_AT[1:]}
    return logit_arms(profile) | students


def logit_pair(trial: Trial, tools: Tools) -> tuple[Tensor, Tensor, Tensor | None]:
    """Student's and teacher's logits (N, C) in float64; labels if they are of real images."""
    s = trial.settings
    if "sd" in s:
        return *normal(trial.seed, s["sd"], 2, s["rows"], s["classes"]), None
    few = load_images(trial.data, "train").rows(slice(s["rows"]))
    teacher, student = answers_of(trial, few, tools)
    return student, teacher, few.y


def soft_gradient(student: Tensor, teacher: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """KL(p||q) of each row (N,), and autograd's gradient of it for the student's logits (N, C), both without T^2."""
    z = student.clone().requires_grad_()
    rows = kd_loss(z, teacher, temperature=temperature, reduction="none")
    rows.sum().backward()
    return rows.detach() / temperature**2, z.grad / temperature**2


def flat_from(temperatures, norms) -> float:
    """Smallest of ascending temperatures from which on every norm is within 5 % of the last one."""
    near = np.abs(np.asarray(norms) / norms[-1] - 1) <= 0.05
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


def soft_weight(temperature: float, alpha: float) -> float:
    """The alpha with which a loss with T^2 has the same minimum as alpha KL + (1 - alpha) CE without it."""
    return alpha / (alpha + (1 - alpha) * temperature**2)


def nearness(model: nn.Module, trial: Trial, tools: Tools) -> dict:
    """Test errors, and how near the teacher (the trial's first need) is: one look at the test set."""
    test = test_split(trial, tools)
    logits, answers = predict(model, test).logits, teacher_answers(trial.needs[0], test, tools)
    gap = float((2 * logit_matching(logits, answers)).sqrt())
    return {"test_errors": errors(logits, test.y), **fidelity(logits, answers), "logit_gap": gap}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Gradients of stored or drawn logits, or students trained with T^2 or without: one, or those of all seeds."""
    first = trials[0]
    if "rows" in first.settings:
        return [{"rows": logit_rows(*logit_pair(first, tools))}]
    split, (t, alpha) = training_split(first, tools), (first.settings[k] for k in ("temperature", "alpha"))
    without = first.arm.endswith("without")
    kind, weight = (WithoutFactor, soft_weight(t, alpha)) if without else (Distillation, alpha)
    if first.cohort:
        nets = unstack(train_seeds(trials, split, kind(cohort_teacher(trials, split, tools), t, alpha), tools)[0])
    else:
        nets = [train(first, split, kind(cached_teacher(first.needs[0], split, tools), t, alpha), tools)[0]]
    return [{"soft_weight": weight, **nearness(net, trial, tools)} for net, trial in zip(nets, trials, strict=True)]


LOGITS = looks(logit_arms("full"))
# of one draw each, computed without this code
CHECKED_AT = (1, 2, 3, 4, 10, 100)
CHECKED = {
    "scaled_norm": {
        "gaussian_10": (1.00, 1.46, 1.62, 1.67, 1.67, 1.66),
        "gaussian_100": (0.89, 0.93, 0.78, 0.69, 0.58, 0.56),
    },
    "kl_scaled": {"gaussian_10": (5.8, 9.8, 11.9, 13.0, 14.3, 14.5)},
}


def by_temperature(axes, both: Both, column: str, looks: Mapping[str, Look], own: str | None = "yours (quick)") -> None:
    """Mean over seeds by temperature, a line an arm; the reader's own as one dashed line each."""
    for arm, look in looks.items():
        label = own if arm == next(iter(looks)) else None
        curve(axes, both.rows(arm=arm), "temperature", column, look, own_mark="--", own=label, bars=False)


@figure("t_squared_scale", chapter="03", size=(12, 4.4), grid=(1, 2), legend="below")
def scale(left, right, both):
    """Hinton et al. 2015, section 2: with the factor, soft targets keep about their weight at every temperature.

    T squared times the norm of the gradient of KL, and T squared times KL, over temperature, for real and Gaussian
    logits. Both change while T is small against the logits. The untrained student's gradient peaks between 4 and 20 and
    is still falling at 100; the trained one's rises from nearly nothing and is level from about 10; with 100 classes
    the norm falls.
    """
    for axes, column, title, unit in (
        (left, "scaled_norm", "T² × norm of the gradient of KL", "norm"),
        (right, "kl_scaled", "T² × KL", "nats"),
    ):
        by_temperature(axes, both, column, LOGITS)
        for arm, values in CHECKED[column].items():
            published(axes, CHECKED_AT, values, "an independent check" if arm == "gaussian_10" else None)
        temperatures(axes, TEMPERATURES[::2])
        axes.set(title=title, ylabel=unit, ylim=(0, None))


@figure("t_squared_factors", chapter="03", size=(7.5, 4.6))
def factors(axes, both):
    """Hinton et al. 2015, eq. 2: (q - p) / T.

    Logarithmic plot over temperature of the two factors of the gradient of KL for an untrained student: the chain
    rule's falls as 1/T everywhere; the norm of q minus p is level at first and falls as 1/T later; their product, the
    gradient's norm, falls as 1/T squared in the end.
    """
    by_temperature(axes, both, "chain_factor", {"untrained": Look("chain rule: |gradient| / |q - p|", HARD)}, None)
    by_temperature(axes, both, "gap_norm", {"untrained": Look("flattening: |q - p|", SOFT)}, None)
    by_temperature(axes, both, "gradient_norm", {"untrained": Look("product: |gradient|", TEACHER)})
    start, end = TEMPERATURES[-3], TEMPERATURES[-1]
    last = rows_of(both.reference, {"arm": "untrained", "temperature": end})
    for column, power, style, label in (("gap_norm", 1, ":", "1/T"), ("gradient_norm", 2, "-.", "1/T²")):
        level = last[column].mean() * 1.6
        slope = [level * (end / start) ** power, level]
        axes.plot([start, end], slope, style, color="black", lw=1.5, label=f"slope of {label}")
    temperatures(axes, TEMPERATURES[::2])
    axes.set(title="Why the gradient of KL shrinks: two factors", ylabel="factor, norm", yscale="log")


@figure("t_squared_training", chapter="03", size=(14, 4.4), grid=(1, 3))
def training(mixed, distance, soft, both):
    """The comparison that the paper does not show.

    Students trained with T squared and without it, by temperature. Left two panels, mixed with hard labels: with the
    factor, errors and the distance to the teacher's logits fall as T grows; without it, errors rise and the distance
    stays. Right, soft targets only with the learning rate made good: the two are equal.
    """
    students = {arm: found for arm, found in arms("full").items() if found.named}
    for axes, kind, column, title, unit in (
        (mixed, "mixed", "test_errors", "half hard labels: test errors", "wrong of 10,000 (log scale)"),
        (distance, "mixed", "logit_gap", "half hard labels: distance to the teacher", "RMS of centred logits"),
        (soft, "soft", "test_errors", "soft only, learning rate × T²: test errors", "wrong of 10,000 (log scale)"),
    ):
        for at, t in enumerate(TRAINED_AT):
            for name, off in ((kind, -0.24), (f"{kind}_without", 0.24)):
                if look := looks(students).get(f"{name} {t:g}"):
                    chosen = both.rows(arm=name, temperature=t)
                    seeds(axes, at + off, chosen.reference[column], look.colour, look.label if at == 1 else None)
                    if both.mine is not None:
                        own = OWN if (at, off) == (1, 0.24) else None
                        yours(axes, at + off, chosen.mine[column], own, beside=0.2)
        names(axes, [f"{t:g}" for t in TRAINED_AT])
        axes.set(title=title, xlabel="temperature T", ylabel=unit)
    for axes in (mixed, soft):
        plain(axes.yaxis, scale="log")
