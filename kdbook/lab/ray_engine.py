"""Trials on a Ray cluster: independent ones at the same time, on any of its machines, with the same table in the end.

Ray schedules: a trial is a task that waits for the tasks of its needs, and one whose worker died is run again. A worker
gets the files of all that the trial needs, and sends back those of the trial.

Where a worker sees the store at the same path (on this machine, or on a disk that machines share), it works there as
any local process does. It locks what it trains, so that several drivers on one store train nothing twice and wait for
each other. It keeps its checkpoint there, so that whoever runs the trial again, in this run or a later one, goes on
from it. What it finishes is stored even when its driver has died.

A worker elsewhere keeps its checkpoint among its machine's temporary files. Then a trial goes on only when *this* run
tries it again on that machine, and it begins anew on another one or in a later run. There, a second driver trains what
the first has not stored yet; the one that is stored first stays.
"""

import os
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import torch

import kdbook
from kdbook.data.files import make_folder
from kdbook.lab.engines import Kept, run_group, unfinished
from kdbook.lab.store import Store
from kdbook.lab.tools import Progress, Tools
from kdbook.lab.trial import Trial, in_order

# Ray then takes loopback for its address, where nobody else can reach it, and does not call home.
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
RETRIES = 3  # times that a trial is run again when its worker died


def ray_cluster(
    trials: list[Trial], store: Store, device: torch.device, quiet: bool, kept: Kept, address: str | None = None
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
    ModuleNotFoundError
        When the package ray is not installed.
    RuntimeError
        When the cluster cannot be reached or started, or trials failed: those that finished are stored.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    for variable, value in () if address else ALONE.items():
        os.environ.setdefault(variable, value)
    ray = kdbook.needed("ray", "ray")
    groups = unfinished(trials, store)
    pending = [trial for group in groups for trial in group]
    if not pending:
        return
    cluster = nullcontext() if ray.is_initialized() else _connected(ray, address)
    show = Progress(pending, quiet)
    make_folder(store.root)
    with cluster, show.bar, tempfile.NamedTemporaryFile(prefix=".ray-", dir=store.root) as seen:
        send = ray.remote(max_retries=RETRIES, num_gpus=int(device.type == "cuda"))(measure_away)
        needed = {need for t in pending for need in in_order(t.needs)} - set(pending)
        results = {t.id: ray.put({t: store.files(t)}) for t in needed}  # not all that is stored: it is copied
        running, failed = {}, []
        for group in groups:
            needs = [results[t.id] for t in in_order(group) if t not in group]
            task = send.remote(group, str(device), seen.name, *needs)
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
            store.add(finished)
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


def measure_away(group: list[Trial], device: str, seen: str, *needs: dict) -> dict[Trial, dict[str, bytes]]:
    """Measure a group in the store whose file `seen` tells that it is here, else in a folder that a retry finds again.

    Returns the files of the group's trials.
    """
    shared = os.access(seen, os.W_OK)  # another user's worker sees it, but may not write there
    aside = Path(tempfile.gettempdir()) / f"kdbook{Path(seen).name}-{group[0].id}"
    store = Store(Path(seen).parent if shared else aside)
    for need in needs:
        store.add(need)
    run_group(group, store, Tools(store, torch.device(device), Progress([], quiet=True)))
    files = {trial: store.files(trial) for trial in group}
    shutil.rmtree(aside, ignore_errors=True)
    return files
