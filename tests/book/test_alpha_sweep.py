import pytest
import torch
import torch.nn.functional as F

from kdbook.book import alpha_sweep
from kdbook.book.alpha_sweep import ALPHAS, SHARES, WIDTHS, PartlyLabelled, trials
from kdbook.losses import kd_loss
from kdbook.nets.vision import MLP
from kdbook.training import Batch, LiveTeacher, stack

ALPHA = torch.tensor([[0.0], [0.3], [1.0]])


@pytest.fixture
def batch(quadrants):
    split = quadrants(64)
    return Batch(split.images(), split.y, split.index, 12, True)


@pytest.fixture
def parts(batch):
    """Students as a cohort, their logits, and a teacher with its logits."""
    torch.manual_seed(3)
    teacher, students = LiveTeacher(MLP([36, 20, 4])), stack([MLP([36, 8, 4]) for _ in ALPHA])
    return students, students(batch.x).logits, teacher, teacher.soft_targets(batch.x, batch.index).logits


def test_the_loss_is_that_of_one_alpha_for_each_student_and_image(parts, batch):
    students, logits, teacher, answers = parts
    labels = int(batch.index[40])
    rows, _ = PartlyLabelled(teacher, labels, 4.0, ALPHA)(students, batch)
    alpha = torch.where(batch.index < labels, ALPHA, torch.ones(()))
    assert alpha[:, 40:].eq(1).all() and alpha[0, :40].eq(0).all()
    expected = kd_loss(logits, answers, batch.y, temperature=4.0, alpha=alpha, reduction="none")
    torch.testing.assert_close(rows, expected)


def test_a_student_of_alpha_zero_and_all_labels_has_no_teacher(parts, batch):
    students, logits, teacher, _ = parts
    rows, _ = PartlyLabelled(teacher, int(batch.index.max()) + 1, 4.0, ALPHA)(students, batch)
    torch.testing.assert_close(rows[0], F.cross_entropy(logits[0], batch.y, reduction="none"))


def test_the_labels_of_images_without_a_label_are_never_used(parts, batch):
    students, _, teacher, _ = parts
    objective = PartlyLabelled(teacher, int(batch.index[10]), 4.0, ALPHA)
    wrong = batch._replace(y=torch.cat([batch.y[:10], (batch.y[10:] + 1) % 4]))
    assert torch.equal(objective(students, batch)[0], objective(students, wrong)[0])


def test_a_cohort_holds_all_alphas_of_a_seed_a_width_and_a_number_of_labels():
    cohorts = {}
    for trial in trials("full"):
        cohorts.setdefault((trial.seed, trial.cohort), []).append(trial)
    assert len(cohorts) == 5 * len(WIDTHS) * len(SHARES)
    for cohort in cohorts.values():
        assert [t.settings["alpha"] for t in cohort] == list(ALPHAS)
        assert len({t.settings["labels"] for t in cohort}) == len({tuple(t.settings["sizes"]) for t in cohort}) == 1
    assert {t.settings["labels"] for t in trials("full")} == {60_000, 6_000, 600}


def test_the_quick_profile_has_the_arms_of_the_full_one():
    assert {t.arm for t in trials("quick")} == {t.arm for t in trials("full")}


def test_a_small_run_measures_every_alpha(micro, documented, monkeypatch):
    small = {**alpha_sweep.STUDENT, "batch_size": 50, "epochs": 1}
    monkeypatch.setitem(alpha_sweep.SETTINGS, "quick", dict.fromkeys((30, 300), small))
    monkeypatch.setitem(alpha_sweep.IMAGES, "quick", 300)
    monkeypatch.setattr(alpha_sweep, "SHARES", (1.0, 0.01))
    monkeypatch.setattr(alpha_sweep, "ALPHAS", (0.0, 0.5, 1.0))
    table, measured = micro("alpha_sweep")
    documented("alpha_sweep", table, measured)
    assert len(table) == len(measured) == 2 * 2 * 3
    assert set(table.labels) == {300, 3}
    assert table.test_errors.between(1, 9999).all() and (table.teacher_seed == 0).all()
    without_labels = table[table.alpha == 1].groupby("width")
    assert (without_labels.test_errors.nunique() == 1).all()
    assert (without_labels.mean_kl.max() - without_labels.mean_kl.min() < 1e-5).all()
