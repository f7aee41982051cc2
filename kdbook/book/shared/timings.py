"""What is timed, and how: everything in turn, so that a busy machine slows all alike."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from kdbook.lab import Tools, Trial
from kdbook.lab.steps import seeded_network
from kdbook.show import of_seeds, rows_of


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """Wall time of a call, with all that it has the device do, s."""
    began = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


@torch.no_grad()
def median_milliseconds(model: nn.Module, x: Tensor, passes: int, warm_up: int = 10) -> float:
    """Median time of a forward pass after some that warm up, ms."""
    times = [seconds_of(lambda: model(x), x.device) for _ in range(warm_up + passes)]
    return 1e3 * statistics.median(times[warm_up:])


def clocked(model: nn.Module, x: Tensor, passes: int, warm_up: int) -> dict:
    """Median time of a forward pass, ms; processor time of one, ms; share of all threads' time that was used, %."""
    began, used = time.perf_counter(), time.process_time()
    milliseconds = median_milliseconds(model, x, passes, warm_up)
    wall, used = time.perf_counter() - began, time.process_time() - used
    return {
        "milliseconds": milliseconds,
        "processor_milliseconds": 1000 * used / (passes + warm_up),
        "cpu_share": 100 * used / wall / torch.get_num_threads(),
    }


def timings(
    trials: Sequence[Trial],
    nets: Sequence[nn.Module],
    inputs: Iterable[tuple[dict, Tensor]],
    look: Callable[[Trial, nn.Module, Tensor], dict],
) -> list[dict]:
    """One round: for each input, what `look` finds about one net after another.

    Parameters
    ----------
    trials, nets : sequence
        A net a trial.
    inputs : iterable of (columns, x)
        What each is asked, and the columns that tell it.
    look : callable
        (trial, net, x) -> more columns.
    """
    rows = [[] for _ in trials]
    for told, x in inputs:
        for trial, net, found in zip(trials, nets, rows, strict=True):
            found.append({**told, **look(trial, net, x)})
    return [{"rows": found} for found in rows]


def timings_of_images(
    trials: Sequence[Trial], tools: Tools, batch_sizes: Iterable[int], clock: Callable, counts: Mapping[str, Callable]
) -> list[dict]:
    """One round of untrained nets for images of 28 pixels: ``clock(net, x, passes)`` by batch size, and their sizes."""
    nets = [seeded_network(trial).to(tools.device).eval() for trial in trials]
    images = (({"batch_size": n}, torch.rand(n, 28, 28, device=tools.device)) for n in batch_sizes)

    def look(trial: Trial, net: nn.Module, x: Tensor) -> dict:
        return clock(net, x, trial.settings["passes"]) | {name: count(net) for name, count in counts.items()}

    return timings(trials, nets, images, look)


def in_turn(calls: Mapping[str, Callable], rounds: int, device: torch.device, progress: Callable) -> dict[str, list]:
    """Seconds of each call by round, one call after another; the first round allocates, and is left out."""
    seconds = {name: [] for name in calls}
    for number in range(rounds):
        for name, call in calls.items():
            seconds[name].append(seconds_of(call, device))
        progress(number + 1, rounds)
    return {name: times[1:] for name, times in seconds.items()}


def over(table, arm: str, other: str, column: str, **where):
    """A column of one arm over that of another, round by round (Series by seed); empty where one was not timed."""
    rows = rows_of(table, where)
    return (of_seeds(rows, arm, column) / of_seeds(rows, other, column)).dropna()
