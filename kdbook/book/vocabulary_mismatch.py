"""Two vocabularies: what can a student learn from a teacher that cuts the same text into other tokens?

The teacher reads byte pairs. Its students read the same ones, fewer byte pairs, or characters. Token-level distillation
needs one vocabulary. Across two there are the teacher's texts (sequence-level distillation), sorted probabilities
(Boizard et al. 2024, ULD), and the probabilities of pieces that end at the same byte (Minixhofer et al. 2025, ALM, in
its plainest form). All students see as many texts; what counts is how many bits a byte they need more than the truth.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from kdbook.book.shared.small_world import TEST, seeded_gpt, starts, stored_gpt, train_students, world
from kdbook.data.glosses import padded
from kdbook.data.vocabularies import Vocabulary, byte_pairs, characters
from kdbook.data.world import DEAD, World
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import weights
from kdbook.nets.gpt import GPT
from kdbook.show import by_arm, figure, looks, plain
from kdbook.training.objectives import Aligned, TeacherForced, across_vocabularies, by_bytes, by_rank, by_token, labels
from kdbook.training.sequences import log_probs, sample

VERSION, DATA = 1, "world"
SEEDS = {"full": (5, 3), "quick": (1, 1)}  # students, teachers
COLUMNS = columns(
    "arm seed teacher_seed vocabulary tokens bits_per_byte excess_bits true_share",
    arm="vocabulary of the student, and what it learns from: labels, samples, kd, uld, bytes",
    seed="seed of weights, sentences and order",
    vocabulary="whose tokens: own (the teacher's), other (fewer byte pairs), characters",
    tokens="tokens of a text, mean",
    bits_per_byte="bits a byte of true text, its end included",
    excess_bits="bits a byte more than the truth needs",
    true_share="own texts that are true and grammatical, %",
)
TITLES = {"own": "the teacher's tokens", "other": "other byte pairs", "characters": "characters"}
PIECES = {"own": 160, "other": 110, "characters": 28}  # tokens of a vocabulary
LENGTH = {"own": 56, "other": 88, "characters": 132}  # of the longest text
CORPUS = 3_000  # texts that the vocabularies are made from
# What a student learns from: label, role, and the weight of what the teacher tells; labels always weigh one.
#
# This is a second run: in a first one students took 20 epochs at a rate of 0.01 and every teacher's term had weight 1,
# and its test scores were read. Chosen anew on validation sentences (bits a byte of a student of other byte pairs, and
# of characters; one seed, teacher 0):
# - labels: 20 epochs at 0.01 0.302 and 0.832; 40 at 0.01 0.275 and 0.416; 40 at 0.02 0.270 and 0.334; 80 at 0.02 0.321
#   and 0.299. A rate of 0.04 gave characters 0.323 and was not tried for the others.
# - weight of sorted probabilities, after 40 epochs: 0.03 0.267 and 0.335, 0.1 0.273 and 0.345, 0.3 0.274 and 0.360,
#   1 0.290 and 0.490.
# - weight of aligned bytes: 0.3 0.264 and 0.336, 1 0.258 and 0.333, 3 0.256 and 0.347.
METHODS = {
    "labels": ("labels", "hard", {}),
    "samples": ("teacher's\ntexts", "shifted", {}),
    "uld": ("sorted\nprobabilities", "control", {"weight": 0.03}),
    "bytes": ("bytes\naligned", "soft", {"weight": 1.0}),
    "kd": ("token by\ntoken", "soft", {"weight": 1.0}),
}
WAYS = {"kd": by_token, "uld": by_rank, "bytes": by_bytes}


def arms(profile: str) -> dict[str, Arm]:
    """The teacher, and a student for each vocabulary and what it learns from."""
    net = {"heads": 4, "batch_size": 64}
    teacher = {**net, "kind": "gpt2", "layers": 2, "width": 64, "samples": 8_000, "epochs": 4, "lr": 6e-3}
    student, count = {**net, "kind": "llama", "layers": 1, "width": 32, "samples": 640, "epochs": 40, "lr": 2e-2}, 1_000
    if profile == "quick":
        teacher |= {"layers": 1, "width": 48, "samples": 1_000, "epochs": 3, "lr": 1e-2}
        student, count = student | {"width": 16, "samples": 192, "epochs": 2, "lr": 1e-2}, 100

    def reads(net: dict, cut: str, method: str, **more) -> dict:
        text = {"length": LENGTH[cut], "cut": cut, "method": method, "vocabulary": PIECES[cut], "count": count}
        return {**net, **text, **more}

    found = {"teacher": Arm("teacher", "teacher", reads(teacher, "own", "labels"), teaches=True)}
    across = ("labels", "samples", "uld", "bytes")
    for cut, methods in {"own": ("labels", "kd"), "other": across, "characters": across}.items():
        for method in methods:
            label, role, weight = METHODS[method]
            settings = reads(student, cut, method, texts=lambda seed: 500 + seed, **weight)
            found[f"{cut}_{method}"] = Arm(label, role, settings, ("teacher",))
    return found


def vocabularies(truth: World) -> dict[str, Vocabulary]:
    """The three ways of cutting, made from true sentences that nobody is tested on."""
    texts = truth.text(truth.sample(CORPUS, 77))
    return {**{name: byte_pairs(texts, PIECES[name]) for name in ("own", "other")}, "characters": characters(texts)}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train a teacher or a student, and score it byte by byte."""
    (trial,) = trials
    s, truth, objective = trial.settings, world(tools), TeacherForced([labels()])
    cuts = tools.remember(("vocabularies",), lambda: vocabularies(truth))
    cut, own, source = cuts[s["cut"]], cuts["own"], next(iter(trial.needs), None)
    texts = truth.text(truth.sample(s["samples"], s.get("texts", trial.seed)))
    if s["method"] == "samples":
        key = ("written", source.id, s["samples"], trial.seed)
        texts = tools.remember(key, lambda: written(stored_gpt(source, tools), own, s["samples"], trial.seed))
    elif s["method"] in WAYS:
        told = Aligned.of(cut, own, texts, stored_gpt(source, tools), tools.device)
        objective = TeacherForced([across_vocabularies(WAYS[s["method"]], told, s["weight"])])
    x = cut.encode(texts)[:, : s["length"]]  # what a model invents may be long in other tokens
    (model,), _ = train_students([seeded_gpt(trial)], objective, x, trial, tools)
    if source is None:
        tools.keep(trial, tensors=weights(model))
    return [{"teacher_seed": source.seed if source else None, **scored(model, cut, s, truth)}]


