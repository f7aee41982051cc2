"""The cells tagged gpu: what they ask is there to be trained, and the reader is told what it takes."""

import ast
from pathlib import Path

import jupytext
import pytest

from kdbook.lab import arms
from kdbook.show.figures import registered

SCRIPTS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.py"))


def gpu_cells(script):
    """(its own cell, the cell before) for each cell of a chapter that is tagged gpu."""
    cells = jupytext.read(script).cells
    return [(cell, cells[at - 1]) for at, cell in enumerate(cells) if "gpu" in cell.metadata.get("tags", [])]


CELLS = [pytest.param(script, *pair, id=script.stem) for script in SCRIPTS for pair in gpu_cells(script)]
cells = pytest.mark.parametrize(("script", "cell", "before"), CELLS)


def asked(cell):
    """(positional, named) arguments of the one call of gpu_cell, as written."""
    calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    (call,) = [node for node in calls if node.func.id == "gpu_cell"]
    return [ast.literal_eval(a) for a in call.args], {k.arg: ast.unparse(k.value) for k in call.keywords}


def test_there_are_three_cells_or_more_and_no_other_cell_calls_for_a_gpu():
    assert len(CELLS) >= 3
    for script in SCRIPTS:
        assert script.read_text().count("gpu_cell(") == len(gpu_cells(script))


@cells
def test_it_trains_a_question_of_its_own_chapter_that_has_the_profile_and_shows_its_figures(script, cell, before):
    (question, *figures), _ = asked(cell)
    assert question in arms.on_gpu() and figures
    for name in figures:
        assert registered()[name].question == question and registered()[name].chapter == script.stem[:2]
    assert f'run("{question}"' in script.read_text()  # the small one


@cells
def test_it_says_card_minutes_and_memory_also_in_words_and_obeys_the_chapters_device(script, cell, before):
    _, told = asked(cell)
    assert told["device"] == "DEVICE" and 0 < float(told["minutes"]) <= 10
    words = " ".join(before.source.split())
    assert before.cell_type == "markdown" and "**With a GPU**" in words
    assert told["card"].strip("'") in words and f"{told['memory']} GiB" in words


@pytest.mark.parametrize("script", sorted({cell.values[0] for cell in CELLS}), ids=lambda p: p.stem)
def test_a_chapter_with_such_a_cell_says_its_minutes_on_a_gpu_where_it_begins(script):
    first = " ".join(jupytext.read(script).cells[0].source.split())
    numbers = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    minutes = [numbers[int(asked(cell)[1]["minutes"]) - 2] for cell, _ in gpu_cells(script)]
    assert all(f"about {number} minutes" in first.partition("NVIDIA GPU")[2] for number in minutes)
