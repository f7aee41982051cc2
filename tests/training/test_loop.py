import os
import signal
import time
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest
import torch

from kdbook.nets.vision import MLP
from kdbook.training import CachedTeacher, Distillation, HardLabels, LiveTeacher, fit, loop, predict, sgd
from tests.scripts import Script

EPOCHS = 6


def network(seed=0):
    """A small network with dropout and max-norm, so that every kind of state is in play."""
    torch.manual_seed(seed)
    return MLP([36, 24, 24, 4], input_dropout=0.1, hidden_dropout=0.3, max_norm=1.5)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def errors(model, split):
    return int((predict(model, split).logits.argmax(-1) != split.y).sum())


class Interrupting(HardLabels):
    """Raises in the middle of an epoch; `epoch` stands where a fingerprint does not look, in the class."""

    epoch = now = batches = -1

    def start_epoch(self, epoch):
        type(self).now, type(self).batches = epoch, 0

    def __call__(self, model, batch):
        type(self).batches += 1
        if self.now == self.epoch and self.batches == 2:
            raise KeyboardInterrupt
        return super().__call__(model, batch)


def interrupting(epoch=-1):
    """An `Interrupting` that stops there."""
    Interrupting.epoch = epoch
    return Interrupting()


class Remembering(HardLabels):
    """Keeps the mean answer of the last epoch, as self-distillation does, and learns from it."""

    def __init__(self):
        super().__init__()
        self.table = torch.zeros(4)

    def start_epoch(self, epoch):
        self.last, self.table = self.table, torch.zeros(4)

    def __call__(self, model, batch):
        rows, _ = super().__call__(model, batch)
        p = model(batch.x).logits.softmax(-1)
        self.table = self.table + p.detach().sum(0) / 1000
        return rows - (p * self.last).sum(-1), {"mass": p.sum(-1)}

    def state_dict(self):
        return {"table": self.table}

    def load_state_dict(self, state):
        self.table = state["table"]


@pytest.fixture(autouse=True)
def checkpoint_every_epoch(monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)


@pytest.fixture
def train(quadrants):
    """`fit` with small settings, which a test may change."""

    def run(model, objective=None, split=None, **changes):
        settings = {"epochs": EPOCHS, "batch_size": 16, "optimizer": sgd(0.1), "seed": 7, "progress": False, **changes}
        return fit(model, objective or HardLabels(), quadrants().shifted() if split is None else split, **settings)

    return run


def test_a_student_learns_an_easy_task_from_labels(quadrants, train):
    model, test = MLP([36, 24, 4]), quadrants(200, seed=1)
    before = errors(model, test)
    history = train(model, split=quadrants(), epochs=20)
    assert before > 100 and errors(model, test) == 0
    losses = [epoch["loss"] for epoch in history.epochs]
    assert losses[-1] < losses[0] / 10
    assert [epoch["epoch"] for epoch in history.epochs] == list(range(20))


def test_a_student_learns_from_a_teacher_without_any_label(quadrants, train):
    split, test = quadrants(), quadrants(200, seed=1)
    torch.manual_seed(0)
    teacher, student = MLP([36, 24, 4]), MLP([36, 6, 4])
    train(teacher, split=split, epochs=20)
    unlabelled = split.__class__(split.x, torch.zeros_like(split.y), split.index)
    train(student, Distillation(CachedTeacher.of(teacher, split), 4.0, 1.0), unlabelled, epochs=40)
    assert errors(student, test) == 0


def test_the_shifts_that_the_student_sees_are_those_that_the_teacher_answers_for(quadrants, train):
    split = quadrants().shifted()
    torch.manual_seed(3)
    teacher = MLP([36, 24, 4])
    students = []
    for kind in (LiveTeacher(teacher), CachedTeacher.of(teacher, split)):
        students.append(network())
        train(students[-1], Distillation(kind, 4.0, 1.0), split)
    torch.testing.assert_close(weights(students[0]), weights(students[1]), rtol=0, atol=1e-5)


