import numpy as np
import pandas as pd
import pytest

from kdbook.lab.gates import gates

NOISE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])  # of five draws: a standard deviation of 1.58
DECIDES = {"teacher": 100, "labels": 180, "soft": 140, "labels_twice": 175, "soft_twice": 138}


def pilot(**changed):
    """Errors of five draws; those of the students of soft targets vary."""
    columns = {name: np.full(5, float(mean)) for name, mean in (DECIDES | changed).items()}
    return pd.DataFrame(columns).assign(soft=columns["soft"] + NOISE, teacher=columns["teacher"] + NOISE)


def passed(errors, smallest=20.0, draws=5):
    found = gates("a regime", errors, smallest=smallest, draws=draws)
    assert [*found.columns] == ["regime", "gate", "passed", "measured"] and set(found.regime) == {"a regime"}
    return [gate for gate, good in zip(found.gate, found.passed, strict=True) if good]


def test_a_regime_that_can_decide_passes_all_gates():
    assert passed(pilot()) == ["gap", "converged", "sensitivity", "power"]


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({"teacher": 175}, {"gap", "converged"}),  # a quarter of the gap of 5 is 1.25
        ({"labels_twice": 159, "soft_twice": 140}, {"converged"}),  # 21 of a gap of 80
        ({"labels_twice": 178, "soft_twice": 179}, {"converged"}),  # the gain turns its sign
        ({"soft": 180}, {"sensitivity", "converged"}),
    ],
)
def test_a_regime_fails_the_gate_that_it_does_not_meet(changed, fails):
    assert {"gap", "converged", "sensitivity", "power"} - {*passed(pilot(**changed))} == fails


def test_power_is_the_effect_that_so_many_draws_find_with_the_upper_limit_of_the_pilots_spread():
    # 1.56 x 1.581 = 2.467; for five draws a t test at 5 % finds 1.682 standard deviations in 80 % (G*Power: 1.6815)
    assert "power" not in passed(pilot(), smallest=4.1) and "power" in passed(pilot(), smallest=4.2)
    assert "power" in passed(pilot(), smallest=4.1, draws=6)
