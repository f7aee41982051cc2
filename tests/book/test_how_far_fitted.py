"""How far fitted: nets that start alike under every method, who teaches whom, what is paired, and runs of a second."""

import pandas as pd
import pytest
import torch

from kdbook.book import how_far_fitted, how_far_fitted_settings
from kdbook.book.how_far_fitted import METHODS, NETS, against_labels, arms, told, train_nets
from kdbook.lab.arms import trial
from kdbook.training import unstack


@pytest.fixture
def begun(monkeypatch):
    """Function (method) -> the nets that begin together under a method, and the seeds of their batches."""

    def begin(method, seed=3):
        met = []

        def train(trained, split, objective, tools, nets, **_):
            met.append((nets, trained.seed))
            return nets, None

        monkeypatch.setattr(how_far_fitted, "objective_for", lambda *_: None)
        monkeypatch.setattr(how_far_fitted, "train", train)
        train_nets(trial("how_far_fitted", "quick", f"{method} 15", seed), None, None)
        return met

    return begin


def test_the_same_four_nets_begin_under_every_method_with_the_same_batches_and_no_two_are_alike(begun):
    first = {m: [net.layers[0].weight for nets, _ in begun(m) for net in unstack(nets)] for m in METHODS}
    for weights in first.values():
        assert len(weights) == NETS
        assert all(torch.equal(one, other) for one, other in zip(weights, first["labels"], strict=True))
    assert not any(torch.equal(first["labels"][0], other) for other in first["labels"][1:])
    assert {seed for method in METHODS for _, seed in begun(method)} == {3}


def test_two_peers_are_two_pairs_and_four_are_all(begun):
    assert [[len(nets) for nets, _ in begun(method)] for method in ("dml_2", "dml_4")] == [[2, 2], [4]]


def test_a_born_again_net_learns_from_a_net_of_labels_that_began_elsewhere_and_was_trained_as_long():
    class Stored:
        def tensors(self, _):
            return {"logits": torch.arange(NETS)[:, None, None].expand(NETS, 2, 3)}

    taught = trial("how_far_fitted", "full", "born_again 60", 7)
    (teacher,) = taught.needs
    assert teacher == trial("how_far_fitted", "full", "labels 60", 7)
    assert not (told(taught, Stored())[:, 0, 0] == torch.arange(NETS)).any()


def test_nothing_but_the_epochs_differs_along_the_axis():
    for method in METHODS:
        along = [arms("full")[f"{method} {epochs}"].settings for epochs in how_far_fitted.EPOCHS["full"]]
        assert len({tuple((k, str(v)) for k, v in s.items() if k != "epochs") for s in along}) == 1


def test_errors_are_paired_with_those_of_labels_by_draw_epochs_and_decay():
    rows = [("labels", 0, 5, "usual", 100), ("labels", 1, 5, "usual", 200), ("labels", 0, 5, "tuned", 50)]
    rows += [("ps_kd", 1, 5, "usual", 190), ("ps_kd", 0, 5, "usual", 130), ("ps_kd", 0, 5, "tuned", 51)]
    table = pd.DataFrame(rows, columns=["method", "seed", "epochs", "decay", "test_errors"])
    assert against_labels(table).more.tolist() == [-10, 30, 1]


def test_a_small_run_measures_every_method(micro, documented):
    table, measured = micro("how_far_fitted", most={"images": 100}, only=lambda t: t.settings["epochs"] == 15)
    documented("how_far_fitted", table, measured)
    assert {*table.method} == {*METHODS}
    assert table.set_index("method").train_loss.between(1, 3).all()  # hardly begun: ln 10 = 2.3 is to know nothing
    assert table.test_errors.nunique() == len(METHODS)


def test_a_small_run_scores_tries_on_validation_images(micro, documented):
    chosen = {"labels 15", "more labels 15", "labels 60 try 0.05 0.02", "born_again 60 try 0.05 0.02"}
    table, measured = micro("how_far_fitted_settings", most={"images": 100}, only=lambda t: t.arm in chosen)
    documented("how_far_fitted_settings", table, measured)
    assert {*table.arm} == chosen and {t.settings["scored_on"] for t in measured} == {"validation"}


def test_every_method_has_as_many_tries_of_its_decay_and_what_was_chosen_is_one_of_them():
    tries = {method: set() for method in METHODS}
    for found in how_far_fitted_settings.arms("full").values():
        s = found.settings
        if (s["epochs"], s["lr"]) == (how_far_fitted.TUNED_AT, how_far_fitted.LR):
            tries[s["method"]].add(s["weight_decay"])
    assert all(found == {*how_far_fitted_settings.DECAYS} for found in tries.values())
    assert {how_far_fitted.DECAY, how_far_fitted.TUNED} < {*how_far_fitted_settings.DECAYS}