def test_equal_seeds_give_bit_identical_weights_and_another_seed_others(train):
    models = [network() for _ in range(3)]
    for model, seed in zip(models, (7, 7, 8), strict=True):
        torch.rand(seed)  # what was drawn before must not matter
        train(model, seed=seed)
    assert torch.equal(weights(models[0]), weights(models[1]))
    assert not torch.equal(weights(models[0]), weights(models[2]))


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_global_random_state_is_what_it_was_also_after_an_interruption(train, interrupted):
    model, state = network(), torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt) if interrupted else nullcontext():
        train(model, interrupting(epoch=2 if interrupted else -1))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_batch_holds_labels_indices_and_views_of_its_images(quadrants, train):
    split = quadrants().shifted()
    position = {index: row for row, index in enumerate(split.index.tolist())}
    seen = []

    def objective(model, batch):
        rows = torch.tensor([position[i] for i in batch.index.tolist()])
        assert torch.equal(batch.x, split.images(rows, batch.view))
        assert torch.equal(batch.y, split.y[rows])
        seen.append((rows, batch.view, batch.check))
        return HardLabels()(model, batch)

    train(network(), objective, split, epochs=2)
    looked_at = [i for i, (_, _, check) in enumerate(seen) if check]
    assert looked_at[0] == 0 and len(looked_at) <= 3 and looked_at[-1] < 6  # the first, and the extreme labels
    epochs = [torch.cat([rows for rows, _, _ in part]).tolist() for part in (seen[:6], seen[6:])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(len(split)))
    assert epochs[0] != epochs[1]
    assert len({int(v) for _, view, _ in seen for v in view}) == 25


def test_logged_values_are_means_over_rows_also_when_the_last_batch_is_small(quadrants, train):
    split = quadrants(40)

    def objective(model, batch):
        rows, _ = HardLabels()(model, batch)
        return rows * 0 + batch.index, {"index": batch.index.float()}

    (epoch,) = train(network(), objective, split, epochs=1).epochs
    mean = float(split.index.double().mean())
    assert epoch["loss"] == pytest.approx(mean) and epoch["index"] == pytest.approx(mean)


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing(quadrants, train):
    rates = []

    def schedule(optimizer, steps):
        assert steps == EPOCHS * 6
        made = loop.one_cycle(optimizer, steps)
        optimizer.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
        return made

    train(network(), schedule=schedule, optimizer=sgd(0.5))
    peak = int(np.argmax(rates))
    assert rates[0] == pytest.approx(0.5 / 25) and rates[peak] == pytest.approx(0.5, rel=0.02)
    assert 0.2 < peak / len(rates) < 0.4
    assert rates[: peak + 1] == sorted(rates[: peak + 1]) and rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.5 / 100


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_resumed_run_ends_bit_identical_to_an_unbroken_one(tmp_path, train, stop):
    unbroken, resumed = network(), network()
    expected = train(unbroken)
    with pytest.raises(KeyboardInterrupt):
        train(resumed, interrupting(epoch=stop), checkpoint=tmp_path / "checkpoint.pt")
    other = network(seed=99)
    history = train(other, interrupting(), checkpoint=tmp_path / "checkpoint.pt")
    assert torch.equal(weights(unbroken), weights(other))
    assert [e["loss"] for e in history.epochs] == [e["loss"] for e in expected.epochs]


def test_an_interrupt_in_mid_epoch_leaves_the_checkpoint_of_the_epoch_before(tmp_path, train):
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        train(network(), interrupting(epoch=3), checkpoint=path)
    assert os.listdir(tmp_path) == ["checkpoint.pt"]
    done = []
    train(network(), interrupting(), checkpoint=path, progress=lambda epoch, epochs: done.append((epoch, epochs)))
    assert done == [(4, EPOCHS), (5, EPOCHS), (6, EPOCHS)]


def test_the_state_of_an_objective_is_resumed_with_the_student(tmp_path, train):
    unbroken, resumed = network(), network()
    train(unbroken, Remembering())
    with pytest.raises(KeyboardInterrupt):
        train(network(), Remembering(), checkpoint=tmp_path / "checkpoint.pt", progress=partial(stop_after, 3))
    train(resumed, Remembering(), checkpoint=tmp_path / "checkpoint.pt")
    assert torch.equal(weights(unbroken), weights(resumed))


