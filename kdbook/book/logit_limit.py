"""Is distillation at high temperature the matching of logits? Hinton et al. 2015, section 2.1, and what came before.

- The gradient of T^2 KL against that of 1/(2C) sum (z - v)^2, both centred: their angle and norms as T grows (eq. 2-4).
- Students of KD at T = 1, 20 and 100 beside one of logit matching.
- Model compression: a transfer set made from few real images by MUNGE (Bucila, Caruana and Niculescu-Mizil 2006), and
  raw logits as targets (Ba and Caruana 2014), against training on the few images alone, for as many steps.
"""

import torch
from torch import Tensor

from kdbook.book.t_squared import by_temperature, logit_arms, logit_pair, nearness, net, soft_gradient
from kdbook.data.images import Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import cached_teacher, stored_network, train, training_split
from kdbook.losses import logit_matching, soft_targets
from kdbook.show import by_arm, figure, gallery, level, looks, plain, temperatures
from kdbook.training import CachedTeacher
from kdbook.training.objectives import Distillation, HardLabels, LogitRegression

VERSION = 1
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # students; the teachers are hinton_mnist's
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 20.0, 40.0, 100.0, 200.0, 400.0, 1000.0)
MUNGE = {"times": 10, "swap": 0.5, "s": 4.0}  # swap probability and local variance parameter are round, not tuned
PICTURES = 8
COLUMNS = columns(
    "arm seed temperature angle norm_ratio top kl_scaled limit limit_raw limit_shifted transfer_images"
    " test_errors agreement mean_kl logit_gap",
    arm="whose logits, or what the student learns from",
    seed="seed of weights, order and synthetic images, or of the Gaussian logits",
    angle="mean angle between the gradients of T^2 KL and of the centred squared error, degrees",
    norm_ratio="mean norm of the gradient of T^2 KL / that of the centred squared error's",
    top="mean softened probability of the teacher's top class",
    limit="mean of 1/(2C) sum (z - v)^2 with both centred",
    limit_raw="the same with logits as they are",
    limit_shifted="the same with 1 added to the student's logits, which no softmax sees",
)


def arms(profile: str) -> dict[str, Arm]:
    """Three pairs of logits, and nine students of hinton_mnist's teacher.

    Students of few real images see each of them as often as MUNGE made one from it.
    """
    samples, epochs = (600, 4) if profile == "quick" else (6_000, 8)
    real = net(profile)
    few = {**real, "samples": samples, "epochs": epochs * MUNGE["times"]}
    made = {**few, **MUNGE, "epochs": epochs}

    def taught(label: str, role: str, settings: dict, temperature: float | None = None) -> Arm:
        soft = {"temperature": temperature, "alpha": 1.0} if temperature else {}
        return Arm(label, role, settings | soft, ("hinton_mnist/teacher",))

    return {arm: pair for arm, pair in logit_arms(profile).items() if arm != "gaussian_100"} | {
        **{f"kd_{t}": taught(f"KD, T = {t}", "soft", real, float(t)) for t in (1, 20, 100)},
        "matching": taught("logit\nmatching", "shifted", real),
        "few_labels": taught("few real images,\nhard labels", "hard", few),
        "few_logits": taught("few real images,\nlogits", "control", few),
        **{f"munge_{t}": taught(f"MUNGE,\nKD, T = {t}", "soft", made, float(t)) for t in (1, 20)},
        "munge_logits": taught("MUNGE,\nlogits", "shifted", made),
    }


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
        row = {
            "temperature": t,
            "angle": float(gradient_angle(gradient, z.grad).mean()),
            "norm_ratio": float((gradient.norm(dim=-1) / z.grad.norm(dim=-1)).mean()),
            "top": float(soft_targets(teacher, t).amax(-1).mean()),
            "kl_scaled": float(kl.mean()) * t**2,
        }
        rows.append(row | limits)
    return rows


