"""Marks put the numbers of both tables where figures say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kdbook.show.grammar import Both, curve
from kdbook.show.style import Look


@pytest.fixture
def axes():
    yield plt.subplots()[1]
    plt.close("all")


def test_a_curve_is_the_mean_of_the_seeds_with_its_interval_and_the_readers_own_without(axes):
    table = pd.DataFrame({"t": [2.0, 1.0, 2.0, 1.0], "errors": [5.0, 1.0, 7.0, 3.0]})
    curve(axes, Both(table, table + 1), "t", "errors", Look("errors"), own="yours", scale=10)
    line, first, second, own = axes.get_lines()
    assert line.get_xdata().tolist() == [1, 2] and line.get_ydata().tolist() == [20, 60]
    half = 12.7062 * np.std([10, 30], ddof=1) / np.sqrt(2)  # Student's t with one degree of freedom, 97.5 %
    assert list(first.get_ydata()) == pytest.approx([20 - half, 20 + half], rel=1e-4)
    assert list(second.get_xdata()) == [2, 2]
    assert own.get_xdata().tolist() == [2, 3] and own.get_ydata().tolist() == [30, 70]
    assert [text for text in axes.get_legend_handles_labels()[1]] == ["errors", "yours"]


def test_a_curve_may_leave_its_intervals_out(axes):
    table = pd.DataFrame({"t": [1.0, 1.0], "errors": [1.0, 3.0]})
    curve(axes, Both(table), "t", "errors", Look("errors"), bars=False)
    assert len(axes.get_lines()) == 1
