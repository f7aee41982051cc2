"""Trials on a Ray cluster of two nodes on loopback: the table of a local run, and no trial or epoch done twice."""

import ast
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from kdbook.book import hinton_mnist
from kdbook.lab import Store, arms, run, runs
from kdbook.lab.ray_engine import measure_away
from kdbook.lab.tools import Progress
from kdbook.lab.trial import Trial
from kdbook.training import loop
from tests.scripts import Script

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}
HEAD = NODE | {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
SMALL = {"sizes": [784, 12, 12, 10], "samples": 300, "batch_size": 50, "epochs": 2}


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one CPU each on this machine; their workers keep what they write in the test's folders."""
    pytest.importorskip("ray", reason="the optional package ray is not installed")
    before = dict(os.environ)
    # on loopback ray takes the machine for a Windows or OSX cluster, would call home, and would write a token file
    os.environ |= {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled",
        "PYTHONPATH": os.pathsep.join([str(Path(hinton_mnist.__file__).parents[2]), before.get("PYTHONPATH", "")]),
    }  # fmt: skip
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args=HEAD)
    made.add_node(**NODE)
    made.wait_for_nodes()
    yield made
    made.shutdown()
    os.environ.clear()
    os.environ |= before


@pytest.fixture
def small(monkeypatch):
    """hinton_mnist cut down to a second; what is put into the dictionary changes an arm's settings further."""
    whole, further = hinton_mnist.arms, {}

    def cut(profile):
        settings = {name: {**arm.settings, **SMALL, **further.get(name, {})} for name, arm in whole(profile).items()}
        return {name: replace(arm, settings=settings[name]) for name, arm in whole(profile).items()}

    monkeypatch.setattr(hinton_mnist, "arms", cut)
    return further


def workers():
    """Processes that run a trial at this moment, by the title that ray gives them."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().startswith(b"ray::measure_away"):
                yield int(entry.parent.name)
        except OSError:
            continue


def run_small(store, tmp_path, **how):
    return run("hinton_mnist", "quick", 1, "cpu", store=store, out=tmp_path / "out", quiet=True, **how)


@pytest.mark.slow
def test_a_cluster_whose_workers_see_the_store_gives_the_table_of_this_process_even_where_one_is_killed(
    cluster, small, tmp_path, monkeypatch
):
    small["hard"] = {"samples": 3_000, "epochs": 20, "batch_size": 20}
    here, away, killed = Store(tmp_path / "here"), Store(tmp_path / "away"), []
    expected = run_small(here, tmp_path)

    def kill_one():
        busy_since, deadline = {}, time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            busy = {pid: busy_since.setdefault(pid, time.monotonic()) for pid in workers()}
            killed.extend([pid for pid, since in busy.items() if time.monotonic() - since > 1][:1])
            time.sleep(0.05)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    placed, place = [], Store.place
    monkeypatch.setattr(Store, "place", lambda self, trial, files: (placed.append(trial), place(self, trial, files)))
    killer = threading.Thread(target=kill_one)
    killer.start()
    table = run_small(away, tmp_path, engine="ray", address=cluster.address)
    killer.join()
    assert killed and list(workers()) == []
    trials = arms.trials("hinton_mnist", "quick", 1)
    assert placed == [] and len(table) == len(trials)  # workers store what they train, and the driver finds it there
    pd.testing.assert_frame_equal(pd.DataFrame(table), pd.DataFrame(expected))
    for trial in trials:
        assert away.tensors(trial).keys() == here.tensors(trial).keys()
        for name, tensor in here.tensors(trial).items():
            assert torch.equal(away.tensors(trial)[name], tensor)


def test_a_worker_starts_from_what_a_trial_needs_and_returns_only_what_it_measured(small, tmp_path):
    teacher, student = (arms.trial("hinton_mnist", "quick", arm, 0) for arm in ("teacher", "distilled"))
    unseen = str(tmp_path / "nowhere" / "seen")
    found = measure_away([teacher], "cpu", unseen)
    store = Store(tmp_path)
    store.add(measure_away([student], "cpu", unseen, found))
    assert store.read(student).measured["agreement"] is not None
    assert store.read(teacher) is None


def test_a_trial_survives_the_journey_to_another_process():
    student = arms.trial("hinton_mnist", "quick", "distilled", 1)
    arrived = pickle.loads(pickle.dumps(student))
    assert isinstance(arrived, Trial) and arrived == student
    assert (arrived.settings, arrived.needs, arrived.cohort) == (student.settings, student.needs, student.cohort)


def test_without_ray_the_message_says_how_to_get_it_and_local_works(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match=r"ray is not installed: run `pip install '.\[ray\]'`"):
        run_small(Store(tmp_path / "store"), tmp_path, engine="ray")
    assert runs.ENGINES["local"] is not runs.ENGINES["ray"]
    assert len(run_small(Store(tmp_path / "store"), tmp_path, engine="local")) == 5


OWN = """
import psutil, sys, torch
from kdbook.lab import arms, ray_engine, Store

