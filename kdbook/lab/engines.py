"""Where trials run, and on what. `local`: this process, in the order that needs ask for. (`ray_engine`: a cluster.)

An engine is a function `(trials, store, device, quiet, kept)` that leaves every trial in the store, and calls `kept`
with each group of trials that is there now.
"""

import datetime
import platform
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from importlib.metadata import version

import torch

from kdbook import require
from kdbook.lab import arms
from kdbook.lab.store import Store
from kdbook.lab.tools import Progress, Tools
from kdbook.lab.trial import Trial, in_order

Kept = Callable[[list[Trial]], None]  # is told which trials are in the store now


def local(trials: list[Trial], store: Store, device: torch.device, quiet: bool = False, kept: Kept = list) -> None:
    """Train in this process what the store lacks, needs first; cohorts as one model."""
    groups = unfinished(trials, store)
    show = Progress([trial for group in groups for trial in group], quiet)
    tools = Tools(store, device, show)
    with show.bar:
        for group in groups:
            run_group(group, store, tools)
            kept(group)
            show.done(group)


def run_group(group: list[Trial], store: Store, tools: Tools) -> None:
    """Measure a cohort, or a single trial as a list of one, and store it; another process may have been faster.

    A cohort's arithmetic is that of the whole, so that it is trained whole when only some of it is missing. The first
    trial, whose folder holds the checkpoint, is written last.
    """
    with ExitStack() as locks:
        for trial in group:  # every process locks in the same order, so that none waits for the other for ever
            locks.enter_context(store.lock(trial))
        missing = {t for t in group if store.read(t) is None}
        if not missing:
            return
        began, tools.group, tools.seconds_before = time.perf_counter(), group, 0.0
        rows = arms.question(group[0].experiment).measure(group, tools)
        about = provenance(tools.device, (tools.seconds_before + time.perf_counter() - began) / len(group))
        for trial, row in reversed(list(zip(group, rows, strict=True))):
            kept = tools.kept.pop(trial.id, {})
            if trial in missing:
                learned_from = [store.artifact(need) for need in trial.needs]
                store.write(trial, row, about | {"learned_from": learned_from}, **kept)
        shutil.rmtree(store.checkpoint(group[0]).parent, ignore_errors=True)  # the first may have been there


def unfinished(trials: list[Trial], store: Store) -> list[list[Trial]]:
    """What is trained together and of which the store lacks something, needs first."""
    reached, asked = set(), list(trials)
    while asked:  # what is done needs nobody any more
        groups = [group for group in grouped(asked) if any(store.read(t) is None for t in group)]
        new = {t for group in groups for t in group} - reached
        reached |= new
        asked = [need for t in new for need in t.needs]
    return [group for group in grouped(in_order(trials)) if reached.intersection(group)]


def grouped(trials: Iterable[Trial]) -> list[list[Trial]]:
    """Trials of one cohort together, others alone; at the place of the first, but after all that they need."""
    groups, of, ordered = {}, {}, {}
    for trial in trials:
        alone = -1 if trial.cohort.startswith("seeds") else trial.seed
        of[trial] = (trial.experiment, trial.cohort, alone) if trial.cohort else trial.id
        groups.setdefault(of[trial], []).append(trial)

    def place(key) -> None:
        if key not in ordered:
            for need in (need for trial in groups[key] for need in trial.needs if of.get(need, key) != key):
                place(of[need])
            ordered[key] = groups[key]

    for key in groups:
        place(key)
    return list(ordered.values())


def pick_device(device: str = "auto") -> torch.device:
    """`auto` takes cuda, then mps, then cpu.

    Raises
    ------
    ValueError
        For a device that this machine lacks.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    here = [name for name, present in there.items() if present]
    if device == "auto":
        device = here[0]
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):  # no device at all
        found = None
    require(found is not None and found.type in here, "device", f"one that is here, of {here}", repr(device))
    if found.type == "cuda":
        # TF32; set_float32_matmul_precision would let the CPU's products round as well
        torch.backends.cuda.matmul.allow_tf32 = True
    return found


def provenance(device: torch.device, seconds: float) -> dict:
    """Where and when something was measured."""
    return {
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 2),
        "date": datetime.date.today().isoformat(),
    }
