"""A small world whose truth is known: sentences about invented places, drawn from a probabilistic automaton.

A sentence names a place and states one to three things about it, such as "the capital of zoru is mikel and its people
eat bana .". What is true of each place is a table of facts. Each state of the automaton has its next words with their
probabilities, and a word leads to one state: so the exact distribution of the next word is known after every beginning,
and entropies follow by dynamic programming. A word that no true sentence allows leads to the state `DEAD` and stays.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import torch
from torch import Tensor

from kdbook import require
from kdbook.data.glosses import padded
from kdbook.data.vocabularies import BOS, EOS, PAD, SPECIAL

DEAD, START, DONE = 0, 1, 2  # states: said something untrue, begins, has ended
# How a sentence states a relation first, and later.
PATTERNS = {
    "capital": ("the capital of {place} is {value}", "its capital is {value}"),
    "river": ("{place} lies on the river {value}", "its river is called {value}"),
    "kind": ("{place} is a {value}", "it is a {value}"),
    "food": ("the people of {place} eat {value}", "its people eat {value}"),
}
RELATIONS = tuple(PATTERNS)
OPENERS = {"": 0.5, "everyone knows that": 0.3, "travellers say": 0.2}
JOINTS = {"and": 0.6, "while": 0.25, "but": 0.15}
STOP = 0.3  # probability that a sentence ends after a statement
SHARES = (0.6, 0.3, 0.1)  # of the three foods that the people of a place eat


@dataclass(frozen=True, eq=False)
class World:
    """What is true, and how often each place is spoken of; see `make_world`.

    Parameters
    ----------
    facts : mapping of (place, relation) to mapping of value to probability
        A single value of probability 1 is a fact; foods are habits with several.
    frequency : mapping of place to weight
        How often a sentence is about a place.
    values : mapping of relation to sequence of str
        All values that there are, true of some place or not.
    clauses : int
        Statements of the longest sentence.
    """

    facts: Mapping[tuple[str, str], Mapping[str, float]]
    frequency: Mapping[str, float]
    values: Mapping[str, Sequence[str]]
    clauses: int = 3

    def with_facts(self, changed: Mapping[tuple[str, str], str | Mapping[str, float]]) -> "World":
        """The same world and vocabulary with some facts altered: a value, or values with probabilities that sum to 1.

        Raises
        ------
        ValueError
            For a place, relation or value that the world does not have, or probabilities that do not sum to 1.
        """
        facts = dict(self.facts)
        for key, told in changed.items():
            told = {told: 1.0} if isinstance(told, str) else dict(told)
            require(key in facts, "a fact", "named (place, relation), both of this world", repr(key))
            require(set(told) <= set(self.values[key[1]]), f"{key}", f"a {key[1]} of this world", list(told))
            good = min(told.values()) >= 0 and abs(sum(told.values()) - 1) <= 1e-6
            require(good, f"probabilities of {key}", "0 or more and of sum 1", told)
            facts[key] = told
        return replace(self, facts=facts)

    def with_frequency(self, changed: Mapping[str, float]) -> "World":
        """The same world where some places are spoken of more or less often (weights, not yet normalised)."""
        unknown = sorted(set(changed) - set(self.frequency))
        require(not unknown, "places", "of this world", unknown)
        return replace(self, frequency={**self.frequency, **changed})

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The vocabulary: token number -> word."""
        patterns = [*OPENERS, *JOINTS, ".", *chain.from_iterable(PATTERNS.values())]
        plain = {word for pattern in patterns for word in pattern.split() if "{" not in word}
        return (*SPECIAL, *sorted(plain), *self.frequency, *(v for r in RELATIONS for v in self.values[r]))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Word -> token number."""
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def tables(self) -> tuple[Tensor, Tensor]:
        """The automaton: probabilities (S, V), float64, and next states (S, V), int64."""
        states, edges = {"dead": DEAD, "start": START, "done": DONE}, {}

        def path(root, text: str, weight: float, goal) -> None:
            at = (root,)
            tokens = [self.numbers[word] for word in text.split()]
            for n, token in enumerate(tokens):
                here = states.setdefault(at if len(at) > 1 else root, len(states))
                at = (*at, token)
                then = goal if n == len(tokens) - 1 else at
                share, there = edges.get((here, token), (0.0, states.setdefault(then, len(states))))
                edges[here, token] = share + weight, there

        total = sum(self.frequency.values())
        path("start", "<bos>", 1.0, "sentence")
        for opener, weight in OPENERS.items():
            for place, often in self.frequency.items():
                for relation in RELATIONS:
                    self._statements(path, "sentence", opener, weight * often / total, place, relation, 1)
        for place in self.frequency:
            for said in RELATIONS:
                for n in range(1, self.clauses + 1):
                    more = 0.0 if n == self.clauses else 1 - STOP
                    path((place, said, n), ". <eos>", 1 - more, "done")
                    for joint, weight in JOINTS.items() if more else ():
                        path((place, said, n), joint, weight * more, (place, said, n, "more"))
                    for relation in RELATIONS if more else ():
                        if relation != said:
                            self._statements(path, (place, said, n, "more"), None, 1.0, place, relation, n + 1)
        probs = torch.zeros(len(states), len(self.words), dtype=torch.float64)
        after = torch.full(probs.shape, DEAD)
        at = torch.tensor(list(edges))
        probs[at[:, 0], at[:, 1]] = torch.tensor([share for share, _ in edges.values()], dtype=torch.float64)
        after[at[:, 0], at[:, 1]] = torch.tensor([there for _, there in edges.values()])
        after[DONE, PAD] = DONE
        return probs / probs.sum(1, keepdim=True).clamp_min(1e-12), after

    def _statements(self, path, root, opener: str | None, weight: float, place: str, relation: str, n: int) -> None:
        first, later = PATTERNS[relation]
        pattern = later if opener is None else f"{opener} {first}"
        for value, share in self.facts[place, relation].items():
            path(root, pattern.format(place=place, value=value), weight * share, (place, relation, n))

    def states(self, x: Tensor) -> Tensor:
        """The state after each token of x (B, N), which begin with <bos>."""
        after = self.tables[1].to(x.device)
        at, found = torch.full((len(x),), START, device=x.device), []
        for tokens in x.T:
            at = after[at, tokens]
            found.append(at)
        return torch.stack(found, 1)

    def next_probs(self, x: Tensor) -> Tensor:
        """Exact distribution of the token after each of x (B, N): (B, N, V), float64; 0 where none can follow."""
        return self.tables[0].to(x.device)[self.states(x)]

    def sample(self, count: int, seed: int = 0) -> Tensor:
        """`count` sentences (count, N) as token numbers: <bos> words <eos>, 0 as filling."""
        probs, after = self.tables
        generator = torch.Generator().manual_seed(seed)
        at, rows = torch.full((count,), START), []
        while not bool((at == DONE).all()):
            drawn = torch.full((count,), PAD)
            left = at != DONE
            drawn[left] = torch.multinomial(probs[at[left]], 1, generator=generator)[:, 0]
            at = after[at, drawn]
            rows.append(drawn)
        return torch.stack(rows, 1)

    @cached_property
    def visits(self) -> Tensor:
        """How often a sentence is expected to be in each state before its next token (S,); they sum to its length."""
        probs, after = self.tables
        now, total = torch.zeros(len(probs), dtype=torch.float64), torch.zeros(len(probs), dtype=torch.float64)
        now[START] = 1.0
        while float(now.sum()) > 1e-12:
            total += now
            flow = torch.zeros_like(now).index_add_(0, after.flatten(), (now[:, None] * probs).flatten())
            flow[DONE] = 0.0
            now = flow
        return total

    @property
    def entropy(self) -> float:
        """Of a sentence, nats: no model can predict better on average."""
        return float(self.visits @ torch.special.entr(self.tables[0]).sum(1))

    @property
    def length(self) -> float:
        """Expected tokens of a sentence that are predicted: all but <bos>."""
        return float(self.visits.sum()) - 1

    def text(self, x: Tensor) -> list[str]:
        """The sentences in words, without the special tokens."""
        return [" ".join(self.words[t] for t in row if t >= len(SPECIAL)) for row in x.tolist()]

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Token numbers (B, N) of sentences, which end with "."; beginnings of sentences get no <eos>.

        Raises
        ------
        ValueError
            For an unknown word.
        """
        rows = []
        for text in texts:
            unknown = [word for word in text.split() if word not in self.numbers]
            require(not unknown, "words", "of this world", unknown)
            ids = [BOS, *(self.numbers[word] for word in text.split())]
            rows.append([*ids, EOS] if text.rstrip().endswith(".") else ids)
        return padded(rows)

    def question(self, place: str, relation: str) -> Tensor:
        """The beginning (1, N) of a sentence that asks for a value of the relation: "<bos> the capital of zoru is"."""
        return self.encode([PATTERNS[relation][0].format(place=place, value="").strip()])


