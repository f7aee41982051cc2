"""Temperatures of narrow and wide students: who is trained how, errors round a mean, and a run of a second."""

import pandas as pd
import pytest
import torch

from kdbook.book.temperature_by_width import TEMPERATURES, WIDTHS, arms, learning_rate, paired
from kdbook.lab.arms import trials
from kdbook.lab.engines import grouped
from kdbook.lab.steps import seeded_network


def test_every_width_has_every_temperature_in_twenty_seeds_and_the_widest_three_in_five():
    made = [(t.settings["sizes"], t.seed, t.settings["temperature"]) for t in trials("temperature_by_width", "full")]
    for width in (10, 30, 100, 300):
        chosen = [rest for (_, first, second, _), *rest in made if first == second == width]
        assert chosen == [[seed, t] for seed in range(20) for t in TEMPERATURES]
    assert [rest for sizes, *rest in made if sizes[1] == 800] == [[seed, t] for seed in range(5) for t in (1, 4, 20)]


def test_the_quick_profile_has_the_arms_of_the_full_one():
    assert [*arms("quick")] == [*arms("full")]


def test_a_cohort_shares_all_but_temperature_and_learning_rate_and_uses_no_labels():
    cohorts = {}
    for trial in trials("temperature_by_width", "full", 2):
        cohorts.setdefault((trial.seed, trial.cohort), []).append(trial)
    assert len(cohorts) == 2 * 5
    for cohort in cohorts.values():
        shared = [{k: v for k, v in t.settings.items() if k not in ("temperature", "lr")} for t in cohort]
        assert all(s == shared[0] and s["alpha"] == 1 for s in shared)
        assert len({t.needs for t in cohort}) == 1
        first, last = seeded_network(cohort[0]), seeded_network(cohort[-1])
        assert all(torch.equal(p, q) for p, q in zip(first.parameters(), last.parameters(), strict=True))


def test_the_learning_rate_never_rises_with_the_temperature():
    rates = [learning_rate(t) for t in TEMPERATURES]
    assert rates == sorted(rates, reverse=True) and rates[0] == 0.2 and rates[-1] == 0.05


def test_excess_is_relative_to_the_mean_of_the_same_seed_and_width():
    table = pd.DataFrame(
        {"width": [10, 10, 10, 10, 30, 30], "seed": [0, 0, 1, 1, 0, 0], "test_errors": [90, 110, 30, 50, 8, 8]}
    )
    assert paired(table).excess.tolist() == pytest.approx([-10, 10, -25, 25, 0, 0])


def test_a_small_run_measures_every_student_of_a_cohort(micro, documented):
    chosen = {"10:T=1", "10:T=4", "30:T=1", "30:T=2.5", "30:T=20"}
    table, measured = micro("temperature_by_width", 2, only=lambda trial: trial.arm in chosen)
    documented("temperature_by_width", table, measured)
    assert table.groupby("arm").size().to_dict() == dict.fromkeys(chosen, 2)
    assert (table.arm == [f"{w}:T={t:g}" for w, t in zip(table.width, table.temperature, strict=True)]).all()
    assert table.test_errors.between(1, 9999).all() and table.agreement.between(0, 1).all()
    assert (table.mean_kl > 0).all() and (table.teacher_seed == 0).all()
    assert table[["test_errors", "mean_kl"]].duplicated().sum() == 0


def test_on_a_gpu_every_width_is_one_model_of_fifty_seeds_with_the_full_settings():
    full, gpu = arms("full"), arms("gpu")
    assert {name: arm.settings for name, arm in gpu.items()} == {name: arm.settings for name, arm in full.items()}
    groups = grouped(trials("temperature_by_width", "gpu"))
    assert [len(group) for group in groups] == [50 * (3 if width == 800 else 9) for width in WIDTHS]


def test_the_arms_for_a_gpu_run_on_a_stand_in_and_measure_what_the_others_do(micro, documented):
    chosen = {"10:T=1", "10:T=4", "30:T=2.5"}
    small = {"profile": "gpu", "sizes": [784, 20, 20, 10], "samples": 300}
    table, measured = micro("temperature_by_width", 3, only=lambda trial: trial.arm in chosen, **small)
    documented("temperature_by_width", table, measured)
    assert table.groupby("arm").size().to_dict() == dict.fromkeys(chosen, 3)
    assert (table.teacher_seed == table.seed).all() and (table.width == 20).all()
    assert table.test_errors.between(1, 9999).all() and table.agreement.between(0, 1).all()
    assert table[["test_errors", "mean_kl"]].duplicated().sum() == 0
