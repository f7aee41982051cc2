import hashlib
import time

import numpy as np
import pytest
import torch

from kdbook.data import CENTRE_VIEW, VIEWS, Split, checksum, load_images
from kdbook.data.files import SHA256

# Counts of the digits 0 to 9 in the published files.
TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
LAST_COUNTS = [991, 1064, 990, 1030, 983, 915, 967, 1090, 1009, 961]


def slow_shift(image, view):
    """The image moved down and right pixel by pixel, with zeros where nothing comes from."""
    down, right = view // 5 - 2, view % 5 - 2
    height, width = image.shape
    shifted = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                shifted[row, column] = image[row - down, column - right]
    return shifted


@pytest.mark.parametrize(
    ("part", "counts"), [("train", TRAIN_COUNTS), ("test", TEST_COUNTS), ("validation", LAST_COUNTS)]
)
def test_mnist_has_the_published_number_of_each_digit(part, counts):
    split = load_images("mnist", part)
    assert torch.bincount(split.y).tolist() == counts
    assert split.x.shape == (sum(counts), 28, 28) and split.x.dtype == torch.uint8


@pytest.mark.parametrize(("part", "each"), [("train", 6000), ("test", 1000)])
def test_fashion_mnist_has_equally_many_of_each_class(part, each):
    assert torch.bincount(load_images("fashion-mnist", part).y).tolist() == [each] * 10


def test_pixels_have_the_published_mean_and_spread():
    counts = torch.bincount(load_images().x.flatten(), minlength=256).double()
    levels = torch.arange(256).double() / 255
    mean = (counts * levels).sum() / counts.sum()
    variance = (counts * (levels - mean) ** 2).sum() / counts.sum()
    assert float(mean) == pytest.approx(0.1307, abs=5e-5)
    assert float(variance.sqrt()) == pytest.approx(0.3081, abs=5e-5)


def test_the_validation_split_is_the_last_ten_thousand_and_fit_the_rest():
    train, fit, validation = (load_images(part=part) for part in ("train", "fit", "validation"))
    assert validation.index.tolist() == list(range(50_000, 60_000))
    assert fit.index.tolist() == list(range(50_000))
    assert torch.equal(train.x[50_000:], validation.x) and torch.equal(train.y[50_000:], validation.y)
    assert torch.equal(train.x[:50_000], fit.x) and torch.equal(train.y[:50_000], fit.y)


def test_a_cached_image_set_loads_in_under_a_second():
    load_images()
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        load_images()
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cifar"}, "name must be one of mnist, fashion-mnist, cifar10, cifar100, got 'cifar'"),
        ({"part": "dev"}, "part must be one of train, fit, validation, test, got 'dev'"),
    ],
)
def test_an_unknown_image_set_or_part_is_named_with_those_there_are(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_images(**arguments)


def test_without_leaves_out_the_named_classes_and_keeps_the_others_with_their_indices():
    train = load_images()
    rest = train.without([7, 8])
    assert len(rest) == 60_000 - TRAIN_COUNTS[7] - TRAIN_COUNTS[8]
    assert set(rest.y.tolist()) == {0, 1, 2, 3, 4, 5, 6, 9}
    assert torch.equal(train.x[rest.index], rest.x) and torch.equal(train.y[rest.index], rest.y)


def test_leaving_out_a_class_without_samples_is_refused(quadrants):
    with pytest.raises(ValueError, match=r"classes must be of those with a sample here, \[0, 1, 2, 3\], got \[4, 9\]"):
        quadrants().without([1, 4, 9])


def test_rows_choose_by_mask_by_position_and_by_slice(quadrants):
    split = quadrants(12)
    by_mask = split.rows(split.index > 30)
    by_position = split.rows(torch.arange(9, 12))
    by_slice = split.rows(slice(9, None))
    for chosen in (by_mask, by_position, by_slice):
        assert chosen.index.tolist() == [32, 35, 38]
        assert torch.equal(chosen.x, split.x[9:])


def test_a_subset_of_a_shifted_split_is_shifted(quadrants):
    assert quadrants().shifted().without([1]).views == VIEWS


@pytest.mark.parametrize("view", range(VIEWS))
def test_each_view_is_a_shift_with_zero_fill(view):
    split = load_images("mnist", "test").rows(slice(20))
    expected = np.stack([slow_shift(image, view) for image in split.x.numpy()]) / np.float32(255)
    assert np.array_equal(split.images(view=view).numpy(), expected.astype(np.float32))


def test_colour_images_are_shifted_colour_by_colour():
    generator = torch.Generator().manual_seed(4)
    x = torch.randint(256, (6, 3, 9, 7), dtype=torch.uint8, generator=generator)
    split = Split(x, torch.arange(6), torch.arange(6))
    views = torch.tensor([0, 4, CENTRE_VIEW, 13, 20, 24])
    expected = [[slow_shift(c, v) for c in image] for image, v in zip(x.numpy(), views.tolist(), strict=True)]
    assert np.array_equal(split.images(view=views).mul(255).round().numpy(), np.array(expected))


def test_no_ink_wraps_around_an_edge():
    white = Split(torch.full((1, 5, 7), 255, dtype=torch.uint8), torch.zeros(1).long(), torch.zeros(1).long())
    for view in range(VIEWS):
        down, right = view // 5 - 2, view % 5 - 2
        image = white.images(view=view)[0]
        assert int(image.sum()) == (5 - abs(down)) * (7 - abs(right))


def test_every_image_can_have_a_view_of_its_own():
    split = load_images("fashion-mnist", "test").rows(slice(60))
    view = torch.arange(60) % VIEWS
    rows = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    images = split.images(rows, view)
    for position, (row, v) in enumerate(zip(rows.tolist(), view.tolist(), strict=True)):
        assert np.array_equal(images[position].numpy() * 255, slow_shift(split.x[row].numpy(), v))


def test_the_centre_view_is_the_image_itself(quadrants):
    split = quadrants()
    assert torch.equal(split.images(), split.x.float() / 255)
    assert torch.equal(split.images(view=torch.full((len(split),), CENTRE_VIEW)), split.images())


@pytest.mark.parametrize("view", [-1, VIEWS, torch.tensor([0, 25])])
def test_a_view_outside_the_range_is_refused(quadrants, view):
    with pytest.raises(ValueError, match="view must be in 0..24, got"):
        quadrants(2).images(view=view)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 96, 1000])
