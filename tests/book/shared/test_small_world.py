"""The experiments with generating models, cut down to a few sentences and one narrow layer."""

import math

import pytest
import torch

from kdbook.book import api_teacher, draft_models, exposure_bias, vocabulary_mismatch
from kdbook.book.shared import small_world
from kdbook.book.vocabulary_mismatch import is_true, true_log_probs
from kdbook.data.world import BOS, DEAD, EOS, make_world
from kdbook.lab import Store
from kdbook.lab.engines import LocalTools, Progress
from kdbook.nets.gpt import GPT
from kdbook.training.sequences import log_probs, sample

WORLD = make_world()
TINY = {"layers": 1, "width": 8, "heads": 2, "samples": 48, "epochs": 1, "batch_size": 16}


@pytest.fixture
def tools(tmp_path):
    return LocalTools(Store(tmp_path), torch.device("cpu"), Progress([], quiet=True))


@pytest.fixture
def small(monkeypatch):
    """The quick profiles with tiny nets and a few sentences."""
    for module in (exposure_bias, vocabulary_mismatch):
        parts = {part: {**settings, **TINY} for part, settings in module.SETTINGS["quick"].items()}
        monkeypatch.setitem(module.SETTINGS, "quick", parts)
        monkeypatch.setitem(module.COUNT, "quick", 20)
    few = {**api_teacher.SETTINGS["quick"], **TINY, "count": 20, "visits": 32, "calls": [16, 32], "more": [32]}
    monkeypatch.setitem(api_teacher.SETTINGS, "quick", few)
    monkeypatch.setitem(draft_models.SETTINGS, "quick", {**draft_models.SETTINGS["quick"], **TINY, "count": 2})


def gpt(seed=0, **settings):
    torch.manual_seed(seed)
    return GPT(**{"layers": 1, "width": 8, "heads": 2, "vocabulary": len(WORLD.words), "length": 24, **settings})


def test_divergence_from_the_truth_is_that_of_its_own_log_probabilities_and_zero_for_the_truth():
    x = WORLD.sample(50, 0)
    p = WORLD.next_probs(x[:, :-1])
    exact = small_world.kl_to(WORLD, x, p.clamp_min(1e-300).log())
    assert float(exact.abs().max()) < 1e-12
    uniform = torch.full_like(p, -math.log(len(WORLD.words)))
    found = small_world.kl_to(WORLD, x, uniform)
    expected = math.log(len(WORLD.words)) - WORLD.state_entropy[WORLD.states(x[:, :-1])]
    counted = x[:, 1:] > 0
    torch.testing.assert_close(found[counted], expected[counted])
    assert float(found[~counted].abs().sum()) == 0


def test_a_text_counts_as_true_when_it_never_leaves_the_world_and_ends():
    x = WORLD.sample(4, 1)
    x = torch.cat((x, torch.zeros(4, 24 - x.shape[1], dtype=torch.int64)), 1)
    x[1][x[1] == EOS] = 0  # never ends
    x[2, 3] = EOS  # ends in the middle of a clause
    states = WORLD.states(x)
    assert (states[2, -1] == DEAD) and small_world.true_share(x, states) == 50


def test_students_of_a_seed_share_teacher_and_start_and_arms_differ_in_what_their_names_say():
    found = {(t.arm, t.seed): t for t in exposure_bias.trials("full")}
    assert {arm for arm, _ in found} == {"teacher", "start", *exposure_bias.ARMS}
    for seed in range(5):
        for arm in exposure_bias.ARMS:
            theirs, start = found[arm, seed].needs
            assert (theirs.seed, start.seed) == (seed % 3, seed)
    one, other = found["own_forward", 2].settings, found["own_reverse", 2].settings
    assert {key for key in one if one[key] != other[key]} == {"beta"}
    for trial in api_teacher.trials("full"):
        s = trial.settings
        assert s["samples"] * s["epochs"] == s["visits"] and s["samples"] % s["batch_size"] == 0


def test_what_is_true_in_letters_is_true_in_words():
    x = WORLD.sample(20, 4)
    texts = WORLD.text(x)
    assert all(is_true(text, WORLD) for text in texts)
    assert not is_true(texts[0][:-2], WORLD) and not is_true(texts[0].replace(" ", "  "), WORLD)
    assert not is_true(f"{texts[0]} .", WORLD) and not is_true("the capital of oz is x .", WORLD)
    p = WORLD.next_probs(x[:, :-1]).gather(2, x[:, 1:, None])[..., 0]
    assert float(true_log_probs(texts[:1], WORLD)) == pytest.approx(float(p[0][x[0, 1:] > 0].log().sum()))


def test_acceptance_is_the_common_mass_and_one_for_the_same_model():
    target, draft = gpt(0), gpt(1)
    x = sample(target, torch.full((8, 1), BOS), generator=torch.Generator().manual_seed(0))
    assert draft_models.acceptance(target, target, x) == pytest.approx(1)
    p, q = (log_probs(m, x).exp()[x[:, 1:] > 0] for m in (target, draft))
    assert draft_models.acceptance(target, draft, x) == pytest.approx(
        float(torch.minimum(p, q).sum(-1).mean()), rel=1e-4
    )


@pytest.mark.slow
def test_a_small_run_trains_every_arm(small, micro, micro_store, documented):
    table, measured = micro("exposure_bias")
    documented("exposure_bias", table, measured)
    assert set(table.arm) == {"teacher", "start", *exposure_bias.ARMS}
    assert (table.kl > 0).all() and table.true_share.between(0, 100).all()
    told = table.set_index("arm")
    gap = told.teacher_kl_own - told.teacher_kl_given
    assert told.exposure_gap.dropna().tolist() == pytest.approx(gap.dropna().tolist())
    kept = micro_store.read(next(t for t in measured if t.arm == "forward")).pictures
    assert set(kept) == {"true_so_far", "kl_given", "kl_own"} and kept["true_so_far"][0] == 100

    table, measured = micro("api_teacher")
    documented("api_teacher", table, measured)
    assert set(table.arm) == set(api_teacher.ARMS)
    assert (table.kl > 0).all() and (table.kl_teacher > 0).all() and table.argmax_mass.between(0, 100).all()

    table, measured = micro("vocabulary_mismatch")
    documented("vocabulary_mismatch", table, measured)
    assert set(table.arm) == {"teacher", *vocabulary_mismatch.ARMS} and (table.excess_bits > 0).all()
    assert (table.groupby("vocabulary").tokens.nunique() == 1).all()

    table, measured = micro("draft_models")
    documented("draft_models", table, measured)
    assert table.acceptance.between(0, 100).all() and (table.tokens_per_call >= 1).all()
    assert (table.size_ratio > 0).all()
