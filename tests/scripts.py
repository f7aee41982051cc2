"""Builders are scripts of folders that are no packages, loaded by their path; others run in a process of their own.

Such a process is forked from one that has imported what scripts import, as importing PyTorch takes seconds.
"""

import importlib.util
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
# torch._dynamo: the first optimizer imports it, which takes longer than the training.
IMPORTED = "kdbook.lab.runs", "kdbook.lab.steps", "click", "scipy.stats", "torch._dynamo"


def load_script(name: str) -> ModuleType:
    """The module behind `site/build.py`, say, its main function not called."""
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py").replace("/", "_"), ROOT / name)
    module = importlib.util.module_from_spec(spec)
    if (folder := str((ROOT / name).parent)) not in sys.path:  # as when it runs: its neighbours can be imported
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module


class Script:
    """A script that runs in a process of its own, by what its first argument, its environment and we are told.

    `said` is what it writes, its standard output and its errors together; `code` is None while it runs.
    """

    def __init__(self, script: Path | str, *arguments, **environment):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(IMPORTED))
        read, written = context.Pipe(duplex=False)
        told = {**os.environ, "OMP_NUM_THREADS": "1", **{key: str(value) for key, value in environment.items()}}
        command = [str(script), *map(str, arguments)]
        self.process = context.Process(target=_run, args=(written, command, told), daemon=True)  # ends with the tests
        self.process.start()
        written.close()
        self.said = os.fdopen(os.dup(read.fileno()))
        read.close()

    @property
    def code(self) -> int | None:
        return self.process.exitcode

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait(self, seconds: float = 500) -> int:
        """Its exit code, negative where a signal ended it."""
        self.process.join(seconds)
        assert self.code is not None, f"still runs after {seconds} s"
        return self.code

    def kill(self) -> int:
        """End it where it still runs, and close what it said."""
        self.process.kill()
        self.said.close()
        return self.wait()


def _run(written, command: list[str], environment: Mapping[str, str]) -> None:
    for stream in (1, 2):
        os.dup2(written.fileno(), stream)
    os.environ.clear()
    os.environ.update(environment)
    import torch

    torch.set_num_threads(1)
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")
