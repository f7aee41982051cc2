"""The rules of the house, read from the source of the package."""

import ast
import graphlib
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import kdbook
from kdbook.lab import arms

ROOT = Path(kdbook.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Lowest first: a module may import from its own floor and from those below.
FLOORS = [
    {"data", "models", "vision", "bert", "gpt", "pretrained", "losses"},
    {"training"},
    {"experiments"},
    {"lab"},
    {"show", "teach"},
    {"__main__"},
]


def name_of(path: Path) -> str:
    """`kdbook.data.images` for its file; a package's name for its `__init__.py`."""
    parts = ("kdbook", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def imports_of(name: str) -> set[str]:
    """Modules of the package that a module imports, anywhere in its code."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
    return {module for module in found if module in MODULES} - {name}


IMPORTS = {name: imports_of(name) for name in MODULES}


def floor_of(name: str) -> int:
    """Number of the floor where a module lives; the package itself is below all."""
    if name == "kdbook":
        return -1
    (floor,) = (number for number, parts in enumerate(FLOORS) if name.split(".")[1] in parts)
    return floor


def code_lines(path: Path) -> int:
    """Lines that hold code: no docstring, no comment, no blank."""
    text = path.read_text()
    nothing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        is_text = (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        if is_text:
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def public(name: str):
    """Public functions, classes and methods of a module, with their full names."""
    for node in TREES[name].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield f"{name}.{node.name}", node
            for inner in getattr(node, "body", []) if isinstance(node, ast.ClassDef) else []:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{name}.{node.name}.{inner.name}", inner


def test_every_module_lives_on_a_floor():
    assert {name: floor_of(name) for name in MODULES}.keys() == MODULES.keys()


@pytest.mark.parametrize("name", MODULES)
def test_nothing_imports_upwards(name):
    assert {other: floor_of(other) for other in IMPORTS[name] if floor_of(other) > floor_of(name)} == {}


def test_no_modules_import_each_other_in_a_circle():
    order = list(graphlib.TopologicalSorter(IMPORTS).static_order())
    assert set(order) == set(MODULES)


def test_the_readers_of_imports_see_imports():
    assert "kdbook.data.images" in IMPORTS["kdbook.training.loop"]
    assert "kdbook.book" in IMPORTS["kdbook.lab.engines"]


@pytest.mark.parametrize("name", MODULES)
def test_no_file_is_longer_than_four_hundred_lines(name):
    assert len(MODULES[name].read_text().splitlines()) <= 400


# What grows with the book: a module a question, its figures, and the checks of a chapter's exercises.
SHARED = {"kdbook.lab.trial", "kdbook.lab.steps", "kdbook.teach.feedback"}
CONTENT = {
    name
    for name, path in MODULES.items()
    if name.startswith(("kdbook.book.", "kdbook.book.plots.", "kdbook.teach.")) and name not in SHARED
}


# What only the chapters of one medium need, and the most lines of code that it may take.
MEDIA = {
    "text": (
        "bert", "pretrained", "data.wordpiece", "data.tasks", "data.glue", "losses.transformer", "training.language",
    ),
    "generation": (
        "gpt", "data.world", "data.vocabularies", "losses.sequence", "training.generation", "training.speculative",
    ),
    "speech": ("data.speech", "data.espeak"),
    "vision": ("vision", "data.cifar", "training.patience"),
}  # fmt: skip
BOUNDS = {"text": 800, "generation": 600, "speech": 320, "vision": 100}
OWN = {f"kdbook.{name}" for names in MEDIA.values() for name in names}


def test_what_all_chapters_share_has_fewer_than_3560_lines_of_code():
    assert 1000 < sum(code_lines(MODULES[name]) for name in MODULES.keys() - CONTENT - OWN) < 3560


@pytest.mark.parametrize("medium", MEDIA)
def test_what_a_medium_needs_is_bounded(medium):
    assert 0 < sum(code_lines(MODULES[f"kdbook.{name}"]) for name in MEDIA[medium]) < BOUNDS[medium]


@pytest.mark.parametrize("question", sorted({name.rsplit(".", 1)[1] for name in CONTENT}))
def test_a_question_with_its_figures_and_exercises_has_fewer_than_500_lines_of_code(question):
    assert 0 < sum(code_lines(MODULES[name]) for name in CONTENT if name.endswith(f".{question}")) < 500


def test_a_question_takes_fewer_than_220_lines_of_code_on_average():
    assert sum(code_lines(MODULES[name]) for name in CONTENT) < 220 * len(arms.names())


def test_lines_of_code_are_counted_without_docstrings_comments_and_blanks(tmp_path):
    path = tmp_path / "example.py"
    path.write_text(
        '"""Doc.\n\nstring."""\n\n# comment\nx = [  # one\n    1,\n]\n\n\ndef f():\n    """Doc."""\n    return x\n'
    )
    assert code_lines(path) == 5


def test_every_folder_with_code_is_a_package():
    assert {path.parent for path in FILES} == {path.parent for path in FILES if path.name == "__init__.py"}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_for(name):
    assert len(ast.get_docstring(TREES[name]) or "") > 20


@pytest.mark.parametrize("name", MODULES)
def test_public_functions_and_classes_have_docstrings(name):
    # methods that fulfil a documented protocol need not repeat it
    fulfilled = {"soft_targets", "state_dict", "load_state_dict", "start_epoch"}
    fulfilled |= {inner.name for full, inner in public("kdbook.lab.trial") if full.count(".") == 4}
    missing = {
        full
        for full, node in public(name)
        if not ast.get_docstring(node) and not (full.count(".") > name.count(".") + 1 and node.name in fulfilled)
    }
    properties = {full for full, node in public(name) if any("property" in ast.dump(d) for d in node.decorator_list)}
    assert missing - properties == set()


@pytest.mark.slow
def test_importing_the_package_adds_less_than_three_tenths_of_a_second_to_importing_torch():
    imports = "import kdbook, kdbook.training"
    script = f"import time, torch; began = time.process_time(); {imports}; print(time.process_time() - began)"
    command = [sys.executable, "-c", script]
    assert float(subprocess.run(command, capture_output=True, check=True, text=True).stdout) < 0.3
