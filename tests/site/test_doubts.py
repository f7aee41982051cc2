"""The map of classes in chapter 06: what the page carries and computes, against Python and the committed results."""

import json

import numpy as np
import pytest

from kdbook.data.glosses import read_glosses
from kdbook.lab import load
from kdbook.training.opinions import confusable_subsets

from ..scripts import load_script

doubts = load_script("site/doubts.py")


@pytest.fixture(scope="module")
def kept():
    return np.load(doubts.COMMITTED)


def covariance(kept):
    n = len(read_glosses().classes)
    upper = np.zeros((n, n))
    upper[np.triu_indices(n)] = kept["covariance"].astype(float) / doubts.FACTOR
    return upper + np.triu(upper, 1).T


def test_the_page_computes_the_matrix_and_its_scaled_rows_as_python_does(kept, node, tmp_path):
    doubts.write(tmp_path)
    assert (tmp_path / "doubts.js").stat().st_size <= 1e6
    found = json.loads(node(doubts.COMMITTED.parents[1] / "tests/site/play/map.mjs", tmp_path / "doubts.js"))
    assert np.allclose(found["covariance"], covariance(kept).ravel(), rtol=0, atol=1e-9)
    assert np.allclose(found["scaled"], doubts.scaled(kept["covariance"]).ravel(), rtol=0, atol=1e-6)


def test_a_row_of_covariances_of_probabilities_sums_to_nothing(kept):
    matrix = covariance(kept)
    assert np.abs(matrix.sum(1)).max() < 0.005 * matrix.diagonal().max()


def test_the_matrix_that_is_kept_gives_the_clusters_and_the_specialists_that_are_kept(kept):
    clusters, size = len(kept["members"]), int(kept["members"][0].sum())
    sizes = {"clusters": clusters, "size": size, "seed": doubts.SEED}
    label, members = confusable_subsets(doubts.scaled(kept["covariance"]), **sizes)
    assert (label == kept["label"]).mean() > 0.95
    assert (members & kept["members"]).sum() > 0.95 * members.sum()


@pytest.mark.parametrize("coverage", ["all", "0"])
def test_the_team_that_was_trained_again_gains_what_teams_of_the_committed_results_gain(kept, coverage):
    table = load("specialists")
    chosen = {"arm": "specialists", "routing": "class:1", "correction": "sampling", "coverage": coverage}
    rows = table[(table[[*chosen]] == chosen).all(axis=1)].set_index("seed")
    counted = kept["texts"] > 0 if coverage == "all" else ~kept["members"].any(0)
    texts, alone, gained, lost = (int(kept[name][counted].sum()) for name in doubts.COUNTS)
    if coverage == "all":
        assert texts == rows.texts[doubts.SEED]
        assert 100 * alone / texts == pytest.approx(rows.generalist_accuracy[doubts.SEED], abs=0.3)
    assert rows.gain.min() <= gained - lost <= rows.gain.max()


def test_counts_of_a_class_are_of_its_own_texts_and_every_class_has_some(kept):
    texts, alone, gained, lost = (kept[name] for name in doubts.COUNTS)
    assert texts.min() > 0 and (lost <= alone).all() and (alone + gained <= texts).all()


def test_classes_stand_by_cluster_those_of_the_commonest_kind_first():
    groups = ("plant", "animal", "plant", "animal", "plant", "food", "plant", "plant")
    assert doubts.in_order(np.array([1, 0, 1, 0, 2, 0, 2, 2]), groups).tolist() == [4, 6, 7, 0, 2, 1, 3, 5]
