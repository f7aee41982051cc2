import errno
import hashlib
import lzma
import os
import shutil

import numpy as np
import pytest

from kdbook.data import files
from kdbook.data.files import (
    EMBEDDED,
    PACKED,
    SHA256,
    DamagedFileError,
    home,
    idx_array,
    verified_bytes,
    write_atomically,
)

LABELS = "mnist/t10k-labels-idx1-ubyte"


@pytest.fixture
def copied(tmp_path):
    """A folder that holds a copy of one embedded file, and the copy's path."""
    path = tmp_path / f"{LABELS}.xz"
    path.parent.mkdir()
    shutil.copy(EMBEDDED / f"{LABELS}.xz", path)
    return tmp_path, path


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """A home without any cached file."""
    monkeypatch.setenv("KDBOOK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def cached_labels(folder):
    return folder / "data" / f"{LABELS}-{SHA256[LABELS][:12]}"


@pytest.mark.parametrize("name", SHA256)
def test_every_embedded_file_holds_the_bytes_of_its_checksum(name):
    (path,) = EMBEDDED.glob(f"{name}*")
    content = PACKED[path.suffix if path.suffix in PACKED else ""](path.read_bytes())
    assert hashlib.sha256(content).hexdigest() == SHA256[name]


def test_verified_bytes_are_the_decompressed_file(copied):
    folder, path = copied
    assert verified_bytes(LABELS, folder) == lzma.decompress(path.read_bytes())


def test_a_copy_compressed_at_another_level_is_as_good(copied):
    folder, path = copied
    content = verified_bytes(LABELS)
    path.write_bytes(lzma.compress(content, preset=0))
    assert verified_bytes(LABELS, folder) == content


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def flip_a_compressed_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def flip_a_label_bit(path):
    content = bytearray(lzma.decompress(path.read_bytes()))
    content[1000] ^= 1
    path.write_bytes(lzma.compress(bytes(content)))


def replace_by_text(path):
    path.write_text("version https://git-lfs.github.com/spec/v1")


def test_a_file_packed_by_xz_is_checked_as_well(tmp_path):
    name = "wordnet/glosses.tsv"
    path = tmp_path / f"{name}.xz"
    path.parent.mkdir()
    path.write_bytes((EMBEDDED / f"{name}.xz").read_bytes()[:-1000])
    with pytest.raises(DamagedFileError, match="cannot be decompressed"):
        verified_bytes(name, tmp_path)
    path.write_bytes(lzma.compress(verified_bytes(name)[:-1], preset=0))
    with pytest.raises(DamagedFileError, match="has SHA-256"):
        verified_bytes(name, tmp_path)


@pytest.mark.parametrize(
    "damage", [truncate, empty, flip_a_compressed_bit, flip_a_label_bit, replace_by_text, os.remove]
)
def test_a_damaged_embedded_file_is_named_with_the_way_to_restore_it(copied, damage):
    folder, path = copied
    damage(path)
    with pytest.raises(DamagedFileError) as raised:
        verified_bytes(LABELS, folder)
    assert str(path) in str(raised.value)
    assert "git checkout" in str(raised.value)


def test_a_damaged_embedded_file_never_reaches_the_cache(copied, own_home, monkeypatch):
    folder, path = copied
    flip_a_label_bit(path)
    monkeypatch.setattr(files, "verified_bytes", lambda name: verified_bytes(name, folder))
    with pytest.raises(DamagedFileError):
        idx_array(LABELS)
    assert not own_home.exists()


def test_an_idx_file_becomes_an_array_of_its_shape(own_home):
    labels = idx_array(LABELS)
    assert labels.shape == (10_000,) and labels.dtype == np.uint8
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert cached_labels(own_home).read_bytes() == verified_bytes(LABELS)


def test_a_cached_file_is_read_without_decompressing_again(own_home, monkeypatch):
    first = idx_array(LABELS)
    monkeypatch.setattr(files, "verified_bytes", lambda name: pytest.fail("decompressed again"))
    assert np.array_equal(idx_array(LABELS), first)


@pytest.mark.parametrize("length", [0, 3, 4, 6, 8, 5000, 10_007])
def test_a_cached_file_cut_to_any_length_is_made_again(own_home, length):
    whole = idx_array(LABELS)
    cached = cached_labels(own_home)
    cached.write_bytes(cached.read_bytes()[:length])
    assert np.array_equal(idx_array(LABELS), whole)
    assert cached.read_bytes() == verified_bytes(LABELS)


def test_the_home_is_the_folder_of_the_environment_or_the_platforms_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KDBOOK_HOME", str(tmp_path / "elsewhere"))
    assert home() == tmp_path / "elsewhere"
    monkeypatch.delenv("KDBOOK_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home().is_relative_to(tmp_path) and home().name == "kdbook"


def test_an_atomic_write_replaces_the_file_and_leaves_only_it(tmp_path):
    path = tmp_path / "new" / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new content")
    assert path.read_bytes() == b"new content"
    assert os.listdir(path.parent) == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, full_disk):
    path = tmp_path / "file"
    with open(path, "wb") as file:
        file.write(b"old")
    with pytest.raises(OSError) as raised:
        write_atomically(path, b"new content")
    assert raised.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_leaves_no_cached_data(own_home, full_disk):
    with pytest.raises(OSError, match="No space left"):
        idx_array(LABELS)
    assert [path for path in own_home.rglob("*") if path.is_file()] == []


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"content")
    assert os.listdir(tmp_path) == []


def test_embedded_files_take_at_most_51_megabytes_so_that_a_clone_stays_small():
    assert sum(path.stat().st_size for path in EMBEDDED.rglob("*")) < 51e6