def make_world(seed: int = 4, places: int = 32, clauses: int = 3) -> World:
    """A world with invented names: each place has a capital, a river, a kind, and three foods that go with its kind.

    Parameters
    ----------
    seed : int
        Of names and facts.
    places : int
        Some are spoken of much more often than others: weight 1 / (rank + 3).
    clauses : int
        Statements of the longest sentence.
    """
    draw, names = random.Random(seed), []
    while len(names) < places + places // 2 + 12 + 5 + 15:
        name = "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(draw.choice((2, 2, 3))))
        if name + (end := draw.choice(("", "n", "r", "l"))) not in names:
            names.append(name + end)
    cut = {"capital": places // 2, "river": 12, "kind": 5, "food": 15}
    own, names, values = names[:places], names[places:], {}
    for relation, size in cut.items():
        values[relation], names = tuple(names[:size]), names[size:]
    facts = {}
    for place in own:
        for relation in ("capital", "river", "kind"):
            facts[place, relation] = {draw.choice(values[relation]): 1.0}
        (kind,) = facts[place, "kind"]
        first = 3 * values["kind"].index(kind)
        pool = (values["food"] * 2)[first : first + 4]
        facts[place, "food"] = dict(zip(draw.sample(pool, 3), SHARES, strict=True))
    frequency = {place: 1 / (rank + 3) for rank, place in enumerate(own)}
    return World(facts, frequency, values, clauses)
