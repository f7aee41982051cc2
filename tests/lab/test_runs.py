import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from kdbook.lab import Results, Store, arms, engines, load, pick_device, run, runs
from kdbook.training import loop
from tests.scripts import Script

ALL = ["teacher 0", "student 0", "student 1"]


@pytest.fixture
def start(toy, own_folders):
    """Start the toy experiment in a process of its own; what still runs at the end is killed."""
    started = []

    def start(**environment):
        started.append(Script(toy.script, **environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def no_space():
    def write_bytes(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    return write_bytes


def run_toy(**arguments):
    return run("toy", device="cpu", quiet=True, **arguments)


def stored_weights(toy, store):
    return [store.tensors(trial) for trial in arms.trials("toy")]


def assert_equal_weights(first, second):
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mnist",), "question must be one of ablations, "),
        (("tuning", "fast"), "profile must be one of quick, full, gpu, got 'fast'"),
        (("tuning", "quick", -1), "seeds must be a whole number, 0 or more, got -1"),
        (("tuning", "quick", 1, "tpu"), r"device must be one that is here, of \[.*'cpu'\], got 'tpu'"),
        (("tuning", "quick", 1, "cpu", "slurm"), "engine must be one of local.*, got 'slurm'"),
    ],
)
def test_an_unknown_argument_is_refused_with_its_value_before_anything_is_trained(own_folders, arguments, message):
    with pytest.raises(ValueError, match=message):
        run(*arguments)
    assert not (own_folders / "home" / "trials").exists()


def test_a_device_that_this_machine_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device in ("cuda", "cuda:1", "mps"):
        with pytest.raises(ValueError, match=rf"device must be one that is here, of \['cpu'\], got '{device}'"):
            pick_device(device)
    assert pick_device("auto") == torch.device("cpu")


def test_auto_prefers_a_gpu(monkeypatch):
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda precision: None)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device().type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device().type == "cuda"


def test_running_twice_trains_once_and_gives_the_same_table(toy):
    first, second = run_toy(), run_toy()
    assert toy.measured() == ALL
    pd.testing.assert_frame_equal(pd.DataFrame(first), pd.DataFrame(second))
    assert first.info == second.info


def test_more_seeds_train_only_those_that_are_new(toy):
    run_toy(seeds=1)
    assert toy.measured() == ALL[:2]
    assert run_toy(seeds=3).seed.tolist() == [0, 1, 2]
    assert toy.measured() == [*ALL, "student 2"]


def test_the_table_has_a_row_a_trial_with_documented_columns_first_and_settings_behind(toy):
    table = run_toy()
    assert isinstance(table, Results)
    assert list(table.columns[:3]) == list(toy.COLUMNS)
    assert set(table.columns[3:]) == {*toy.SETTINGS, "temperature", "alpha"} - {"sizes"}
    assert table.seed.tolist() == [0, 1] and set(table.arm) == {"student"}
    assert table.array("student", "loss", 1).shape == (6,)
    assert {"versions", "device", "threads", "date", "seconds"} < set(table.info)
    assert (table.info["profile"], table.info["trials"], table.info["VERSION"]) == ("quick", 2, 1)


def test_a_run_writes_its_table_where_the_environment_says_or_where_it_is_told(toy, own_folders, tmp_path):
    table = run_toy()
    run_toy(out=tmp_path / "elsewhere")
    for folder in (own_folders / "out" / "results", tmp_path / "elsewhere"):
        found = load("toy", folder)
        pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(table))
        assert np.array_equal(found.array("student", "loss"), table.array("student", "loss"))
        assert found.info == table.info


def test_only_a_full_run_of_all_seeds_writes_the_reference(toy, own_results):
    run_toy()
    run_toy(profile="full", seeds=1)
    assert not (own_results / "full").exists()
    run_toy(profile="full")
    assert (own_results / "full" / "toy.csv").exists()
    assert not (own_results / "running").exists()  # all was in the store


