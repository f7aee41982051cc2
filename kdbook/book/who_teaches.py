"""Offline, online or self: who should teach, and when? Gou et al. 2021, section 3; Zhang et al. 2018; Kim et al. 2021.

One small convolutional student on 2,000 images of Fashion-MNIST, which it fits in 50 epochs, always with the same
initial weights and batches of a seed, under every mode; partners of a quarter, the same and four times its size,
trained before it or together with it. Every draw of images has nets and teachers of its own. Beside equal epochs stands
equal compute: the student alone for twice and four times as long. What it is told is logged epoch by epoch.
"""

import numpy as np
import torch
from torch import Tensor, nn

from kdbook.book.few_labels import draw
from kdbook.data.images import Split
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import (
    cached_teacher,
    errors,
    expected_calibration_error,
    network,
    predict,
    splits,
    teacher_answers,
    test_split,
    train,
)
from kdbook.nets.vision import count_multiply_adds
from kdbook.show import (
    CONTROL,
    HARD,
    OWN,
    PUBLISHED,
    ROLES,
    SOFT,
    SOFT_SHIFTED,
    TEACHER,
    by_arm,
    epochs,
    figure,
    ladder,
    level,
    looks,
    names,
    of_seeds,
    plain,
    seeds,
    yours,
)
from kdbook.training import objectives

VERSION, DATA = 1, "fashion-mnist"
SEEDS = {"full": (10, 10), "quick": (2, 2)}  # draws of images, each with teachers of its own
FIRST_TEACHER = 100  # teachers of the student's own size must not start from its weights
COLUMNS = columns(
    "arm seed mode partner test_errors mean_errors ece partner_errors ensemble_errors entropy_first entropy_last "
    "agreement_first agreement_last largest_rise forward_passes gigamacs teacher_gigamacs train_seconds",
    arm="mode; _weaker, _equal, _stronger: the partner's size; _2, _4: number of equal nets",
    seed="seed of weights, order and of the draw of images; the student of a seed starts alike under every mode",
    mode="alone, offline, online or self",
    partner="width of the teacher or peer relative to the student: weaker, equal, stronger, large; none",
    test_errors="the student's wrong answers on the 10,000 test images, last epoch",
    mean_errors="mean wrong answers of all nets of the student's size that were trained together",
    ece="its expected calibration error on test images, 15 bins, %",
    partner_errors="wrong answers of the teacher, or mean of the other nets",
    ensemble_errors="wrong answers of the mean probability of all nets that were trained together",
    entropy_first="mean entropy of what the student was told in the first epoch, bits",
    entropy_last="the same in the last epoch",
    agreement_first="share of the first epoch's images whose target has the student's top class",
    agreement_last="the same in the last epoch",
    largest_rise="largest rise of the student's training cross entropy from one epoch to the next, nats",
    forward_passes="images through a net in training, all nets, in thousands",
    gigamacs="multiply-adds of this training, a backward pass counted as two forward ones, in 10^9",
    teacher_gigamacs="the same for the training of the teacher that was needed first",
)
SIZES = ("weaker", "equal", "stronger")
GENERATIONS = ("teacher_equal", "born_again", "born_again_2", "born_again_3")
MODES = {"alone": "hard", "offline": "soft", "online": "shifted", "self": "control"}  # mode -> role of its arms
# Chosen on validation images by `who_teaches_settings`, of nine tries for labels and six for every other mode, by the
# mean of three draws. Labels are as good at 1.6 (9 errors fewer), where their range ended. Partners of another size and
# four nets have what suits two of the student's size. The weight of PS-KD is the paper's.
CHOSEN: dict[str, dict] = {
    "labels": {"lr": 0.8, "weight_decay": 5e-4},
    "smoothing": {"label_smoothing": 0.1},
    "dml": {"lr": 0.8},
    "kdcl": {"weight": 1.0},
    "cotrained": {"temperature": 2.0},
    "offline": {"temperature": 2.0},
    "offline_large": {"temperature": 4.0},
    "born_again": {"lr": 1.6},
    "ps_kd": {"final": 0.8},
}