def look(*_):
    mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = {c.laddr.ip for p in mine for c in p.net_connections("inet") if c.status == "LISTEN"}
    print(sorted(listening), flush=True)

def looked(ray, address):
    connected(ray, address)
    look()
    ray.shutdown()
    exit()

connected, ray_engine._connected = ray_engine._connected, looked
ray_engine.ray_cluster(arms.trials("t_squared"), Store(sys.argv[1]), torch.device("cpu"), True, list)
"""


@pytest.fixture
def short():
    """A folder with a short name, as Ray makes sockets in it."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.mark.slow
def test_a_cluster_of_this_machine_alone_listens_on_loopback_only(tmp_path, short, monkeypatch):
    pytest.importorskip("ray", reason="the optional package ray is not installed")
    pytest.importorskip("psutil", reason="psutil, which sees ports, is not installed")
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    script = tmp_path / "own.py"
    script.write_text(OWN)
    # in its own folder, as Ray connects to the cluster that the usual one names
    done = Script(script, tmp_path / "store", HOME=tmp_path, RAY_TMPDIR=short)
    code, said = done.wait(), done.said.read()
    done.kill()
    if "Ray could not start a cluster" in said:
        pytest.skip(f"ray did not start here: {said.splitlines()[-1]}")
    assert code == 0, said
    (found,) = (ast.literal_eval(line) for line in said.splitlines() if line.startswith("["))
    assert found and all(ip.removeprefix("::ffff:").startswith("127.") for ip in found), found


class FakeRay(SimpleNamespace):
    """Stands in for ray where only this side is asked: tasks run at once, and fail where an arm is said to."""

    def __init__(self, wrong=(), start=None):
        self.wrong, self.start, self.kept = wrong, start, []
        super().__init__(exceptions=SimpleNamespace(RayError=RuntimeError))

    def is_initialized(self):
        return False

    def init(self, address, **how):
        if self.start:
            raise self.start
        self.address, self.how = address, how
        return nullcontext()

    def put(self, value):
        self.kept.append(value)
        return value

    def remote(self, **how):
        def task(group, *given):
            if group[0].arm in self.wrong or RuntimeError in given:
                return RuntimeError
            return self.on_a_worker(measure_away, group, *given)

        return lambda function: SimpleNamespace(remote=lambda *given: Answered(task(*given)))

    def on_a_worker(self, measure, *given):
        return measure(*given)

    def wait(self, tasks, num_returns):
        return tasks[:1], tasks[1:]

    def get(self, task):
        if task.answer is RuntimeError:
            raise RuntimeError("traceback\nValueError: wrong")
        return task.answer


class Answered(dict):
    """What a task returned, which may be asked for and be given to other tasks."""

    def __init__(self, answer):
        super().__init__({} if answer is RuntimeError else answer)
        self.answer = answer

    def __hash__(self):
        return id(self)