def test_a_gpu_run_has_seeds_of_its_own_and_is_kept_beside_the_others(toy, own_folders, own_results):
    table = run_toy(profile="gpu")
    assert table.seed.tolist() == [0, 1, 2] and table.info["profile"] == "gpu"
    assert len(load("toy", own_folders / "out" / "gpu" / "results")) == 3
    assert not (own_folders / "out" / "results").exists()
    assert not own_results.exists()


def test_committed_results_of_a_gpu_run_stand_beside_the_full_ones_and_name_the_card(toy, monkeypatch, tmp_path):
    card = "NVIDIA H100 80GB HBM3"
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: card)
    about = engines.provenance(torch.device("cuda"), 1.0)
    monkeypatch.setattr(engines, "provenance", lambda device, seconds: about)
    monkeypatch.setattr(runs, "REFERENCE", tmp_path / "full")
    run_toy(profile="gpu", out=tmp_path / "gpu")
    found = load("toy", profile="gpu")
    assert len(found) == 3 and set(found.origin.device) == {found.info["device"]} == {card}
    with pytest.raises(FileNotFoundError, match="no results at"):
        load("toy")


def test_a_gpu_run_without_a_gpu_is_refused_unless_a_device_is_named(toy, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device must be an NVIDIA GPU for profile gpu .* got a machine without one"):
        run("toy", "gpu", quiet=True)
    assert toy.measured() == []
    assert len(run("toy", "gpu", seeds=1, device="cpu", quiet=True)) == 1


def test_preparing_for_a_gpu_leaves_out_questions_that_have_no_such_profile(toy, monkeypatch):
    monkeypatch.setattr(toy, "SEEDS", {"quick": (2, 1), "full": (2, 1)})
    assert runs.prepare("gpu", "cpu", quiet=True) == 0
    assert toy.measured() == []


def test_loading_never_trains(toy, own_folders):
    run_toy()
    toy.measure = None
    assert len(load("toy", own_folders / "out" / "results")) == 2


def test_loading_what_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="no results at .*: run `python -m kdbook run tuning"):
        load("tuning", tmp_path)
    with pytest.raises(ValueError, match="question must be one of .* got 'toy'"):
        load("toy")


def test_a_rerun_forgets_the_experiments_own_trials_and_keeps_those_it_needs(toy):
    first = run_toy()
    again = run_toy(rerun=True)
    assert toy.measured() == [*ALL, "student 0", "student 1"]
    pd.testing.assert_frame_equal(pd.DataFrame(first), pd.DataFrame(again))


def test_a_damaged_trial_is_named_and_trained_again_to_the_same_weights(toy, capsys):
    run_toy()
    store, trial = Store(), arms.trials("toy")[1]
    before = stored_weights(toy, store)
    path = store.folder(trial) / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    run_toy()
    assert str(store.folder(trial)) in capsys.readouterr().err
    assert toy.measured() == [*ALL, "student 1"]
    assert_equal_weights(stored_weights(toy, store), before)


def test_a_raised_version_trains_again(toy):
    run_toy()
    toy.VERSION = 2
    assert run_toy().info["VERSION"] == 2
    assert toy.measured() == ALL + ALL


