import numpy as np
import pytest
import torch

from kdbook.data.images import CENTRE_VIEW, VIEWS
from kdbook.nets.vision import MLP
from kdbook.training import Batch, CachedTeacher, Distillation, LiveTeacher
from kdbook.training.patience import Looking, Mixup, mixed


@pytest.fixture
def table():
    """A cache whose answer names the view and the sample: logits (view, sample)."""
    view, sample = torch.meshgrid(torch.arange(float(VIEWS)), torch.arange(6.0), indexing="ij")
    return CachedTeacher(torch.stack([view, sample], -1), torch.arange(6))


INDEX, VIEW = torch.tensor([5, 0, 2]), torch.tensor([3, 24, 7])


def test_the_consistent_teacher_sees_what_the_student_sees(table):
    answer = Looking(table).soft_targets(None, INDEX, VIEW).logits
    assert answer.tolist() == [[3, 5], [24, 0], [7, 2]]


def test_the_fixed_teacher_always_sees_the_unshifted_image(table):
    answer = Looking(table, "fixed").soft_targets(None, INDEX, VIEW).logits
    assert answer.tolist() == [[CENTRE_VIEW, 5], [CENTRE_VIEW, 0], [CENTRE_VIEW, 2]]


def test_the_independent_teacher_sees_any_view_of_the_same_images(table):
    torch.manual_seed(0)
    index = torch.arange(6).repeat(500)
    answer = Looking(table, "other").soft_targets(None, index, torch.full((3000,), 7)).logits
    assert torch.equal(answer[:, 1], index.float())
    counts = torch.bincount(answer[:, 0].long(), minlength=VIEWS)
    assert counts.min() > 70 and counts.max() < 180  # 120 expected, of standard deviation 11


def test_an_unknown_look_is_named(table):
    with pytest.raises(ValueError, match="look must be one of same, other, fixed, got 'none'"):
        Looking(table, "none")


def test_mixtures_by_hand():
    x = torch.tensor([[[0.0, 1.0]], [[1.0, 0.5]]])
    expected = [[[0.75, 0.625]], [[1.0, 0.5]]]
    assert mixed(x, torch.tensor([0.25, 1.0]), torch.tensor([1, 0])).tolist() == expected


def test_mixed_colour_images_keep_their_shape():
    x = torch.rand(4, 3, 5, 5)
    assert torch.equal(mixed(x, torch.zeros(4), torch.tensor([1, 2, 3, 0])), x[[1, 2, 3, 0]])


class Listening:
    """Keeps what it is asked about."""

    def __init__(self, teacher):
        self.teacher = teacher

    def soft_targets(self, x, index, view):
        self.x = x
        return self.teacher.soft_targets(x, index, view)


def test_mixup_shows_teacher_and_student_the_same_mixtures_and_needs_no_label():
    torch.manual_seed(1)
    student, teacher = MLP([16, 8, 4]), Listening(LiveTeacher(MLP([16, 8, 4])))
    batch = Batch(torch.rand(10, 4, 4), torch.zeros(10, dtype=torch.int64), torch.arange(10), CENTRE_VIEW)
    objective = Mixup(Distillation(teacher, temperature=1.0, alpha=1.0))
    torch.manual_seed(2)
    rows, _ = objective(student, batch)
    log_q = student(teacher.x).logits.log_softmax(-1)
    log_p = teacher.teacher.model(teacher.x).logits.log_softmax(-1)
    torch.testing.assert_close(rows, (log_p.exp() * (log_p - log_q)).sum(-1))
    # every row is a mixture of its own image and one other
    moved, own = (teacher.x - batch.x).flatten(1).numpy(), batch.x.flatten(1).numpy()
    for row, step in enumerate(moved):
        directions = own - own[row]
        errors = [np.linalg.lstsq(d[:, None], step, rcond=None)[1] for d in np.delete(directions, row, 0)]
        assert min(e[0] for e in errors if len(e)) < 1e-9 or np.abs(step).max() < 1e-6
    torch.manual_seed(2)
    other_labels = objective(student, batch._replace(y=torch.full((10,), 3)))[0]
    torch.testing.assert_close(rows, other_labels)
