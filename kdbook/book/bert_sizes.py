"""How small and how fast are BERT's students, before anything is learned?

Parameters, bytes, multiply-adds and time depend on the architecture alone, so that the real architectures with random
weights tell them exactly. The published speed-ups are facts about a machine, a batch and a length: one CPU with single
texts for DistilBERT, a K80 GPU for TinyBERT. Here all models are timed in turn, by batch and length.
"""

import json

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kdbook.book.shared.timings import clocked, over, timings
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.statements import published as published_number
from kdbook.lab.steps import seeded
from kdbook.nets.vision import count_parameters
from kdbook.show import (
    HARD,
    PLAIN,
    PUBLISHED,
    SOFT,
    SOFT_SHIFTED,
    dot,
    figure,
    level,
    line,
    looks,
    names,
    plain,
    published,
    seeds,
    yours,
)

VERSION = 1
CARDS = ()  # random weights: nothing is learned from data
SEEDS = {"full": (5, 0), "quick": (2, 0)}  # rounds; no teachers
COLUMNS = columns(
    "arm seed batch_size tokens milliseconds texts_per_second processor_milliseconds cpu_share parameters "
    "embedding_parameters bytes flops",
    arm="model",
    seed="round: in each, all models are timed one after another",
    batch_size="texts in one forward pass",
    tokens="tokens of each text",
    texts_per_second="throughput",
    parameters="of the encoder: no word predictor, no classifier",
    embedding_parameters="of these in embeddings",
    bytes="size of the file of weights in float32 (safetensors), bytes",
    flops="floating-point operations for one text of so many tokens, two a multiply-add",
)
VOCABULARY = 30_522  # of uncased BERT
BASE, DISTIL, TINY = "BERT-base", "DistilBERT", "TinyBERT-4"
# the published shapes, with the names of `transformers`; what is not named is as in BERT-base
MODELS = {
    BASE: {"kind": "bert"},
    DISTIL: {"kind": "distilbert"},
    "MiniLM-L12": {"kind": "bert", "hidden_size": 384, "intermediate_size": 1536},
    "MobileBERT": {"kind": "mobilebert"},
    "MiniLM-L6": {"kind": "bert", "hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6},
    TINY: {"kind": "bert", "hidden_size": 312, "intermediate_size": 1200, "num_hidden_layers": 4},
}
BATCH_SIZES, LENGTHS = [1, 8, 32], [32, 128, 384]
MOST_PASSES = 25


def arms(profile: str) -> dict[str, Arm]:
    """Every model, or the three that most is said of; those of a round are timed together, in turn."""
    asked = {"batch_sizes": BATCH_SIZES, "lengths": LENGTHS, "seconds": 0.4}
    chosen = [*MODELS]
    if profile == "quick":
        asked, chosen = {"batch_sizes": [1, 8], "lengths": [32], "seconds": 0.2}, [BASE, DISTIL, TINY]
    roles = {BASE: "teacher"}
    return {n: Arm(n, roles.get(n, "soft"), {**MODELS[n], **asked}, cohort="models") for n in chosen}


def architecture(name: str, **changes) -> nn.Module:
    """A published encoder without weights (on the device ``meta``, in evaluation mode): it can be counted, not run.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    **changes
        Settings of the configuration, such as ``num_hidden_layers=2``.

    Raises
    ------
    ValueError
        For an unknown model.
    """
    from transformers import AutoConfig, AutoModel

    if name not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}, got {name!r}")
    settings = {**MODELS[name], **changes}
    config = AutoConfig.for_model(settings.pop("kind"), vocab_size=VOCABULARY, **settings)
    with torch.device("meta"):
        return AutoModel.from_config(config).eval()


def with_random_weights(model: nn.Module, device: torch.device | str = "cpu") -> nn.Module:
    """The same model with random weights, drawn once: many times faster than the library's own initialisation."""
    model = model.to_empty(device=device)
    with torch.no_grad(), seeded(0):
        for name, weight in model.named_parameters():
            weight.normal_(0, 0.02) if weight.ndim > 1 else weight.fill_(float(name.endswith("weight")))
        for name, number in model.named_buffers():
            number.copy_(torch.arange(number.shape[-1]) if name.endswith("position_ids") else torch.zeros(()))
    return model


def file_bytes(model: nn.Module) -> int:
    """Bytes of the safetensors file that `save_pretrained` writes: float32 weights and a header that names them."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, weight in sorted(model.state_dict().items()):
        end = at + 4 * weight.numel()
        header[name] = {"dtype": "F32", "shape": list(weight.shape), "data_offsets": [at, end]}
        at = end
    text = len(json.dumps(header, separators=(",", ":")))
    return 8 + -(-text // 8) * 8 + at


def flops(model: nn.Module, tokens: int) -> int:
    """Floating-point operations for one text, two a multiply-add; a model on ``meta`` is counted without computing."""
    device = next(model.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, tokens, dtype=torch.int64, device=device))
    return counter.get_total_flops()


def sizes(name: str) -> dict:
    """What a model's shape tells without a clock."""
    model = architecture(name)
    embeddings = sum(p.numel() for key, p in model.named_parameters() if key.startswith("embeddings."))
    return {"parameters": count_parameters(model), "embedding_parameters": embeddings, "bytes": file_bytes(model)}


