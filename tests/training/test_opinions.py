"""Specialists: half special batches, a corrected dustbin, and answers combined as equation 5 asks."""

import math

import numpy as np
import pytest
import torch

from kdbook.data.glosses import Texts
from kdbook.nets.vision import BagOfWords
from kdbook.training import HardLabels, adam, fit
from kdbook.training.opinions import (
    HalfSpecial,
    Opinion,
    active_specialists,
    combine,
    combine_by_descent,
    confusable_subsets,
    corrected,
    disagreement,
    shared_out,
)

C = 7


def texts(n=60, classes=C):
    y = torch.arange(n) % classes
    x = torch.stack([y + 1, torch.arange(n) % 5 + 20], dim=1)
    return Texts(x, y, torch.arange(n) * 2)


def answers(n=40, classes=C, seed=0):
    return torch.randn(n, classes, generator=torch.Generator().manual_seed(seed)).double().log_softmax(-1)


def opinion(classes, n=40, seed=1):
    return Opinion(torch.tensor(classes), answers(n, len(classes) + 1, seed))


def test_others_become_one_dustbin_and_the_special_classes_are_counted_from_zero():
    split = HalfSpecial.of(texts(14), torch.tensor([2, 5]))
    assert split.y.tolist() == [2, 2, 0, 2, 2, 1, 2] * 2
    assert split.dustbin == 2 and split.special == 4
    assert split.log_oversampling == pytest.approx(math.log(10 / 4))


def test_half_of_every_batch_is_special_and_an_epoch_visits_each_special_text_once():
    split = HalfSpecial.of(texts(70), torch.tensor([2, 5]))
    torch.manual_seed(0)
    order = split.order()
    special = split.y[order] != split.dustbin
    assert len(order) == split.visits == 40
    assert all(int(special[at : at + 8].sum()) == 4 for at in range(0, 40, 8))
    assert order[special].unique().numel() == 20 and order[~special].unique().numel() == 20
    assert not torch.equal(order, split.order())


def test_texts_outside_are_repeated_when_they_are_fewer_than_the_special_ones():
    split = HalfSpecial.of(texts(14), torch.arange(1, C))
    order = split.order()
    assert len(order) == 24 and int((split.y[order] == split.dustbin).sum()) == 12


def test_a_specialist_of_one_class_is_a_detector_of_it():
    split = HalfSpecial.of(texts(70), torch.tensor([3]))
    assert split.y.unique().tolist() == [0, 1] and split.visits == 20
    torch.manual_seed(0)
    model = BagOfWords([30, 8, 2])
    fit(model, HardLabels(), split, epochs=60, batch_size=10, optimizer=adam(0.05), seed=0, progress=False)
    assert torch.equal(model(split.x).logits.argmax(-1), split.y)


def test_a_specialist_of_every_class_has_no_dustbin_to_draw_from():
    split = HalfSpecial.of(texts(14), torch.arange(C))
    assert sorted(split.order().tolist()) == list(range(14))
    assert split.log_oversampling == 0


@pytest.mark.parametrize("classes", [[], [C + 2]], ids=["no class", "a class without texts"])
def test_an_empty_subset_is_refused(classes):
    with pytest.raises(ValueError, match="texts of a specialist must be some of its classes"):
        HalfSpecial.of(texts(), torch.tensor(classes, dtype=torch.long))


def test_the_correction_undoes_the_oversampling_of_a_calibrated_dustbin():
    p = torch.tensor([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], dtype=torch.float64)  # as they occur
    oversampling = 6.0
    seen = p * torch.tensor([oversampling, oversampling, 1.0])
    seen = seen / seen.sum(1, keepdim=True)
    assert torch.allclose(corrected(seen.log(), math.log(oversampling)).softmax(-1), p)


def test_the_specialists_of_the_likeliest_classes_are_asked_and_there_may_be_none():
    members = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=torch.bool)
    log_p = torch.tensor([[0.1, 0.5, 0.3, 0.1], [0.1, 0.1, 0.2, 0.6], [0.6, 0.1, 0.2, 0.1]]).log()
    assert active_specialists(log_p, members).tolist() == [[True, True], [False, False], [True, False]]
    assert active_specialists(log_p, members, 2).tolist() == [[True, True], [False, True], [True, True]]


