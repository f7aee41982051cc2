"""Labels, soft targets, and their controls, against losses that are written out."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdbook.losses import dkd_loss
from kdbook.losses.relation import dist_loss
from kdbook.nets.vision import MLP
from kdbook.training import Batch, CachedTeacher, LiveTeacher, fit, sgd, stack
from kdbook.training.objectives import (
    CorrelatedDistillation,
    DecoupledDistillation,
    Distillation,
    HardLabels,
    LogitRegression,
    PartlyLabelled,
    RegularisedSpecialist,
    StandardizedDistillation,
    TreatedTargets,
    WithoutFactor,
)
from kdbook.training.objectives.answers import permuted


def net(seed=1, hidden=12):
    torch.manual_seed(seed)
    return MLP([36, hidden, 4])


@pytest.fixture
def student():
    return net()


@pytest.fixture
def teacher():
    return LiveTeacher(net(2))


@pytest.fixture
def batch(quadrants):
    split = quadrants(24)
    return Batch(split.images(), split.y, split.index, 12, True)


def soft(z, v, temperature):
    """KL of the softened answers, a row."""
    return F.kl_div((z / temperature).log_softmax(-1), (v / temperature).softmax(-1), reduction="none").sum(-1)


def hard(z, y):
    return F.cross_entropy(z, y, reduction="none")


def answers(batch, *models):
    return [model(batch.x).logits.detach() for model in models]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_hard_labels_give_the_cross_entropy_of_each_row(student, batch, smoothing):
    rows, parts = HardLabels(smoothing)(student, batch)
    expected = F.cross_entropy(student(batch.x).logits, batch.y, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(rows, expected)
    assert parts == {}


@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 1.0), (4.0, 0.9), (20.0, 0.0)])
def test_distillation_is_the_papers_loss_with_a_factor_and_without(student, teacher, batch, temperature, alpha):
    z, v = answers(batch, student, teacher.model)
    kl, rest = soft(z, v, temperature), (1 - alpha) * hard(z, batch.y)
    rows, _ = Distillation(teacher, temperature, alpha)(student, batch)
    torch.testing.assert_close(rows, alpha * temperature**2 * kl + rest)
    rows, _ = WithoutFactor(teacher, temperature, alpha)(student, batch)
    torch.testing.assert_close(rows, alpha * kl + rest)


@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_standardized_distillation_is_the_papers_loss_of_z_scores_and_the_labels_loss_of_plain_logits(
    student, teacher, batch, alpha
):
    z, v = answers(batch, student, teacher.model)
    scores = [(a - a.mean(-1, keepdim=True)) / a.std(-1, correction=0, keepdim=True) for a in (z, v)]
    rows, _ = StandardizedDistillation(teacher, 2.0, alpha)(student, batch)
    torch.testing.assert_close(rows, alpha * 4 * soft(*scores, 2.0) + (1 - alpha) * hard(z, batch.y))


@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_decoupled_and_correlated_distillation_are_their_losses_beside_labels(student, teacher, batch, alpha):
    z, v = answers(batch, student, teacher.model)
    decoupled = dkd_loss(z, v, v.argmax(-1), temperature=2.0, beta=4.0, reduction="none")
    rows, _ = DecoupledDistillation(teacher, 2.0, alpha, beta=4.0)(student, batch)
    torch.testing.assert_close(rows, alpha * decoupled + (1 - alpha) * hard(z, batch.y))
    rows, _ = CorrelatedDistillation(teacher, 2.0, alpha)(student, batch)
    correlated = dist_loss(z, v, temperature=2.0, reduction="none")
    torch.testing.assert_close(rows, alpha * correlated + (1 - alpha) * hard(z, batch.y))


def test_labels_that_are_not_known_are_worth_nothing_and_another_set_is_refused(student, batch):
    worth = torch.zeros(int(batch.index.max()) + 1)
    worth[batch.index[:2]] = 3.0
    objective = HardLabels(worth=worth)
    rows, _ = objective(student, batch._replace(origin="one set"))
    expected = 3 * hard(student(batch.x).logits, batch.y)
    assert torch.equal(rows[2:], torch.zeros(len(rows) - 2))
    torch.testing.assert_close(rows[:2], expected[:2])
    with pytest.raises(ValueError, match="one set"):
        objective(student, batch._replace(origin="another"))


@pytest.mark.parametrize("centre", [True, False])
def test_regression_on_logits_is_half_the_mean_squared_gap_and_least_at_the_teachers(student, teacher, batch, centre):
    z, v = answers(batch, student, teacher.model)
    gap = z - v - centre * (z - v).mean(-1, keepdim=True)
    rows, _ = LogitRegression(teacher, centre)(student, batch)
    torch.testing.assert_close(rows, gap.square().mean(-1) / 2)
    assert float(LogitRegression(teacher, centre)(teacher.model.eval(), batch)[0].detach().abs().max()) == 0


def test_distillation_from_a_cache_moves_the_student_as_a_live_teacher_does(student, teacher, batch, quadrants):
    gradients = []
    for kind in (teacher, CachedTeacher.of(teacher.model, quadrants(24))):
        student.zero_grad()
        Distillation(kind, 4.0, 0.5)(student, batch)[0].mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in student.parameters()]))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)
    assert float(gradients[0].norm()) > 0
    assert all(p.grad is None for p in teacher.model.parameters())


SETTINGS = [(1.0, 1.0), (4.0, 0.5), (20.0, 0.0)]
TEMPERATURE, ALPHA = torch.tensor(SETTINGS).T[:, :, None]  # (S, 1) each


@pytest.mark.parametrize("together", [stack, nn.ModuleList])
def test_students_of_a_stack_or_side_by_side_have_temperature_weight_and_teacher_of_their_own(batch, together):
    students, theirs = ([net(seed, hidden) for seed in range(3)] for hidden in (8, 12))
    teacher = CachedTeacher(torch.stack(answers(batch, *theirs))[:, None], batch.index)
    rows, _ = Distillation(teacher, TEMPERATURE, ALPHA)(together(students), batch)
    for row, student, own, (t, a) in zip(rows, students, theirs, SETTINGS, strict=True):
        z, v = answers(batch, student, own)
        torch.testing.assert_close(row, a * t**2 * soft(z, v, t) + (1 - a) * hard(z, batch.y), rtol=1e-4, atol=1e-5)


def test_images_without_a_label_have_soft_targets_alone_and_all_others_the_students_alpha(teacher, batch):
    students, labels = [net(seed) for seed in range(3)], int(batch.index[10])
    objective = PartlyLabelled(teacher, 4.0, ALPHA, labels)
    rows, _ = objective(stack(students), batch)
    for row, student, (_, alpha) in zip(rows, students, SETTINGS, strict=True):
        z, v = answers(batch, student, teacher.model)
        kl, labelled = 16 * soft(z, v, 4.0), alpha * 16 * soft(z, v, 4.0) + (1 - alpha) * hard(z, batch.y)
        torch.testing.assert_close(row, torch.where(batch.index < labels, labelled, kl), rtol=1e-4, atol=1e-5)
    wrong = batch._replace(y=torch.cat([batch.y[:10], (batch.y[10:] + 1) % 4]))
    assert torch.equal(objective(stack(students), wrong)[0], rows)


@pytest.mark.parametrize(("temperature", "tolerance"), [(4.0, 0.0), (20.0, 1e-5)])
def test_soft_targets_alone_need_no_factor_but_its_learning_rate(quadrants, teacher, temperature, tolerance):
    # SGD with momentum is linear in the gradient; 4^2 is a power of two, by which floating point scales exactly
    ends, settings = [], {"epochs": 2, "batch_size": 16, "seed": 3, "progress": False}
    for objective, lr in ((Distillation, 0.05), (WithoutFactor, 0.05 * temperature**2)):
        ends.append(net())
        fit(ends[-1], objective(teacher, temperature, 1.0), quadrants(), optimizer=sgd(lr), **settings)
    first, second, start = (model.layers[0].weight.detach() for model in (*ends, net()))
    assert float((first - start).abs().max()) > 1e-3
    torch.testing.assert_close(first, second, rtol=0, atol=tolerance)


def test_a_regularised_specialist_takes_labels_for_its_own_and_soft_targets_for_the_rest(student, teacher, batch):
    own = batch.y >= 2  # classes 2 and 3, which it counts from 0; all others are its dustbin
    z, v = answers(batch, student, teacher.model)
    cross_entropy = -(v.softmax(-1) * z.log_softmax(-1)).sum(-1)
    objective = RegularisedSpecialist(teacher, torch.tensor([2, 3]))
    rows, _ = objective(student, batch._replace(y=torch.where(own, batch.y - 2, 2)))
    torch.testing.assert_close(rows, torch.where(own, hard(z, batch.y), cross_entropy))


TREATMENTS = {
    "labels": (1.0, "teacher", "labels"),
    "confidence": (1.0, "teacher", "confidence"),
    "answer": (4.0, "teacher", "answer"),
    "other": (2.0, "other", "answer"),
    "permuted": (1.0, "teacher", "permuted"),
}


def test_each_student_of_a_cohort_has_its_own_treatment_of_the_answer(teacher, batch):
    students, other = [net(seed) for seed in range(5)], LiveTeacher(net(9))
    objective = TreatedTargets(list(TREATMENTS.values()), {"teacher": teacher, "other": other})
    rows, _ = objective(stack(students), batch)
    z = dict(zip(TREATMENTS, answers(batch, *students), strict=True))
    v, w = answers(batch, teacher.model, other.model)
    sure = v.softmax(-1).amax(-1)
    orders = []  # the wrong classes' answers in each of their six orders
    for order in itertools.permutations(range(3)):
        shuffled = v.clone()
        for row, label in enumerate(batch.y.tolist()):
            wrong = [c for c in range(4) if c != label]
            shuffled[row, wrong] = v[row, [wrong[k] for k in order]]
        orders.append(soft(z["permuted"], shuffled, 1.0))
    expected = {
        "labels": hard(z["labels"], batch.y),
        "confidence": hard(z["confidence"], batch.y) * sure / sure.mean(),
        "answer": 16 * soft(z["answer"], v, 4.0),
        "other": 4 * soft(z["other"], w, 2.0),
    }
    for name, found in zip(TREATMENTS, rows.detach(), strict=True):
        if name == "permuted":
            assert float((torch.stack(orders) - found).abs().min(0).values.max()) < 1e-5
            assert float((orders[0] - found).abs().max()) > 1e-3
        else:
            torch.testing.assert_close(found, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("label", range(4))
def test_the_labels_logit_stays_and_every_order_of_the_others_is_equally_likely(label):
    n, wrong = 12_000, [c for c in range(4) if c != label]
    generator = torch.Generator().manual_seed(label)
    found = permuted(torch.arange(4.0).expand(n, 4), torch.full((n,), label), generator).long()
    assert bool((found[:, label] == label).all())
    orders = found[:, wrong].tolist()
    counts = [orders.count(list(order)) for order in itertools.permutations(wrong)]
    assert sum(counts) == n
    assert sum((count - n / 6) ** 2 / (n / 6) for count in counts) < 20.5  # chi-square, 5 degrees, one in a thousand


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0), "temperature must be positive and finite, got 0.0"),
        ((4.0, 1.5), r"alpha must be in \[0, 1\], got 1.5"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(student, teacher, batch, arguments, message):
    with pytest.raises(ValueError, match=message):
        Distillation(teacher, *arguments)(student, batch)


def test_the_first_batch_is_checked_for_labels_out_of_range_and_later_ones_are_not(student, teacher, batch):
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 4\), got 9"):
        HardLabels()(student, batch._replace(y=torch.full_like(batch.y, 9)))
    not_finite = batch._replace(x=torch.full_like(batch.x, float("nan")))
    with pytest.raises(ValueError, match="logits must be finite"):
        Distillation(teacher)(student, not_finite)
    assert bool(Distillation(teacher)(student, not_finite._replace(check=False))[0].isnan().all())
