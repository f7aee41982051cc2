"""Who is whose teacher, and a run of a second; what a treatment does is tested with its objective."""

from kdbook.book.ablations import STUDENTS
from kdbook.lab import arms

METHODS = list(STUDENTS)


def test_a_born_again_student_starts_from_other_weights_than_its_teacher():
    for trial in arms.trials("ablations", "full"):
        assert trial.seed not in {need.seed for need in trial.needs}


def test_students_of_one_data_set_and_seed_are_one_cohort_and_its_teachers_are_not():
    made = arms.trials("ablations", "full", 2)
    cohorts = {(t.data, t.seed): [] for t in made if t.cohort}
    for trial in made:
        if trial.cohort:
            assert trial.cohort == trial.data == trial.needs[0].data
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
