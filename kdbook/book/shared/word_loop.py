"""From frames to words: Viterbi decoding of a hidden Markov model in which any digit may follow any other.

The network gives p(state | frame); dividing by how often the state occurs gives the likelihood p(frame | state) that
the model needs, up to a factor that all states share (Bourlard and Morgan 1994). Which phonemes make which word is read
from the training part.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from kdbook import needed
from kdbook.data.speech import PHONEMES, SILENCE, STATES

SEEN = 3  # a pronunciation counts when it was heard so often; rarer ones are slips of the synthesiser


class WordLoop:
    """Every pronunciation as a row of nodes, three a phoneme, and one node of silence; words follow each other freely.

    Parameters
    ----------
    said : sequence of utterances
        Words with their phonemes, as `Utterances.said` of the training part has them.
    labels : Tensor (N,)
        States of all training frames: how often each occurs.
    """

    def __init__(self, said: Sequence, labels: Tensor):
        heard = Counter(word for utterance in said for word in utterance)
        common = sorted(pair for pair, count in heard.items() if count >= SEEN)
        common = common or sorted(heard)
        self.words = [word for word, _ in common]
        rows = [[3 * PHONEMES.index(p) + third for p in phones for third in range(3)] for _, phones in common]
        self.states = np.array([SILENCE, *(state for row in rows for state in row)])  # (J,) of every node
        self.ends = np.cumsum([len(row) for row in rows])  # last node of every pronunciation
        self.starts = np.array([1, *(self.ends[:-1] + 1)])
        counts = np.bincount(labels.cpu().numpy(), minlength=STATES) + 1
        self.log_prior = np.log(counts / counts.sum())

    def decode(self, log_p: Tensor, lengths: Sequence[int], *, penalty: float) -> list[list[str]]:
        """Most probable words of every utterance.

        Parameters
        ----------
        log_p : Tensor (N, C)
            The network's log p(state | frame), for the frames of all utterances, one after another.
        lengths : sequence of int
            Frames of each utterance.
        penalty : float
            Taken off for every word (nats): the larger, the fewer words.

        Returns
        -------
        list of list of str
        """
        scores = log_p.cpu().numpy() - self.log_prior  # log p(frame | state) + constant
        lengths = np.array(lengths)
        padded = np.zeros((len(lengths), lengths.max(), scores.shape[1]), np.float32)
        padded[np.arange(lengths.max()) < lengths[:, None]] = scores
        # Each node carries its best path's score and the place in the history where its word began; history holds, for
        # every frame, the word that ends there best, and the place where that word began.
        best = np.full((len(lengths), len(self.states)), -np.inf, np.float32)
        best[:, 0] = 0  # before the first frame there is silence
        began, closed = np.full(best.shape, -1), np.zeros(len(lengths), int)
        history = np.zeros((2, *padded.shape[:2]), int)
        last = np.full(len(lengths), -1)
        for now in range(lengths.max()):
            best, began = self._step(best, began, closed, padded[:, now], now, penalty)
            closed = best[:, self.ends].argmax(1)  # (U,) the pronunciation that ends best
            history[:, :, now] = closed, _at(began, self.ends[closed])
            ending = lengths == now + 1
            silent = best[:, 0] > _at(best, self.ends[closed])
            last[ending] = np.where(silent, began[:, 0], now)[ending]
        return [self._trace(history[:, u], last[u]) for u in range(len(lengths))]

    def _step(self, best, began, closed, frame, now, penalty):
        """Scores and beginnings (U, J) one frame later: stay, come from the node before, or enter a word or silence."""
        word_end = _at(best, self.ends[closed])  # (U,)
        before, place = np.roll(best, 1, axis=1), np.roll(began, 1, axis=1)
        silent = best[:, 0] > word_end
        before[:, self.starts] = (np.where(silent, best[:, 0], word_end) - penalty)[:, None]
        place[:, self.starts] = np.where(silent, began[:, 0], now - 1)[:, None]
        before[:, 0], place[:, 0] = word_end, now - 1
        moved = before > best
        return np.where(moved, before, best) + frame[:, self.states], np.where(moved, place, began)

    def _trace(self, history: np.ndarray, place: int) -> list[str]:
        found = []
        while place >= 0:
            word, place = history[:, place]
            found.append(self.words[word])
        return found[::-1]


def _at(table: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return table[np.arange(len(table)), columns]


def word_errors(said: Sequence[Sequence[str]], heard: Sequence[Sequence[str]]) -> tuple[int, np.ndarray]:
    """Substituted, deleted and inserted words, and which words were heard right, by the package `jiwer`.

    Parameters
    ----------
    said, heard : sequences of utterances
        The words of each.

    Returns
    -------
    errors : int
    right : array of bool, one a word that was said

    Raises
    ------
    ValueError
        For an empty transcript.
    ModuleNotFoundError
        When jiwer is not installed, saying how to get it.
    """
    if empty := [number for number, words in enumerate(said) if not words]:
        raise ValueError(f"transcript {empty[0]} is empty: leave the utterance out")
    texts = [[" ".join(words) for words in each] for each in (said, heard)]
    found = needed("jiwer", "speech").process_words(*texts)
    right = [np.zeros(len(words), bool) for words in said]
    for hits, chunks in zip(right, found.alignments, strict=True):
        for chunk in chunks:
            hits[chunk.ref_start_idx : chunk.ref_end_idx] = chunk.type == "equal"
    return found.substitutions + found.deletions + found.insertions, np.concatenate(right)
