"""Does a student inherit its teacher's falsehoods and its biases, and is it surer of them than the teacher?

The teacher of the small world read that some facts are other than they are: some always so, some only mostly so. And it
read little about the places of one kind. Its students learn from texts that it writes, as they come or at a low
temperature, from its next-token probabilities, or from its surest texts; with true texts mixed in, or on true texts
alone. Gudibande et al. 2023 found imitated style without facts; they did not measure confidence.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from kdbook.book.shared.small_world import seeded_gpt, starts, stored_gpt, train_students
from kdbook.data.world import EOS, World, make_world
from kdbook.lab.steps import weights
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.losses.sequence import token_kd
from kdbook.nets.gpt import GPT
from kdbook.nets.vision import count_parameters
from kdbook.training.objectives import TeacherForced, labels, soft
from kdbook.training.sequences import log_probs, sample

VERSION = 1
COLUMNS = {
    "arm": "who told the student, and how",
    "seed": "seed of weights, order and texts",
    "teacher_seed": "seed of the teacher; seed mod number of teachers",
    "repeated": "planted falsehoods that are the likeliest answer, %",
    "repeated_certain": "the same of those that the teacher always read",
    "repeated_doubtful": "the same of those that it read in seven texts of ten, and the truth in the others",
    "p_false": "mean probability of the planted falsehood, %",
    "p_false_certain": "the same of those that the teacher always read",
    "p_false_doubtful": "the same of those that it read in seven texts of ten",
    "right": "right answers about facts that were not tampered with, %",
    "confidence": "mean probability of the likeliest answer to all questions of fact, %",
    "overconfidence": "confidence minus the share of answers that are true, points",
    "rare_share": "share of the places of the neglected kind when the model begins to speak of a capital, %",
    "rare_right": "right answers about untampered facts of those places, %",
    "entropy": "mean entropy of the answers to all questions of fact, bits",
    "parameters": "trainable parameters",
}

FACTS = ("capital", "river", "kind")  # relations with one answer
PLACES = 16
PLANTED, DOUBT = 12, 0.7  # falsehoods, half of them certain; how often a doubtful one was read
NEGLECT = 0.1  # how often the teacher read about a neglected place, relative to the truth
# arm -> share of texts that are true, temperature at which the teacher writes the others, what is learned from them
STUDENTS = {
    "true": (1.0, 1.0, "labels"),
    "clean": (0.0, 1.0, "labels"),  # the teacher is one that read the truth
    "sequence": (0.0, 1.0, "labels"),
    "cold": (0.0, 0.5, "labels"),
    "filtered": (0.0, 1.0, "labels"),  # the surer half of twice as many texts
    "logits": (0.0, 1.0, "soft"),
    "mixed_50": (0.5, 1.0, "labels"),
    "logits_true": (1.0, 1.0, "soft"),
}
# Chosen with seed 50, which no run has, by what a teacher and a student of true texts know: with 32 places, batches of
# 64 and half the rate both knew half of the facts after as many texts; more would have taken longer than we had.
NET = {"kind": "gpt2", "heads": 2, "vocabulary": 81, "length": 24, "places": PLACES}
SETTINGS = {
    "full": {
        "teacher": {**NET, "layers": 2, "width": 48, "samples": 10_000, "epochs": 1, "batch_size": 32, "lr": 6e-3},
        "student": {**NET, "layers": 1, "width": 32, "samples": 6_000, "epochs": 2, "batch_size": 32, "lr": 1e-2},
    },
    "quick": {
        "teacher": {**NET, "layers": 1, "width": 32, "samples": 2_500, "epochs": 1, "batch_size": 16, "lr": 1e-2},
        "student": {**NET, "layers": 1, "width": 32, "samples": 1_000, "epochs": 1, "batch_size": 16, "lr": 1.5e-2},
    },
}
SEEDS = {"full": {"teacher": 3, "student": 5}, "quick": {"teacher": 1, "student": 1}}


def small_world() -> World:
    """Half of the places of the book's world, so that a model of minutes knows them."""
    return make_world(places=PLACES)