def arms(profile: str) -> dict[str, Arm]:
    """Every mode, and the teachers that the offline ones need."""
    widths = {"weaker": [4, 8, 16], "equal": [8, 16, 32], "stronger": [16, 32, 64]}
    net = {
        "net": "conv",
        "part": "fit",
        "scored_on": "test",
        "images": 2_000,
        "draw": lambda seed: seed % FIRST_TEACHER,
    }
    net |= {"epochs": 50, "batch_size": 64, "lr": 0.8, "weight_decay": 5e-4}
    if profile == "quick":
        widths = {"weaker": [2, 4, 8], "equal": [4, 8, 16], "stronger": [8, 16, 32]}
        net |= {"images": 500, "epochs": 20}

    def arm(label, mode, objective: str, *partners: str, times=1, teacher="", chosen="", **more) -> Arm:
        settings = {**net, "widths": widths["equal"], "objective": objective, "epochs": times * net["epochs"], **more}
        settings |= CHOSEN.get(chosen or objective, {})
        if not teacher:  # a partner that was trained before is a stored net, not one of those that learn
            settings["partners"] = [widths[size] for size in partners]
        facts = {"mode": mode, "partner": partners[0] if partners else "none"}
        return Arm(label, MODES[mode], settings, (teacher,) if teacher else (), facts=facts)

    def teacher(size: str) -> Arm:
        settings = {**net, "widths": widths[size], **CHOSEN.get("labels", {})}
        return Arm(size, "teacher", settings, teaches=True, listed=False)

    def offline(size: str, teacher: str, chosen: str = "") -> Arm:
        kd = {"temperature": 4.0, "alpha": 0.5}
        return arm(f"offline, {size} teacher", "offline", "offline", size, teacher=teacher, chosen=chosen, **kd)

    def cotrained(label: str, size: str, feedback: float) -> Arm:
        together = {"temperature": 1.0, "alpha": 0.5, "feedback": feedback}
        return arm(f"co-trained, {label}", "online", "cotrained", size, **together)

    def again(number: int, before: str) -> Arm:
        label = f"Born-Again, generation {number}"
        later = {"generation": number} if number > 1 else {}
        return arm(label, "self", "born_again", "equal", teacher=before, **later)

    return {
        **{f"teacher_{size}": teacher(size) for size in SIZES},
        "hard": arm("hard labels", "alone", "labels"),
        "hard_double": arm("hard labels, epochs x 2", "alone", "labels", times=2),
        "hard_quadruple": arm("hard labels, epochs x 4", "alone", "labels", times=4),
        "smoothing": arm("label smoothing", "alone", "labels", chosen="smoothing", label_smoothing=0.1),
        "independent_4": arm("four nets side by side", "alone", "labels", "equal", "equal", "equal"),
        "offline_large": offline("large", "which_knowledge/teacher", "offline_large"),
        **{f"offline_{size}": offline(size, f"teacher_{size}") for size in SIZES},
        **{f"dml_{size}": arm(f"DML, {size} peer", "online", "dml", size) for size in SIZES},
        "dml_4": arm("DML, four equal peers", "online", "dml", "equal", "equal", "equal"),
        "kdcl_2": arm("KDCL, two equal nets", "online", "kdcl", "equal", temperature=1.0, weight=1.0),
        **{f"cotrained_{size}": cotrained(f"{size} teacher", size, 0.0) for size in SIZES},
        "cotrained_feedback": cotrained("feedback", "equal", 0.2),
        "born_again": again(1, "teacher_equal"),
        "born_again_2": again(2, "born_again"),
        "born_again_3": again(3, "born_again_2"),
        "born_again_ensemble": Arm(
            "Born-Again, four together", "control", {"scored_on": "test"}, GENERATIONS, facts={"mode": "self"}
        ),
        "ps_kd": arm("PS-KD", "self", "ps_kd", final=0.8),
    }


