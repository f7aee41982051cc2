import pytest

from kdbook.book.soft_target_regularizer import arms

FULL = arms("full")


def test_the_images_are_three_percent_of_mnist_and_none_of_the_validation_images():
    assert FULL["hard"].settings["samples"] / 60_000 == pytest.approx(0.03)
    assert FULL["hard"].settings["part"] == "fit"


def test_only_the_targets_differ_between_the_arms():
    hard, soft = FULL["hard"].settings, FULL["soft"].settings
    assert {key: value for key, value in soft.items() if key not in ("temperature", "alpha")} == hard
    assert soft["alpha"] == 1.0  # no labels


def test_a_small_run_stops_early_where_the_validation_images_say(micro, micro_store, documented):
    table, measured = micro("soft_target_regularizer")
    documented("soft_target_regularizer", table, measured)
    table = table.set_index("arm")
    assert table.loc["hard_all"].recovered == 1
    for trial, (row,) in measured.items():
        if trial.arm == "hard_all":
            continue
        curve = micro_store.read(trial).pictures["validation_accuracy"]
        assert len(curve) == trial.settings["epochs"]
        assert curve[row["best_epoch"] - 1] == curve.max()
        assert row["recovered"] == pytest.approx(row["test_accuracy"] / table.loc["hard_all"].test_accuracy)
        if row["best_epoch"] == len(curve):
            assert row["test_accuracy_early"] == row["test_accuracy"]
