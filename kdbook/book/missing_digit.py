"""Can a student recognise a digit that it never saw? Hinton et al. 2015, section 3, and the mechanism.

The transfer set is the first 50,000 training images without some classes; the last 10,000 are never seen by a student,
so that the bias is chosen on them. Published: without 3s 206 test errors, 133 on the 1010 threes; bias of class 3
raised by 3.5, chosen on the *test* set: 109 and 14. Only 7s and 8s: 47.3 %, both biases lowered by 7.6: 13.2 %.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from kdbook.data.images import Split, load_images
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.statements import published as published_number
from kdbook.lab.steps import cached_teacher, kept_tensors, predict, train, training_split
from kdbook.show import HARD, PUBLISHED, SOFT, YOURS, by_arm, figure, looks, plain, published
from kdbook.training import CachedTeacher, Distillation

VERSION = 2
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # students, teachers
COLUMNS = columns(
    "arm seed teacher_seed",
    arm="which classes the transfer set lacks, or the only ones it has",
    bias="what was added to the bias of the shifted classes, chosen on the validation images",
    bias_prior="the same, chosen without labels: mean predicted share of the shifted classes equals the known prior",
    test_errors="wrong answers on the 10,000 test images, bias as trained",
    test_errors_bias="the same with `bias`",
    test_errors_prior="the same with `bias_prior`",
    test_errors_oracle="the same with the bias that is best on the test set itself: optimistic, as the paper's",
    errors_on_three="wrong answers on the 1,010 test threes, bias as trained",
    errors_on_three_bias="the same with `bias`",
    errors_on_three_prior="the same with `bias_prior`",
    errors_on_three_oracle="the same with the bias that is best on the test set itself",
    transfer_images="images that the student saw",
)
# Label of an arm, and the classes that its transfer set lacks. Without 3s, one bias is shifted, else those of the two
# classes it has.
LACKS = {
    "no_3": ("no 3s", (3,)),
    "no_3_2": ("no 3s,\nno 2s", (3, 2)),
    "no_3_5": ("no 3s,\nno 5s", (3, 5)),
    "no_3_8": ("no 3s,\nno 8s", (3, 8)),
    "no_3_no_probability": ("no 3s, teacher's\nlikeness of 3 erased", (3,)),
    "only_7_8": ("only 7s and 8s", (0, 1, 2, 3, 4, 5, 6, 9)),
}
BIASES = np.round(np.arange(-15, 15.01, 0.1), 1) + 0.0  # no negative zero
# Two classes are a fifth of the images: more epochs for as many steps, and a rate at which none of them diverges.
FEW_IMAGES = 5
HOW = ("as trained", "best on the test set")  # the two biases with published numbers


def arms(profile: str) -> dict[str, Arm]:
    """Six transfer sets; the teacher is hinton_mnist's."""
    student = {"kept": "float16", "sizes": [784, 800, 800, 10], "part": "fit", "temperature": 20.0, "alpha": 1.0}
    # A rate of 0.1 diverges with one of the three teachers; half of it in batches of 256 left students half trained.
    student |= {"batch_size": 128, "lr": 0.05, "epochs": 8}
    if profile == "quick":
        student |= {"sizes": [784, 100, 100, 10], "samples": 12_000, "batch_size": 256, "lr": 0.1, "epochs": 10}
    own = {"only_7_8": {"epochs": student["epochs"] * FEW_IMAGES, "lr": 0.05}}
    teacher = ("hinton_mnist/teacher",)
    return {arm: Arm(label, "soft", student | own.get(arm, {}), teacher) for arm, (label, _) in LACKS.items()}


def without_probability(teacher: CachedTeacher, index: Tensor, digit: int = 3) -> CachedTeacher:
    """The same teacher with its logit of `digit` lowered to the lowest of each row.

    The probability is then practically zero at T = 1, and says nothing of which images look like the digit. An exact
    zero would, at T = 20, ask the student for a logit of minus infinity, and its training does not survive that.
    """
    logits = teacher.logits.clone()
    logits[..., digit] = logits.amin(-1)
    return CachedTeacher(logits, index)