def objective_for(trial: Trial, teacher: CachedTeacher):
    """What a student minimises: soft targets, labels, or a distance of logits, centred or raw."""
    if "temperature" in trial.settings:
        return Distillation(teacher, trial.settings["temperature"])
    return HardLabels() if trial.arm == "few_labels" else LogitRegression(teacher, centre=trial.arm == "matching")


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Gradients of stored or drawn logits, or one student."""
    (trial,) = trials
    if "rows" in trial.settings:
        return [{"rows": limit_rows(*logit_pair(trial, tools)[:2])}]
    split = training_split(trial, tools)
    if "times" in trial.settings:
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


STUDENTS = looks(arms("full"), ("kd_1", "kd_20", "kd_100", "matching"))
COMPRESSED = looks(arms("full"), ("few_labels", "few_logits", "munge_1", "munge_20", "munge_logits"))


@figure("logit_limit_angle", chapter="03", size=(12, 4.4), grid=(1, 2), legend=1)
def limit(left, right, both):
    """Hinton et al. 2015, eq. 4.

    Two panels over temperature, for real and Gaussian logits: the angle between the gradients of distillation and of
    the centred squared error of logits, and the ratio of their norms. The angle falls to zero and the ratio tends to
    one; the trained student starts farthest away.
    """
    pairs = looks(arms("full"), ("untrained", "hard", "gaussian_10"))
    for axes, column in ((left, "angle"), (right, "norm_ratio")):
        by_temperature(axes, both, column, pairs)
        temperatures(axes, TEMPERATURES[::2])
    level(left, 0, "black", ls=":")
    level(right, 1, "black", "limit", ":")
    left.set(title="Angle between the two gradients", ylabel="degrees")
    right.set(title="Distillation's gradient / logit matching's", ylabel="ratio of norms", ylim=(0, None))


@figure("logit_matching_students", chapter="03", size=(11, 4), grid=(1, 2))
def students(left, right, both):
    """The limit, trained.

    Students of distillation at three temperatures beside a student of logit matching: test errors, and distance of
    their logits from the teacher's. At T = 1 both are more than twice as large as at T = 20, where they are already
    those of logit matching.
    """
    by_arm(left, both, "test_errors", STUDENTS)
    by_arm(right, both, "logit_gap", STUDENTS)
    plain(left.yaxis, scale="log")
    left.set(title="Test errors", ylabel="wrong of 10,000 (log scale)")
    right.set(title="Distance of the logits from the teacher's", ylabel="RMS of centred logits", ylim=(0, None))


@figure("munge_students", chapter="03", size=(9, 4.2))
def compression(axes, both):
    """Bucila, Caruana and Niculescu-Mizil 2006; Ba and Caruana 2014.

    Test errors of students of few real images, with hard labels or the teacher's logits, and of students of ten times
    as many synthetic images made from them, with three kinds of the teacher's answers. Hard labels make the most
    errors, probabilities at T = 1 a little fewer; logits and T = 20 less than half, with synthetic images and without
    them alike.
    """
    by_arm(axes, both, "test_errors", COMPRESSED)
    plain(axes.yaxis, scale="log")
    axes.set(title="A transfer set made from few images, as many steps for all", ylabel="test errors (log scale)")


@figure("munge_images", chapter="03", size=(10, 4.2), grid=(3, PICTURES))
def images(panels, both):
    """What MUNGE makes of MNIST.

    Three rows of digits: real images, the nearest other image of each, and the synthetic image that takes about half of
    its pixels from a noisy neighbour: still a digit, speckled where the two differ.
    """
    rows = {"real": "real image", "neighbour": "nearest other", "synthetic": "synthetic"}
    for line, (name, label) in zip(panels, rows.items(), strict=True):
        gallery(line, both.reference.array("munge_logits", name), vmin=0, vmax=255)
        line[0].set_ylabel(label)
    panels[0, 0].figure.suptitle("Synthetic transfer images (MUNGE)")
