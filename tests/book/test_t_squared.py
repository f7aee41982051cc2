import math

import pytest
import torch
import torch.nn.functional as F

from kdbook.book import t_squared
from kdbook.book.t_squared import (
    TEMPERATURES,
    WithoutFactor,
    flat_from,
    logit_rows,
    soft_gradient,
    soft_weight,
    trials,
)
from kdbook.nets.vision import MLP
from kdbook.training import Batch, Distillation, LiveTeacher, fit, sgd

SMALL = {"net": {**t_squared.NET, "sizes": [784, 12, 10], "samples": 300, "batch_size": 50, "epochs": 1}}
ROWS = {"real": 200, "gaussian": 200}


@pytest.fixture
def teacher():
    torch.manual_seed(5)
    model = MLP([36, 20, 4])
    with torch.no_grad():
        model.layers[-1].weight.mul_(10)
    return LiveTeacher(model)


def gaussian(classes, rows=4_000):
    generator = torch.Generator().manual_seed(3)
    return 4 * torch.randn(2, rows, classes, generator=generator, dtype=torch.float64)


def test_the_soft_gradient_by_hand():
    # at T = 2 the student's odds are 1:1 and the teacher's 1:3, so that q - p = (1/2 - 1/4, 1/2 - 3/4)
    teacher = 2 * torch.tensor([[1.0, 3.0]], dtype=torch.float64).log()
    kl, gradient = soft_gradient(torch.zeros(1, 2, dtype=torch.float64), teacher, 2.0)
    torch.testing.assert_close(gradient, torch.tensor([[0.125, -0.125]], dtype=torch.float64))
    assert kl.item() == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))


@pytest.mark.parametrize(
    ("norms", "expected"),
    [([1, 1.46, 1.62, 1.66], 3), ([1, 1, 1, 1], 1), ([1, 2, 1, 1], 3), ([1, 2, 3, 4], 4), ([9, 0.96, 1, 1], 2)],
)  # fmt: skip
def test_the_norm_is_flat_from_where_it_stays_within_a_twentieth_of_the_last(norms, expected):
    assert flat_from([1.0, 2.0, 3.0, 4.0], norms) == expected


@pytest.mark.parametrize(
    ("classes", "published"),
    [(10, {1: 1.00, 2: 1.46, 3: 1.62, 4: 1.67, 10: 1.67, 100: 1.66}),
     (100, {1: 0.89, 2: 0.93, 3: 0.78, 4: 0.69, 10: 0.58, 100: 0.56})],
)  # fmt: skip
def test_gaussian_logits_give_the_published_norms(classes, published):
    found = {row["temperature"]: row["scaled_norm"] for row in logit_rows(*gaussian(classes), None)}
    assert {t: found[t] for t in published} == pytest.approx(published, rel=0.02)


def test_the_gradient_is_the_closed_form_and_its_factors_shrink_as_one_over_t_each():
    student, teacher = gaussian(10, 500)
    rows = logit_rows(student, teacher, torch.arange(500) % 10)
    assert [row["temperature"] for row in rows] == list(TEMPERATURES)
    for row in rows:
        assert row["closed_form_error"] < 1e-9
        assert row["chain_factor"] == pytest.approx(1 / row["temperature"], rel=1e-9)
        assert row["scaled_norm"] == pytest.approx(row["temperature"] * row["gap_norm"])
        assert row["soft_to_hard"] == pytest.approx(row["temperature"] ** 2 * row["soft_to_hard_without"])
    assert rows[-1]["gap_norm"] / rows[-3]["gap_norm"] == pytest.approx(1 / 5, rel=0.02)
    assert rows[0]["rising"] == 0 and rows[-1]["rising"] > 0.5 and rows[-1]["relative_norm"] == 1


