"""Is a larger teacher a better one, does an assistant between the two help, and do targets get softer or sharper?

Mirzadeh et al. 2020 (teacher assistants) and Cho & Hariharan 2019 (early-stopped teachers): one student of 30 units,
in every arm of a seed the same, learns MNIST from teachers of 30 to 1200 units, from assistants taught by the
largest, and from the largest as it was early in its training. The summary says that the targets of too large a teacher
are too spread; what each student is told is therefore measured: its entropy at T = 1 and at T = 4.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook.data.images import Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import errors, fidelity, predict, seeded_network, splits, train
from kdbook.losses import entropy_bits
from kdbook.nets.vision import count_parameters
from kdbook.show import CONTROL, HARD, SOFT, TEACHER, Both, Look, by_arm, curve, figure, level, looks, of_seeds, plain
from kdbook.training import CachedTeacher, CohortTeacher, Distillation, HardLabels, OwnRates, stack

VERSION = 1
SEEDS = {"full": (6, 3), "quick": (1, 1)}  # students, teachers
COLUMNS = columns(
    "arm seed teacher_seed told_by temperature test_errors teacher_errors entropy_1 entropy_4 entropy_test_1 "
    "wrong_entropy_4 agreement mean_kl parameters",
    arm="teacher_, assistant_: those who teach; hard, from_, via_, early_: the student by who taught it",
    seed="seed of weights and order; the student of a seed starts alike in every arm",
    told_by="width of who told the student its targets; of the student for hard labels",
    temperature="T of training",
    teacher_errors="the same of who told the student its targets",
    entropy_1="mean entropy of the targets on the training images at T = 1, bits",
    entropy_4="the same at T = 4",
    entropy_test_1="the same at T = 1 on the test images",
    wrong_entropy_4="mean entropy of the targets at T = 4 among the wrong classes alone, bits",
    agreement="share of test images with the top class of who told the targets",
)
WIDTHS, LARGEST = (30, 100, 300, 1200), 1200
# assistant -> (who teaches it, the way to a student as figures call it)
ASSISTANTS = {
    "300": ("teacher_1200", "1200\n→ 300"),
    "100": ("teacher_1200", "1200\n→ 100"),
    "300_100": ("assistant_300", "1200 →\n300 → 100"),
}
# A student's settings are those that chapter 02 chose on validation images for 30 units: batches of 256, its rates, and
# its weight of the soft term. Tried besides on those, one seed: 10,000 images of MNIST, 20,000 of Fashion-MNIST.
# With so few, 30 units make hardly more errors than 300, and there is no gap to be seen. Teachers: a rate of 0.1.
FULL = {"samples": 30_000, "batch_size": 256}
QUICK = {"samples": 2_000, "epochs": 5, "batch_size": 50}
EARLY = {"full": (1, 2, 4), "quick": (1, 2)}  # epochs after which the largest teacher is asked as well


def arms(profile: str) -> dict[str, Arm]:
    """Teachers, their assistants, and one student by who taught it."""

    def net(width: int, epochs: int, **more) -> dict:
        common = QUICK if profile == "quick" else {**FULL, "epochs": epochs}
        return {**common, "sizes": [784, width, width, 10], **more}

    def soft(temperature: float, alpha: float = 0.9) -> dict:
        # the rate of labels at T = 1, and less at high temperatures, whose gradients are larger
        rate = 0.1 if temperature == 1 else max(0.05, 0.2 / temperature)
        return {"temperature": temperature, "alpha": alpha, "lr": rate}

    def teacher(width: int) -> Arm:
        early = list(EARLY[profile]) if width == LARGEST else []
        return Arm(str(width), "teacher", net(width, 6, lr=0.1, early=early), teaches=True)

    def assistant(name: str, told_by: str) -> Arm:
        return Arm(name, "teacher", net(int(name[-3:]), 6, **soft(4.0)), (told_by,), teaches=True)

    def student(label: str, role: str, told_by: str, temperature=4.0, alpha=0.9, answers="train") -> Arm:
        settings = net(30, 8, answers=answers, **soft(temperature, alpha))
        return Arm(label, role, settings, (told_by,), cohort="students")

    early = {f"early_{e}": (f"1200, epoch\n{e}", f"train_{e}") for e in EARLY[profile]}
    return {
        **{f"teacher_{w}": teacher(w) for w in WIDTHS},
        **{f"assistant_{name}": assistant(name, told_by) for name, (told_by, _) in ASSISTANTS.items()},
        "hard": student("labels", "hard", "teacher_30", 1.0, 0.0),
        **{f"from_{w}": student(str(w), "soft", f"teacher_{w}") for w in WIDTHS},
        **{f"via_{name}": student(way, "shifted", f"assistant_{name}") for name, (_, way) in ASSISTANTS.items()},
        **{arm: student(label, "control", "teacher_1200", answers=asked) for arm, (label, asked) in early.items()},
        **{f"from_{w}_t1": student(f"{w}, T = 1", "soft", f"teacher_{w}", 1.0) for w in WIDTHS},
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a teacher or an assistant, or all students of a seed as one cohort; the test set is read once."""
    split, test = splits(trials[0], tools)
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