def bias_curve(logits: Tensor, y: Tensor, shifted: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each of `BIASES` on the classes `shifted` gives: errors, those among true threes, share of those classes."""
    shift = torch.zeros(logits.shape[-1], device=logits.device)
    shift[list(shifted)] = 1
    answers = torch.stack([(logits + bias * shift).argmax(-1) for bias in BIASES.tolist()])  # (biases, N)
    wrong = answers != y
    found = wrong.sum(1), (wrong & (y == 3)).sum(1), shift[answers].mean(1)
    return tuple(by_bias.cpu().numpy() for by_bias in found)


def best_bias(errors: np.ndarray) -> int:
    """Position of the lowest error; the middle of the plateau when several are equal."""
    lowest = np.flatnonzero(errors == errors.min())
    return int(lowest[len(lowest) // 2])


def taught(trial: Trial, whole: Split, tools: Tools) -> tuple[torch.nn.Module, int]:
    """The student of the transfer set, and how many images that has."""
    split, teacher = whole.without(LACKS[trial.arm][1]), cached_teacher(trial.needs[0], whole, tools)
    if trial.arm == "no_3_no_probability":
        teacher = without_probability(teacher, whole.index)
    objective = Distillation(teacher, trial.settings["temperature"], trial.settings["alpha"])
    return train(trial, split, objective, tools)[0], len(split)


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train on the transfer set, choose the bias on validation images, read the test set once."""
    (trial,) = trials
    whole, shifted = training_split(trial, tools), (7, 8) if trial.arm == "only_7_8" else (3,)
    model, images = taught(trial, whole, tools)
    curves = {}
    for part in ("validation", "test"):
        split = load_images(trial.data, part, tools.device)
        curves[part] = bias_curve(predict(model, split).logits, split.y, shifted)
    validation_errors, _, share = curves["validation"]
    test_errors, on_three, _ = curves["test"]
    prior = float(torch.isin(whole.y, torch.tensor(shifted, device=whole.y.device)).float().mean())
    places = {
        "": int(np.flatnonzero(BIASES == 0)[0]),
        "_bias": best_bias(validation_errors),
        "_prior": int(np.abs(share - prior).argmin()),
        "_oracle": best_bias(test_errors),
    }
    pictures = {"validation_errors": validation_errors, "test_errors": test_errors, "errors_on_three": on_three}
    tools.keep(trial, tensors=kept_tensors(model, trial), pictures=pictures)
    return [
        {
            "teacher_seed": trial.needs[0].seed,
            "bias": float(BIASES[places["_bias"]]),
            "bias_prior": float(BIASES[places["_prior"]]),
            **{f"test_errors{k}": int(test_errors[at]) for k, at in places.items()},
            **{f"errors_on_three{k}": int(on_three[at]) for k, at in places.items()},
            "transfer_images": images,
        }
    ]


def errors_by_bias(axes, both, arm: str) -> None:
    """All test errors over the bias, and where the bias was chosen."""
    curves = both.reference.stack(arm, "test_errors")
    axes.plot(BIASES, curves.mean(0), color=SOFT, label="all test errors (mean of seeds)")
    axes.fill_between(BIASES, curves.min(0), curves.max(0), color=SOFT, alpha=0.2, lw=0)
    if both.mine is not None:
        axes.plot(BIASES, both.mine.stack(arm, "test_errors").mean(0), color=YOURS, ls="--", label="yours (quick)")
    rows = both.rows(arm=arm).reference
    axes.scatter(rows.bias, rows.test_errors_bias, color=SOFT, zorder=3, label="bias chosen on validation images")
    hollow = {"marker": "s", "facecolors": "none", "edgecolors": SOFT, "zorder": 3}
    axes.scatter(rows.bias_prior, rows.test_errors_prior, label="bias that restores the prior", **hollow)
    plain(axes.yaxis, scale="log")


@figure("missing_three_bias", chapter="01", size=(8, 4.6))
def three(axes, both):
    """Hinton et al. 2015, section 3: 206 errors, 109 with a bias chosen on the test set.

    Test errors of a student that never saw a 3, over the number added to its bias for class 3: high at no shift, lowest
    a few units to the right, rising again when too many images are called 3. Errors on threes fall all along.
    """
    errors_by_bias(axes, both, "no_3")
    threes = both.reference.stack("no_3", "errors_on_three").mean(0)
    axes.plot(BIASES, np.where(threes > 0, threes, np.nan), color=HARD, label="errors on the 1,010 threes")
    told = partial(published_number, "mnist-missing-three")
    shifts = [0, told("bias added, chosen on validation images")]
    every, on_threes = ([told(f"{digits}, bias {how}") for how in HOW] for digits in ("all digits", "threes"))
    published(axes, shifts, every, "published, all (3.5 chosen on the test set)")
    axes.scatter(shifts, on_threes, marker="+", s=70, color=PUBLISHED, label="published, on threes", zorder=4)
    axes.set(xlim=(-4, 10), ylim=(3, 3000), title="A student that never saw a 3", ylabel="test errors")
    axes.set_xlabel("added to the bias of class 3 (0 = as trained)")


@figure("sevens_and_eights_bias", chapter="01", size=(8, 4.2))
def sevens_and_eights(axes, both):
    """Hinton et al. 2015, section 3: 47.3 % wrong, 13.2 % after lowering both biases by 7.6.

    Test errors of a student that saw only 7s and 8s, over the number added to the biases of both classes: many images
    are wrong as trained, few after both biases are lowered by several units.
    """
    errors_by_bias(axes, both, "only_7_8")
    told = partial(published_number, "mnist-sevens-and-eights")
    shifts = [0, told("bias added to both classes, chosen on validation images")]
    images = 10_000  # of the test set; published are per cent
    errors = [told(f"bias {how}") / 100 * images for how in HOW]
    published(axes, shifts, errors, "published (-7.6 chosen on the test set)")
    axes.set(title="A student that saw only 7s and 8s", ylabel="test errors")
    axes.set_xlabel("added to the biases of classes 7 and 8 (0 = as trained)")


@figure("missing_three_mechanism", chapter="01", size=(11, 4), grid=(1, 2), sharey=True)
def mechanism(left, right, both):
    """Which classes carried the 3?

    Errors on the 1,010 test threes by what the transfer set lacked besides 3s, before and after the bias is chosen on
    validation images. Erasing the teacher's probability of 3 does the greatest harm.
    """
    mechanisms = looks(arms("full"), [arm for arm in LACKS if arm != "only_7_8"])
    for axes, column in ((left, "errors_on_three"), (right, "errors_on_three_bias")):
        by_arm(axes, both, column, mechanisms)
        plain(axes.yaxis, (0, 50, 100, 200, 500, 1000), "symlog", linthresh=100)
    left.set(title="Bias as trained", ylabel="wrong answers on 1,010 test threes", ylim=(0, 1200))
    right.set_title("Bias chosen on validation images")