def test_a_loss_without_the_factor_is_alpha_kl_plus_the_rest_of_the_hard_loss(quadrants, teacher):
    split = quadrants()
    batch = Batch(split.images(), split.y, split.index, 12, True)
    torch.manual_seed(0)
    student = MLP([36, 8, 4])
    rows, _ = WithoutFactor(teacher, temperature=20.0, alpha=0.3)(student, batch)
    z, v = (m(batch.x).logits / 20 for m in (student, teacher.model))
    kl = F.kl_div(z.log_softmax(-1), v.softmax(-1), reduction="none").sum(-1)
    hard = F.cross_entropy(20 * z, batch.y, reduction="none")
    torch.testing.assert_close(rows, 0.3 * kl + 0.7 * hard)


def test_leaving_out_the_factor_is_another_alpha_and_another_learning_rate(quadrants, teacher):
    split = quadrants()
    batch = Batch(split.images(), split.y, split.index, 12, True)
    torch.manual_seed(0)
    student = MLP([36, 8, 4])
    without, _ = WithoutFactor(teacher, temperature=20.0, alpha=0.5)(student, batch)
    with_it, _ = Distillation(teacher, temperature=20.0, alpha=soft_weight(20.0, 0.5))(student, batch)
    assert soft_weight(20.0, 0.5) == pytest.approx(1 / 401) and soft_weight(20.0, 1.0) == 1
    torch.testing.assert_close(without, (0.5 / 400 + 0.5) * with_it)


@pytest.mark.parametrize(("temperature", "tolerance"), [(4.0, 0.0), (20.0, 1e-5)])
def test_soft_targets_alone_need_no_factor_but_its_learning_rate(quadrants, teacher, temperature, tolerance):
    # SGD with momentum is linear in the gradient; 4^2 is a power of two, by which floating point scales exactly
    ends = []
    for objective, lr in ((Distillation, 0.05), (WithoutFactor, 0.05 * temperature**2)):
        torch.manual_seed(0)
        student = MLP([36, 12, 4])
        start = student.layers[0].weight.detach().clone()
        fit(
            student, objective(teacher, temperature, 1.0), quadrants(), epochs=2, batch_size=16, optimizer=sgd(lr),
            seed=3, progress=False,
        )  # fmt: skip
        assert float((student.layers[0].weight.detach() - start).abs().max()) > 1e-3
        ends.append(student)
    for first, second in zip(*(s.parameters() for s in ends), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=tolerance)


def test_students_without_the_factor_are_trained_where_it_is_not_one_and_soft_ones_faster():
    made = [t for t in trials("full", 1) if t.arm in t_squared.ARMS]
    of = {(t.arm, t.settings["temperature"]): t.settings for t in made}
    assert {t for arm, t in of if arm.endswith("without")} == {4.0, 20.0} and len(of) == 10
    assert of["soft_without", 20.0]["lr"] == 400 * of["soft", 20.0]["lr"]
    assert of["mixed_without", 20.0]["lr"] == of["mixed", 20.0]["lr"] == t_squared.NET["lr"]


def test_a_small_run_measures_real_logits_and_trains_with_the_factor_and_without(micro, documented, monkeypatch):
    monkeypatch.setitem(t_squared.SETTINGS, "quick", {**SMALL, "rows": ROWS})
    table, measured = micro("t_squared")
    documented("t_squared", table, measured)
    logits = table[~table.arm.isin(t_squared.ARMS)]
    assert (logits.groupby("arm").temperature.apply(list) == pytest.approx(list(TEMPERATURES))).all()
    assert (logits.closed_form_error < 1e-6).all()
    assert logits.soft_to_hard.notna().equals(logits.arm.isin(t_squared.REAL))
    assert (logits[logits.temperature == 100].relative_norm == 1).all()
    trained = table[table.arm.isin(t_squared.ARMS)].set_index(["arm", "temperature"])
    assert trained.test_errors["soft", 4] == trained.test_errors["soft_without", 4]
    assert trained.logit_gap["soft", 4] == trained.logit_gap["soft_without", 4]
    assert trained.logit_gap["mixed", 20] != trained.logit_gap["mixed_without", 20]
    assert (trained.mean_kl > 0).all() and trained.agreement.between(0, 1).all()
