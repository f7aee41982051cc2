"""A student thinner and deeper than its teacher, and a run of a second."""

from kdbook.book import fitnets
from kdbook.lab.steps import network
from kdbook.nets.vision import count_parameters

FULL = {name: arm.settings for name, arm in fitnets.arms("full").items()}


def test_the_student_is_of_the_papers_size_and_deeper_than_its_teacher():
    assert 25_000 < count_parameters(network(FULL["hints"])) < 35_000  # the paper's has about 30,000
    assert FULL["hints"]["depth"] > FULL["teacher"]["depth"]


def test_the_student_of_hints_differs_from_that_of_soft_targets_in_the_hints_alone():
    assert {**FULL["kd"], "method": "fitnet"} == FULL["hints"]


def test_a_small_run_measures_thin_students(micro, documented):
    table, measured = micro("fitnets", most={"samples": 100})
    documented("fitnets", table, measured)
    rows = table.set_index("arm")
    assert list(rows.index) == ["teacher", "hard", "kd", "hints"]
    assert rows.agreement.drop("teacher").between(0, 1).all() and rows.teacher_seed.isna()["teacher"]
    assert rows.mean_kl.drop("teacher").nunique() == 3
    assert rows.parameters[["hard", "kd", "hints"]].nunique() == 1
