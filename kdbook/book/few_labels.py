"""What is distillation for? Errors over the number of images that a student sees, by who tells it their classes.

The same small student learns from true labels, from a teacher's soft targets, or from its hard answers. The teacher
knows 50,000 labels, or only those few that the student has as well: then all other images have no label at all.
"""

import torch
from torch import Tensor, nn

from kdbook.data.images import Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, predict, splits, teacher_answers, train, train_seeds
from kdbook.nets.vision import count_parameters
from kdbook.show import CONTROL, HARD, SOFT, Look, curve, figure, level, plain
from kdbook.training import CachedTeacher, Distillation, HardLabels

VERSION, DATA = 1, "fashion-mnist"
SEEDS = {"full": (10, 10), "quick": (2, 2)}  # draws of images, each with teachers of its own
COLUMNS = columns(
    "arm seed teacher_seed answers images labels test_errors parameters",
    arm="who tells the student, images that it sees, and labels that its teacher knows",
    seed="seed of weights, order and of the draw of images",
    answers="labels, soft (a teacher's soft targets), hard (the classes that the teacher names), or teacher",
    images="images that the net sees, with or without labels",
    labels="labels that are known to the teacher or, without one, to the student",
)
ALL = 50_000  # the last 10,000 training images are never seen: settings are chosen on them
SIZES = {"full": (100, 500, 2_000, 10_000, ALL), "quick": (100, 500, 2_000)}
KNOWN = {"full": (500, 2_000), "quick": (500,)}  # labels of the teachers that know no more of them than a student
EPOCHS = {100: 400, 500: 150, 2_000: 60, 10_000: 20, ALL: 12}
# Learning rate and decay or, of soft targets, learning rate and T: chosen on validation images by `few_labels_settings`
CHOSEN: dict[str, tuple[float, float]] = {
    "labels 100": (0.05, 0.005),
    "soft 100": (0.1, 2.0),
    "hard 100": (0.05, 0.0005),
    "labels 500": (0.1, 0.02),
    "soft 500": (0.05, 4.0),
    "hard 500": (0.05, 0.005),
    "soft 500 of 500": (0.05, 2.0),
    "hard 500 of 500": (0.1, 0.02),
    "labels 2000": (0.1, 0.005),
    "soft 2000": (0.05, 4.0),
    "hard 2000": (0.1, 0.005),
    "soft 2000 of 500": (0.05, 2.0),
    "hard 2000 of 500": (0.1, 0.005),
    "soft 2000 of 2000": (0.1, 2.0),
    "hard 2000 of 2000": (0.1, 0.005),
    "labels 10000": (0.05, 0.0005),
    "soft 10000": (0.05, 2.0),
    "hard 10000": (0.05, 0.0),
    "soft 10000 of 500": (0.05, 2.0),
    "hard 10000 of 500": (0.1, 0.005),
    "soft 10000 of 2000": (0.1, 1.0),
    "hard 10000 of 2000": (0.05, 0.0005),
    "labels 50000": (0.1, 0.0),
    "soft 50000": (0.2, 1.0),
    "hard 50000": (0.2, 0.0),
    "soft 50000 of 500": (0.05, 2.0),
    "hard 50000 of 500": (0.05, 0.0005),
    "soft 50000 of 2000": (0.2, 1.0),
    "hard 50000 of 2000": (0.2, 0.0),
}
USUAL = {"labels": (0.05, 5e-3), "hard": (0.05, 5e-3), "soft": (0.05, 2.0)}


def settings_of(answers: str, chosen: tuple[float, float]) -> dict:
    """Settings from what was chosen for an arm."""
    lr, other = chosen
    return {"lr": lr, "temperature": other} if answers == "soft" else {"lr": lr, "weight_decay": other}


def arms(profile: str) -> dict[str, Arm]:
    """Teachers of many and of few labels, and a student for each number of images and kind of answer."""
    quick, common = profile == "quick", {"part": "fit", "scored_on": "test"}
    teacher = {**common, "net": "conv", "weight_decay": 5e-4, "answers": "teacher"}
    # Chosen by a few tries of one seed on validation images, whose rows were not kept: shifts and long training help
    # where labels are few; in 12 epochs of all labels, plain images do better.
    many = {"widths": [32, 64, 128], "images": ALL, "batch_size": 128, "lr": 0.2, "epochs": 12}
    few = {"widths": [16, 32, 64], "batch_size": 64, "lr": 0.1, "shifts": True}
    if quick:
        many |= {"widths": [16, 32, 64], "images": 20_000, "epochs": 4}

    def student(answers: str, images: int, labels: int = 0) -> Arm:
        name = arm_of(answers, images, labels)
        label = {"labels": "labels", "soft": "soft targets", "hard": "teacher's hard answers"}[answers]
        net = {**common, "sizes": [784, 64, 64, 10], "batch_size": min(64 if images < ALL else 256, images)}
        epochs = EPOCHS[images] // (4 if quick else 1)
        own = settings_of(answers, CHOSEN.get(name, USUAL[answers]))
        needs = () if answers == "labels" else (f"teacher {labels}" if labels else "teacher",)
        role = {"labels": "hard", "soft": "soft", "hard": "control"}[answers]
        net |= {"answers": answers, "images": images, "epochs": epochs}
        return Arm(label, role, net | own, needs, cohort=f"seeds {name}")

    found = {"teacher": Arm("teacher of all labels", "teacher", teacher | many, teaches=True)}
    for labels in KNOWN[profile]:
        epochs = (200 if labels > 500 else 400) // (4 if quick else 1)
        own = {"images": labels, "epochs": epochs}
        found[f"teacher {labels}"] = Arm(f"teacher of {labels:,} labels", "teacher", teacher | few | own, teaches=True)
    for images in SIZES[profile]:
        for answers in ("labels", "soft", "hard"):
            found[arm_of(answers, images)] = student(answers, images)
        for labels in (n for n in KNOWN[profile] if n <= images):
            for answers in ("soft", "hard"):
                found[arm_of(answers, images, labels)] = student(answers, images, labels)
    return found


