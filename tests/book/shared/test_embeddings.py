from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from kdbook.book.shared.embeddings import (
    class_distances,
    distance_correlation,
    embed,
    embedding_pictures,
    few_shot_accuracy,
    recall_at_1,
)
from kdbook.nets.vision import MLP, ConvNet


def blobs(apart: float, classes: int = 6, each: int = 25, width: int = 4):
    """Normal points around one axis for each class, in random order."""
    generator = torch.Generator().manual_seed(4)
    y = torch.arange(classes).repeat(each)
    centres = torch.eye(classes, width) if classes <= width else torch.randn(classes, width, generator=generator)
    return apart * centres[y] + torch.randn(len(y), width, generator=generator), y


def test_the_nearest_neighbour_by_cosine_is_another_row_whatever_its_length():
    #                            nearest: row 1, row 0 (ten times as long), row 3, row 2
    points = torch.tensor([[1.0, 0.1], [10.0, 0.0], [0.0, 1.0], [0.2, 3.0]])
    assert recall_at_1(points, torch.tensor([0, 0, 1, 1])) == 1
    assert recall_at_1(points, torch.tensor([0, 1, 1, 1])) == 0.5
    assert recall_at_1(points, torch.tensor([0, 1, 0, 1])) == 0


def test_recall_agrees_with_all_distances_computed_at_once():
    points, y = blobs(1.0)
    cosines = 1 - cdist(points, points, "cosine") - 3 * np.eye(len(y))
    assert recall_at_1(points, y) == pytest.approx((y[cosines.argmax(1)] == y).float().mean().item())


def test_few_examples_are_enough_for_classes_far_apart_and_a_guess_for_noise():
    assert few_shot_accuracy(*blobs(1_000.0)) == 1
    assert (
        0.17
        < few_shot_accuracy(torch.randn(400, 8, generator=torch.Generator().manual_seed(5)), torch.arange(8).repeat(50))
        < 0.23
    )  # one of five classes
    assert few_shot_accuracy(*blobs(1.0)) == few_shot_accuracy(*blobs(1.0))


def test_distances_between_classes_are_those_of_their_means_in_units_of_the_mean_distance():
    points = torch.tensor([[0.0, 0.0], [0.0, 2.0], [3.0, 1.0], [0.0, 5.0]])  # means (0, 1), (3, 1), (0, 5)
    found = class_distances(points, torch.tensor([0, 0, 1, 2]))
    expected = torch.tensor([[0.0, 3.0, 4.0], [3.0, 0.0, 5.0], [4.0, 5.0, 0.0]]) / 4
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(class_distances(7 * points + 1, torch.tensor([0, 0, 1, 2])), expected)


def test_distances_correlate_by_rank_over_each_pair_once():
    ours = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]])
    assert distance_correlation(ours, ours.square()) == pytest.approx(1)
    assert distance_correlation(ours, 4 - ours) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("build", "maps"),
    [(lambda: MLP([36, 8, 5, 4]), []), (lambda: ConvNet((8, 8)), [(6, 3, 3), (6, 2, 2)])],
    ids=["MLP", "ConvNet"],
)
def test_pictures_are_of_the_shapes_that_figures_expect(quadrants, build, maps):
    torch.manual_seed(2)  # of five units none may be silent for an image, whose embedding would have no direction
    model = build()
    split = replace(quadrants(600), y=torch.arange(600) % 10)
    embedding = embed(model, split)
    found = embedding_pictures(model, split, embedding)
    assert found["plane"].shape == (500, 2)
    assert found["similarity"].shape == (60, 60)
    assert np.allclose(np.diag(found["similarity"]), 1, atol=1e-5)
    assert [found[f"attention_{i}"].shape for i in range(len(maps))] == maps
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
