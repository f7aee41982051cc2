"""Sampling with a cache, beams, and the log-probabilities of given texts."""

import pytest
import torch

from kdbook.nets.gpt import GPT
from kdbook.training.sequences import beam, greedy, log_probs, sample

X = torch.tensor([[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]])


def model(seed=0, vocabulary=12, length=8, **net):
    torch.manual_seed(seed)
    return GPT(**{"layers": 1, "width": 16, "heads": 2, **net}, vocabulary=vocabulary, length=length)


def starts(count):
    return torch.ones(count, 1, dtype=torch.int64)


@torch.no_grad()
def test_sampled_texts_have_the_models_own_frequencies():
    m = model(length=3)
    n = 20_000
    x = sample(m, starts(n), generator=torch.Generator().manual_seed(0))
    p = m(starts(1)).logits[0, 0, 1:].softmax(-1)  # filling is never drawn
    counts = torch.bincount(x[:, 1], minlength=12)[1:]
    statistic = float(((counts - n * p).square() / (n * p)).sum())
    assert statistic < 29.6  # chi-square, 10 degrees of freedom, 0.1 %
    first = int(x[:, 1].mode().values)
    rows = x[x[:, 1] == first]
    q = m(torch.tensor([[1, first]])).logits[0, 1, 1:].softmax(-1)
    counts = torch.bincount(rows[:, 2], minlength=12)[1:]
    assert float(((counts - len(rows) * q).square() / (len(rows) * q)).sum()) < 29.6


@torch.no_grad()
def test_filling_follows_the_end_and_greedy_takes_the_likeliest_token():
    m = model()
    x = sample(m, starts(200), generator=torch.Generator().manual_seed(1))
    after = ((x == 2).cumsum(1) - (x == 2).long()) > 0
    assert bool((x[after] == 0).all()) and bool(after.any())
    ends = greedy(m, starts(1))[0]
    for n in range(1, len(ends)):
        if ends[n]:
            assert int(ends[n]) == int(m(ends[None, :n]).logits[0, -1].argmax())


@torch.no_grad()
def test_a_wide_beam_finds_the_likeliest_text_of_a_short_model():
    m = model(vocabulary=5, length=4, width=8)
    found = beam(m, starts(1), beams=25)[0].tolist()

    def score(text):
        return sum(
            float(m(torch.tensor([text[:n]])).logits[0, -1].log_softmax(-1)[text[n]]) for n in range(1, len(text))
        )

    texts, best = [[1]], {}
    while texts:
        text = texts.pop()
        if len(text) == 4 or (len(text) > 1 and text[-1] == 2):
            best[tuple(text)] = score(text)
        else:
            texts += [[*text, v] for v in range(5)]
    likeliest = max(best, key=best.get)
    assert tuple(t for t in found if t) == tuple(t for t in likeliest if t)


def test_a_beam_of_one_is_greedy_for_prompts_that_end_at_different_places():
    m = model(3)
    prompts = torch.tensor([[1, v] for v in range(3, 12)])
    found, alone = beam(m, prompts, beams=1), greedy(m, prompts)
    assert len({int((row > 0).sum()) for row in alone}) > 1
    assert torch.equal(found, alone)


@pytest.mark.parametrize("write", [sample, greedy, beam])
@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (torch.zeros(0, 1, dtype=torch.int64), "one token or more"),
        (torch.zeros(2, 0, dtype=torch.int64), "begin with <bos>"),
        (torch.tensor([[1, 0]]), "filling: group texts of one length"),
    ],
)
def test_prompts_that_are_empty_or_filled_are_named(write, prompts, message):
    with pytest.raises(ValueError, match=message):
        write(model(), prompts)


def test_a_negative_temperature_and_no_beam_are_named():
    with pytest.raises(ValueError, match="temperature must be 0 or more, got -1"):
        sample(model(), starts(1), temperature=-1)
    with pytest.raises(ValueError, match="beams must be 1 or more, got 0"):
        beam(model(), starts(1), beams=0)


def test_log_probabilities_batch_by_batch_are_those_of_one_batch():
    m = model()
    found = log_probs(m, X, batch_size=1)
    assert found.shape == (2, 4, 12)
    torch.testing.assert_close(found, m(X[:, :-1]).logits.log_softmax(-1), rtol=1e-4, atol=1e-5)