def timed(model: nn.Module, x: torch.Tensor, seconds: float) -> dict:
    """Time of a forward pass: the median of as many passes as fit into `seconds`, after one that warms up.

    A pass that takes longer than `seconds` is not repeated: warming up is no part of it that counts.
    """
    found = clocked(model, x, passes=1, warm_up=0)
    if found["milliseconds"] < 1000 * seconds:
        fit = int(1000 * seconds / found["milliseconds"])
        found = clocked(model, x, passes=min(MOST_PASSES, fit), warm_up=0)
    return {**found, "texts_per_second": 1000 * len(x) / found["milliseconds"]}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """One round: for each batch size and length, one model after another."""
    asked = trials[0].settings

    def built(name: str) -> nn.Module:
        return tools.remember(("model", name), lambda: with_random_weights(architecture(name), tools.device))

    def look(trial: Trial, model: nn.Module, x: torch.Tensor) -> dict:
        name, tokens = trial.arm, x.shape[1]
        found = timed(model, x, asked["seconds"]) | tools.remember(("sizes", name), lambda: sizes(name))
        return found | {"flops": tools.remember(("flops", name, tokens), lambda: flops(architecture(name), tokens))}

    texts = (
        ({"batch_size": count, "tokens": n}, torch.randint(1000, VOCABULARY, (count, n), device=tools.device))
        for n in asked["lengths"]
        for count in asked["batch_sizes"]
    )
    return timings(trials, [built(trial.arm) for trial in trials], texts, look)


ARMS = looks(arms("full"))
STUDENTS = [name for name in MODELS if name != BASE]
BATCH_COLOURS = dict(zip(BATCH_SIZES, (SOFT, SOFT_SHIFTED, HARD), strict=True))
ONE_TEXT = {"batch_size": 1, "tokens": 128}


def published_speed(name: str) -> float:
    """Times as fast as BERT-base, on the machine of each paper.

    Sanh et al. 2019, Table 3 (668 s / 410 s, Xeon, one text at a time); Jiao et al. 2020, Table 1 (one K80 GPU); Sun et
    al. 2020, abstract (a Pixel 4 phone); Wang et al. 2020, the authors' README (a GPU).
    """
    if name == DISTIL:
        return 668 / 410
    claim = "tinybert-speed-9p4x" if name == TINY else "mobilebert-minilm"
    setting = "batch 1" if name == "MobileBERT" else "batch 32"
    return published_number(claim, f"texts a second, {name} / {BASE}, {setting}, 128 tokens")


def published_millions(name: str) -> float:
    """Millions of parameters, as printed in the same places."""
    told = {BASE: 110, DISTIL: 66, TINY: 14.5, "MobileBERT": 110 / 4.3}
    return told.get(name) or published_number("mobilebert-minilm", f"parameters of {name}")


def times_as(table, name: str, batch_size: int, tokens: int, column: str = "texts_per_second"):
    """How many times BERT-base's value a model has, round by round (Series by seed); empty where it was not timed."""
    return over(table, name, BASE, column, batch_size=batch_size, tokens=tokens)


def operations_ratio(table, name: str, tokens: int) -> float:
    """How many times fewer floating-point operations a model needs than BERT-base."""
    return 1 / float(times_as(table, name, table.batch_size.min(), tokens, "flops").iloc[0])


@figure("bert_sizes", chapter="08", size=(12, 4.6), grid=(1, 2), legend="all")
def sizes_and_speeds(left, right, both):
    """Sanh et al. 2019, Table 3; Jiao et al. 2020, Table 1; Sun et al. 2020; Wang et al. 2020: the sizes of six BERTs.

    Left, a bar a model for its parameters, the share of the embeddings in another colour, and the published number as
    a cross on its end. Right, times as fast as BERT-base for one text over the parameters, both logarithmic, with the
    published speed-ups. Word embeddings hardly shrink at all. Speed is no
    function of size: models of about one size differ several times.
    """
    counted = both.reference.groupby("arm")[["parameters", "embedding_parameters"]].first() / 1e6
    shown = counted.loc[[*MODELS][::-1]]
    embeddings, at = shown.embedding_parameters, range(len(shown))
    left.barh(at, embeddings, color=HARD, label="embeddings")
    left.barh(at, shown.parameters - embeddings, left=embeddings, color=SOFT, label="layers and pooler")
    published(left, [published_millions(name) for name in shown.index], at, "published")
    left.set_yticks(at, shown.index)
    left.set(xlabel="millions of parameters", title="Size")
    left.grid(axis="y", visible=False)
    for name in MODELS:
        _speed_at_size(right, both, name, counted.parameters[name])
    plain(right.xaxis, (10, 20, 50, 100), "log")
    plain(right.yaxis, scale="log")
    right.set(xlim=(10, 160), xlabel="millions of parameters", ylabel="times as fast as BERT-base")
    right.set_title(f"Speed: one text of {ONE_TEXT['tokens']} tokens")


