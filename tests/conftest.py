"""Every test has a home and an output folder of its own; only the decompressed images are shared: they never change."""

import errno
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch

from kdbook.data import Split

# Before the first test imports onnxruntime, which reports to its maker otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def pytest_configure(config):
    """Let xdist hand out files in the order of `pytest_collection_modifyitems`, not those of many tests first."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: with one of them left for the end, the other workers would wait for it."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Results are compared bit by bit, which needs a fixed number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def image_cache(tmp_path_factory):
    """Folder of decompressed images, filled by the first test that asks for them."""
    folder = tmp_path_factory.mktemp("images")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, image_cache, monkeypatch):
    """Empty folders for `KDBOOK_HOME` and `KDBOOK_OUT`: no test sees the user's trials or another test's."""
    folder = tmp_path_factory.mktemp("kdbook")
    (folder / "home").mkdir()
    (folder / "home" / "data").symlink_to(image_cache, target_is_directory=True)
    monkeypatch.setenv("KDBOOK_HOME", str(folder / "home"))
    monkeypatch.setenv("KDBOOK_OUT", str(folder / "out"))
    return folder


@pytest.fixture(scope="session")
def quadrants():
    """Factory of an easy task: the label is the quadrant that is bright, the rest is noise; indices have gaps."""

    def make(n: int = 96, *, side: int = 6, seed: int = 0) -> Split:
        generator = torch.Generator().manual_seed(seed)
        y = torch.arange(n) % 4
        x = torch.randint(0, 120, (n, side, side), dtype=torch.uint8, generator=generator)
        half = side // 2
        for i, label in enumerate(y.tolist()):
            down, right = label // 2 * half, label % 2 * half
            x[i, down : down + half, right : right + half] += 120
        return Split(x, y, torch.arange(n) * 3 + 5)

    return make


@pytest.fixture
def full_disk(monkeypatch):
    """From now on files take half of what is written to them and then say that the disk is full."""

    def half_written(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def full_at_flush(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half_written)
    monkeypatch.setattr("os.fsync", full_at_flush)


def pytest_terminal_summary(terminalreporter):
    """Print what was tried to break, and what survived and was lost: a line a file of `tests/faults`."""
    survived, lost = Counter(), Counter()
    for kind, counts in (("passed", survived), ("failed", lost), ("error", lost)):
        for report in terminalreporter.stats.get(kind, ()):
            file = Path(report.nodeid.partition("::")[0])
            if file.parent.name == "faults" and (report.when == "call" or kind == "error"):
                # a test that tries more than once says how often
                tries = sum(n for name, n in report.user_properties if name == "tries") or 1
                counts[file.stem.removeprefix("test_").replace("_", " ")] += tries
    if tried := survived + lost:
        terminalreporter.write_sep("=", "tries to break it")
        terminalreporter.write_line(f"{'':32}{'tries':>7}{'survived':>10}{'lost':>6}")
        for name in sorted(tried):
            terminalreporter.write_line(f"{name:32}{tried[name]:>7}{survived[name]:>10}{lost[name]:>6}")
