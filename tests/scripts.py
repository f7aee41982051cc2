"""Builders are scripts of folders that are no packages; a test loads one by its path."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]


def load_script(name: str) -> ModuleType:
    """The module behind `site/build.py`, say, its main function not called."""
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py").replace("/", "_"), ROOT / name)
    module = importlib.util.module_from_spec(spec)
    if (folder := str((ROOT / name).parent)) not in sys.path:  # as when it runs: its neighbours can be imported
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module
