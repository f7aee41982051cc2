import pytest
import torch

from kdbook.book import temperature_by_width
from kdbook.book.temperature_by_width import learning_rate, trials
from kdbook.lab.steps import seeded_network


def test_every_width_has_every_temperature_in_twenty_seeds_and_the_widest_three_in_five():
    made = trials("full")
    for width in (10, 30, 100, 300):
        chosen = [(t.seed, t.settings["temperature"]) for t in made if t.settings["sizes"] == [784, width, width, 10]]
        assert len(chosen) == len(set(chosen)) == 20 * 9
    widest = [(t.seed, t.settings["temperature"]) for t in made if t.settings["sizes"][1] == 800]
    assert widest == [(seed, t) for seed in range(5) for t in (1, 4, 20)]


def test_the_quick_profile_has_the_arms_of_the_full_one():
    assert {t.arm for t in trials("quick")} == {t.arm for t in trials("full")}


def test_a_cohort_shares_all_but_temperature_and_learning_rate():
    cohorts = {}
    for trial in trials("full", 2):
        cohorts.setdefault((trial.seed, trial.cohort), []).append(trial)
    assert len(cohorts) == 2 * 5
    for cohort in cohorts.values():
        shared = [{k: v for k, v in t.settings.items() if k not in ("temperature", "lr")} for t in cohort]
        assert all(s == shared[0] for s in shared)
        assert len({t.needs for t in cohort}) == 1
        first, last = seeded_network(cohort[0]), seeded_network(cohort[-1])
        assert all(torch.equal(p, q) for p, q in zip(first.parameters(), last.parameters(), strict=True))


def test_no_student_uses_labels():
    assert {t.settings["alpha"] for t in trials("full")} == {1.0}


def test_the_learning_rate_never_rises_with_the_temperature():
    rates = [learning_rate(t) for t in temperature_by_width.TEMPERATURES]
    assert rates == sorted(rates, reverse=True) and rates[0] == 0.2 and rates[-1] == 0.05


@pytest.fixture
def two_widths(monkeypatch):
    monkeypatch.setattr(temperature_by_width, "WIDTHS", {10: (1.0, 4.0), 30: (1.0, 2.5, 20.0)})
    monkeypatch.setitem(temperature_by_width.EPOCHS, "quick", {10: 1, 30: 1})
    monkeypatch.setitem(temperature_by_width.IMAGES, "quick", {"samples": 300, "batch_size": 50})


def test_a_small_run_measures_every_student_of_a_cohort(two_widths, micro, documented):
    table, measured = micro("temperature_by_width", 2)
    documented("temperature_by_width", table, measured)
    arms = {"10:T=1", "10:T=4", "30:T=1", "30:T=2.5", "30:T=20"}
    assert table.groupby("arm").size().to_dict() == dict.fromkeys(arms, 2)
    assert (table.arm == [f"{w}:T={t:g}" for w, t in zip(table.width, table.temperature, strict=True)]).all()
    assert table.test_errors.between(1, 9999).all() and table.agreement.between(0, 1).all()
    assert (table.mean_kl > 0).all() and (table.teacher_seed == 0).all()
    assert table[["test_errors", "mean_kl"]].duplicated().sum() == 0