def _speed_at_size(axes, both, name: str, millions: float) -> None:
    """One model: measured, published, and the reader's own."""
    first, measured = name == STUDENTS[0], times_as(both.reference, name, **ONE_TEXT)
    dot(axes, millions, measured, ARMS[name].colour, "reference" if first else None)
    if name != BASE:
        told = published_speed(name)
        axes.plot([millions, millions], [measured.mean(), told], color=PLAIN, lw=0.8)
        published(axes, millions, told, "published, on other machines" if first else None)
    axes.annotate(name, (millions, measured.mean()), xytext=(7, -3), textcoords="offset points", fontsize=9)
    if both.mine is not None and name != BASE:
        tokens = int(both.mine.tokens.min())
        if len(own := times_as(both.mine, name, 1, tokens)):
            yours(axes, millions * 1.04, own, f"yours ({tokens} tokens)" if first else None, beside=0)


@figure("bert_speed_by_batch_and_length", chapter="08", size=(15, 3.9), grid=(1, 5), sharey=True)
def by_batch_and_length(panels, both):
    """One model, one machine, nine speed-ups: each student's throughput by batch and length, over BERT-base's.

    A panel a student: times as fast as BERT-base over the length of the texts, a line for each batch size, with the
    published speed-up as a dotted black line and the ratio of operations as a dashed grey one. The lines of one student
    lie apart and slope: a speed-up belongs to a batch, a length and a machine. The thin deep student has few operations
    and gains less.
    """
    for axes, name in zip(panels, STUDENTS, strict=True):
        operations = [operations_ratio(both.reference, name, tokens) for tokens in LENGTHS]
        axes.plot(LENGTHS, operations, "--", color=PLAIN, label="operations, times fewer")
        level(axes, published_speed(name), PUBLISHED, "published, other machines", ls=":", lw=1.5)
        for batch_size, colour in BATCH_COLOURS.items():
            found = both.map(lambda t, name=name, n=batch_size: {m: times_as(t, name, n, m) for m in LENGTHS})
            line(axes, found.reference, colour, label=f"batch {batch_size}")
            own = [(tokens, value) for tokens, values in (found.mine or {}).items() for value in values]
            if own:
                label = "yours, same colours" if batch_size == 1 else None
                axes.scatter(*zip(*own, strict=True), marker="D", s=26, fc="none", ec=colour, label=label)
        plain(axes.xaxis, LENGTHS, "log")
        plain(axes.yaxis, scale="log")
        axes.set(title=name, xlabel="tokens a text")
    panels[0].set_ylabel("times as fast as BERT-base")


def speed_bars(table, batch_size: int, tokens: int, mine=None) -> Figure:
    """One position of the chapter's slider: every student's speed-up at a batch size and length, and the reader's."""
    fig, axes = plt.subplots(figsize=(7.5, 3.6))
    for at, name in enumerate(STUDENTS):
        label = {key: None if at else key for key in ("measured", "operations", "published, other machines", "yours")}
        ratio, fewer = times_as(table, name, batch_size, tokens), operations_ratio(table, name, tokens)
        axes.bar(at, ratio.mean(), color=SOFT, alpha=0.35, width=0.6)
        seeds(axes, at, ratio, SOFT, label["measured"])
        axes.plot([at - 0.35, at + 0.35], [fewer, fewer], "--", color=PLAIN, label=label["operations"])
        published(axes, at, published_speed(name), label["published, other machines"])
        if mine is not None and len(own := times_as(mine, name, batch_size, tokens)):
            yours(axes, at, own, label["yours"])
    names(axes, STUDENTS)
    axes.set_ylim(1, 32)
    plain(axes.yaxis, scale="log")
    texts = f"{batch_size} {'texts' if batch_size > 1 else 'text'} of {tokens} tokens at a time"
    axes.set(ylabel="times as fast as BERT-base", title=texts)
    axes.legend(loc="upper left")
    return fig


def speed_alt(table, batch_size: int, tokens: int) -> str:
    """Alt text of `speed_bars`, with its numbers."""
    told = ", ".join(f"{name} {times_as(table, name, batch_size, tokens).mean():.1f}" for name in STUDENTS)
    return f"Batch {batch_size}, {tokens} tokens, times as fast as BERT-base: {told}."
