"""Speculative decoding writes exactly what the large model would write."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from kdbook.nets.gpt import GPT
from kdbook.training.sequences import expected_speedup, speculate, verify


def model(seed, vocabulary=6, length=4, layers=1):
    torch.manual_seed(seed)
    return GPT(layers=layers, width=16, heads=2, vocabulary=vocabulary, length=length)


def test_kept_and_redrawn_tokens_together_have_the_targets_frequencies():
    p, q = torch.tensor([[0.5, 0.2, 0.3, 0.0], [0.1, 0.2, 0.3, 0.4]]), torch.tensor([[0.1, 0.6, 0.1, 0.2]])
    generator, n = torch.Generator().manual_seed(0), 20_000
    first, kept = torch.zeros(4), 0
    for draft in torch.multinomial(q[0], n, replacement=True, generator=generator):
        count, token = verify(p, q, draft[None], generator)
        first[draft if count else token] += 1
        kept += count
    expected = n * p[0, :3]
    assert first[3] == 0
    assert float(((first[:3] - expected).square() / expected).sum()) < 13.8  # chi-square, 2 degrees, 0.1 %
    # 1 - TV = 0.1 + 0.2 + 0.1
    assert kept / n == pytest.approx(0.4, abs=4 * (0.24 / n) ** 0.5)


class Beginning(list):
    """The tokens of a text, in place of a cache of keys and values."""

    get_seq_length = list.__len__

    def crop(self, most):
        del self[most:]


class Remembered:
    """A net that is asked once about each beginning of a text."""

    def __init__(self, net):
        self.net, self.vocabulary, self.length, self.known = net, net.vocabulary, net.length, {}

    def eval(self):
        return self

    def step(self, x, cache=None):
        cache, rows = Beginning() if cache is None else cache, []
        for token in x[0].tolist():
            cache.append(token)
            if (text := tuple(cache)) not in self.known:
                self.known[text] = self.net(torch.tensor([text])).logits[0, -1]
            rows.append(self.known[text])
        return torch.stack(rows)[None], cache


@torch.no_grad()
def test_whole_texts_have_the_targets_exact_probabilities():
    target, draft = (Remembered(model(seed, vocabulary=5, layers=2)) for seed in range(2))
    generator, n, counts = torch.Generator().manual_seed(0), 600, Counter()
    start = torch.ones(1, 1, dtype=torch.int64)
    for _ in range(n):
        counts[tuple(speculate(target, draft, start, guesses=2, generator=generator)[0][0].tolist())] += 1

    truth, open_ends = {}, [((1,), 1.0)]
    while open_ends:
        text, p = open_ends.pop()
        if len(text) == 4 or (len(text) > 1 and text[-1] == 2):
            truth[text] = p
        else:
            following = target.step(torch.tensor([text]))[0][0, -1].index_fill(0, torch.tensor([0]), -torch.inf)
            open_ends += [((*text, v), p * float(following.softmax(0)[v])) for v in range(1, 5)]
    assert sum(truth.values()) == pytest.approx(1, abs=1e-4) and set(counts) <= set(truth)
    expected = n * np.array([*truth.values()]) / sum(truth.values())
    found, rare = np.array([counts[text] for text in truth]), expected < 5
    pooled = ([*told[~rare], told[rare].sum()] for told in (found, expected))
    assert chisquare(*pooled).pvalue > 1e-3


@torch.no_grad()
def test_caches_of_keys_and_values_change_nothing():
    target, draft = model(0, length=12), model(1, length=12)
    start = torch.ones(1, 1, dtype=torch.int64)
    for seed in range(8):
        found, told = (
            speculate(*pair, start, generator=torch.Generator().manual_seed(seed))
            for pair in ((target, draft), (Remembered(target), Remembered(draft)))
        )
        assert torch.equal(found[0], told[0]) and found[1] == told[1]


@torch.no_grad()
def test_a_draft_that_is_the_target_is_always_kept():
    target = model(0, length=12)
    text, counts = speculate(target, target, torch.ones(1, 1, dtype=torch.int64), guesses=3)
    assert counts["kept"] == counts["drafted"] or int(text[0, -1]) == 2
    assert counts["tokens"] == text.shape[1] - 1 and counts["calls"] <= -(-counts["tokens"] // 4) + 1


def test_what_cannot_be_speculated_is_named():
    start = torch.ones(1, 1, dtype=torch.int64)
    for wrong in (
        {"draft": model(1, vocabulary=7)},
        {"guesses": 0},
        {"prompt": torch.ones(2, 1, dtype=torch.int64)},
    ):
        with pytest.raises(ValueError, match="one vocabulary, one prompt and one guess"):
            speculate(**{"target": model(0), "draft": model(1), "prompt": start, **wrong})


def test_the_expected_speed_up_is_leviathans():
    # 0.8 kept, 4 guesses, drafts for a tenth: (1 - 0.8^5) / (0.2 * 1.4)
    assert expected_speedup(0.8, 4, 0.1) == pytest.approx(2.4011, abs=1e-4)
    assert expected_speedup(0.0, 4, 0.0) == 1
