"""Response losses against hand arithmetic, numpy references and the identities that define them."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import example as tried
from hypothesis import given, settings
from hypothesis import strategies as st

from kdbook.losses import (
    born_again_loss,
    deep_to_shallow_loss,
    dkd_loss,
    entropy_bits,
    hard_loss,
    kd_loss,
    logit_matching,
    mutual_loss,
    progressive_targets,
    soft_cross_entropy,
    soft_targets,
    standardized_logits,
)

# The hand example: one row, T = 2, label 2.
#   p = softmax(3/2, 0, 1/2) = (0.628532, 0.140244, 0.231224)    P = softmax(3, 0, 1)  = (0.843795, 0.042010, 0.114195)
#   q = softmax(1/2, 0, -1/2) = (0.506480, 0.307196, 0.186324)   Q = softmax(1, 0, -1) = (0.665241, 0.244728, 0.090031)
STUDENT = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64)
TEACHER = torch.tensor([[3.0, 0.0, 1.0]], dtype=torch.float64)
LABEL = torch.tensor([2])


def example(*lead, classes=5, seed=0, scale=2.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    student = scale * torch.randn(*lead, classes, generator=generator, dtype=dtype)
    teacher = scale * torch.randn(*lead, classes, generator=generator, dtype=dtype)
    labels = torch.randint(classes, lead, generator=generator)
    return student, teacher, labels


def byot(student, teacher, labels, **options):
    return deep_to_shallow_loss([student, teacher], labels, temperature=3.0, alpha=0.3, **options)


# Each loss as a function of (student, teacher, labels); where a loss has two learning nets, the first is tested.
PAIRED = {
    "soft_cross_entropy": lambda s, t, y, **o: soft_cross_entropy(s, t, temperature=3.0, **o),
    "kd_loss": lambda s, t, y, **o: kd_loss(s, t, y, temperature=3.0, alpha=0.7, **o),
    "kd_loss_at_one": lambda s, t, y, **o: kd_loss(s, t, y, temperature=1.0, alpha=0.7, **o),
    "kd_loss_soft_only": lambda s, t, y, **o: kd_loss(s, t, temperature=3.0, **o),
    "kd_loss_hard_only": lambda s, t, y, **o: kd_loss(s, t, y, temperature=3.0, alpha=0.0, **o),
    "logit_matching": lambda s, t, y, **o: logit_matching(s, t, **o),
    "logit_matching_raw": lambda s, t, y, **o: logit_matching(s, t, centre=False, **o),
    "dkd_loss": lambda s, t, y, **o: dkd_loss(s, t, y, temperature=3.0, alpha=1.5, beta=4.0, **o),
    "born_again_loss": lambda s, t, y, **o: born_again_loss(s, t, y, alpha=0.4, **o),
}
ALL = PAIRED | {
    "hard_loss": lambda s, t, y, **o: hard_loss(s, y, label_smoothing=0.1, **o),
    "mutual_loss": lambda s, t, y, **o: mutual_loss([s, t.detach()], y, **o)[0],
    "deep_to_shallow_loss": byot,
}
paired = pytest.mark.parametrize("loss", PAIRED.values(), ids=PAIRED)
every = pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
shift_invariant = pytest.mark.parametrize(
    "loss",
    [f for name, f in ALL.items() if name != "logit_matching_raw"],
    ids=[n for n in ALL if not n.endswith("raw")],
)


# The references take one row at a time and plain probabilities, so that they share no trick with the losses.


def np_softmax(logits, temperature=1.0):
    weights = np.exp((logits - logits.max()) / temperature)
    return weights / weights.sum()


def np_kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def np_kd(s, t, y, temperature, alpha):
    soft = temperature**2 * np_kl(np_softmax(t, temperature), np_softmax(s, temperature))
    return alpha * soft - (1 - alpha) * math.log(np_softmax(s)[y])


def np_dkd(s, t, y, temperature, alpha, beta):
    p, q = np_softmax(t, temperature), np_softmax(s, temperature)
    p_rest, q_rest = np.delete(p, y), np.delete(q, y)
    tckd = np_kl([p[y], p_rest.sum()], [q[y], q_rest.sum()])  # 1 - p[y] would lose the digits of a sure teacher
    nckd = np_kl(p_rest / p_rest.sum(), q_rest / q_rest.sum())
    return temperature**2 * (alpha * tckd + beta * nckd)


def rows_of(*tensors):
    return zip(*(tensor.numpy() for tensor in tensors), strict=True)


def test_soft_targets_at_temperature_two_match_hand_arithmetic():
    # e^1.5 = 4.481689, e^0 = 1, e^0.5 = 1.648721; their sum is 7.130410
    expected = [[0.6285317192117624, 0.14024438316608848, 0.2312238976221491]]
    np.testing.assert_allclose(soft_targets(TEACHER, 2.0), expected, rtol=1e-12)


def test_entropy_is_counted_in_bits_and_a_class_without_probability_adds_nothing():
    p = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    assert entropy_bits(p).tolist() == pytest.approx([1.5, 0.0, 1.0])


def test_kd_loss_at_temperature_two_matches_hand_arithmetic():
    # KL(p||q) = 0.628532 ln(0.628532/0.506480) + 0.140244 ln(0.140244/0.307196) + 0.231224 ln(0.231224/0.186324)
    #          = 0.135701 - 0.109965 + 0.049921 = 0.0756565; times T^2 = 4 is 0.302626 (KL(q||p) would give 0.365180)
    assert kd_loss(STUDENT, TEACHER, temperature=2.0).item() == pytest.approx(0.3026260134708043, rel=1e-12)
    # CE = -ln 0.0900306 = 2.407606; 0.75 * 0.302626 + 0.25 * 2.407606 = 0.828871
    mixed = kd_loss(STUDENT, TEACHER, LABEL, temperature=2.0, alpha=0.75)
    assert mixed.item() == pytest.approx(0.8288710012141982, rel=1e-12)


def test_soft_cross_entropy_at_temperature_two_matches_hand_arithmetic():
    # 4 * (0.628532 * 0.680270 + 0.140244 * 1.180270 + 0.231224 * 1.680270) = 4 * 0.981616
    value = soft_cross_entropy(STUDENT, TEACHER, temperature=2.0)
    assert value.item() == pytest.approx(3.9264630393877114, rel=1e-12)


def test_hard_loss_with_smoothing_matches_hand_arithmetic():
    # -ln Q = (0.407606, 1.407606, 2.407606): 0.9 * 2.407606 + 0.1 * their mean 1.407606
    value = hard_loss(STUDENT, LABEL, label_smoothing=0.1)
    assert value.item() == pytest.approx(2.30760596444438, rel=1e-12)


def test_logit_matching_matches_hand_arithmetic():
    # s - t = (-2, 0, -2); less its mean -4/3: (-2/3, 4/3, -2/3), squares sum to 8/3; over 2C = 6: 4/9. Raw: 8/6.
    assert logit_matching(STUDENT, TEACHER).item() == pytest.approx(4 / 9, rel=1e-12)
    assert logit_matching(STUDENT, TEACHER, centre=False).item() == pytest.approx(4 / 3, rel=1e-12)


def test_standardized_logits_are_z_scores_and_forget_shift_and_scale():
    # (1, 2, 3, 6): mean 3, deviations (-2, -1, 0, 3), variance 14/4
    logits = torch.tensor([[1.0, 2.0, 3.0, 6.0]], dtype=torch.float64)
    expected = torch.tensor([[-2.0, -1.0, 0.0, 3.0]], dtype=torch.float64) / 3.5**0.5
    torch.testing.assert_close(standardized_logits(logits), expected)
    torch.testing.assert_close(standardized_logits(5 * logits - 2), expected)
    equal = torch.full((1, 4), 7.0, requires_grad=True)
    standardized_logits(equal).sum().backward()
    assert (standardized_logits(equal) == 0).all() and torch.isfinite(equal.grad).all()


def test_dkd_loss_at_temperature_two_matches_hand_arithmetic():
    # TCKD: (0.231224, 0.768776) against (0.186324, 0.813676) = 0.0062835
    # NCKD: (0.817574, 0.182426) against (0.622459, 0.377541) = 0.0902382; 4 * (TCKD + 8 NCKD) = 2.912756
    value = dkd_loss(STUDENT, TEACHER, LABEL, temperature=2.0, alpha=1.0, beta=8.0)
    assert value.item() == pytest.approx(2.912756017405881, rel=1e-12)


seeds = st.integers(0, 10_000)
temperatures = st.floats(0.2, 20.0)
fractions = st.floats(0.0, 1.0)
few = settings(max_examples=25, deadline=None)


@few
@given(seeds, temperatures, fractions)
def test_kd_loss_equals_the_numpy_reference(seed, temperature, alpha):
    s, t, y = example(4, seed=seed)
    ours = kd_loss(s, t, y, temperature=temperature, alpha=alpha, reduction="none")
    expected = [np_kd(*row, temperature, alpha) for row in rows_of(s, t, y)]
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-11)


@few
@given(seeds, temperatures, st.floats(0, 5), st.floats(0, 10), st.integers(2, 6))
@tried(seed=289, temperature=0.25, alpha=1.0, beta=0.0, classes=2)
def test_dkd_loss_equals_the_numpy_reference(seed, temperature, alpha, beta, classes):
    s, t, y = example(4, classes=classes, seed=seed)
    ours = dkd_loss(s, t, y, temperature=temperature, alpha=alpha, beta=beta, reduction="none")
    expected = [np_dkd(*row, temperature, alpha, beta) for row in rows_of(s, t, y)]
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-9)


@few
@given(seeds, temperatures)
def test_kd_is_tckd_plus_nckd_weighted_by_the_teachers_doubt(seed, temperature):
    s, t, y = example(6, seed=seed)
    options = {"temperature": temperature, "reduction": "none"}
    tckd = dkd_loss(s, t, y, alpha=1.0, beta=0.0, **options)
    nckd = dkd_loss(s, t, y, alpha=0.0, beta=1.0, **options)
    p_y = soft_targets(t, temperature).gather(-1, y[:, None])[:, 0]
    torch.testing.assert_close(tckd + (1 - p_y) * nckd, kd_loss(s, t, **options), rtol=1e-8, atol=1e-10)


@few
@given(seeds, temperatures)
def test_soft_cross_entropy_is_kl_plus_a_constant_with_the_same_gradient(seed, temperature):
    s, t, _ = example(4, seed=seed)
    s.requires_grad_()
    p = soft_targets(t, temperature)
    entropy = temperature**2 * -(p * p.log()).sum(-1).mean()
    cross, kl = (loss(s, t, temperature=temperature) for loss in (soft_cross_entropy, kd_loss))
    torch.testing.assert_close(cross, kl + entropy)
    torch.testing.assert_close(*(torch.autograd.grad(value, s)[0] for value in (cross, kl)))


@few
@given(seeds, temperatures)
def test_kd_gradient_is_temperature_times_the_difference_of_soft_targets(seed, temperature):
    s, t, _ = example(seed=seed)
    s.requires_grad_()
    (gradient,) = torch.autograd.grad(kd_loss(s, t, temperature=temperature), s)
    expected = temperature * (soft_targets(s.detach(), temperature) - soft_targets(t, temperature))
    torch.testing.assert_close(gradient, expected, rtol=1e-7, atol=1e-9)


@few
@given(seeds, temperatures)
def test_kd_loss_is_never_negative_and_zero_only_for_the_teachers_answer(seed, temperature):
    s, t, _ = example(4, seed=seed)
    assert (kd_loss(s, t, temperature=temperature, reduction="none") > 0).all()
    assert kd_loss(t.clone(), t, temperature=temperature).item() == 0.0


def test_kd_loss_tends_to_logit_matching_as_temperature_grows():
    s, t, _ = example(8)
    limit = logit_matching(s, t, reduction="none")
    gaps = [(kd_loss(s, t, temperature=T, reduction="none") / limit - 1).abs().max() for T in (10.0, 100.0, 1000.0)]
    assert gaps[2] < 1e-2
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2]  # the error falls like 1/T


def test_kd_loss_sums_over_classes_rather_than_averaging():
    # Splitting each class into two equal halves leaves every KL as it is; an average over classes would halve it.
    s, t, _ = example(4)
    split_s, split_t = s.repeat_interleave(2, -1), t.repeat_interleave(2, -1)
    torch.testing.assert_close(kd_loss(split_s, split_t, temperature=4.0), kd_loss(s, t, temperature=4.0))


def test_alpha_weights_the_soft_term_and_the_rest_goes_to_the_labels():
    s, t, y = example(4)
    assert kd_loss(s, t, y, temperature=4.0, alpha=0.0) == hard_loss(s, y)
    assert kd_loss(s, t, y, temperature=4.0, alpha=1.0) == kd_loss(s, t, temperature=4.0)


def test_the_hard_term_is_taken_at_temperature_one():
    s, t, y = example(4)
    torch.testing.assert_close(kd_loss(s, t, y, temperature=50.0, alpha=0.0), torch.nn.functional.cross_entropy(s, y))


def test_dkd_leaves_the_teacher_no_say_on_targets_when_alpha_is_zero():
    s, t, y = example(4)
    moved = t.scatter_add(-1, y[:, None], torch.full((4, 1), 3.0, dtype=t.dtype))
    values = [dkd_loss(s, teacher, y, temperature=2.0, alpha=0.0, beta=1.0) for teacher in (t, moved)]
    torch.testing.assert_close(*values)


def test_dkd_with_two_classes_has_no_non_target_knowledge():
    s, t, y = example(4, classes=2)
    assert dkd_loss(s, t, y, temperature=2.0, alpha=0.0, beta=8.0).item() == 0.0


def test_hard_loss_equals_torch_cross_entropy():
    s, _, y = example(6)
    for smoothing in (0.0, 0.1, 1.0):
        expected = torch.nn.functional.cross_entropy(s, y, label_smoothing=smoothing, reduction="none")
        torch.testing.assert_close(hard_loss(s, y, label_smoothing=smoothing, reduction="none"), expected)


def test_hard_loss_weights_rows_and_divides_by_their_number():
    s, _, y = example(3)
    weight = torch.tensor([0.0, 1.0, 3.0])
    rows = hard_loss(s, y, reduction="none")
    torch.testing.assert_close(hard_loss(s, y, row_weights=weight), (rows[1] + 3 * rows[2]) / 3)


@every
def test_none_averages_to_mean(loss):
    s, t, y = example(2, 3)
    rows = loss(s, t, y, reduction="none")
    assert rows.shape == (2, 3)
    if loss is not ALL["mutual_loss"]:
        torch.testing.assert_close(rows.mean(), loss(s, t, y))


@every
@pytest.mark.parametrize("lead", [(), (7,), (2, 3), (2, 1, 2, 2)], ids=str)
def test_leading_axes_of_any_shape_give_one_value_a_row(loss, lead):
    s, t, y = example(*lead)
    rows = loss(s, t, y, reduction="none")
    assert rows.shape == lead
    flat = loss(s.reshape(-1, 5), t.reshape(-1, 5), y.reshape(-1), reduction="none")
    torch.testing.assert_close(rows.reshape(-1), flat)


@every
def test_one_value_does_not_depend_on_the_other_rows(loss):
    s, t, y = example(4)
    together = loss(s, t, y, reduction="none")
    alone = torch.cat([loss(s[i : i + 1], t[i : i + 1], y[i : i + 1], reduction="none") for i in range(4)])
    torch.testing.assert_close(together, alone)


@shift_invariant
def test_adding_a_constant_to_a_row_changes_nothing(loss):
    s, t, y = example(4)
    shift = torch.tensor([[-7.0], [0.5], [3.0], [100.0]], dtype=s.dtype)
    torch.testing.assert_close(loss(s + shift, t - 2 * shift, y), loss(s, t, y), rtol=1e-9, atol=1e-10)


def test_uncentred_logit_matching_sees_a_constant_shift():
    s, t, _ = example(4)
    assert not torch.allclose(logit_matching(s + 1, t, centre=False), logit_matching(s, t, centre=False))


@every
def test_gradcheck_in_float64(loss):
    s, t, y = example(3, classes=4)
    assert torch.autograd.gradcheck(lambda student: loss(student, t, y), s.requires_grad_())
    assert torch.autograd.gradcheck(lambda student: loss(student, t, y, reduction="none"), s)


@paired
def test_gradient_reaches_the_student_only(loss):
    s, t, y = example(3)
    s.requires_grad_()
    t.requires_grad_()
    loss(s, t, y).backward()
    assert s.grad.abs().sum() > 0
    assert t.grad is None


def test_row_weights_and_settings_receive_no_gradient():
    s, t, y = example(3)
    s.requires_grad_()
    weight, temperature = torch.ones(3, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    (hard_loss(s, y, row_weights=weight) + kd_loss(s, t, temperature=temperature)).backward()
    assert weight.grad is None
    assert temperature.grad is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every
def test_half_inputs_are_computed_in_float32(loss, dtype):
    s, t, y = example(4)
    s, t = s.to(dtype), t.to(dtype)
    value = loss(s, t, y)
    assert value.dtype == torch.float32
    assert value == loss(s.float(), t.float(), y)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@every
def test_logits_of_ten_thousand_stay_finite_with_their_gradient(loss, dtype):
    s = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [0.0, 0.0, -1e4]], dtype=dtype, requires_grad=True)
    t = torch.tensor([[-1e4, 1e4, 5.0], [1e4, 1e4, -1e4], [1e4, -1e4, -1e4]], dtype=dtype)
    value = loss(s, t, torch.tensor([1, 0, 2]))
    value.backward()
    assert value.isfinite()
    assert s.grad.isfinite().all()


def test_a_float16_teacher_serves_a_float32_student_in_float32():
    s, t, y = example(3, dtype=torch.float32)
    assert kd_loss(s, t.half(), y, temperature=2.0, alpha=0.5).dtype == torch.float32
    assert kd_loss(s, t.double(), y, temperature=2.0, alpha=0.5).dtype == torch.float32


@every
def test_a_stack_of_students_gives_each_the_gradient_it_has_alone(loss):
    s, t, y = example(3, 4)
    s.requires_grad_()
    loss(s, t[:1].expand(3, 4, 5), y[0].expand(3, 4), reduction="none").mean(-1).sum().backward()
    for student, gradient in zip(s.detach(), s.grad, strict=True):
        student.requires_grad_()
        (alone,) = torch.autograd.grad(loss(student, t[0], y[0]), student)
        torch.testing.assert_close(gradient, alone, rtol=1e-10, atol=1e-12)


@paired
def test_teacher_and_labels_without_the_student_axis_serve_all_students(loss):
    s, t, y = example(3, 4)
    shared = loss(s, t[0], y[0], reduction="none")
    torch.testing.assert_close(shared, loss(s, t[0].expand(3, 4, 5), y[0].expand(3, 4), reduction="none"))


def test_labels_without_the_student_axis_serve_all_students_in_the_other_losses():
    s, t, y = example(3, 4)
    full = y[0].expand(3, 4)
    for loss in (
        lambda labels: hard_loss(s, labels, reduction="none"),
        lambda labels: mutual_loss([s, t], labels, reduction="none"),
        lambda labels: byot(s, t, labels, reduction="none"),
        lambda labels: progressive_targets(labels, s.softmax(-1), 0.5),
    ):
        torch.testing.assert_close(loss(y[0]), loss(full))


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4)], ids=str)
def test_each_student_of_a_stack_may_have_its_own_temperature_and_alpha(shape):
    s, t, y = example(3, 4)
    temperatures, alphas = torch.tensor([1.0, 2.0, 8.0]), torch.tensor([1.0, 0.5, 0.0])
    spread = [v.reshape(3, *(1,) * (len(shape) - 1)).expand(shape) for v in (temperatures, alphas)]
    stacked = kd_loss(s, t[0], y[0], temperature=spread[0], alpha=spread[1], reduction="none")
    for i in range(3):
        T, alpha = temperatures[i].item(), alphas[i].item()
        alone = kd_loss(s[i], t[0], y[0], temperature=T, alpha=alpha, reduction="none")
        torch.testing.assert_close(stacked[i], alone)


def test_tensor_settings_agree_with_numbers_in_the_other_losses():
    s, t, y = example(3, 4)
    T, a, b = torch.full((3,), 2.0), torch.full((3,), 0.25), torch.tensor(1.5)
    feats = [torch.randn(3, 4, 6), torch.randn(3, 4, 6)]
    for tensors, numbers in (
        (soft_targets(s, T), soft_targets(s, 2.0)),
        (soft_cross_entropy(s, t[0], temperature=T), soft_cross_entropy(s, t[0], temperature=2.0)),
        (
            dkd_loss(s, t[0], y[0], temperature=T, alpha=a, beta=b),
            dkd_loss(s, t[0], y[0], temperature=2.0, alpha=0.25, beta=1.5),
        ),
        (progressive_targets(y, s.softmax(-1), a), progressive_targets(y, s.softmax(-1), 0.25)),
        (born_again_loss(s, t, y, alpha=a), born_again_loss(s, t, y, alpha=0.25)),
        (
            deep_to_shallow_loss([s, t], y, temperature=T, alpha=a, beta=b, branch_feats=feats),
            deep_to_shallow_loss([s, t], y, temperature=2.0, alpha=0.25, beta=1.5, branch_feats=feats),
        ),
    ):
        torch.testing.assert_close(tensors, numbers)


def test_a_shared_teacher_is_not_copied_for_each_student():
    s, t, _ = example(64, 4, dtype=torch.float32)
    elements = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.aten._log_softmax.default:
                elements.append(args[0].numel())
            return func(*args, **(kwargs or {}))

    with Watch():
        kd_loss(s, t[0], temperature=2.0)
    assert sorted(elements) == [4 * 5, 64 * 4 * 5]


def test_a_term_without_weight_costs_no_softmax():
    s, t, y = example(4)
    calls = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            calls.append(func is torch.ops.aten._log_softmax.default)
            return func(*args, **(kwargs or {}))

    def softmaxes(**options):
        calls.clear()
        with Watch():
            kd_loss(s, t, y, **options)
        return sum(calls)

    assert softmaxes(temperature=2.0, alpha=0.5) == 3
    assert softmaxes(temperature=2.0, alpha=1.0) == 2
    assert softmaxes(temperature=2.0, alpha=0.0) == 1
    assert softmaxes(temperature=1.0, alpha=0.5) == 2  # both terms share the student's


S, T, Y = example(4)
INF, NAN = math.inf, math.nan
BAD = {
    "negative temperature": (
        lambda: kd_loss(S, T, temperature=-1.0),
        "temperature must be positive and finite, got -1.0",
    ),
    "zero temperature": (lambda: soft_targets(S, 0.0), "temperature must be positive and finite, got 0.0"),
    "infinite temperature": (
        lambda: soft_cross_entropy(S, T, temperature=INF),
        "temperature must be positive and finite, got inf",
    ),
    "nan temperature": (
        lambda: dkd_loss(S, T, Y, temperature=NAN),
        "temperature must be positive and finite, got nan",
    ),
    "tensor temperature": (
        lambda: kd_loss(S, T, temperature=torch.tensor([1.0, -2.0, 3.0, 4.0]), check=False),
        "temperature must be positive and finite, got -2.0",
    ),
    "temperature of the wrong shape": (
        lambda: kd_loss(S, T, temperature=torch.ones(3)),
        "temperature must be a number or broadcast over the leading axes (4,) of the logits from the left, "
        "got shape (3,)",
    ),
    "alpha above one": (
        lambda: kd_loss(S, T, Y, temperature=1.0, alpha=1.5),
        "alpha must be in [0, 1], got 1.5",
    ),
    "tensor alpha": (
        lambda: kd_loss(S, T, Y, temperature=1.0, alpha=torch.tensor(-0.5), check=False),
        "alpha must be in [0, 1], got -0.5",
    ),
    "negative beta": (
        lambda: dkd_loss(S, T, Y, temperature=1.0, beta=-8.0),
        "beta must be 0 or more, got -8.0",
    ),
    "smoothing": (lambda: hard_loss(S, Y, label_smoothing=2.0), "label_smoothing must be in [0, 1], got 2.0"),
    "alpha below one without labels": (
        lambda: kd_loss(S, T, temperature=1.0, alpha=0.9),
        "labels must be given when alpha is below 1, got labels=None with alpha=0.9",
    ),
    "tensor alpha below one without labels": (
        lambda: kd_loss(S, T, temperature=1.0, alpha=torch.tensor(0.5)),
        "labels must be given when alpha is below 1",
    ),
    "reduction": (lambda: hard_loss(S, Y, reduction="sum"), "reduction must be 'mean' or 'none', got 'sum'"),
    "other classes": (
        lambda: kd_loss(S, T[:, :3], temperature=1.0),
        "teacher_logits must broadcast to (4, 5), the shape of student_logits, got shape (4, 3)",
    ),
    "other rows": (
        lambda: logit_matching(S, T[:3]),
        "teacher_logits must broadcast to (4, 5), the shape of student_logits, got shape (3, 5)",
    ),
    "teacher larger than the student": (
        lambda: kd_loss(S, T.expand(2, 4, 5), temperature=1.0),
        "teacher_logits must broadcast to (4, 5)",
    ),
    "other labels": (
        lambda: hard_loss(S, Y[:3]),
        "labels must broadcast to (4,), the logits' shape without classes, got shape (3,)",
    ),
    "float labels": (lambda: hard_loss(S, Y.float()), "labels must be integer class numbers, got torch.float32"),
    "integer logits": (
        lambda: hard_loss(S.long(), Y),
        "student_logits must be floating point (convert with .float()), got torch.int64",
    ),
    "no rows": (lambda: hard_loss(S[:0], Y[:0]), "student_logits must have shape (..., C) and not be empty"),
    "one class": (
        lambda: kd_loss(S[:, :1], T[:, :1], temperature=1.0),
        "student_logits must be over 2 classes or more (write one logit z as [0, z]), got (4, 1)",
    ),
    "ignored label": (lambda: hard_loss(S, torch.tensor([0, 1, -100, 2])), "labels must lie in [0, 5), got -100"),
    "label too large": (
        lambda: kd_loss(S, T, Y.clone().fill_(5), temperature=1.0, alpha=0.5),
        "labels must lie in [0, 5), got 5",
    ),
    "nan student": (
        lambda: kd_loss(S.clone().index_fill(0, torch.tensor(1), NAN), T, temperature=1.0),
        "student_logits must be finite, got nan at [1, 0]",
    ),
    "infinite teacher": (
        lambda: kd_loss(S, T.clone().index_fill(1, torch.tensor(2), -INF), temperature=1.0),
        "teacher_logits must be finite, got -inf at [0, 2]",
    ),
    "negative weight": (
        lambda: hard_loss(S, Y, row_weights=-torch.ones(4)),
        "row_weights must not be negative, got -1",
    ),
    "weight of the wrong shape": (
        lambda: hard_loss(S, Y, row_weights=torch.ones(3)),
        "row_weights must broadcast to (4,)",
    ),
    "one class without its rest": (
        lambda: dkd_loss(S[:, :1], T[:, :1], torch.zeros(4, dtype=torch.int64), temperature=1.0),
        "student_logits must be over 2 classes or more",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named_with_its_value(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_an_ignored_label_is_never_dropped_in_silence_without_the_check():
    with pytest.raises(IndexError):
        hard_loss(S, torch.tensor([0, 1, -100, 2]), check=False)


def test_check_false_lets_nan_through_to_the_value():
    student = S.clone().index_fill(0, torch.tensor(1), NAN)
    rows = kd_loss(student, T, temperature=2.0, reduction="none", check=False)
    assert rows.isnan().tolist() == [False, True, False, False]
