"""Is the teacher too slow and too large? Time, bytes and multiply-adds of every net of the MNIST chapters.

The numbers are facts about the machine that measured them: compare them as ratios.
"""

import statistics
import time

import torch

from kdbook.lab.steps import seeded_network
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.nets.vision import count_bytes, count_multiply_adds, count_parameters

VERSION = 1
CARDS = ()  # random weights: nothing is learned from data
COLUMNS = {
    "arm": "network",
    "seed": "repetition",
    "batch_size": "images in one forward pass",
    "milliseconds": "median time of one forward pass, ms",
    "parameters": "trainable parameters",
    "bytes": "size of the weights, bytes",
    "multiply_adds": "multiply-adds for one image",
}
NETWORKS = {
    "784-1200-1200-10": {"sizes": [784, 1200, 1200, 10]},
    "784-800-800-10": {"sizes": [784, 800, 800, 10]},
    "784-300-300-10": {"sizes": [784, 300, 300, 10]},
    "784-30-30-10": {"sizes": [784, 30, 30, 10]},
    "LeNet-5": {"net": "lenet5"},
}
BATCH_SIZES = (1, 64)
PASSES = {"full": 200, "quick": 40}
SEEDS = {"full": 5, "quick": 2}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every network, repeated."""
    check_profile(profile)
    return [
        Trial("latency", name, seed, {**settings, "passes": PASSES[profile]}, version=VERSION)
        for seed in seeds_of(seeds, SEEDS[profile])
        for name, settings in NETWORKS.items()
    ]


def median_milliseconds(model: torch.nn.Module, x: torch.Tensor, passes: int, warm_up: int = 10) -> float:
    """Median time of a forward pass after some that warm up, ms."""

    def once() -> float:
        began = time.perf_counter()
        model(x)
        if x.device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - began) * 1e3

    with torch.no_grad():
        return statistics.median([once() for _ in range(warm_up + passes)][warm_up:])


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Time one network at batch sizes 1 and 64; nothing is trained."""
    (trial,) = trials
    model = seeded_network(trial).to(tools.device).eval()
    size = {
        "parameters": count_parameters(model),
        "bytes": count_bytes(model),
        "multiply_adds": count_multiply_adds(model),
    }
    images = {n: torch.rand(n, 28, 28, device=tools.device) for n in BATCH_SIZES}
    times = {n: median_milliseconds(model, x, trial.settings["passes"]) for n, x in images.items()}
    return [{"rows": [{"batch_size": n, "milliseconds": ms, **size} for n, ms in times.items()]}]