def test_batches_visit_every_row_once_in_the_given_order(quadrants, batch_size, shifted):
    split = quadrants()
    generator = torch.Generator().manual_seed(1)
    order = torch.randperm(len(split), generator=generator)
    view = torch.randint(VIEWS, (len(split),), generator=generator) if shifted else None
    batches = list(split.batches(order, view, batch_size))
    positions = torch.cat([torch.arange(len(split))[at] for _, at in batches])
    assert positions.tolist() == list(range(len(split)))
    assert all(len(x) == batch_size for x, _ in batches[:-1])
    x = torch.cat([x for x, _ in batches])
    assert torch.equal(x, split.images(order, CENTRE_VIEW if view is None else view))


def test_batches_larger_than_a_slab_and_slabs_with_a_remainder_lose_nothing():
    split = load_images("mnist", "test")
    order = torch.arange(len(split)).flip(0)
    for batch_size in (300, 9000):
        batches = list(split.batches(order, None, batch_size))
        assert sum(len(x) for x, _ in batches) == len(split)
        assert [at.start for _, at in batches] == list(range(0, len(split), batch_size))
        assert torch.equal(torch.cat([x for x, _ in batches]), split.images(order))


def test_rows_of_unequal_number_are_refused():
    x = torch.zeros(3, 4, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match="one row a sample, got 3, 2 and 3"):
        Split(x, torch.zeros(2).long(), torch.arange(3))


def test_a_number_of_views_other_than_one_and_all_is_refused():
    with pytest.raises(ValueError, match="views must be 1 or 25, got 9"):
        Split(torch.zeros(1, 4, 4, dtype=torch.uint8), torch.zeros(1).long(), torch.zeros(1).long(), views=9)


def test_the_checksum_of_a_data_set_depends_on_each_of_its_files(monkeypatch):
    before = checksum("mnist"), checksum("fashion-mnist")
    assert before[0] != before[1]
    for name in [name for name in SHA256 if name.startswith("mnist/")]:
        with monkeypatch.context() as patch:
            patch.setitem(SHA256, name, hashlib.sha256(b"other").hexdigest())
            assert checksum("mnist") != before[0]
            assert checksum("fashion-mnist") == before[1]


def test_a_checksum_of_an_unknown_data_set_is_refused():
    with pytest.raises(ValueError, match="name must be one of mnist, fashion-mnist, .*, got 'mni'"):
        checksum("mni")
