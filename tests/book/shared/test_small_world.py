"""The experiments with generating models, cut down to a few sentences and one narrow layer."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from kdbook.book import api_teacher, draft_models, exposure_bias, vocabulary_mismatch
from kdbook.book.exposure_bias import PolicyGradient
from kdbook.book.shared import small_world
from kdbook.book.vocabulary_mismatch import Aligned, binary_kl, by_bytes, by_token, is_true, true_log_probs
from kdbook.data.world import BOS, DEAD, EOS, make_world
from kdbook.lab import Store
from kdbook.lab.engines import LocalTools, Progress
from kdbook.losses.sequence import token_mean
from kdbook.nets.gpt import GPT
from kdbook.training.objectives import Batch, shifted
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


def test_the_policy_gradient_is_the_gradient_of_the_divergence_between_whole_texts():
    """Averaged over many own texts it agrees with the exact gradient, by enumeration, for texts of two tokens."""
    student, teacher = gpt(0, vocabulary=4, length=3), gpt(1, vocabulary=4, length=3)
    texts = torch.tensor([[1, a, b] if a != 2 else [1, 2, 0] for a in (1, 2, 3) for b in (1, 2, 3)]).unique(dim=0)

    def of_texts(model):
        logits = model(texts[:, :-1]).logits.index_fill(-1, torch.tensor([0]), -torch.inf)
        told = logits.log_softmax(-1).gather(2, texts[:, 1:, None])[..., 0]
        return told.masked_fill(texts[:, 1:] == 0, 0).sum(1)

    for model in (student, teacher):  # filling is never written: take it out of both, so that both count alike
        bias = torch.zeros(4)
        bias[0] = -1e4
        model.net.lm_head.bias = nn.Parameter(bias, requires_grad=False)
    log_q, log_p = of_texts(student), of_texts(teacher).detach()
    divergence = (log_q.exp() * (log_q - log_p)).sum()
    exact = torch.autograd.grad(divergence, student.net.lm_head.weight)[0]
    torch.manual_seed(0)
    batch = Batch(torch.ones(20_000, 1, dtype=torch.int64), None, None, 12, False)
    rows, _ = PolicyGradient(teacher)(nn.ModuleList([student]), batch)
    lengths = 1 + log_q.exp() @ (texts[:, 2] > 0).double().float()
    found = torch.autograd.grad(rows.mean() * lengths.detach(), student.net.lm_head.weight)[0]
    assert float((found - exact).norm() / exact.norm()) < 0.1


@pytest.fixture
def cuts():
    return vocabulary_mismatch.vocabularies(WORLD)


def test_pieces_that_end_at_the_same_byte_carry_the_text_whole(cuts):
    texts = WORLD.text(WORLD.sample(6, 2))
    theirs = gpt(3, vocabulary=cuts["own"].size, length=64)
    aligned = Aligned.of(cuts["characters"], cuts["own"], texts, theirs, "cpu")
    x, ends = cuts["own"].with_ends(texts)
    told = log_probs(theirs, x).gather(2, x[:, 1:, None])[..., 0]
    for row, stops, said, values in zip(x, ends, aligned.said, told, strict=True):
        n = int((row > 0).sum())
        assert said[stops[1:n]].tolist() == pytest.approx(values[: n - 1].cumsum(0).tolist(), rel=1e-5)
        assert int((~said.isnan()).sum()) == n - 1


def test_a_student_that_says_what_its_teacher_says_is_perfect_byte_by_byte(cuts):
    texts = WORLD.text(WORLD.sample(5, 3))
    model = gpt(4, vocabulary=cuts["own"].size, length=64)
    aligned = Aligned.of(cuts["own"], cuts["own"], texts, model, "cpu")
    batch = Batch(cuts["own"].encode(texts), None, torch.arange(5), 12, True)
    shown, targets, mask = shifted(batch.x)
    same = by_bytes(model(shown).logits, targets, mask, aligned, batch).detach()
    assert float(same.abs().max()) < 1e-4
    other = gpt(5, vocabulary=cuts["own"].size, length=64)(shown).logits
    found = by_bytes(other, targets, mask, aligned, batch)
    q, p = (z.log_softmax(-1).gather(-1, targets[..., None])[..., 0] for z in (other, model(shown).logits))
    torch.testing.assert_close(found, token_mean(binary_kl(p, q), mask), rtol=1e-3, atol=1e-4)


def test_pieces_are_joined_where_only_one_side_ends(cuts):
    texts = ["the capital of"]
    theirs = gpt(3, vocabulary=cuts["own"].size, length=64)
    aligned = Aligned.of(cuts["characters"], cuts["own"], texts, theirs, "cpu")
    x = cuts["characters"].encode(texts)
    shown, targets, mask = shifted(x)
    logits = gpt(6, vocabulary=28, length=32)(shown).logits.detach()
    found = by_bytes(logits, targets, mask, aligned, Batch(x, None, torch.tensor([0]), 12, True))
    ours = logits.log_softmax(-1).gather(-1, targets[..., None])[0, :, 0]
    stops = (~aligned.said[0].isnan()).nonzero()[:, 0].tolist()
    log_p = np.diff([0, *aligned.said[0, stops].tolist()])
    log_q = [float(ours[a:b].sum()) for a, b in zip([0, *stops], stops, strict=False)]
    expected = [float(binary_kl(torch.tensor(p), torch.tensor(q))) for p, q in zip(log_p, log_q, strict=True)]
    assert float(found[0].detach()) == pytest.approx(np.mean(expected), rel=1e-4)


def test_two_coins_by_hand():
    # heads 1/2 against 1/4: log 2 / 2 + 1/2 log(2/3)
    found = binary_kl(torch.tensor(0.5).log(), torch.tensor(0.25).log())
    assert float(found) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))


def test_token_distillation_refuses_another_vocabulary(cuts):
    x = cuts["characters"].encode(["the capital of"])
    shown, targets, mask = shifted(x)
    s = gpt(6, vocabulary=28, length=32)(shown).logits
    with pytest.raises(ValueError, match="one vocabulary, got 28 and 160 tokens; .*align by bytes"):
        aligned = Aligned.of(cuts["characters"], cuts["own"], ["the capital of"], gpt(3, vocabulary=160), "cpu")
        by_token(s, targets, mask, aligned, Batch(x, None, torch.tensor([0]), 12, True))


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
