"""How small and how fast are BERT's students, before anything is learned?

Parameters, bytes, multiply-adds and time depend on the architecture alone, so that the real architectures with random
weights tell them exactly. The published speed-ups are facts about a machine, a batch and a length: one CPU with single
texts for DistilBERT, a K80 GPU for TinyBERT. Here all models are timed in turn, by batch and length.
"""

import json
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kdbook.book.latency import median_milliseconds
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.nets.vision import count_parameters

VERSION = 1
CARDS = ()  # random weights: nothing is learned from data
COLUMNS = {
    "arm": "model",
    "seed": "round: in each, all models are timed one after another",
    "batch_size": "texts in one forward pass",
    "tokens": "tokens of each text",
    "milliseconds": "median time of one forward pass, ms",
    "texts_per_second": "throughput",
    "processor_milliseconds": "processor time of one pass, all threads together, ms: others' work changes it little",
    "cpu_share": "processor time used while timing, % of all threads' time: far below 100 = others used the machine",
    "parameters": "of the encoder: no word predictor, no classifier",
    "embedding_parameters": "of these in embeddings",
    "bytes": "size of the file of weights in float32 (safetensors), bytes",
    "flops": "floating-point operations for one text of so many tokens, two a multiply-add",
}
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
# times as fast as BERT-base: Sanh et al. 2019, Table 3 (668 s / 410 s, Xeon, one text at a time); Jiao et al. 2020,
# Table 1 (one K80 GPU); Sun et al. 2020, abstract (a Pixel 4 phone); Wang et al. 2020, the authors' README (a GPU)
PUBLISHED_SPEED = {DISTIL: 668 / 410, TINY: 9.4, "MobileBERT": 5.5, "MiniLM-L12": 2.7, "MiniLM-L6": 5.3}
# millions, as printed in the same places
PUBLISHED_MILLIONS = {BASE: 110, DISTIL: 66, TINY: 14.5, "MiniLM-L12": 33, "MiniLM-L6": 22, "MobileBERT": 110 / 4.3}

SETTINGS = {
    "full": {"models": tuple(MODELS), "batch_sizes": [1, 8, 32], "lengths": [32, 128, 384], "seconds": 0.4},
    "quick": {"models": (BASE, DISTIL, TINY), "batch_sizes": [1, 8], "lengths": [32], "seconds": 0.2},
}
SEEDS = {"full": 5, "quick": 2}
MOST_PASSES = 25


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every model in every round; the models of a round are measured together, in turn."""
    check_profile(profile)
    asked = {key: value for key, value in SETTINGS[profile].items() if key != "models"}
    return [
        Trial("bert_sizes", name, seed, {**MODELS[name], **asked}, version=VERSION, cohort="models")
        for seed in seeds_of(seeds, SEEDS[profile])
        for name in SETTINGS[profile]["models"]
    ]


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
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
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
    counted = {"parameters": count_parameters(model), "embedding_parameters": embeddings}
    return {**counted, "bytes": file_bytes(model)}


def timed(model: nn.Module, x: torch.Tensor, seconds: float) -> dict:
    """Time of a forward pass: the median of as many passes as fit into `seconds`, after one that warms up.

    A pass that takes longer than `seconds` is not repeated: warming up is no part of it that counts.
    """
    found = _timed(model, x, passes=1)
    if found["milliseconds"] >= 1000 * seconds:
        return found
    return _timed(model, x, passes=min(MOST_PASSES, int(1000 * seconds / found["milliseconds"])))


def _timed(model: nn.Module, x: torch.Tensor, passes: int) -> dict:
    began, used = time.perf_counter(), time.process_time()
    milliseconds = median_milliseconds(model, x, passes, warm_up=0)
    wall, used = time.perf_counter() - began, time.process_time() - used
    return {
        "milliseconds": milliseconds,
        "texts_per_second": 1000 * len(x) / milliseconds,
        "processor_milliseconds": 1000 * used / passes,
        "cpu_share": 100 * used / wall / torch.get_num_threads(),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """One round: for each batch size and length, one model after another."""
    rows = {trial.id: [] for trial in trials}
    asked = trials[0].settings
    for tokens in asked["lengths"]:
        for batch_size in asked["batch_sizes"]:
            x = torch.randint(1000, VOCABULARY, (batch_size, tokens), device=tools.device)
            for trial in trials:
                rows[trial.id].append(
                    {"batch_size": batch_size, "tokens": tokens}
                    | timed(_built(trial.arm, tools), x, asked["seconds"])
                    | tools.remember(("sizes", trial.arm), lambda name=trial.arm: sizes(name))
                    | {"flops": tools.remember(("flops", trial.arm, tokens), _counting(trial.arm, tokens))}
                )
    return [{"rows": rows[trial.id]} for trial in trials]


def _built(name: str, tools: Tools) -> nn.Module:
    return tools.remember(("model", name), lambda: with_random_weights(architecture(name), tools.device))


def _counting(name: str, tokens: int):
    return lambda: flops(architecture(name), tokens)
