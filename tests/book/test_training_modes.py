import pytest
import torch

from kdbook.book import born_again, early_exits, knowledge_types, training_modes
from kdbook.book.early_exits import CONFIDENCES, leaving
from kdbook.book.training_modes import (
    ARMS,
    EPOCH_COLUMNS,
    cost,
    expected_calibration_error,
    objective_for,
    seeded_nets,
    student,
)
from kdbook.nets.vision import count_multiply_adds

SMALL = {"samples": 100, "batch_size": 50, "epochs": 2}


def test_the_calibration_error_by_hand():
    # confidences 0.9, 0.9, 0.6 of two classes, right, wrong, right: bins (0.867, 0.933] and (0.533, 0.6]
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]], dtype=torch.float64)
    found = expected_calibration_error(p.log(), torch.tensor([0, 0, 0]))
    assert found == pytest.approx(100 * (2 * (0.9 - 0.5) + (1 - 0.6)) / 3)


def test_a_net_that_is_right_as_often_as_it_says_has_no_calibration_error():
    p = torch.tensor([[0.75, 0.25]] * 4, dtype=torch.float64)
    assert expected_calibration_error(p.log(), torch.tensor([0, 0, 0, 1])) == pytest.approx(0)


def test_the_student_of_a_seed_starts_alike_under_every_mode_and_no_partner_starts_like_it():
    first = [seeded_nets(student("full", arm, 3)) for arm in ARMS]
    weights = [nets[0].head.weight for nets in first]
    assert all(torch.equal(w, weights[0]) for w in weights)
    four = next(nets for nets in first if len(nets) == 4)
    assert not any(torch.equal(net.head.weight, weights[0]) for net in four[1:])


def test_a_teacher_of_the_students_size_starts_from_other_weights_and_serves_every_third_seed():
    needs = [student("full", "offline_equal", s).needs[0] for s in range(5)]
    assert [n.seed for n in needs] == [100, 101, 102, 100, 101]
    assert student("full", "born_again", 0).needs == (needs[0],)
    assert student("full", "offline_large", 1).needs == (knowledge_types.teacher("full", 1),)


def test_equal_compute_is_counted():
    costs = {
        arm: cost(student("full", arm, 0)) for arm in ("hard", "hard_double", "hard_quadruple", "dml_equal", "dml_4")
    }
    assert costs["hard_double"] == costs["dml_equal"] == 2 * costs["hard"]
    assert costs["hard_quadruple"] == costs["dml_4"] == 4 * costs["hard"]
    trial = student("full", "hard", 0)
    passes = 3 * trial.settings["epochs"] * trial.settings["samples"]
    assert costs["hard"] == pytest.approx(passes * count_multiply_adds(seeded_nets(trial)[0]) / 1e9)


def test_an_unknown_objective_is_named():
    trial = student("quick", "hard", 0)
    wrong = type(trial)("training_modes", "x", 0, {**trial.settings, "objective": "nonsense"})
    with pytest.raises(ValueError, match="objective of x is unknown: 'nonsense'"):
        objective_for(wrong, None, None)


@pytest.fixture
def small(monkeypatch):
    """All three experiments with a few images to learn from, and to be scored on."""
    for module in (knowledge_types, training_modes, born_again, early_exits):
        whole = module.test_split
        monkeypatch.setattr(
            module, "test_split", lambda trial, tools, whole=whole: whole(trial, tools).rows(slice(200))
        )
    teacher = {**knowledge_types.SETTINGS["quick"]["teacher"], "samples": 100, "epochs": 1}
    monkeypatch.setitem(knowledge_types.SETTINGS["quick"], "teacher", teacher)
    monkeypatch.setitem(training_modes.SETTINGS, "quick", {**training_modes.SETTINGS["quick"], **SMALL})
    nets = {net: {**chosen, **SMALL} for net, chosen in born_again.SETTINGS["quick"].items()}
    monkeypatch.setitem(born_again.SETTINGS, "quick", nets)
    monkeypatch.setitem(early_exits.SETTINGS, "quick", {**early_exits.SETTINGS["quick"], **SMALL})


@pytest.mark.slow
def test_a_small_run_measures_every_mode(micro, micro_store, documented, small):
    table, measured = micro("training_modes")
    documented("training_modes", table, measured)
    rows = table.set_index("arm")
    assert list(rows.index) == list(ARMS)
    assert rows.test_errors.between(1, 200).all()
    # a net that ignores its neighbour ends as the net that is alone
    assert rows.test_errors["independent_2"] == rows.test_errors["hard"]
    assert rows.entropy_last["hard"] == 0 and rows.entropy_first["offline_equal"] > 0
    assert rows.entropy_last["offline_equal"] == pytest.approx(rows.entropy_first["offline_equal"], abs=1e-4)
    assert (rows.teacher_gigamacs > 0).sum() == 5
    for trial in measured:
        pictures = micro_store.read(trial).pictures
        assert {len(pictures[name]) for name in EPOCH_COLUMNS} == {trial.settings["epochs"]}


def test_a_small_run_measures_generations_and_ensembles(micro, documented, small):
    table, measured = micro("born_again")
    documented("born_again", table, measured)
    rows = table.set_index("arm")
    assert len(rows) == len(born_again.NETS) * 9
    costs = rows.total_gigamacs
    assert costs["conv:generation_3"] == pytest.approx(4 * costs["conv:generation_0"])
    assert costs["conv:independent_3"] == pytest.approx(costs["conv:generation_0"])
    assert costs["conv:ensemble_independent"] == pytest.approx(costs["conv:ensemble_generation"])


def test_a_small_run_measures_every_exit(micro, micro_store, documented, small):
    table, measured = micro("early_exits")
    documented("early_exits", table, measured)
    assert table.groupby("arm").exit.apply(list).to_dict() == {
        arm: [3] if arm == "deepest_alone" else [1, 2, 3] for arm in early_exits.ARMS
    }
    assert (table[table.arm == "labels"].megamacs.diff().dropna() > 0).all()
    curve = micro_store.read(next(t for t in measured if t.arm == "labels")).pictures["leaving"]
    deepest = table[(table.arm == "labels") & (table.exit == 3)].iloc[0]
    assert curve.shape == (len(CONFIDENCES), 5)
    assert curve[-1].tolist() == pytest.approx([deepest.test_errors, deepest.megamacs, 0, 0, 1])


def test_an_image_leaves_by_the_first_exit_that_is_sure_enough():
    # images: sure at once; sure at the second; never sure, and wrong only at the end
    p = torch.tensor([[0.99, 0.60, 0.50], [0.99, 0.95, 0.60], [0.99, 0.99, 0.20]], dtype=torch.float64)
    logits = torch.stack([p, 1 - p], -1).log()  # class 0 has p
    table = leaving(logits, torch.tensor([0, 0, 0]), [1.0, 2.0, 4.0])
    at = list(CONFIDENCES).index(0.9)
    assert table[at].tolist() == pytest.approx([1, 7 / 3, 1 / 3, 1 / 3, 1 / 3])
