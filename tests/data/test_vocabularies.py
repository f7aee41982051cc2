"""Vocabularies: texts come back, every token's end is the right byte, and the same texts give the same merges."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbook.data.vocabularies import Vocabulary, byte_pairs, characters
from kdbook.data.world import make_world

TEXTS = make_world().text(make_world().sample(300, seed=0))
PAIRS, LETTERS = byte_pairs(TEXTS, 120), characters(TEXTS)
both = pytest.mark.parametrize("vocabulary", [PAIRS, LETTERS], ids=["pairs", "letters"])


@both
def test_texts_come_back_and_begin_and_end_with_their_tokens(vocabulary):
    x, ends = vocabulary.with_ends(TEXTS)
    assert vocabulary.decode(x) == TEXTS and int(x.max()) < vocabulary.size
    assert bool((x[:, 0] == 1).all()) and ((x == 2).sum(1) == 1).all()
    torch.testing.assert_close(x, vocabulary.encode(TEXTS))
    for row, stops, text in zip(x[:20].tolist(), ends[:20].tolist(), TEXTS, strict=False):
        pieces = [vocabulary.decode(torch.tensor([[t]]))[0] for t in row]
        at = 0
        for token, piece, stop in zip(row[1:], pieces[1:], stops[1:], strict=True):
            if token > 2:
                assert text.encode()[at:stop].decode() == piece
                at = stop
        assert max(stops) == len(text.encode()) + 1


@given(st.text(st.sampled_from("aé漢 b."), min_size=1, max_size=12).filter(str.strip))
@settings(max_examples=40, deadline=None)
def test_ends_are_bytes_also_where_a_letter_has_several(text):
    texts = ["aé 漢b.", " a", text]
    for vocabulary in (characters(texts), byte_pairs(texts, 40)):
        x, ends = vocabulary.with_ends([text])
        assert int(ends.max()) == len(text.encode()) + 1
        assert vocabulary.decode(x) == [text]
        assert bool((ends[0].diff() >= 0).all())


def test_two_sizes_are_two_vocabularies_and_a_training_repeats_itself():
    more = byte_pairs(TEXTS, 160)
    assert (PAIRS.size, more.size) == (120, 160)
    assert more.encode(TEXTS).shape[1] < PAIRS.encode(TEXTS).shape[1] < LETTERS.encode(TEXTS).shape[1]
    assert byte_pairs(TEXTS, 120).tokenizer.get_vocab() == PAIRS.tokenizer.get_vocab()


def test_what_cannot_be_said_is_named():
    with pytest.raises(ValueError, match="text must be what the vocabulary can express, got 'xyz!'"):
        LETTERS.encode(["xyz!"])
    with pytest.raises(ValueError, match="text 1 is empty"):
        PAIRS.encode(["the", " "])
    with pytest.raises(ValueError, match="size must be more than"):
        byte_pairs(TEXTS, 10)


def test_a_vocabulary_without_an_end_is_refused():
    from tokenizers import Tokenizer, models

    with pytest.raises(ValueError, match="<eos> must be token 2 of the vocabulary .*, got None"):
        Vocabulary(Tokenizer(models.WordLevel({"<pad>": 0, "<bos>": 1, "a": 2})))
