"""Exposure bias: a student that learns on its teacher's texts must continue its own. Does it help to learn on those?

Agarwal et al. 2024 (GKD) train a student on its own texts, with its teacher's distribution at each token as the target;
`lambda` says how often, `beta` which divergence. Gu et al. 2024 (MiniLLM) minimise the reverse KL between whole texts
by policy gradient. Every arm begins with the same student, which has read some true sentences, and takes as many steps.
What a text is worth is known here: it is true and grammatical up to some position, or not.
"""

import numpy as np
import pandas as pd
import torch

from kdbook.book.shared.small_world import (
    TEST,
    WORDS,
    kl_to,
    seeded_gpt,
    starts,
    stored_gpt,
    texts_of,
    train_students,
    trained_gpt,
    true_share,
    world,
)
from kdbook.data.world import DEAD
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import weights
from kdbook.losses.checks import kl_rows
from kdbook.losses.sequence import reverse_kl, token_kd
from kdbook.nets.gpt import GPT
from kdbook.nets.vision import count_parameters
from kdbook.show import PLAIN, YOURS, by_arm, figure, level, looks
from kdbook.training.objectives import OnPolicy, PolicyGradient, TeacherForced, labels, soft
from kdbook.training.sequences import log_probs, sample

VERSION, DATA = 1, "world"
SEEDS = {"full": (5, 3), "quick": (1, 1)}  # students, teachers
COLUMNS = columns(
    "arm seed teacher_seed true_share kl own_entropy truth_entropy teacher_kl_given teacher_kl_own exposure_gap "
    "parameters train_seconds",
    arm="teacher, start (the student before distillation), or how it was distilled",
    seed="seed of weights, sentences and order",
    true_share="own texts that are true and grammatical from beginning to end, %",
    kl="KL(truth || model) of a true sentence, nats",
    own_entropy="entropy of a text as the model writes it, nats, estimated from its own texts",
    truth_entropy="entropy of a true sentence, nats, exact",
    teacher_kl_given="KL(teacher || student) a token on texts of the teacher, nats",
    teacher_kl_own="KL(teacher || student) a token on the student's own texts, nats",
    exposure_gap="the second less the first",
    train_seconds="wall time of this training, seconds, arms of one group together",
)
# Chosen on sentences of a validation draw, seed 0: for students rates of 0.003 and 0.01 (forward KL on given texts: 3.0
# and 1.2 nats from the truth; on own texts with 0.01: 0.8); the policy gradient keeps 0.003, since with 0.01 it loses
# most of the language (19 and 43 nats). The start read a thousand sentences for 90 steps (nothing true), two thousand
# for 160, as here, or for 250 (half of it true). Given texts are as fresh as own ones: each is read once.
POLICY_LR = 3e-3