def measure_students(trials: list[Trial], split: Split, test: Split, tools: Tools) -> list[dict]:
    """All arms of a seed, sharing their first weights and batches, each with its own teacher's answers."""
    told = [tools.remember(("told", t.needs[0].id), lambda t=t: tools.tensors(t.needs[0])) for t in trials]
    names = [t.settings["answers"] for t in trials]
    logits = torch.stack([answers[name] for answers, name in zip(told, names, strict=True)])
    temperature, alpha = (torch.tensor([[t.settings[key]] for t in trials]) for key in ("temperature", "alpha"))
    objective = Distillation(CohortTeacher(logits, split.index), temperature, alpha)
    objective = OwnRates(objective, [t.settings["lr"] for t in trials])
    cohort, _ = train(trials[0], split, objective, tools, model=stack([seeded_network(t) for t in trials]))
    rows = []
    for trial, answers, name, ours in zip(trials, told, names, predict(cohort, test).logits, strict=True):
        theirs = answers[name.replace("train", "test")]
        row = {"teacher_seed": trial.needs[0].seed, "told_by": trial.needs[0].settings["sizes"][1]}
        row |= {"test_errors": errors(ours, test.y), "teacher_errors": errors(theirs, test.y)}
        row |= softness(answers[name], theirs, split.y)
        rows.append(row | fidelity(ours, theirs) | {"parameters": count_parameters(seeded_network(trial))})
    return rows


def softness(train: Tensor, test: Tensor, labels: Tensor) -> dict:
    """How spread the targets of a teacher are, bits."""
    wrong = train.masked_fill(F.one_hot(labels, train.shape[-1]).bool(), -torch.inf)
    asked = {"entropy_1": (train, 1.0), "entropy_4": (train, 4.0), "entropy_test_1": (test, 1.0)}
    asked |= {"wrong_entropy_4": (wrong, 4.0)}
    return {name: float(entropy_bits((z.double() / t).softmax(-1)).mean()) for name, (z, t) in asked.items()}


ARMS = looks(arms("full"), [arm for arm, a in arms("full").items() if a.cohort and not arm.endswith("_t1")])


def above_labels(table):
    """With `excess`: errors above those of the seed's student of labels, in % of them."""
    return table.assign(excess=100 * (table.test_errors / table.seed.map(of_seeds(table, "hard", "test_errors")) - 1))


@figure("capacity_gap_students", chapter="09", size=(12, 4.4))
def students(axes, both):
    """Mirzadeh et al. 2020 and Cho & Hariharan 2019: who should teach a student of 30 units?

    Test errors of the same student above or below those that it makes with labels, in per cent: taught by teachers of
    growing width, by assistants that the largest teacher taught, and by the largest as it was after its first epochs.
    """
    by_arm(axes, both.map(above_labels), "excess", ARMS, own="yours (quick: few images)")
    level(axes, 0, HARD)
    plain(axes.yaxis, (-20, -10, 0, 10, 20, 50, 100, 200), "symlog", linthresh=20, linscale=2)
    title, ylabel = "Test errors of one student by who taught it", "% more or less than with labels"
    axes.set(title=title, ylabel=ylabel, ylim=(-20, 250))


@figure("capacity_gap_softness", chapter="09", size=(11, 4.2), grid=(1, 2), legend="all")
def targets(left, right, both):
    """TAKD, section 3: do the targets of larger teachers get more spread, as the summary says, or sharper?

    Left, mean entropy of the targets on training images at two temperatures over the width of the teacher. Right, test
    errors of teachers and of their students over the same widths. Teachers get better and surer as they grow.
    """

    def over_width(axes, tables: Both, arm: str, column: str, look: Look, own=None) -> None:
        arms = [arm.format(w) for w in WIDTHS]
        curve(axes, tables.map(lambda table: table[table.arm.isin(arms)]), "told_by", column, look, own=own)

    over_width(left, both, "teacher_{}", "entropy_1", Look("T = 1", TEACHER), own="yours (quick)")
    over_width(left, both, "teacher_{}", "entropy_4", Look("T = 4", SOFT))
    over_width(right, both.alone(), "teacher_{}", "test_errors", Look("the teachers", TEACHER))
    over_width(right, both.alone(), "from_{}_t1", "test_errors", Look("student of 30 units, T = 1", CONTROL))
    over_width(right, both.alone(), "from_{}", "test_errors", Look("student of 30 units, T = 4", SOFT))
    level(right, of_seeds(both.reference, "hard", "test_errors").mean(), HARD, "student of labels", lw=1.2)
    for axes in (left, right):
        plain(axes.xaxis, WIDTHS, "log")
        axes.set_xlabel("units a layer of the teacher (log scale)")
    left.set(title="Softness of the targets", ylabel="mean entropy, bits", ylim=(0, None))
    right.set(title="Test errors of 10,000", ylabel="wrong answers")