def test_specialists_may_be_asked_only_where_the_generalist_is_least_sure():
    p = torch.tensor([[0.7, 0.1, 0.2], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    members = torch.tensor([[True, True, True]])
    assert active_specialists(p.log(), members, unsure=0.5)[:, 0].tolist() == [False, True, False, True]


def test_without_a_specialist_the_generalist_answers():
    log_p = answers()
    q = combine(log_p, [opinion([1, 2])], torch.zeros(40, 1, dtype=torch.bool))
    assert torch.allclose(q, log_p.exp())


def test_one_specialist_has_a_closed_form():
    log_p, m = answers(), opinion([1, 4])
    q = combine(log_p, [m], torch.ones(40, 1, dtype=torch.bool), steps=1)
    p, pm = log_p.exp(), m.log_p.exp()
    outside = torch.tensor([0, 2, 3, 5, 6])
    assert torch.allclose(q[:, [1, 4]], (p[:, [1, 4]] + pm[:, :2]) / 2)
    scale = (p[:, outside].sum(1) + pm[:, 2]) / (2 * p[:, outside].sum(1))
    assert torch.allclose(q[:, outside], p[:, outside] * scale[:, None])


def test_specialists_that_know_all_classes_give_the_arithmetic_mean():
    log_p, others = answers(), [answers(seed=s) for s in (5, 6)]
    empty = torch.full((40, 1), -1e4, dtype=torch.float64)
    opinions = [Opinion(torch.arange(C), torch.cat([o, empty], dim=1)) for o in others]
    q = combine(log_p, opinions, torch.ones(40, 2, dtype=torch.bool))
    assert torch.allclose(q, torch.stack([log_p, *others]).exp().mean(0))


@pytest.mark.parametrize("subsets", [[[1, 4], [0, 2, 3]], [[1, 4], [1, 2, 3], [1, 6]]], ids=["disjoint", "overlapping"])
def test_gradient_descent_finds_the_same_distribution(subsets):
    log_p, opinions = answers(), [opinion(s, seed=k) for k, s in enumerate(subsets)]
    active = torch.rand(40, len(subsets), generator=torch.Generator().manual_seed(0)) < 0.7
    q, found = combine(log_p, opinions, active, steps=300), combine_by_descent(log_p, opinions, active)
    assert torch.allclose(q.sum(1), torch.ones(40, dtype=torch.float64))
    assert float((q - found).abs().max()) < 1e-4


def test_every_step_lowers_the_disagreement_and_nothing_near_is_lower():
    log_p, opinions = answers(), [opinion([1, 4]), opinion([4, 5, 6], seed=3)]
    active = torch.ones(40, 2, dtype=torch.bool)
    values = [
        disagreement(combine(log_p, opinions, active, steps=s).log(), log_p, opinions, active) for s in range(1, 9)
    ]
    assert all((after <= before + 1e-12).all() for before, after in zip(values, values[1:], strict=False))
    best = combine(log_p, opinions, active, steps=300).log()
    lowest = disagreement(best, log_p, opinions, active)
    for seed in range(5):
        nearby = best + 0.05 * answers(seed=seed + 20)
        assert (disagreement(nearby, log_p, opinions, active) > lowest).all()


def test_rows_do_not_influence_each_other():
    log_p, opinions = answers(), [opinion([1, 4]), opinion([4, 5, 6], seed=3)]
    active = torch.rand(40, 2, generator=torch.Generator().manual_seed(1)) < 0.5
    whole = combine(log_p, opinions, active)
    alone = [
        combine(log_p[i : i + 1], [Opinion(o.classes, o.log_p[i : i + 1]) for o in opinions], active[i : i + 1])
        for i in range(40)
    ]
    assert torch.allclose(whole, torch.cat(alone))


def test_a_dustbin_is_shared_out_in_proportion_to_what_is_believed():
    q = torch.tensor([[0.2, 0.3, 0.1, 0.4]], dtype=torch.float64)
    m = Opinion(torch.tensor([1]), torch.tensor([[0.4, 0.6]], dtype=torch.float64).log())
    whole = shared_out(m, torch.tensor([0]), q)
    assert torch.allclose(whole, torch.tensor([[0.6 * 0.2 / 0.7, 0.4, 0.6 * 0.1 / 0.7, 0.6 * 0.4 / 0.7]]).double())


def test_classes_that_are_confused_share_a_cluster_and_subsets_have_their_size():
    block = np.kron(np.eye(3), np.ones((5, 5))) + 0.01 * np.random.default_rng(0).random((15, 15))
    label, members = confusable_subsets(block, clusters=3, size=6, seed=0)
    assert sorted(np.bincount(label).tolist()) == [5, 5, 5]
    assert all(len(set(label[i : i + 5])) == 1 for i in (0, 5, 10))
    assert members.sum(1).tolist() == [6, 6, 6] and members.sum(0).max() == 2


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_a_centroid_without_classes_of_its_own_still_has_nearest_ones():
    label, members = confusable_subsets(np.kron(np.eye(2), np.ones((3, 3))), clusters=4, size=2, seed=0)
    assert len(set(label.tolist())) < 4
    assert members.shape == (4, 6) and members.sum(1).tolist() == [2] * 4
