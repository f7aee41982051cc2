"""Is a larger teacher a better one, does an assistant between the two help, and do targets get softer or sharper?

Mirzadeh et al. 2020 (teacher assistants) and Cho & Hariharan 2019 (early-stopped teachers): one student of 30 units,
in every arm of a seed the same, learns MNIST from teachers of 30 to 1200 units, from assistants taught by the
largest, and from the largest as it was early in its training. The summary says that the targets of too large a teacher
are too spread; what each student is told is therefore measured: its entropy at T = 1 and at T = 4.
"""

import torch
from torch import Tensor

from kdbook.data.images import Split
from kdbook.lab.steps import (
    errors,
    fidelity,
    predict,
    seeded_network,
    test_split,
    train,
    training_split,
)
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses import kd_loss
from kdbook.nets.vision import count_parameters
from kdbook.training import CachedTeacher, Distillation, HardLabels, OwnRates, stack

VERSION = 1
COLUMNS = {
    "arm": "teacher_, assistant_: those who teach; hard, from_, via_, early_: the student by who taught it",
    "seed": "seed of weights and order; the student of a seed starts alike in every arm",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "told_by": "width of who told the student its targets; of the student for hard labels",
    "temperature": "T of training",
    "test_errors": "wrong answers on the 10,000 test images, last epoch",
    "teacher_errors": "the same of who told the student its targets",
    "entropy_1": "mean entropy of the targets on the training images at T = 1, bits",
    "entropy_4": "the same at T = 4",
    "entropy_test_1": "the same at T = 1 on the test images",
    "wrong_entropy_4": "mean entropy of the targets at T = 4 among the wrong classes alone, bits",
    "agreement": "share of test images with the top class of who told the targets",
    "mean_kl": "mean KL(teacher || student) over test images at T = 1, nats",
    "parameters": "trainable parameters",
}

STUDENT_WIDTH, WIDTHS = 30, (30, 100, 300, 1200)
LARGEST, TEMPERATURE = 1200, 4.0
# assistant -> (its width, who teaches it)
ASSISTANTS = {
    "assistant_300": (300, "teacher_1200"),
    "assistant_100": (100, "teacher_1200"),
    "assistant_300_100": (100, "assistant_300"),
}
EARLY = {"full": (1, 2, 4), "quick": (1, 2)}  # epochs after which the largest teacher is asked as well
# A student's settings are those that chapter 02 chose on validation images for 30 units: batches of 256, its rates, and
# its weight of the soft term. Tried besides on those, one seed: 10,000 images of MNIST, 20,000 of Fashion-MNIST.
# With so few, 30 units make hardly more errors than 300, and there is no gap to be seen. Teachers: a rate of 0.1.
TEACHER = {"samples": 30_000, "epochs": 6, "batch_size": 256, "lr": 0.1}
STUDENT = {"samples": 30_000, "epochs": 8, "batch_size": 256, "alpha": 0.9}
QUICK = {"samples": 2_000, "epochs": 5, "batch_size": 50}
SETTINGS = {
    "full": {"teacher": TEACHER, "student": STUDENT},
    "quick": {"teacher": {**TEACHER, **QUICK}, "student": {**STUDENT, **QUICK}},
}
SEEDS = {"full": {"teacher": 3, "student": 6}, "quick": {"teacher": 1, "student": 1}}


def learning_rate(temperature: float) -> float:
    """A student's rate: that of labels at T = 1, and less at high temperatures, whose gradients are larger."""
    return 0.1 if temperature == 1 else max(0.05, 0.2 / temperature)


def net(width: int) -> dict:
    """Settings of a net of two hidden layers."""
    return {"sizes": [784, width, width, 10]}


def taught(profile: str, seed: int, arm: str) -> Trial:
    """A teacher trained on labels, or an assistant with the teacher that it needs; seeds go round."""
    seed %= SEEDS[profile]["teacher"]
    common, needs = SETTINGS[profile]["teacher"], ()
    if arm in ASSISTANTS:
        width, source = ASSISTANTS[arm]
        needs = (taught(profile, seed, source),)
        soft = {"temperature": TEMPERATURE, "alpha": SETTINGS[profile]["student"]["alpha"]}
        common = {**common, **soft, "lr": learning_rate(TEMPERATURE)}
    else:
        width = int(arm.removeprefix("teacher_"))
        common = {**common, "early": list(EARLY[profile]) if width == LARGEST else []}
    return Trial("capacity_gap", arm, seed, {**common, **net(width)}, needs=needs, version=VERSION)


def student_arms(profile: str) -> dict[str, tuple[str, str, float, float]]:
    """Arm -> (who teaches, which of its answers, temperature, alpha)."""
    alpha = SETTINGS[profile]["student"]["alpha"]
    arms = {"hard": ("teacher_30", "train", 1.0, 0.0)}
    arms |= {f"from_{w}": (f"teacher_{w}", "train", TEMPERATURE, alpha) for w in WIDTHS}
    arms |= {a.replace("assistant", "via"): (a, "train", TEMPERATURE, alpha) for a in ASSISTANTS}
    arms |= {f"early_{e}": (f"teacher_{LARGEST}", f"train_{e}", TEMPERATURE, alpha) for e in EARLY[profile]}
    return arms | {f"from_{w}_t1": (f"teacher_{w}", "train", 1.0, alpha) for w in WIDTHS}


