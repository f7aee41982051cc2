"""What in a soft target does the work? Controls of three papers, on MNIST and Fashion-MNIST.

- Born-Again Networks (Furlanello et al. 2018, section 3.2): hard labels; distillation; labels weighted by the teacher's
  confidence (CWTM); the teacher's wrong-class outputs permuted (DKPP).
- Mueller et al. 2019: a teacher trained with label smoothing distils worse.
- Stanton et al. 2021, section 4: a LeNet-5 teacher of 200 images is copied by a LeNet-5 student of 60,000.
"""

import torch
from torch import Tensor

from kdbook.data.images import load_images
from kdbook.lab.steps import (
    cached_teacher,
    errors,
    fidelity,
    objective_for,
    predict,
    seeded_network,
    teacher_answers,
    train,
    training_split,
)
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import kd_loss
from kdbook.training import stack, unstack

VERSION = 1
COLUMNS = {
    "arm": "data set, then how the student (or teacher) was trained",
    "seed": "seed of weights and order",
    "method": "the part of `arm` behind the data set",
    "data": "image set",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "agreement": "share of test images with the own teacher's top class",
    "mean_kl": "mean KL(own teacher || student) over test images at T = 1, nats",
}

# method -> (temperature, which teacher, what is done to its answer)
STUDENTS = {
    "hard": (1.0, "teacher", "labels"),
    "cwtm": (1.0, "teacher", "confidence"),
    "kd_1": (1.0, "teacher", "answer"),
    "dkpp_1": (1.0, "teacher", "permuted"),
    "kd_4": (4.0, "teacher", "answer"),
    "dkpp_4": (4.0, "teacher", "permuted"),
    "smoothed_1": (1.0, "teacher_smoothed", "answer"),
    "smoothed_4": (4.0, "teacher_smoothed", "answer"),
}
# Learning rates were lowered until no quick run diverged, with its test errors in sight: not tuned on validation.
NET = {"sizes": [784, 300, 300, 10], "samples": 12_000, "batch_size": 64, "lr": 0.03, "epochs": 12}
LENET_TEACHER = {"net": "lenet5", "samples": 200, "batch_size": 20, "lr": 0.02, "epochs": 60}
LENET_STUDENT = {"net": "lenet5", "batch_size": 128, "lr": 0.01, "epochs": 4, "temperature": 4.0, "alpha": 1.0}
SETTINGS = {
    "full": {"net": NET, "lenet_teacher": LENET_TEACHER, "lenet_student": LENET_STUDENT},
    "quick": {
        "net": {**NET, "sizes": [784, 50, 50, 10], "samples": 6_000, "epochs": 12},
        "lenet_teacher": {**LENET_TEACHER, "epochs": 40},
        "lenet_student": {**LENET_STUDENT, "samples": 8_000, "epochs": 3},
    },
}
DATA = ("mnist", "fashion-mnist")
SEEDS = {"full": 5, "quick": 2}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """For each seed and data set two teachers and a cohort of eight students; LeNet-5 teacher and student on MNIST."""
    check_profile(profile)
    settings = SETTINGS[profile]
    made = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        for data in DATA:
            common = {"data": data, "version": VERSION}
            # a born-again student has its teacher's shape and fresh weights: the teacher's seed is another one
            plain = Trial("ablations", f"{data}:teacher", seed + 100, settings["net"], **common)
            smooth_settings = {**settings["net"], "label_smoothing": 0.1}
            smooth = Trial("ablations", f"{data}:teacher_smoothed", seed + 100, smooth_settings, **common)
            made += [plain, smooth]
            made += [
                Trial("ablations", f"{data}:{m}", seed, settings["net"], needs=(plain, smooth), cohort=data, **common)
                for m in STUDENTS
            ]
        teacher = Trial("ablations", "mnist:lenet_teacher", seed + 100, settings["lenet_teacher"], version=VERSION)
        student = settings["lenet_student"]
        made += [teacher, Trial("ablations", "mnist:lenet_student", seed, student, needs=(teacher,), version=VERSION)]
    return made


def permuted(logits: Tensor, y: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The same logits with those of the wrong classes shuffled, in each row anew (DKPP).

    Parameters
    ----------
    logits : Tensor (B, C)
        A teacher's answer.
    y : Tensor (B,)
        The class whose logit stays.
    generator : torch.Generator, optional
        Source of the shuffle; the loop's own seeding when None.
    """
    order = torch.rand(logits.shape, generator=generator).to(logits.device).scatter_(-1, y[:, None], -1.0).argsort(-1)
    classes = torch.arange(logits.shape[-1], device=logits.device).expand_as(logits)
    is_right = (classes == y[:, None]).to(torch.int8)
    wrong_first = torch.argsort(is_right, dim=-1, descending=True, stable=True)  # y, then the others in order
    return torch.empty_like(logits).scatter_(-1, wrong_first, logits.gather(-1, order))


class TreatedTargets:
    """Eight students of one batch, each with its own treatment of a teacher's answer.

    Hard labels are the answer of a teacher that is infinitely sure; confidence weighs a row by the teacher's largest
    probability over its mean in the batch (the paper divides by the sum, which is the same up to the batch size).
    """

    def __init__(self, methods: list[str], teachers: dict):
        self.treatments = [STUDENTS[m] for m in methods]
        self.teachers = teachers
        self.temperature = torch.tensor([[t] for t, _, _ in self.treatments])  # (S, 1)

    def __call__(self, model, batch) -> tuple[Tensor, dict]:
        answers = {k: t.soft_targets(batch.x, batch.index).logits for k, t in self.teachers.items()}
        label = torch.full_like(answers["teacher"], -1e4).scatter_(-1, batch.y[:, None], 1e4)
        confidence = answers["teacher"].softmax(-1).amax(-1)
        weight = torch.ones(len(self.treatments), len(batch.y), device=label.device)  # (S, B)
        targets = []
        for s, (_, teacher, treatment) in enumerate(self.treatments):
            if treatment == "confidence":
                weight[s] = confidence / confidence.mean()
            if treatment == "permuted":
                targets.append(permuted(answers[teacher], batch.y))
            else:
                targets.append(answers[teacher] if treatment == "answer" else label)
        rows = kd_loss(
            model(batch.x).logits,
            torch.stack(targets),
            None,
            temperature=self.temperature.to(label.device),
            alpha=1.0,
            reduction="none",
            check=batch.check,
        )
        return weight * rows, {}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """A cohort of students, or one teacher, or the LeNet-5 pair."""
    first = trials[0]
    split, test = training_split(first, tools), load_images(first.data, "test", tools.device)
    if first.cohort:
        teachers = dict(zip(("teacher", "teacher_smoothed"), first.needs, strict=True))
        cached = {k: cached_teacher(t, split, tools) for k, t in teachers.items()}
        methods = [t.arm.split(":")[1] for t in trials]
        cohort = stack([seeded_network(t) for t in trials])
        cohort, _ = train(first, split, TreatedTargets(methods, cached), tools, model=cohort)
        models = unstack(cohort)
        own = [teachers[STUDENTS[m][1]] for m in methods]
    else:
        models = [train(first, split, objective_for(first, split, tools), tools)[0]]
        own = [first.needs[0] if first.needs else None]
        tools.keep(first, tensors=models[0].state_dict())
    rows = []
    for trial, model, teacher in zip(trials, models, own, strict=True):
        logits = predict(model, test).logits
        row = {"method": trial.arm.split(":")[1], "data": trial.data, "test_errors": errors(logits, test.y)}
        if teacher:
            row |= fidelity(logits, teacher_answers(teacher, test, tools))
        rows.append(row)
    return rows
