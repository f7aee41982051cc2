"""Is a better teacher a better one to learn from, does an assistant help, and do targets get softer or sharper?

Mirzadeh et al. 2020 (teacher assistants), Cho & Hariharan 2019 (early-stopped teachers), Sun et al. 2024 (standardized
logits): one student of 32 units, which sees 2,000 images, learns from teachers of all 50,000 labels. Three are of its
own kind and grow, three are convolutional and grow; assistants stand between the best of them and the student. The
summary says that the targets of too large a teacher are too spread: how vague they are is measured.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook.book.few_labels import draw
from kdbook.data.images import Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import (
    cached_teacher,
    cohort_teacher,
    errors,
    fidelity,
    predict,
    splits,
    teacher_answers,
    train,
    train_seeds,
)
from kdbook.losses import entropy_bits
from kdbook.nets.vision import count_parameters
from kdbook.show import CONTROL, SOFT, SOFT_SHIFTED, TEACHER, Look, figure, ladder, line, rows_of
from kdbook.training import Distillation, HardLabels
from kdbook.training.objectives import StandardizedDistillation

VERSION, DATA = 2, "fashion-mnist"
SEEDS = {"full": (24, 6), "quick": (3, 1)}  # students, teachers: a draw is one teacher of each kind, and 2,000 images
COLUMNS = columns(
    "arm seed teacher_seed told_by images logits temperature best test_errors teacher_errors entropy_1 entropy_4 "
    "wrong_entropy_4 agreement mean_kl parameters",
    arm="a teacher by kind and width, an assistant, labels, or from and the teacher that a student learns from",
    seed="seed of weights and order; students of a teacher share its draw of images",
    told_by="arm of the teacher that it learns from",
    images="images that it sees",
    logits="plain or standardized; none where labels teach",
    temperature="T of training",
    best="1 where T is the best of this teacher's on validation images, else 0",
    teacher_errors="wrong answers of that teacher",
    entropy_1="mean entropy of a teacher's targets on the training images at T = 1, bits",
    entropy_4="the same at T = 4",
    wrong_entropy_4="the same at T = 4 among the wrong classes alone",
    agreement="share of test images with that teacher's top class",
)
ALL, FEW = 50_000, 2_000  # the last 10,000 training images are never seen: settings are chosen on them
MLPS = {f"mlp_{width}": {"sizes": [784, width, width, 10], "epochs": 20} for width in (64, 256, 800)}
CONVS = {f"conv_{w}": {"net": "conv", "widths": [w, 2 * w, 4 * w], "epochs": 8} for w in (8, 16, 32)}
EARLY = {"conv_32_early": {**CONVS["conv_32"], "epochs": 2}}  # a quarter, with a schedule that ends there
TEACHERS = MLPS | CONVS | EARLY
# assistant -> its teacher, and the net that it is
ASSISTANTS = {
    "assistant_64": ("conv_32", "mlp_64"),
    "assistant_256": ("conv_32", "mlp_256"),
    "assistant_conv_8": ("conv_32", "conv_8"),
    "assistant_256_64": ("assistant_256", "mlp_64"),
}
LABELS = {name: f"MLP, {net['sizes'][1]} units" for name, net in MLPS.items()}
LABELS |= {name: f"convolutional, {net['widths'][0]} channels" for name, net in CONVS.items()}
LABELS |= {"conv_32_early": "convolutional, 32, stopped early"}
LABELS |= {"assistant_64": "assistant, 64 units", "assistant_256": "assistant, 256 units"}
LABELS |= {"assistant_conv_8": "convolutional assistant", "assistant_256_64": "assistants, 256 then 64 units"}
STANDARDIZED = ("mlp_64", "mlp_800", "conv_8", "conv_32")  # those who teach by z scores of their logits as well
OF_ALL = ("mlp_64", "conv_32")  # those who teach on all images as well
QUICK = ("mlp_64", "mlp_800", "conv_32", "assistant_64")
TEMPERATURES = {"plain": (1.0, 2.0, 4.0, 8.0), "standardized": (0.5, 1.0, 2.0, 4.0)}
# Chosen on validation images by `capacity_gap_settings`: rate and decay of nets of labels, rate and T of assistants,
# the rate of each other student that is measured, and of each teacher's students those of the best T. Six arms, of
# whose 24 students one learned nothing, have the next lower rate.
CHOSEN: dict[str, tuple[float, float]] = {
    "mlp_64": (0.1, 5e-4),
    "mlp_256": (0.1, 0.0),
    "mlp_800": (0.1, 0.0),
    "conv_8": (0.2, 0.0),
    "conv_16": (0.2, 0.0),
    "conv_32": (0.2, 0.0),
    "assistant_64": (0.05, 2.0),
    "assistant_256": (0.05, 2.0),
    "assistant_conv_8": (0.05, 2.0),
    "assistant_256_64": (0.05, 2.0),
    "labels": (0.1, 5e-3),
    "labels of all": (0.1, 5e-4),
}
RATES: dict[str, float] = {
    "from mlp_64, T = 1": 0.1,
    "from mlp_64, T = 2": 0.05,
    "from mlp_64, T = 4": 0.05,
    "from mlp_256, T = 1": 0.1,
    "from mlp_256, T = 2": 0.05,
    "from mlp_256, T = 4": 0.025,
    "from mlp_256, T = 8": 0.0125,
    "from mlp_800, T = 1": 0.1,
    "from mlp_800, T = 2": 0.05,
    "from mlp_800, T = 4": 0.025,
    "from conv_8, T = 1": 0.1,
    "from conv_8, T = 2": 0.05,
    "from conv_8, T = 4": 0.05,
    "from conv_16, T = 1": 0.1,
    "from conv_16, T = 2": 0.05,
    "from conv_16, T = 4": 0.05,
    "from conv_32, T = 1": 0.05,
    "from conv_32, T = 2": 0.05,
    "from conv_32, T = 4": 0.025,
    "from conv_32_early, T = 1": 0.1,
    "from conv_32_early, T = 2": 0.05,
    "from conv_32_early, T = 4": 0.05,
    "from assistant_64, T = 1": 0.1,
    "from assistant_64, T = 2": 0.05,
    "from assistant_64, T = 4": 0.025,
    "from assistant_256, T = 1": 0.1,
    "from assistant_256, T = 2": 0.05,
    "from assistant_256, T = 4": 0.05,
    "from assistant_conv_8, T = 1": 0.1,
    "from assistant_conv_8, T = 2": 0.05,
    "from assistant_conv_8, T = 4": 0.025,
    "from assistant_256_64, T = 1": 0.05,
    "from assistant_256_64, T = 2": 0.05,
    "from assistant_256_64, T = 4": 0.05,
    "from mlp_64, standardized, T = 0.5": 0.4,
    "from mlp_800, standardized, T = 0.5": 0.2,
    "from conv_8, standardized, T = 0.5": 0.1,
    "from conv_32, standardized, T = 0.5": 0.2,
    "from mlp_64, T = 1 of all": 0.2,
    "from mlp_64, T = 2 of all": 0.1,
    "from mlp_64, T = 4 of all": 0.05,
    "from conv_32, T = 1 of all": 0.2,
    "from conv_32, T = 2 of all": 0.05,
    "from conv_32, T = 4 of all": 0.05,
}
BEST = (
    "from mlp_64, T = 4",
    "from mlp_256, T = 8",
    "from mlp_800, T = 4",
    "from conv_8, T = 2",
    "from conv_16, T = 2",
    "from conv_32, T = 2",
    "from conv_32_early, T = 2",
    "from assistant_64, T = 2",
    "from assistant_256, T = 4",
    "from assistant_conv_8, T = 2",
    "from assistant_256_64, T = 4",
    "from mlp_64, standardized, T = 0.5",
    "from mlp_800, standardized, T = 0.5",
    "from conv_8, standardized, T = 0.5",
    "from conv_32, standardized, T = 0.5",
    "from mlp_64, T = 1 of all",
    "from conv_32, T = 1 of all",
)


def teacher(name: str, net: dict, told_by: str = "") -> Arm:
    """Who has learned from all images: labels, or as an assistant the answers of another teacher."""
    lr, other = CHOSEN[name.removesuffix("_early")]
    own = {"temperature": other} if told_by else {"weight_decay": other}
    net = {"part": "fit", "scored_on": "test", "images": ALL, **net, "batch_size": 128, "lr": lr, **own}
    needs = (told_by,) if told_by else ()
    return Arm(LABELS[name], "teacher", net | {"autocast": "bfloat16"}, needs, teaches=True)


def students(images: int, told_by: Sequence[str], standardized: Sequence[str] = ()) -> dict[str, Arm]:
    """The student of labels, and one for each teacher and T, of plain logits and of standardized ones."""
    net = {"part": "fit", "scored_on": "test", "sizes": [784, 32, 32, 10], "images": images}
    net |= {"epochs": 60, "batch_size": 64} if images == FEW else {"epochs": 12, "batch_size": 256}
    of = "" if images == FEW else " of all"
    lr, decay = CHOSEN[f"labels{of}"]
    found = {f"labels{of}": Arm("labels", "hard", net | {"lr": lr, "weight_decay": decay, "logits": "none"})}
    for logits, tell in {"plain": told_by, "standardized": standardized}.items():
        for who, t in product(tell, TEMPERATURES[logits][: None if images == FEW else 3]):
            name = f"from {who}{', standardized' * (logits != 'plain')}, T = {t:g}{of}"
            own = {"lr": RATES.get(name), "temperature": t, "logits": logits}
            found[name] = Arm(LABELS[who], "soft", net | own, (who,))
    return found


def arms(profile: str) -> dict[str, Arm]:
    """Of `candidates` all teachers, and of the students those at T = 1, 2 and 4, and at the best T of their teacher."""

    def wanted(name: str, arm: Arm) -> bool:
        temperature = arm.settings.get("temperature") if arm.cohort else None
        usual = arm.settings.get("logits") == "plain" and temperature in ((4,) if profile == "quick" else (1, 2, 4))
        return temperature is None or usual or name in BEST

    return {name: arm for name, arm in candidates(profile).items() if wanted(name, arm)}


def candidates(profile: str) -> dict[str, Arm]:
    """Teachers and assistants of all images, and the students of few images, and of all, by who teaches them."""
    draws = {"draw": lambda seed: seed % SEEDS[profile][1]}
    found = {name: teacher(name, net) for name, net in TEACHERS.items()}
    found |= {name: teacher(name, TEACHERS[net], told_by) for name, (told_by, net) in ASSISTANTS.items()}
    if profile == "quick":
        found, draws = {name: quick(found[name]) for name in QUICK}, {**draws, "epochs": 30}
    learn = students(FEW, [*found], [name for name in STANDARDIZED if name in found])
    if profile == "full":
        learn |= {name: replace(arm, seeds=SEEDS[profile][1]) for name, arm in students(ALL, OF_ALL).items()}
    for name, arm in learn.items():
        found[name] = replace(arm, settings={**arm.settings, **draws}, cohort=f"seeds {name}")
    return found


def quick(arm: Arm) -> Arm:
    """A teacher of fewer images and epochs."""
    less = {"images": 20_000, "epochs": arm.settings["epochs"] // 2}  # of fewer the gap is not to be seen
    return replace(arm, settings={**arm.settings, **less})


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train one teacher, or the students of all seeds as one; score each on its test images."""
    first = trials[0]
    whole, test = splits(first, tools)
    if first.cohort:
        return measure_students(trials, whole, test, tools)
    seen = whole.rows(slice(first.settings["images"]))
    model = train_teacher(first, seen, tools)
    tools.keep(first, tensors=model.state_dict())
    row = {"told_by": first.needs[0].arm if first.needs else None, "parameters": count_parameters(model)}
    row |= {"test_errors": errors(predict(model, test).logits, test.y)}
    return [row | softness(predict(model, seen).logits, seen.y)]


