"""The factor T^2: the gradient's two parts, what leaving it out amounts to, and a run of a second."""

import math

import pytest
import torch

from kdbook.book.t_squared import TEMPERATURES, arms, flat_from, logit_rows, soft_gradient, soft_weight
from kdbook.book.temperature_views import normal
from kdbook.nets.vision import MLP
from kdbook.training import Batch, LiveTeacher
from kdbook.training.objectives import Distillation, WithoutFactor


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
    found = {row["temperature"]: row["scaled_norm"] for row in logit_rows(*normal(3, 4.0, 2, 4_000, classes), None)}
    assert {t: found[t] for t in published} == pytest.approx(published, rel=0.02)


def test_the_gradient_is_the_closed_form_and_its_factors_shrink_as_one_over_t_each():
    rows = logit_rows(*normal(3, 4.0, 2, 500, 10), torch.arange(500) % 10)
    assert [row["temperature"] for row in rows] == list(TEMPERATURES)
    for row in rows:
        assert row["closed_form_error"] < 1e-9
        assert row["chain_factor"] == pytest.approx(1 / row["temperature"], rel=1e-9)
        assert row["scaled_norm"] == pytest.approx(row["temperature"] * row["gap_norm"])
        assert row["soft_to_hard"] == pytest.approx(row["temperature"] ** 2 * row["soft_to_hard_without"])
    assert rows[-1]["gap_norm"] / rows[-3]["gap_norm"] == pytest.approx(1 / 5, rel=0.02)
    assert rows[0]["rising"] == 0 and rows[-1]["rising"] > 0.5 and rows[-1]["relative_norm"] == 1


def test_leaving_out_the_factor_is_another_alpha_and_another_learning_rate(quadrants):
    split = quadrants()
    batch = Batch(split.images(), split.y, split.index, 12, True)
    torch.manual_seed(0)
    student, teacher = MLP([36, 8, 4]), LiveTeacher(MLP([36, 20, 4]))
    without, _ = WithoutFactor(teacher, temperature=20.0, alpha=0.5)(student, batch)
    with_it, _ = Distillation(teacher, temperature=20.0, alpha=soft_weight(20.0, 0.5))(student, batch)
    assert soft_weight(20.0, 0.5) == pytest.approx(1 / 401) and soft_weight(20.0, 1.0) == 1
    torch.testing.assert_close(without, (0.5 / 400 + 0.5) * with_it)


def test_students_without_the_factor_are_trained_where_it_is_not_one_and_soft_ones_faster():
    of = {name: arm.settings for name, arm in arms("full").items() if arm.named}
    assert len(of) == 10 and not {"mixed_without 1", "soft_without 1"} & of.keys()
    assert of["soft_without 20"]["lr"] == 400 * of["soft 20"]["lr"]
    assert of["mixed_without 20"]["lr"] == of["mixed 20"]["lr"] == of["soft 1"]["lr"]


def test_a_small_run_measures_real_logits_and_trains_with_the_factor_and_without(micro, documented):
    table, measured = micro("t_squared", most={"rows": 200})
    documented("t_squared", table, measured)
    logits, trained = table[table.kl_scaled.notna()], table[table.kl_scaled.isna()]
    assert (logits.groupby("arm").temperature.apply(list) == pytest.approx(list(TEMPERATURES))).all()
    assert (logits.closed_form_error < 1e-6).all()
    assert logits.soft_to_hard.notna().equals(logits.arm.isin(["untrained", "hard"]))
    assert (logits[logits.temperature == 100].relative_norm == 1).all()
    trained = trained.set_index(["arm", "temperature"])
    assert trained.test_errors["soft", 4] == trained.test_errors["soft_without", 4]
    assert trained.logit_gap["soft", 4] == trained.logit_gap["soft_without", 4]
    assert trained.logit_gap["mixed", 20] != trained.logit_gap["mixed_without", 20]
    assert (trained.mean_kl > 0).all() and trained.agreement.between(0, 1).all()


def test_the_arms_for_a_gpu_run_on_a_stand_in_and_measure_what_the_others_do(micro, documented):
    table, measured = micro("t_squared", 3, most={"rows": 200}, profile="gpu", sizes=[784, 20, 20, 10], samples=300)
    documented("t_squared", table, measured)
    students = table[table.test_errors.notna()]
    assert students.groupby(["arm", "temperature"]).size().to_dict() == dict.fromkeys(
        [(arm.named, arm.settings["temperature"]) for arm in arms("gpu").values() if arm.named], 3
    )
    assert students[["arm", "temperature", "logit_gap"]].duplicated().sum() == 0
    assert {t.cohort[:5] for t in measured if "alpha" in t.settings} == {"seeds"}


def test_students_on_a_gpu_have_all_images():
    assert {arm.settings["samples"] for arm in arms("gpu").values() if arm.named} == {60_000}
