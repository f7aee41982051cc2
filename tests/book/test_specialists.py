import numpy as np
import pytest
import torch

from kdbook.book import specialist_clusters, specialists, specialists_distilled
from kdbook.book.specialist_clusters import class_columns, generalist
from kdbook.book.specialists import (
    PUBLISHED_GAIN,
    conditional,
    descent_gap,
    ensemble,
    longer,
    routed,
    score,
    specialist,
    started,
    together,
)
from kdbook.data import load_glosses
from kdbook.lab.engines import in_order
from kdbook.training.opinions import Opinion, active_specialists


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A generalist of eight units and two epochs, three specialists of one."""
    base = {**specialist_clusters.GENERALIST, "sizes": [20_000, 8, 535], "epochs": 2, "batch_size": 256, "lr": 0.02}
    cut = {"generalist": base, "subsets": {"clusters": 3, "size": 20}}
    monkeypatch.setitem(specialist_clusters.SETTINGS, "quick", cut)
    monkeypatch.setattr(specialists, "QUICK", {**specialists.SPECIALIST, "epochs": 1, "batch_size": 512})
    monkeypatch.setitem(specialists_distilled.SOFT, "quick", {**specialists_distilled.SOFT["full"], "epochs": 1})


@pytest.fixture
def spoken():
    """Log-probabilities (6, 4), labels, and two overlapping subsets; class 3 belongs to none."""
    p = torch.tensor(
        [[0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.6, 0.1],
         [0.25] * 4, [0.1, 0.1, 0.1, 0.7], [0.3, 0.4, 0.2, 0.1]]
    )  # fmt: skip
    members = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=torch.bool)
    return p.log(), torch.tensor([0, 1, 2, 0, 3, 2]), members


@pytest.mark.slow
def test_the_three_experiments_run_and_measure_what_they_document(micro, documented):
    table, measured = micro("specialist_clusters")
    documented("specialist_clusters", table, measured)
    by_arm = table.set_index("arm")
    assert by_arm.other_rand["covariance"] == 1
    assert by_arm.taxonomy_rand["covariance"] > by_arm.taxonomy_rand["covariance_raw"]
    assert table.array("covariance", "members").sum(1).tolist() == [20] * 3
    assert table.array("covariance", "groups").sum() == 535

    table, measured = micro("specialists")
    documented("specialists", table, measured)
    team = table[(table.arm == "specialists") & (table.correction == "sampling")]
    whole, parts = team[team.coverage == "all"].set_index("routing"), team[team.coverage != "all"]
    assert parts.texts.sum() == whole.texts["class:1"] == len(load_glosses("test"))
    assert parts.gain.sum() == whole.gain["class:1"]
    assert whole.calls["entropy:0.5"] < whole.calls["class:1"] <= whole.calls["class:5"]
    assert 0 <= whole.descent_gap["class:1"] < 1e-3
    alone = table[table.arm == "specialist"]
    assert (alone.seen > 1.9 * alone.visits).all()  # a special text is seen at least once, and as many others

    taught, measured = micro("specialists_distilled")
    documented("specialists_distilled", taught, measured)
    assert taught.hard_accuracy.tolist() == pytest.approx([whole.generalist_accuracy["class:1"]] * 3)
    teachers = taught.set_index("arm").teacher_accuracy
    assert teachers["of_specialists"] == pytest.approx(whole.accuracy["class:1"])
    assert teachers["of_ensemble"] == pytest.approx(table[table.arm == "ensemble"].accuracy.item())


def test_every_specialist_needs_its_generalist_and_its_subsets_and_no_other_specialist():
    one = specialist("full", 2, 5)
    assert [t.arm for t in one.needs] == ["generalist", "covariance"]
    assert (
        one.settings["sizes"] == [20_000, 20, 31]
        and specialist("full", 2, 5, "regularised").settings["sizes"][2] == 535
    )
    assert len([t for t in in_order([together("full", 0)]) if t.arm == "specialist"]) == 24
    assert len(specialists.trials("full")) == 5 * (2 * 24 + 2 + 2)


def test_the_controls_cost_what_generalist_and_specialists_cost():
    source, others = ensemble("full", 0).needs[0], ensemble("full", 1).needs
    assert source == generalist("full", 0) and len({t.id for t in (*ensemble("full", 0).needs, *others)}) == 6
    assert longer("full", 0).settings["epochs"] == len(others) * source.settings["epochs"]


def test_students_start_from_the_weights_of_their_seeds_generalist_and_have_its_size():
    for arm in specialists_distilled.ARMS:
        student = specialists_distilled.student(arm, "full", 3)
        assert student.seed == 3 and student.settings["sizes"] == generalist("full", 3).settings["sizes"]


def test_a_specialist_starts_as_the_generalist_with_its_other_classes_merged():
    torch.manual_seed(0)
    weights = specialists.network(generalist("quick", 0).settings).state_dict()
    classes = torch.tensor([7, 3] + list(range(100, 118)))
    model = started(specialist("quick", 0, 0), weights, classes)
    whole = started(specialist("quick", 0, 0, "regularised"), weights, classes)
    x = load_glosses("validation").x[:50]
    ours, theirs = model.eval()(x).logits, whole.eval()(x).logits
    assert torch.allclose(ours[:, :20], theirs[:, classes])
    rest = torch.ones(535, dtype=torch.bool)
    rest[classes] = False
    # weights of a fresh net are small, so that the log of the sum is close to the mean plus the log of the number
    assert torch.allclose(ours[:, 20], theirs[:, rest].logsumexp(1), atol=0.2)


def test_published_gains_grow_with_the_number_of_specialists():
    gains = list(PUBLISHED_GAIN.values())
    assert gains == sorted(gains) and gains[:2] == [0.0, 3.4]
    assert 10.5 < PUBLISHED_GAIN["4+"] < 14.1


def test_the_score_counts_right_answers_against_the_generalists(spoken):
    log_p, y, _ = spoken
    better = log_p.clone()
    better[1, 1] = 0
    row = score(better, type("T", (), {"y": y}), log_p)
    assert (row["gain"], row["texts"]) == (1, 6)
    assert row["relative_gain"] == pytest.approx(100 / 4)
    assert row["accuracy"] == pytest.approx(100 * 5 / 6)
    half = score(better, type("T", (), {"y": y}), log_p, at=torch.tensor([0, 1]))
    assert (half["gain"], half["accuracy"]) == (1, 100)


def test_conditional_accuracy_looks_at_a_specialists_own_texts_and_classes(spoken):
    log_p, y, members = spoken
    # specialist 0 knows the texts 0, 1, 3 (right: 0, 3), specialist 1 the texts 1, 2, 5 (right: 1, 2)
    assert conditional(log_p, y, members) == pytest.approx(100 * 4 / 6)
    own = [log_p[:, :2], log_p[:, 1:3]]
    assert conditional(own, y, members) == conditional(log_p, y, members)


def test_routing_by_entropy_asks_only_about_the_least_sure_texts(spoken):
    log_p, _, members = spoken
    assert torch.equal(routed(log_p, members, "class:1"), active_specialists(log_p, members))
    unsure = routed(log_p, members, "entropy:0.5").any(1)
    assert unsure.tolist() == [False, True, False, True, False, True]


def test_both_ways_to_combine_agree_and_without_several_specialists_there_is_nothing_to_compare(spoken):
    log_p, _, members = spoken
    opinions = [Opinion(m.nonzero()[:, 0], torch.randn(6, 3).log_softmax(-1)) for m in members]
    assert descent_gap(log_p, opinions, torch.ones(6, 2, dtype=torch.bool)) < 1e-3
    assert descent_gap(log_p, opinions, torch.zeros(6, 2, dtype=torch.bool)) == 0


def test_columns_have_length_one_and_no_diagonal_unless_they_are_raw(monkeypatch):
    torch.manual_seed(0)
    model = specialists.network(generalist("quick", 0).settings)
    monkeypatch.setattr(specialist_clusters, "stored_network", lambda *_: model)
    tools = type("Tools", (), {"device": torch.device("cpu")})
    scaled, raw = (class_columns(None, source, tools) for source in ("covariance", "covariance_raw"))
    assert np.allclose(np.linalg.norm(scaled, axis=1), 1) and not np.diag(scaled).any()
    assert np.allclose(raw, raw.T) and (np.diag(raw) > 0).all()
