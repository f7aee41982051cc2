"""How fast nets are: a run of a second, and what figure and slider make of known times."""

import pandas as pd
import pytest

from kdbook.book import mobile_latency
from kdbook.book.mobile_latency import ARMS, BATCH_SIZES, images_a_second, speed_alt, speed_bars, times_as
from kdbook.show.figures import plotted


def clock(rounds=3):
    """Students are 2 and 4 times as fast as the ResNet at every batch size, and 4 and 10 times fewer operations."""
    speed = {"resnet": (1, 1), "efficientnet": (0.5, 1), "quarter": (2, 4), "tenth": (4, 10)}
    return pd.DataFrame(
        {"arm": arm, "seed": s, "batch_size": n, "milliseconds": n * (1 + s) / fast, "multiply_adds": 8e6 / fewer}
        for arm, (fast, fewer) in speed.items() for s in range(rounds) for n in BATCH_SIZES
    )  # fmt: skip


def test_a_small_run_times_every_net_at_every_batch_size(micro, documented):
    table, measured = micro("mobile_latency", passes=1)
    documented("mobile_latency", table, measured)
    assert len(table) == len(ARMS) * len(BATCH_SIZES)
    assert (table.milliseconds > 0).all() and (table.processor_milliseconds >= 0).all()
    sizes = table.groupby("arm").parameters.first()
    assert sizes.loc[["resnet", "tenth"]].tolist() == [244_794, 24_554]


def test_a_net_is_timed_against_the_resnet_of_its_round():
    assert times_as(clock(), "tenth", 16).tolist() == pytest.approx([4] * 3)
    assert images_a_second(clock(1), "quarter", 64).tolist() == pytest.approx([2000])


def test_the_figure_shows_what_multiply_adds_promise_and_what_the_clock_keeps():
    panels = [plotted(axes) for axes in mobile_latency.by_batch(clock(), clock(2)).axes]
    assert [axes["title"] for axes in panels] == ["EfficientNet", "MobileNet 1/4", "MobileNet 1/10"]
    for axes, fewer, fast in zip(panels, (1, 4, 10), (0.5, 2, 4), strict=True):
        series = {s["label"]: s for s in axes["series"] if s["label"]}
        assert series["multiply-adds, times fewer"]["y"] == pytest.approx([fewer] * 5)
        assert series["times as fast"]["y"] == pytest.approx([fast] * 5)
        assert series["yours"]["x"] == [n for n in BATCH_SIZES for _ in range(2)]
        assert series["yours"]["y"] == pytest.approx([fast] * 10)


def test_the_slider_shows_and_tells_images_a_second():
    bars = [s["y"] for s in plotted(speed_bars(clock(1), 4, clock(1)).axes[0])["series"] if s["kind"] == "bar"]
    assert bars == [pytest.approx([speed]) for speed in (1000, 500, 2000, 4000)]
    assert speed_alt(clock(1), 4) == (
        "4 at once, images a second: ResNet 1,000, EfficientNet 500, MobileNet 1/4 2,000, MobileNet 1/10 4,000."
    )
