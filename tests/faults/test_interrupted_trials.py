"""Trials that were interrupted: a cohort stays whole, time spent before counts, another group's checkpoint does not."""

import hashlib
import io

import numpy as np
import pytest
import torch

from kdbook.lab import Store, arms, engines, steps
from kdbook.lab.engines import local, unfinished
from kdbook.lab.tools import Progress, Tools
from kdbook.lab.trial import Trial
from kdbook.training import Distillation, HardLabels, OwnRates, checkpoint, fit, loop, stack
from tests.faults.objective_cases import SETTINGS, cached, images, mlp

CPU = torch.device("cpu")
TRAINED = {"epochs": 3, "batch_size": 8, "lr": 0.05}


def cohort(*temperatures, arm="t"):
    return [Trial("t", f"{arm}{k}", 0, {**TRAINED, "temperature": t}, cohort="all") for k, t in enumerate(temperatures)]


class Module:
    """A question that really trains its cohorts as one."""

    def __init__(self):
        self.measured = []

    def measure(self, trials, tools):
        self.measured.append([t.arm for t in trials])
        temperature = torch.tensor([[t.settings["temperature"]] for t in trials])
        objective = OwnRates(Distillation(cached(), temperature, 0.5), [0.05] * len(trials))
        models, history = steps.train(
            trials[0], images(), objective, tools, stack([mlp(s) for s in range(len(trials))])
        )
        for s, trial in enumerate(trials):
            tools.keep(trial, tensors={"weights": models.weights[0][s].detach()})
        return [{"loss": history.loss[-1]} for _ in trials]


@pytest.fixture
def module(monkeypatch):
    found = Module()
    monkeypatch.setattr(arms, "question", lambda name: found)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    return found


def stored(store, trials):
    return [store.tensors(t)["weights"] for t in trials]


def interrupt_after(monkeypatch, count):
    """The process ends when the engine wants to write its trial of this number."""
    write, written = Store.write, []

    def writing(store, trial, *arguments, **more):
        if len(written) == count:
            raise KeyboardInterrupt
        written.append(trial)
        write(store, trial, *arguments, **more)

    monkeypatch.setattr(Store, "write", writing)


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_kill_between_two_writes_of_a_cohort_leaves_it_whole(module, tmp_path, monkeypatch, written):
    trials, whole, broken = cohort(1.0, 2.0, 4.0), Store(tmp_path / "whole"), Store(tmp_path / "broken")
    local(trials, whole, CPU, quiet=True)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, written)
        local(trials, broken, CPU, quiet=True)
    there = [t for t in trials if broken.read(t) is not None]
    assert there == (trials[-written:] if written else []) and broken.checkpoint(trials[0]).exists()
    assert unfinished(trials, broken) == [trials]
    before = {t: broken.files(t) for t in there}
    local(trials, broken, CPU, quiet=True)
    assert module.measured == [["t0", "t1", "t2"]] * 3
    assert all(torch.equal(a, b) for a, b in zip(stored(whole, trials), stored(broken, trials), strict=True))
    assert {t: broken.files(t) for t in there} == before
    assert not unfinished(trials, broken) and not broken.checkpoint(trials[0]).parent.exists()


@pytest.mark.parametrize("other", [cohort(1.0, 2.0, 9.0), cohort(1.0, 2.0)], ids=["another temperature", "one fewer"])
def test_the_checkpoint_of_another_group_is_named_and_not_gone_on_with(module, tmp_path, monkeypatch, other):
    trials, broken, fresh = cohort(1.0, 2.0, 4.0), Store(tmp_path / "broken"), Store(tmp_path / "fresh")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, 0)
        local(trials, broken, CPU, quiet=True)
    with pytest.warns(UserWarning, match="belongs to another run: .*run was .* and is .*Training starts afresh"):
        local(other, broken, CPU, quiet=True)
    local(other, fresh, CPU, quiet=True)
    assert all(torch.equal(a, b) for a, b in zip(stored(fresh, other), stored(broken, other), strict=True))


def test_seconds_count_what_came_before_an_interruption(module, tmp_path, monkeypatch):
    trials, store = cohort(1.0, 2.0), Store(tmp_path)

    def stop(self, trial, epoch, epochs):
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Progress, "epoch", stop)
        local(trials, store, CPU, quiet=True)
    path = store.checkpoint(trials[0])
    saved = torch.load(io.BytesIO(path.read_bytes().split(b"\n", 1)[1]), weights_only=True)
    for epoch in saved["epochs"]:
        epoch["seconds"] = 100.0
    content = io.BytesIO()
    torch.save(saved, content)
    path.write_bytes(hashlib.sha256(content.getvalue()).hexdigest().encode() + b"\n" + content.getvalue())
    local(trials, store, CPU, quiet=True)
    assert len(saved["epochs"]) == 2
    assert all(100 <= store.read(t).provenance["seconds"] < 110 for t in trials)  # 200 for two trials


def test_tools_give_a_checkpoint_that_knows_the_group(tmp_path):
    tools, trials = Tools(Store(tmp_path), CPU, Progress([], quiet=True)), cohort(1.0, 2.0)
    assert tools.checkpoint(trials[0]).run == [trials[0].id] and tools.checkpoint(trials[0]).mismatch == "afresh"
    tools.group = trials
    made = tools.checkpoint(trials[0], "second")
    assert made.run == [t.id for t in trials] and made.path.name == "second.pt"
    assert engines.grouped(trials) == [trials]


@pytest.mark.parametrize("number", [np.int64, np.int32, np.uint8])
def test_settings_that_are_numpy_numbers_resume_as_others_do(tmp_path, number):
    settings = {**SETTINGS, **{name: number(SETTINGS[name]) for name in ("epochs", "batch_size", "seed")}}
    ends = [mlp() for _ in range(3)]
    fit(ends[0], HardLabels(), images(), **SETTINGS)
    fit(ends[1], HardLabels(), images(), **settings, checkpoint=tmp_path / "c.pt")
    assert fit(ends[2], HardLabels(), images(), **SETTINGS, checkpoint=tmp_path / "c.pt").resumed == 3
    for other in ends[1:]:
        assert all(torch.equal(a, b) for a, b in zip(ends[0].parameters(), other.parameters(), strict=True))


def test_a_checkpoint_is_read_onto_the_device_that_trains(tmp_path, monkeypatch):
    fit(mlp(), HardLabels(), images(), **SETTINGS, checkpoint=tmp_path / "c.pt")
    load, asked = torch.load, []

    def loading(*arguments, **settings):
        asked.append(settings)
        return load(*arguments, **settings)

    monkeypatch.setattr(checkpoint.torch, "load", loading)
    fit(mlp(), HardLabels(), images(), **SETTINGS, device="cpu", checkpoint=tmp_path / "c.pt")
    assert asked == [{"weights_only": True, "map_location": "cpu"}]
