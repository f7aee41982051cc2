"""Losses of DistilBERT and TinyBERT against numbers worked out by hand."""

import math

import pytest
import torch
from torch import nn

from kdbook.losses.transformer import (
    attention_score_loss,
    cosine_hidden_loss,
    hidden_state_loss,
    layer_map,
    masked_lm_distillation,
    transformer_layer_loss,
)

REAL = torch.tensor([[True, True, False], [True, True, True]])


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_attention_scores_by_hand_count_pairs_of_real_tokens_and_average_heads():
    s, t = torch.zeros(2, 2, 3, 3), torch.zeros(2, 2, 3, 3)
    s[0, 0, 0, 1] = 2.0  # head 0, a real pair: 4, half of it after the mean over heads
    s[0, 1, 0, 2] = 100.0  # to filling
    s[0, 1, 2, 0] = 100.0  # from filling
    s[1, 0, 2, 2] = 3.0  # 9, half of it
    # 4 pairs in the first text, 9 in the second: (2 + 4.5) / 13
    assert float(attention_score_loss(s, t, REAL)) == pytest.approx(0.5)
    rows = attention_score_loss(s, t, REAL, reduction="none")
    assert rows.tolist() == pytest.approx([2 * 2 / 13, 2 * 4.5 / 13])


def test_hidden_states_by_hand_through_a_projection():
    s, t = torch.ones(2, 3, 1), torch.zeros(2, 3, 2)
    s[0, 2] = 1000.0  # filling
    project = nn.Linear(1, 2, bias=False)
    project.weight.data = torch.tensor([[1.0], [2.0]])
    # every real token: (1 + 4) / 2
    assert hidden_state_loss(s, t, REAL, project).item() == pytest.approx(2.5)


def test_layers_are_summed_and_an_empty_pair_of_lists_leaves_its_term_out():
    scores, hidden = [random(2, 2, 3, 3, seed=i) for i in range(4)], [random(2, 3, 5, seed=i) for i in range(4)]
    attention = sum(attention_score_loss(scores[i], scores[i + 2], REAL) for i in range(2))
    states = sum(hidden_state_loss(hidden[i], hidden[i + 2], REAL) for i in range(2))
    both = transformer_layer_loss(scores[:2], scores[2:], hidden[:2], hidden[2:], mask=REAL)
    torch.testing.assert_close(both, attention + states)
    torch.testing.assert_close(transformer_layer_loss([], [], hidden[:2], hidden[2:], mask=REAL), states)
    torch.testing.assert_close(transformer_layer_loss(scores[:2], scores[2:], [], [], mask=REAL), attention)


def test_the_cosine_loss_by_hand_leaves_filling_out():
    s = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]])
    t = torch.tensor([[[3.0, 0.0], [1.0, 0.0], [-1.0, -1.0]]])
    real = torch.tensor([[True, True, False]])
    assert float(cosine_hidden_loss(s, t, real)) == pytest.approx((0 + 1) / 2)
    assert float(cosine_hidden_loss(s, -s, real)) == pytest.approx(2)


def test_the_triple_loss_by_hand_at_temperature_two():
    # one text: a visible token, a hidden one whose word is 1, filling; two words
    s = torch.tensor([[[0.0, 2 * math.log(3)], [0.0, math.log(3)], [50.0, 0.0]]])
    t = torch.zeros(1, 3, 2)
    labels = torch.tensor([[-1, 1, -1]])
    h_s = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]]])
    h_t = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [-5.0, 5.0]]])
    real = torch.tensor([[True, True, False]])
    given = (s, t, labels, h_s, h_t, real)
    # at T = 2 the student says (1/4, 3/4) and (1, sqrt 3) / (1 + sqrt 3); the teacher (1/2, 1/2)
    first = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    total = 1 + math.sqrt(3)
    second = 0.5 * math.log(0.5 * total) + 0.5 * math.log(0.5 * total / math.sqrt(3))
    soft, masked, cosine = 4 * (first + second) / 2, -math.log(3 / 4), 1 / 2
    assert (soft, masked, cosine) == pytest.approx((0.3622, 0.2877, 0.5), abs=1e-4)
    found = masked_lm_distillation(*given, temperature=2.0, weights=(5, 2, 1))
    assert float(found) == pytest.approx(5 * soft + 2 * masked + cosine)
    for number, value in enumerate((soft, masked, cosine)):
        weights = tuple(float(i == number) for i in range(3))
        assert float(masked_lm_distillation(*given, temperature=2.0, weights=weights)) == pytest.approx(value)


def test_a_term_of_weight_zero_needs_no_teacher():
    s, labels, h = random(2, 3, 4), torch.tensor([[1, -1, -1], [-1, 2, -1]]), random(2, 3, 5)
    assert torch.isfinite(masked_lm_distillation(s, None, labels, h, None, REAL, weights=(0, 1, 0)))


@pytest.fixture
def losses():
    """Every loss as a function of student's and teacher's tensors, each called with (reduction)."""
    scores, hidden, logits = random(2, 2, 2, 3, 3), random(2, 2, 3, 5), random(2, 2, 3, 7)
    labels = torch.tensor([[1, -1, -1], [-1, 2, 3]])
    return {
        "scores": (scores, lambda s, t, **k: attention_score_loss(s, t, REAL, **k)),
        "hidden": (hidden, lambda s, t, **k: hidden_state_loss(s, t, REAL, **k)),
        "cosine": (hidden, lambda s, t, **k: cosine_hidden_loss(s, t, REAL, **k)),
        "triple": (logits, lambda s, t, **k: masked_lm_distillation(s, t, labels, s, t, REAL, **k)),
    }


