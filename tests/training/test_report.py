"""Report cards: shares of a gap by hand, what stands in the table, and what is left out without labels."""

import math

import pytest
import torch
from torch import nn

from kdbook.data.own import own_items
from kdbook.training.report import ALONE, DISTILLED, TEACHER, Report, measured, scored

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 2.0]])
Y = torch.tensor([0, 1, 1, 1])


def card(teacher, alone, distilled):
    rows = {TEACHER: teacher, ALONE: alone, DISTILLED: distilled}
    rows = {name: {"wrong, %": wrong} for name, wrong in rows.items() if wrong is not None}
    return Report(nn.Identity(), None, rows, [], ["Measured on 4 rows of the test data."])


@pytest.mark.parametrize(
    ("errors", "share"), [((10, 30, 15), 0.75), ((10, 30, 40), -0.5), ((30, 30, 10), None), ((10, None, 5), None)]
)
def test_the_share_of_a_gap_needs_a_gap(errors, share):
    assert card(*errors).gap_closed == share


def test_a_card_shows_every_net_and_every_sentence_as_text_and_as_a_page():
    told = card(10.0, 30.0, 15.0)
    lines = repr(told).splitlines()
    assert lines[0].split("  ")[-1].strip() == DISTILLED and lines[1].split() == ["wrong,", "%", "10", "30", "15"]
    assert lines[-1] == "Measured on 4 rows of the test data."
    assert told.table().loc[ALONE, "wrong, %"] == 30


def test_scores_are_those_counted_by_hand():
    found = scored(LOGITS, Y, LOGITS.flip(1))
    assert found["wrong, %"] == 25 and found["agreement"] == 0
    losses = [math.log(1 + math.exp(-z)) for z in (2, 1, -3, 2)]
    assert found["loss, nats"] == pytest.approx(sum(losses) / 4, rel=1e-6)


def test_without_labels_there_is_fidelity_alone_and_the_loss_is_the_distance_from_the_teacher():
    found = scored(LOGITS, torch.full((4,), -100), LOGITS)
    assert found == {"loss, nats": found["mean_kl"], "agreement": 1.0, "mean_kl": pytest.approx(0, abs=1e-6)}


def test_size_and_speed_are_those_of_the_net():
    net = nn.Linear(2, 2)
    told = measured(net, own_items((LOGITS, Y)), LOGITS, LOGITS)
    assert told["parameters"] == "6" and told["megabytes"] == pytest.approx(24e-6)
    assert 0 < told["ms, 1 at a time"] < 1e3 and told["ms, 32 at a time"] > 0
