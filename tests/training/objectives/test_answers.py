import pytest
import torch
import torch.nn.functional as F

from kdbook.nets.vision import MLP
from kdbook.training import Batch, CachedTeacher, Distillation, HardLabels, LiveTeacher, stack


@pytest.fixture
def student():
    torch.manual_seed(1)
    return MLP([36, 12, 4])


@pytest.fixture
def teacher():
    torch.manual_seed(2)
    return MLP([36, 12, 4])


@pytest.fixture
def batch(quadrants):
    split = quadrants(24)
    return Batch(split.images(), split.y, split.index, 12, True)


def expected_distillation(student, teacher, batch, temperature, alpha):
    """Hinton's loss written out: T^2 KL of the softened answers, and cross-entropy."""
    z, v = student(batch.x).logits, teacher(batch.x).logits.detach()
    soft = F.kl_div((z / temperature).log_softmax(-1), (v / temperature).softmax(-1), reduction="none").sum(-1)
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(z, batch.y, reduction="none")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_hard_labels_give_the_cross_entropy_of_each_row(student, batch, smoothing):
    rows, parts = HardLabels(smoothing)(student, batch)
    expected = F.cross_entropy(student(batch.x).logits, batch.y, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(rows, expected)
    assert parts == {}


@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 1.0), (4.0, 0.9), (20.0, 0.0)])
def test_distillation_is_the_papers_loss(student, teacher, batch, temperature, alpha):
    rows, _ = Distillation(LiveTeacher(teacher), temperature, alpha)(student, batch)
    torch.testing.assert_close(rows, expected_distillation(student, teacher, batch, temperature, alpha))


def test_distillation_from_a_cache_moves_the_student_as_a_live_teacher_does(student, teacher, batch, quadrants):
    gradients = []
    for kind in (LiveTeacher(teacher), CachedTeacher.of(teacher, quadrants(24))):
        student.zero_grad()
        Distillation(kind, 4.0, 0.5)(student, batch)[0].mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in student.parameters()]))
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)
    assert float(gradients[0].norm()) > 0


def test_a_distilled_student_sends_no_gradient_to_its_teacher(student, teacher, batch):
    Distillation(LiveTeacher(teacher), 4.0)(student, batch)[0].mean().backward()
    assert all(p.grad is None for p in teacher.parameters())


def test_each_student_of_a_stack_has_a_temperature_and_a_weight_of_its_own(teacher, batch):
    students = [MLP([36, 12, 4]) for _ in range(3)]
    settings = [(1.0, 1.0), (4.0, 0.5), (20.0, 0.1)]
    temperature, alpha = torch.tensor(settings).T[:, :, None]  # (S, 1) each
    rows, _ = Distillation(LiveTeacher(teacher), temperature, alpha)(stack(students), batch)
    assert rows.shape == (3, 24)
    for row, student, (t, a) in zip(rows, students, settings, strict=True):
        torch.testing.assert_close(row, expected_distillation(student, teacher, batch, t, a), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0), "temperature must be positive and finite, got 0.0"),
        ((4.0, 1.5), r"alpha must be in \[0, 1\], got 1.5"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(student, teacher, batch, arguments, message):
    with pytest.raises(ValueError, match=message):
        Distillation(LiveTeacher(teacher), *arguments)(student, batch)


def test_the_first_batch_is_checked_for_labels_out_of_range_and_later_ones_are_not(student, batch):
    wrong = batch._replace(y=torch.full_like(batch.y, 9))
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 4\), got 9"):
        HardLabels()(student, wrong)
    teacherless = Distillation(LiveTeacher(MLP([36, 4])), 4.0, 1.0)
    not_finite = batch._replace(x=torch.full_like(batch.x, float("nan")))
    with pytest.raises(ValueError, match="logits must be finite"):
        teacherless(student, not_finite)
    assert bool(teacherless(student, not_finite._replace(check=False))[0].isnan().all())
