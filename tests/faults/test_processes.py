"""Several processes on one store, another user's eyes on it, a full disk, and who waits for whom."""

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import torch

from kdbook.data.files import write_atomically
from kdbook.lab import Results, Store, store
from kdbook.lab.results import read_results, save_results
from kdbook.lab.trial import Trial
from tests.scripts import Script

TOY = Path(__file__).parents[1] / "lab" / "toy.py"
ALL = Counter(["teacher 0", "student 0", "student 1"])
TRIAL = Trial("tuning", "hard", 0, {"lr": 0.1})
BIG = {"w": torch.zeros(3 << 18)}  # 3 MB
ROOT = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root may become another user or mount")


def together(folder, *options):
    """Run the toy question in one process an entry of `options`, all at once; gives its tables and what was trained."""
    (folder / "meet").mkdir(parents=True)
    about = {"TOY_LOG": folder / "log", "TOY_MEET": folder / "meet", "TOY_NUMBER": len(options)}
    started = [Script(TOY, *more, **about, KDBOOK_OUT=folder / f"out{k}") for k, more in enumerate(options)]
    try:
        for process in started:
            assert process.wait() == 0, process.said.read()
    finally:
        for process in started:
            process.kill()
    tables = [read_results("toy", folder / f"out{k}" / "results") for k in range(len(options))]
    return tables, Counter((folder / "log").read_text().splitlines() if (folder / "log").exists() else [])


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 4])
def test_processes_on_one_store_train_each_trial_once(number, tmp_path):
    tables, trained = together(tmp_path, *[()] * number)
    assert trained == ALL
    assert all(table.equals(tables[0]) and len(table) == 2 for table in tables)
    assert together(tmp_path / "again", [])[1] == Counter()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(["--rerun"], ["--rerun"]), (["--rerun"], [], ["--rerun"], [])], ids=[2, 4])
def test_a_rerun_beside_others_loses_nothing_and_trains_again_what_was_stored_before(options, tmp_path):
    before, trained = together(tmp_path / "first", [])
    assert trained == ALL
    tables, trained = together(tmp_path / "second", *options)
    reruns = sum(bool(more) for more in options)
    assert set(trained) == {"student 0", "student 1"}  # not the teacher, which is another question's
    assert all(1 <= times <= reruns for times in trained.values())
    assert all(table.equals(before[0]) for table in tables)


def write(found: Store, n: int = 1, **kept):
    found.write(TRIAL, {"n": n}, {"seconds": 1.0}, **kept)


def test_a_rerun_waits_for_whoever_trains_and_keeps_what_is_newer_than_it(tmp_path, monkeypatch):
    found = Store(tmp_path)
    write(found)
    began = time.time()
    removing = threading.Thread(target=lambda: found.remove(TRIAL, stored_before=began))
    with found.lock(TRIAL):
        removing.start()
        time.sleep(0.3)
        assert found.read(TRIAL).measured == {"n": 1}
        time.sleep(0.02)
        write(found, 2)
    removing.join()
    assert found.read(TRIAL).measured == {"n": 2}
    found.remove(TRIAL)
    assert found.read(TRIAL) is None


def test_what_another_process_is_replacing_is_never_taken_for_damaged(tmp_path, capsys):
    found, stop = Store(tmp_path), threading.Event()
    write(found, 0)

    def replace():
        n = 0
        while not stop.is_set():
            n += 1
            with found.lock(TRIAL):
                write(found, n, pictures={"a": [n]} if n % 2 else None)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        until, reads = time.monotonic() + 2, 0
        while reads <= 50 or time.monotonic() < until:  # a slow machine takes longer for as many
            stored, reads = found.read(TRIAL), reads + 1
            assert stored is None or stored.pictures.keys() == ({"a"} if stored.measured["n"] % 2 else set())
    finally:
        stop.set()
        writer.join()
    assert "damaged" not in capsys.readouterr().err
    assert not (found.root / f"{TRIAL.name}.damaged").exists()