def test_a_trial_that_fails_keeps_what_the_others_finished(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", FakeRay(wrong=("hard",)))
    store = Store(tmp_path / "store")
    with pytest.raises(
        RuntimeError, match=r"hinton_mnist/hard-0-.* failed on the cluster \(ValueError: wrong\): .*repeat"
    ):
        run_small(store, tmp_path, engine="ray")
    trials = arms.trials("hinton_mnist", "quick", 1)
    assert [trial.arm for trial in trials if not store.read(trial)] == ["hard"]
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    assert len(run_small(store, tmp_path, engine="ray", address="head:1")) == 5
    assert (fake.address, fake.how.get("include_dashboard")) == ("head:1", None)
    (lacking,) = (trial for trial in trials if trial.arm == "hard")
    assert [trial for put in fake.kept for trial in put] == list(lacking.needs)


def test_what_the_store_has_is_not_sent_away_again_and_of_it_only_what_a_pending_trial_needs(
    small, tmp_path, monkeypatch
):
    fake, store = FakeRay(), Store(tmp_path / "store")
    run_small(store, tmp_path)
    monkeypatch.setitem(sys.modules, "ray", FakeRay(start=Exception("asked for a cluster")))
    run_small(store, tmp_path, engine="ray")
    trials = arms.trials("hinton_mnist", "quick", 1)
    (lacking,) = (trial for trial in trials if trial.arm == "distilled")
    store.remove(lacking)
    monkeypatch.setitem(sys.modules, "ray", fake)
    run_small(store, tmp_path, engine="ray")
    assert [trial for put in fake.kept for trial in put] == list(lacking.needs)


@pytest.mark.parametrize(
    ("address", "message"),
    [("head:1", "no Ray cluster at head:1"), (None, "Ray could not start a cluster of this machine")],
)
def test_a_cluster_that_cannot_be_had_is_a_sentence(small, tmp_path, monkeypatch, address, message):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setitem(sys.modules, "ray", FakeRay(start=Exception("The current node timed out\nmore")))
    with pytest.raises(RuntimeError, match=rf"{message} \(The current node timed out\): .*engine 'local'"):
        run_small(Store(tmp_path / "store"), tmp_path, engine="ray", address=address)


class Dying(FakeRay):
    """A worker dies in the fifth epoch of the second student, and the trial is run again, as Ray would do it."""

    def __init__(self, monkeypatch, seen):
        super().__init__()
        self.seen, self.epochs, self.died = seen, [], False
        monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
        monkeypatch.setattr(Progress, "epoch", self.epoch)

    def epoch(self, trial, epoch, epochs):
        self.epochs.append((trial.arm, trial.seed, epoch))
        if epoch == 4 and trial.seed == 1 and not self.died:
            self.died = True
            raise KeyboardInterrupt

    def on_a_worker(self, measure, group, device, seen, *needs):
        given = group, device, seen if self.seen else f"/nowhere/{Path(seen).name}", *needs
        try:
            return measure(*given)
        except KeyboardInterrupt:
            return measure(*given)


def run_toy(store, out, **how):
    return run("toy", device="cpu", store=store, out=out, quiet=True, **how)


@pytest.mark.parametrize("seen", [True, False], ids=["worker sees the store", "worker has a disk of its own"])
def test_a_worker_that_dies_late_goes_on_from_its_last_epoch_to_the_same_end_and_leaves_nothing_behind(
    seen, toy, tmp_path, monkeypatch
):
    here, away = Store(tmp_path / "here"), Store(tmp_path / "away")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    expected, dying = run_toy(here, tmp_path), Dying(monkeypatch, seen)
    monkeypatch.setitem(sys.modules, "ray", dying)
    pd.testing.assert_frame_equal(run_toy(away, tmp_path, engine="ray"), expected)
    assert dying.died and len(dying.epochs) == len(set(dying.epochs)) == 3 * toy.SETTINGS["epochs"]
    for trial in arms.trials("toy"):
        assert away.artifact(trial) == here.artifact(trial)
    assert [*(tmp_path / "temporary").iterdir(), *away.root.glob(".*"), *away.root.rglob("*.work")] == []


class Meeting(FakeRay):
    """Two drivers wait for each other when they have seen what the store lacks."""

    def __init__(self):
        super().__init__()
        self.met = threading.Barrier(2)

    def init(self, address, **how):
        self.met.wait(60)
        return nullcontext()


def test_two_drivers_that_start_at_once_on_one_store_train_nothing_twice(toy, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", Meeting())
    store, tables = Store(tmp_path / "store"), []

    def drive(number):
        tables.append(run_toy(store, tmp_path / str(number), engine="ray"))

    drivers = [threading.Thread(target=drive, args=[number]) for number in range(2)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert Counter(toy.measured()) == Counter(["teacher 0", "student 0", "student 1"])
    assert len(tables) == 2 and tables[0].equals(tables[1])
