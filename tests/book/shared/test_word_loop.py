"""Viterbi decoding over a word loop, against an exhaustive search and by hand."""

import sys
from itertools import product

import numpy as np
import pytest
import torch

from kdbook.book.shared.word_loop import WordLoop, word_errors
from kdbook.data.speech import PHONEMES, SILENCE, STATES

SAID = [[["six", ["s", "ɪ"]], ["two", ["t"]]]] * 3 + [[["two", ["k"]]]]
SAID = [[(word, tuple(phones)) for word, phones in utterance] for utterance in SAID]
FLAT = torch.arange(STATES)  # every state once: no prior


def nodes(*phones):
    return [3 * PHONEMES.index(p) + third for p in phones for third in range(3)]


def spelled(states, sure=0.9):
    """Log-probabilities that are sure of one state a frame."""
    p = torch.full((len(states), STATES), (1 - sure) / (STATES - 1))
    p[torch.arange(len(states)), states] = sure
    return p.log()


def test_pronunciations_come_from_training_and_rare_ones_are_left_out():
    loop = WordLoop(SAID, FLAT)
    assert loop.words == ["six", "two"]
    assert loop.states.tolist() == [SILENCE, *nodes("s", "ɪ"), *nodes("t")]
    assert loop.starts.tolist() == [1, 7] and loop.ends.tolist() == [6, 9]


def test_words_are_read_from_states_with_and_without_silence_between_them():
    six, two = nodes("s", "ɪ"), nodes("t")
    long = [s for state in six for s in [state] * 3]
    heard = [
        [SILENCE, SILENCE, *six, *two, SILENCE],
        [*long, SILENCE, SILENCE, *two, *two],
        [SILENCE] * 4,
        two,
    ]
    log_p = torch.cat([spelled(states) for states in heard])
    found = WordLoop(SAID, FLAT).decode(log_p, [len(states) for states in heard], penalty=1.0)
    assert found == [["six", "two"], ["six", "two", "two"], [], ["two"]]


def test_a_higher_penalty_gives_fewer_words():
    log_p = torch.randn(80, STATES, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    loop = WordLoop(SAID, FLAT)
    counts = [len(loop.decode(log_p, [80], penalty=penalty)[0]) for penalty in (-20.0, 0.0, 5.0, 1000.0)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1] == 0


def test_a_frequent_state_has_to_be_more_probable_to_be_believed():
    # silence is said to be ninety times as frequent as a phoneme's states
    often = WordLoop(SAID, torch.cat([FLAT, torch.full((10_000,), SILENCE)]))
    two = torch.tensor(nodes("t"))
    p = torch.full((3, STATES), 1e-6)
    p[torch.arange(3), two], p[:, SILENCE] = 0.4, 0.6
    assert WordLoop(SAID, FLAT).decode(p.log(), [3], penalty=0.0) == [[]]
    assert often.decode(p.log(), [3], penalty=0.0) == [["two"]]


def best_by_search(loop, log_p, penalty):
    """Score of the best path of nodes, of all there are."""
    best = -np.inf, None
    first, last = set(loop.starts.tolist()), set(loop.ends.tolist())
    for path in product(range(len(loop.states)), repeat=len(log_p)):
        if path[0] not in first | {0} or path[-1] not in last | {0}:
            continue
        words, fine = [], True
        for before, now in zip((None, *path), path, strict=False):
            if now in first and (before is None or before in last | {0}):
                words.append(now)
            elif now == 0:
                fine &= before is None or before in last | {0}
            else:
                fine &= before in (now, now - 1) and (before == now or now not in first)
        if fine:
            score = float(sum(log_p[t, loop.states[n]] for t, n in enumerate(path))) - penalty * len(words)
            best = max(best, (score, [loop.words[loop.starts.tolist().index(w)] for w in words]))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_the_words_are_those_of_the_best_path_of_all(seed):
    said = [[("two", ("t",)), ("six", ("s",))]] * 3
    loop = WordLoop(said, FLAT)
    log_p = 3 * torch.randn(6, STATES, generator=torch.Generator().manual_seed(seed))
    log_p = log_p.log_softmax(-1)
    _, words = best_by_search(loop, log_p, 0.5)
    assert loop.decode(log_p, [6], penalty=0.5) == [words]


def test_errors_are_substitutions_deletions_and_insertions():
    said = [["one", "two", "three"], ["four"], ["five", "six"]]
    heard = [["one", "nine", "three"], ["four", "four"], ["six"]]
    errors, right = word_errors(said, heard)
    assert errors == 3
    assert right.tolist() == [True, False, True, True, False, True]
    assert word_errors([["one"]], [[]])[0] == 1


def test_an_empty_transcript_and_a_missing_package_are_named(monkeypatch):
    with pytest.raises(ValueError, match="transcript 1 is empty: leave the utterance out"):
        word_errors([["one"], []], [["one"], ["two"]])
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(ModuleNotFoundError, match=r"jiwer is not installed: run `pip install '.\[speech\]'`"):
        word_errors([["one"]], [["one"]])
