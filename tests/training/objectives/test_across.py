"""What a teacher of another vocabulary tells, on sentences of the small world."""

import math

import numpy as np
import pytest
import torch

from kdbook.data.vocabularies import byte_pairs, characters
from kdbook.data.world import make_world
from kdbook.losses.sequence import token_mean
from kdbook.nets.gpt import GPT
from kdbook.training.objectives import Aligned, Batch, by_bytes, by_token, shifted
from kdbook.training.objectives.sentences import binary_kl
from kdbook.training.sequences import log_probs

WORLD = make_world()
TEXT = ["the capital of"]


def gpt(seed=0, vocabulary=160, length=64):
    torch.manual_seed(seed)
    return GPT(layers=1, width=8, heads=2, vocabulary=vocabulary, length=length)


@pytest.fixture(scope="module")
def cuts():
    texts = WORLD.text(WORLD.sample(3_000, 77))
    return byte_pairs(texts, 160), characters(texts)


def test_pieces_that_end_at_the_same_byte_carry_the_text_whole(cuts):
    own, letters = cuts
    texts = WORLD.text(WORLD.sample(6, 2))
    theirs = gpt(3)
    aligned = Aligned.of(letters, own, texts, theirs, "cpu")
    x, ends = own.with_ends(texts)
    told = log_probs(theirs, x).gather(2, x[:, 1:, None])[..., 0]
    for row, stops, said, values in zip(x, ends, aligned.said, told, strict=True):
        n = int((row > 0).sum())
        assert said[stops[1:n]].tolist() == pytest.approx(values[: n - 1].cumsum(0).tolist(), rel=1e-5)
        assert int((~said.isnan()).sum()) == n - 1


def test_a_student_that_says_what_its_teacher_says_is_perfect_byte_by_byte(cuts):
    own, _ = cuts
    texts, model = WORLD.text(WORLD.sample(5, 3)), gpt(4)
    aligned = Aligned.of(own, own, texts, model, "cpu")
    batch = Batch(own.encode(texts), None, torch.arange(5), 12, True)
    shown, targets, mask = shifted(batch.x)
    same = by_bytes(model(shown).logits, targets, mask, aligned, batch).detach()
    assert float(same.abs().max()) < 1e-4
    other = gpt(5)(shown).logits
    found = by_bytes(other, targets, mask, aligned, batch)
    q, p = (z.log_softmax(-1).gather(-1, targets[..., None])[..., 0] for z in (other, model(shown).logits))
    torch.testing.assert_close(found, token_mean(binary_kl(p, q), mask), rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def across(cuts):
    """A student of characters: its logits of a text, what is predicted, and what a teacher of byte pairs says."""
    own, letters = cuts
    x = letters.encode(TEXT)
    shown, targets, mask = shifted(x)
    logits = gpt(6, vocabulary=28, length=32)(shown).logits.detach()
    batch = Batch(x, None, torch.tensor([0]), 12, True)
    return logits, targets, mask, Aligned.of(letters, own, TEXT, gpt(3), "cpu"), batch


def test_pieces_are_joined_where_only_one_side_ends(across):
    logits, targets, _, aligned, _ = across
    ours = logits.log_softmax(-1).gather(-1, targets[..., None])[0, :, 0]
    stops = (~aligned.said[0].isnan()).nonzero()[:, 0].tolist()
    log_p = np.diff([0, *aligned.said[0, stops].tolist()])
    log_q = [float(ours[a:b].sum()) for a, b in zip([0, *stops], stops, strict=False)]
    expected = [float(binary_kl(torch.tensor(p), torch.tensor(q))) for p, q in zip(log_p, log_q, strict=True)]
    assert float(by_bytes(*across)[0]) == pytest.approx(np.mean(expected), rel=1e-4)


def test_token_distillation_refuses_another_vocabulary(across):
    with pytest.raises(ValueError, match=r"one vocabulary .*align by bytes.*got \(28, 160\)"):
        by_token(*across)


def test_two_coins_by_hand():
    # heads 1/2 against 1/4: log 2 / 2 + 1/2 log(2/3)
    found = binary_kl(torch.tensor(0.5).log(), torch.tensor(0.25).log())
    assert float(found) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
