"""The rules of the house, read from the source of the package."""

import ast
import graphlib
import io
import math
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import kdbook
from kdbook import lab
from kdbook.lab import arms, runs, status  # noqa: F401

ROOT = Path(kdbook.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Lowest first: a module may import from its own floor and from those below.
FLOORS = [{"data", "losses", "nets"}, {"training"}, {"lab"}, {"show"}, {"book"}, {"teach"}, {"__main__"}]

# Lines of code that a part may have. A bound is not raised: what is in its way wants splitting, or a library, or less.
LIBRARY = {  # the house, and what came after it
    "the house": 5_000,
    "own nets, interruptions, damage, bad input": 150,
    "a ledger that tells what it knows, results that travel": 300,
    "fast enough to decide": 100,
    "training on a GPU": 137,
    "losses of newer papers": 61,
    "own model": 313,
    "new data": 50,
}
QUESTION, AVERAGE, TEACH, FILE = 300, 140, 1_100, 400
# What is over its bound, and by how much: nothing.
OVER: dict[str, int] = {}


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
    assert "kdbook.lab.arms" in IMPORTS["kdbook.lab.engines"]


@pytest.mark.parametrize("name", MODULES)
def test_no_file_is_longer_than_four_hundred_lines(name):
    assert len(MODULES[name].read_text().splitlines()) <= FILE


def over(what: str, measured: int, bound: int) -> None:
    """Fail unless a part is as far over its bound as the list says: one that shrank has its entry lowered."""
    assert max(0, measured - bound) == OVER.get(what, 0), f"{what}: {measured} of {bound} lines of code; see OVER"


LINES = {name: code_lines(path) for name, path in MODULES.items()}
IN_BOOK = {name: lines for name, lines in LINES.items() if name.startswith("kdbook.book")}


def test_the_library_has_at_most_the_lines_of_code_that_it_is_allowed():
    library = [n for name, n in LINES.items() if not name.startswith(("kdbook.book", "kdbook.teach"))]
    over("library", sum(library), sum(LIBRARY.values()))


def test_a_question_takes_at_most_140_lines_of_code_on_average_and_shared_steps_count():
    excess = math.ceil(sum(IN_BOOK.values()) / len(arms.names())) - AVERAGE
    assert excess <= OVER.get("question on average", 0)  # a short question more lowers it


@pytest.mark.parametrize("name", sorted(IN_BOOK))
def test_a_question_takes_at_most_three_hundred_lines_of_code(name):
    over(name, LINES[name], QUESTION)


def test_exercises_take_at_most_eleven_hundred_lines_of_code():
    over("teach", sum(lines for name, lines in LINES.items() if name.startswith("kdbook.teach")), TEACH)


def test_nothing_is_listed_as_over_its_bound_that_is_not_measured():
    assert set(OVER) <= {"library", "question on average", "teach", *IN_BOOK}
    assert min(OVER.values(), default=1) > 0


def test_no_two_rooms_share_a_name():
    rooms = [name.rsplit(".", 1)[1] for name in MODULES if name.count(".") > 1]
    assert {room for room in rooms if rooms.count(room) > 1} == set()


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


def test_a_folder_offers_what_one_of_its_files_defines_and_not_what_several_do():
    assert kdbook.definitions(ROOT / "lab")["run"] == "runs" and lab.run is runs.run
    assert kdbook.definitions(ROOT / "lab")["PATH"] == ""  # of cards and of statements
    for name in ("PATH", "_text", "nowhere"):
        with pytest.raises(AttributeError, match=f"module kdbook.lab has no attribute {name}"):
            getattr(lab, name)
    assert lab.status.__name__ == "kdbook.lab.status"  # the file, not the function in it


SLOW_TO_IMPORT = {"torch", "torchvision", "triton", "transformers", "sklearn", "pandas", "matplotlib", "scipy.stats"}


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("kdbook.__main__", set()),
        ("kdbook.show.compare", set()),
        ("kdbook.lab.arms", set()),
        ("kdbook.lab.doctor", {"torch"}),
        ("kdbook.training", {"torch"}),
    ],
)
def test_what_should_begin_at_once_imports_nothing_slow_that_it_does_not_need(module, allowed):
    script = f"import sys, {module}; print(*{SLOW_TO_IMPORT} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    assert set(printed.split()) <= allowed
