"""Losses of nets that teach each other or themselves, against hand arithmetic, numpy references and identities.

What holds for every loss of logits is tested in `test_response`, for these as well.
"""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdbook.losses import born_again_loss, deep_to_shallow_loss, hard_loss, kd_loss, mutual_loss, progressive_targets
from tests.losses.test_response import (
    LABEL,
    STUDENT,
    TEACHER,
    byot,
    example,
    few,
    fractions,
    np_kl,
    np_softmax,
    seeds,
)


def np_mutual(nets, y, i):
    probs = [np_softmax(net) for net in nets]
    peers = [np_kl(probs[j], probs[i]) for j in range(len(nets)) if j != i]
    return -math.log(probs[i][y]) + sum(peers) / len(peers)


def test_mutual_loss_matches_hand_arithmetic():
    # student: 2.407606 + KL(P||Q) = 0.153740; teacher: -ln 0.114195 = 2.169846 + KL(Q||P) = 0.251697
    value = mutual_loss([STUDENT, TEACHER], LABEL)
    assert value.tolist() == pytest.approx([2.5613457770643424, 2.4215430167777865], rel=1e-12)


def test_born_again_loss_matches_hand_arithmetic():
    # KL(P||Q) = 0.153740 alone, and 0.75 * 0.153740 + 0.25 * 2.407606 with labels
    assert born_again_loss(STUDENT, TEACHER).item() == pytest.approx(0.15373981261996245, rel=1e-12)
    assert born_again_loss(STUDENT, TEACHER, LABEL, alpha=0.75).item() == pytest.approx(0.7172063505760669, rel=1e-12)


def test_progressive_targets_match_hand_arithmetic():
    # 0.6 * (0, 1, 0) + 0.4 * (0.2, 0.3, 0.5)
    targets = progressive_targets(torch.tensor([1]), torch.tensor([[0.2, 0.3, 0.5]]), 0.4)
    np.testing.assert_allclose(targets, [[0.08, 0.72, 0.2]], rtol=1e-6)


def test_deep_to_shallow_loss_at_temperature_two_matches_hand_arithmetic():
    # deepest CE 2.169846 + 0.25 * 2.407606 + 0.75 * 0.302626 = 2.998717
    heads, options = [STUDENT, TEACHER], {"temperature": 2.0, "alpha": 0.75}
    assert deep_to_shallow_loss(heads, LABEL, **options).item() == pytest.approx(2.998717020770484, rel=1e-12)
    # features (1, 2) and (0, 4): mean of (1, 4) = 2.5, times beta 0.5 adds 1.25
    feats = [torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]])]
    value = deep_to_shallow_loss(heads, LABEL, beta=0.5, branch_feats=feats, **options)
    assert value.item() == pytest.approx(4.248717020770484, rel=1e-12)


@few
@given(seeds, st.integers(2, 5))
def test_mutual_loss_equals_the_numpy_reference_for_any_number_of_nets(seed, nets):
    logits, _, labels = example(nets, 3, seed=seed)
    ours = mutual_loss(list(logits), labels[0], reduction="none")
    for b in range(3):
        expected = [np_mutual(logits[:, b].numpy(), labels[0, b], i) for i in range(nets)]
        np.testing.assert_allclose(ours[:, b], expected, rtol=1e-9, atol=1e-12)


def test_born_again_loss_is_kd_at_temperature_one():
    s, t, y = example(4)
    assert born_again_loss(s, t) == kd_loss(s, t, temperature=1.0)
    assert born_again_loss(s, t, y, alpha=0.5) == kd_loss(s, t, y, temperature=1.0, alpha=0.5)


def test_mutual_loss_of_two_equal_nets_is_their_cross_entropy():
    s, _, y = example(4)
    torch.testing.assert_close(mutual_loss([s, s.clone()], y), hard_loss(s, y).expand(2))


def test_mutual_loss_averages_over_peers():
    s, t, y = example(4)
    pair, crowd = mutual_loss([s, t], y)[0], mutual_loss([s, t, t.clone(), t.clone()], y)[0]
    torch.testing.assert_close(pair, crowd)


def test_progressive_targets_follow_the_sample_index_and_not_the_position():
    table = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.0, 0.5, 0.5]])
    all_labels = torch.tensor([0, 1, 2, 1])
    in_order = progressive_targets(all_labels, table, 0.6)
    shuffled = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(progressive_targets(all_labels[shuffled], table[shuffled], 0.6), in_order[shuffled])
    by_position = progressive_targets(all_labels[shuffled], table, 0.6)
    assert not torch.allclose(by_position, in_order[shuffled])