@pytest.mark.parametrize("name", ["scores", "hidden", "cosine", "triple"])
def test_rows_average_to_the_mean_and_the_gradient_reaches_the_student_only(losses, name):
    pair, loss = losses[name]
    s, t = (x.clone().requires_grad_() for x in pair)
    value = loss(s, t, reduction="mean")
    torch.testing.assert_close(loss(s, t, reduction="none").mean(), value)
    value.backward()
    assert t.grad is None and float(s.grad.abs().sum()) > 0
    filling = s.grad[0, :, 2] if name == "scores" else s.grad[0, 2]
    assert float(filling.abs().max()) == 0


@pytest.mark.parametrize("name", ["scores", "hidden", "cosine"])
def test_a_student_like_its_teacher_has_no_loss_left(losses, name):
    (s, _), loss = losses[name]
    assert float(loss(s, s)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["scores", "hidden", "cosine", "triple"])
def test_gradients_are_those_of_finite_differences(losses, name):
    (s, t), loss = losses[name]
    assert torch.autograd.gradcheck(lambda x: loss(x, t), s.clone().requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["scores", "hidden", "cosine", "triple"])
def test_half_inputs_are_computed_in_float32_and_stay_finite(losses, name, dtype):
    (s, t), loss = losses[name]
    value = loss((1e4 * s).to(dtype), (1e4 * t).to(dtype))
    assert value.dtype == torch.float32 and torch.isfinite(value)


@pytest.mark.parametrize("name", ["scores", "hidden", "cosine", "triple"])
def test_values_that_are_not_finite_are_named(losses, name):
    (s, t), loss = losses[name]
    with pytest.raises(ValueError, match="must be finite"):
        loss(s * float("nan"), t)


def test_a_text_of_filling_alone_is_named_and_without_the_check_counts_nothing():
    empty = torch.tensor([[True, True, True], [False, False, False]])
    h = random(2, 3, 4)
    with pytest.raises(ValueError, match=r"only filling in row \[1\]"):
        hidden_state_loss(h, h + 1, empty)
    assert hidden_state_loss(h, h + 1, empty, reduction="none", check=False).tolist() == pytest.approx([2, 0])


def test_widths_heads_masks_and_layers_that_do_not_fit_are_named():
    h, scores = random(2, 3, 4), random(2, 2, 3, 3)
    with pytest.raises(ValueError, match=r"shape of hidden_t, \(2, 3, 6\), got \(2, 3, 4\).*projection"):
        hidden_state_loss(h, random(2, 3, 6), REAL)
    with pytest.raises(ValueError, match="as many heads"):
        attention_score_loss(scores, random(2, 4, 3, 3), REAL)
    with pytest.raises(ValueError, match="mask must be bool .*, got torch.int64"):
        cosine_hidden_loss(h, h, REAL.long())
    with pytest.raises(
        ValueError, match=r"mask must broadcast to \(2, 3\), the texts and their tokens, got shape \(2, 2\)"
    ):
        cosine_hidden_loss(h, h, REAL[:, :2])
    with pytest.raises(ValueError, match=r"hidden_s and hidden_t must be of as many layers, got \(1, 0\)"):
        transformer_layer_loss([scores], [scores], [h], [], mask=REAL)
    with pytest.raises(ValueError, match="at least one layer"):
        transformer_layer_loss([], [], [], [], mask=REAL)


def test_texts_of_one_length_may_share_a_mask():
    h, scores = random(2, 3, 4), random(2, 2, 3, 3)
    shared, each = REAL[0], REAL[:1].expand(2, 3)
    for loss, values in ((hidden_state_loss, h), (cosine_hidden_loss, h), (attention_score_loss, scores)):
        torch.testing.assert_close(loss(values, values.flip(0), shared), loss(values, values.flip(0), each))


def test_masked_words_of_one_length_may_share_a_mask():
    s, labels, h = random(2, 3, 4), torch.tensor([[1, -1, -1], [-1, 2, -1]]), random(2, 3, 5)
    shared, each = (masked_lm_distillation(s, 2 * s, labels, h, 2 * h, m) for m in (REAL[0], REAL[:1].expand(2, 3)))
    torch.testing.assert_close(shared, each)


def test_labels_on_filling_and_useless_weights_are_refused():
    s, h = random(2, 3, 4), random(2, 3, 5)
    labels = torch.full((2, 3), -1)
    for weights in ((0, 0, 0), (5, -1, 1)):
        with pytest.raises(ValueError, match="weights must be 0 or more"):
            masked_lm_distillation(s, s, labels, h, h, REAL, weights=weights)
    labels[0, 2] = 1
    with pytest.raises(ValueError, match="negative on filling"):
        masked_lm_distillation(s, s, labels, h, h, REAL)


def test_layer_maps_are_those_of_the_paper():
    assert layer_map(4, 12) == [3, 6, 9, 12]
    assert layer_map(4, 12, "top") == [9, 10, 11, 12]
    assert layer_map(4, 12, "bottom") == [1, 2, 3, 4]
    for arguments, message in (
        ((5, 12), "multiple of student_layers 5"),
        ((7, 6), "in 1..6"),
        ((2, 4, "middle"), "kind must be"),
    ):
        with pytest.raises(ValueError, match=message):
            layer_map(*arguments)