def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(toy, own_folders, monkeypatch, no_space):
    run_toy(seeds=1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", no_space)
        with (
            pytest.warns(UserWarning, match="training goes on"),
            pytest.raises(OSError, match="No space left on device"),
        ):
            run_toy()
    left = [p.name for p in (own_folders / "home" / "trials").rglob("*") if p.is_file() and p.suffix != ".lock"]
    assert sorted(set(left)) == ["manifest.json", "pictures.npz", "result.json", "tensors.safetensors"]
    assert len(run_toy()) == 2


def test_preparing_trains_what_other_experiments_need_and_nothing_else(toy):
    assert runs.prepare("quick", "cpu", quiet=True) == 1
    assert toy.measured() == ["teacher 0"]


def test_a_run_is_described_in_one_line(capsys):
    runs.describe_run("full", "cpu", {"full": 90, "quick": 1.5})
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    for part in (f"torch {torch.__version__}", "profile full", "device cpu", "about 90 min"):
        assert part in line


@pytest.mark.parametrize(
    ("cells", "unknown"),
    [
        ([], None),
        (["", "import os", 'PROFILE = "quick"\nSEEDS = 0'], None),
        (["", 'PROFILE = "quick"\nSEEDS = 0', '# Parameters\nPROFILE = "full"\nSEEDS = 2'], None),
        (["", 'PROFILE = "quick"', '# Parameters\nPROFIL = "full"'], r"\['PROFIL'\]"),
        (["", 'PROFILE = "quick"', "# Parameters\nprofile = 'full'\nSEED = 1"], r"\['SEED', 'profile'\]"),
    ],
)
def test_a_parameter_that_the_notebook_does_not_have_is_refused(cells, unknown, monkeypatch):
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(user_ns={"In": cells}))
    if unknown is None:
        runs.describe_run("quick", "cpu")
    else:
        with pytest.raises(ValueError, match=f"parameters must be .*papermill --help-notebook.*, got {unknown}"):
            runs.describe_run("quick", "cpu")


def test_results_of_an_older_version_are_named_as_such(toy, own_folders, monkeypatch):
    run_toy()
    folder = own_folders / "out" / "results"
    assert runs.outdated(folder) == {}
    monkeypatch.setattr(toy, "VERSION", toy.VERSION + 1)
    assert runs.outdated(folder) == {"toy": toy.VERSION - 1}


def test_what_another_rerun_forgot_meanwhile_is_trained_again(toy, monkeypatch):
    local, forgot = runs.ENGINES["local"], []

    def and_forget(trials, store, *more):
        local(trials, store, *more)
        if not forgot:
            forgot.append(store.remove(trials[0]))

    monkeypatch.setitem(runs.ENGINES, "local", and_forget)
    assert len(run_toy()) == 2 and toy.measured() == [*ALL, "student 0"]


def test_measured_numbers_of_numpy_and_torch_are_stored_as_numbers(toy, monkeypatch):
    measure = toy.measure
    odd = {"a": np.float32(0.5), "b": torch.tensor(3), "c": np.int64(4), "d": np.array([1.0, 2.0]), "e": np.bool_(True)}
    monkeypatch.setattr(toy, "measure", lambda trials, tools: [row | odd for row in measure(trials, tools)])
    run_toy()
    measured = Store().read(arms.trials("toy")[0]).measured
    assert [measured[key] for key in odd] == [0.5, 3, 4, [1.0, 2.0], True]


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_trial_stopped_in_mid_epoch_leaves_no_half_and_goes_on_from_its_checkpoint(
    toy, start, own_folders, tmp_path, monkeypatch, sent, status
):
    process = start(TOY_STALL=tmp_path / "stalled")
    deadline = time.monotonic() + 500
    while not (tmp_path / "stalled").exists():
        assert process.code is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, sent)
    assert process.wait(60) == status
    errors = process.said.read()
    if sent == signal.SIGINT:
        assert "interrupted" in errors and "Traceback" not in errors

    store, trial = Store(), arms.trials("toy")[0]
    assert store.read(trial) is None and store.read(trial.needs[0]) is not None
    assert store.checkpoint(trial).exists()
    assert os.listdir(store.checkpoint(trial).parent) == ["checkpoint.pt"]
    assert [name for name in os.listdir(store.root / "toy") if name.startswith(".")] == []
    assert not (own_folders / "out").exists()

    epochs = []
    monkeypatch.setattr(engines.Progress, "epoch", lambda self, trial, epoch, of: epochs.append((trial.seed, epoch)))
    run_toy()
    assert epochs == [(0, 4), (0, 5), (0, 6), *((1, k) for k in range(1, 7))]
    assert toy.measured() == ["teacher 0", "student 0", "student 0", "student 1"]
    assert not store.checkpoint(trial).parent.exists()

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 1e6)
    unbroken = Store(tmp_path / "unbroken")
    run_toy(store=unbroken, out=tmp_path)
    assert_equal_weights(stored_weights(toy, store), stored_weights(toy, unbroken))
