"""Is the room ready for a workshop? What `doctor` looks at, and what a class would wait for; no network is asked.

python workshop/check_room.py
"""

import socket
import sys
import tempfile
import time

import torch
from jupyter_client.manager import KernelManager
from schedule import quick_minutes

from kdbook.book.shared.timings import median_milliseconds
from kdbook.lab import arms
from kdbook.lab.doctor import examine, print_lines
from kdbook.lab.results import REPOSITORY
from kdbook.lab.runs import load
from kdbook.lab.steps import seeded_network
from kdbook.lab.store import Store
from kdbook.lab.trial import in_order

PORTS = range(8888, 8939)  # those that JupyterLab tries
SLOW = 3  # times the reference machine: then a workshop needs stored trials, or a shorter schedule


def examine_room() -> list[tuple[str, str, str]]:
    """Check this machine and what a class would wait for.

    Returns
    -------
    list of (what, found, remedy)
        The remedy is empty where all is well.
    """
    stored, wanted = stored_trials()
    return [*examine(), _start_of_a_kernel(), _port(), _trials(stored, wanted), _speed(stored < wanted), _kit()]


def stored_trials(store: Store | None = None) -> tuple[int, int]:
    """How many of the trials that the quick book needs are in the store, and how many it needs."""
    store = store or Store()
    trials = {t.name: t for e in arms.names() for t in in_order(arms.trials(e, "quick"))}
    return sum(store.folder(trial).exists() for trial in trials.values()), len(trials)


def slowness() -> float:
    """Time of a forward pass here, as a multiple of that in the committed results of `latency`.

    It is the least of several medians, since another program may take the processor for a moment.
    """
    table = load("latency")
    arm, size = "784-1200-1200-10", 64
    there = table[(table.arm == arm) & (table.batch_size == size)].milliseconds.median()
    trial = next(t for t in arms.trials("latency", "quick") if t.arm == arm)
    model, images = seeded_network(trial).eval(), torch.rand(size, 28, 28)
    return min(median_milliseconds(model, images, passes=5, warm_up=2) for _ in range(20)) / there


def _start_of_a_kernel():
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="kdbook-") as folder:
        manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{folder}/kernel")
        try:
            manager.start_kernel()
            client = manager.blocking_client()
            client.start_channels()
            client.wait_for_ready(timeout=60)
            client.stop_channels()
        except Exception as error:  # whatever keeps a kernel from answering
            return "kernel starts", f"no: {error}", "run `make setup`, and try `make lab`"
        finally:
            if manager.has_kernel:
                manager.shutdown_kernel(now=True)
    return "kernel starts", f"and answers after {time.perf_counter() - began:.1f} s", ""


def _port():
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return "free port", f"{port} on this machine alone", ""
    return "free port", f"none of {PORTS[0]} to {PORTS[-1]}", "close other servers, or `make lab ARGS=--port=9999`"


def _trials(stored: int, wanted: int):
    remedy = "run `make book` once here, or copy the folder KDBOOK_HOME from a machine where it ran"
    return "trained trials", f"{stored} of {wanted} of the quick book", "" if stored == wanted else remedy


def _speed(cold: bool):
    times, minutes = slowness(), sum(quick_minutes().values())
    told = f"{times:.1f} times the reference's time: `make book` takes about {times * minutes:.0f} min of two cores"
    told += " from nothing" if cold else " from nothing, and a chapter seconds with the trials stored"
    remedy = "train beforehand (`make book`), or plan fewer live runs" if cold and times > SLOW else ""
    return "speed", told, remedy


def _kit():
    built = REPOSITORY / "build" / "workshop" / "slides" / "index.html"
    return "workshop kit", "built" if built.exists() else "not built", "" if built.exists() else "run `make workshop`"


def main() -> None:
    """Print what was found, a line each; a remedy below what is to be mended, and a failure when there is any."""
    sys.exit(print_lines(examine_room()))


if __name__ == "__main__":
    main()
