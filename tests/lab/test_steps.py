import math

import numpy as np
import pytest
import torch

from kdbook.data import VIEWS, load_images
from kdbook.lab import steps
from kdbook.lab.trial import Trial
from kdbook.nets.vision import LeNet5
from kdbook.training import CachedTeacher, Distillation, HardLabels, LiveTeacher

SETTINGS = {"sizes": [784, 12, 10], "input_dropout": 0.2, "hidden_dropout": 0.5, "max_norm": 2.0}


class Tools:
    """Holds the weights of one network and counts what is made."""

    device = torch.device("cpu")

    def __init__(self, state=None):
        self.state, self.memory, self.made = state, {}, 0

    def tensors(self, trial):
        return self.state

    def remember(self, key, make):
        if key not in self.memory:
            self.made += 1
            self.memory[key] = make()
        return self.memory[key]


def test_settings_become_the_network_that_they_name():
    model = steps.network(SETTINGS)
    assert (model.sizes, model.input_dropout, model.hidden_dropout, model.max_norm) == ((784, 12, 10), 0.2, 0.5, 2.0)
    plain = steps.network({"sizes": [784, 10]})
    assert (plain.input_dropout, plain.hidden_dropout, plain.max_norm) == (0.0, 0.0, None)
    assert isinstance(steps.network({"net": "lenet5"}), LeNet5)


def test_fresh_weights_depend_on_the_seed_only():
    first, other = Trial("tuning", "a", 1, SETTINGS), Trial("missing_digit", "b", 1, {"sizes": [784, 12, 10], "lr": 3})
    torch.rand(5)
    state = torch.get_rng_state()
    a, b = steps.seeded_network(first), steps.seeded_network(other)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    c = steps.seeded_network(Trial("tuning", "a", 2, SETTINGS))
    assert not torch.equal(a.layers[0].weight, c.layers[0].weight)


def test_a_stored_network_has_the_stored_weights_and_is_in_eval_mode():
    trained = steps.network(SETTINGS)
    model = steps.stored_network(Trial("tuning", "a", 0, SETTINGS), Tools(trained.state_dict()))
    assert not model.training
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), trained.parameters(), strict=True))


@pytest.mark.parametrize(
    ("settings", "part", "number", "views"),
    [
        ({}, "train", 60_000, 1),
        ({"part": "fit", "samples": 70}, "fit", 70, 1),
        ({"shifts": True}, "train", 60_000, VIEWS),
    ],
)
def test_the_training_split_follows_the_settings(settings, part, number, views):
    split = steps.training_split(Trial("tuning", "a", 0, settings), Tools())
    assert (len(split), split.views) == (number, views)
    assert torch.equal(split.x, load_images("mnist", part).x[:number])


def test_a_trial_that_trains_on_the_first_images_is_scored_on_the_last_and_others_on_the_test_set():
    tuned = steps.test_split(Trial("tuning", "a", 0, {"part": "fit"}), Tools())
    assert tuned.index[0] == 50_000 and len(tuned) == 10_000
    assert torch.equal(steps.test_split(Trial("hinton_mnist", "a", 0, {}), Tools()).x, load_images(part="test").x)


def test_a_teacher_is_asked_once_for_each_split_and_its_shifts():
    trial = Trial("tuning", "a", 0, SETTINGS)
    tools = Tools(steps.network(SETTINGS).state_dict())
    split = load_images(part="test").rows(slice(20))
    first = steps.cached_teacher(trial, split, tools)
    assert steps.cached_teacher(trial, split, tools) is first and tools.made == 1
    shifted = steps.cached_teacher(trial, split.shifted(), tools)
    assert (len(first.logits), len(shifted.logits)) == (1, VIEWS)
    other = steps.cached_teacher(trial, load_images(part="test").rows(slice(20, 40)), tools)
    assert tools.made == 3 and not torch.equal(other.logits, first.logits)


