"""Figures of chapter 07 about vision, from tables in which every number is known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kdbook.book.mobile_latency import BATCH_SIZES
from kdbook.book.patience import ARMS, TIMES
from kdbook.book.plots import mobile_latency, mobile_vision
from kdbook.book.plots import patience as patience_plots
from kdbook.lab.results import Results
from kdbook.show.compare import compare_figures
from kdbook.show.figures import plotted, registered, save


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def nets(seeds=3):
    """Teachers make 800 and 900 errors and a few more with a later seed; students close half of their gap."""
    made = [
        {"arm": arm, "seed": s, "test_errors": errors + 3 * s, "parameters": 1000, "multiply_adds": 9000}
        for s in range(seeds) for arm, errors in (("resnet", 800), ("efficientnet", 900))
    ]  # fmt: skip
    for s in range(seeds):
        for size, hard, ratio in (("quarter", 1000, 4), ("tenth", 1200, 10)):
            known = {"seed": s, "teacher_seed": s, "parameters": 1000 / ratio, "multiply_adds": 9000 / ratio}
            known |= {"times_smaller": ratio}
            made.append({"arm": f"{size}_hard", "test_errors": hard + 3 * s, **known})
            for taught, teacher in (("resnet", 800), ("efficientnet", 900)):
                made.append({"arm": f"{size}_{taught}", "test_errors": (hard + teacher) / 2 + 3 * s, **known})
    return pd.DataFrame(made)


def clock(rounds=3):
    """Students are 2 and 4 times as fast as the ResNet at every batch size, and 4 and 10 times fewer operations."""
    speed = {"resnet": (1, 1), "efficientnet": (0.5, 1), "quarter": (2, 4), "tenth": (4, 10)}
    return pd.DataFrame(
        {"arm": arm, "seed": s, "batch_size": n, "milliseconds": n * (1 + s) / fast, "multiply_adds": 8e6 / fewer}
        for arm, (fast, fewer) in speed.items() for s in range(rounds) for n in BATCH_SIZES
    )  # fmt: skip


def views(times=TIMES, seeds=3):
    """Each arm loses a hundred errors with four times the epochs."""
    rows = [
        {"arm": arm, "seed": s, "times": n, "epochs": 5 * n, "test_errors": 2000 - 100 * np.log2(n) + s - 50 * at,
         "mean_kl": 0.5 / n}
        for at, arm in enumerate(ARMS) for n in times for s in range(seeds)
    ]  # fmt: skip
    teacher = {"arm": "teacher", "seed": 0, "epochs": 5, "test_errors": 900}
    arrays = {"teacher.0.mixed": np.linspace(0, 1, 110).reshape(11, 10)}
    return Results(pd.DataFrame([*rows, teacher]), arrays)


def test_a_student_is_compared_with_its_own_teacher_and_with_labels():
    ratio, below, closed = mobile_vision.against_teacher(nets(), "tenth", "efficientnet")
    assert ratio == 10
    assert below == pytest.approx([1.5] * 3)
    assert closed == pytest.approx([50] * 3)


def test_a_net_is_timed_against_the_resnet_of_its_round():
    assert mobile_latency.times_as(clock(), "tenth", 16).tolist() == pytest.approx([4] * 3)
    assert mobile_latency.images_a_second(clock(1), "quarter", 64).tolist() == pytest.approx([2000])
    assert mobile_latency.speed_alt(clock(1), 4).startswith("4 at once, images a second: ResNet 1,000,")


DRAWN = {
    "mobile_gap": (nets(), nets(1)),
    "mobile_accuracy": (nets(), nets(1)),
    "mobile_latency": (clock(), clock(2)),
    "patience": (views(), views((1, 4), 1)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_quick_run_has_the_same_axes_and_series_and_draws_its_own_besides(name, tmp_path, monkeypatch):
    monkeypatch.setattr(mobile_vision, "load", lambda name: clock())
    reference, mine = DRAWN[name]
    entry = registered()[name]
    save(entry.draw(reference), name, alt=entry.alt, folder=tmp_path / "full")
    save(entry.draw(reference, mine), name, alt=entry.alt, folder=tmp_path / "quick")
    assert compare_figures(tmp_path / "full", tmp_path / "quick") == []
    alone, both = [
        sum(len(axes["series"]) for axes in map(plotted, entry.draw(reference, own).axes)) for own in (None, mine)
    ]
    assert both > alone


def test_the_picture_of_the_gap_shows_published_and_measured_points_at_their_ratios():
    left, right = map(plotted, registered()["mobile_gap"].draw(nets()).axes)
    points = {(x, y) for s in left["series"] if s["kind"] == "points" for x, y in zip(s["x"], s["y"], strict=True)}
    assert any(np.allclose(p, (84 / 22, 2.0)) for p in points)  # DeiT-small
    assert any(np.allclose(p, (4, 1.0)) for p in points) and any(np.allclose(p, (10, 1.5)) for p in points)
    shares = {y for s in right["series"] if s["kind"] == "points" for y in s["y"]}
    assert any(abs(y - 100 * 2.75 / 14.74) < 1e-6 for y in shares) and 50 in {round(y, 6) for y in shares}


def test_a_mixture_is_told_in_words():
    assert patience_plots.mixture_alt(views(), 10) == (
        "A mixture with weight 0.0; the teacher says boot 1.00, bag 0.99, sneaker 0.98."
    )
    left, right = patience_plots.mixture(views(), 0).axes
    assert left.get_title() == "1.0 of one, 0.0 of the other"
    assert len(right.patches) == 10
