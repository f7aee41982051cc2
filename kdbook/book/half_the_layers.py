"""A student of half a language model's layers: what must its teacher tell it, and when? Sanh et al. 2019 (DistilBERT).

The teacher is the real MiniLM-L6, six layers of 384 units. A student has three: its teacher's, or random ones. First it
may *read*: WordNet's definitions without labels, while its teacher tells what it makes of them. Then it learns two
tasks from few labels: what a bank's customer wants (Banking77, five texts for each of 77 intents), and which of 45
kinds of thing a definition defines (500 definitions). A third task needs no label: to find the word that a definition
defines, by the cosine of their vectors. Controls read as many texts without a teacher, or spend them on the labels.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook import losses
from kdbook.book.own_intents import few_of, texts_of
from kdbook.data import tasks
from kdbook.data.glosses import PARTS, Synset, synsets
from kdbook.data.wordpiece import Tokens
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import percent_right, seeded, train_stage
from kdbook.nets.bert import mean_of
from kdbook.nets.pretrained import PretrainedBert, load_pretrained
from kdbook.nets.vision import Outputs, count_parameters
from kdbook.training import Batch, CachedTeacher, Distillation, HardLabels, predict
from kdbook.training.objectives import LayerDistillation, LayerRecipe, Pairwise, Projected, Transfer
from kdbook.training.objectives.asking import Loss, Objective
from kdbook.training.teachers import evaluating

VERSION, DATA = 1, "wordnet"
CARDS = ("wordnet", "banking77", "all-minilm-l6-v2", "own-teacher")
SEEDS = {"full": (5, 5), "quick": (1, 1)}  # draws of labels, each with a teacher of its own
COLUMNS = columns(
    "arm seed teacher_seed task score parameters",
    arm="what the student begins as, reads, and learns its tasks from",
    seed="seed of weights and order, and of the draw of labels",
    task="intents or supersense (right answers, %), dictionary (recall at 10, %), or their mean, macro",
    parameters="trainable parameters, classifier not counted",
)
KEPT_LAYERS, LENGTH = (1, 3, 5), 32  # of the teacher's six, counted from 0; tokens of the longest text
READING, TASK = 64, 32  # texts of a step
SENSES = 500  # definitions with a label
CHOSEN: dict[str, dict] = {}  # `half_the_layers_settings` has not been run yet


class Asked(NamedTuple):
    """A task: texts to learn from, the rows of the few whose labels are known, and texts that are scored."""

    texts: list[str]
    labels: Tensor
    few: Tensor
    scored: list[str]
    answers: Tensor
    classes: int


def arms(profile: str) -> dict[str, Arm]:
    """The teacher, and students by what they begin as, what they read and whom they ask about the tasks."""
    quick = profile == "quick"
    common = {"pool": 1_000 if quick else 9_003, "scored": 300 if quick else 2_000, "scored_on": "test"}
    common |= {"words": 1_000 if quick else 8_000, "lr": 3e-4}
    steps = (
        {"texts": 640, "steps": 40, "told_steps": 60} if quick else {"texts": 24_000, "steps": 160, "told_steps": 400}
    )

    def student(name: str, label: str, role: str, **more) -> Arm:
        settings = {**common, **steps, "start": "layers", "read_lr": 3e-4, **more, **CHOSEN.get(name, {})}
        return Arm(label, role, settings, ("teacher",))

    told = {"told": "soft", "temperature": 2.0}
    return {
        "teacher": Arm("MiniLM, six layers", "teacher", {**common, **steps, "start": "whole"}, teaches=True),
        "layers": student("layers", "its layers", "hard"),
        "random": student("random", "random layers", "hard", start="random"),
        "longer": student("longer", "its layers,\nas many steps of labels", "control", longer=True),
        "pairs": student("pairs", "its layers,\nreads without a teacher", "control", reads="pairs"),
        "pooled": student("pooled", "its layers,\nreads vectors", "soft", reads="pooled"),
        "pooled_random": student(
            "pooled_random", "random layers,\nreads vectors", "shifted", start="random", reads="pooled"
        ),
        "tokens": student("tokens", "its layers,\nreads every token", "soft", reads="tokens"),
        "similar": student("similar", "its layers,\nreads similarities", "soft", reads="similar"),
        "hidden": student("hidden", "its layers,\nreads hidden layers", "soft", reads="hidden"),
        "attention": student("attention", "its layers,\nreads attention", "soft", reads="attention"),
        "told": student("told", "its layers,\nsoft targets", "soft", **told),
        "told_random": student("told_random", "random layers,\nsoft targets", "shifted", start="random", **told),
        "both": student("both", "its layers, reads vectors,\nsoft targets", "soft", reads="pooled", **told),
        "both_hard": student(
            "both_hard", "its layers, reads vectors,\nhard answers", "control", reads="pooled", told="hard"
        ),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Let one net read and learn every task; a teacher's answers for all texts are kept for its students."""
    (trial,) = trials
    net = begun(trial, tools)
    if "reads" in trial.settings:
        read(net, trial, tools)
    scores, kept = {"dictionary": recall(net, trial, tools)}, {}
    for name in ("intents", "supersense"):
        task = asked(name, trial)
        model = learned(net, name, task, trial, tools)
        scores[name] = percent_right(answers(model, task.scored), task.answers)
        if not trial.needs:
            kept[name] = answers(model, task.texts).half()
    tools.keep(trial, tensors=kept)
    shared = {"teacher_seed": trial.needs[0].seed if trial.needs else None, "parameters": count_parameters(net)}
    scores["macro"] = tasks.macro(scores)
    return [{"rows": [{"task": task, "score": score, **shared} for task, score in scores.items()]}]