def stop_after(last, epoch, epochs):
    if epoch == last:
        raise KeyboardInterrupt


def test_a_finished_checkpoint_is_loaded_and_nothing_is_trained(tmp_path, train):
    first, second = network(), network(seed=99)
    before = train(first, interrupting(), checkpoint=tmp_path / "checkpoint.pt")
    after = train(second, interrupting(epoch=0), checkpoint=tmp_path / "checkpoint.pt")
    assert torch.equal(weights(first), weights(second))
    assert after.seconds == before.seconds > 0


def test_checkpoints_wait_for_their_time_and_the_last_epoch_is_always_saved(tmp_path, train, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 1e6)
    there = []
    path = tmp_path / "checkpoint.pt"
    train(network(), checkpoint=path, progress=lambda epoch, epochs: there.append(path.exists()))
    assert there == [False] * 5 + [True]


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"", lambda c: b"no"])
def test_a_damaged_checkpoint_is_named_and_training_starts_afresh(tmp_path, train, damage):
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        train(network(), interrupting(epoch=3), checkpoint=path)
    path.write_bytes(damage(path.read_bytes()))
    expected, found = network(), network()
    train(expected)
    with pytest.warns(UserWarning, match=r"checkpoint.pt cannot be read \(it is damaged\); training starts afresh"):
        train(found, interrupting(), checkpoint=path)
    assert torch.equal(weights(expected), weights(found))


@pytest.mark.parametrize(
    ("name", "value"), [("seed", 8), ("epochs", 7), ("batch_size", 32), ("split", 50)], ids=lambda v: str(v)
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, quadrants, train, name, value):
    train(network(), checkpoint=tmp_path / "checkpoint.pt")
    change, told = ({"split": quadrants(value)}, r"\(50, 6, 6\)") if name == "split" else ({name: value}, value)
    with pytest.raises(ValueError, match=f"belongs to another run: .*{name}[a-z.]* was .* and is .*{told}"):
        train(network(), checkpoint=tmp_path / "checkpoint.pt", **change)


def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_else(tmp_path, train, request):
    path = tmp_path / "checkpoint.pt"

    def fill_the_disk(epoch, epochs):
        if epoch == 3:
            request.getfixturevalue("full_disk")

    unbroken, filled = network(), network()
    train(unbroken)
    with pytest.warns(UserWarning, match="cannot be written, training goes on .*No space left on device"):
        train(filled, checkpoint=path, progress=fill_the_disk)
    assert os.listdir(tmp_path) == ["checkpoint.pt"] and torch.equal(weights(unbroken), weights(filled))
    with pytest.warns(UserWarning, match="cannot be written"):
        assert train(network(), checkpoint=path).resumed == 3


def test_a_loss_that_is_not_finite_stops_the_run_and_says_what_to_do(tmp_path, train):
    with pytest.raises(FloatingPointError, match="loss is (nan|inf) in epoch [12]: lower the learning rate"):
        train(network(), optimizer=sgd(1e30), checkpoint=tmp_path / "checkpoint.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number, 1 or more, got 0"),
        ({"batch_size": -1}, "batch_size must be a whole number, 1 or more, got -1"),
        ({"seed": -1}, "seed must be a whole number, 0 or more, got -1"),
        ({"rows": 0}, "split must be 1 sample or more .*, got 0"),
    ],
)
def test_an_impossible_setting_is_refused_with_the_value(quadrants, train, change, message):
    split = quadrants().rows(slice(change.pop("rows", None)))
    with pytest.raises(ValueError, match=message):
        train(network(), split=split, **change)