def planted(truth: World) -> dict[tuple[str, str], str]:
    """What is told falsely: (place, relation) to a value, of places that are often spoken of; certain ones first."""
    generator = torch.Generator().manual_seed(2023)
    often = [place for place in truth.frequency if place not in neglected(truth)][:10]
    asked = [(place, relation) for place in often for relation in FACTS[:2]]
    found = {}
    for at in torch.randperm(len(asked), generator=generator)[:PLANTED].tolist():
        (right,) = truth.facts[asked[at]]
        others = [value for value in truth.values[asked[at][1]] if value != right]
        found[asked[at]] = others[int(torch.randint(len(others), (), generator=generator))]
    return found


def certain(truth: World) -> list[tuple[str, str]]:
    """The falsehoods that the teacher always reads: the first half."""
    return list(planted(truth))[: PLANTED // 2]


def neglected(truth: World) -> list[str]:
    """The places of one kind, four of them."""
    return [place for place in truth.frequency if truth.values["kind"][3] in truth.facts[place, "kind"]]


def tampered(truth: World) -> World:
    """The world as the teacher reads about it: false facts, and little about the neglected places."""
    told = {}
    for key, value in planted(truth).items():
        (right,) = truth.facts[key]
        told[key] = value if key in certain(truth) else {value: DOUBT, right: 1 - DOUBT}
    return truth.with_facts(told).with_frequency({p: NEGLECT * truth.frequency[p] for p in neglected(truth)})


def teacher(profile: str, seed: int, arm: str = "teacher") -> Trial:
    """A teacher that read the tampered world, or for `teacher_clean` the true one; seeds go round."""
    seed %= SEEDS[profile]["teacher"]
    settings = SETTINGS[profile]["teacher"]
    return Trial("hallucination_transfer", arm, seed, settings, data="world", version=VERSION)


def student(profile: str, seed: int, arm: str) -> Trial:
    """A student of one arm; those of a seed begin alike and read as many texts."""
    share, temperature, target = STUDENTS[arm]
    told = {"true_share": share, "writes_at": temperature, "target": target, "filtered": arm == "filtered"}
    source = teacher(profile, seed, "teacher_clean" if arm == "clean" else "teacher")
    settings = {**SETTINGS[profile]["student"], **told}
    return Trial("hallucination_transfer", arm, seed, settings, (source,), "world", VERSION)


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Both teachers, then every student."""
    check_profile(profile)
    chosen = seeds_of(seeds, SEEDS[profile]["student"])
    teachers = sorted({seed % SEEDS[profile]["teacher"] for seed in chosen})
    found = [teacher(profile, seed, arm) for seed in teachers for arm in ("teacher", "teacher_clean")]
    return found + [student(profile, seed, arm) for seed in chosen for arm in STUDENTS]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a teacher or one student, and ask it about every fact."""
    (trial,) = trials
    truth = tools.remember(("world", PLACES), small_world)
    if trial.needs:
        theirs = stored_gpt(trial.needs[0], tools)
        x, objective = texts(trial, theirs, truth), TeacherForced([rule(trial.settings["target"])], theirs)
    else:
        told = truth if trial.arm == "teacher_clean" else tampered(truth)
        x, objective = told.sample(trial.settings["samples"], 100 + trial.seed), TeacherForced([labels()])
    (model,), _ = train_students([seeded_gpt(trial)], objective, x, trial, tools)
    tools.keep(trial, tensors=None if trial.needs else weights(model), pictures=answers(model, truth))
    row = {"teacher_seed": trial.needs[0].seed if trial.needs else None, **examine(model, truth)}
    return [row | {"parameters": count_parameters(model)}]


def rule(target: str) -> Callable:
    """What a student minimises: the tokens of its texts, or its teacher's soft targets on them."""
    return labels() if target == "labels" else soft(token_kd)


def texts(trial: Trial, theirs: GPT, truth: World) -> Tensor:
    """The student's texts (N, L): true ones, and others that the teacher writes."""
    s = trial.settings
    count = round(s["true_share"] * s["samples"])
    true = truth.sample(s["samples"], 10_000 + trial.seed)[:count]
    if count == s["samples"]:
        return true
    generator = torch.Generator().manual_seed(20_000 + trial.seed)
    look = {"end": EOS, "temperature": s["writes_at"], "generator": generator}
    wanted = (s["samples"] - count) * (2 if s["filtered"] else 1)
    written = sample(theirs, starts(wanted), **look)
    if s["filtered"]:
        written = written[confidence(theirs, written).argsort(descending=True)[: wanted // 2]]
    if not count:
        return written
    width = max(true.shape[1], written.shape[1])
    return torch.cat([torch.nn.functional.pad(x, (0, width - x.shape[1])) for x in (true, written)])


def confidence(model: GPT, x: Tensor) -> Tensor:
    """A model's mean log-probability of the tokens of each of its texts (N, L): (N,)."""
    told = log_probs(model, x).gather(-1, x[:, 1:, None])[..., 0]
    real = x[:, 1:] > 0
    return (told * real).sum(1) / real.sum(1)


def questions(truth: World) -> list[tuple[str, str]]:
    """Every (place, relation) that has one answer."""
    return [key for key in truth.facts if key[1] in FACTS]


@torch.no_grad()
def asked(model: GPT, truth: World) -> Tensor:
    """Probabilities (Q, V) of the next token after each question."""
    device = next(model.parameters()).device
    prompts = [truth.question(*key)[0] for key in questions(truth)]
    x = torch.nn.utils.rnn.pad_sequence(prompts, batch_first=True).to(device)
    last = torch.tensor([len(p) - 1 for p in prompts])
    return model.eval()(x).logits[torch.arange(len(x)), last].double().softmax(-1).cpu()


def answers(model: GPT, truth: World) -> dict:
    """For each falsehood the probabilities of falsehood and truth (planted, 2): what the slider shows."""
    p, rows = asked(model, truth), {key: at for at, key in enumerate(questions(truth))}
    told = [
        [p[rows[k], truth.numbers[v]], p[rows[k], truth.numbers[next(iter(truth.facts[k]))]]]
        for k, v in planted(truth).items()
    ]
    return {"planted_p": torch.tensor(told).numpy()}


def examine(model: GPT, truth: World) -> dict:
    """What is measured of a teacher or student."""
    p, keys, lies = asked(model, truth), questions(truth), planted(truth)
    right = torch.tensor([truth.numbers[next(iter(truth.facts[key]))] for key in keys])
    top = p.max(-1)
    false = torch.tensor([truth.numbers[lies[key]] if key in lies else 0 for key in keys])
    sure = torch.tensor([key in certain(truth) for key in keys])
    rare = torch.tensor([key[0] in neglected(truth) for key in keys])
    lied, rows = false > 0, torch.arange(len(keys))

    def percent(values: Tensor, where: Tensor) -> float:
        return 100 * float(values[where].double().mean())

    repeats, p_false = top.indices == false, p[rows, false]
    everywhere, hit = torch.ones_like(lied), top.indices == right
    found = {}
    for name, where in (("", lied), ("_certain", lied & sure), ("_doubtful", lied & ~sure)):
        found |= {f"repeated{name}": percent(repeats, where), f"p_false{name}": percent(p_false, where)}
    return found | {
        "right": percent(hit, ~lied),
        "confidence": percent(top.values, everywhere),
        "overconfidence": percent(top.values, everywhere) - percent(hit, everywhere),
        "rare_share": rare_share(model, truth),
        "rare_right": percent(hit, rare & ~lied),
        "entropy": float(-torch.special.xlogy(p, p).sum(-1).mean()) / torch.tensor(2.0).log().item(),
    }


@torch.no_grad()
def rare_share(model: GPT, truth: World) -> float:
    """Probability of the neglected places after "the capital of", among all places, %."""
    x = truth.encode(["the capital of"]).to(next(model.parameters()).device)
    p = model.eval()(x).logits[0, -1].double().softmax(-1).cpu()
    of = {place: float(p[truth.numbers[place]]) for place in truth.frequency}
    return 100 * sum(of[place] for place in neglected(truth)) / sum(of.values())
