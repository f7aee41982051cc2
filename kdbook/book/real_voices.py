"""What are a teacher's answers worth to a small recogniser of digits, when a person speaks whom nobody has heard?

Six people said each digit fifty times (Free Spoken Digit Dataset); each in turn is left out and tested on, so that six
speakers are six draws. A student knows the labels of a hundred recordings of the other five. A larger net answers for
all 2,500 of theirs: one that knows all labels, or one that knows no more than those hundred. Real voices, no synthetic
ones; needs the extra `speech`.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from kdbook.data.files import cached, packed, unpacked
from kdbook.data.images import Split, checksum
from kdbook.data.speech import log_mel
from kdbook.data.voices import SPEAKERS, load_voices
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import percent_right, predict, teacher_answers, train
from kdbook.nets.vision import count_parameters
from kdbook.show import TEACHER, by_arm, figure, level, looks, of_seeds
from kdbook.training import CachedTeacher, Distillation, HardLabels

VERSION, DATA = 1, "fsdd"
SEEDS = {"full": (18, 6), "quick": (2, 2)}  # students and teachers; a teacher is a draw: who is left out, whose labels
COLUMNS = columns(
    "arm seed teacher_seed speaker answers recordings labels score parameters",
    arm="who tells the student, and about which recordings; _own: the teacher knows the student's labels alone",
    teacher_seed="seed of the teacher, and the draw: who is left out, and which recordings have a label",
    speaker="who is left out of training, and tested on",
    answers="labels, soft (a teacher's soft targets), hard (the digits that the teacher names), or teacher",
    recordings="recordings that the net hears, with or without labels",
    labels="labels that are known to the net or, if it learns from answers, to its teacher",
    score="right answers on the first 25 takes of each digit by the speaker left out, %, last epoch",
)
ALONE = "labels_shifted"  # the best of those who have 100 labels and no teacher
EACH, TAKES = 10, 25  # labelled recordings of a digit; takes to test on, the others to choose settings on
# A column is 20 ms. At 8 kHz a window of the front end is 50 ms long, and its filters reach up to 4,000 Hz.
FRAMES, RANGE = 40, 16.0  # columns of a picture: 0.8 s; nats below the loudest at which a level is 0
# Learning rate and decay or, of soft targets, learning rate and T: of twelve tries on three draws of validation
# recordings (`real_voices_settings`) the one with the fewest errors or, within one standard error of it, the shared
# one: a rate of 0.1 with a decay of 0.005 or T = 2. Shifted labels came last, after the test had been read.
CHOSEN: dict[str, dict[str, float]] = {
    "labels": {"lr": 0.8, "weight_decay": 0.005},
    "labels_shifted": {"lr": 0.1, "weight_decay": 0.005},
    "soft_few": {"lr": 0.2, "temperature": 2.0},
    "soft_own": {"lr": 0.2, "temperature": 4.0},
    "hard_own": {"lr": 0.1, "weight_decay": 0.005},
    "soft": {"lr": 0.1, "temperature": 2.0},
    "hard": {"lr": 0.8, "weight_decay": 0.0005},
    "labels_all": {"lr": 0.4, "weight_decay": 0.0005},
}


def arms(profile: str) -> dict[str, Arm]:
    """Two teachers, and students of few labels, of answers for few or all recordings, and of all labels.

    Shifts are of up to two levels of pitch and 40 ms. By a try of one seed on three validation speakers, whose rows
    were not kept, they do not help in so few epochs of all recordings.
    """
    quick = profile == "quick"
    common = {"net": "conv", "batch_size": 32, "lr": 0.1, "weight_decay": 5e-3, "scored_on": "test"}
    few = {"heard": "few", "epochs": 40 if quick else 100}
    many = {"heard": "all", "epochs": 4 if quick else 15}
    large = {**common, "widths": [8, 16, 32] if quick else [16, 32, 64], "answers": "teacher"}
    small = {**common, "widths": [4, 8, 16] if quick else [8, 16, 32]}

    def student(name: str, label: str, role: str, answers: str, heard: dict, teacher: str = "teacher") -> Arm:
        told = {"temperature": 2.0} if answers == "soft" else {}
        return Arm(label, role, {**small, **heard, **told, "answers": answers, **CHOSEN.get(name, {})}, (teacher,))

    made = {
        "labels": ("100 labels", "hard", "labels", few),
        "labels_shifted": ("100 labels,\nshifted", "hard", "labels", {**few, "shifts": True}),
        "soft_few": ("soft targets,\nthe same 100", "shifted", "soft", few),
        "soft_own": ("soft targets, all\n(teacher of 100)", "shifted", "soft", many, "teacher_own"),
        "hard_own": ("hard answers, all\n(teacher of 100)", "control", "hard", many, "teacher_own"),
        "soft": ("soft targets,\nall", "soft", "soft", many),
        "hard": ("hard answers,\nall", "control", "hard", many),
        "labels_all": ("all labels", "plain", "labels", many),
    }
    return {
        "teacher": Arm("teacher of all labels", "teacher", {**large, **many}, teaches=True),
        "teacher_own": Arm("teacher of 100 labels", "teacher", {**large, **few, "shifts": True}, teaches=True),
        **{name: student(name, *of) for name, of in made.items()},
    }


def picture(samples: np.ndarray) -> np.ndarray:
    """Log-mel energies of a recording as levels (40, 40), uint8: the loudest is 255, silence and filling are 0."""
    mel = log_mel(samples)  # (T, 40)
    levels = (255 * (1 + (mel - mel.max()) / RANGE)).clamp(min=0).to(torch.uint8).numpy()
    over = FRAMES - len(levels)  # the middle of a long recording, a short one in the middle
    levels = np.pad(levels, ((max(over, 0) // 2, max(over, 0) - max(over, 0) // 2), (0, 0)))
    first = (len(levels) - FRAMES) // 2
    return levels[first : first + FRAMES].T


@cache
def recordings() -> tuple[Split, Tensor, Tensor]:
    """All recordings as pictures with their digits, and the speaker and the take of each, (3000,)."""
    voices = load_voices()
    made = cached(f"{DATA}-pictures-{VERSION}.npz", lambda: packed({"x": np.stack([*map(picture, voices.samples)])}))
    x = torch.from_numpy(unpacked(made)["x"])
    split = Split(x, voices.digits, torch.arange(len(x)), origin=f"{DATA} {checksum(DATA)[:8]}")
    return split, voices.speakers, voices.takes


def draw(trial: Trial) -> int:
    """The number of a trial's draw, which is its teacher's: who is left out, and which recordings have a label."""
    return (*trial.needs, trial)[0].seed


def parts(trial: Trial) -> tuple[Split, Split, Split]:
    """What a trial may hear, the recordings among it that have a label, and what it is scored on.

    Settings are chosen on another speaker than the test's, who is then left out besides, and on takes that no test has.
    """
    whole, speakers, takes = recordings()
    test, choosing = draw(trial) % len(SPEAKERS), trial.settings["scored_on"] == "validation"
    scored = (test + choosing) % len(SPEAKERS)
    pool = whole.rows((speakers != test) & (speakers != scored))
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(draw(trial)))
    few = torch.cat([order[pool.y[order] == digit][:EACH] for digit in range(10)])
    return pool, pool.rows(few), whole.rows((speakers == scored) & ((takes >= TAKES) == choosing))


def learned(trial: Trial, tools: Tools) -> tuple[nn.Module, Split]:
    """A trial's net after training, and what it is scored on."""
    s = trial.settings
    pool, few, unseen = (part.to(tools.device) for part in parts(trial))
    split, objective = (few if s["heard"] == "few" else pool), HardLabels()
    if s["answers"] in ("soft", "hard"):
        logits = teacher_answers(trial.needs[0], split, tools)
        if s["answers"] == "hard":
            split = replace(split, y=logits.argmax(-1))
        else:
            teacher = CachedTeacher(logits[None], split.index, origin=split.origin)
            objective = Distillation(teacher, s["temperature"])
    return train(trial, split.shifted() if s.get("shifts") else split, objective, tools)[0], unseen


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a teacher or a student, and score it on the speaker who was left out."""
    (trial,) = trials
    net, unseen = learned(trial, tools)
    if not trial.needs:
        tools.keep(trial, tensors=net.state_dict())
    pool, few, _ = parts(trial)
    taught = trial.settings["answers"] in ("soft", "hard")
    known = (trial.needs[0] if taught else trial).settings["heard"]
    return [
        {
            "teacher_seed": trial.needs[0].seed if trial.needs else None,
            "speaker": SPEAKERS[draw(trial) % len(SPEAKERS)],
            "recordings": len(few if trial.settings["heard"] == "few" else pool),
            "labels": len(few if known == "few" else pool),
            "score": percent_right(predict(net, unseen).logits, unseen.y),
            "parameters": count_parameters(net),
        }
    ]


def by_draw(table: pd.DataFrame) -> pd.DataFrame:
    """Scores by `arm`, averaged over the students of a draw, which is the new `seed`: speakers count, not students."""
    draws = table.assign(seed=table.teacher_seed.fillna(table.seed).astype(int))
    return draws.groupby(["arm", "seed"], as_index=False, sort=False).score.mean()


@figure("real_voices", chapter="07", size=(9.5, 4.4), legend=0)
def worth(axes, both):
    """What are a teacher's answers worth, when a person speaks whom nobody has heard?

    Points above the student of 100 labels and their shifts with the same speaker, one dot for each of six. Soft targets
    of a teacher of all labels are hardly worth more on the same 100 recordings, and far more on all of them: nearly as
    much as all labels and its hard answers are. A teacher of the same 100 labels takes its student as far as it comes
    itself. Lines: both teachers.
    """
    found, both = arms("full"), both.map(by_draw)
    students = looks(found, [name for name, arm in found.items() if not arm.teaches and name != ALONE])
    by_arm(axes, both, "score", students, minus=ALONE, own="yours (quick: two speakers)")
    for teacher, style in (("teacher", "--"), ("teacher_own", ":")):
        above = of_seeds(both.reference, teacher, "score", minus=ALONE).mean()
        level(axes, above, TEACHER, found[teacher].label, ls=style)
    level(axes, 0, label="100 labels, shifted")
    axes.set(title="Spoken digits of a speaker never heard", ylabel="points above 100 labels, shifted")
