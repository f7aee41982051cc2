"""How far a model is from the truth of the small world, which texts are true, and who writes them."""

import math

import pytest
import torch

from kdbook.book.shared.small_world import kl_to, stored_gpt, texts_of, trained_gpt, true_share
from kdbook.data.world import BOS, DEAD, EOS, make_world
from kdbook.lab import Store
from kdbook.lab.tools import Progress, Tools
from kdbook.lab.trial import Trial
from kdbook.nets.gpt import GPT
from kdbook.training.sequences import greedy

WORLD = make_world()
NET = {"layers": 1, "width": 8, "heads": 2, "vocabulary": len(WORLD.words), "length": 10}


def test_divergence_is_zero_for_the_truth_and_of_the_uniform_model_what_is_missing_to_its_entropy():
    x = WORLD.sample(50, 0)
    p = WORLD.next_probs(x[:, :-1])
    assert float(kl_to(WORLD, x, p.clamp_min(1e-300).log()).abs().max()) < 1e-12
    found = kl_to(WORLD, x, torch.full_like(p, -math.log(len(WORLD.words))))
    expected = math.log(len(WORLD.words)) - torch.special.entr(WORLD.tables[0]).sum(1)[WORLD.states(x[:, :-1])]
    counted = x[:, 1:] > 0
    torch.testing.assert_close(found[counted], expected[counted])
    assert float(found[~counted].abs().sum()) == 0


def test_a_text_counts_as_true_when_it_never_leaves_the_world_and_ends():
    x = WORLD.sample(4, 1)
    x = torch.cat((x, torch.zeros(4, 24 - x.shape[1], dtype=torch.int64)), 1)
    x[1][x[1] == EOS] = 0  # never ends
    x[2, 3] = EOS  # ends in the middle of a clause
    assert WORLD.states(x)[2, -1] == DEAD and true_share(WORLD, x) == 50


@pytest.fixture
def stored(monkeypatch, tmp_path):
    tools = Tools(Store(tmp_path), torch.device("cpu"), Progress([], quiet=True))
    torch.manual_seed(5)
    weights = GPT(**NET).state_dict()
    monkeypatch.setattr(tools, "tensors", lambda trial: weights)
    return Trial("exposure_bias", "teacher", 0, NET, data="world"), tools


def test_a_stored_model_is_frozen_and_one_that_is_trained_on_is_not(stored):
    frozen, fresh = stored_gpt(*stored), trained_gpt(*stored)
    assert stored_gpt(*stored) is frozen and not any(p.requires_grad for p in frozen.parameters())
    assert all(p.requires_grad for p in fresh.parameters())
    assert all(torch.equal(a, b) for a, b in zip(frozen.parameters(), fresh.parameters(), strict=True))


def test_a_teacher_writes_once_for_all_from_nothing_or_from_beginnings_as_it_is_asked(stored):
    trial, tools = stored
    texts = texts_of(trial, 6, 1, tools)
    assert texts_of(trial, 6, 1, tools) is texts and texts.shape[0] == 6 and (texts[:, 0] == BOS).all()
    assert not torch.equal(texts_of(trial, 6, 2, tools), texts)
    prompts = WORLD.sample(6, 3)[:, :4]
    drawn, likeliest = texts_of(trial, 6, 1, tools, prompts), texts_of(trial, 6, 1, tools, prompts, greedy)
    assert torch.equal(drawn[:, :4], prompts) and torch.equal(likeliest[:, :4], prompts)
    assert torch.equal(likeliest, greedy(stored_gpt(trial, tools), prompts))
    assert not torch.equal(drawn[:, : likeliest.shape[1]], likeliest[:, : drawn.shape[1]])
