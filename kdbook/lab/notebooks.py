"""Execute a chapter by papermill: the only executor of the book."""

import os
import re
import tempfile
from pathlib import Path
from unittest.mock import patch

import jupytext
import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import DeadKernelError
from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from kdbook.data.files import check_writable, no_sockets, write_atomically

KERNEL = "python3"


class ChapterError(RuntimeError):
    """A cell of a chapter failed, or no kernel was there to run it."""


def execute(source: Path, output: Path, parameters: dict | None = None, out: Path | None = None) -> None:
    """Run a paired ``.py`` and write the executed ``.ipynb``.

    Parameters
    ----------
    source : Path
        Jupytext percent script.
    output : Path
        Written only when every cell ran; a failed run is left beside it as ``<name>.failed.ipynb``.
    parameters : dict, optional
        Values for the `parameters` cell; None executes the committed form, whose cells are those of the script.
    out : Path, optional
        Sets `KDBOOK_OUT` for the chapter: figures and results go there. None sets `KDBOOK_PAGE`: committed pages
        show the reference alone.

    Raises
    ------
    ChapterError
        Naming the chapter, the cell's error and what to do.
    ValueError, PermissionError
        When the result could not be written in the end, or sockets cannot be made; nothing was run.
    """
    if output.suffix != ".ipynb" or output.is_dir():
        raise ValueError(f"output must be an .ipynb file, got {output}: such as build/{source.stem}.ipynb")
    if trouble := no_sockets():
        raise ValueError(trouble)
    for folder in (output.parent, out or output.parent):
        check_writable(folder)
    notebook = jupytext.read(source)
    output.parent.mkdir(parents=True, exist_ok=True)
    environment = patch.dict(os.environ, {"KDBOOK_OUT": str(out.resolve())} if out else {"KDBOOK_PAGE": "1"})
    with environment, tempfile.TemporaryDirectory(prefix="kdbook-") as folder:  # a kill leaves nothing among chapters
        script, executed = Path(folder) / "in.ipynb", Path(folder) / "out.ipynb"
        nbformat.write(notebook, script)
        try:
            _papermill(script, executed, parameters or {})
        except NoSuchKernel:
            raise ChapterError(f"no Jupyter kernel {KERNEL!r} to run {source.name}: `make setup` installs it") from None
        except DeadKernelError:
            told = "its kernel was killed or crashed, mostly for want of memory: close other programs and repeat"
            raise ChapterError(f"{source.name}: {told}; finished trials and the last checkpoint are kept") from None
        except PapermillExecutionError as error:
            failed = output.with_suffix(".failed.ipynb")
            write_atomically(failed, executed.read_bytes())
            told = f"{error.ename}: {error.evalue}"
            raise ChapterError(f"{source.name}, cell {error.exec_count}: {told}; see {failed}") from error
        write_atomically(output, (nbformat.writes(cleaned(nbformat.read(executed, as_version=4))) + "\n").encode())


def _papermill(script: Path, executed: Path, parameters: dict) -> None:
    # Socket files, in a folder that no other kernel has: ports may clash when several start at once, and ask for
    # encryption.
    manager = {} if os.name == "nt" else {"transport": "ipc", "ip": f"{executed.parent}/kernel"}
    papermill.execute_notebook(
        script,
        executed,
        parameters,
        kernel_name=KERNEL,
        progress_bar=False,
        config=Config({"KernelManager": manager}),
        store_widget_state=True,
    )


def cleaned(notebook):
    """Drop what papermill notes about a run and the progress lines that were overwritten on screen."""
    notebook.metadata.pop("papermill", None)
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            CoalesceStreamsPreprocessor().preprocess_cell(cell, {}, number)  # progress comes a piece at a time
            for stream in (output for output in cell.outputs if output.output_type == "stream"):
                stream.text = re.sub(r"[^\S\n]+$", "", stream.text, flags=re.MULTILINE)
            cell.outputs = [output for output in cell.outputs if output.get("text", "shown").strip()]
    saved = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    for model in saved.values():  # what is null is what the page would take by itself
        model["state"] = {name: value for name, value in model["state"].items() if value is not None}
    return notebook
