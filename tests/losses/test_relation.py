"""Relation losses against literals computed by hand, and the laws they obey."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from kdbook.losses.relation import (
    ContrastiveMemory,
    contrastive_distillation,
    correlation_congruence,
    dist_loss,
    flow_of_solution,
    probabilistic_transfer,
    relational_angle,
    relational_distance,
    similarity_preserving,
)

LOSSES = {
    "rkd-d": relational_distance,
    "rkd-a": relational_angle,
    "sp": similarity_preserving,
    "cc": correlation_congruence,
    "pkt": probabilistic_transfer,
}
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


def random_rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


ACROSS, ALONG = rows([1.0, 0.0], [0.0, 1.0]), rows([1.0, 0.0], [1.0, 0.0])  # two examples at a right angle; alike


@pytest.mark.parametrize(
    ("loss", "student", "teacher", "expected"),
    [
        # distances 1, 3, 2 of mean 2 against 2, 4, 2 of mean 8/3: two gaps of 0.25, both ways, over 9 pairs
        (relational_distance, rows([0.0], [1.0], [3.0]), rows([0.0], [2.0], [4.0]), 4 * 0.25**2 / 2 / 9),
        # cosines 0, 0.7071, 0.7071 against 1, -1, 1: smooth L1 of 0.5, 1.2071, 0.0429, both ways, over 27 triplets
        (
            relational_angle,
            rows([0.0, 0.0], [1.0, 0.0], [0.0, 1.0]),
            rows([0.0, 0.0], [1.0, 0.0], [3.0, 0.0]),
            3.5 / 27,
        ),
        # rows (1, 0) against (0.7071, 0.7071)
        (similarity_preserving, ACROSS, ALONG, 1 - math.sqrt(0.5)),
        # probabilities (2/3, 1/3) against (1/2, 1/2), over 4 pairs
        (probabilistic_transfer, ACROSS, ALONG, math.log(9 / 8) / 4),
        # at gamma = 0.4 and order 2 the off-diagonal entries are e^-0.8 and e^-0.8 (1 + 0.8 + 0.32)
        (correlation_congruence, ACROSS, ALONG, (math.exp(-0.8) * 1.12) ** 2 / 2),
    ],
    ids=LOSSES,
)
def test_the_loss_by_hand(loss, student, teacher, expected):
    assert float(loss(student, teacher)) == pytest.approx(expected)


def test_the_series_tends_to_the_gaussian_kernel():
    x = torch.nn.functional.normalize(random_rows(6, 4), dim=1)
    same = torch.ones(6, 4, dtype=torch.float64)  # a kernel of ones
    kernel = (-0.7 * torch.cdist(x, x).square()).exp()
    found = correlation_congruence(x, same, gamma=0.7, order=20)
    torch.testing.assert_close(found, (kernel - 1).square().mean())


def test_the_flow_by_hand():
    first_s, last_s = rows(1.0, 2.0).reshape(1, 1, 1, 2), rows(3.0, 4.0).reshape(1, 1, 1, 2)
    first_t, last_t = torch.ones_like(first_s), 2 * torch.ones_like(first_s)
    assert float(flow_of_solution(first_s, last_s, first_t, last_t)) == pytest.approx((5.5 - 2) ** 2)


def test_the_flow_averages_the_larger_map_down_and_reaches_the_student_only():
    first_s, first_t = (random_rows(2, 3, 4, 4, seed=s).requires_grad_() for s in (0, 1))
    last_s, last_t = (random_rows(2, 5, 2, 2, seed=s).requires_grad_() for s in (2, 3))
    found = flow_of_solution(first_s, last_s, first_t, last_t)
    small = torch.nn.functional.avg_pool2d(first_s, 2)
    torch.testing.assert_close(found, flow_of_solution(small, last_s, first_t, last_t))
    found.backward()
    assert first_s.grad.abs().sum() > 0 and last_s.grad.abs().sum() > 0
    assert first_t.grad is None and last_t.grad is None
    each = flow_of_solution(first_s, last_s, first_t, last_t, reduction="none")
    torch.testing.assert_close(each.mean(), found)


@losses
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), examples=st.integers(3, 7), width=st.integers(1, 9), scale=st.floats(0.1, 10))
def test_relations_do_not_know_the_scale_and_turn_with_the_examples(loss, seed, examples, width, scale):
    student, teacher = random_rows(examples, 5, seed=seed), random_rows(examples, width, seed=seed + 1)
    found = loss(student, teacher)
    assert found >= -1e-12
    torch.testing.assert_close(loss(student * scale, teacher), found)
    torch.testing.assert_close(loss(student, teacher * scale), found)
    order = torch.randperm(examples, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(loss(student[order], teacher[order]), found)


@pytest.mark.parametrize("loss", [relational_distance, relational_angle])
def test_distances_and_angles_do_not_know_the_place_and_the_turn(loss):
    student, teacher = random_rows(6, 4), random_rows(6, 3, seed=1)
    turn, _ = torch.linalg.qr(random_rows(4, 4, seed=2))
    torch.testing.assert_close(loss(student @ turn + 5, teacher), loss(student, teacher))


@losses
def test_equal_relations_cost_nothing(loss):
    f = random_rows(6, 4)
    assert float(loss(f, 3 * f)) == pytest.approx(0, abs=1e-12)


@losses
def test_a_batch_of_one_has_no_relations(loss):
    student = random_rows(1, 4).requires_grad_()
    found = loss(student, random_rows(1, 7, seed=1), check=False)
    found.backward()
    assert float(found.detach()) == pytest.approx(0, abs=1e-12) and student.grad.isfinite().all()


@losses
def test_twins_and_zeros_in_a_batch_leave_the_gradient_finite(loss):
    for student in (rows([1.0, 2.0], [1.0, 2.0], [0.0, 0.0]), torch.zeros(3, 2, dtype=torch.float64)):
        student.requires_grad_()
        found = loss(student, random_rows(3, 4))
        found.backward()
        assert found.isfinite() and student.grad.isfinite().all() and student.grad.abs().max() < 1e3


def test_twins_count_in_the_mean_distance_over_all_pairs_of_the_paper():
    # Park et al. 2019, eq. 5: mu = mean of |x_i - x_j| over all i != j, of which twins are a pair of distance 0
    student, teacher = random_rows(6, 4), random_rows(6, 3, seed=1)
    student[1] = student[0]

    def relative(f):
        apart = [[math.dist(a, b) for b in f.tolist()] for a in f.tolist()]
        return torch.tensor(apart, dtype=torch.float64) * 30 / sum(map(sum, apart))

    expected = torch.nn.functional.smooth_l1_loss(relative(student), relative(teacher))
    assert float(relational_distance(student, teacher)) == pytest.approx(float(expected), rel=1e-12)


@losses
def test_the_gradient_reaches_the_student_only(loss):
    student, teacher = (random_rows(6, 4, seed=s).requires_grad_() for s in (0, 1))
    loss(student, teacher).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None


@losses
def test_the_gradient_is_that_of_finite_differences(loss):
    student, teacher = random_rows(5, 3).requires_grad_(), random_rows(5, 4, seed=1)
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher), student)


@losses
def test_rows_average_to_the_mean_and_further_axes_are_flattened(loss):
    student, teacher = random_rows(6, 2, 3), random_rows(6, 4, seed=1)
    each = loss(student, teacher, reduction="none")
    assert each.shape == (6,)
    torch.testing.assert_close(each.mean(), loss(student.flatten(1), teacher))


@losses
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_features_are_computed_in_float32(loss, dtype):
    found = loss(random_rows(6, 4).to(dtype), random_rows(6, 3, seed=1).to(dtype))
    assert found.dtype == torch.float32 and found.isfinite()


@losses
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f, f[:3]), "same examples, got 6 and 3"),
        (lambda f: (f.long(), f), "f_s must be floating point"),
        (lambda f: (f, f / 0), "f_t must be finite"),
        (lambda f: (f[:, 0], f), "feature axes"),
    ],
)
def test_malformed_features_are_refused_by_name(loss, change, message):
    with pytest.raises(ValueError, match=message):
        loss(*change(random_rows(6, 4)))


@pytest.mark.parametrize(
    ("settings", "message"), [({"gamma": 0.0}, "gamma must be positive"), ({"order": 0}, "order must be at least 1")]
)
def test_an_impossible_kernel_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        correlation_congruence(ACROSS, ALONG, **settings)


def test_the_flow_refuses_other_channels_and_flat_features():
    f = random_rows(2, 3, 4, 4)
    with pytest.raises(ValueError, match=r"channels of f_in_t and f_out_t, \(3, 3\), got \(3, 2\)"):
        flow_of_solution(f, f[:, :2], f, f)
    with pytest.raises(ValueError, match="f_in_s must have shape"):
        flow_of_solution(f.flatten(1), f, f, f)


def unit_memory(*rows_, negatives=1):
    return ContrastiveMemory(torch.tensor(rows_, dtype=torch.float64), negatives)


def test_contrastive_distillation_by_hand():
    # cosines: 1 with the teacher's own embedding, 0 with the only other sample; at T = 0.5 the scores are 2 and 0
    memory = unit_memory([1.0, 0.0], [0.0, 1.0])
    g = rows([3.0, 0.0])
    # Z = 2 samples times the mean of e^2 and e^0; h / (h + K / N) with K = 1, N = 2
    z = 2 * (math.e**2 + 1) / 2
    true, false = (h / (h + 0.5) for h in (math.e**2 / z, 1 / z))
    found = contrastive_distillation(g, rows([2.0, 0.0]), torch.tensor([0]), memory, temperature=0.5)
    assert float(found) == pytest.approx(-math.log(true) - math.log(1 - false))


def test_the_normaliser_of_contrastive_distillation_is_set_once():
    memory = unit_memory([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], negatives=2)
    index = torch.tensor([0, 1])
    contrastive_distillation(rows([1.0, 0.0], [0.0, 1.0]), rows([1.0, 0.0], [0.0, 1.0]), index, memory)
    first = memory.log_z.clone()
    contrastive_distillation(rows([0.0, 1.0], [1.0, 1.0]), rows([1.0, 0.0], [0.0, 1.0]), index, memory)
    assert torch.equal(memory.log_z, first)


def test_contrastive_distillation_has_a_gradient_for_the_student_only_and_keeps_its_memory():
    memory = ContrastiveMemory.random(20, 4, 5)
    before = memory.embeddings.clone()
    g_s, g_t = (random_rows(3, 4, seed=s).requires_grad_() for s in (1, 2))
    contrastive_distillation(g_s, g_t, torch.tensor([4, 0, 19]), memory).backward()
    assert g_s.grad.abs().sum() > 0 and g_t.grad is None
    assert torch.equal(memory.embeddings, before)


def test_rows_of_contrastive_distillation_average_to_its_mean_and_a_batch_of_one_works():
    memory = ContrastiveMemory.random(20, 4, 5)
    g_s, g_t, index = random_rows(3, 4, seed=1), random_rows(3, 4, seed=2), torch.tensor([4, 0, 19])
    found = []
    for reduction in ("none", "mean"):
        torch.manual_seed(0)
        found.append(contrastive_distillation(g_s, g_t, index, memory, reduction=reduction))
    assert found[0].shape == (3,)
    torch.testing.assert_close(found[0].mean(), found[1])
    assert torch.isfinite(contrastive_distillation(g_s[:1], g_t[:1], index[:1], memory))


def test_contrastive_distillation_is_smaller_for_the_true_partner():
    memory = ContrastiveMemory.random(200, 8, 50)
    g, index = memory.embeddings[:10], torch.arange(10)
    torch.manual_seed(0)
    right = contrastive_distillation(g, g, index, memory)
    assert right < contrastive_distillation(g, g.roll(1, 0), index, memory)


def test_half_embeddings_are_compared_in_float32():
    memory = ContrastiveMemory.random(20, 4, 5)
    g = random_rows(3, 4).half() * 100
    found = contrastive_distillation(g, g, torch.tensor([4, 0, 19]), memory)
    assert found.dtype == torch.float32 and torch.isfinite(found)


def test_negatives_are_never_the_sample_itself_and_reach_all_others():
    memory = ContrastiveMemory.random(6, 4, 4)
    index = torch.arange(6).repeat(200)
    drawn = memory.draw(index)
    assert not (drawn == index[:, None]).any()
    assert {(int(i), int(j)) for i, row in zip(index, drawn, strict=True) for j in row} == {
        (i, j) for i in range(6) for j in range(6) if i != j
    }


def test_the_memory_moves_half_way_and_stays_of_norm_one():
    memory = unit_memory([1.0, 0.0], [0.0, 1.0])
    memory.update(torch.tensor([1]), rows([5.0, 0.0]))
    torch.testing.assert_close(memory.embeddings, rows([1.0, 0.0], [math.sqrt(0.5), math.sqrt(0.5)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0.0}, "temperature must be positive and finite, got 0.0"),
        ({"index": torch.tensor([0, 20])}, r"index must lie in \[0, 20\), got 20"),
        ({"index": torch.tensor([0])}, r"index must broadcast to \(2,\)"),
        ({"g_t": random_rows(2, 3)}, r"g_s and g_t must be \(2, 4\)"),
        ({"g_s": random_rows(2, 4) * math.nan}, "g_s must be finite, got nan"),
        ({"reduction": "sum"}, "reduction"),
    ],
)
def test_contrastive_distillation_refuses_bad_input(change, message):
    fine = {"g_s": random_rows(2, 4), "g_t": random_rows(2, 4), "index": torch.tensor([0, 1])}
    with pytest.raises(ValueError, match=message):
        contrastive_distillation(**(fine | change), memory=ContrastiveMemory.random(20, 4, 5))


def test_a_memory_has_fewer_negatives_than_samples():
    with pytest.raises(ValueError, match="negatives must be in 1..3, got 4"):
        ContrastiveMemory.random(4, 2, 4)


def test_dist_loss_matches_hand_arithmetic():
    # Two classes: rows correlate fully or not at all, 1 and -1. Columns of two rows as well: both -1.
    teacher, student = rows([0.9, 0.1], [0.6, 0.4]).log(), rows([0.7, 0.3], [0.2, 0.8]).log()
    # 2 * mean(0, 2) + 3 * (1 - 1), since both columns fall and rise alike
    assert dist_loss(student, teacher, temperature=1.0, beta=2.0, gamma=3.0).item() == pytest.approx(2.0)
    assert dist_loss(student.flip(0), teacher, temperature=1.0, beta=2.0, gamma=3.0).item() == pytest.approx(8.0)


@given(st.integers(0, 10_000), st.floats(0.5, 8.0))
@settings(max_examples=25, deadline=None)
def test_dist_loss_is_what_scipy_says_of_rows_and_columns(seed, temperature):
    student, teacher = random_rows(5, 4, seed=seed), random_rows(5, 4, seed=seed + 1)
    p, q = ((logits / temperature).softmax(1).numpy() for logits in (teacher, student))
    each = [1 - pearsonr(*pair).statistic for pair in zip(p, q, strict=True)]
    shared = sum(1 - pearsonr(*pair).statistic for pair in zip(p.T, q.T, strict=True)) / 4
    found = dist_loss(student, teacher, temperature=temperature, beta=1.5, gamma=0.5, reduction="none")
    expected = [temperature**2 * (1.5 * one + 0.5 * shared) for one in each]
    assert found.tolist() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_dist_loss_does_not_ask_how_sure_the_student_is_only_how_its_answers_relate():
    probabilities = random_rows(6, 5).softmax(1)
    surer = (0.5 * probabilities + 0.1).log()  # nearer to 1 / 5 each, in the same relations
    assert dist_loss(surer, probabilities.log(), temperature=1.0).item() == pytest.approx(0, abs=1e-12)


def test_dist_loss_of_answers_that_do_not_differ_is_finite_and_moves_nothing():
    student = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
    dist_loss(student, random_rows(3, 4), temperature=2.0).backward()
    assert (student.grad == 0).all()


@pytest.mark.parametrize("shape", [(1, 4), (2, 3, 4)])
def test_dist_loss_refuses_what_has_no_batch(shape):
    with pytest.raises(ValueError, match="student_logits must"):
        dist_loss(torch.zeros(shape), torch.zeros(shape), temperature=1.0)
