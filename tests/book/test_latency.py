import time

import pytest
import torch
from torch import nn

from kdbook.book.latency import BATCH_SIZES, NETWORKS, median_milliseconds


class Sleeping(nn.Module):
    """Takes two milliseconds, but much longer the first ten times and once in a while."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        assert not torch.is_grad_enabled()
        self.calls += 1
        time.sleep(0.05 if self.calls <= 10 or self.calls % 7 == 0 else 0.002)


def test_the_median_time_ignores_warming_up_and_rare_delays():
    model = Sleeping()
    assert median_milliseconds(model, torch.zeros(1), passes=15) == pytest.approx(2, rel=0.5, abs=15)
    assert model.calls == 25


def test_a_small_run_has_a_row_for_each_network_and_batch_size(micro, documented):
    table, measured = micro("latency")
    documented("latency", table, measured)
    assert len(table) == len(NETWORKS) * len(BATCH_SIZES)
    assert (table.milliseconds > 0).all()
    sizes = table.groupby("arm")[["parameters", "bytes", "multiply_adds"]].first()
    assert sizes.loc["784-1200-1200-10"].tolist() == [2_395_210, 9_580_840, 2_392_800]
    assert sizes.loc["LeNet-5"].tolist() == [61_706, 246_824, 416_520]
