"""`run` trains what the store lacks; `load` reads the committed results and never trains."""

import re
import time
from pathlib import Path

import IPython
import torch

import kdbook
from kdbook.data.files import check_writable
from kdbook.lab import arms, growing
from kdbook.lab.cards import cards_of, check_use
from kdbook.lab.engines import local, pick_device
from kdbook.lab.ray_engine import ray_cluster
from kdbook.lab.results import REFERENCE, Results, output_folder, read_info, read_results, save_results
from kdbook.lab.store import Store
from kdbook.lab.trial import check_profile, in_order
from kdbook.lab.weights import restore

ENGINES = {"local": local, "ray": ray_cluster}
TRIES = 5


def run(
    name: str,
    profile: str = "quick",
    seeds: int | None = None,
    device: str = "auto",
    engine: str = "local",
    rerun: bool = False,
    *,
    address: str | None = None,
    use: str = "research",
    store: Store | None = None,
    out: Path | None = None,
    quiet: bool = False,
) -> Results:
    """Train what is missing of an experiment and return its table.

    Parameters
    ----------
    name : str
        A module of `kdbook.book`.
    profile : {"quick", "full", "gpu"}
        How much: settings for live use, for the reference numbers, or for an NVIDIA GPU, which some questions have.
    seeds : int, optional
        Number of seeds; None or 0 = the profile's own.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``. Profile gpu takes another one than CUDA only when it is named.
    engine : str
        ``local`` (this process), or ``ray`` (a cluster).
    rerun : bool
        Forget this experiment's stored trials first (not those that it needs of others).
    address : str, optional
        Of a Ray cluster's head, such as ``ray://host:10001``; default: `RAY_ADDRESS`, else one on this machine.
    use : {"research", "commercial", "train a competing model"}
        What the result is meant for: refused when the terms of what it learns from forbid it.
    store : Store, optional
        Where trials are kept; default the user's own.
    out : Path, optional
        Folder of ``<name>.csv``; default ``build/<profile>/results`` (or below `KDBOOK_OUT`) for all but a full run of
        its own number of seeds. That grows in ``results/running``, and moves into ``results/full`` when it is whole.
    quiet : bool
        Show no progress.

    Returns
    -------
    Results
        A DataFrame with one row a trial (or more, where a trial measures a curve).

    Raises
    ------
    ValueError
        For an unknown experiment, profile, device or engine, a negative number of seeds, an address of no use, or a use
        that is forbidden (`ForbiddenUseError`).
    PermissionError
        When the table could not be written in the end.
    """
    trials = arms.trials(name, profile, seeds)
    kdbook.require(engine in ENGINES, "engine", f"one of {', '.join(ENGINES)}", repr(engine))
    kdbook.require(engine == "ray" or not address, "engine", f"'ray', as address is {address!r}", repr(engine))
    kdbook.require(isinstance(rerun, bool), "rerun", "True or False", repr(rerun))
    here = device != "auto" or profile != "gpu" or torch.cuda.is_available()
    kdbook.require(here, "device", "an NVIDIA GPU for profile gpu (or named: cpu takes hours)", "a machine without one")
    store, device = store or Store(), pick_device(device)
    check_use(cards_of(trials), use)
    reference = profile == "full" and not seeds and out is None
    out = growing.RUNNING if reference else Path(out or output_folder(profile) / "results")
    check_writable(out)
    began = time.time()
    for trial in in_order(trials) if rerun else ():
        if trial.experiment == name:
            store.remove(trial, stored_before=began)
    table = growing.Growing(name, trials, store, growing.committed(name, trials) if reference and not rerun else None)
    for _ in range(TRIES):  # another process's `rerun` may have forgotten what this one has just trained
        missing = table.missing()
        if not missing:
            break
        restore(missing, store)
        kept = table.kept if reference else list
        ENGINES[engine](missing, store, device, quiet, kept, **({"address": address} if engine == "ray" else {}))
    kdbook.require(not missing, f"trials of {name}", f"in the store {store.root}: run it again", missing[:1])
    results = table.results(profile)
    if reference:
        growing.publish(results, name)
    else:
        save_results(results, name, out)
    return results


def describe_run(profile: str, device: str = "auto", minutes: dict[str, float] | None = None) -> None:
    """Print the line that opens a chapter: device, versions, and about how long the profile takes.

    Parameters
    ----------
    profile : {"quick", "full", "gpu"}
        What the chapter runs.
    device : str
        As for `run`.
    minutes : dict of str to float, optional
        Minutes on two cores by profile.

    Raises
    ------
    ValueError
        For an unknown profile or device, or a parameter of papermill that the notebook does not have.
    """
    check_profile(profile)
    unknown = sorted(_unknown_parameters())
    kdbook.require(not unknown, "parameters", "of those that `papermill --help-notebook` lists", unknown)
    found = pick_device(device)
    time = f", about {minutes[profile]:g} min on two cores from scratch" if profile in (minutes or {}) else ""
    versions = f"kdbook {kdbook.__version__}, torch {torch.__version__}"
    print(f"{versions}, profile {profile}, device {found.type} ({torch.get_num_threads()} threads){time}")


def _unknown_parameters() -> set[str]:
    """Names with a value from papermill's own cell and from none before it: of a typo it warns, and goes on."""
    cells = getattr(IPython.get_ipython(), "user_ns", {}).get("In", [])
    given = [set(re.findall(r"^(\w+)\b.*=", cell, re.MULTILINE)) for cell in cells]
    papermills = [n for n, cell in enumerate(cells) if cell.startswith("# Parameters\n")]
    return set().union(*(given[n] - set().union(*given[:n]) for n in papermills))


def prepare(profile: str, device: str = "auto", *, store: Store | None = None, quiet: bool = False) -> int:
    """Train the trials that other experiments need, so that chapters which run side by side do not wait for them.

    Returns
    -------
    int
        Their number.
    """
    check_profile(profile)
    having = [name for name in arms.names() if profile in arms.question(name).SEEDS]
    trials = [t for name in having for t in arms.trials(name, profile)]
    shared = {need for t in trials for need in t.needs if need.experiment != t.experiment}
    shared = sorted(shared, key=lambda t: (t.seed, t.arm != "teacher", t.name))
    local(shared, store or Store(), pick_device(device), quiet)
    return len(shared)


def load(name: str, folder: Path | None = None, *, profile: str = "full") -> Results:
    """The committed full results of an experiment (or those of another folder or profile); never trains.

    >>> load("latency").columns[:2].tolist()
    ['arm', 'seed']

    Raises
    ------
    ValueError
        For an unknown experiment or profile.
    FileNotFoundError
        When there are no results yet, saying how to make them.
    """
    arms.seeds_of_profile(name, profile)
    return read_results(name, REFERENCE.parent / profile if folder is None else Path(folder))


def outdated(folder: Path = REFERENCE) -> dict[str, int]:
    """Questions whose results in a folder are of an older VERSION than theirs, with that of the results."""
    found = {path.stem: read_info(path)["VERSION"] for path in sorted(Path(folder).glob("*.json"))}
    return {name: version for name, version in found.items() if version < arms.question(name).VERSION}
