"""Labels beside soft targets: which students there are, and a run of a second."""

from kdbook.book.alpha_sweep import ALPHAS, SHARES, WIDTHS, arms
from kdbook.lab.arms import trials


def test_a_cohort_holds_all_alphas_of_a_seed_a_width_and_a_number_of_labels():
    cohorts = {}
    for trial in trials("alpha_sweep", "full"):
        cohorts.setdefault((trial.seed, trial.cohort), []).append(trial)
    assert len(cohorts) == 5 * len(WIDTHS) * len(SHARES)
    for cohort in cohorts.values():
        assert [t.settings["alpha"] for t in cohort] == list(ALPHAS)
        assert len({(t.settings["labels"], *t.settings["sizes"]) for t in cohort}) == 1
    assert {cohort[0].settings["labels"] for cohort in cohorts.values()} == {60_000, 6_000, 600}


def test_the_quick_profile_has_the_arms_of_the_full_one():
    assert [*arms("quick")] == [*arms("full")]


def test_a_small_run_measures_every_alpha_and_soft_targets_alone_need_no_labels(micro, documented):
    def chosen(trial):
        return trial.settings["labelled_share"] != 0.1 and trial.settings["alpha"] in (0, 0.5, 1)

    table, measured = micro("alpha_sweep", most={"labels": 300}, only=chosen)
    documented("alpha_sweep", table, measured)
    assert len(table) == len(measured) == 2 * 2 * 3
    assert set(table.labels) == {300, 20}
    assert table.test_errors.between(1, 9999).all() and (table.teacher_seed == 0).all()
    by_labels = table.set_index(["alpha", "width", "labels"]).mean_kl.unstack()
    assert ((by_labels[300] - by_labels[20]).abs() < 1e-5).loc[1].all()
    assert ((by_labels[300] - by_labels[20]).abs() > 1e-4).loc[[0, 0.5]].all()
