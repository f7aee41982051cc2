"""What the classes of a generalist are clustered by, and a run with few texts."""

import numpy as np
import pytest
import torch

from kdbook.book.specialist_clusters import class_columns
from kdbook.lab import arms
from kdbook.lab.steps import seeded_network

EVERY = 30  # of the training texts
MOST = {"batch_size": 256}


class Untrained:
    """Tools whose stored networks are fresh ones."""

    device = torch.device("cpu")

    def tensors(self, trial):
        return seeded_network(trial).state_dict()


def test_columns_have_length_one_and_no_diagonal_unless_they_are_raw():
    generalist = arms.trial("specialist_clusters", "quick", "generalist", 0)
    scaled, raw = (class_columns(generalist, source, Untrained()) for source in ("covariance", "covariance_raw"))
    assert np.allclose(np.linalg.norm(scaled, axis=1), 1) and not np.diag(scaled).any()
    assert np.allclose(raw, raw.T) and (np.diag(raw) > 0).all()


def test_the_other_generalists_of_an_ensemble_have_seeds_that_no_trial_has_and_no_rows():
    others = [arms.trial("specialist_clusters", "full", f"generalist_{k}", seed) for k in (1, 2) for seed in range(5)]
    assert [t.seed for t in others] == [1001, 1011, 1021, 1031, 1041, 1002, 1012, 1022, 1032, 1042]
    assert {t.arm for t in others} == {"generalist"}
    assert not set(others) & set(arms.trials("specialist_clusters", "full"))


@pytest.mark.slow
def test_a_small_run_clusters_all_classes_and_gives_every_cluster_as_many(micro, documented):
    table, measured = micro("specialist_clusters", most=MOST, every=EVERY)
    documented("specialist_clusters", table, measured)
    by_arm = table.set_index("arm")
    assert by_arm.other_rand["covariance"] == 1 and by_arm.other_rand["covariance_tree"] < 1
    assert by_arm.taxonomy_rand["covariance"] > by_arm.taxonomy_rand["covariance_raw"]
    assert by_arm.parameters["generalist"] == 20_000 * 20 + 20 + 21 * 535
    assert table.array("covariance", "members").sum(1).tolist() == [30] * 8
    assert table.array("covariance", "groups").sum() == 535