def objective_for(trial: Trial, split: Split, tools: Tools) -> objectives.TrainingMode:
    """What an arm minimises; a teacher learns labels."""
    s = trial.settings
    teacher = cached_teacher(trial.needs[0], split, tools) if trial.needs else None
    made = {
        "labels": lambda: objectives.Logged(objectives.HardLabels(s.get("label_smoothing", 0.0))),
        "offline": lambda: objectives.Logged(objectives.Distillation(teacher, s["temperature"], s["alpha"])),
        "born_again": lambda: objectives.Logged(objectives.Distillation(teacher, 1.0)),
        "dml": objectives.MutualLearning,
        "kdcl": lambda: objectives.Collaborative(s["temperature"], s["weight"]),
        "cotrained": lambda: objectives.CoTrained(s["temperature"], s["alpha"], s["feedback"]),
        "ps_kd": lambda: objectives.ProgressiveSelf(split, epochs=s["epochs"], final=s["final"]),
    }
    return made[s.get("objective", "labels")]()


def seeded_nets(trial: Trial) -> nn.ModuleList:
    """The student, whose weights depend on the seed alone, and the partners that learn beside it.

    A later generation begins as a partner would, not as the net that teaches it.
    """
    nets, partners = nn.ModuleList(), [{"widths": widths} for widths in trial.settings.get("partners", [])]
    with torch.random.fork_rng():
        for at, changed in enumerate([{}, *partners], trial.settings.get("generation", 1) - 1):
            torch.manual_seed(trial.seed + 1000 * at)
            nets.append(network({**trial.settings, **changed}))
    return nets


def of_its_size(trial: Trial, logits: Tensor) -> list[Tensor]:
    """What the nets of the student's size say, of the logits (M, N, C) of all that learned together."""
    sizes = [trial.settings["widths"], *trial.settings.get("partners", [])]
    return [one for one, widths in zip(logits, sizes, strict=True) if widths == sizes[0]]


def trained_before(trial: Trial) -> set[Trial]:
    """All nets that a trial needs, and those that they need."""
    return set(trial.needs).union(*map(trained_before, trial.needs))


