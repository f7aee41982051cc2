import importlib.util
import sys
from pathlib import Path

import pytest

from kdbook.lab import arms, growing, weights

TOY = Path(__file__).parent / "toy.py"


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The toy experiment, known to the lab; `toy.measured()` lists what was measured, in all processes."""
    spec = importlib.util.spec_from_file_location("kdbook.book.toy", TOY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(arms, "files", lambda: module.FILES)
    monkeypatch.setitem(sys.modules, "kdbook.book.toy", module)
    log = tmp_path / "measured.log"
    monkeypatch.setenv("TOY_LOG", str(log))
    module.measured = lambda: log.read_text().splitlines() if log.exists() else []
    module.script = TOY
    return module


@pytest.fixture
def own_results(monkeypatch, tmp_path):
    """An empty folder in the place of the committed results."""
    monkeypatch.setattr(growing, "REFERENCE", tmp_path / "results" / "full")
    monkeypatch.setattr(growing, "RUNNING", tmp_path / "results" / "running")
    monkeypatch.setattr(weights, "WEIGHTS", tmp_path / "results" / "weights")
    return tmp_path / "results"