def minilm(tools: Tools) -> PretrainedBert:
    """The real MiniLM, once a process; nobody changes it."""
    return tools.remember("minilm", lambda: load_pretrained("minilm").to(tools.device))


def begun(trial: Trial, tools: Tools) -> PretrainedBert:
    """A fresh copy of the teacher, whole or with half its layers, or with random weights in their place."""
    start, net = trial.settings["start"], copy.deepcopy(minilm(tools))
    if start != "whole":
        layers = net.layers
        for at in reversed(range(len(layers))):
            if at not in KEPT_LAYERS:
                del layers[at]
    if start == "random":
        config = copy.deepcopy(net.net.config)
        config.num_hidden_layers = len(KEPT_LAYERS)
        with seeded(trial.seed):
            net.net = type(net.net)(config).to(tools.device)
    return net


def tokens(net: PretrainedBert, texts: list[str], labels: Tensor | None = None, bucket: int = READING) -> Tokens:
    """Texts as a `Split` of the net's own tokens."""
    x = net.encode(texts, LENGTH)
    y = torch.zeros(len(x), dtype=torch.int64) if labels is None else labels
    return Tokens(x, y, torch.arange(len(x)), bucket=bucket).to(next(net.parameters()).device)


class Vectors(nn.Module):
    """A net whose only feature is the vector (B, D) of a text, of length one."""

    def __init__(self, net: PretrainedBert):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Outputs:
        """Texts (B, N) as token numbers."""
        vectors = F.normalize(mean_of(self.net.hidden(x)[-1], x > 0), dim=-1)
        return Outputs(vectors, [vectors])


@dataclass
class EveryToken(Objective):
    """1 - cosine of student's and teacher's last hidden states, over all tokens (Sanh et al. 2019)."""

    teacher: PretrainedBert

    def __call__(self, model: PretrainedBert, batch: Batch) -> Loss:
        with evaluating(self.teacher):
            theirs = self.teacher.hidden(batch.x)[-1]
        return losses.cosine_hidden_loss(model.hidden(batch.x)[-1], theirs, batch.x > 0, **batch.by_row), {}


@dataclass
class Pairs(Objective):
    """No teacher: each definition is to be nearer to its own word than to the batch's other words.

    words : Tensor (M, L), tokens of the word of each definition, by the split's index
    """

    words: Tensor
    sharpness: float = 20.0  # 1 / 0.05, as is usual

    def __call__(self, model: Vectors, batch: Batch) -> Loss:
        words = self.words[batch.index]
        cosines = model(batch.x).logits @ model(words[:, : int((words > 0).sum(1).max())]).logits.T  # (B, B)
        return F.cross_entropy(
            self.sharpness * cosines, torch.arange(len(cosines), device=cosines.device), reduction="none"
        ), {}


@cache
def defined(part: str) -> list[Synset]:
    """Meanings of a part with a word and a definition, in one fixed random order."""
    found = [s for s in synsets().values() if s.text and s.bin in PARTS[part]]
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(2019))
    return [found[at] for at in order.tolist()]


def word_of(s: Synset) -> str:
    """A meaning's first word as a text."""
    return s.lemmas[0].replace("_", " ")


