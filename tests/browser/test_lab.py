"""JupyterLab on this machine, driven as a reader would: answer an exercise."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
HOME = os.environ.get("KDBOOK_HOME")  # the store of the book's run, where trained trials are found
TOKEN = "test"
SECONDS = 1000  # playwright counts milliseconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab over a folder of its own, with settings of its own; yields (folder, address of a notebook)."""
    port, folder = free_port(), tmp_path / "notebooks"
    folder.mkdir()
    places = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    places |= {f"JUPYTERLAB_{kind}_DIR": str(tmp_path / kind) for kind in ("SETTINGS", "WORKSPACES")}
    settings = {
        "ServerApp.ip": "127.0.0.1", "ServerApp.port": port, "ServerApp.port_retries": 0, "ServerApp.root_dir": folder,
        "IdentityProvider.token": TOKEN, "LabApp.news_url": "None", "LabApp.extension_manager": "readonly",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }  # fmt: skip
    command = [Path(sys.executable).parent / "jupyter", "lab", "--no-browser", "--allow-root"]
    with open(tmp_path / "lab.log", "w") as log:
        environment = {**os.environ, **places, **({"KDBOOK_HOME": HOME} if HOME else {})}
        server = subprocess.Popen(
            [*command, *(f"--{key}={value}" for key, value in settings.items())],
            env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        await_server(server, f"http://127.0.0.1:{port}/api/status?token={TOKEN}", tmp_path / "lab.log")
        yield folder, lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(20)


def await_server(server, address, log):
    for _ in range(120):
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            return urllib.request.urlopen(address, timeout=2).close()
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"JupyterLab does not answer: {log.read_text()[-2000:]}")


def await_idle(page):
    """Wait for the status bar: the notebook's own mark is idle before there is a kernel; a cell run then is lost."""
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for(timeout=180 * SECONDS)


@pytest.mark.slow
def test_a_wrong_answer_gets_its_hint_and_a_right_one_passes(lab, open_page):
    folder, address = lab
    chapter = nbformat.read(NOTEBOOKS / "00_overview.ipynb", as_version=4)
    (exercise,) = (cell for cell in chapter.cells if "check_size_ratio(my_ratio)" in cell.source)
    assert "my_ratio = ..." in exercise.source
    chapter.cells, chapter.metadata = [exercise], {"kernelspec": chapter.metadata.kernelspec}
    nbformat.write(chapter, folder / "exercise.ipynb")
    page, watch = open_page(address("exercise.ipynb"))
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60 * SECONDS)
    await_idle(page)
    for value, told in (("1.5", "the hidden units"), ("2_395_210 / 1_276_810", "Right.")):
        page.click(".jp-Cell .cm-content")
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(exercise.source.replace("my_ratio = ...", f"my_ratio = {value}"))
        page.keyboard.press("Control+Enter")
        page.locator(".jp-OutputArea-output", has_text=told).wait_for(timeout=150 * SECONDS)
    assert watch.outside == []
