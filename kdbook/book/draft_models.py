"""Draft models for speculative decoding: is a student that learned to agree with its teacher a better drafter?

The teacher's own distribution comes out whatever the draft (`kdbook.training.speculative`); the share of drafts that it
keeps is one minus the total variation between the two. So a draft model may be trained for exactly that (Zhou et al.
2024, DistillSpec), or on data, as one would train any small model.
"""

import time

import torch
from torch import Tensor

from kdbook.book import exposure_bias
from kdbook.book.exposure_bias import WORDS
from kdbook.book.shared.small_world import TEST, seeded_gpt, starts, stored_gpt, texts_of, train_students, world
from kdbook.data.world import EOS
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses.sequence import reverse_kl, token_kd, total_variation
from kdbook.nets.gpt import GPT
from kdbook.nets.vision import count_parameters
from kdbook.training.objectives import TeacherForced, labels, soft
from kdbook.training.sequences import log_probs, sample
from kdbook.training.speculative import Counts, expected_speedup, speculate

VERSION = 1
COLUMNS = {
    "arm": "what the draft model learned: true sentences, the teacher's texts, or its distribution on those",
    "seed": "seed of weights, texts and order",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "acceptance": "1 - TV a token on texts of the teacher, exact, %",
    "kept": "drafts that the teacher kept in decoding, %",
    "tokens_per_call": "tokens that one call of the teacher brought",
    "cost": "time of a draft's step as a share of the teacher's",
    "speedup": "tokens a second against the teacher alone, one text at a time, measured",
    "expected_speedup": "the same by theorem 3.8 of Leviathan et al. 2023, from `acceptance` and `cost`",
    "free_speedup": "the same if drafting cost nothing",
    "size_ratio": "parameters of the teacher / of the draft model",
}
ARMS = {
    "data": labels,
    "samples": labels,
    "forward": lambda: soft(token_kd),
    "reverse": lambda: soft(reverse_kl),
    "tvd": lambda: soft(total_variation),
}
GUESSES = 4
SETTINGS = {
    "full": {
        **WORDS,
        "layers": 1,
        "width": 16,
        "samples": 3_200,
        "epochs": 4,
        "batch_size": 64,
        "lr": 1e-2,
        "count": 30,
    },
    "quick": {**WORDS, "layers": 1, "width": 16, "samples": 640, "epochs": 2, "batch_size": 32, "lr": 1e-2, "count": 8},
}
SEEDS = {"full": 5, "quick": 1}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every draft model of every seed; those that learn on the teacher's texts train together."""
    check_profile(profile)
    found = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        needs = (exposure_bias.teacher(profile, seed),)
        for arm in ARMS:
            settings, on = SETTINGS[profile], "truth" if arm == "data" else "teacher"
            look = {"needs": needs, "data": "world", "version": VERSION, "cohort": on}
            found.append(Trial("draft_models", arm, seed, settings, **look))
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the draft models of a seed on their texts, then decode with each."""
    first, (source,) = trials[0], trials[0].needs
    theirs, s = stored_gpt(source, tools), first.settings
    if first.arm == "data":
        x = world(tools).sample(s["samples"], 500 + first.seed)
    else:
        x = texts_of(source, s["samples"], first.seed, tools)
    objective = TeacherForced([ARMS[t.arm]() for t in trials], None if first.arm == "data" else theirs)
    drafts, _ = train_students([seeded_gpt(t) for t in trials], objective, x, first, tools)
    held_out = texts_of(source, 1_000, TEST, tools)
    ratio = count_parameters(theirs.requires_grad_(True)) / count_parameters(drafts[0])
    theirs.requires_grad_(False)
    shared = {"teacher_seed": source.seed, "size_ratio": ratio}
    return [{**shared, **scored(theirs, draft, held_out, s["count"])} for draft in drafts]


def acceptance(target: GPT, draft: GPT, x: Tensor) -> float:
    """1 - TV(target, draft) of the next token, mean over the tokens of texts x (B, N)."""
    p, q = (log_probs(model, x).exp() for model in (target, draft))
    return 1 - float(((p - q).abs().sum(-1) / 2)[x[:, 1:] > 0].mean())


@torch.no_grad()
def scored(target: GPT, draft: GPT, held_out: Tensor, count: int) -> dict:
    """Exact agreement, and what decoding `count` texts takes, one at a time as a reader would ask."""
    share, start = acceptance(target, draft, held_out), starts(1, held_out.device)
    total, generator, began = Counts(), torch.Generator(held_out.device).manual_seed(TEST), time.process_time()
    for _ in range(count):
        _, seen = speculate(target, draft, start, guesses=GUESSES, end=EOS, generator=generator)
        for name in vars(total):
            setattr(total, name, getattr(total, name) + getattr(seen, name))
    rate = total.tokens / (time.process_time() - began)
    (alone, per_step), (_, draft_step) = (pace(model, start, count) for model in (target, draft))
    cost = draft_step / per_step
    return {
        "acceptance": 100 * share,
        "kept": 100 * total.kept / total.drafted,
        "tokens_per_call": total.tokens / total.calls,
        "cost": cost,
        "speedup": rate / alone,
        "expected_speedup": expected_speedup(share, GUESSES, cost),
        "free_speedup": expected_speedup(share, GUESSES, 0.0),
    }


def pace(model: GPT, start: Tensor, count: int) -> tuple[float, float]:
    """Tokens a second of a model alone, one text at a time, and seconds of processor time a step."""
    generator, began, tokens = torch.Generator(start.device).manual_seed(TEST), time.process_time(), 0
    for _ in range(count):
        tokens += sample(model, start, end=EOS, generator=generator).shape[1] - 1
    seconds = time.process_time() - began
    return tokens / seconds, seconds / tokens
