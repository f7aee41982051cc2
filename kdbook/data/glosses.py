"""WordNet's definitions as a task with hundreds of classes: what kind of thing is defined here?

The tree of nouns is cut into classes of sixty or more definitions. Some are easily confused (a genus of birds and one
of fishes, a musician and a writer), others never: the shape of task for which specialists were proposed. A network sees
the words of a definition only, never the word that it defines.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kdbook import require
from kdbook.data.files import sha256, verified_bytes
from kdbook.data.images import Split

SMALLEST = 60  # definitions of a class
VOCABULARY = 20_000  # words, the most frequent ones of the texts that networks are trained on
PARTS = {"fit": range(0, 70), "validation": range(70, 80), "train": range(0, 80), "test": range(80, 100)}


class Synset(NamedTuple):
    """A line of WordNet: one meaning, its words, and what it is a kind of.

    id, above : str, its number and that of what it is a kind of
    sense : str, its supersense, such as `noun.animal`
    lemmas : tuple of str, its words
    text, bin : str, int, its definition and that text's bin of a hundred
    """

    id: str
    sense: str
    lemmas: tuple[str, ...]
    above: str
    text: str
    bin: int


class Glosses(NamedTuple):
    """All definitions of the task.

    definitions : list of Synset, nouns, whose words are never an input
    labels : list of int, class of each
    classes : tuple of str, name of each class
    groups : tuple of str, supersense of most of a class's definitions, such as ``plant``: the taxonomy's own clusters
    """

    definitions: list[Synset]
    labels: list[int]
    classes: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Texts(Split):
    """Definitions as a `Split`: x (N, L), int64, holds the numbers of a definition's words, 0 as filling."""

    def shown(self, x: Tensor) -> Tensor:
        """Word numbers (B, L) without the columns that are filling in all of these texts."""
        return x[:, : max(1, int((x > 0).sum(1).max()))]


@cache
def synsets() -> dict[str, Synset]:
    """WordNet's meanings by their numbers.

    Raises
    ------
    DamagedFileError
        When the embedded file fails its checksum.
    """
    found = {}
    for line in verified_bytes("wordnet/glosses.tsv").decode().splitlines():
        number, sense, lemmas, above, gloss = line.split("\t")
        text = definition_of(gloss)
        found[number] = Synset(number, sense, tuple(lemmas.split("|")), above, text, bin_of(text))
    return found


def ancestors(s: Synset) -> Iterator[Synset]:
    """Everything that a meaning is a kind of, the nearest first."""
    while s := synsets().get(s.above):
        yield s


@cache
def read_glosses() -> Glosses:
    """Read WordNet's nouns and cut their tree: a definition's class is its nearest ancestor with 60 others below it.

    Classes that end up with fewer than 60 definitions of their own are left out.

    Raises
    ------
    DamagedFileError
        When the embedded file fails its checksum.
    """
    nouns = [s for s in synsets().values() if s.id.startswith("n")]
    below = Counter(ancestor.id for s in nouns for ancestor in ancestors(s))
    kind = {s.id: next((a.id for a in ancestors(s) if below[a.id] >= SMALLEST), None) for s in nouns}
    count = Counter(kind.values())
    kept = [s for s in nouns if count[s.id] >= SMALLEST]  # in WordNet's order
    label = {s.id: number for number, s in enumerate(kept)}
    definitions, senses = [s for s in nouns if kind[s.id] in label], [Counter() for _ in kept]
    labels = [label[kind[s.id]] for s in definitions]
    for s, number in zip(definitions, labels, strict=True):
        senses[number][s.sense.removeprefix("noun.")] += 1
    groups = tuple(sense.most_common(1)[0][0] for sense in senses)
    return Glosses(definitions, labels, tuple(s.lemmas[0] for s in kept), groups)


def check_part(part: str) -> None:
    """Raise ValueError for an unknown part, naming those there are."""
    require(part in PARTS, "part", f"one of {', '.join(PARTS)}", repr(part))


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of numbers, of any lengths, as one (N, L) int64 tensor with 0 as filling."""
    return pad_sequence([torch.as_tensor(row, dtype=torch.int64) for row in rows], batch_first=True)


def definition_of(gloss: str) -> str:
    """The definition of a gloss without the quoted examples, which often hold the defined word itself."""
    return re.split(r';\s*"', gloss)[0].strip()


def load_glosses(part: str = "fit", device: torch.device | str = "cpu") -> Texts:
    """One part of the definitions; the vocabulary is that of the part ``fit``.

    Parameters
    ----------
    part : str
        ``fit`` (70 %), ``validation`` (10 %), ``train`` (both) or ``test`` (20 %). Equal definitions share a part.
    device : torch.device or str
        Where the tensors are put.

    Raises
    ------
    ValueError
        For an unknown part.
    """
    check_part(part)
    whole, bins = _encoded()
    return whole.rows((bins >= PARTS[part].start) & (bins < PARTS[part].stop)).to(device)


@cache
def _encoded() -> tuple[Texts, Tensor]:
    from sklearn.feature_extraction.text import CountVectorizer  # a second to import

    found, labels = read_glosses()[:2]
    counter = CountVectorizer(token_pattern=r"[^\W_]+", max_features=VOCABULARY - 1, binary=True)
    counter.fit(d.text for d in found if d.bin in PARTS["fit"])
    counts = counter.transform(d.text for d in found)
    x = padded(np.split(counts.indices + 1, counts.indptr[1:-1]))
    return Texts(x, torch.tensor(labels), torch.arange(len(x))), torch.tensor([d.bin for d in found])


def bin_of(text: str) -> int:
    """Which of a hundred bins a text falls into: `PARTS` says which bins are for training, validation and test."""
    return int(sha256(text.encode()), 16) % 100
