"""A small copy in CIFAR's own layout, written here; a download from a server on this machine. Never the real one."""

import hashlib
import io
import pickle
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from torchvision import datasets

from kdbook.data import checksum, load_images
from kdbook.data.cifar import CIFAR_MD5, MissingCifarError, cifar_arrays
from tests.cifar_files import KINDS, expect, files_of, put

EACH = 4  # images a file


@pytest.fixture(params=["cifar10", "cifar100"])
def small(request, monkeypatch):
    """A CIFAR's name, torchvision's class that expects the small files' checksums, and the files."""
    kind, files = KINDS[request.param], files_of(request.param, EACH)
    expect(monkeypatch, kind, files)
    return request.param, kind, files


def test_a_local_copy_becomes_images_of_three_colours_in_order(small, tmp_path):
    name, kind, files = small
    put(tmp_path, kind, files)
    x, y = cifar_arrays(name, train=True, folder=tmp_path)
    raw = [pickle.loads(files[file]) for file, _ in kind.train_list]
    assert x.dtype == np.uint8 and y.dtype == np.int64
    # the authors' order within a row: all red, all green, all blue, each row by row
    assert np.array_equal(x, np.concatenate([r["data"] for r in raw]).reshape(-1, 3, 32, 32))
    assert y.tolist() == [label for r in raw for label in (r.get("labels") or r["fine_labels"])]
    assert len(cifar_arrays(name, train=False, folder=tmp_path)[0]) == EACH


def test_the_parts_of_a_copy_at_home_are_splits(small, own_folders, monkeypatch):
    name, kind, files = small
    # not below data/, which all tests share
    monkeypatch.setattr("kdbook.data.cifar.home", lambda: own_folders)
    put(own_folders / "data" / "cifar", kind, files)
    monkeypatch.setattr("kdbook.data.images.VALIDATION", 1)
    fit, validation, test = (load_images(name, part) for part in ("fit", "validation", "test"))
    total = EACH * len(kind.train_list)
    assert fit.index.tolist() == list(range(total - 1)) and validation.index.tolist() == [total - 1]
    assert test.shifted().images(view=3).shape == (EACH, 3, 32, 32)


def test_a_missing_copy_says_where_it_was_looked_for_and_how_to_get_it(tmp_path):
    with pytest.raises(MissingCifarError, match=r"cifar10 is not complete in .*with a network, fetch it by `python -c"):
        cifar_arrays("cifar10", train=True, folder=tmp_path)


def test_a_damaged_copy_is_not_read(small, tmp_path):
    name, kind, files = small
    damaged = kind.train_list[0][0]
    put(tmp_path, kind, {**files, damaged: files[damaged][:-1]})
    with pytest.raises(MissingCifarError, match="not complete"):
        cifar_arrays(name, train=True, folder=tmp_path)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="name must be one of cifar10, cifar100, got 'cifar1000'"):
        cifar_arrays("cifar1000", train=True)


@pytest.fixture
def server(small, tmp_path_factory, monkeypatch):
    """torchvision's address of the archive leads to this machine, where a server hands out the small files."""
    _, kind, files = small
    folder = tmp_path_factory.mktemp("server")
    with tarfile.open(folder / kind.filename, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{kind.base_folder}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *args: None})
    running = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(folder)))
    threading.Thread(target=running.serve_forever, daemon=True).start()
    monkeypatch.setattr(kind, "url", f"http://127.0.0.1:{running.server_port}/{kind.filename}")
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5((folder / kind.filename).read_bytes()).hexdigest())
    yield running
    running.shutdown()
    running.server_close()


def test_it_is_fetched_only_when_that_is_asked_for(small, server, tmp_path):
    name, *_ = small
    with pytest.raises(MissingCifarError):
        cifar_arrays(name, train=False, folder=tmp_path)
    fetched, _ = cifar_arrays(name, train=False, folder=tmp_path, download=True)
    again, _ = cifar_arrays(name, train=False, folder=tmp_path)
    assert np.array_equal(fetched, again) and len(again) == EACH


def test_a_server_that_does_not_answer_is_told_from_missing_files(small, server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(MissingCifarError, match="not complete"):
        cifar_arrays(small[0], train=False, folder=tmp_path, download=True)


def test_the_checksums_are_torchvisions():
    assert {"cifar10": datasets.CIFAR10.tgz_md5, "cifar100": datasets.CIFAR100.tgz_md5} == CIFAR_MD5
    assert len({checksum(name) for name in (*CIFAR_MD5, "mnist")}) == 3


def test_a_net_takes_what_the_loader_gives(small, tmp_path):
    from kdbook.book.mobile_vision import COLOUR, NETS
    from kdbook.nets import network

    name, kind, files = small
    put(tmp_path, kind, files)
    x, _ = cifar_arrays(name, train=False, folder=tmp_path)
    for net in NETS["quick"].values():
        out = network({**net, **COLOUR[name]}).eval()(torch.from_numpy(x).float() / 255)
        assert out.logits.shape == (EACH, 100 if name == "cifar100" else 10)