def read(net: PretrainedBert, trial: Trial, tools: Tools) -> None:
    """Read definitions, and learn from the teacher, or from the words that they define."""
    s, teacher = trial.settings, minilm(tools)
    found = defined("fit")[: s["texts"]]
    split = tools.remember(("read", len(found)), lambda: tokens(teacher, [m.text for m in found]))
    model: nn.Module = Vectors(net)
    ways: dict[str, Callable] = {"pooled": losses.hint_loss, "similar": losses.probabilistic_transfer}
    if s["reads"] in ways:
        theirs = tools.remember(
            ("vectors", len(found)), lambda: vectors_of(teacher, [m.text for m in found]).to(tools.device)
        )
        cached = CachedTeacher(theirs[None], split.index, [theirs], split.origin)
        objective: Objective = Transfer(cached, Pairwise(ways[s["reads"]], (0,)), 1.0)
    elif s["reads"] == "pairs":
        objective = Pairs(net.encode([word_of(m) for m in found], LENGTH).to(tools.device))
    elif s["reads"] == "tokens":
        model, objective = net, EveryToken(teacher)
    else:
        width = net.net.config.hidden_size
        recipe = LayerRecipe(
            (2, 4, 6), attention=s["reads"] == "attention", hidden=s["reads"] == "hidden", embedding=False
        )
        with seeded(trial.seed):
            model = nn.ModuleList([Projected(net, width, width).to(tools.device)])
        objective = LayerDistillation(teacher, [recipe])
    train_stage(
        model, objective, split, "reading", {"lr": s["read_lr"], "epochs": 1, "batch_size": READING}, trial, tools
    )


def asked(name: str, trial: Trial) -> Asked:
    """A task's texts: few with labels, those of a draw, others without; and those that are scored."""
    s, seed = trial.settings, trial.seed
    if name == "intents":
        (texts, labels), (scored, right) = texts_of("train"), texts_of(s["scored_on"])
        texts, labels = texts[: s["pool"]], labels[: s["pool"]]
        few, classes = few_of(labels, seed), int(right.max()) + 1
    else:
        texts, labels = tasks.load(name, "fit", s["pool"], seed)
        scored, right = tasks.load(name, s["scored_on"], s["scored"])
        few, classes = torch.arange(min(SENSES, len(texts))), tasks.TASKS[name].classes
    return Asked(texts, labels, few, scored[: s["scored"]], right[: s["scored"]], classes)


def learned(net: PretrainedBert, name: str, task: Asked, trial: Trial, tools: Tools) -> PretrainedBert:
    """A copy of the net that has learned a task: from few labels, or from its teacher's answers for all texts."""
    s, model = trial.settings, copy.deepcopy(net)
    with seeded(trial.seed):
        model.head = nn.Linear(model.net.config.hidden_size, task.classes).to(tools.device)
    if "told" in s:
        theirs = tools.tensors(trial.needs[0])[name].float()
        split = tokens(model, task.texts, theirs.argmax(-1).cpu(), TASK)
        steps, objective = s["told_steps"], HardLabels()
        if s["told"] == "soft":
            objective = Distillation(CachedTeacher(theirs[None].to(tools.device), split.index), s["temperature"])
    else:
        split = tokens(model, [task.texts[at] for at in task.few.tolist()], task.labels[task.few], TASK)
        steps, objective = s["steps"] + (s["texts"] // TASK if "longer" in s else 0), HardLabels()
    epochs = max(1, round(steps * TASK / len(split)))
    train_stage(model, objective, split, name, {"lr": s["lr"], "epochs": epochs, "batch_size": TASK}, trial, tools)
    return model


def answers(model: PretrainedBert, texts: list[str]) -> Tensor:
    """Logits (N, C) for texts, in their order."""
    return by_length(texts, lambda ranked: predict(model, tokens(model, ranked), batch_size=200).logits)


def vectors_of(net: PretrainedBert, texts: list[str]) -> Tensor:
    """Vectors (N, D) of texts, in their order."""
    return by_length(texts, lambda ranked: net.eval().embed(ranked, LENGTH, batch_size=200))


def by_length(texts: list[str], ask: Callable) -> Tensor:
    """What `ask` says of texts that are sorted by length, so that there is little filling, in their own order."""
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    told = ask([texts[at] for at in order]).cpu()
    return torch.empty_like(told).index_copy_(0, torch.tensor(order), told)


def recall(net: PretrainedBert, trial: Trial, tools: Tools) -> float:
    """Reverse dictionary: for how many definitions (%) is their word among the ten nearest ones?"""
    s = trial.settings
    found = defined(s["scored_on"])[: s["words"]]
    words = [*dict.fromkeys(word_of(m) for m in found)]
    place = {word: at for at, word in enumerate(words)}
    shown, theirs = vectors_of(net, [m.text for m in found[: s["scored"]]]), vectors_of(net, words)
    nearest = (shown @ theirs.T).topk(10).indices
    right = torch.tensor([place[word_of(m)] for m in found[: s["scored"]]])
    return 100 * float((nearest == right[:, None]).any(1).float().mean())
