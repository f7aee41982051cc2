"""Trials on a Ray cluster: independent ones at the same time, on any of its machines, with the same table in the end.

Ray schedules: a trial is a task that waits for the tasks of its needs, and one whose worker died is run again. A worker
gets the files of all that the trial needs, and sends back those of the trial; only this process writes into the store.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import torch

from kdbook.lab.engines import run_group, unfinished
from kdbook.lab.store import Store
from kdbook.lab.tools import Progress, Tools
from kdbook.lab.trial import Trial, in_order

# Ray then takes loopback for its address, where nobody else can reach it, and does not call home.
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
RETRIES = 3  # times that a trial is run again when its worker died


def ray_cluster(
    trials: list[Trial],
    store: Store,
    device: torch.device,
    quiet: bool = False,
    kept: Callable[[list[Trial]], None] = list,
    address: str | None = None,
) -> None:
    """Train on a Ray cluster what the store lacks.

    Parameters
    ----------
    trials, store, device, quiet, kept
        As for `local`; the device is that of the workers.
    address : str, optional
        Of the cluster; default: `RAY_ADDRESS`, else a cluster of this machine alone, which ends with the run.

    Raises
    ------
    RuntimeError
        When the package ray is not installed, the cluster cannot be reached or started, or trials failed: those that
        finished are stored.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    for variable, value in () if address else ALONE.items():
        os.environ.setdefault(variable, value)
    try:
        import ray
    except ImportError:
        raise RuntimeError(
            "the engine 'ray' needs the package ray: pip install 'kdbook[ray]'; the engine 'local' does without"
        ) from None
    groups = unfinished(trials, store)
    pending = [trial for group in groups for trial in group]
    if not pending:
        return
    cluster = nullcontext() if ray.is_initialized() else _connected(ray, address)
    show = Progress(pending, quiet)
    with cluster, show.bar:
        send = ray.remote(max_retries=RETRIES, num_gpus=int(device.type == "cuda"))(measure_away)
        needed = {need for t in pending for need in in_order(t.needs)} - set(pending)
        results = {t.id: ray.put({t: store.files(t)}) for t in needed}  # not all that is stored: it is copied
        running, failed = {}, []
        for group in groups:
            needs = [results[t.id] for t in in_order(group) if t not in group]
            task = send.remote(group, str(device), *needs)
            running[task] = group
            results |= {t.id: task for t in group}
        while running:
            (done,), _ = ray.wait(list(running), num_returns=1)
            group = running.pop(done)
            try:
                finished = ray.get(done)
            except ray.exceptions.RayError as error:  # the others go on, and what finishes is kept
                failed.append((group[0].name, str(error).strip().splitlines()[-1]))
                continue
            for trial, files in finished.items():
                with store.lock(trial):
                    if store.read(trial) is None:  # the rest of its cohort may have been there
                        store.place(trial, files)
            kept(group)
            show.done(group)
    if failed:
        (name, told), more = failed[0], f" and {len(failed) - 1} more, or what needs it" * (len(failed) > 1)
        raise RuntimeError(f"{name}{more} failed on the cluster ({told}): what finished is stored; repeat to go on")


def _connected(ray: ModuleType, address: str | None):
    """The cluster at an address, or one of this machine alone."""
    alone = {} if address else {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
    try:
        return ray.init(address or "local", log_to_driver=False, configure_logging=False, **alone)
    except Exception as error:  # Ray raises a bare Exception when a start takes too long
        where = f"no Ray cluster at {address}" if address else "Ray could not start a cluster of this machine"
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RuntimeError(f"{where} ({told}): try again, check the address, or take engine 'local'") from error


def measure_away(group: list[Trial], device: str, *needs: dict) -> dict[Trial, dict[str, bytes]]:
    """Measure a group in an empty store of this worker that holds what it needs; returns the files of its trials."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for trial, files in {trial: files for need in needs for trial, files in need.items()}.items():
            store.place(trial, files)
        run_group(group, store, Tools(store, torch.device(device), Progress([], quiet=True)))
        return {trial: store.files(trial) for trial in group}
