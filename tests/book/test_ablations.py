import itertools

import pytest
import torch
import torch.nn.functional as F

from kdbook.book.ablations import STUDENTS, TreatedTargets, permuted, trials
from kdbook.losses import kd_loss
from kdbook.nets.vision import MLP
from kdbook.training import Batch, LiveTeacher, stack

METHODS = list(STUDENTS)


@pytest.fixture
def batch(quadrants):
    split = quadrants(64)
    return Batch(split.images(), split.y, split.index, 12, True)


@pytest.fixture
def teachers():
    torch.manual_seed(5)
    return {name: LiveTeacher(MLP([36, 20, 4])) for name in ("teacher", "teacher_smoothed")}


@pytest.fixture
def students():
    torch.manual_seed(6)
    return [MLP([36, 8, 4]) for _ in METHODS]


def test_permuting_keeps_the_logit_of_the_label_and_the_multiset_of_the_others():
    logits, y = torch.randn(500, 10), torch.randint(10, (500,))
    found = permuted(logits, y)
    rows = torch.arange(500)
    assert torch.equal(found[rows, y], logits[rows, y])
    assert torch.equal(found.sort(-1).values, logits.sort(-1).values)
    assert not torch.equal(found, logits)


@pytest.mark.parametrize("label", range(4))
def test_every_order_of_the_wrong_classes_is_equally_likely(label):
    n = 12_000
    logits = torch.arange(4.0).expand(n, 4)
    generator = torch.Generator().manual_seed(label)
    found = permuted(logits, torch.full((n,), label), generator).long()
    wrong = [c for c in range(4) if c != label]
    orders = found[:, wrong].tolist()
    counts = [orders.count(list(order)) for order in itertools.permutations(wrong)]
    assert sum(counts) == n
    chi_square = sum((count - n / 6) ** 2 / (n / 6) for count in counts)
    assert chi_square < 20.5  # five degrees of freedom, one in a thousand


def test_each_row_is_permuted_anew():
    found = permuted(torch.arange(10.0).expand(50, 10), torch.zeros(50).long())
    assert len({tuple(row) for row in found.tolist()}) > 45


def test_each_student_of_the_cohort_has_its_own_treatment(students, teachers, batch):
    torch.manual_seed(8)
    rows, _ = TreatedTargets(METHODS, teachers)(stack(students), batch)
    answers = {name: t.soft_targets(batch.x, batch.index).logits for name, t in teachers.items()}
    logits = {m: s(batch.x).logits for m, s in zip(METHODS, students, strict=True)}
    found = dict(zip(METHODS, rows, strict=True))

    def close(method, expected):
        torch.testing.assert_close(found[method], expected, rtol=1e-4, atol=1e-5)

    close("hard", F.cross_entropy(logits["hard"], batch.y, reduction="none"))
    confidence = answers["teacher"].softmax(-1).max(-1).values
    cross_entropy = F.cross_entropy(logits["cwtm"], batch.y, reduction="none")
    close("cwtm", cross_entropy * confidence / confidence.mean())
    for method, teacher, temperature in [
        ("kd_1", "teacher", 1.0),
        ("kd_4", "teacher", 4.0),
        ("smoothed_1", "teacher_smoothed", 1.0),
        ("smoothed_4", "teacher_smoothed", 4.0),
    ]:
        close(
            method,
            kd_loss(logits[method], answers[teacher], None, temperature=temperature, alpha=1.0, reduction="none"),
        )


def test_a_student_of_permuted_answers_sees_the_right_confidence_and_wrong_similarities(teachers, batch):
    torch.manual_seed(0)
    student = MLP([36, 4])
    rows, _ = TreatedTargets(["dkpp_1"], teachers)(stack([student]), batch)
    answer, z = teachers["teacher"].soft_targets(batch.x, batch.index).logits, student(batch.x).logits.detach()
    candidates = []
    for order in itertools.permutations(range(3)):
        shuffled = answer.clone()
        for row, label in enumerate(batch.y.tolist()):
            wrong = [c for c in range(4) if c != label]
            shuffled[row, wrong] = answer[row, [wrong[k] for k in order]]
        candidates.append(kd_loss(z, shuffled, None, temperature=1.0, alpha=1.0, reduction="none"))
    distance = (torch.stack(candidates) - rows[0].detach()).abs().min(0).values
    assert float(distance.max()) < 1e-5
    assert float((candidates[0] - rows[0].detach()).abs().max()) > 1e-3


def test_a_born_again_student_starts_from_other_weights_than_its_teacher():
    for trial in trials("full"):
        if trial.needs:
            assert trial.seed not in {need.seed for need in trial.needs}


def test_students_of_one_data_set_and_seed_are_one_cohort_and_its_teachers_are_not():
    made = trials("full", 2)
    cohorts = {(t.data, t.seed): [] for t in made if t.cohort}
    for trial in made:
        if trial.cohort:
            assert trial.cohort == trial.data
            cohorts[trial.data, trial.seed].append(trial.arm.split(":")[1])
    assert len(cohorts) == 4 and all(arms == METHODS for arms in cohorts.values())
    assert not any(t.cohort for t in made if not t.needs)


def test_a_small_run_measures_every_student_against_its_own_teacher(micro, documented):
    table, measured = micro("ablations")
    documented("ablations", table, measured)
    assert set(table.arm) == {
        *(f"{data}:{m}" for data in ("mnist", "fashion-mnist") for m in (*METHODS, "teacher", "teacher_smoothed")),
        "mnist:lenet_teacher",
        "mnist:lenet_student",
    }
    taught = table.method.isin(METHODS) | (table.method == "lenet_student")
    assert table[taught].agreement.between(0, 1).all() and (table[taught].mean_kl > 0).all()
    assert table[~taught].agreement.isna().all()
    assert table.test_errors.between(1, 9999).all()
    assert (table.arm == table.data + ":" + table.method).all()
