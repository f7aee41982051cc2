"""How a net of the first chapters is timed, and a run of a second."""

import pandas as pd
import pytest

from kdbook.book import latency
from kdbook.book.latency import ARMS, BATCH_SIZES, TEACHER
from kdbook.show.figures import plotted


def test_a_small_run_has_a_row_for_each_network_and_batch_size(micro, documented):
    table, measured = micro("latency")
    documented("latency", table, measured)
    assert len(table) == len(ARMS) * len(BATCH_SIZES)
    assert (table.milliseconds > 0).all()
    sizes = table.groupby("arm")[["parameters", "bytes", "multiply_adds"]].first()
    assert sizes.loc[TEACHER].tolist() == [2_395_210, 9_580_840, 2_392_800]
    assert sizes.loc["LeNet-5"].tolist() == [61_706, 246_824, 416_520]


def test_the_figure_shows_how_many_times_faster_than_the_teacher_each_net_is_in_the_same_repetition():
    fast = {arm: at + 1 for at, arm in enumerate(ARMS)}
    table = pd.DataFrame(
        {"arm": arm, "seed": seed, "batch_size": n, "milliseconds": n * (1 + seed) / times, "bytes": 1000 / times**2}
        for arm, times in fast.items() for seed in range(2) for n in BATCH_SIZES
    )  # fmt: skip
    weights, one, many = map(plotted, latency.ratios(table).axes)
    for axes, found in ((weights, [1, 4, 9, 16, 25]), (one, [1, 2, 3, 4, 5]), (many, [1, 2, 3, 4, 5])):
        points = [s["y"] for s in axes["series"] if s["kind"] == "points"]
        assert points == [pytest.approx([value] * 2) for value in found]
