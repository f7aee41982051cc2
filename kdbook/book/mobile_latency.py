"""How fast are the nets of `mobile_vision`, one image at a time and 64 at once?

Speed depends on the shape alone: nothing is trained, and a timing can be repeated on a quieter machine. Depthwise
convolutions have few multiply-adds, but move as many numbers; how much of the saving is left depends on the machine.
"""

import time

import torch

from kdbook.book.latency import median_milliseconds
from kdbook.book.mobile_vision import NETS
from kdbook.lab.steps import seeded_network
from kdbook.lab.trial import Tools, Trial, check_profile, seeds_of
from kdbook.nets.vision import count_multiply_adds, count_parameters

VERSION = 1
COLUMNS = {
    "arm": "network",
    "seed": "round: in each, all nets are timed one after another",
    "batch_size": "images in one forward pass",
    "milliseconds": "median time of one forward pass, ms",
    "processor_milliseconds": "processor time of one pass, all threads together, ms: others' work changes it little",
    "cpu_share": "processor time used while timing, % of all threads' time: far below 100 = others used the machine",
    "parameters": "trainable parameters",
    "multiply_adds": "multiply-adds for one image",
}
BATCH_SIZES = (1, 4, 16, 64, 256)
PASSES = {"full": 40, "quick": 8}
WARM_UP = 3
SEEDS = {"full": 5, "quick": 2}


def trials(profile: str = "quick", seeds: int | None = None) -> list[Trial]:
    """Every net in every round, always in its full size; the nets of a round are timed together, in turn."""
    check_profile(profile)
    return [
        Trial("mobile_latency", arm, seed, {**net, "passes": PASSES[profile]}, version=VERSION, cohort="nets")
        for seed in seeds_of(seeds, SEEDS[profile])
        for arm, net in NETS["full"].items()
    ]


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """One round: for each batch size, one net after another."""
    nets = [seeded_network(trial).to(tools.device).eval() for trial in trials]
    rows = [[] for _ in trials]
    for batch_size in BATCH_SIZES:
        x = torch.rand(batch_size, 28, 28, device=tools.device)
        for trial, net, timed in zip(trials, nets, rows, strict=True):
            began, used = time.perf_counter(), time.process_time()
            milliseconds = median_milliseconds(net, x, trial.settings["passes"], WARM_UP)
            wall, used = time.perf_counter() - began, time.process_time() - used
            timed.append(
                {
                    "batch_size": batch_size,
                    "milliseconds": milliseconds,
                    "processor_milliseconds": 1000 * used / (trial.settings["passes"] + WARM_UP),
                    "cpu_share": 100 * used / wall / torch.get_num_threads(),
                    "parameters": count_parameters(net),
                    "multiply_adds": count_multiply_adds(net),
                }
            )
    return [{"rows": timed} for timed in rows]
