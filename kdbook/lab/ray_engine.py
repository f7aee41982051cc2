"""Trials on a Ray cluster: independent ones at the same time, on any of its machines, with the same table in the end.

Ray schedules: a trial is a task that waits for the tasks of its needs, and one whose worker died is run again. A worker
gets the files of all that the trial needs, and sends back those of the trial; only this process writes into the store.
"""

import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import torch

from kdbook.lab.engines import run_group, unfinished
from kdbook.lab.store import Store
from kdbook.lab.tools import Progress, Tools
from kdbook.lab.trial import Trial, in_order

RETRIES = 3  # times that a trial is run again when its worker died


def ray_cluster(
    trials: Iterable[Trial], store: Store, device: torch.device, quiet: bool = False, address: str | None = None
) -> None:
    """Train on a Ray cluster what the store lacks.

    Parameters
    ----------
    trials, store, device, quiet
        As for `local`; the device is that of the workers.
    address : str, optional
        Of the cluster; default: `RAY_ADDRESS`, else a cluster of this machine alone, which ends with the run.

    Raises
    ------
    RuntimeError
        When the package ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise RuntimeError(
            "the engine 'ray' needs the package ray: pip install 'kdbook[ray]'; the engine 'local' does without"
        ) from None
    every = in_order(trials)
    groups = unfinished(trials, store)
    pending = [trial for group in groups for trial in group]
    if not pending:
        return
    cluster = nullcontext() if ray.is_initialized() else ray.init(address, log_to_driver=False, configure_logging=False)
    show = Progress(pending, quiet)
    with cluster, show.bar:
        send = ray.remote(max_retries=RETRIES, num_gpus=int(device.type == "cuda"))(measure_away)
        results = {t.id: ray.put({t: store.files(t)}) for t in every if t not in pending}
        running = {}
        for group in groups:
            needs = [results[t.id] for t in in_order(group) if t not in group]
            task = send.remote(group, str(device), *needs)
            running[task] = group
            results |= {t.id: task for t in group}
        while running:
            (done,), _ = ray.wait(list(running), num_returns=1)
            for trial, files in ray.get(done).items():
                with store.lock(trial):
                    if store.read(trial) is None:  # the rest of its cohort may have been there
                        store.place(trial, files)
            show.done(running.pop(done))


def measure_away(group: list[Trial], device: str, *needs: dict) -> dict[Trial, dict[str, bytes]]:
    """Measure a group in an empty store of this worker that holds what it needs; returns the files of its trials."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for trial, files in {trial: files for need in needs for trial, files in need.items()}.items():
            store.place(trial, files)
        run_group(group, store, Tools(store, torch.device(device), Progress([], quiet=True)))
        return {trial: store.files(trial) for trial in group}
