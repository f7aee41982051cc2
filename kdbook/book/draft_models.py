"""Draft models for speculative decoding: is a student that learned to agree with its teacher a better drafter?

The teacher's own distribution comes out whatever the draft (`kdbook.training.sequences`); the share of drafts that it
keeps is one minus the total variation between the two. So a draft model may be trained for exactly that (Zhou et al.
2024, DistillSpec), or on data, as one would train any small model.
"""

import time
from collections import Counter

import numpy as np
import torch
from torch import Tensor

from kdbook.book.shared.small_world import TEST, WORDS, seeded_gpt, starts, stored_gpt, texts_of, train_students, world
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.losses.sequence import reverse_kl, token_kd, total_variation
from kdbook.nets.gpt import GPT
from kdbook.show import by_arm, figure, level, looks
from kdbook.training.objectives import TeacherForced, labels, soft
from kdbook.training.sequences import expected_speedup, log_probs, sample, speculate

VERSION, DATA = 1, "world"
SEEDS = {"full": (5, 0), "quick": (1, 0)}  # students; the teacher is that of `exposure_bias`
COLUMNS = columns(
    "arm seed teacher_seed acceptance kept tokens_per_call cost speedup expected_speedup free_speedup size_ratio",
    arm="what the draft model learned: true sentences, the teacher's texts, or its distribution on those",
    seed="seed of weights, texts and order",
    acceptance="1 - TV a token on texts of the teacher, exact, %",
    kept="drafts that the teacher kept in decoding, %",
    tokens_per_call="tokens that one call of the teacher brought",
    cost="time of a draft's step as a share of the teacher's",
    speedup="tokens a second against the teacher alone, one text at a time, measured",
    expected_speedup="the same by theorem 3.8 of Leviathan et al. 2023, from `acceptance` and `cost`",
    free_speedup="the same if drafting cost nothing",
    size_ratio="parameters of the teacher / of the draft model",
)
GUESSES = 4
DIVERGENCES = {"forward": token_kd, "reverse": reverse_kl, "tvd": total_variation}


def arms(profile: str) -> dict[str, Arm]:
    """Draft models; those that learn on the teacher's texts train together."""
    net = {**WORDS, "layers": 1, "width": 16, "samples": 3_200, "epochs": 4, "batch_size": 64, "lr": 1e-2, "count": 30}
    if profile == "quick":
        net |= {"samples": 640, "epochs": 2, "batch_size": 32, "count": 8}

    def draft(label: str, role: str, texts: str = "teacher") -> Arm:
        return Arm(label, role, net, ("exposure_bias/teacher",), cohort=texts)

    return {
        "data": draft("true\nsentences", "teacher", "truth"),
        "samples": draft("teacher's\ntexts", "hard"),
        "forward": draft("forward KL", "soft"),
        "reverse": draft("reverse KL", "shifted"),
        "tvd": draft("total\nvariation", "control"),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the draft models of a seed on their texts, then decode with each."""
    first, (source,), s = trials[0], trials[0].needs, trials[0].settings
    theirs = stored_gpt(source, tools)
    if first.arm == "data":
        x = world(tools).sample(s["samples"], 500 + first.seed)
    else:
        x = texts_of(source, s["samples"], first.seed, tools)
    rules = [soft(DIVERGENCES[t.arm]) if t.arm in DIVERGENCES else labels() for t in trials]
    objective = TeacherForced(rules, None if first.arm == "data" else theirs)
    drafts, _ = train_students([seeded_gpt(t) for t in trials], objective, x, first, tools)
    held_out = texts_of(source, 1_000, TEST, tools)
    sizes = [sum(p.numel() for p in model.parameters()) for model in (theirs, drafts[0])]
    shared = {"teacher_seed": source.seed, "size_ratio": sizes[0] / sizes[1]}
    return [{**shared, **scored(theirs, draft, held_out, s["count"])} for draft in drafts]


def acceptance(target: GPT, draft: GPT, x: Tensor) -> float:
    """1 - TV(target, draft) of the next token, mean over the tokens of texts x (B, N)."""
    log_p, log_q = (log_probs(model, x) for model in (target, draft))
    return 1 - float(total_variation(log_q, log_p, x[:, 1:] > 0))


@torch.no_grad()
def scored(target: GPT, draft: GPT, held_out: Tensor, count: int) -> dict:
    """Exact agreement, and what decoding `count` texts takes, one at a time as a reader would ask."""
    share, start = acceptance(target, draft, held_out), starts(1, held_out.device)
    total, generator, began = Counter(), torch.Generator(held_out.device).manual_seed(TEST), time.process_time()
    for _ in range(count):
        _, seen = speculate(target, draft, start, guesses=GUESSES, generator=generator)
        total.update(seen)
    rate = total["tokens"] / (time.process_time() - began)
    (alone, per_step), (_, draft_step) = (pace(model, start, count) for model in (target, draft))
    cost = draft_step / per_step
    return {
        "acceptance": 100 * share,
        "kept": 100 * total["kept"] / total["drafted"],
        "tokens_per_call": total["tokens"] / total["calls"],
        "cost": cost,
        "speedup": rate / alone,
        "expected_speedup": expected_speedup(share, GUESSES, cost),
        "free_speedup": expected_speedup(share, GUESSES, 0.0),
    }


def pace(model: GPT, start: Tensor, count: int) -> tuple[float, float]:
    """Tokens a second of a model alone, one text at a time, and seconds of processor time a step."""
    generator, began, tokens = torch.Generator(start.device).manual_seed(TEST), time.process_time(), 0
    for _ in range(count):
        tokens += sample(model, start, generator=generator).shape[1] - 1
    seconds = time.process_time() - began
    return tokens / seconds, seconds / tokens


ARMS = looks(arms("full"))


@figure("draft_acceptance", chapter="09", size=(12, 4.2), grid=(1, 2), legend="all")
def drafts_kept(left, right, both):
    """How many drafts does the teacher keep, and how much faster would it be?

    Left, one minus the total variation between draft model and teacher, by what the draft model learned. Right, the
    expected speed-up against the cost of a draft as a share of the teacher's step, falling from left to right, with
    a cross for each arm at the cost measured here, where small models are hardly cheaper than larger ones.
    """
    by_arm(left, both, "acceptance", ARMS)
    costs = np.linspace(0, 1, 51)
    for arm, look in ARMS.items():
        rows = both.rows(arm=arm).reference
        by_theory = expected_speedup(rows.acceptance.mean() / 100, GUESSES, costs)
        right.plot(costs, by_theory, color=look.colour, label=look.label.replace("\n", " "))
        right.scatter(rows.cost.mean(), rows.speedup.mean(), color=look.colour, marker="x", s=50)
    level(right, 1)
    left.set(title="Drafts that the teacher keeps", ylabel="1 - total variation, %")
    right.set(title="Speed-up by theory (lines), here (crosses)", ylabel="times")
    right.set_xlabel("time of a draft's step / the teacher's")