def cost(trial: Trial) -> float:
    """Multiply-adds of a trial's training in 10^9, forward and twice that backward, all nets."""
    s = trial.settings
    samples = s.get("images", s.get("samples", 50_000))  # part "fit"
    return 3 * s["epochs"] * samples * sum(map(count_multiply_adds, seeded_nets(trial))) / 1e9


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the nets of one arm together, then read the test set once."""
    (trial,) = trials
    arm = arms("full")[trial.arm]
    if trial.arm == "born_again_ensemble":
        return [together(trial, arm, tools)]
    whole, test = splits(trial, tools)
    split, nets = whole.rows(draw(trial, whole)), seeded_nets(trial)
    _, history = train(trial, split, objective_for(trial, split, tools), tools, nets)
    logits = torch.stack([predict(net, test).logits for net in nets])  # (M, N, C)
    told = {name: np.array([epoch[name] for epoch in history.epochs]) for name in ("entropy", "agreement", "hard")}
    needed = not arm.listed or trial.arm in GENERATIONS
    tools.keep(trial, tensors=nets[0].state_dict() if needed else None, pictures=told)
    others = [teacher_answers(need, test, tools) for need in trial.needs] or [*logits[1:]]
    return [
        {
            **arm.facts,
            "test_errors": errors(logits[0], test.y),
            "mean_errors": float(np.mean([errors(one, test.y) for one in of_its_size(trial, logits)])),
            "ece": expected_calibration_error(logits[0], test.y),
            "partner_errors": float(np.mean([errors(one, test.y) for one in others])) if others else None,
            "ensemble_errors": errors(logits.softmax(-1).mean(0), test.y),
            "entropy_first": float(told["entropy"][0]),
            "entropy_last": float(told["entropy"][-1]),
            "agreement_first": float(told["agreement"][0]),
            "agreement_last": float(told["agreement"][-1]),
            "largest_rise": float(np.diff(told["hard"]).max()),
            "forward_passes": len(nets) * trial.settings["epochs"] * len(split) / 1000,
            "gigamacs": cost(trial),
            "teacher_gigamacs": sum(map(cost, trained_before(trial))),
            "train_seconds": round(history.seconds, 2),
        }
    ]


def together(trial: Trial, arm: Arm, tools: Tools) -> dict:
    """What four generations answer together; nothing is trained."""
    test = test_split(trial, tools)
    answers = torch.stack([teacher_answers(need, test, tools) for need in trial.needs]).softmax(-1).mean(0)
    each = [errors(teacher_answers(need, test, tools), test.y) for need in trial.needs]
    row = {"test_errors": errors(answers, test.y), "ece": expected_calibration_error(answers.log(), test.y)}
    row |= {"mean_errors": float(np.mean(each)), "gigamacs": 0.0}
    return {**arm.facts, **row, "teacher_gigamacs": sum(map(cost, trained_before(trial)))}


ARMS = looks(arms("full"), [name for name, arm in arms("full").items() if arm.listed])
TOGETHER = ("born_again_ensemble",)  # several nets that answer as one
ERROR_TICKS = (-400, -200, -100, -50, 0, 50, 100, 200, 400)


@figure("who_teaches_errors", chapter="05", size=(13, 7), grid=(1, 2), sharey=True)
def results(left, right, both):
    """All modes at equal epochs, paired by draw with hard labels.

    Two panels with a line for each way to train. Left, test errors minus those with hard labels, right the same for the
    calibration error. A teacher of many more labels saves most by far. Nearly every other mode saves errors too, as
    smoothed labels do; training alone for longer adds some, and makes the net surer than it should be.
    """
    others = {arm: look for arm, look in ARMS.items() if arm not in ("hard", "independent_4", *TOGETHER)}
    ladder(left, both, "test_errors", others, minus="hard")
    ladder(right, both, "ece", others, minus="hard")
    plain(left.xaxis, ERROR_TICKS, "symlog", linthresh=150)  # linear near 0: quick nets' differences dwarf all others
    plain(right.xaxis, (-10, -5, -2, 0, 2, 5, 10), "symlog", linthresh=5)
    left.set(title="Test errors, minus hard labels", xlabel="wrong of 10,000: fewer <- 0 -> more")
    right.set(title="Calibration error, minus hard labels", xlabel="percentage points: better <- 0 -> worse")


@figure("who_teaches_compute", chapter="05", size=(13, 6))
def compute(axes, both):
    """The same at equal compute.

    Test errors over all multiply-adds that a mode needed, its teacher's training included, on a logarithmic axis, but
    for the large teacher, whose training costs most. A line joins the student alone for one, two and four times as
    many epochs: it rises, and every mode lies below it.
    """
    table = both.reference
    declared, own = arms("full"), table.loc[table.arm == "hard", "gigamacs"].mean()
    table = table.assign(total=(table.gigamacs + table.teacher_gigamacs) / own)
    means = table.groupby("arm")[["total", "test_errors"]].mean().drop(["independent_4", "offline_large", *TOGETHER])
    alone = means.loc[["hard", "hard_double", "hard_quadruple"]]
    axes.plot(alone.total, alone.test_errors, "-", color=HARD, lw=2, label="alone, longer and longer")
    for mode, role in MODES.items():
        chosen = means[[declared[arm].role == role for arm in means.index]]
        axes.scatter(chosen.total, chosen.test_errors, s=40, color=ROLES[role], label=mode, zorder=3)
    for _, column in means.sort_values("test_errors").groupby(means.total.round(1)):
        height = 0.0
        for arm, (total, wrong) in column.iterrows():
            height = max(height + 0.03 * np.ptp(means.test_errors), wrong)  # no label over another
            name = ARMS[arm].label.removeprefix("hard labels, ")
            axes.annotate(name, (total, height), xytext=(7, -3), textcoords="offset points", fontsize=9)
    plain(axes.xaxis, (1, 2, 4), "log")
    axes.set(title="Errors by all the compute that was needed", ylabel="test errors of 10,000, mean of draws")
    axes.set(xlabel="all multiply-adds / those of the student alone (log scale)", xlim=(0.9, 1.35 * means.total.max()))


@figure("who_teaches_partner", chapter="05", size=(12, 4), grid=(1, 3), sharey=True)
def partner(panels, both):
    """Must the teacher be much stronger? Gou et al. 2021, section 3.2.

    Three panels: a frozen teacher, a peer, a teacher trained together with the student. In each the student's errors
    minus hard labels for a weaker, an equal and a stronger partner, a dot a draw. Stronger is not better: as a frozen
    teacher and as a peer the weaker one helps more.
    """
    titles = {"offline": "Frozen teacher", "dml": "Peer (DML)", "cotrained": "Co-trained teacher"}
    for axes, (mode, title) in zip(panels, titles.items(), strict=True):
        sizes = {f"{mode}_{size}": ARMS["hard"]._replace(label=size, colour=SOFT) for size in SIZES}
        by_arm(axes, both, "test_errors", sizes, minus="hard", own=None)
        level(axes, 0, HARD, ls=":", lw=1.5)
        axes.set_title(title)
    plain(panels[0].yaxis, ERROR_TICKS, "symlog", linthresh=150)
    panels[0].set_ylabel("test errors, minus hard labels")


TOLD = {
    "smoothing": HARD,
    "offline_equal": SOFT,
    "dml_equal": SOFT_SHIFTED,
    "kdcl_2": PUBLISHED,
    "cotrained_equal": TEACHER,
    "ps_kd": CONTROL,
}
CURVES = {arm: ARMS[arm]._replace(colour=colour) for arm, colour in TOLD.items()}  # one colour each, whatever its mode


@figure("who_teaches_curriculum", chapter="05", size=(12, 4.4), grid=(1, 2), legend=1)
def curriculum(left, right, both):
    """Is there a dynamic curriculum?

    Two panels over the epochs: entropy of what the student is told, and the share of training images for which its top
    class is the target's. Targets of peers and co-trained teachers begin vague and become sure, those of a frozen
    teacher stay as they are, those of PS-KD begin as labels and become vaguer.
    """
    epochs(left, both, "entropy", CURVES)
    epochs(right, both, "agreement", CURVES, scale=100)
    if both.mine is not None:
        right.plot([], [], "--", lw=1, color="black", label="yours (quick)")
    left.set(title="How vague are the targets?", ylabel="entropy, bits")
    right.set(title="Does the student already agree with them?", ylabel="% of training images")


FAMILIES = {  # who are together: the columns of one net's errors and of theirs
    "independent_4": ("four that ignore\neach other", "mean_errors", "ensemble_errors", HARD),
    "dml_4": ("four peers\n(DML)", "mean_errors", "ensemble_errors", SOFT_SHIFTED),
    "born_again_ensemble": ("four Born-Again\ngenerations", "mean_errors", "test_errors", SOFT),
}


@figure("who_teaches_generations", chapter="05", size=(12, 4.4), grid=(1, 2), sharey=True)
def generations(left, right, both):
    """Do generations of one net get better, and what do four nets know together? Furlanello et al. 2018.

    Left, test errors of a net of labels and of three generations, each taught by the answers of the one before. Right,
    four nets of labels, four peers and the four generations: a net of them, and the mean of their answers. Each
    generation is ahead of the net of labels. Together four are as good as four nets of labels, and four peers better.
    """
    for k, arm in enumerate(("born_again", *GENERATIONS[1:])):
        column = "partner_errors" if k == 0 else "test_errors"
        seeds(left, k, of_seeds(both.reference, arm, column), HARD if k == 0 else SOFT)
        if both.mine is not None:
            yours(left, k, of_seeds(both.mine, arm, column), OWN if k == 0 else None)
    for at, (arm, (_, one, four, colour)) in enumerate(FAMILIES.items()):
        for beside, column in ((-0.15, one), (0.15, four)):
            seeds(right, at + beside, of_seeds(both.reference, arm, column), colour)
    names(left, ["labels", *(f"generation {k}" for k in (1, 2, 3))])
    names(right, [label for label, *_ in FAMILIES.values()])
    left.set(title="Born-Again, one after the other", ylabel="test errors of 10,000")
    right.set_title("Left one of four nets, right all four together")
