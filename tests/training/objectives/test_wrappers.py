"""Objectives around objectives: mixtures, and a record of what was seen."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kdbook.data.images import CENTRE_VIEW
from kdbook.nets.vision import MLP
from kdbook.training import Batch, Distillation, HardLabels, LiveTeacher, SoftTargets, fit, sgd, stack, unstack
from kdbook.training.objectives import Cropped, Mixup, OwnRates, Seen
from kdbook.training.objectives.wrappers import cropped, mixed


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


def test_what_was_seen_is_noted_and_the_loss_is_that_of_the_objective(quadrants):
    split = quadrants(8)
    objective, model = Seen(HardLabels()), MLP([36, 4])
    for rows in (slice(0, 3), slice(2, 5)):
        batch = Batch(split.images()[rows], split.y[rows], split.index[rows], CENTRE_VIEW)
        assert torch.equal(objective(model, batch)[0], HardLabels()(model, batch)[0])
    assert objective.index == set(split.index[:5].tolist())


def test_each_student_of_a_cohort_learns_as_it_would_alone_at_its_own_rate(quadrants):
    torch.manual_seed(0)
    split, teacher = quadrants(64), LiveTeacher(MLP([36, 20, 4]))
    students = [MLP([36, 8, 4]) for _ in range(3)]
    temperatures, rates = [1.0, 4.0, 20.0], [0.2, 0.05, 0.1]

    def trained(model, objective, rate):
        settings = {"epochs": 3, "batch_size": 16, "optimizer": sgd(rate), "seed": 1, "progress": False}
        fit(model, objective, split, **settings)
        return model

    objective = OwnRates(Distillation(teacher, torch.tensor(temperatures)[:, None]), rates)
    together = unstack(trained(stack(students), objective, rates[0]))
    for student, found, temperature, rate in zip(students, together, temperatures, rates, strict=True):
        before = [p.detach().clone() for p in student.parameters()]
        alone = trained(student, Distillation(teacher, temperature), rate)
        for start, p, q in zip(before, alone.parameters(), found.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-4)
            assert float((p.detach() - start).abs().max()) > 1e-2


@pytest.mark.parametrize("colours", [(), (3,)])
def test_a_cropped_image_is_moved_by_at_most_the_reach_and_perhaps_mirrored_with_zero_fill(colours):
    torch.manual_seed(0)
    x = torch.rand(400, *colours, 5, 6) + 1
    padded, seen = torch.nn.functional.pad(x, (2,) * 4), set()
    for image, whole in zip(cropped(x, 2), padded, strict=True):
        windows = {
            (down, across, mirror): whole[..., down : down + 5, across : across + 6].flip(-1 if mirror else ())
            for down in range(5) for across in range(5) for mirror in (0, 1)
        }  # fmt: skip
        (at,) = [at for at, window in windows.items() if torch.equal(window, image)]
        seen.add(at)
    assert len(seen) == 50


def test_images_of_a_cohort_with_a_batch_each_are_not_cropped():
    with pytest.raises(ValueError, match=r"x must be images .* got \(4, 7, 6, 6\)"):
        cropped(torch.zeros(4, 7, 6, 6), 2)


def test_a_cropped_batch_is_what_student_and_teacher_see():
    shown = []
    batch = Batch(torch.rand(8, 6, 6), torch.zeros(8).long(), torch.arange(8), 12)
    teacher = SimpleNamespace(soft_targets=lambda x, index, view: shown.append(x) or SoftTargets(torch.zeros(8, 4)))

    def student(x):
        shown.append(x)
        return torch.zeros(8, 4, requires_grad=True)

    Cropped(Distillation(teacher, 2.0))(student, batch)
    ours, theirs = shown
    assert ours is theirs and not torch.equal(ours, batch.x)
