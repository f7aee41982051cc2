"""A teacher behind an API: what are labels, samples, the top k log-probabilities and all logits worth, call by call?

A call is the first words of a true sentence, which the teacher completes. It may return the likeliest completion (by
greedy choice or by a beam: sequence-level distillation, Kim & Rush 2016), a sample, a sample with the k largest
log-probabilities at each of its tokens, or with all logits. Students of a seed start alike and take as many steps on as
many calls. How far each is from the truth is exact, as is the share of completions that are true.
"""

from torch import Tensor

from kdbook.book import exposure_bias
from kdbook.book.exposure_bias import WORDS
from kdbook.book.shared.small_world import (
    TEST,
    kl_to,
    seeded_gpt,
    stored_gpt,
    texts_of,
    train_students,
    world,
)
from kdbook.data.world import DEAD, EOS
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses.sequence import token_kd
from kdbook.nets.gpt import GPT
from kdbook.training.objectives import TeacherForced, labels, soft, top_k
from kdbook.training.sequences import beam, greedy, log_probs, sample

VERSION = 2
COLUMNS = {
    "arm": "what the teacher returns; data: true sentences instead of a teacher; teacher: the teacher itself",
    "seed": "seed of weights, prompts and order",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "calls": "completions that the teacher was asked for",
    "kl": "KL(truth || model) of the completion of a true beginning, nats",
    "kl_teacher": "KL(teacher || model) of the same, nats",
    "greedy_true": "greedy completions of held-out beginnings that are true, %",
    "beam_true": "the same for a beam of four, %",
    "argmax_mass": "probability that the model gives its own greedy completion, %, mean",
}

PROMPT = 4  # tokens of a call, <bos> included
SOFT = {
    **{f"top{k}_{missing}": (k, missing) for k in (1, 5, 20) for missing in ("rest", "zero")},
    "full": None,
}
# arm -> how its texts come about
ARMS = {"data": "truth", "greedy": "greedy", "beam": "beam", "samples": "sample", **dict.fromkeys(SOFT, "sample")}
MIDDLE = ("top1_zero", "top5_zero", "top20_rest", "top20_zero")  # at one number of calls only
WRITE = {"greedy": greedy, "beam": beam, "sample": sample}

SETTINGS = {
    "full": {
        **WORDS, "layers": 1, "width": 32, "batch_size": 64, "lr": 1e-2, "count": 1_000,
        "visits": 8_192, "calls": [128, 512, 2_048], "more": [8_192], "teacher": "full",
    },
    "quick": {
        **WORDS, "layers": 1, "width": 24, "batch_size": 32, "lr": 1e-2, "count": 200,
        "visits": 512, "calls": [64, 256], "more": [512], "teacher": "quick",
    },
}  # fmt: skip
SEEDS = {"full": 5, "quick": 1}


def student(profile: str, seed: int, arm: str, calls: int) -> Trial:
    """One arm with a number of calls; those that learn on the same texts train together."""
    settings = {**SETTINGS[profile], "calls": calls, "written": ARMS[arm]}
    settings["epochs"] = settings["visits"] // calls
    settings["samples"] = calls
    del settings["more"], settings["teacher"]
    needs = (exposure_bias.teacher(profile, seed),)
    cohort = f"{ARMS[arm]} {calls}"
    return Trial("api_teacher", arm, seed, settings, needs=needs, data="world", version=VERSION, cohort=cohort)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """The arms for every number of calls, some of them for one alone; more calls for texts without probabilities."""
    check_profile(profile)
    found = []
    for seed in seeds_of(seeds, SEEDS[profile]):
        numbers = SETTINGS[profile]["calls"]
        for at, calls in enumerate(numbers):
            left_out = {*(() if at == len(numbers) // 2 else MIDDLE), *(() if calls == numbers[-1] else ("beam",))}
            found += [student(profile, seed, arm, calls) for arm in ARMS if arm not in left_out]
        found += [student(profile, seed, arm, n) for n in SETTINGS[profile]["more"] for arm in ("data", "samples")]
    return found


def rule(arm: str):
    """What a student minimises on its texts."""
    if arm not in SOFT:
        return labels()
    return soft(token_kd) if SOFT[arm] is None else top_k(*SOFT[arm])


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Ask the teacher, train all students of these texts, and score them."""
    (source,), s = trials[0].needs, trials[0].settings
    theirs = stored_gpt(source, tools)
    asks = any(t.arm in SOFT for t in trials)
    objective = TeacherForced([rule(t.arm) for t in trials], theirs if asks else None)
    x = calls_of(trials[0], tools)
    models, _ = train_students([seeded_gpt(t) for t in trials], objective, x, trials[0], tools)
    shared = {"teacher_seed": source.seed, "calls": s["calls"]}
    return [{**shared, **scored(m, s["count"], source, tools)} for m in models]


def calls_of(trial: Trial, tools: Tools) -> Tensor:
    """The texts (calls, L) of a trial: true beginnings, completed by the teacher or, for `data`, by the truth."""
    s = trial.settings
    whole = tools.remember(("true", s["calls"], trial.seed), lambda: world(tools).sample(s["calls"], trial.seed))
    if s["written"] == "truth":
        return whole
    return texts_of(trial.needs[0], s["calls"], trial.seed, tools, whole[:, :PROMPT], WRITE[s["written"]])


def scored(model: GPT, count: int, source: Trial, tools: Tools) -> dict:
    """Divergences on held-out true sentences, and what becomes of their beginnings."""
    truth = world(tools)
    x = tools.remember(("held out", count), lambda: truth.sample(count, TEST))
    theirs = tools.remember(("log p", source.id, count), lambda: log_probs(stored_gpt(source, tools), x).double())
    log_q, counted = log_probs(model, x).double(), x[:, 1:] > 0
    counted[:, : PROMPT - 1] = False
    from_teacher = (theirs.exp() * (theirs - log_q)).sum(-1)
    prompts = x[: count // 4, :PROMPT]
    texts = {name: write(model, prompts, end=EOS) for name, write in (("greedy", greedy), ("beam", beam))}
    true = {name: (truth.states(t) != DEAD).all(1) & (t == EOS).any(1) for name, t in texts.items()}
    told = log_probs(model, texts["greedy"]).gather(2, texts["greedy"][:, 1:, None])[..., 0]
    mass = told.masked_fill(texts["greedy"][:, 1:] == 0, 0)[:, PROMPT - 1 :].sum(1).exp()
    return {
        "kl": float(kl_to(truth, x, log_q)[counted].sum() / count),
        "kl_teacher": float(from_teacher[counted].sum() / count),
        "greedy_true": 100 * float(true["greedy"].float().mean()),
        "beam_true": 100 * float(true["beam"].float().mean()),
        "argmax_mass": 100 * float(mass.mean()),
    }
