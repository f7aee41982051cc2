"""Where results come from: a card for everything that is learned from, and uses that its terms forbid.

A model that was distilled owes something to the licence of its data, to the terms of whoever taught it, and to the
licence of the weights that it began as. `cards_of` finds the cards of a run, `check_use` refuses a use that one of them
excludes, and every committed result names its cards. This is bookkeeping, not legal advice.
"""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from pydantic.dataclasses import dataclass

from kdbook import require
from kdbook.lab import arms
from kdbook.lab.entries import ONLY_KNOWN_FIELDS, Text, read_entries
from kdbook.lab.results import read_info, write_info
from kdbook.lab.trial import Trial, in_order

PATH = Path(__file__).with_name("cards.yaml")
Use = Literal["research", "commercial", "train a competing model"]
USES = get_args(Use)


class ForbiddenUseError(ValueError):
    """A use that a card excludes; the message says which, by what terms, and how it came in."""


@dataclass(frozen=True, config=ONLY_KNOWN_FIELDS)
class Card:
    """What something is, where it comes from, and what it may be used for; fields as in `cards.yaml`."""

    id: Text
    what: Text
    source: Text
    licence: Text
    terms: Text
    checked: Text
    forbids: tuple[Use, ...] = ()
    asks: tuple[str, ...] = ()
    made_from: tuple[str, ...] = ()


@functools.cache
def load_cards(path: Path = PATH) -> dict[str, Card]:
    """All cards by id.

    Raises
    ------
    ValueError
        For a wrong field, an id used twice, or a card made from one that is not there.
    """
    found = {card.id: card for card in read_entries(path, Card)}
    for card in found.values():
        lacking = sorted(set(card.made_from) - found.keys())
        require(not lacking, f"made_from of card {card.id}", "cards too: add one for each", lacking)
    return found


def card(name: str) -> Card:
    """One card.

    Raises
    ------
    ValueError
        For a name without a card, saying where to add it.
    """
    wanted = f"one that has a card: say in {PATH.name} where it comes from and what its terms are"
    require(name in load_cards(), "what is learned from", wanted, repr(name))
    return load_cards()[name]


def cards_of(trials: Iterable[Trial]) -> list[str]:
    """Names of the cards of everything that trials, and those which they need, learned from.

    That is a trial's data, or what its experiment names in `CARDS`: a published model besides, or nothing at all.
    """
    found = set()
    for trial in in_order(trials):
        found |= set(getattr(arms.question(trial.experiment), "CARDS", (trial.data,)))
        if trial.needs:
            found.add("own-teacher")
    return sorted(with_origins(found))


def with_origins(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Cards and all that they are made from; the value says by which way each came in."""
    found, waiting = {}, [(name, (name,)) for name in sorted(names)]
    while waiting:
        name, way = waiting.pop(0)
        if name not in found:
            found[name] = way
            waiting += [(origin, (*way, origin)) for origin in card(name).made_from]
    return found


def check_use(names: Iterable[str], use: str) -> None:
    """Refuse a use that any of the cards, or of what they are made from, forbids.

    Parameters
    ----------
    names : iterable of str
        Cards, such as `cards_of` returns.
    use : {"research", "commercial", "train a competing model"}
        What the result is meant for.

    Raises
    ------
    ValueError
        For an unknown use, or a name without a card.
    ForbiddenUseError
        Naming every card that forbids it, its terms, and how it came in.
    """
    require(use in USES, "use", f"one of {', '.join(USES)}", repr(use))
    against = {n: " <- ".join(way) for n, way in with_origins(names).items() if use in card(n).forbids}
    if against:
        told = "; ".join(f"{way} ({card(n).licence}: {card(n).terms})" for n, way in against.items())
        raise ForbiddenUseError(f"use {use!r} is forbidden by {told}: choose another source or another use")


def write_into(folder: Path) -> list[str]:
    """Put the cards of each committed result into its ``<experiment>.json``, every other field untouched.

    Returns
    -------
    list of str
        Names of the experiments.
    """
    done = sorted(Path(folder).glob("*.json"))
    for path in done:
        about = read_info(path)
        write_info(path, about | {"cards": cards_of(arms.trials(path.stem, about["profile"]))})
    return [path.stem for path in done]
