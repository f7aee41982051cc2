"""Clocks of the book, on models that are slow on purpose."""

import time
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import nn

from kdbook.book.shared.timings import clocked, median_milliseconds, over, timings


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


def test_a_model_that_waits_uses_little_processor_time():
    found = clocked(Sleeping(), torch.zeros(1), passes=4, warm_up=0)
    assert found["milliseconds"] >= 50 and found["processor_milliseconds"] < 25 and found["cpu_share"] < 50


def test_the_nets_of_a_round_take_turns_at_every_input():
    trials = [SimpleNamespace(arm=arm) for arm in "ab"]
    nets, order = [nn.Identity(), nn.Identity()], []

    def look(trial, net, x):
        order.append((trial.arm, nets.index(net), len(x)))
        return {"size": len(x)}

    first, second = timings(trials, nets, [({"n": n}, torch.zeros(n)) for n in (1, 2)], look)
    assert order == [("a", 0, 1), ("b", 1, 1), ("a", 0, 2), ("b", 1, 2)]
    assert first == second == {"rows": [{"n": 1, "size": 1}, {"n": 2, "size": 2}]}


def test_two_arms_are_compared_by_round_and_what_was_not_timed_is_left_out():
    table = pd.DataFrame({"arm": list("aabb"), "seed": [0, 1, 1, 2], "n": 4, "ms": [6.0, 8.0, 2.0, 5.0]})
    assert over(table, "a", "b", "ms", n=4).to_dict() == {1: 4.0}
    assert len(over(table, "a", "b", "ms", n=5)) == 0
