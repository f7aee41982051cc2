"""Losses of sequences against hand arithmetic and the identities that define them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbook.losses.sequence import (
    generalized_jsd,
    reverse_kl,
    sparse_kl,
    token_kd,
    token_mean,
    total_variation,
    universal_logit_distillation,
)

REAL = torch.tensor([[True, True, False], [True, False, False]])
LOG3 = math.log(3)


def random(*shape, seed=0, scale=2.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def known(t, k=4):
    top = t.detach().double().log_softmax(-1).topk(k)
    return top.values, top.indices


def sparse(missing, k=4):
    def loss(s, t, reduction="mean", **look):
        rows = sparse_kl(s, *known(t, k), missing=missing, reduction="none", **look)
        texts = token_mean(rows, REAL)
        return texts.mean() if reduction == "mean" else texts

    return loss


# each as a function of student's and teacher's logits (..., 2, 3, V)
LOSSES = {
    "token_kd": lambda s, t, **o: token_kd(s, t, REAL, temperature=3.0, **o),
    "reverse_kl": lambda s, t, **o: reverse_kl(s, t, REAL, **o),
    **{f"jsd_{b}": lambda s, t, b=b, **o: generalized_jsd(s, t, REAL, b, **o) for b in (0.0, 0.3, 1.0)},
    "tv": lambda s, t, **o: total_variation(s, t, REAL, **o),
    "uld": lambda s, t, **o: universal_logit_distillation(s, t, REAL, REAL, **o),
    "sparse_rest": sparse("rest"),
    "sparse_zero": sparse("zero"),
}
every = pytest.mark.parametrize("name", LOSSES)
# one text of two tokens and filling, two words: at T = 2 the student says (1/4, 3/4) and (1/2, 1/2), its teacher (3/4,
# 1/4) and (1/2, 1/2); at T = 1 they say (1/10, 9/10) and (9/10, 1/10) of the first token
HAND_S = torch.tensor([[[0.0, 2 * LOG3], [1.0, 1.0], [9.0, 0.0]]])
HAND_T = torch.tensor([[[2 * LOG3, 0.0], [5.0, 5.0], [0.0, 9.0]]])
HAND_MASK = torch.tensor([[True, True, False]])


def test_token_distillation_by_hand_at_temperature_two():
    # 4 [3/4 log 3 + 1/4 log 1/3 + 0] / 2 tokens
    found = token_kd(HAND_S, HAND_T, HAND_MASK, temperature=2.0)
    assert float(found) == pytest.approx(4 * 0.5 * LOG3 / 2) == pytest.approx(1.0986, abs=1e-4)


def test_reverse_kl_and_total_variation_by_hand():
    # 0.1 log(1/9) + 0.9 log 9 = 0.8 log 9, over two tokens
    assert float(reverse_kl(HAND_S, HAND_T, HAND_MASK)) == pytest.approx(0.4 * math.log(9))
    assert float(total_variation(HAND_S, HAND_T, HAND_MASK)) == pytest.approx(0.4)


def test_the_generalized_jsd_by_hand_is_not_symmetric_in_beta():
    s, t = torch.tensor([[[[0.0, 0.0]]], [[[LOG3, 0.0]]]], dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.bool)
    # p = (3/4, 1/4), q = (1/2, 1/2); beta = 0.2: M = 0.2 p + 0.8 q = (0.55, 0.45)
    p_m = 0.75 * math.log(0.75 / 0.55) + 0.25 * math.log(0.25 / 0.45)
    q_m = 0.5 * math.log(0.5 / 0.55) + 0.5 * math.log(0.5 / 0.45)
    found = float(generalized_jsd(s, t, one, 0.2))
    assert found == pytest.approx(0.2 * p_m + 0.8 * q_m) == pytest.approx(0.021154, abs=1e-6)
    assert found != pytest.approx(float(generalized_jsd(s, t, one, 0.8)), rel=0.01)


def test_the_generalized_jsd_jumps_to_forward_and_reverse_kl_at_its_ends():
    s, t = random(2, 3, 5), random(2, 3, 5, seed=1)
    torch.testing.assert_close(generalized_jsd(s, t, REAL, 0.0), token_kd(s, t, REAL))
    torch.testing.assert_close(generalized_jsd(s, t, REAL, 1.0), reverse_kl(s, t, REAL))
    near = float(generalized_jsd(s, t, REAL, 1e-6))
    assert near < 1e-4 and near / 1e-6 == pytest.approx(float(token_kd(s, t, REAL)), rel=1e-3)


def test_universal_distillation_by_hand_pairs_counted_tokens_and_fills_the_smaller_vocabulary():
    s = torch.tensor([[[7.0, 0.0], [0.0, LOG3], [0.0, 0.0]]])  # first token: a prompt
    t = torch.tensor([[[0.0, math.log(2), 0.0], [9.0, 9.0, 9.0]]])
    mask_s, mask_t = torch.tensor([[False, True, True]]), torch.tensor([[True, False]])
    # (3/4, 1/4, 0) against (1/2, 1/4, 1/4): one pair of tokens
    assert float(universal_logit_distillation(s, t, mask_s, mask_t)) == pytest.approx(0.5)


def test_the_loss_of_unknown_mass_by_hand():
    s = torch.tensor([[0.0, 0.0, 0.0, 0.0]])
    top, at = torch.tensor([[0.5, 0.25]]).log(), torch.tensor([[2, 0]])
    # one more bucket: 1/4 for the teacher, 1/2 for the student
    rest = 0.5 * math.log(0.5 / 0.25) + 0.25 * math.log(0.25 / 0.25) + 0.25 * math.log(0.25 / 0.5)
    assert float(sparse_kl(s, top, at)) == pytest.approx(rest)
    # renormalised: (2/3, 1/3) against 1/4 each
    zero = 2 / 3 * math.log(8 / 3) + 1 / 3 * math.log(4 / 3)
    assert float(sparse_kl(s, top, at, missing="zero")) == pytest.approx(zero) == pytest.approx(0.7498, abs=1e-4)
    # at T = 2: sqrt 2 to 1, the student still even
    a = math.sqrt(2) / (1 + math.sqrt(2))
    soft = 4 * (a * math.log(4 * a) + (1 - a) * math.log(4 * (1 - a)))
    assert float(sparse_kl(s, top, at, missing="zero", temperature=2.0)) == pytest.approx(soft)


def test_with_the_whole_vocabulary_known_both_ways_are_the_full_kl():
    s, t = random(2, 3, 5), random(2, 3, 5, seed=1)
    full = token_kd(s, t, REAL, reduction="none")
    for missing in ("rest", "zero"):
        torch.testing.assert_close(sparse(missing, 5)(s, t, reduction="none"), full)


@pytest.mark.parametrize(
    "name", ["token_kd", "reverse_kl", "jsd_0.0", "jsd_0.3", "jsd_1.0", "tv", "uld", "sparse_rest"]
)
def test_a_student_like_its_teacher_has_no_loss_left(name):
    t = random(2, 3, 5)
    assert float(LOSSES[name](t, t)) == pytest.approx(0, abs=1e-12)


def test_renormalised_mass_leaves_a_student_like_its_teacher_a_loss():
    t = random(2, 3, 7)
    assert float(sparse("zero", 2)(t, t)) > 0.01


@given(st.integers(0, 10_000), st.sampled_from(sorted(LOSSES)))
@settings(max_examples=40, deadline=None)
def test_losses_are_never_negative(seed, name):
    assert float(LOSSES[name](random(2, 3, 6, seed=seed), random(2, 3, 6, seed=seed + 1))) >= -1e-12


@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
@settings(max_examples=30, deadline=None)
def test_the_generalized_jsd_is_that_of_the_swapped_pair_with_one_minus_beta(seed, beta):
    s, t = random(2, 3, 6, seed=seed), random(2, 3, 6, seed=seed + 1)
    torch.testing.assert_close(generalized_jsd(s, t, REAL, beta), generalized_jsd(t, s, REAL, 1 - beta))


@every
def test_rows_average_to_the_mean_and_the_gradient_reaches_counted_tokens_of_the_student_only(name):
    s, t = (random(2, 3, 6, seed=i).requires_grad_() for i in range(2))
    value = LOSSES[name](s, t)
    rows = LOSSES[name](s, t, reduction="none")
    assert rows.shape == (2,)
    torch.testing.assert_close(rows.mean(), value)
    value.backward()
    assert t.grad is None and float(s.grad[REAL].abs().sum()) > 0
    assert float(s.grad[~REAL].abs().max()) == 0


@every
def test_gradients_are_those_of_finite_differences(name):
    s, t = random(2, 3, 6), random(2, 3, 6, seed=1)
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, t), s.requires_grad_())


@every
def test_adding_a_constant_to_a_tokens_logits_changes_nothing(name):
    s, t = random(2, 3, 6), random(2, 3, 6, seed=1)
    lifted = LOSSES[name](s + random(2, 3, 1, seed=2), t + random(2, 3, 1, seed=3))
    torch.testing.assert_close(lifted, LOSSES[name](s, t))


@pytest.mark.parametrize("name", [n for n in LOSSES if not n.startswith("sparse")])
def test_a_stack_of_students_gives_each_the_gradient_it_has_alone(name):
    stack, t = random(3, 2, 3, 6).requires_grad_(), random(2, 3, 6, seed=1)
    rows = LOSSES[name](stack, t, reduction="none")
    assert rows.shape == (3, 2)
    rows.mean(-1).sum().backward()
    for one, found in zip(stack.detach(), stack.grad, strict=True):
        alone = one.clone().requires_grad_()
        LOSSES[name](alone, t).backward()
        torch.testing.assert_close(found, alone.grad)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_inputs_are_computed_in_float32_and_stay_finite(name, dtype):
    s, t = (torch.where(random(2, 3, 6, seed=i) > 0, 1e4, -1e4).to(dtype) for i in range(2))
    value = LOSSES[name](s, t)
    assert value.dtype == torch.float32 and torch.isfinite(value)


def test_parts_of_a_batch_divided_by_all_its_tokens_add_up_to_the_whole():
    s, t = random(2, 3, 6), random(2, 3, 6, seed=1)
    parts = [token_kd(s[i : i + 1], t[i : i + 1], REAL[i : i + 1], num_tokens=3) for i in range(2)]
    torch.testing.assert_close(sum(parts), token_kd(s, t, REAL))
    means = [token_kd(s[i : i + 1], t[i : i + 1], REAL[i : i + 1]) for i in range(2)]
    assert float(sum(means) / 2) != pytest.approx(float(sum(parts)), rel=0.01)


@every
def test_values_that_are_not_finite_are_named_once_and_not_looked_for_without_the_check(name):
    s, t = random(2, 3, 6), random(2, 3, 6, seed=1)
    s[0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="must be finite, got nan"):
        LOSSES[name](s, t)
    assert torch.isnan(LOSSES[name](s, t, check=False))


@pytest.mark.parametrize("name", [n for n in LOSSES if not n.startswith("sparse")])
def test_bad_shapes_and_reductions_are_named(name):
    s, t = random(2, 3, 6), random(2, 3, 6, seed=1)
    with pytest.raises(ValueError, match="reduction must be"):
        LOSSES[name](s, t, reduction="sum")
    with pytest.raises(ValueError, match="must (have one value a token|broadcast)"):
        LOSSES[name](s[:, :2], t[:, :2])


def test_another_vocabulary_is_refused_with_what_to_do_instead():
    with pytest.raises(ValueError, match=r"one vocabulary .*universal_logit_distillation.*, got \(6, 5\)"):
        token_kd(random(2, 3, 6), random(2, 3, 5), REAL)


def test_a_text_of_filling_alone_is_named_and_without_the_check_counts_nothing():
    s, t = random(2, 3, 6), random(2, 3, 6, seed=1)
    mask = REAL.clone()
    mask[1] = False
    with pytest.raises(ValueError, match=r"only filling in row \[1\]"):
        token_kd(s, t, mask)
    with pytest.raises(ValueError, match="mask_t must count"):
        universal_logit_distillation(s, t, REAL, mask)
    rows = token_kd(s, t, mask, reduction="none", check=False)
    assert float(rows[1]) == 0
    torch.testing.assert_close(rows.mean(), token_kd(s[:1], t[:1], mask[:1]))
    with pytest.raises(ValueError, match="mask must be bool"):
        token_kd(s, t, REAL.long())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"num_tokens": 0}, "num_tokens must be 1 or more, got 0"),
    ],
)
def test_bad_settings_of_token_distillation_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        token_kd(random(2, 3, 6), random(2, 3, 6), REAL, **change)


@pytest.mark.parametrize("beta", [-0.1, 1.5, float("nan")])
def test_a_beta_outside_0_to_1_is_named(beta):
    with pytest.raises(ValueError, match=r"beta must be in \[0, 1\], got"):
        generalized_jsd(random(2, 3, 6), random(2, 3, 6), REAL, beta)


@pytest.mark.parametrize(
    ("top", "at", "change", "message"),
    [
        ([[0.7, 0.5]], [[0, 1]], {}, "sum to at most 1, got 1.2"),
        ([[0.5, 0.2]], [[0, 6]], {}, r"top_indices must lie in \[0, 6\), got 6"),
        ([[0.5, 0.2]], [[1, 1]], {}, "must be tokens that differ"),
        ([[0.1] * 7], [list(range(7))], {}, r"k must be in 1..6, the vocabulary, got 7"),
        ([[0.5, 0.2]], [[0, 1, 2]], {}, "top_indices must broadcast"),
        ([[0.5, 0.0]], [[0, 1]], {}, "top_log_probs must be finite, got -inf"),
        ([[0.5, 0.2]], [[0, 1]], {"missing": "drop"}, "missing must be 'rest' or 'zero', got 'drop'"),
        ([[0.5, 0.2]], [[0, 1]], {"temperature": 2.0}, "temperature must be 1 for missing='rest'"),
    ],
)
def test_bad_knowledge_of_a_teacher_is_named(top, at, change, message):
    with pytest.raises(ValueError, match=message):
        sparse_kl(torch.zeros(1, 6), torch.tensor(top).log(), torch.tensor(at), **change)


def test_a_teacher_that_tells_all_its_mass_may_miss_one_by_rounding():
    top = torch.tensor([[1 + 2e-5, 1e-9]]).log()
    assert math.isfinite(float(sparse_kl(torch.zeros(1, 6), top, torch.tensor([[0, 3]]))))


def test_a_mean_over_tokens_in_float64_has_the_precision_of_float64():
    values, mask = torch.full((3, 5), 0.1, dtype=torch.float64), torch.arange(5) < torch.tensor([5, 2, 3])[:, None]
    assert float(token_mean(values, mask).mean()) == pytest.approx(0.1, rel=1e-15)
