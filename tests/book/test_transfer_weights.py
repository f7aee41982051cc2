"""What was tried for `knowledge_types`, that it uses what was found, and a run of a second."""

import pytest

from kdbook.book import knowledge_types
from kdbook.lab import arms, load


def test_every_arm_with_a_term_is_tried_with_its_variants_on_validation_images():
    made = arms.trials("transfer_weights", "full")
    assert all(t.settings["part"] == "fit" and "scored_on" not in t.settings for t in made)
    assert len({t.id for t in made}) == len(made)
    for name, arm in knowledge_types.arms("full").items():
        tried = {(t.settings.get("beta"), t.settings.get("hint_epochs")) for t in made if t.arm == name}
        method = arm.settings.get("method")
        expected = 0 if name in ("teacher", "api") else 1 if not method else 3 if method == "fitnet" else 4
        assert len(tried) == expected, name


def test_the_weights_in_use_are_those_that_validation_images_chose():
    tried = load("transfer_weights").groupby(["arm", "beta"]).validation_errors.mean()
    used = {name: arm.settings["beta"] for name, arm in knowledge_types.arms("full").items() if "beta" in arm.settings}
    assert len(used) == 30
    for arm, beta in used.items():
        assert beta == pytest.approx(tried[arm].idxmin(), rel=0.01), arm


def test_a_small_run_tries_weights(micro, documented):
    tried = {"fitnet": 0, "at": 2, "rkd_d_kd": 2}  # a hint has no weight
    table, measured = micro("transfer_weights", most={"samples": 100}, only=lambda trial: trial.arm in tried)
    documented("transfer_weights", table, measured)
    assert table.groupby("arm").beta.nunique().to_dict() == tried
    assert (table.validation_errors > 0).all() and table.validation_errors.nunique() > 2