def test_who_waits_for_another_process_says_for_what(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    found, held, done = Store(tmp_path), threading.Event(), threading.Event()

    def hold():
        with found.lock(TRIAL):
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    threading.Timer(0.5, done.set).start()
    with found.lock(TRIAL), found.lock(TRIAL):  # whoever holds it may take it again
        holder.join()
    told = capsys.readouterr().err
    assert f"process {os.getpid()} waits for another one to finish {TRIAL.name}" in told and "fuser" in told


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o007])
def test_files_and_folders_follow_the_umask(mask, tmp_path):
    before = os.umask(mask)
    try:
        write(Store(tmp_path / "trials"), pictures={"a": [1]})
        write_atomically(tmp_path / "some" / "file", b"x")
        save_results(Results(pd.DataFrame({"a": [1]})), "t", tmp_path / "results")
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        if path.suffix != ".lock":
            assert stat.S_IMODE(path.stat().st_mode) == (0o777 if path.is_dir() else 0o666) & ~mask, path


def as_nobody(act) -> str:
    """What `act` says or raises in a process of a user without rights."""
    read, written = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgid(65534)
            os.setuid(65534)
            told = act()
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
        os.write(written, str(told).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(written)
    with os.fdopen(read) as pipe:
        return pipe.read()


@pytest.fixture
def shared():
    """A folder that every user can read, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@ROOT
def test_another_user_reads_a_store_and_is_told_what_to_do_when_he_would_write(shared, monkeypatch):
    monkeypatch.setenv("KDBOOK_HOME", str(shared))
    found = Store()
    write(found, tensors={"w": torch.ones(2)}, pictures={"a": [1, 2]})
    assert as_nobody(lambda: found.read(TRIAL).measured) == "{'n': 1}"
    assert as_nobody(lambda: found.tensors(TRIAL)["w"].tolist()) == "[1.0, 1.0]"
    for act in (lambda: write(found), lambda: found.lock(TRIAL), lambda: write_atomically(shared / "x", b"x")):
        told = as_nobody(act)
        assert (
            told.startswith("PermissionError: cannot write into")
            and f"KDBOOK_HOME (trials and caches, now {shared})" in told
        )
    path = found.folder(TRIAL) / "result.json"
    path.write_bytes(path.read_bytes()[:-9])
    assert as_nobody(lambda: found.read(TRIAL)).startswith("PermissionError: cannot write into")
    assert path.exists()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@ROOT
def test_a_disk_that_fills_up_keeps_what_was_there_and_takes_what_fits(small_disk):
    found = Store(small_disk / "trials")
    write(found)
    table = Results(pd.DataFrame({"a": [1]}), {"hard.0.x": torch.rand(3 << 18).numpy()})
    for act in (
        lambda: write(found, 2, tensors=BIG),
        lambda: write_atomically(small_disk / "file", b"x" * (3 << 20)),
        lambda: save_results(table, "t", small_disk / "results"),
    ):
        with pytest.raises(OSError, match="No space left"):
            act()
    assert found.read(TRIAL).measured == {"n": 1}
    assert sorted(path.name for path in small_disk.rglob("*") if path.is_file() and path.suffix != ".lock") == [
        "manifest.json", "result.json", "t.csv",
    ]  # fmt: skip
    with contextlib.suppress(FileNotFoundError):
        (small_disk / "results" / "t.csv").unlink()
    write(found, 3)
    assert found.read(TRIAL).measured == {"n": 3}


def test_what_is_stored_has_reached_the_disk_file_by_file_and_folder_by_folder(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(
        "os.fsync", lambda handle: (synced.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    write(Store(tmp_path), pictures={"a": [1]})
    names = [Path(path).name for path in synced]
    assert sorted(names[:3]) == ["manifest.json", "pictures.npz", "result.json"]
    assert synced[3] == str(Path(synced[0]).parent) and synced[4] == str(tmp_path / "tuning")
