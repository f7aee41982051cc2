"""Teachers that grow, assistants and early stops: who tells whom, what softness means, and runs of a second."""

import math

import pytest
import torch

from kdbook.book import capacity_gap
from kdbook.book.capacity_gap import ASSISTANTS, OF_ALL, TEACHERS, arms, by_teacher, candidates, softness
from kdbook.book.few_labels import draw
from kdbook.lab import load
from kdbook.lab.arms import trial
from kdbook.show import rows_of
from kdbook.training import loop


@pytest.mark.parametrize(
    ("arm", "taught_by"),
    [
        ("from mlp_64, T = 2", ["mlp_64"]),
        ("from assistant_64, T = 4", ["assistant_64", "conv_32"]),
        ("from assistant_256_64, T = 1", ["assistant_256_64", "assistant_256", "conv_32"]),
        ("from conv_32_early, T = 4", ["conv_32_early"]),
        ("from conv_8, standardized, T = 0.5", ["conv_8"]),
    ],
)
def test_each_student_is_told_by_whom_its_arm_names_and_all_of_a_draw(arm, taught_by):
    asked, found = trial("capacity_gap", "full", arm, 14), []
    while asked.needs:
        (asked,) = asked.needs
        found.append((asked.arm, asked.seed))
    assert found == [(name, 14 % capacity_gap.SEEDS["full"][1]) for name in taught_by]


def test_students_of_a_teacher_see_its_draw_of_images_whoever_tells_them():
    teachers, whole = capacity_gap.SEEDS["full"][1], range(50_000)
    seen = {
        (arm, seed): draw(trial("capacity_gap", "full", arm, seed), whole)
        for arm in ("labels", "from mlp_64, T = 2")
        for seed in (1, 1 + teachers, 2)
    }
    first = seen["labels", 1]
    assert len(first) == 2_000 and not torch.equal(first, seen["labels", 2])
    for same in (("labels", 1 + teachers), ("from mlp_64, T = 2", 1), ("from mlp_64, T = 2", 1 + teachers)):
        assert torch.equal(first, seen[same])


def test_every_teacher_has_students_at_each_temperature_and_an_early_one_ends_its_own_schedule():
    made = arms("full")
    assert all(f"from {who}, T = {t:g}" in made for who in (*TEACHERS, *ASSISTANTS) for t in (1, 2, 4))
    assert all(f"from {who}, T = {t:g} of all" in made for who in OF_ALL for t in (1, 2, 4))
    end, early = (dict(made[name].settings) for name in ("conv_32", "conv_32_early"))
    assert early.pop("epochs") == 2 and end.pop("epochs") == 8 and early == end
    assert loop.fit.__kwdefaults__["schedule"] is loop.one_cycle


def test_softness_is_the_entropy_of_what_students_are_told_and_grows_with_the_temperature():
    answer = torch.tensor([[math.log(0.9), math.log(0.1)]])
    found = softness(answer, torch.tensor([0]))
    assert found["entropy_1"] == pytest.approx(-(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1)))
    assert found["entropy_1"] < found["entropy_4"] < 1
    assert found["wrong_entropy_4"] == 0


def test_wrong_classes_are_taken_alone():
    logits = torch.tensor([[9.0, 0.0, 0.0, 0.0, 0.0]])
    assert softness(logits, torch.tensor([0]))["wrong_entropy_4"] == pytest.approx(2)


def test_a_small_run_measures_teachers_assistants_and_students(micro, documented):
    table, measured = micro("capacity_gap", seeds=2, most={"images": 2_000, "epochs": 1}, widths=[2, 4, 8])
    documented("capacity_gap", table, measured)
    assert set(table.arm) == set(arms("quick"))
    rows = table[table.seed == 0].set_index("arm")
    assert rows.teacher_errors["from mlp_800, T = 4"] == rows.test_errors["mlp_800"]
    assert rows.told_by["from assistant_64, T = 4"] == "assistant_64" and rows.told_by["assistant_64"] == "conv_32"
    teachers = rows[rows.entropy_1.notna()]
    assert (teachers.entropy_1 < teachers.entropy_4).all() and (teachers.entropy_4 < math.log2(10)).all()
    assert rows.parameters["labels"] == 26_506
    both = rows_of(table, {"arm": "from mlp_64, T = 4", "teacher_seed": 0}).test_errors
    by_draw = by_teacher(table, temperature=4).set_index(["arm", "seed"]).test_errors
    assert len(both) == 2 and by_draw["mlp_64", 0] == pytest.approx(both.mean())


def test_a_small_run_of_tries_scores_each(micro, documented):
    def few(trial):
        return trial.arm in ("mlp_64", "assistant_64", "labels", "from mlp_64, T = 1", "mlp_64 scored")

    table, measured = micro("capacity_gap_settings", most={"images": 100, "epochs": 1}, widths=[2, 4, 8], only=few)
    documented("capacity_gap_settings", table, measured)
    assert table.validation_errors.notna().all()


# Arms of whose 24 students one learned nothing at the rate that was best on three draws: they have the next lower one.
LOWERED = {
    "from mlp_256, T = 8",
    "from conv_32, T = 1",
    "from conv_32, T = 4",
    "from conv_32_early, T = 2",
    "from assistant_64, T = 4",
    "from assistant_256_64, T = 1",
}


@pytest.fixture(scope="module")
def tried():
    """Mean validation errors of each try by arm, rate, and decay or T; of one that diverged there are none."""
    table = load("capacity_gap_settings")
    other = table.weight_decay.fillna(table.temperature).rename("other")
    return table.groupby(["arm", "lr", other]).validation_errors.agg(lambda errors: errors.mean(skipna=False))


def test_each_student_has_the_rate_that_did_best_on_validation_images(tried):
    assert set(capacity_gap.RATES) == {name for name, arm in arms("full").items() if arm.cohort and arm.needs}
    for name, rate in capacity_gap.RATES.items():
        by_rate = tried[name].droplevel("other")
        rates = sorted(by_rate.index)
        best = rates.index(by_rate.idxmin())
        assert rate == pytest.approx(rates[best - (name in LOWERED)]), name


def test_of_each_teachers_students_those_of_the_best_temperature_are_marked(tried):
    def family(name):
        return name.partition(", T =")[0], name.endswith(" of all")

    least = {name: tried[name].min() for name, arm in candidates("full").items() if arm.cohort and arm.needs}
    best = {}
    for name in sorted(least, key=least.get, reverse=True):
        best[family(name)] = name
    assert set(capacity_gap.BEST) == set(best.values())


def test_nets_of_labels_have_the_best_of_their_tries_and_assistants_share_the_best_temperature(tried):
    alike = {"mlp_256": "mlp_800", "conv_16": "conv_32"}  # those between take what the larger has
    for name, chosen in capacity_gap.CHOSEN.items():
        if name not in ASSISTANTS:
            assert chosen == tried[alike.get(name, name)].idxmin(), name
    together = sum(tried[name] for name in ASSISTANTS)
    assert {capacity_gap.CHOSEN[name] for name in ASSISTANTS} == {together.idxmin()}
