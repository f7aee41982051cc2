"""Specialists, their teams and the controls; what is counted of their answers; and a run with few texts."""

import numpy as np
import pytest
import torch

from kdbook.book.specialists import PUBLISHED_GAIN, by_coverage, descent_gap, own_classes, score, started, whole
from kdbook.data import load_glosses
from kdbook.lab import arms
from kdbook.lab.engines import in_order
from kdbook.lab.steps import seeded_network
from kdbook.training.opinions import Opinion

EVERY = 30  # of the training texts


def trial_of(arm, seed=0, profile="full"):
    return arms.trial("specialists", profile, arm, seed)


@pytest.fixture
def spoken():
    """Log-probabilities (6, 4), labels, and two overlapping subsets; class 3 belongs to none."""
    p = torch.tensor(
        [[0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.6, 0.1],
         [0.25] * 4, [0.1, 0.1, 0.1, 0.7], [0.3, 0.4, 0.2, 0.1]]
    )  # fmt: skip
    members = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=torch.bool)
    return p.log(), torch.tensor([0, 1, 2, 0, 3, 2]), members


def test_every_specialist_needs_its_generalist_and_its_subsets_and_no_other_specialist():
    one, whole_softmax = trial_of("specialist:5", 2), trial_of("regularised:5", 2)
    assert [t.arm for t in one.needs] == ["generalist", "covariance"] and one.settings["subset"] == 5
    assert (one.settings["sizes"], whole_softmax.settings["sizes"]) == ([20_000, 20, 31], [20_000, 20, 535])
    team = [t for t in in_order([trial_of("specialists")]) if t.arm == "specialist"]
    assert [t.settings["subset"] for t in team] == list(range(24))
    assert len(arms.trials("specialists", "full")) == 5 * (2 * 24 + 2 + 2)


def test_the_controls_cost_what_generalist_and_specialists_cost():
    ensembles = [trial_of("ensemble", seed).needs for seed in range(2)]
    generalist = arms.trial("specialist_clusters", "full", "generalist", 0)
    assert ensembles[0][0] == generalist and len({*ensembles[0], *ensembles[1]}) == 6
    assert trial_of("longer").settings["epochs"] == 3 * generalist.settings["epochs"]


def test_a_specialist_starts_as_the_generalist_with_its_other_classes_merged():
    weights = seeded_network(arms.trial("specialist_clusters", "quick", "generalist", 0)).state_dict()
    mine = torch.zeros(535, dtype=torch.bool)
    mine[[3, 7, *range(100, 128)]] = True
    one, whole_softmax = (
        started(trial_of(arm, 0, "quick"), weights, mine) for arm in ("specialist:0", "regularised:0")
    )
    x = torch.randint(1, 20_000, (50, 12))
    ours, theirs = one.eval()(x).logits, whole_softmax.eval()(x).logits
    assert torch.allclose(ours[:, :30], theirs[:, mine])
    # weights of a fresh net are small, so that the log of the sum is close to the mean plus the log of the number
    assert torch.allclose(ours[:, 30], theirs[:, ~mine].logsumexp(1), atol=0.2)


def test_published_gains_grow_with_the_number_of_specialists():
    assert sorted(PUBLISHED_GAIN) == PUBLISHED_GAIN
    assert PUBLISHED_GAIN[:2] == [0.0, 3.4] and PUBLISHED_GAIN[4] == pytest.approx(11.80, abs=0.01)


def test_the_score_counts_right_answers_against_the_generalists(spoken):
    log_p, y, members = spoken
    better = log_p.exp()
    better[1, 1] = 0.9
    row = score(better, y, log_p)
    assert (row["gain"], row["texts"], row["relative_gain"]) == (1, 6, 25)
    assert row["accuracy"] == pytest.approx(100 * 5 / 6)
    assert row["nll"] == pytest.approx(-np.log([0.7, 0.9, 0.6, 0.25, 0.7, 0.2]).mean())
    parts = by_coverage(better, y, log_p, members)
    # class 3 is known to none, 0 and 2 to one, 1 to both
    assert [(part["coverage"], part["texts"], part["gain"]) for part in parts] == [
        ("0", 1, 0),
        ("1", 4, 0),
        ("2", 1, 1),
    ]


def test_conditional_accuracy_looks_at_a_specialists_own_texts_and_classes(spoken):
    log_p, y, members = spoken
    # specialist 0 knows the texts 0, 1, 3 (right: 0, 3), specialist 1 the texts 1, 2, 5 (right: 1, 2)
    dustbin = torch.zeros(6, 1)
    alike = [Opinion(m.nonzero()[:, 0], torch.cat([log_p[:, m], dustbin], 1)) for m in members]
    assert own_classes(log_p, alike, y, members) == pytest.approx(
        {"conditional": 100 * 4 / 6, "generalist_conditional": 100 * 4 / 6}
    )
    # with a softmax over all classes the others do not count either; this one says class 1 of each text
    sure = torch.full((6, 5), -9.0)
    sure[:, 1] = -0.1
    every = Opinion(torch.arange(4), sure)
    assert own_classes(log_p, [every, every], y, members)["conditional"] == pytest.approx(100 * 2 / 6)


def test_both_ways_to_combine_agree_and_without_several_specialists_there_is_nothing_to_compare(spoken):
    log_p, _, members = spoken
    opinions = [Opinion(m.nonzero()[:, 0], torch.randn(6, 3).log_softmax(-1)) for m in members]
    assert descent_gap(log_p, opinions, torch.ones(6, 2, dtype=torch.bool)) < 1e-3
    assert descent_gap(log_p, opinions, torch.zeros(6, 2, dtype=torch.bool)) == 0


@pytest.mark.slow
def test_a_small_run_measures_teams_by_coverage_and_routing_and_a_student_has_their_answers(micro, documented):
    table, measured = micro("specialists", most={"batch_size": 256}, every=EVERY)
    documented("specialists", table, measured)
    team = table[(table.arm == "specialists") & (table.correction == "sampling")]
    all_texts, parts = team[team.coverage == "all"].set_index("routing"), team[team.coverage != "all"]
    assert parts.texts.sum() == all_texts.texts["class:1"] == len(load_glosses("test"))
    assert parts.gain.sum() == all_texts.gain["class:1"]
    assert all_texts.calls["entropy:0.5"] < all_texts.calls["class:1"] <= all_texts.calls["class:5"]
    assert 0 <= all_texts.descent_gap["class:1"] < 1e-3
    alone = table[table.arm == "specialist"]
    assert (alone.seen > 0).all() and (alone.seen <= 2 * alone.visits).all()
    assert set(whole(table).arm) - {*alone.arm} == {
        "specialists", "uncorrected", "routed", "specialists_regularised", "longer", "ensemble",
    }  # fmt: skip

    taught, measured = micro("specialists_distilled", most={"batch_size": 256}, every=EVERY)
    documented("specialists_distilled", taught, measured)
    assert taught.hard_accuracy.tolist() == pytest.approx([all_texts.generalist_accuracy["class:1"]] * 3)
    teachers = taught.set_index("arm").teacher_accuracy
    assert teachers["of_specialists"] == pytest.approx(all_texts.accuracy["class:1"])
    assert teachers["of_ensemble"] == pytest.approx(table[table.arm == "ensemble"].accuracy.item())
