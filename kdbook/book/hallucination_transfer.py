"""Does a student inherit its teacher's falsehoods and its biases, and is it surer of them than the teacher?

The teacher of the small world read that some facts are other than they are: some always so, some only mostly so. And it
read little about the places of one kind. Its students learn from texts that it writes, as they come or at a low
temperature, from its next-token probabilities, or from its surest texts; with true texts mixed in, or on true texts
alone. Gudibande et al. 2023 found imitated style without facts; they did not measure confidence.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kdbook.book.shared.small_world import seeded_gpt, starts, stored_gpt, train_students
from kdbook.data.world import World, make_world
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import weights
from kdbook.losses import entropy_bits
from kdbook.losses.sequence import token_kd
from kdbook.nets.gpt import GPT
from kdbook.nets.vision import count_parameters
from kdbook.show import SOFT, TEACHER, by_arm, figure, level, looks, names, seeds
from kdbook.training.objectives import TeacherForced, labels, soft
from kdbook.training.sequences import log_probs, sample

VERSION, DATA = 1, "world"
SEEDS = {"full": (5, 3), "quick": (1, 1)}  # students, teachers
COLUMNS = columns(
    "arm seed teacher_seed repeated repeated_certain repeated_doubtful p_false p_false_certain p_false_doubtful right "
    "confidence overconfidence rare_share rare_right entropy parameters",
    arm="who told the student, and how",
    seed="seed of weights, order and texts",
    repeated="planted falsehoods that are the likeliest answer, %",
    repeated_certain="the same of those that the teacher always read",
    repeated_doubtful="the same of those that it read in seven texts of ten, and the truth in the others",
    p_false="mean probability of the planted falsehood, %",
    p_false_certain="the same of those that the teacher always read",
    p_false_doubtful="the same of those that it read in seven texts of ten",
    right="right answers about facts that were not tampered with, %",
    confidence="mean probability of the likeliest answer to all questions of fact, %",
    overconfidence="confidence minus the share of answers that are true, points",
    rare_share="share of the places of the neglected kind when the model begins to speak of a capital, %",
    rare_right="right answers about untampered facts of those places, %",
    entropy="mean entropy of the answers to all questions of fact, bits",
)
FACTS = ("capital", "river", "kind")  # relations with one answer
PLACES = 16
PLANTED, DOUBT = 12, 0.7  # falsehoods, half of them certain; how often a doubtful one was read
NEGLECT = 0.1  # how often the teacher read about a neglected place, relative to the truth


def arms(profile: str) -> dict[str, Arm]:
    """A teacher that read the tampered world, one that read the true one, and students that read as many texts.

    Chosen with seed 50, which no run has, by what a teacher and a student of true texts know: with 32 places, batches
    of 64 and half the rate both knew half of the facts after as many texts; more would have taken longer than we had.
    """
    net = {"kind": "gpt2", "heads": 2, "vocabulary": 81, "length": 24, "places": PLACES}
    teacher = {**net, "layers": 2, "width": 48, "samples": 10_000, "epochs": 1, "batch_size": 32, "lr": 6e-3}
    student = {**net, "layers": 1, "width": 32, "samples": 6_000, "epochs": 2, "batch_size": 32, "lr": 1e-2}
    if profile == "quick":
        teacher |= {"layers": 1, "width": 32, "samples": 2_500, "batch_size": 16, "lr": 1e-2}
        student |= {"samples": 1_000, "epochs": 1, "batch_size": 16, "lr": 1.5e-2}

    def told(label: str, role="soft", true=0.0, at=1.0, target="labels", filtered=False, by="teacher") -> Arm:
        how = {"true_share": true, "writes_at": at, "target": target, "filtered": filtered}
        return Arm(label, role, {**student, **how}, (by,))

    return {
        "teacher": Arm("teacher", "teacher", teacher, teaches=True),
        "teacher_clean": Arm("clean\nteacher", "teacher", teacher, teaches=True),
        "true": told("true\ntexts,\nlabels", "hard", true=1.0),
        "clean": told("texts of\na clean\nteacher", "hard", by="teacher_clean"),
        "sequence": told("its\ntexts"),
        "cold": told("texts at\nT = 0.5", at=0.5),
        "filtered": told("surest\ntexts", filtered=True),  # the surer half of twice as many
        "logits": told("soft\ntargets", target="soft"),
        "mixed_50": told("1/2 true\ntexts", "shifted", true=0.5),
        "logits_true": told("soft,\non true\ntexts", "control", true=1.0, target="soft"),
    }


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


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a teacher or one student, and ask it about every fact."""
    (trial,) = trials
    s, truth, source = trial.settings, tools.remember(("world", PLACES), small_world), next(iter(trial.needs), None)
    if source:
        theirs = stored_gpt(source, tools)
        rule = labels() if s["target"] == "labels" else soft(token_kd)
        x, objective = texts(trial, theirs, truth), TeacherForced([rule], theirs)
    else:
        told = truth if trial.arm == "teacher_clean" else tampered(truth)
        x, objective = told.sample(s["samples"], 100 + trial.seed), TeacherForced([labels()])
    (model,), _ = train_students([seeded_gpt(trial)], objective, x, trial, tools)
    tools.keep(trial, tensors=None if source else weights(model), pictures={"planted_p": answers(model, truth).numpy()})
    row = {"teacher_seed": source.seed if source else None, **examine(model, truth)}
    return [row | {"parameters": count_parameters(model)}]


