"""Chapters are executed by papermill, cleaned, and written only when every cell ran."""

import os

import nbformat
import pytest

from kdbook.lab import notebooks
from kdbook.lab.notebooks import ChapterError, cleaned, execute

CHAPTER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A chapter

# %% tags=["parameters"]
PROFILE = "quick"

# %%
import os
import sys

print("half", end="\\r")
print("whole")
print("progress", end="\\r        \\r", file=sys.stderr)
print(PROFILE, os.environ.get("KDBOOK_OUT") is not None)
"""


@pytest.fixture
def chapter(tmp_path):
    script = tmp_path / "09_test.py"
    script.write_text(CHAPTER)
    return script


def outputs(path):
    return "".join(o.text for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code" for o in c.outputs)


@pytest.mark.slow
def test_a_chapter_is_executed_with_parameters_and_its_output_folder(chapter, tmp_path):
    output = tmp_path / "out" / "09_test.ipynb"
    execute(chapter, output, {"PROFILE": "full"}, tmp_path / "out")
    assert outputs(output) == "whole\nfull True\n"


def test_nothing_stands_beside_the_chapters_while_one_runs(chapter, tmp_path, monkeypatch):
    seen = []

    def killed(script, executed, parameters):
        seen.extend(path.name for path in tmp_path.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(notebooks, "_papermill", killed)
    with pytest.raises(KeyboardInterrupt):
        execute(chapter, tmp_path / "09_test.ipynb")
    assert seen == [path.name for path in tmp_path.iterdir()] == ["09_test.py"]


@pytest.mark.slow
def test_the_committed_form_has_the_cells_of_the_script_and_counts_from_one(chapter, tmp_path, monkeypatch):
    monkeypatch.delenv("KDBOOK_OUT")
    output = tmp_path / "09_test.ipynb"
    execute(chapter, output)
    notebook = nbformat.read(output, as_version=4)
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"] == [1, 2]
    assert "papermill" not in notebook.metadata
    assert outputs(output) == "whole\nquick False\n"


def test_only_the_committed_form_is_told_to_leave_out_the_readers_own_run(chapter, tmp_path, monkeypatch):
    told = []

    def papermill(script, executed, parameters):
        told.append(os.environ.get("KDBOOK_PAGE"))
        executed.write_text(nbformat.writes(nbformat.v4.new_notebook()))

    monkeypatch.setattr(notebooks, "_papermill", papermill)
    execute(chapter, tmp_path / "09_test.ipynb")
    execute(chapter, tmp_path / "out" / "09_test.ipynb", {"PROFILE": "quick"}, tmp_path / "out")
    assert told == ["1", None]


@pytest.mark.slow
def test_a_failing_cell_is_named_and_the_old_notebook_stays(chapter, tmp_path):
    output = tmp_path / "09_test.ipynb"
    output.write_text("old")
    chapter.write_text(CHAPTER + "\n# %%\nraise ValueError('temperature is cold')\n")
    with pytest.raises(ChapterError, match="09_test.py, cell 3: ValueError: temperature is cold"):
        execute(chapter, output)
    assert output.read_text() == "old"
    assert (tmp_path / "09_test.failed.ipynb").exists()


@pytest.mark.slow
def test_a_kernel_that_is_killed_is_reported_with_its_chapter(chapter, tmp_path):
    chapter.write_text(CHAPTER + "\n# %%\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with pytest.raises(ChapterError, match="09_test.py: its kernel was killed or crashed.*repeat"):
        execute(chapter, tmp_path / "out.ipynb")


@pytest.mark.parametrize(
    ("output", "out", "message"),
    [
        ("09_test.py", None, "must be an .ipynb file"),
        (".", None, "must be an .ipynb file"),
        ("full/x.ipynb", None, "cannot write into"),
        ("x.ipynb", "full", "cannot write into .*full is no folder: set KDBOOK_HOME .*KDBOOK_OUT"),
    ],
)
def test_what_could_not_be_written_is_refused_before_anything_runs(
    chapter, tmp_path, monkeypatch, output, out, message
):
    monkeypatch.setattr(notebooks, "_papermill", lambda *_: pytest.fail("ran"))
    (tmp_path / "full").write_text("a file")
    with pytest.raises((ValueError, PermissionError), match=message):
        execute(chapter, tmp_path / output, out=out and tmp_path / out)
    assert chapter.read_text() == CHAPTER


def test_a_folder_for_temporary_files_that_is_too_long_for_sockets_is_refused(chapter, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/tmp/" + 103 * "x")
    with pytest.raises(ValueError, match="TMPDIR has 108 bytes, too long for sockets: set TMPDIR=/tmp"):
        execute(chapter, tmp_path / "out.ipynb")


def test_a_missing_kernel_says_how_to_get_it(chapter, tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "KERNEL", "nonsense")
    with pytest.raises(ChapterError, match="make setup"):
        execute(chapter, tmp_path / "out.ipynb")


def test_overwritten_progress_lines_are_dropped():
    pieces = [nbformat.v4.new_output("stream", name="stderr", text=t) for t in ("1/3", "\r2/3", "\r3/3\r   \r")]
    kept = nbformat.v4.new_output("stream", name="stdout", text="a\rb\nc\n")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[*pieces, kept])])
    (output,) = cleaned(notebook).cells[0].outputs
    assert output.text == "b\nc\n"


def test_of_a_widget_stays_what_a_page_would_not_take_by_itself():
    state = "application/vnd.jupyter.widget-state+json"
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.widgets = {state: {"state": {"still": {"state": {"value": "a", "height": None}}}}}
    assert cleaned(notebook).metadata.widgets[state]["state"] == {"still": {"state": {"value": "a"}}}