def arms(profile: str) -> dict[str, Arm]:
    """The student before, what became of it by each way to distil, and the teacher, from left to right in figures."""
    teacher = {**WORDS, "layers": 2, "width": 64, "samples": 8_000, "epochs": 4, "batch_size": 64, "lr": 6e-3}
    start = {**WORDS, "layers": 1, "width": 32, "samples": 2_000, "epochs": 5, "batch_size": 64, "lr": 1e-2}
    student, count = {**start, "samples": 5_120, "epochs": 1}, 2_000  # texts that a model is scored on
    if profile == "quick":
        teacher |= {"layers": 1, "width": 48, "samples": 3_000, "epochs": 3, "lr": 1e-2}
        start |= {"samples": 1_000, "epochs": 4, "batch_size": 32}
        student, count = student | {"samples": 384, "batch_size": 32}, 400

    def distilled(label: str, role: str, on: str, share: float, beta: float | None, **changed) -> Arm:
        settings = {**student, "count": count, "learns_on": on, "lambda": share, "beta": beta, **changed}
        return Arm(label, role, settings, ("teacher", "start"), cohort=on)

    return {
        "start": Arm("before", "plain", {**start, "count": count, "texts": 100}),
        "labels": distilled("given texts,\nlabels", "hard", "given", 0.0, None),
        "forward": distilled("given texts,\nforward KL", "soft", "given", 0.0, 0.0),
        "reverse": distilled("given texts,\nreverse KL", "soft", "given", 0.0, 1.0),
        "half_jsd": distilled("half own,\nJSD", "shifted", "own", 0.5, 0.5),
        "own_forward": distilled("own texts,\nforward KL", "shifted", "own", 1.0, 0.0),
        "own_jsd": distilled("own texts,\nJSD", "shifted", "own", 1.0, 0.5),
        "own_reverse": distilled("own texts,\nreverse KL", "shifted", "own", 1.0, 1.0),
        "minillm": distilled("own texts,\npolicy gradient", "control", "policy", 1.0, 1.0, lr=POLICY_LR),
        "teacher": Arm("teacher", "teacher", {**teacher, "count": count}, teaches=True),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a teacher, a starting student, or the arms of a seed that share their texts."""
    first, s, source, theirs = trials[0], trials[0].settings, None, None
    if first.needs:
        source, before = first.needs
        theirs, models = stored_gpt(source, tools), [trained_gpt(before, tools) for _ in trials]
        x, objective = texts_of(source, s["samples"], first.seed, tools), objective_of(trials, theirs)
    else:
        x = world(tools).sample(s["samples"], first.seed + s.get("texts", 0))
        models, objective = [seeded_gpt(first)], TeacherForced([labels()])
    models, seconds = train_students(models, objective, x, first, tools)
    shared = {"teacher_seed": source.seed if source else None, "train_seconds": seconds}
    return [{**shared, **scored(model, t, tools, theirs)} for model, t in zip(models, trials, strict=True)]


def objective_of(trials: list[Trial], theirs: GPT) -> TeacherForced | OnPolicy | PolicyGradient:
    """What the arms of a group minimise: on the teacher's texts, or on their own, which begin like those."""
    lambdas, betas = ([trial.settings[key] for trial in trials] for key in ("lambda", "beta"))
    rules = {None: labels(), 0.0: soft(token_kd), 1.0: soft(reverse_kl)}
    objectives = {
        "given": lambda: TeacherForced([rules[beta] for beta in betas], theirs),
        "own": lambda: OnPolicy(theirs, lambdas, betas),
        "policy": lambda: PolicyGradient(theirs),
    }
    return objectives[trials[0].settings["learns_on"]]()


@torch.no_grad()
def scored(model: GPT, trial: Trial, tools: Tools, theirs: GPT | None) -> dict:
    """All that is measured of a model; curves by position are kept for figures."""
    count, device, truth = trial.settings["count"], tools.device, world(tools)
    true = truth.sample(count, TEST)
    own = sample(model, starts(count, device), generator=torch.Generator(device).manual_seed(TEST))
    written = log_probs(model, own).gather(2, own[:, 1:, None])[..., 0].cpu()
    x = own.cpu()
    row = {
        "true_share": true_share(truth, x),
        "kl": float(kl_to(truth, true, log_probs(model, true.to(device)).cpu().double()).sum() / count),
        "own_entropy": -float(written.masked_fill(x[:, 1:] == 0, 0).sum() / count),
        "truth_entropy": truth.entropy,
        "parameters": count_parameters(model),
    }
    curves = {"true_so_far": 100 * (truth.states(x) != DEAD).float().mean(0).numpy()}
    if theirs is not None:
        for name, texts in (("given", texts_of(trial.needs[0], count, TEST, tools)), ("own", own)):
            log_q, log_p, mask = log_probs(model, texts), log_probs(theirs, texts), texts[:, 1:] > 0
            values = kl_rows(log_p, log_q).masked_fill(~mask, 0)
            row[f"teacher_kl_{name}"] = float(values.sum() / mask.sum())
            curves[f"kl_{name}"] = (values.sum(0) / mask.sum(0).clamp_min(1)).cpu().numpy()
        row["exposure_gap"] = row["teacher_kl_own"] - row["teacher_kl_given"]
    length = trial.settings["length"]
    pictures = {k: np.pad(v, (0, length - len(v)), constant_values=np.nan) for k, v in curves.items()}
    tools.keep(trial, tensors=weights(model), pictures=pictures)
    return row


ARMS = looks(arms("full"))
ON_ONE_LINE = {arm: look._replace(label=look.label.replace("\n", " ")) for arm, look in ARMS.items()}
MARKS = dict(zip(ARMS, "xosvsovDP*", strict=True))


@figure("exposure_true_share", chapter="09", size=(11, 4.2))
def true_texts(axes, both):
    """What share of a model's own texts is true?

    Share of own texts that are true and grammatical, by how the student learned after the same start: on given texts
    with labels, forward or reverse KL, on its own texts with three divergences, by policy gradient; and the teacher.
    """
    by_arm(axes, both, "true_share", ARMS)
    axes.set(title="Texts that a student writes by itself", ylabel="true and grammatical, %")


def still_true(table, arm: str) -> np.ndarray:
    """Share of an arm's own texts that are true after each token, %, mean; where all have ended, they stay as true."""
    return pd.DataFrame(table.stack(arm, "true_so_far")).ffill(axis=1).to_numpy().mean(0)


@figure("exposure_by_position", chapter="09", size=(12, 4.2), grid=(1, 2), legend="all")
def positions(left, right, both):
    """Where does a text go wrong, and does the student know less where it has led itself?

    Left, the share of own texts that are still true after each token: all fall, the teacher least. Right, how far the
    student is from its teacher at each position, on the teacher's texts and on its own: for a student of given texts
    the second lies higher.
    """
    for arm in ("teacher", "labels", "forward", "own_reverse", "minillm", "start"):
        look = ON_ONE_LINE[arm]
        left.plot(still_true(both.reference, arm), "--" if arm == "start" else "-", color=look.colour, label=look.label)
    if both.mine is not None:
        left.plot(still_true(both.mine, "forward"), ":", color=YOURS, label="yours (quick), forward KL")
    for arm in ("forward", "own_reverse"):
        look = ON_ONE_LINE[arm]
        for texts, mark, done in (("given", "-", "read"), ("own", "--", "written")):
            values = both.reference.stack(arm, f"kl_{texts}").mean(0)[:20]
            right.plot(range(1, 21), values, mark, color=look.colour, label=f"{look.label}, {done}")
    left.set(title="Still true", xlabel="tokens written", ylabel="own texts, %", ylim=(0, 102))
    right.set(title="Distance from the teacher on read and on written texts", xlabel="token", ylabel="KL, nats a token")


@figure("exposure_modes", chapter="09", size=(9, 4.4), legend=None)
def modes(axes, both):
    """Mode-seeking and mode-covering: is a student right because it says less?

    Each arm by the entropy of its own texts, left to right from narrow to broad, and by the share of them that is
    true. A dotted line marks the entropy of the truth. The policy gradient lies far to the left of it and high up,
    the teacher on it; all other students lie to its right, the truer the closer.
    """
    for arm, look in ON_ONE_LINE.items():
        rows, own = both.rows(arm=arm)
        mark = {"s": 26, "marker": MARKS[arm], "alpha": 0.8}
        axes.scatter(rows.own_entropy, rows.true_share, color=look.colour, label=look.label, **mark)
        if own is not None:
            hollow = {"color": YOURS} if MARKS[arm] == "x" else {"edgecolors": YOURS, "facecolors": "none"}
            label = "yours (quick)" if arm == "start" else None
            axes.scatter(own.own_entropy, own.true_share, label=label, **mark, **hollow)
    axes.axvline(both.reference.truth_entropy.mean(), color=PLAIN, ls=":", lw=1)
    axes.set(title="What is given up for truth", xlabel="entropy of own texts, nats", ylabel="true texts, %")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


@figure("exposure_gap", chapter="09", size=(10, 4.2))
def gap(axes, both):
    """Exposure bias itself: how much further is a student from its teacher on its own texts than on the teacher's?

    Difference of two divergences a token, on own texts minus on the teacher's, by arm: above zero where a student has
    never seen what its own mistakes lead to, and smaller for those that learned on their own texts. The policy gradient
    is left out: it says so little of what its teacher says that the teacher's texts are the stranger ones to it.
    """
    students = {arm: look for arm, look in ARMS.items() if arm not in ("start", "teacher", "minillm")}
    by_arm(axes, both, "exposure_gap", students, own="yours (quick)")
    level(axes, 0)
    axes.set(title="Further from the teacher on own texts", ylabel="KL on own - on given texts, nats a token")
