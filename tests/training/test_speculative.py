"""Speculative decoding writes exactly what the large model would write."""

import pytest
import torch

from kdbook.nets.gpt import GPT
from kdbook.training.sequences import expected_speedup, sample, speculate, verify


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


@pytest.mark.slow
@torch.no_grad()
def test_whole_texts_have_the_targets_exact_probabilities():
    target, draft = model(0, layers=2), model(1)
    generator, n, counts = torch.Generator().manual_seed(0), 400, {}
    start = torch.ones(1, 1, dtype=torch.int64)
    for _ in range(n):
        text = tuple(speculate(target, draft, start, guesses=2, generator=generator)[0][0].tolist())
        counts[text] = counts.get(text, 0) + 1

    def probability(text):
        logits = target(torch.tensor([text])).logits[0].index_fill(-1, torch.tensor([0]), -torch.inf)
        return float(torch.stack([logits[i].softmax(-1)[t] for i, t in enumerate(text[1:])]).prod())

    truth, open_ends = {}, [(1,)]
    while open_ends:
        text = open_ends.pop()
        if len(text) == 4 or (len(text) > 1 and text[-1] == 2):
            truth[text] = probability(text)
        else:
            open_ends += [(*text, v) for v in range(1, 6)]
    assert sum(truth.values()) == pytest.approx(1, abs=1e-4) and set(counts) <= set(truth)
    distance = sum(abs(counts.get(t, 0) / n - p) for t, p in truth.items()) / 2
    # what as many texts of the target alone are away from its own probabilities
    alone = [tuple(t for t in row if t) for row in sample(target, start.expand(n, 1), generator=generator).tolist()]
    own = sum(abs(alone.count(t) / n - p) for t, p in truth.items()) / 2
    assert distance < 1.25 * own


@torch.no_grad()
def test_a_draft_that_is_the_target_is_always_kept():
    target = model(0, length=12)
    text, counts = speculate(target, target, torch.ones(1, 1, dtype=torch.int64), end=5, guesses=3)
    assert counts["kept"] == counts["drafted"] or int(text[0, -1]) == 5
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
    with pytest.raises(ValueError, match="end must be a token"):
        speculate(model(0), model(1), start, end=None)


def test_the_expected_speed_up_is_leviathans():
    # 0.8 kept, 4 guesses, drafts for a tenth: (1 - 0.8^5) / (0.2 * 1.4)
    assert expected_speedup(0.8, 4, 0.1) == pytest.approx(2.4011, abs=1e-4)
    assert expected_speedup(0.0, 4, 0.0) == 1
