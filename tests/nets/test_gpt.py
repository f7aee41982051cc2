"""Small decoder-only models: causal, cached, and the library's own classes."""

import pytest
import torch

from kdbook.nets.gpt import GPT

KINDS = pytest.mark.parametrize("kind", ["gpt2", "llama"])
NET = {"layers": 2, "width": 16, "heads": 2, "vocabulary": 30, "length": 8}


@pytest.fixture
def model(kind):
    torch.manual_seed(0)
    return GPT(kind=kind, **NET).eval()


@KINDS
@torch.no_grad()
def test_a_later_token_changes_no_earlier_answer_so_that_filling_needs_no_mask(model):
    x = torch.randint(3, 30, (2, 8))
    changed = x.clone()
    changed[:, 5:] = 0
    a, b = model(x), model(changed)
    torch.testing.assert_close(a.logits[:, :5], b.logits[:, :5])
    assert not torch.allclose(a.logits[:, 5:], b.logits[:, 5:])
    assert a.logits.shape == (2, 8, 30) and [h.shape for h in a.features] == 3 * [(2, 8, 16)]


@KINDS
@torch.no_grad()
def test_the_cache_gives_the_answers_of_the_whole_text(model):
    x = torch.randint(3, 30, (3, 8))
    logits, cache = model.step(x[:, :4])
    found = [logits]
    for n in range(4, 8):
        logits, cache = model.step(x[:, n : n + 1], cache)
        found.append(logits)
    torch.testing.assert_close(torch.cat(found, 1), model(x).logits, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="at most 8 tokens a text, got 9"):
        model.step(x[:, :1], cache)


@KINDS
def test_it_is_the_librarys_class_and_embeddings_are_shared_with_the_word_predictor(model, kind):
    import transformers

    assert type(model.net) is {"gpt2": transformers.GPT2LMHeadModel, "llama": transformers.LlamaForCausalLM}[kind]
    assert model.net.get_input_embeddings().weight is model.net.get_output_embeddings().weight


def test_bad_settings_and_texts_are_named():
    with pytest.raises(ValueError, match="kind must be 'gpt2' or 'llama', got 'bert'"):
        GPT(kind="bert", **NET)
    with pytest.raises(ValueError, match="multiple of the 3 heads"):
        GPT(**{**NET, "heads": 3})
    model = GPT(**NET)
    with pytest.raises(ValueError, match="one token or more"):
        model(torch.zeros(2, 0, dtype=torch.int64))
    with pytest.raises(ValueError, match="at most 8 tokens a text, got 9"):
        model(torch.ones(2, 9, dtype=torch.int64))
