"""Offline, online or self: who should teach, and when? Gou et al. 2021, section 3; Zhang et al. 2018; Kim et al. 2021.

One small student on 6,000 images of Fashion-MNIST, always with the same initial weights and batches of a seed, under
every mode; partners of a quarter, the same and four times its size, trained before it or together with it. Beside equal
epochs stands equal compute: the student alone for twice and four times as long. What the student is told is logged
epoch by epoch.
"""

import numpy as np
import torch

from kdbook.book.who_teaches import cost, objective_for, seeded_nets
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import (
    errors,
    expected_calibration_error,
    predict,
    splits,
    teacher_answers,
    train,
)
from kdbook.show import (
    CONTROL,
    HARD,
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
    plain,
)

VERSION, DATA = 1, "fashion-mnist"
SEEDS = {"full": (5, 3), "quick": (2, 1)}  # students, teachers
FIRST_TEACHER = 100  # teachers of the student's own size must not start from its weights
COLUMNS = columns(
    "arm seed mode partner test_errors ece partner_errors ensemble_errors entropy_first entropy_last agreement_first "
    "agreement_last largest_rise forward_passes gigamacs teacher_gigamacs train_seconds",
    arm="mode; _weaker, _equal, _stronger: the partner's size; _2, _4: number of equal nets",
    seed="seed of weights and order; the student of a seed starts alike under every mode",
    mode="alone, offline, online or self",
    partner="width of the teacher or peer relative to the student: weaker, equal, stronger, large; none",
    test_errors="the student's wrong answers on the 10,000 test images, last epoch",
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
MODES = {"alone": "hard", "offline": "soft", "online": "shifted", "self": "control"}  # mode -> role of its arms
# Chosen on validation images with 12,000 training images and 8 epochs, seeds 0 and 1, at a learning rate of 0.1: alpha
# of 0.5 and 0.9 and T of 1 and 4 for offline and co-trained, T of 1, 2, 4 and weights of 0.5 and 1 for KDCL, final
# weights of 0.2, 0.5 and 0.8 for PS-KD (the paper has 0.8), 0.05 to 0.2 for label smoothing, feedback of 0.2, 0.5, 0.8.
# The learning rate: 0.05 to 0.4 for labels, up to 0.2 for DML and offline, and 0.1, 0.4 and 0.8 for labels with 6,000
# images: labels gain up to 0.4 and no more above, so that the baseline is no weaker than what it is compared with.


def arms(profile: str) -> dict[str, Arm]:
    """Every mode, and the teachers that the offline ones need."""
    widths = {"weaker": [4, 8, 16], "equal": [8, 16, 32], "stronger": [16, 32, 64]}
    net = {"net": "conv", "samples": 6_000, "epochs": 12, "batch_size": 128, "lr": 0.4, "weight_decay": 5e-4}
    if profile == "quick":
        widths = {"weaker": [2, 4, 8], "equal": [4, 8, 16], "stronger": [8, 16, 32]}
        net |= {"samples": 800, "epochs": 4, "batch_size": 50}

    def arm(label: str, mode: str, objective: str, *partners: str, times: int = 1, teacher: str = "", **more) -> Arm:
        settings = {**net, "widths": widths["equal"], "objective": objective, "epochs": times * net["epochs"], **more}
        if not teacher:  # a partner that was trained before is a stored net, not one of those that learn
            settings["partners"] = [widths[size] for size in partners]
        facts = {"mode": mode, "partner": partners[0] if partners else "none"}
        return Arm(label, MODES[mode], settings, (teacher,) if teacher else (), facts=facts)

    def teacher(size: str) -> Arm:
        return Arm(size, "teacher", {**net, "widths": widths[size]}, teaches=True, listed=False)

    def offline(size: str, teacher: str) -> Arm:
        kd = {"temperature": 4.0, "alpha": 0.5}
        return arm(f"offline, {size} teacher", "offline", "offline", size, teacher=teacher, **kd)

    def cotrained(label: str, size: str, feedback: float) -> Arm:
        together = {"temperature": 1.0, "alpha": 0.5, "feedback": feedback}
        return arm(f"co-trained, {label}", "online", "cotrained", size, **together)

    return {
        **{f"teacher_{size}": teacher(size) for size in SIZES},
        "hard": arm("hard labels", "alone", "labels"),
        "hard_double": arm("hard labels, epochs x 2", "alone", "labels", times=2),
        "hard_quadruple": arm("hard labels, epochs x 4", "alone", "labels", times=4),
        "smoothing": arm("label smoothing", "alone", "labels", label_smoothing=0.05),
        "independent_2": arm("two nets side by side", "alone", "labels", "equal"),
        "offline_large": offline("large", "knowledge_types/teacher"),
        **{f"offline_{size}": offline(size, f"teacher_{size}") for size in SIZES},
        **{f"dml_{size}": arm(f"DML, {size} peer", "online", "dml", size) for size in SIZES},
        "dml_4": arm("DML, four equal peers", "online", "dml", "equal", "equal", "equal"),
        "kdcl_2": arm("KDCL, two equal nets", "online", "kdcl", "equal", temperature=1.0, weight=1.0),
        **{f"cotrained_{size}": cotrained(f"{size} teacher", size, 0.0) for size in SIZES},
        "cotrained_feedback": cotrained("feedback", "equal", 0.2),
        "born_again": arm("Born-Again", "self", "born_again", "equal", teacher="teacher_equal"),
        "ps_kd": arm("PS-KD, tuned weight", "self", "ps_kd", final=0.2),
        "ps_kd_paper": arm("PS-KD, paper's weight", "self", "ps_kd", final=0.8),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the nets of one arm together, then read the test set once."""
    (trial,) = trials
    arm = arms("full")[trial.arm]
    split, test = splits(trial, tools)
    nets = seeded_nets(trial)
    _, history = train(trial, split, objective_for(trial, split, tools), tools, nets)
    logits = torch.stack([predict(net, test).logits for net in nets])  # (M, N, C)
    told = {name: np.array([epoch[name] for epoch in history.epochs]) for name in ("entropy", "agreement", "hard")}
    tools.keep(trial, tensors=None if arm.listed else nets[0].state_dict(), pictures=told)
    others = [teacher_answers(need, test, tools) for need in trial.needs] or [*logits[1:]]
    return [
        {
            **arm.facts,
            "test_errors": errors(logits[0], test.y),
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
            "teacher_gigamacs": sum(map(cost, trial.needs)),
            "train_seconds": round(history.seconds, 2),
        }
    ]


ARMS = looks(arms("full"), [name for name, arm in arms("full").items() if arm.listed])
ERROR_TICKS = (-100, -50, 0, 50, 100, 200, 500, 1000)


@figure("training_modes_errors", chapter="05", size=(13, 7), grid=(1, 2), sharey=True)
def results(left, right, both):
    """All modes at equal epochs, paired by seed with hard labels.

    Two panels with a line for each way to train. Left, test errors minus those with hard labels, right the same for the
    calibration error. A large frozen teacher helps clearly, weaker partners harm; most modes cannot be told from
    zero. Label smoothing, longer training and large teachers worsen calibration.
    """
    others = {arm: look for arm, look in ARMS.items() if arm != "hard"}
    ladder(left, both, "test_errors", others, minus="hard")
    ladder(right, both, "ece", others, minus="hard")
    plain(left.xaxis, ERROR_TICKS, "symlog", linthresh=150)  # linear near 0: quick nets' differences dwarf all others
    plain(right.xaxis, (-1, 0, 1, 2, 3, 4, 5, 10), "symlog", linthresh=5)
    left.set(title="Test errors, minus hard labels", xlabel="wrong of 10,000: fewer <- 0 -> more")
    right.set(title="Calibration error, minus hard labels", xlabel="percentage points: better <- 0 -> worse")


@figure("training_modes_compute", chapter="05", size=(13, 6))
def compute(axes, both):
    """The same at equal compute.

    Test errors over all multiply-adds that a mode needed, its teacher's training included, on a logarithmic axis. A
    line joins the student alone for one, two and four times as many epochs. Whatever lies above the line would have
    done better to train alone for longer.
    """
    table = both.reference
    declared, own = arms("full"), table.loc[table.arm == "hard", "gigamacs"].mean()
    table = table.assign(total=(table.gigamacs + table.teacher_gigamacs) / own)
    means = table.groupby("arm")[["total", "test_errors"]].mean().drop("independent_2")
    edge = 2 * means.total.drop("offline_large").max()
    alone = means.loc[["hard", "hard_double", "hard_quadruple"]]
    axes.plot(alone.total, alone.test_errors, "-", color=HARD, lw=2, label="alone, longer and longer")
    for mode, role in MODES.items():
        chosen = means[[declared[arm].role == role for arm in means.index]]
        axes.scatter(chosen.total.clip(upper=edge), chosen.test_errors, s=40, color=ROLES[role], label=mode, zorder=3)
    for _, column in means.sort_values("test_errors").groupby(means.total.clip(upper=edge).round(1)):
        height = 0.0
        for arm, (total, wrong) in column.iterrows():
            height = max(height + 0.03 * np.ptp(means.test_errors), wrong)  # no label over another
            name = ARMS[arm].label.removeprefix("hard labels, ") + (", far off the scale" if total > edge else "")
            crowded = means.total.between(1.05 * total, 1.3 * total).any()
            side = {"xytext": (-7, -3), "ha": "right"} if crowded else {"xytext": (7, -3)}
            axes.annotate(name, (min(total, edge), height), textcoords="offset points", fontsize=9, **side)
    plain(axes.xaxis, (1, 2, 4, 8), "log")
    axes.set(title="Errors by all the compute that was needed", ylabel="test errors of 10,000, mean of seeds")
    axes.set(xlabel="all multiply-adds / those of the student alone (log scale)", xlim=(0.62, 2.1 * edge))


@figure("training_modes_partner", chapter="05", size=(12, 4), grid=(1, 3), sharey=True)
def partner(panels, both):
    """Must the teacher be much stronger? Gou et al. 2021, section 3.2.

    Three panels: a frozen teacher, a peer, a teacher trained together with the student. In each the student's errors
    minus hard labels for a weaker, an equal and a stronger partner, a dot a seed, and the same for two nets side by
    side that ignore each other. How far the dots of a column spread is how unstable it is.
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
    "ps_kd_paper": CONTROL,
}
CURVES = {arm: ARMS[arm]._replace(colour=colour) for arm, colour in TOLD.items()}  # one colour each, whatever its mode


@figure("training_modes_curriculum", chapter="05", size=(12, 4.4), grid=(1, 2), legend=1)
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