def test_a_teacher_is_asked_again_about_other_images_only():
    trial, tools = Trial("x", "teacher", 0, SETTINGS), Tools(steps.network(SETTINGS).state_dict())
    test = load_images(part="test")
    first, second = (steps.teacher_answers(trial, test.rows(slice(at, at + 20)), tools) for at in (0, 20))
    assert steps.teacher_answers(trial, test.rows(slice(20)), tools) is first and tools.made == 2
    assert not torch.equal(first, second)


@pytest.mark.parametrize(("epochs", "kind"), [(20, LiveTeacher), (45, CachedTeacher)])
def test_a_cache_of_all_shifts_is_filled_where_a_student_trains_long_enough_to_pay_for_it(epochs, kind):
    settings = {**SETTINGS, "temperature": 3.0, "alpha": 1.0, "epochs": epochs}
    trial = Trial("tuning", "a", 0, settings, needs=(Trial("t", "b", 0, SETTINGS),))
    split = load_images(part="test").rows(slice(20)).shifted()
    tools = Tools(steps.network(SETTINGS).state_dict())
    assert isinstance(steps.objective_for(trial, split, tools).teacher, kind)


def test_a_temperature_among_the_settings_means_distillation():
    trial = Trial(
        "tuning", "a", 0, {**SETTINGS, "temperature": 3.0, "alpha": 0.7}, needs=(Trial("t", "b", 0, SETTINGS),)
    )
    split = load_images(part="test").rows(slice(20))
    made = steps.objective_for(trial, split, Tools(steps.network(SETTINGS).state_dict()))
    assert isinstance(made.teacher, CachedTeacher)
    assert isinstance(made, Distillation) and (made.temperature, made.alpha) == (3.0, 0.7)
    hard = steps.objective_for(Trial("tuning", "a", 0, {"label_smoothing": 0.1}), split, Tools())
    assert hard == HardLabels(0.1)


def test_every_trial_sees_the_same_shifted_test_set():
    split = load_images(part="test")
    state = torch.get_rng_state()
    first, second = steps.one_view_each(split), steps.one_view_each(split)
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), state)
    counts = torch.bincount(first, minlength=VIEWS)
    assert len(counts) == VIEWS and counts.min() > 300 and counts.max() < 500


def test_errors_count_wrong_top_classes():
    logits = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert steps.errors(logits, torch.tensor([1, 1, 1])) == 1


def test_fidelity_by_hand():
    teacher = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()
    student = torch.tensor([[0.5, 0.5], [0.2, 0.8]]).log()
    expected = (0.9 * math.log(0.9 / 0.2) + 0.1 * math.log(0.1 / 0.8)) / 2
    found = steps.fidelity(student + 3.0, teacher - 1.0)
    assert found["agreement"] == 0.5
    assert found["mean_kl"] == pytest.approx(expected, rel=1e-5)


def test_the_calibration_error_by_hand():
    # confidences 0.9, 0.9, 0.6 of two classes, right, wrong, right: bins (0.867, 0.933] and (0.533, 0.6]
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]], dtype=torch.float64)
    found = steps.expected_calibration_error(p.log(), torch.tensor([0, 0, 0]))
    assert found == pytest.approx(100 * (2 * (0.9 - 0.5) + (1 - 0.6)) / 3)


def test_a_net_that_is_right_as_often_as_it_says_has_no_calibration_error():
    p = torch.tensor([[0.75, 0.25]] * 4, dtype=torch.float64)
    assert steps.expected_calibration_error(p.log(), torch.tensor([0, 0, 0, 1])) == pytest.approx(0)


def test_a_student_equal_to_its_teacher_is_perfectly_faithful():
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 10)))
    assert steps.fidelity(logits, logits) == {"agreement": 1.0, "mean_kl": 0.0}


def test_the_best_epoch_is_the_last_of_the_highest_score_and_keeps_the_net_as_it_was():
    model, seen = torch.nn.Linear(1, 1), iter([0.5, 0.8, 0.8, 0.7])
    best = steps.BestEpoch(lambda model: next(seen))
    for epoch in range(1, 5):
        torch.nn.init.constant_(model.weight, epoch)
        best(model)
    assert (best.curve, best.epoch, best.model.weight.item()) == ([0.5, 0.8, 0.8, 0.7], 3, 3.0)
