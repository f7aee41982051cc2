"""Do MobileNets come near a ResNet or EfficientNet teacher that is 4 to 10 times larger? The summary says so.

Published students stay behind: MobileNetV3 6.7 points below a teacher 44 times its size (Beyer et al. 2021), DeiT-small
and -tiny 2.0 and 9.5 points below one of 3.8 and 15 times (Touvron et al. 2021). Here teachers and students learn from
the same images of Fashion-MNIST for as many epochs, so that size alone is between them. `arms` takes CIFAR as well.
"""

from kdbook.lab import Arm, Tools, Trial, columns, load
from kdbook.lab.steps import objective_for, scores, seeded_network, train, training_split
from kdbook.nets.vision import count_multiply_adds, count_parameters
from kdbook.show import OWN, PLAIN, dot, figure, level, looks, of_seeds, plain, published, yours

VERSION = 1
DATA = "fashion-mnist"
SEEDS = {"full": (5, 3), "quick": (1, 1)}  # students, teachers
# classes and channels where they are not those of the MNISTs
COLOUR = {"cifar10": {"channels": 3, "classes": 10}, "cifar100": {"channels": 3, "classes": 100}}
COLUMNS = columns(
    "arm seed teacher_seed test_errors agreement mean_kl parameters times_smaller multiply_adds",
    arm="teacher; or a student's size and what it learns from: labels (hard), or a teacher's soft targets as well",
    teacher_seed="seed of the teacher, with which a hard student is compared too; seed mod number of teachers",
    times_smaller="the teacher's parameters / the student's",
)
TEACHERS, SIZES = ("resnet", "efficientnet"), ("quarter", "tenth")
NAMES = {"resnet": "ResNet", "efficientnet": "EfficientNet", "quarter": "MobileNet 1/4", "tenth": "MobileNet 1/10"}

# Millions of parameters of teacher and student; accuracy of the teacher, of the student alone (None: not told) and of
# the distilled student, %. Beyer et al. 2021, section 3.6; Touvron et al. 2021, the authors' table, for
# ImageNet; Tian et al. 2020, Table 2, for CIFAR-100. All sizes are recalled.
PUBLISHED = {
    "BiT-R152x2 > MobileNetV3-L": (236, 5.4, 83.0, None, 76.31),
    "RegNetY > DeiT-small": (84, 22, 82.9, 79.9, 80.9),
    "RegNetY > DeiT-tiny": (84, 5.7, 82.9, 72.2, 73.4),
    "ResNet50 > MobileNetV2, KD": (23.7, 0.81, 79.34, 64.60, 67.35),
    "ResNet50 > MobileNetV2, CRD": (23.7, 0.81, 79.34, 64.60, 69.11),
}


def net(kind: str, last: int, *rows: list) -> dict:
    """Settings of one of torchvision's: its blocks, and the channels before its classifier."""
    return {"net": kind, "rows": [*rows], "last": last}


FIRST = [3, 16, 16, True, "RE", 2]  # of a MobileNet: kernel, expanded, out, squeeze, activation, stride
NETS = {
    "full": {
        "resnet": {"net": "resnet", "widths": [16, 48, 128]},
        "efficientnet": net(
            "efficientnet", 768, [1, 3, 2, 24, 1], [3, 3, 1, 40, 1], [4, 5, 2, 96, 1], [4, 3, 1, 128, 1]
        ),
        "quarter": net("mobilenet", 320, FIRST, [3, 64, 24, False, "RE", 1], [5, 144, 72, True, "HS", 2]),
        "tenth": net("mobilenet", 184, FIRST, [3, 48, 24, False, "RE", 1], [5, 80, 40, True, "HS", 2]),
    },
    "quick": {
        "resnet": {"net": "resnet", "widths": [8, 24, 48]},
        "efficientnet": net("efficientnet", 224, [1, 3, 2, 16, 1], [3, 3, 1, 24, 1], [4, 5, 2, 48, 1]),
        "quarter": net("mobilenet", 128, FIRST, [5, 48, 24, False, "HS", 2]),
        "tenth": net("mobilenet", 80, [3, 16, 16, False, "RE", 2], [5, 24, 16, False, "HS", 2]),
    },
}
# Chapter 04's weight, temperature and rate of the teacher, for all nets alike. On validation images, after two epochs
# and with seed 0, the smallest student made 1794 errors with labels and 1724 with soft targets; with a rate of 0.3 and
# labels 1750, which two standard errors of 10,000 images do not tell from 1794.
KD = {"temperature": 4.0, "alpha": 0.9}


def arms(profile: str, data: str = DATA) -> dict[str, Arm]:
    """Both teachers, and each size of student with labels or taught by either; `data` may be ``cifar10`` as well."""
    training = {"samples": 6_000, "epochs": 6, "batch_size": 64, "lr": 0.1, "weight_decay": 5e-4}
    if profile == "quick":
        training |= {"samples": 1_000, "epochs": 3, "batch_size": 32}
    settings = {name: {**of, **training, **COLOUR.get(data, {}), "data": data} for name, of in NETS[profile].items()}
    found = {name: Arm(NAMES[name], "teacher", settings[name], teaches=True) for name in TEACHERS}
    for size in SIZES:
        found[f"{size}_hard"] = Arm("hard labels", "hard", settings[size], needs=("resnet",))
        for name, role in zip(TEACHERS, ("soft", "shifted"), strict=True):
            found[f"{size}_{name}"] = Arm(f"taught by {NAMES[name]}", role, {**settings[size], **KD}, needs=(name,))
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one net and score it; a teacher's weights are kept."""
    (trial,) = trials
    split = training_split(trial, tools)
    model, _ = train(trial, split, objective_for(trial, split, tools), tools)
    row = {**scores(model, trial, tools), "multiply_adds": count_multiply_adds(model, split.x.shape[1:])}
    if not trial.needs:
        tools.keep(trial, tensors=model.state_dict())
    for needed in trial.needs:
        row["times_smaller"] = count_parameters(seeded_network(needed)) / row["parameters"]
    return [row]


