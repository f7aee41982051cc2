"""High temperatures as logit matching, synthetic transfer sets, and a run of a second."""

import pytest
import torch
import torch.nn.functional as F

from kdbook.book.logit_limit import (
    TEMPERATURES,
    arms,
    gradient_angle,
    limit_rows,
    munge,
    munged,
    nearest,
    objective_for,
)
from kdbook.book.temperature_views import normal
from kdbook.data import load_images
from kdbook.lab.arms import trial
from kdbook.losses import kd_loss
from kdbook.nets.vision import MLP
from kdbook.training import Batch, LiveTeacher


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def gaussian():
    return normal(3, 4.0, 2, 4_000, 10)


def test_angles_by_hand_however_small():
    a = torch.tensor([[1.0, 0.0]] * 4, dtype=torch.float64)
    b = torch.tensor([[3.0, 0.0], [0.0, 0.1], [-2.0, 0.0], [1.0, 1e-9]], dtype=torch.float64)
    assert gradient_angle(a, b).tolist() == pytest.approx([0, 90, 180, 1e-9 * 180 / torch.pi], rel=1e-6)


def test_t_squared_kl_and_its_gradient_tend_to_those_of_the_centred_squared_error(gaussian):
    rows = limit_rows(*gaussian)
    angles = [row["angle"] for row in rows]
    assert [row["temperature"] for row in rows] == list(TEMPERATURES)
    assert angles == sorted(angles, reverse=True) and angles[0] > 30 and angles[-1] < 0.2
    assert rows[-1]["norm_ratio"] == pytest.approx(1, abs=1e-3)
    assert rows[0]["top"] > 0.7 and rows[-1]["top"] == pytest.approx(0.1, abs=1e-3)
    at_100 = next(row for row in rows if row["temperature"] == 100)
    assert at_100["kl_scaled"] == pytest.approx(at_100["limit"], abs=1e-2)


def test_without_centring_the_formula_is_no_limit(gaussian):
    row = limit_rows(*gaussian)[-1]
    shifted = limit_rows(gaussian[0] + 1, gaussian[1])[-1]
    assert row["limit_raw"] / row["limit"] == pytest.approx(10 / 9, rel=0.01)
    assert shifted["kl_scaled"] == pytest.approx(row["kl_scaled"]) and shifted["limit"] == pytest.approx(row["limit"])
    assert shifted["limit_raw"] == pytest.approx(row["limit_shifted"])
    assert abs(row["limit_shifted"] - row["limit_raw"]) > 0.1


@pytest.mark.parametrize("chunk", [7, 1000])
def test_the_nearest_image_is_another_one_and_none_is_nearer(chunk):
    x = torch.randn(60, 5, generator=generator())
    found = nearest(x, chunk)
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    assert torch.equal(found, distance.argmin(1))


def test_munge_without_swaps_copies_and_with_all_of_them_and_no_noise_gives_the_neighbours():
    x = torch.randint(0, 256, (20, 4, 4), generator=generator(), dtype=torch.uint8)
    assert torch.equal(munge(x, times=3, swap=0.0, s=1.0, generator=generator()), x.repeat(3, 1, 1))
    neighbours = x[nearest(x.flatten(1).float())]
    assert torch.equal(munge(x, times=2, swap=1.0, s=1e6, generator=generator()), neighbours.repeat(2, 1, 1))


def test_munge_draws_a_swapped_pixel_around_the_neighbours_with_the_papers_deviation():
    x = torch.stack([torch.full((80, 80), 100), torch.full((80, 80), 160)]).to(torch.uint8)
    made = munge(x, times=1, swap=0.25, s=4.0, generator=generator()).float()
    swapped = made[0][made[0] != 100]
    assert len(swapped) / 6400 == pytest.approx(0.25, abs=0.02)
    assert (float(swapped.mean()), float(swapped.std())) == pytest.approx((160, 60 / 4), rel=0.03)


def test_munge_changes_no_pixel_that_image_and_neighbour_share_and_each_copy_is_another():
    x = load_images("mnist", "train").x[:200]
    made = munge(x, times=2, swap=0.5, s=4.0, generator=generator())
    same = x == x[nearest(x.flatten(1).float())]
    for copy in made.split(200):
        assert torch.equal(copy[same], x[same]) and not torch.equal(copy, x)
    assert not torch.equal(made[:200], made[200:])
    assert torch.equal(made, munge(x, times=2, swap=0.5, s=4.0, generator=generator()))


def test_a_munged_split_has_indices_of_its_own_and_is_another_for_each_seed():
    split = load_images("mnist", "train").rows(slice(50))
    first, second = (trial("logit_limit", "quick", "munge_1", seed) for seed in (0, 1))
    made = munged(split, first)
    assert made.index.tolist() == list(range(500)) and torch.equal(made.y, split.y.repeat(10))
    assert not torch.equal(made.x, munged(split, second).x)


def test_students_of_synthetic_images_and_of_real_ones_take_as_many_steps():
    for profile, samples in (("quick", 600), ("full", 6_000)):
        few, synthetic = (arms(profile)[arm].settings for arm in ("few_labels", "munge_logits"))
        assert few["samples"] == synthetic["samples"] == samples
        assert few["epochs"] == synthetic["epochs"] * synthetic["times"]


def test_each_arm_minimises_the_loss_of_its_name(quadrants):
    split = quadrants()
    batch = Batch(split.images(), split.y, split.index, 12, True)
    torch.manual_seed(0)
    student, teacher = MLP([36, 8, 4]), MLP([36, 9, 4])
    z, v = (m(batch.x).logits.detach() for m in (student, teacher))
    gap = (z - z.mean(-1, keepdim=True)) - (v - v.mean(-1, keepdim=True))
    expected = {
        "matching": gap.square().mean(-1) / 2,
        "few_logits": (z - v).square().mean(-1) / 2,
        "few_labels": F.cross_entropy(z, batch.y, reduction="none"),
        "kd_1": kd_loss(z, v, temperature=1.0, reduction="none"),
        "kd_100": kd_loss(z, v, temperature=100.0, reduction="none"),
        "munge_logits": (z - v).square().mean(-1) / 2,
        "munge_20": kd_loss(z, v, temperature=20.0, reduction="none"),
    }
    for arm, rows in expected.items():
        found, _ = objective_for(trial("logit_limit", "quick", arm, 0), LiveTeacher(teacher))(student, batch)
        torch.testing.assert_close(found.detach(), rows, msg=lambda text, arm=arm: f"{arm}: {text}")


def test_a_small_run_measures_the_limit_and_trains_every_student(micro, micro_store, documented):
    table, measured = micro("logit_limit", most={"rows": 200, "samples": 60})
    documented("logit_limit", table, measured)
    logits, trained = table[table.angle.notna()], table[table.angle.isna()].set_index("arm")
    assert (logits.groupby("arm").angle.last() < 1).all() and len(logits) == 3 * len(TEMPERATURES)
    synthetic = trained.index.str.startswith("munge")
    assert (trained.transfer_images[synthetic] == 600).all() and (trained.transfer_images[~synthetic] == 60).all()
    assert len(trained) == 9 and trained.test_errors.between(1, 9999).all() and (trained.logit_gap > 0).all()
    pictures = micro_store.read(next(t for t in measured if t.arm == "munge_logits")).pictures
    assert {k: v.shape for k, v in pictures.items()} == dict.fromkeys(("real", "neighbour", "synthetic"), (8, 28, 28))
    assert (pictures["real"] == load_images("mnist", "train").x[:8].numpy()).all()
