"""Every name that others build on has an example in its docstring, and each example gives what it says."""

import ast
import doctest
from importlib import import_module
from pathlib import Path

import pytest

import kdbook
from kdbook import training

ROOT = Path(kdbook.__file__).parent
# What a user meets: all losses and nets, what `kdbook.training` offers, and what goes with `distil`.
FOLDERS = {"losses": {"checks"}, "nets": {"bert", "mobile", "pretrained"}}  # all but these files
OFFERED = {value.__module__ + "." + name for name, value in vars(training).items() if hasattr(value, "__module__")}
OTHERS = {
    "kdbook.training.distil.distil",
    "kdbook.training.report.Report",
    "kdbook.training.report.expected_calibration_error",
    "kdbook.training.report.fidelity",
    "kdbook.data.own.own_items",
    "kdbook.data.images.Split",
    "kdbook.lab.runs.load",
    "kdbook.lab.weights.load_teacher",
}
INNER = {"kdbook.nets.vision.dropout", "kdbook.nets.vision.Staged"}  # what nets are made of


def defined():
    """Full names of the public functions and classes in the folders that are listed whole."""
    for folder, apart in FOLDERS.items():
        for path in sorted((ROOT / folder).glob("*.py")):
            module = f"kdbook.{folder}" + ("" if path.stem == "__init__" else f".{path.stem}")
            for node in ast.parse(path.read_text()).body if path.stem not in apart else ():
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    yield f"{module}.{node.name}"


NAMES = sorted(({*defined()} | {name for name in OFFERED if name.startswith("kdbook.")} | OTHERS) - INNER)


def test_there_are_names_of_every_kind():
    assert len(NAMES) > 70
    assert {"kdbook.losses.response.kd_loss", "kdbook.training.loop.fit", "kdbook.nets.network"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_an_example_that_gives_what_it_says(name):
    module, _, short = name.rpartition(".")
    there = vars(import_module(module)) | {"torch": import_module("torch")}
    text = there[short].__doc__
    example = doctest.DocTestParser().get_doctest(text, dict(there), name, None, 0)
    assert example.examples, f"{name} has no example"
    failures = []
    doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=failures.append)
    assert failures == []