ARMS = looks(arms("full"))


def against_teacher(table, size: str, taught: str):
    """Of each seed: points below the teacher, and the share of hard labels' distance to it that soft targets close, %.

    Returns
    -------
    ratio : float, how many times smaller the student is
    below, closed : Series (seeds,)
    """
    arm = f"{size}_{taught}"
    ours, hard = (of_seeds(table, name, "test_errors").sort_index() for name in (arm, f"{size}_hard"))
    teacher = of_seeds(table, arm, "teacher_seed").map(of_seeds(table, taught, "test_errors"))
    return of_seeds(table, arm, "times_smaller").mean(), (ours - teacher) / 100, 100 * (hard - ours) / (hard - teacher)


def note(axes, text: str, x: float, y: float, away: tuple[float, float], align: str) -> None:
    """A word at a mark, so many points away."""
    axes.annotate(text, (x, y), xytext=away, textcoords="offset points", fontsize=9, ha=align)


@figure("mobile_gap", chapter="07", size=(12, 4.6), grid=(1, 2))
def gap(left, right, both):
    """Beyer et al. 2021, section 3.6; Touvron et al. 2021; Tian et al. 2020, Table 2: what students lack.

    Left, points of accuracy below the teacher over how many times smaller the student is; right, the share of the
    distance between a student with hard labels and the teacher that soft targets close. Black crosses are published
    pairs on ImageNet and CIFAR-100, coloured points are the MobileNets here. In the published pairs the distance grows
    with the ratio, and most of it stays open.
    """
    for name, (teacher, student, top, alone, distilled) in PUBLISHED.items():
        label = "published: ImageNet, CIFAR-100" if name == next(iter(PUBLISHED)) else None
        closed = None if alone is None else 100 * (distilled - alone) / (top - alone)
        for axes, value in ((left, top - distilled), (right, closed)):
            if value is not None:
                published(axes, teacher / student, value, label)
                away, align = ((-8, -3), "right") if teacher / student > 40 else ((8, -3), "left")
                note(axes, name.split(" > ")[1], teacher / student, value, away, align)
    for axes, column in ((left, 0), (right, 1)):
        for taught in TEACHERS:
            for size in SIZES:
                look, first = ARMS[f"{size}_{taught}"], size == SIZES[0]
                ratio, *found = against_teacher(both.reference, size, taught)
                dot(axes, ratio, found[column], look.colour, look.label if first else None)
                if both.mine is not None:
                    ratio, *own = against_teacher(both.mine, size, taught)
                    yours(axes, ratio, own[column], OWN if first and taught == TEACHERS[0] else None, beside=0)
        plain(axes.xaxis, (2, 4, 10, 20, 40), "log")
        axes.set(xlabel="times smaller than the teacher", xlim=(2, 80))
    level(left, 0)
    right.axhspan(100, 105, color=PLAIN, alpha=0.2, lw=0)
    left.set(title="How near to the teacher?", ylabel="points of accuracy below it")
    right.set(title="What do soft targets contribute?", ylabel="share of the gap closed, %")


@figure("mobile_accuracy", chapter="07", size=(13, 4.2), grid=(1, 3), sharey=True)
def accuracy(weights, operations, time, both):
    """What does accuracy cost in weights, in multiply-adds and in time?

    Three panels with the accuracy on Fashion-MNIST over parameters, multiply-adds and the time of one image: the two
    teachers, and the two students with hard labels and with soft targets. Students need a fraction of each;
    the fraction of time is the largest of the three.
    """
    clock = load("mobile_latency")
    times = clock[clock.batch_size == 1].groupby("arm").milliseconds.median()
    both = both.map(lambda t: t.assign(right=100 - t.test_errors / 100, time=t.arm.str.partition("_")[0].map(times)))
    for axes, column, unit in ((weights, "parameters", 1e3), (operations, "multiply_adds", 1e6), (time, "time", 1)):
        for arm, look in ARMS.items():
            x, right = (of_seeds(both.reference, arm, name) for name in (column, "right"))
            dot(axes, x.iloc[0] / unit, right, look.colour)
            if arm in TEACHERS or arm.endswith("_hard"):
                note(axes, NAMES[arm.partition("_")[0]], x.iloc[0] / unit, right.mean(), (0, -22), "center")
            if both.mine is not None and axes is not time:  # the reader's nets are smaller than those that were timed
                x, right = (of_seeds(both.mine, arm, name) for name in (column, "right"))
                yours(axes, x.iloc[0] / unit, right, beside=0)
        plain(axes.xaxis, scale="log")
        axes.margins(x=0.2, y=0.2)
    weights.scatter([], [], s=45, color=ARMS["resnet"].colour, label="teachers")
    for arm in ("hard", *TEACHERS):
        look = ARMS[f"{SIZES[0]}_{arm}"]
        weights.scatter([], [], s=45, color=look.colour, label=look.label)
    if both.mine is not None:
        yours(weights, 0, [], "yours (quick)", beside=0)
    weights.set(ylabel="right answers, %", xlabel="thousands of parameters", title="Weights")
    operations.set(xlabel="millions of multiply-adds for one image", title="Operations")
    time.set(xlabel="ms for one image, alone", title="Time on this machine")
