"""Exposure bias: a student that learns on its teacher's texts must continue its own. Does it help to learn on those?

Agarwal et al. 2024 (GKD) train a student on its own texts, with its teacher's distribution at each token as the target;
`lambda` says how often, `beta` which divergence. Gu et al. 2024 (MiniLLM) minimise the reverse KL between whole texts
by policy gradient. Every arm begins with the same student, which has read some true sentences, and takes as many steps.
What a text is worth is known here: it is true and grammatical up to some position, or not.
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from kdbook.book.shared.small_world import (
    TEST,
    from_truth,
    own_texts,
    seeded_gpt,
    stored_gpt,
    texts_of,
    train_on_world,
    train_students,
    true_share,
    world,
)
from kdbook.data.world import DEAD, EOS
from kdbook.lab.steps import weights
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses.checks import kl_rows
from kdbook.losses.sequence import reverse_kl, token_kd, token_mean
from kdbook.nets.gpt import GPT
from kdbook.nets.vision import count_parameters
from kdbook.training.objectives import Batch, OnPolicy, TeacherForced, answers, labels, shifted, soft
from kdbook.training.sequences import log_probs, sample

VERSION = 1
COLUMNS = {
    "arm": "teacher, start (the student before distillation), or how it was distilled",
    "seed": "seed of weights, sentences and order",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "true_share": "own texts that are true and grammatical from beginning to end, %",
    "kl": "KL(truth || model) of a true sentence, nats",
    "own_entropy": "entropy of a text as the model writes it, nats, estimated from its own texts",
    "truth_entropy": "entropy of a true sentence, nats, exact",
    "teacher_kl_given": "KL(teacher || student) a token on texts of the teacher, nats",
    "teacher_kl_own": "KL(teacher || student) a token on the student's own texts, nats",
    "exposure_gap": "the second less the first",
    "parameters": "trainable parameters",
    "train_seconds": "wall time of this training, seconds, arms of one group together",
}

# arm -> (what it learns on and how, lambda, beta)
ARMS = {
    "labels": ("given", 0.0, None),
    "forward": ("given", 0.0, 0.0),
    "reverse": ("given", 0.0, 1.0),
    "half_jsd": ("own", 0.5, 0.5),
    "own_forward": ("own", 1.0, 0.0),
    "own_jsd": ("own", 1.0, 0.5),
    "own_reverse": ("own", 1.0, 1.0),
    "minillm": ("policy", 1.0, 1.0),
}
GIVEN = {None: labels, 0.0: lambda: soft(token_kd), 1.0: lambda: soft(reverse_kl)}

# Chosen on sentences of a validation draw, seed 0: for students rates of 0.003 and 0.01 (forward KL on given texts: 3.0
# and 1.2 nats from the truth; on own texts with 0.01: 0.8); the policy gradient keeps 0.003, since with 0.01 it loses
# most of the language (19 and 43 nats). The start read a thousand sentences for 90 steps (nothing true), two thousand
# for 160, as here, or for 250 (half of it true). Given texts are as fresh as own ones: each is read once.
POLICY_LR = 3e-3
WORDS = {"vocabulary": 105, "length": 24, "heads": 4, "kind": "gpt2"}
SETTINGS = {
    "full": {
        "teacher": {**WORDS, "layers": 2, "width": 64, "samples": 8_000, "epochs": 4, "batch_size": 64, "lr": 6e-3},
        "start": {**WORDS, "layers": 1, "width": 32, "samples": 2_000, "epochs": 5, "batch_size": 64, "lr": 1e-2},
        "student": {**WORDS, "layers": 1, "width": 32, "samples": 5_120, "epochs": 1, "batch_size": 64, "lr": 1e-2},
    },
    "quick": {
        "teacher": {**WORDS, "layers": 1, "width": 48, "samples": 3_000, "epochs": 3, "batch_size": 64, "lr": 1e-2},
        "start": {**WORDS, "layers": 1, "width": 32, "samples": 1_000, "epochs": 4, "batch_size": 32, "lr": 1e-2},
        "student": {**WORDS, "layers": 1, "width": 32, "samples": 384, "epochs": 1, "batch_size": 32, "lr": 1e-2},
    },
}
SEEDS = {"full": {"teacher": 3, "student": 5}, "quick": {"teacher": 1, "student": 1}}
COUNT = {"full": 2_000, "quick": 400}  # texts that a model is scored on


def teacher(profile: str, seed: int) -> Trial:
    """A model that has read many true sentences; other experiments of the chapter learn from it as well."""
    return _trial("teacher", seed % SEEDS[profile]["teacher"], profile, "teacher", ())


def start(profile: str, seed: int) -> Trial:
    """A student that has read a few true sentences."""
    return _trial("start", seed, profile, "start", (), texts=100)


def student(profile: str, seed: int, arm: str) -> Trial:
    """One arm of a seed; those that learn on given texts train together, and so do those on their own."""
    on, share, beta = ARMS[arm]
    needs = (teacher(profile, seed), start(profile, seed))
    changed = {"lr": POLICY_LR} if on == "policy" else {}
    return _trial(
        arm, seed, profile, "student", needs, cohort=on, learns_on=on, **{"lambda": share, "beta": beta}, **changed
    )


def _trial(arm: str, seed: int, profile: str, part: str, needs: tuple, cohort: str = "", **more) -> Trial:
    settings = {**SETTINGS[profile][part], "count": COUNT[profile], **more}
    return Trial("exposure_bias", arm, seed, settings, needs=needs, data="world", version=VERSION, cohort=cohort)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Teachers, starting students, and every arm."""
    check_profile(profile)
    students = seeds_of(seeds, SEEDS[profile]["student"])
    found = [teacher(profile, seed) for seed in sorted({s % SEEDS[profile]["teacher"] for s in students})]
    found += [start(profile, seed) for seed in students]
    return found + [student(profile, seed, arm) for seed in students for arm in ARMS]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a teacher, a starting student, or the arms of a seed that share their texts."""
    if trials[0].arm in ("teacher", "start"):
        (trial,) = trials
        model, seconds = train_on_world(trial, tools)
        return [{"teacher_seed": None, "train_seconds": seconds, **scored(model, trial, tools)}]
    models, seconds = distil(trials, tools)
    theirs = stored_gpt(trials[0].needs[0], tools)
    shared = {"teacher_seed": trials[0].needs[0].seed, "train_seconds": seconds}
    return [{**shared, **scored(m, t, tools, theirs)} for m, t in zip(models, trials, strict=True)]


def distil(trials: list[Trial], tools: Tools) -> tuple[nn.ModuleList, float]:
    """Train the arms of one group from the same start on texts of the teacher, or on beginnings of them."""
    source, before = trials[0].needs
    theirs, s = stored_gpt(source, tools), trials[0].settings
    models = []
    for _ in trials:
        models.append(seeded_gpt(before))
        models[-1].load_state_dict(tools.tensors(before))
    objective = {
        "given": lambda: TeacherForced([GIVEN[t.settings["beta"]]() for t in trials], theirs),
        "own": lambda: OnPolicy(theirs, *([t.settings[key] for t in trials] for key in ("lambda", "beta"))),
        "policy": lambda: PolicyGradient(theirs),
    }[s["learns_on"]]()
    return train_students(models, objective, texts_of(source, s["samples"], trials[0].seed, tools), trials[0], tools)


@dataclass
class PolicyGradient:
    """MiniLLM's gradient for one student: the reverse KL between whole texts, on its own (Gu et al. 2024, eq. 3 to 5).

    A token's own divergence is summed exactly; what it does to the tokens after it is weighed by their log-ratio, less
    the batch's mean at that position. The paper's mixed-in teacher, length normalisation and language-model loss are
    left out.
    """

    teacher: GPT

    def __call__(self, students: nn.ModuleList, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        (model,) = students
        shown, targets, mask = shifted(sample(model, batch.x[:, :1], end=EOS))
        log_q = model.train()(shown).logits.log_softmax(-1)
        log_p = answers(self.teacher, shown).log_softmax(-1)
        p, q = (z.gather(-1, targets[..., None])[..., 0] for z in (log_p, log_q))
        gain = (p - q.detach()).masked_fill(~mask, 0)
        later = gain.flip(1).cumsum(1).flip(1) - gain
        later = later - (later * mask).sum(0) / mask.sum(0).clamp_min(1)
        return token_mean(kl_rows(log_q, log_p) - later * q, mask)[None], {}


def scored(model: GPT, trial: Trial, tools: Tools, theirs: GPT | None = None) -> dict:
    """All that is measured of a model; curves by position are kept for figures."""
    count, seed = trial.settings["count"], TEST
    truth, (x, states) = from_truth(model, tools, count, seed), own_texts(model, tools, count, seed)
    written = log_probs(model, x.to(tools.device)).cpu().gather(2, x[:, 1:, None])[..., 0]
    row = {
        "true_share": true_share(x, states),
        "kl": truth["kl"],
        "own_entropy": -float(written.masked_fill(x[:, 1:] == 0, 0).sum() / count),
        "truth_entropy": world(tools).entropy,
        "parameters": count_parameters(model),
    }
    curves = {"true_so_far": 100 * (states != DEAD).float().mean(0).numpy()}
    if theirs is not None:
        source = trial.needs[0]
        for name, texts in (("given", texts_of(source, count, seed, tools)), ("own", x.to(tools.device))):
            log_q, log_p, mask = log_probs(model, texts), log_probs(theirs, texts), texts[:, 1:] > 0
            values = kl_rows(log_p, log_q).masked_fill(~mask, 0)
            row[f"teacher_kl_{name}"] = float(values.sum() / mask.sum())
            row["exposure_gap"] = row[f"teacher_kl_{name}"] - row.get("teacher_kl_given", 0.0)
            curves[f"kl_{name}"] = (values.sum(0) / mask.sum(0).clamp_min(1)).cpu().numpy()
    length = trial.settings["length"]
    pictures = {k: np.pad(v, (0, length - len(v)), constant_values=np.nan) for k, v in curves.items()}
    tools.keep(trial, tensors=weights(model), pictures=pictures)
    return row