# Trains with dropout and shifts; given a third argument, it stops in the middle of an epoch until it is killed.
SCRIPT = """
import sys, time
from pathlib import Path
import torch
from kdbook.data import Split
from kdbook.nets.vision import MLP
from kdbook.training import HardLabels, fit, loop, sgd

checkpoint, target, stall = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
torch.set_num_threads(1)
loop.CHECKPOINT_SECONDS = 0.0

class Stalling(HardLabels):
    def __call__(self, model, batch):
        if stall and self.epoch == 4 and self.batches == 3:
            Path(stall[0]).touch()
            time.sleep(600)
        self.batches += 1
        return super().__call__(model, batch)

    def start_epoch(self, epoch):
        self.epoch, self.batches = epoch, 0

torch.manual_seed(11)
x = torch.randint(0, 256, (200, 28, 28), dtype=torch.uint8)
split = Split(x, torch.arange(200) % 10, torch.arange(200)).shifted()
model = MLP([784, 64, 64, 10], input_dropout=0.2, hidden_dropout=0.5, max_norm=3.5)
settings = {"epochs": 8, "batch_size": 32, "optimizer": sgd(0.05), "seed": 3, "progress": False}
fit(model, Stalling(), split, checkpoint=checkpoint, **settings)
torch.save(model.state_dict(), target)
"""


@pytest.fixture
def start(tmp_path):
    """Start `SCRIPT` with arguments; what still runs at the end is killed."""
    started, script = [], tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(*arguments):
        started.append(Script(script, *arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.mark.slow
def test_a_run_killed_in_mid_epoch_and_resumed_in_another_process_ends_bit_identical(tmp_path, start):
    unbroken = start(tmp_path / "unbroken" / "checkpoint.pt", tmp_path / "unbroken.pt")
    victim = start(tmp_path / "killed" / "checkpoint.pt", tmp_path / "killed.pt", tmp_path / "stalled")
    deadline = time.monotonic() + 300
    while not (tmp_path / "stalled").exists():
        assert victim.code is None and time.monotonic() < deadline
        time.sleep(0.02)
    assert victim.kill() == -signal.SIGKILL
    assert not (tmp_path / "killed.pt").exists()
    assert os.listdir(tmp_path / "killed") == ["checkpoint.pt"]
    assert start(tmp_path / "killed" / "checkpoint.pt", tmp_path / "killed.pt").wait() == 0
    assert unbroken.wait() == 0
    expected, found = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("unbroken", "killed"))
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)


@pytest.mark.parametrize("objective", [HardLabels(), "distilled"])
def test_under_autocast_layers_compute_in_bfloat16_and_losses_in_float32(quadrants, objective):
    split, seen = quadrants(), []
    if objective == "distilled":
        objective = Distillation(CachedTeacher.of(network(5), split), 4.0, 0.5)

    def watched(models, batch):
        seen.append(models(batch.x).logits.dtype)
        rows, parts = objective(models, batch)
        seen.append(rows.dtype)
        return rows, parts

    model = network()
    settings = {"epochs": 2, "batch_size": 32, "optimizer": sgd(0.05), "seed": 0, "progress": False}
    fit(model, watched, split, autocast=torch.bfloat16, **settings)
    assert set(seen[::2]) == {torch.bfloat16} and set(seen[1::2]) == {torch.float32}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    exact = network()
    fit(exact, objective, split, **settings)
    gap = float((weights(model) - weights(exact)).abs().max())
    assert 0 < gap < 0.05


def test_a_checkpoint_of_another_precision_is_refused(quadrants, tmp_path):
    settings = {"epochs": 1, "batch_size": 32, "optimizer": sgd(0.05), "seed": 0, "progress": False}
    fit(network(), HardLabels(), quadrants(), checkpoint=tmp_path / "c", **settings)
    with pytest.raises(ValueError, match="autocast was None and is torch.bfloat16"):
        fit(network(), HardLabels(), quadrants(), checkpoint=tmp_path / "c", autocast=torch.bfloat16, **settings)


def test_a_falling_rate_is_a_tenth_after_each_of_its_epochs(train):
    rates = []

    def schedule(optimizer, steps):
        optimizer.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
        return loop.falling([2, 4], EPOCHS)(optimizer, steps)

    train(network(), schedule=schedule, optimizer=sgd(0.5))
    steps = len(rates) // EPOCHS
    assert rates == pytest.approx([0.5] * 2 * steps + [0.05] * 2 * steps + [0.005] * (EPOCHS - 4) * steps)


@pytest.mark.parametrize(("after", "epochs"), [([0], 3), ([1.5], 3), ([2], 0)])
def test_a_rate_cannot_fall_where_there_is_no_epoch(after, epochs):
    with pytest.raises(ValueError, match="must be a whole number, 1 or more"):
        loop.falling(after, epochs)