def written(theirs: GPT, cut: Vocabulary, count: int, seed: int) -> list[str]:
    """Texts of a teacher; one that stops at once is left out and another takes its place."""
    device = next(theirs.parameters()).device
    generator, found = torch.Generator(device).manual_seed(seed), []
    while len(found) < count:
        texts = cut.decode(sample(theirs, starts(count, device), generator=generator))
        found += [text for text in texts if text.strip()]
    return found[:count]


def scored(model: GPT, cut: Vocabulary, settings: Mapping, truth: World) -> dict:
    """Bits a byte on held-out true texts, and how many of the model's own texts are true."""
    count = settings["count"]
    texts = truth.text(truth.sample(count, TEST))
    x = cut.encode(texts)
    told = log_probs(model, x, 64).cpu().gather(2, x[:, 1:, None])[..., 0].masked_fill(x[:, 1:] == 0, 0)
    size = sum(len(text.encode()) + 1 for text in texts) / count
    bits = -float(told.sum()) / count / size / math.log(2)
    least = sum(-float(z) for z in true_log_probs(texts, truth)) / count / size / math.log(2)
    own = cut.decode(sample(model, starts(count // 2), generator=torch.Generator().manual_seed(TEST)))
    return {
        "vocabulary": settings["cut"],
        "tokens": float((x[:, 1:] > 0).sum(1).float().mean()),
        "bits_per_byte": bits,
        "excess_bits": bits - least,
        "true_share": 100 * sum(is_true(text, truth) for text in own) / len(own),
    }


def true_log_probs(texts: Sequence[str], truth: World) -> Tensor:
    """Log-probability of true texts (n,) under the truth: on held-out texts themselves, which cancels their luck."""
    x = truth.encode(texts)
    p = truth.next_probs(x[:, :-1]).gather(2, x[:, 1:, None])[..., 0]
    return p.masked_fill(x[:, 1:] == 0, 1).log().sum(1)


def is_true(text: str, truth: World) -> bool:
    """Whether a text in letters is a true sentence."""
    numbers = [truth.numbers.get(word) for word in text.split(" ")]
    if not text.endswith(" .") or None in numbers:
        return False
    return int(truth.states(padded([[1, *numbers, 2]]))[0, -1]) != DEAD


LAYOUT = {"chapter": "09", "size": (12, 4.2), "grid": (1, 3), "sharey": True, "width_ratios": (2, 4, 4)}


@figure("vocabulary_bits", **LAYOUT)
def bits(panels, both):
    """Bits a byte more than the truth needs, by the student's vocabulary and what it learns from.

    Three panels: a student with the teacher's own tokens, with fewer byte pairs, and with characters. In each, labels
    beside what can be learned from the teacher; across vocabularies the alignment by bytes and the teacher's texts are
    compared with sorted probabilities. A logarithmic scale keeps a quick run on the page.
    """
    by_vocabulary(panels, both, "excess_bits")
    plain(panels[0].yaxis, scale="log")
    panels[0].set_ylabel("bits a byte more than the truth (log scale)")


@figure("vocabulary_true_share", **LAYOUT)
def true_texts(panels, both):
    """Does a student of another vocabulary write true sentences?

    Share of own texts that are true and grammatical, in the same three panels: characters can spell words that do not
    exist, and a student of the teacher's own tokens has the easiest task.
    """
    by_vocabulary(panels, both, "true_share")
    panels[0].set_ylabel("own texts that are true, %")


def by_vocabulary(panels, both, column: str) -> None:
    """A panel a vocabulary, with one column of the table for each way to learn."""
    found = arms("full")
    for axes, (cut, title) in zip(panels, TITLES.items(), strict=True):
        by_arm(axes, both, column, looks(found, [arm for arm in found if arm.startswith(f"{cut}_")]))
        axes.set_title(title)
