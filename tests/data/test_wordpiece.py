"""Word pieces: a vocabulary that is always the same, texts kept apart by part, and batches with hardly any filling."""

import hashlib

import pytest
import torch

from kdbook.data.glosses import PARTS, bin_of, load_glosses
from kdbook.data.wordpiece import (
    CLS,
    LENGTH,
    MASK,
    PAD,
    SEP,
    SPECIAL,
    VOCABULARY,
    Tokens,
    decode,
    definitions,
    encode,
    load_corpus,
    tokenizer,
)


def test_the_vocabulary_is_the_one_that_the_results_were_made_with():
    words = tokenizer().get_vocab()
    assert len(words) == VOCABULARY
    assert [words[name] for name in SPECIAL] == [PAD, 1, CLS, SEP, MASK]
    digest = hashlib.sha256(" ".join(sorted(words, key=words.get)).encode()).hexdigest()
    assert digest == "098c57017cbc83e2eb2221af662535bf454fef4d23d7c3a35e155c586a816601"


def test_a_text_and_a_pair_begin_and_end_as_berts_do_and_long_ones_are_cut():
    x = encode(["a kind of bird", ("a bird", "an animal"), "very " * 50])
    assert x.shape == (3, LENGTH)
    assert x[:, 0].tolist() == [CLS] * 3
    assert (x == SEP).sum(1).tolist() == [1, 2, 1]
    assert x[2, -1] == SEP and (x[2] > 0).all()
    assert int((x[0] > 0).sum()) < LENGTH and not (x[0][x[0].argmin() :] > 0).any()
    assert decode(x[0].tolist()) == "a kind of bird"


@pytest.mark.parametrize("texts", [["a bird", "  "], [("a bird", "")]])
def test_an_empty_text_is_named(texts):
    with pytest.raises(ValueError, match=f"text {len(texts) - 1} is empty"):
        encode(texts)
    with pytest.raises(ValueError, match="at least one text"):
        encode([])


def test_parts_share_no_definition_and_are_those_of_the_glosses():
    fit, validation, train, test = (set(definitions(p)) for p in ("fit", "validation", "train", "test"))
    assert fit | validation == train and not fit & validation and not train & test
    assert all(bin_of(text) in PARTS["test"] for text in test)
    assert len(test) > len(load_glosses("test"))  # verbs, adjectives and adverbs besides
    with pytest.raises(ValueError, match="part must be one of"):
        definitions("training")


def test_an_epoch_visits_every_text_once_in_another_order_and_computes_little_filling():
    split = load_corpus("validation", 640, bucket=32)
    torch.manual_seed(0)
    first, second = split.order(), split.order()
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(640))
    assert not torch.equal(first, second)
    seen, computed = 0, 0
    for x, at in split.batches(first, None, 32):
        assert torch.equal(x, split.x[first[at], : x.shape[1]]) and bool((x > 0).sum(1).max() == x.shape[1])
        seen, computed = seen + int((x > 0).sum()), computed + x.numel()
    assert seen == int((split.x > 0).sum()) and computed < 1.1 * seen
    lengths = [x.shape[1] for x, _ in split.batches(first, None, 32)]
    assert lengths != sorted(lengths)


def test_a_batch_of_texts_is_as_wide_as_its_longest():
    split = Tokens(torch.tensor([[2, 5, 3, 0], [2, 3, 0, 0]]), torch.zeros(2).long(), torch.arange(2))
    ((x, at),) = split.batches(torch.tensor([1]), None, 8)
    assert x.tolist() == [[2, 3]] and at == slice(0, 1)
