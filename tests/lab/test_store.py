import json
import os
import shutil
import threading

import numpy as np
import pytest
import torch

from kdbook.lab import Store
from kdbook.lab.store import Stored
from kdbook.lab.trial import Trial

MEASURED = {"test_errors": 74, "rows": [{"t": 1.0}, {"t": None}]}
PROVENANCE = {"seconds": 1.5, "device": "cpu"}
TENSORS = {"layers.0.weight": torch.arange(6.0).reshape(2, 3).T, "steps": torch.tensor(7)}
PICTURES = {"loss": np.array([3.0, 2.0]), "images": np.zeros((2, 4, 4), dtype=np.uint8)}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "trials")


@pytest.fixture
def trial():
    return Trial("hinton_mnist", "distilled", 3, {"lr": 0.1}, needs=(Trial("hinton_mnist", "teacher", 0, {}),))


@pytest.fixture
def written(store, trial):
    store.write(trial, MEASURED, PROVENANCE, TENSORS, PICTURES)
    return store.folder(trial)


def everything(store):
    """Names of all that is below a store, locks apart."""
    return sorted(str(p.relative_to(store.root)) for p in store.root.rglob("*") if p.suffix != ".lock")


def test_a_trial_comes_back_as_it_was_stored(store, trial, written):
    found = store.read(trial)
    assert isinstance(found, Stored)
    assert (found.measured, found.provenance) == (MEASURED, PROVENANCE)
    assert found.pictures.keys() == PICTURES.keys()
    for name, array in PICTURES.items():
        assert np.array_equal(found.pictures[name], array) and found.pictures[name].dtype == array.dtype
    tensors = store.tensors(trial)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_a_store_without_a_folder_is_below_the_home(own_folders):
    assert Store().root == own_folders / "home" / "trials"


def test_a_trial_that_was_never_stored_is_none(store, trial):
    assert store.read(trial) is None
    assert not store.root.exists()


def test_a_stored_trial_says_in_words_what_it_was(written):
    described = json.loads((written / "result.json").read_text())["trial"]
    assert described["arm"] == "distilled" and described["settings"] == {"lr": 0.1}
    assert described["needs"][0].startswith("hinton_mnist/teacher-0-")


def test_a_trial_without_artifacts_keeps_none_and_says_how_to_get_them(store, trial):
    store.write(trial, MEASURED, PROVENANCE)
    assert sorted(os.listdir(store.folder(trial))) == ["manifest.json", "result.json"]
    assert store.read(trial).pictures == {}
    with pytest.raises(KeyError, match="kept no tensors: run `python -m kdbook run hinton_mnist --rerun`"):
        store.tensors(trial)


def test_writing_again_replaces_the_trial(store, trial, written):
    store.write(trial, {"test_errors": 70}, PROVENANCE)
    assert store.read(trial).measured == {"test_errors": 70}
    assert sorted(os.listdir(written)) == ["manifest.json", "result.json"]


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("name", ["result.json", "tensors.safetensors", "pictures.npz", "manifest.json"])
@pytest.mark.parametrize("damage", [flip, cut, os.remove])
def test_a_damaged_trial_is_named_removed_and_can_be_stored_anew(store, trial, written, capsys, name, damage):
    damage(written / name)
    assert store.read(trial) is None
    message = capsys.readouterr().err
    assert str(written) in message and "is damaged" in message and "trained again" in message
    assert not written.exists()
    store.write(trial, MEASURED, PROVENANCE)
    assert store.read(trial).measured == MEASURED


def test_a_folder_emptied_by_hand_counts_as_damaged(store, trial, written):
    shutil.rmtree(written)
    written.mkdir()
    assert store.read(trial) is None


def test_a_trial_is_seen_whole_or_not_at_all_while_it_is_written(store, trial, monkeypatch):
    seen = []
    replace = os.replace

    def look_before(source, target):
        seen.append((store.read(trial), store.folder(trial).exists(), sorted(os.listdir(source))))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look_before)
    store.write(trial, MEASURED, PROVENANCE, TENSORS, PICTURES)
    files = ["manifest.json", "pictures.npz", "result.json", "tensors.safetensors"]
    assert seen == [(None, False, files)]
    assert sorted(os.listdir(store.folder(trial))) == files


def test_what_a_kill_left_of_a_trial_goes_when_it_is_written_again(store, trial):
    left = store.checkpoint(trial).parent / "tmpkilled"
    left.mkdir(parents=True)
    (left / "result.json").touch()
    store.write(trial, MEASURED, PROVENANCE)
    assert not left.parent.exists()


def test_a_full_disk_leaves_nothing_of_a_trial(store, trial, full_disk):
    with pytest.raises(OSError, match="No space left on device"):
        store.write(trial, MEASURED, PROVENANCE, TENSORS, PICTURES)
    assert store.read(trial) is None
    assert everything(store) == ["hinton_mnist"]


def test_a_full_disk_leaves_the_trial_that_was_there_and_the_checkpoint(store, trial, written, full_disk):
    store.checkpoint(trial).parent.mkdir()
    store.checkpoint(trial).touch()
    before = everything(store)
    with pytest.raises(OSError, match="No space left on device"):
        store.write(trial, {"test_errors": 70}, PROVENANCE)
    assert everything(store) == before
    assert store.read(trial).measured == MEASURED


def test_a_finished_trial_drops_its_checkpoint(store, trial):
    store.checkpoint(trial).parent.mkdir(parents=True)
    store.checkpoint(trial).touch()
    store.write(trial, MEASURED, PROVENANCE)
    assert not store.checkpoint(trial).parent.exists()


def test_a_forgotten_trial_is_gone_with_its_checkpoint_and_others_stay(store, trial, written):
    other = trial.needs[0]
    store.write(other, MEASURED, PROVENANCE)
    store.checkpoint(trial).parent.mkdir()
    store.remove(trial)
    assert store.read(trial) is None and not store.checkpoint(trial).parent.exists()
    assert store.read(other) is not None
    store.remove(trial)  # forgetting what is not there is no error


def test_a_lock_keeps_others_out_until_it_is_released(store, trial):
    entered = threading.Event()

    def enter():
        with store.lock(trial):
            entered.set()

    with store.lock(trial):
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
        with store.lock(trial.needs[0]):  # another trial's lock is free
            pass
    assert entered.wait(10)
    thread.join()


def test_what_another_process_has_stored_meanwhile_stays_and_what_is_damaged_is_replaced(store, trial, written):
    later = Store(store.root.parent / "later")
    later.write(trial, {"n": 2}, PROVENANCE)
    others = {trial: later.files(trial)}
    store.add(others)
    assert store.read(trial).measured == MEASURED
    (written / "result.json").write_text("{}")
    store.add(others)
    assert store.read(trial).measured == {"n": 2}