def student(profile: str, seed: int, arm: str) -> Trial:
    """One student; all of a seed are one cohort."""
    source, answers, temperature, alpha = student_arms(profile)[arm]
    settings = {**SETTINGS[profile]["student"], **net(STUDENT_WIDTH), "answers": answers}
    settings |= {"temperature": temperature, "alpha": alpha, "lr": learning_rate(temperature)}
    needs = (taught(profile, seed, source),)
    return Trial("capacity_gap", arm, seed, settings, needs, version=VERSION, cohort="students")


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Teachers and assistants, then every arm of every student seed."""
    check_profile(profile)
    chosen = seeds_of(seeds, SEEDS[profile]["student"])
    teachers = sorted({seed % SEEDS[profile]["teacher"] for seed in chosen})
    names = [*(f"teacher_{w}" for w in WIDTHS), *ASSISTANTS]
    found = [taught(profile, seed, name) for seed in teachers for name in names]
    return found + [student(profile, seed, arm) for seed in chosen for arm in student_arms(profile)]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a teacher or an assistant, or all students of a seed as one cohort; the test set is read once."""
    split, test = training_split(trials[0], tools), test_split(trials[0], tools)
    if trials[0].cohort:
        return measure_students(trials, split, test, tools)
    (trial,) = trials
    kept, epochs = {}, iter(range(1, trial.settings["epochs"] + 1))

    def ask(model, name: str = "") -> None:
        kept[f"train{name}"], kept[f"test{name}"] = (predict(model, part).logits for part in (split, test))

    def watch(model) -> None:
        if (now := next(epochs)) in trial.settings["early"]:
            ask(model, f"_{now}")

    objective = HardLabels()
    if trial.needs:
        theirs = CachedTeacher(tools.tensors(trial.needs[0])["train"][None], split.index)
        objective = Distillation(theirs, trial.settings["temperature"], trial.settings["alpha"])
    model, _ = train(trial, split, objective, tools, watch=watch if trial.settings.get("early") else None)
    ask(model)
    tools.keep(trial, tensors=kept)
    row = {"teacher_seed": None, "told_by": trial.settings["sizes"][1], "test_errors": errors(kept["test"], test.y)}
    return [row | softness(kept["train"], kept["test"], split.y) | {"parameters": count_parameters(model)}]


class OwnTargets:
    """Each student of a cohort with its own teacher's logits (S, N, C), temperature and alpha (S, 1)."""

    def __init__(self, logits: Tensor, split: Split, temperature: Tensor, alpha: Tensor):
        self.logits, self.temperature, self.alpha = logits, temperature, alpha
        self.row = torch.full((int(split.index.max()) + 1,), -1, device=logits.device)
        self.row[split.index] = torch.arange(len(split), device=logits.device)

    def __call__(self, model, batch) -> tuple[Tensor, dict]:
        theirs = self.logits[:, self.row[batch.index]]
        look = {"temperature": self.temperature, "alpha": self.alpha, "reduction": "none", "check": batch.check}
        return kd_loss(model(batch.x).logits, theirs, batch.y, **look), {}


def measure_students(trials: list[Trial], split: Split, test: Split, tools: Tools) -> list[dict]:
    """All arms of a seed, sharing their first weights and batches."""
    told = [tools.remember(("told", t.needs[0].id), lambda t=t: tools.tensors(t.needs[0])) for t in trials]
    names = [t.settings["answers"] for t in trials]
    logits = torch.stack([answers[name] for answers, name in zip(told, names, strict=True)])
    column = [torch.tensor([[t.settings[key]] for t in trials]) for key in ("temperature", "alpha")]
    objective = OwnRates(OwnTargets(logits, split, *column), [t.settings["lr"] for t in trials])
    cohort, _ = train(trials[0], split, objective, tools, model=stack([seeded_network(t) for t in trials]))
    rows = []
    for trial, answers, name, ours in zip(trials, told, names, predict(cohort, test).logits, strict=True):
        theirs = answers[name.replace("train", "test")]
        row = {"teacher_seed": trial.needs[0].seed, "told_by": trial.needs[0].settings["sizes"][1]}
        row |= {"test_errors": errors(ours, test.y), "teacher_errors": errors(theirs, test.y)}
        row |= softness(answers[name], theirs, split.y)
        rows.append(row | fidelity(ours, theirs) | {"parameters": count_parameters(seeded_network(trial))})
    return rows


def entropy(logits: Tensor, temperature: float) -> float:
    """Mean entropy of softened answers (N, C), bits."""
    log_p = (logits.double() / temperature).log_softmax(-1)
    return -float((log_p.exp() * log_p).nan_to_num().sum(-1).mean()) / torch.tensor(2.0).log().item()


def softness(train: Tensor, test: Tensor, labels: Tensor) -> dict:
    """How spread the targets of a teacher are."""
    wrong = train.masked_fill(torch.nn.functional.one_hot(labels, train.shape[-1]).bool(), -torch.inf)
    found = {"entropy_1": entropy(train, 1.0), "entropy_4": entropy(train, 4.0)}
    return found | {"entropy_test_1": entropy(test, 1.0), "wrong_entropy_4": entropy(wrong, 4.0)}
