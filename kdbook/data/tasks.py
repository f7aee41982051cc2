"""Four tasks about WordNet's definitions, which stand in for GLUE: two on single texts, two on pairs of texts.

Every definition keeps the part that `kdbook.data.glosses` gives it, here and in pre-training
(`kdbook.data.wordpiece.definitions`): a text of a test part is seen in no training, of whatever task or model. Both
definitions of a pair are in one part. The word that a definition defines is never shown. Names of kinds ("tree") are in
all parts, as labels are. WordNet's file names one kind for each meaning: a second one counts as false.

Both tasks on pairs were chosen so that a BERT which trains in minutes learns them. Tried with a student of chapter 08
and 6,000 pairs, on validation pairs, where guessing gives 50 %: "do both texts define one word, in two of its meanings"
52.2 %, false names of cousins (kinds of the same) 63.8 %, and what is here 66.7 and 65.8 %. A classifier that reads the
mean of all tokens, instead of `kdbook.nets.bert.Bert.pooled`, learned `kind_of` from 2,000 pairs not at all.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from kdbook import require
from kdbook.data.glosses import PARTS, Synset, ancestors, check_part, synsets

LONGEST = 64  # characters of each definition of a pair: two mostly fit into the 32 tokens of our models
SPEECH = {"n": 0, "v": 1, "a": 2, "s": 2, "r": 3}  # WordNet's letters; s is an adjective too
NARROW = ("fit", "validation", "test")


class Task(NamedTuple):
    """What a task asks.

    classes : int
    pair : bool, two texts or one
    """

    classes: int
    pair: bool


TASKS = {
    "supersense": Task(45, pair=False),  # which of WordNet's 45 supersenses is defined, such as `noun.animal`
    "part_of_speech": Task(4, pair=False),  # is a noun, a verb, an adjective or an adverb defined
    "kind_of": Task(2, pair=True),  # is what the first text defines a kind of what the second names
    "same_kind": Task(2, pair=True),  # do both texts define a kind of one and the same thing
}


@cache
def _parts() -> dict[str, list[Synset]]:
    """The meanings of each part; of those with one definition the first."""
    firsts = {}
    for s in synsets().values():
        firsts.setdefault(s.text, s)
    return {part: [s for s in firsts.values() if s.text and s.bin in PARTS[part]] for part in NARROW}


def load(name: str, part: str, limit: int | None = None, seed: int = 0) -> tuple[list[str] | list[tuple], Tensor]:
    """Texts of a task with their labels, in random order.

    Parameters
    ----------
    name : str
        A key of `TASKS`.
    part : str
        ``fit``, ``validation``, ``train`` (both) or ``test``.
    limit : int, optional
        At most so many texts. Balanced tasks stay balanced when the number of classes divides it.
    seed : int
        Of the order, and so of the choice when there is a limit.

    Returns
    -------
    texts : list of str, or of (str, str) for a task on pairs
    labels : Tensor (N,), int64

    Raises
    ------
    ValueError
        For an unknown task or part, or a limit below 1.
    """
    require(name in TASKS, "task", f"one of {', '.join(TASKS)}", repr(name))
    check_part(part)
    require(limit is None or limit >= 1, "limit", "1 or more, or None for all", limit)
    groups = [group for narrow in NARROW if PARTS[narrow].start in PARTS[part] for group in _groups(name, narrow)]
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))
    rows = [row for at in order.tolist() for row in groups[at]][:limit]
    return [text for text, _ in rows], torch.tensor([label for _, label in rows])


def macro(scores: Mapping[str, float]) -> float:
    """The score over all tasks: the plain mean of the tasks' metrics, as for GLUE.

    Raises
    ------
    ValueError
        When there is no score.
    """
    require(len(scores) > 0, "scores", "of at least one task", "none")
    return sum(scores.values()) / len(scores)


def majority(name: str, part: str = "test") -> float:
    """Right answers (%) of one who always names the part's commonest class: what a task's scores begin at."""
    given = load(name, part)[1]
    return 100 * int(given.bincount().max()) / len(given)


def labels(name: str) -> tuple[str, ...]:
    """What each label of a task says."""
    return {"supersense": _senses(), "part_of_speech": ("noun", "verb", "adjective", "adverb")}.get(name, ("no", "yes"))


@cache
def _groups(name: str, part: str) -> list[list[tuple]]:
    """Rows (text or pair, label) that stay together: one of each class where a task is balanced."""
    return _MAKERS[name](_parts()[part])


def _supersense(found: list[Synset]) -> list[list[tuple]]:
    return [[(s.text, _senses().index(s.sense))] for s in found]


def _part_of_speech(found: list[Synset]) -> list[list[tuple]]:
    classes = [[] for _ in set(SPEECH.values())]
    for s in found:
        classes[SPEECH[s.id[0]]].append(s.text)
    return [[(text, label) for label, text in enumerate(group)] for group in zip(*classes, strict=False)]


def _kind_of(found: list[Synset]) -> list[list[tuple]]:
    """Definitions of nouns beside the name of what they are a kind of, and beside that of another one's kind."""
    pairs = [(s, synsets()[s.above].lemmas[0]) for s in _short_nouns(found)]
    crossed = _crossed(pairs, lambda s, name: any(name in above.lemmas for above in ancestors(s)))
    return [[((s.text, name), label) for s, name, label in four] for four in crossed]


def _same_kind(found: list[Synset]) -> list[list[tuple]]:
    """Two definitions of nouns that are a kind of the same, and that are not."""
    families = defaultdict(list)
    for s in _short_nouns(found):
        families[s.above].append(s)
    pairs = [pair for family in families.values() for pair in zip(family[::2], family[1::2], strict=False)]
    crossed = _crossed(pairs, lambda a, b: a.above == b.above)
    return [[((a.text, b.text), label) for a, b, label in four] for four in crossed]


def _short_nouns(found: list[Synset]) -> list[Synset]:
    return [s for s in found if s.id[0] == "n" and s.above in synsets() and len(s.text) <= LONGEST]


def _crossed(pairs: list[tuple], true: Callable) -> list[list[tuple]]:
    """Each two true pairs (a, b) and (c, d) with the false ones (a, d) and (c, b): four rows (first, second, label).

    So each text is as often in a true pair as in a false one, and who reads one text of a pair learns nothing.

    true : callable (a, d) -> bool, whether a pair is true after all: then all four are left out
    """
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
    fours = []
    for (a, b), (c, d) in zip(*([pairs[at] for at in order[i::2]] for i in range(2)), strict=False):
        if not true(a, d) and not true(c, b):
            fours.append([(a, d, 0), (a, b, 1), (c, b, 0), (c, d, 1)])
    return fours


@cache
def _senses() -> tuple[str, ...]:
    return tuple(sorted({s.sense for s in synsets().values()}))


_MAKERS = {"supersense": _supersense, "part_of_speech": _part_of_speech, "kind_of": _kind_of, "same_kind": _same_kind}
