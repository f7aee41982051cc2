"""Trained nets that travel with the book: `results/weights`, a store of what others need or pages show."""

from collections.abc import Iterable

from torch import nn

from kdbook import require
from kdbook.data.files import REPOSITORY
from kdbook.lab import arms
from kdbook.lab.store import Store
from kdbook.lab.trial import Trial
from kdbook.nets import network

WEIGHTS = REPOSITORY / "results" / "weights"


def restore(trials: Iterable[Trial], store: Store) -> None:
    """Put into a store what it lacks of these trials and those that they need, as far as it travels."""
    weights = Store(WEIGHTS)
    for trial in {need for t in trials for need in (t, *t.needs)}:
        if weights.folder(trial).exists() and not store.folder(trial).exists():
            store.add({trial: weights.files(trial)})


def keep(name: str, seed: int | None = None, profile: str = "full", store: Store | None = None) -> int:
    """Let trained nets travel, once their VERSION is frozen: of one seed, or all of an arm that are in the store.

    Returns
    -------
    int
        Their number.

    Raises
    ------
    FileNotFoundError
        When none is there.
    """
    question, arm = _parts(name)
    store, seeds = store or Store(), range(max(arms.question(question).SEEDS[profile])) if seed is None else [seed]
    trials = {arms.trial(question, profile, arm, s) for s in seeds}
    there = [trial for trial in trials if store.folder(trial).exists()]
    if not there:
        raise FileNotFoundError(f"no trained {name} of profile {profile} in {store.root}: run {question} first")
    for trial in there:
        Store(WEIGHTS).place(trial, store.files(trial))
    return len(there)


def _parts(name: str) -> tuple[str, str]:
    question, _, arm = name.partition("/") if isinstance(name, str) else (name, "", "")
    require(bool(arm), "name", "a question and an arm, such as 'hinton_mnist/teacher'", repr(name))
    return question, arm


def load_teacher(name: str, seed: int = 0, profile: str = "full") -> nn.Module:
    """A trained net of the book on the CPU, in eval mode, to look at, to learn from, or to go on with.

    >>> load_teacher("hinton_mnist/teacher").training
    False

    Parameters
    ----------
    name : str
        Question and arm, such as ``"hinton_mnist/teacher"``; a trained student is had in the same way.
    seed : int
        Of the student that asks: a teacher has this seed modulo the number of teachers.
    profile : {"full", "quick", "gpu"}
        Of what was trained; what travels is of the full one.

    Returns
    -------
    nn.Module
        In the precision of float32, with weights as the trial keeps them.

    Raises
    ------
    ValueError
        For an unknown question, arm, seed or profile.
    FileNotFoundError
        When it neither travels nor stands in your store, naming what does, and how to train it.
    DamagedFileError
        When a file is not what was written.
    """
    question, arm = _parts(name)
    trial = arms.trial(question, profile, arm, seed)
    for store in (Store(WEIGHTS), Store()):
        if store.folder(trial).exists():
            model = network(trial.settings)
            model.load_state_dict(store.tensors(trial))
            return model.eval()
    there = sorted(path.parent.relative_to(WEIGHTS).as_posix() for path in WEIGHTS.glob("*/*/manifest.json"))
    told = f"{trial.name} is not among the nets that travel ({', '.join(there) or 'none'}) nor in your store"
    raise FileNotFoundError(f"{told}: run `python -m kdbook run {question} --profile {profile}`")