def test_progressive_targets_start_at_the_labels_and_end_at_the_last_probabilities():
    probs, labels = torch.tensor([[0.2, 0.3, 0.5]]), torch.tensor([1])
    assert progressive_targets(labels, probs, 0.0).tolist() == [[0.0, 1.0, 0.0]]
    torch.testing.assert_close(progressive_targets(labels, probs, 1.0), probs)


@few
@given(seeds, fractions)
def test_progressive_targets_are_probabilities(seed, a_t):
    s, _, y = example(2, 3, seed=seed)
    targets = progressive_targets(y, s.softmax(-1), a_t)
    assert (targets >= 0).all()
    torch.testing.assert_close(targets.sum(-1), torch.ones(2, 3, dtype=targets.dtype))


def test_deep_to_shallow_loss_is_the_sum_of_its_parts():
    s, t, y = example(4)
    middle = s + 0.5 * t
    branches = sum(kd_loss(b, t, y, temperature=3.0, alpha=0.3) for b in (s, middle))
    value = deep_to_shallow_loss([s, middle, t], y, temperature=3.0, alpha=0.3)
    torch.testing.assert_close(value, hard_loss(t, y) + branches)


def test_mutual_loss_averages_over_rows_but_not_over_nets():
    s, t, y = example(2, 3)
    rows = mutual_loss([s, t], y, reduction="none")
    assert rows.shape == (2, 2, 3)
    torch.testing.assert_close(mutual_loss([s, t], y), rows.mean((1, 2)))


def test_mutual_peers_are_constants_in_each_nets_loss():
    s, t, y = example(3)
    nets = [s.requires_grad_(), t.requires_grad_()]
    own, peer = torch.autograd.grad(mutual_loss(nets, y)[0], nets)
    assert own.abs().sum() > 0
    assert peer.abs().sum() == 0


def test_the_deepest_head_learns_from_labels_alone():
    s, t, y = example(3)
    heads = [s.requires_grad_(), t.requires_grad_()]
    feats = [torch.randn(3, 2, 2, requires_grad=True) for _ in heads]
    value = deep_to_shallow_loss(heads, y, temperature=3.0, alpha=0.5, beta=1.0, branch_feats=feats)
    value.backward()
    (by_labels,) = torch.autograd.grad(hard_loss(t, y), t)
    torch.testing.assert_close(t.grad, by_labels)
    assert s.grad.abs().sum() > 0
    assert feats[0].grad.abs().sum() > 0
    assert feats[1].grad is None


def test_progressive_targets_carry_no_gradient():
    s, _, y = example(3)
    assert not progressive_targets(y, s.requires_grad_().softmax(-1), 0.5).requires_grad


S, T, Y = example(4)
BAD = {
    "nan alpha": (lambda: born_again_loss(S, T, Y, alpha=math.nan), "alpha must be in [0, 1], got nan"),
    "a_t": (lambda: progressive_targets(Y, S.softmax(-1), 1.1), "a_t must be in [0, 1], got 1.1"),
    "logits for probabilities": (lambda: progressive_targets(Y, S.abs(), 0.5), "last_probs must sum to 1"),
    "negative probabilities": (
        lambda: progressive_targets(Y[:1], torch.tensor([[1.5, -0.5, 0.0, 0.0, 0.0]]), 0.5),
        "last_probs must not be negative, got -0.5",
    ),
    "one net": (lambda: mutual_loss([S], Y), "logits_list must be at least two tensors, got 1"),
    "nets of other shapes": (
        lambda: mutual_loss([S, T[:3]], Y),
        "logits_list must be tensors of one shape, got [(4, 5), (3, 5)]",
    ),
    "one head": (
        lambda: deep_to_shallow_loss([S], Y, temperature=1.0, alpha=0.5),
        "branch_logits must be at least two tensors, got 1",
    ),
    "its own teacher": (lambda: born_again_loss(S, S), "teacher_logits must come from the generation before"),
    "missing features": (lambda: byot(S, T, Y, beta=1.0), "branch_feats must be given when beta is not 0, got None"),
    "too few features": (
        lambda: byot(S, T, Y, beta=1.0, branch_feats=[S]),
        "branch_feats must be at least two tensors, got 1",
    ),
    "features not projected": (
        lambda: byot(S, T, Y, beta=1.0, branch_feats=[S[:, :2], S]),
        "branch_feats must be tensors of one shape, got [(4, 2), (4, 5)]",
    ),
    "features of another head": (
        lambda: byot(S, T, Y, beta=1.0, branch_feats=[S, S, S]),
        "branch_feats must be one a head, (2, 4), with feature axes behind, got (3, 4, 5)",
    ),
    "features without an axis": (
        lambda: byot(S, T, Y, beta=1.0, branch_feats=[S[:, 0], S[:, 0]]),
        "branch_feats must be one a head, (2, 4), with feature axes behind, got (2, 4)",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named_with_its_value(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