def arm_of(answers: str, images: int, labels: int = 0) -> str:
    """The name of a student's arm."""
    return f"{answers} {images}" + (f" of {labels}" if labels else "")


def draw(trial: Trial, whole: Split) -> Tensor:
    """Rows of the first images of a trial's draw (by default its seed's): small ones are in every larger one of it."""
    generator = torch.Generator().manual_seed(1_000 + trial.settings.get("draw", trial.seed))
    return torch.randperm(len(whole), generator=generator)[: trial.settings["images"]]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one teacher, or the students of all draws as one; score each on its test images."""
    first = trials[0]
    whole, test = splits(first, tools)
    if first.settings["answers"] == "teacher":
        model, _ = train(first, whole.rows(draw(first, whole)), HardLabels(), tools)
        tools.keep(first, tensors=model.state_dict())
        answers = [predict(model, test).logits]
    else:
        model = train_students(trials, whole, tools)
        answers = predict(model, test).logits
    return [
        {
            "teacher_seed": trial.needs[0].seed if trial.needs else None,
            "labels": (*trial.needs, trial)[0].settings["images"],
            "test_errors": errors(logits, test.y),
            "parameters": count_parameters(model) // len(trials),
        }
        for trial, logits in zip(trials, answers, strict=True)
    ]


def train_students(trials: list[Trial], whole: Split, tools: Tools) -> nn.Module:
    """The students of several draws as one model, each on its own images and with its own teacher's answers."""
    first = trials[0]
    objective = HardLabels()
    if first.needs:
        logits = torch.stack([told(trial, whole, tools) for trial in trials])
        temperature = torch.tensor([[trial.settings.get("temperature", 1.0)] for trial in trials])
        objective = Distillation(CachedTeacher(logits[:, None], whole.index, origin=whole.origin), temperature)
    split = whole.drawn(torch.stack([draw(trial, whole) for trial in trials]))
    return train_seeds(trials, split, objective, tools)[0]


def told(trial: Trial, whole: Split, tools: Tools) -> Tensor:
    """What a student's teacher says of all images (N, C): its logits, or those of one who is sure of its best class."""
    logits = teacher_answers(trial.needs[0], whole, tools)
    if trial.settings["answers"] == "soft":
        return logits
    return torch.full_like(logits, -1e4).scatter_(-1, logits.argmax(-1, keepdim=True), 0.0)


@figure("worth_of_images", chapter="01", size=(11, 4.6), grid=(1, 2), sharey=True)
def by_images(left, right, both):
    """What is an image worth, with a label and without?

    Test errors of a small student over the number of images that it sees. Left, the teacher knows 50,000 labels: from
    500 to 10,000 images its soft targets are worth more than true labels, with all 50,000 one cannot tell, and with 100
    some students of them fail. Right, it knows 500 or 2,000 labels: on other images its answers, soft or hard, take its
    student far below what these labels give alone.
    """
    truth, soft, hard = Look("true labels", HARD), Look("soft targets", SOFT), Look("teacher's hard answers", CONTROL)
    curve(left, both.rows(answers="labels"), "images", "test_errors", truth, own="yours (quick)")
    known = sorted(set(both.reference[both.reference.answers == "teacher"].images))
    for labels in known:
        axes, mark = (left, "o-") if labels == known[-1] else (right, "o-" if labels == known[-2] else "s:")
        for answers, look in (("soft", soft), ("hard", hard)):
            named = look if axes is left else look._replace(label=f"{look.label}, {labels:,} labels")
            curve(axes, both.rows(answers=answers, labels=labels), "images", "test_errors", named, mark=mark)
        errors_of = both.reference[(both.reference.answers == "teacher") & (both.reference.images == labels)]
        level(
            axes, errors_of.test_errors.mean(), label=f"teacher of {labels:,} labels", ls="--" if mark == "o-" else ":"
        )
    curve(right, both.rows(answers="labels"), "images", "test_errors", truth)
    for axes, title in ((left, "A teacher that knows all labels"), (right, "A teacher of the same few labels")):
        plain(axes.xaxis, (100, 500, 2_000, 10_000, ALL), "log")
        plain(axes.yaxis, (800, 1_000, 1_500, 2_000, 3_000), "log")
        axes.set(title=title, xlabel="images that the student sees")
        axes.legend()
    left.set_ylabel("test errors of 10,000")
