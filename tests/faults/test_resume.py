"""Every kind of objective, broken off after each epoch and killed at random moments: the end is the same."""

import random
import time
from functools import partial

import pytest
import torch

from kdbook.training import Distillation, HardLabels, LiveTeacher, fit, loop, sgd
from tests.faults import objective_cases
from tests.faults.objective_cases import CASES, EPOCHS, LONG, found, trained
from tests.scripts import Script


@pytest.fixture(autouse=True)
def checkpoint_every_epoch(monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)


def same(a, b) -> bool:
    """Whether two states hold the same, bit by bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def stop(after, epoch, epochs):
    if epoch == after:
        raise KeyboardInterrupt


def test_every_objective_that_the_code_has_is_tried():
    assert found() == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_broken_off_after_each_epoch_and_resumed_nothing_is_different(name, tmp_path):
    history, expected = trained(name)
    for after in range(1, EPOCHS):
        path = tmp_path / f"{after}.pt"
        with pytest.raises(KeyboardInterrupt):
            trained(name, path, partial(stop, after))
        resumed, state = trained(name, path)
        assert resumed.resumed == after and resumed.loss.tolist() == history.loss.tolist()
        assert same(state, expected)


@pytest.mark.parametrize("name", ["Seen", "ProgressiveSelf", "Contrastive"])
def test_what_such_an_objective_keeps_is_not_empty(name):
    assert trained(name)[1]["objective"]


@pytest.mark.slow
def test_killed_at_random_moments_and_started_again_nothing_is_different(tmp_path, monkeypatch):
    names = ["Contrastive", "OwnRates", "Seen"]

    def start():
        return Script(objective_cases.__file__, tmp_path, *names)

    draw, left = random.Random("kill"), 0
    for _ in names:  # each kind is killed in its turn; what is done already is not trained again
        epochs = draw.randrange(1, LONG // 2)
        victim = start()
        for _ in range(left + epochs):
            assert victim.said.readline()  # an epoch
        time.sleep(draw.uniform(0, 0.02))
        assert victim.kill() < 0
        left = LONG - epochs
    last = start()
    assert last.wait() == 0, last.said.read()
    last.kill()
    monkeypatch.setattr(objective_cases, "EPOCHS", LONG)
    monkeypatch.setitem(objective_cases.SETTINGS, "epochs", LONG)
    for name, end in torch.load(tmp_path / "end.pt").items():
        history, state = trained(name)
        assert history.loss.tolist() == end["loss"] and same(end["state"], state)


def distilled(path, **changes):
    """A training of which one setting may be another."""
    model, objective, split = CASES["Distillation"]()
    torch.manual_seed(1)
    for name in ("temperature", "alpha", "teacher"):
        if name in changes:
            setattr(objective, name, changes.pop(name))
    settings = objective_cases.SETTINGS | {"split": split, "models": model} | changes
    return fit(objective=objective, checkpoint=path, **settings)


CHANGES = {
    "objective.temperature": lambda: {"temperature": 20.0},
    "objective.alpha": lambda: {"alpha": 0.1},
    "objective.teacher": lambda: {"teacher": LiveTeacher(objective_cases.mlp(8))},
    "objective.teacher.logits": lambda: {"teacher": CASES["LogitRegression"]()[1].teacher.showing() and moved()},
    "optimizer.0": lambda: {"optimizer": partial(torch.optim.Adam, lr=0.05)},
    "optimizer.1.lr": lambda: {"optimizer": sgd(0.06)},
    "schedule": lambda: {"schedule": lambda o, n: torch.optim.lr_scheduler.ConstantLR(o, 1.0)},
    "split.y": lambda: {"split": objective_cases.half_known()[2]},
    "split.views": lambda: {"split": objective_cases.images().shifted()},
    "epochs": lambda: {"epochs": 4},
    "batch_size": lambda: {"batch_size": 10},
    "seed": lambda: {"seed": 6},
    "models": lambda: {"models": objective_cases.mlp(input_dropout=0.5)},
}


def moved():
    teacher = objective_cases.cached()
    teacher.logits = teacher.logits + 1e-4
    return teacher


@pytest.mark.parametrize("part", CHANGES)
def test_a_checkpoint_of_another_training_is_refused_and_says_what_is_another(part, tmp_path):
    path = tmp_path / "checkpoint.pt"
    distilled(path)
    assert distilled(path).resumed == EPOCHS
    with pytest.raises(ValueError, match=f"belongs to another run: .*{part}[a-z0-9_.]* was .* and is "):
        distilled(path, **CHANGES[part]())


def test_a_number_that_a_function_takes_from_beside_it_is_part_of_a_training(tmp_path):
    model, teacher = objective_cases.mlp(), objective_cases.live()

    def run(t):
        def objective(models, batch):
            return Distillation(teacher, t)(models, batch)

        return fit(model, objective, objective_cases.images(), **objective_cases.SETTINGS, checkpoint=tmp_path / "c.pt")

    run(2.0)
    assert run(2.0).resumed == EPOCHS
    with pytest.raises(ValueError, match="objective.t was 2.0 and is 3.0"):
        run(3.0)


def falling(factor):
    return lambda optimizer, steps: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor**step)


def two_rates(head):
    def make(parameters):
        first, *others = parameters
        groups = [first], others
        return torch.optim.SGD([{"params": groups[head], "lr": 0.1}, {"params": groups[not head], "lr": 0.01}])

    return make


def of_class(temperature):
    class Own:
        def __call__(self, models, batch):
            return Distillation(objective_cases.live(), temperature)(models, batch)

    return Own()


def net_of_class(times):
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = objective_cases.mlp()

        def forward(self, x):
            return times * self.inner(x).logits

    return Own()


def frozen(layers):
    model = objective_cases.mlp()
    for parameter in list(model.parameters())[:layers]:
        parameter.requires_grad_(False)
    return model


HIDDEN = {
    "schedule.2.factor": ("schedule", falling, 0.5, 0.9),
    "optimizer.3.head": ("optimizer", two_rates, 0, 1),
    "objective.__call__.temperature": ("objective", of_class, 1.0, 4.0),
    "models.forward.times": ("models", net_of_class, 1, 3),
    "models.layers.0.weight": ("models", frozen, 0, 1),
}


@pytest.mark.parametrize("part", HIDDEN)
def test_what_a_function_or_a_class_hides_is_part_of_a_training(part, tmp_path):
    name, make, one, other = HIDDEN[part]

    def run(value):
        given = {"models": objective_cases.mlp(), "objective": HardLabels(), "split": objective_cases.images()}
        return fit(**objective_cases.SETTINGS | given | {name: make(value)}, checkpoint=tmp_path / "c.pt")

    run(one)
    assert run(one).resumed == EPOCHS
    with pytest.raises(ValueError, match=f"belongs to another run: .*{part} was .* and is "):
        run(other)


@pytest.mark.parametrize("kind", ["flip", "cut", "swap"])
def test_damage_of_a_checkpoint_is_named_and_nothing_of_it_is_used(kind, tmp_path):
    path, draw = tmp_path / "checkpoint.pt", random.Random(kind)
    distilled(path)
    whole = path.read_bytes()
    for _ in range(60):
        at = draw.randrange(len(whole))
        damaged = bytearray(whole)
        if kind == "flip":
            damaged[at] ^= 1 << draw.randrange(8)
        elif kind == "cut":
            damaged = damaged[:at]
        else:
            other = draw.randrange(len(whole))
            damaged[at], damaged[other] = damaged[other], damaged[at]
        if damaged == whole:
            continue
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match="cannot be read .*; training starts afresh"):
            assert distilled(path).resumed == 0


def test_state_that_an_objective_hides_is_refused_where_a_checkpoint_would_lose_it(tmp_path):
    models, inner, split = CASES["ProgressiveSelf"]()

    def objective(nets, batch):
        return inner(nets, batch)

    fit(models, objective, split, **objective_cases.SETTINGS)
    with pytest.raises(
        ValueError, match="must be one with a state_dict that forwards what it wraps, got .'ProgressiveSelf'"
    ):
        fit(models, objective, split, **objective_cases.SETTINGS, checkpoint=tmp_path / "c.pt")