def train_teacher(trial: Trial, seen: Split, tools: Tools) -> nn.Module:
    """A teacher of labels, or an assistant of its own teacher's answers."""
    objective = HardLabels()
    if trial.needs:
        objective = Distillation(cached_teacher(trial.needs[0], seen, tools), trial.settings["temperature"])
    return train(trial, seen, objective, tools)[0]


def measure_students(trials: list[Trial], whole: Split, test: Split, tools: Tools) -> list[dict]:
    """The students of an arm as one model, each on its draw of images and with its own teacher's answers."""
    model = train_students(trials, whole, tools)
    rows = []
    for trial, logits in zip(trials, predict(model, test).logits, strict=True):
        row = {"parameters": count_parameters(model) // len(trials), "test_errors": errors(logits, test.y)}
        row |= {"teacher_seed": trial.settings["draw"], "told_by": None, "best": int(trial.arm in BEST)}
        for told_by in trial.needs:
            theirs = teacher_answers(told_by, test, tools)
            row |= {"told_by": told_by.arm, "teacher_errors": errors(theirs, test.y), **fidelity(logits, theirs)}
        rows.append(row)
    return rows


def train_students(trials: list[Trial], whole: Split, tools: Tools) -> nn.Module:
    """Students of one arm and several seeds, as one model."""
    first = trials[0]
    objective = HardLabels()
    if first.needs:
        learning = {"plain": Distillation, "standardized": StandardizedDistillation}[first.settings["logits"]]
        objective = learning(cohort_teacher(trials, whole, tools), first.settings["temperature"])
    split = whole.drawn(torch.stack([draw(trial, whole) for trial in trials]))
    return train_seeds(trials, split, objective, tools)[0]


def softness(logits: Tensor, labels: Tensor) -> dict:
    """How vague a teacher's targets are, bits."""
    wrong = logits.masked_fill(F.one_hot(labels, logits.shape[-1]).bool(), -torch.inf)
    asked = {"entropy_1": (logits, 1.0), "entropy_4": (logits, 4.0), "wrong_entropy_4": (wrong, 4.0)}
    return {name: float(entropy_bits((z.double() / t).softmax(-1)).mean()) for name, (z, t) in asked.items()}


def by_teacher(table: pd.DataFrame, **chosen) -> pd.DataFrame:
    """Errors of the students of few images by who taught them as `arm`, and averaged over those of one draw."""
    few = table[table.teacher_seed.notna() & (table.images == FEW)]
    ours = rows_of(few, {"logits": "plain", **chosen})
    rows = pd.concat([few[few.arm == "labels"], ours])
    by = [rows.told_by.fillna("labels").rename("arm"), rows.teacher_seed.rename("seed")]
    return rows.groupby(by).test_errors.mean().reset_index()


@figure("capacity_gap_students", chapter="09", size=(10, 4.2), grid=(1, 2), sharey=True)
def students_by_teacher(left, right, both):
    """Mirzadeh et al. 2020 and Cho & Hariharan 2019: who should teach a student of 32 units?

    Test errors of one student minus those with labels, a line for each teacher, left at its best T, right at T = 4.
    All help. The smallest MLP teaches best, larger ones less well, convolutional nets least, whatever their size or how
    early they stop; assistants that are MLPs win a part back, a convolutional one nothing.
    """
    colours = dict.fromkeys(MLPS, SOFT) | dict.fromkeys(CONVS, TEACHER)
    colours |= dict.fromkeys(EARLY, CONTROL) | dict.fromkeys(ASSISTANTS, SOFT_SHIFTED)
    shown = {name: Look(LABELS[name], colour) for name, colour in colours.items()}
    for axes, title, chosen in (
        (left, "at its teacher's best T", {"best": 1}),
        (right, "at T = 4", {"temperature": 4}),
    ):
        ladder(axes, both.map(partial(by_teacher, **chosen)), "test_errors", shown, minus="labels")
        axes.set(title=title, xlabel="student's errors of 10,000, minus those with labels")


@figure("capacity_gap_softness", chapter="09", size=(10, 4), grid=(1, 2))
def by_errors_of_teacher(left, right, both):
    """TAKD, section 3: is a better teacher a better one to learn from, and are its targets vaguer or sharper?

    Over the test errors of teachers of two kinds that grow: left those of their students, at the best T and at T = 4,
    right the mean entropy of their targets. The better a teacher of a kind, the sharper its targets, and no better its
    student: that of the best MLP makes a hundred errors more than that of the worst.
    """
    teachers = both.reference[both.reference.arm.isin([*MLPS, *CONVS])].set_index("arm")
    for kind, colour in ((MLPS, SOFT), (CONVS, TEACHER)):
        at = {name: teachers.test_errors[name].mean() for name in kind}
        label = "MLPs of 64 to 800 units" if kind is MLPS else "convolutional nets of 8 to 32 channels"
        for mark, told, chosen in (("o-", "best T", {"best": 1}), ("s:", "T = 4", {"temperature": 4})):
            rows = by_teacher(both.reference, **chosen).groupby("arm").test_errors
            line(left, {at[name]: rows.get_group(name) for name in kind}, colour, mark, f"{label}, {told}")
        line(right, {at[name]: teachers.entropy_1[name] for name in kind}, colour, label=f"{label}, T = 1")
    left.set(title="Students", ylabel="student's errors of 10,000", xlabel="teacher's errors of 10,000")
    right.set(title="Targets", ylabel="mean entropy, bits", xlabel="teacher's errors of 10,000")