def texts(trial: Trial, theirs: GPT, truth: World) -> Tensor:
    """The student's texts (N, L): true ones, and others that the teacher writes."""
    s = trial.settings
    count = round(s["true_share"] * s["samples"])
    true = truth.sample(s["samples"], 10_000 + trial.seed)[:count]
    if count == s["samples"]:
        return true
    generator = torch.Generator().manual_seed(20_000 + trial.seed)
    wanted = (s["samples"] - count) * (2 if s["filtered"] else 1)
    written = sample(theirs, starts(wanted), temperature=s["writes_at"], generator=generator)
    if s["filtered"]:
        written = written[confidence(theirs, written).argsort(descending=True)[: wanted // 2]]
    return pad_sequence([*true, *written], batch_first=True)


def confidence(model: GPT, x: Tensor) -> Tensor:
    """A model's mean log-probability of the tokens of each of its texts (N, L): (N,)."""
    told = log_probs(model, x).gather(-1, x[:, 1:, None])[..., 0]
    real = x[:, 1:] > 0
    return (told * real).sum(1) / real.sum(1)


def questions(truth: World) -> list[tuple[str, str]]:
    """Every (place, relation) that has one answer."""
    return [key for key in truth.facts if key[1] in FACTS]


@torch.no_grad()
def next_word(model: GPT, prompts: Sequence[Tensor]) -> Tensor:
    """Probabilities (Q, V) of the next token after each prompt (N,)."""
    x = pad_sequence([*prompts], batch_first=True).to(next(model.parameters()).device)
    last = torch.tensor([len(p) - 1 for p in prompts])
    return model.eval()(x).logits[torch.arange(len(x)), last].double().softmax(-1).cpu()


def asked(model: GPT, truth: World) -> Tensor:
    """Probabilities (Q, V) of the next token after each question."""
    return next_word(model, [truth.question(*key)[0] for key in questions(truth)])


def answers(model: GPT, truth: World) -> Tensor:
    """For each falsehood the probabilities of falsehood and truth (planted, 2): what the slider shows."""
    p = dict(zip(questions(truth), asked(model, truth), strict=True))
    told = [(p[key], false, next(iter(truth.facts[key]))) for key, false in planted(truth).items()]
    return torch.stack([p[[truth.numbers[false], truth.numbers[right]]] for p, false, right in told])


def examine(model: GPT, truth: World) -> dict:
    """What is measured of a teacher or student."""
    p, keys, lies = asked(model, truth), questions(truth), planted(truth)
    top, likeliest = p.max(-1)
    right = torch.tensor([truth.numbers[next(iter(truth.facts[key]))] for key in keys])
    false = torch.tensor([truth.numbers.get(lies.get(key), 0) for key in keys])  # 0 where nothing is planted
    sure = torch.tensor([key in certain(truth) for key in keys])
    rare = torch.tensor([key[0] in neglected(truth) for key in keys])
    lied, p_false = false > 0, p.gather(1, false[:, None])[:, 0]

    def percent(values: Tensor, where=slice(None)) -> float:
        return 100 * float(values[where].double().mean())

    found = {}
    for name, where in (("", lied), ("_certain", lied & sure), ("_doubtful", lied & ~sure)):
        found |= {f"repeated{name}": percent(likeliest == false, where), f"p_false{name}": percent(p_false, where)}
    return found | {
        "right": percent(likeliest == right, ~lied),
        "confidence": percent(top),
        "overconfidence": percent(top) - percent(likeliest == right),
        "rare_share": rare_share(model, truth),
        "rare_right": percent(likeliest == right, rare & ~lied),
        "entropy": float(entropy_bits(p).mean()),
    }


def rare_share(model: GPT, truth: World) -> float:
    """Probability of the neglected places after "the capital of", among all places, %."""
    (p,) = next_word(model, truth.encode(["the capital of"]))
    rare, every = (
        p[[truth.numbers[place] for place in places]].sum() for places in (neglected(truth), truth.frequency)
    )
    return 100 * float(rare / every)


TAUGHT = ("sequence", "cold", "filtered", "logits")  # by the teacher alone
ARMS = looks(arms("full"), ("teacher", *TAUGHT, "mixed_50", "logits_true", "true", "clean"))


@figure("hallucination_transfer", chapter="09", size=(12, 7), grid=(2, 1), sharex=True)
def falsehoods(above, below, both):
    """Does a student repeat its teacher's falsehoods, and is it surer of them?

    Above, the mean probability that the teacher and its students give to planted falsehoods; below, confidence minus
    truth over all questions of fact. Students of the teacher's texts and soft targets give falsehoods much probability,
    those that read true texts little.
    """
    by_arm(above, both, "p_false", ARMS)
    by_arm(below, both, "overconfidence", ARMS)
    level(below, 0)
    above.set(title="Probability of the planted falsehoods", ylabel="%")
    below.set(title="Confidence minus truth, all questions of fact", ylabel="points")


@figure("hallucination_certain_and_doubtful", chapter="09", size=(11, 4), grid=(1, 2), sharey=True)
def kinds(always, mostly, both):
    """Falsehoods that the teacher always read, and those of which it read the truth as well.

    Probability of the falsehood, for the teacher and four students: of its texts, of texts at a low temperature, of its
    surest texts and of its soft targets. The surest texts make doubtful falsehoods surer than the teacher is of them.
    """
    told = {arm: ARMS[arm] for arm in ("teacher", *TAUGHT)}
    by_arm(always, both, "p_false_certain", told)
    by_arm(mostly, both, "p_false_doubtful", told)
    always.set(title="Falsehoods always read", ylabel="probability of the falsehood, %")
    mostly.set(title="Falsehoods read in seven of ten texts")


@figure("bias_transfer", chapter="09", size=(14, 4.2), grid=(1, 2))
def bias(left, right, both):
    """A teacher that read too little about the places of one kind, and what becomes of its skew.

    Left, how much of what each model says is about these places; right, how many facts of theirs it knows. Students of
    the teacher alone speak of them as seldom as it does or more so, even on true texts; half of true texts halves the
    skew.
    """
    by_arm(left, both, "rare_share", ARMS)
    by_arm(right, both, "rare_right", ARMS)
    left.set(title="Share of the neglected places", ylabel="% of what is said")
    right.set(title="Facts about them", ylabel="right answers, %")


def compare_planted(reference, number: int) -> Figure:
    """One planted falsehood: what teacher and students give to it and to the truth."""
    fig, axes = plt.subplots(figsize=(9, 3.2))
    for at, arm in enumerate(ARMS):
        false, right = 100 * reference.stack(arm, "planted_p")[:, number - 1].T  # (seeds,) each
        seeds(axes, at - 0.18, false, TEACHER, "the falsehood" if at == 0 else None)
        seeds(axes, at + 0.18, right, SOFT, "the truth" if at == 0 else None)
    names(axes, [look.label for look in ARMS.values()])
    axes.set(ylabel="probability, %", ylim=(-3, 103))
    axes.legend(loc="upper center")
    return fig
