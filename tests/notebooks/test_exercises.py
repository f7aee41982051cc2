"""Every exercise of every chapter: its stub is not an answer, and a folded cell below it holds one that passes."""

import ast
from pathlib import Path

import jupytext
import pytest

from kdbook.teach.feedback import Feedback

SCRIPTS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*.py"))


def code_cells(script):
    return [cell for cell in jupytext.read(script).cells if cell.cell_type == "code"]


def is_solution(cell):
    return "solution" in cell.metadata.get("tags", [])


def checks(source):
    """The check that a cell ends in, if any: its name, in a list."""
    calls = [node.value.func for node in ast.parse(source).body[-1:] if isinstance(node, ast.Expr | ast.Assign)
             and isinstance(node.value, ast.Call)]  # fmt: skip
    return [f.id for f in calls if isinstance(f, ast.Name) and f.id.startswith("check_")]


def exercises():
    """(chapter, name of the check, stub, solutions below it), one for each exercise."""
    for script in SCRIPTS:
        cells = code_cells(script)
        stubs = [at for at, cell in enumerate(cells) if checks(cell.source) and not is_solution(cell)]
        for at, end in zip(stubs, [*stubs[1:], len(cells)], strict=True):
            below = [cell for cell in cells[at:end] if is_solution(cell)]
            yield script, *checks(cells[at].source), cells[at], below


EXERCISES = list(exercises())
exercise = pytest.mark.parametrize(
    ("script", "check", "stub", "solutions"), EXERCISES, ids=[f"{e[0].stem[:2]}-{e[1]}" for e in EXERCISES]
)


def imports_for(script, source):
    """The chapter's imports of names that a cell uses: whatever else its cells do is not run here."""
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    found = []
    for cell in code_cells(script):
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                node.names = [n for n in node.names if (n.asname or n.name) in used]
                found += [node] if node.names else []
    return ast.unparse(ast.Module(found, []))


def verdict(script, cell):
    """What the check at the end of a cell says."""
    tree, names = ast.parse(cell.source), {}
    exec(imports_for(script, cell.source), names)
    last = tree.body.pop()
    exec(compile(tree, script.name, "exec"), names)
    return eval(compile(ast.Expression(last.value), script.name, "eval"), names)


@exercise
def test_a_stub_is_not_yet_right(script, check, stub, solutions):
    said = verdict(script, stub)
    assert isinstance(said, Feedback)
    assert not said.passed
    assert repr(said).startswith("Not yet.")


@exercise
def test_an_exercise_has_a_folded_solution_that_passes_its_check(script, check, stub, solutions):
    (solution,) = solutions
    assert checks(solution.source) == [check]
    said = verdict(script, solution)
    assert said.passed, said


@exercise
def test_a_solution_is_folded_in_jupyterlab_and_on_the_site_and_the_reader_is_told(script, check, stub, solutions):
    (solution,) = solutions
    assert {"solution", "hide-cell"} <= set(solution.metadata.tags)
    assert solution.metadata.jupyter.source_hidden
    cells = jupytext.read(script).cells
    before = cells[[cell.source for cell in cells].index(solution.source) - 1]
    assert is_solution(before)
    assert "folded" in before.source


def test_no_check_stands_under_two_exercises_of_a_chapter():
    found = [(script, check) for script, check, *_ in EXERCISES]
    assert len(found) == len(set(found)) > 20
