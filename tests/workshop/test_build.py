"""The workshop kit: editions made from the committed notebooks, slides that ask no server, schedules that add up."""

import json
import re
import zipfile
from collections import defaultdict

import nbformat
import pytest

from ..scripts import ROOT, load_script

WORKSHOP = ROOT / "workshop"
build, schedule = load_script("workshop/build.py"), load_script("workshop/schedule.py")
CHAPTERS = build.site.chapters()
chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def read(path):
    return nbformat.read(path, as_version=4)


def code(source, outputs=(), **metadata):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata=metadata, execution_count=1)


def text(source, **metadata):
    return nbformat.v4.new_markdown_cell(source, metadata=metadata)


def said(words):
    return nbformat.v4.new_output("execute_result", {"text/plain": words}, execution_count=1)


def drawn(kind, body):
    return nbformat.v4.new_output("display_data", {kind: body}, metadata={kind: {"alt": "a dot"}})


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def small():
    cells = [
        text("# 42 · A chapter"),
        code("show_figure('dot')", [drawn("image/png", PNG)]),
        code("from kdbook.teach import check_it\n\ncheck_it(...)", [said("Not yet. Replace the ...")]),
        text("*One answer, folded where a page can fold:*", tags=["solution"]),
        code("check_it(7)", [said("Right.")], tags=["solution", "hide-cell"], jupyter={"source_hidden": True}),
        code("x = check_it_later", [said("8")]),
    ]
    metadata = {"jupytext": {"formats": "ipynb,py"}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def test_the_student_edition_has_neither_answers_nor_what_the_checks_said_but_all_else():
    made = build.student(small())
    assert [cell.source for cell in made.cells] == [small().cells[at].source for at in (0, 1, 2, 5)]
    assert [len(cell.get("outputs", ())) for cell in made.cells] == [0, 1, 0, 1]
    assert "jupytext" not in made.metadata


def test_the_solutions_edition_shows_every_answer_open_with_what_its_check_said():
    made = build.solutions(small())
    solution = made.cells[4]
    assert solution.source == "check_it(7)"
    assert solution.outputs[0].data["text/plain"] == "Right."
    assert "jupyter" not in solution.metadata
    assert solution.metadata.tags == ["solution"]
    assert made.cells[3].source == "*One answer:*"


@chapter
def test_no_student_edition_holds_a_solution_or_a_verdict(path):
    original, made = read(path), build.student(read(path))
    answers = {cell.source for cell in original.cells if "solution" in cell.metadata.get("tags", ())}
    assert answers
    assert not answers & {cell.source for cell in made.cells}
    outputs = json.dumps([cell.get("outputs", ()) for cell in made.cells])
    assert "Not yet." not in outputs
    assert "Right. " not in outputs
    stubs = [cell for cell in made.cells if build.is_exercise(cell)]
    assert len(stubs) >= 2
    assert {cell.execution_count for cell in stubs} == {None}
    assert made.metadata.widgets[WIDGET_STATE] == original.metadata.widgets[WIDGET_STATE]  # sliders live before a run


@chapter
def test_in_every_solutions_edition_each_answer_has_passed(path):
    answers = [
        cell
        for cell in build.solutions(read(path)).cells
        if cell.cell_type == "code" and "solution" in cell.metadata.get("tags", ())
    ]
    assert len(answers) >= 2
    assert all(cell.outputs[-1].data["text/plain"].startswith("Right. ") for cell in answers)


def test_slides_are_the_marked_cells_and_show_pictures_without_the_code_that_draws_them():
    notebook = small()
    notebook.cells[0].metadata["slideshow"] = {"slide_type": "slide"}
    notebook.cells[1].metadata["slideshow"] = {"slide_type": "-"}
    notebook.cells[5].metadata["slideshow"] = {"slide_type": "skip"}
    page = build.deck(build.marked(notebook), "42")
    assert page.count("<section") == 2  # a column of one slide
    assert "A chapter" in page
    assert 'alt="a dot"' in page
    assert "show_figure" not in page
    assert "check_it" not in page


def test_a_chapter_that_marks_nothing_shows_its_title_and_its_figures():
    made = build.marked(small())
    assert [cell.source for cell in made.cells] == ["# 42 · A chapter", "show_figure('dot')"]


def test_a_figure_of_such_a_chapter_stands_under_the_heading_that_it_has_there():
    notebook = small()
    notebook.cells[1:1] = [text("prose\n\n## Why\n\nmore prose")]
    notebook.cells[3:3] = [text("### Which one?"), code("picture_slider(1)"), code("show_figure('line')")]
    made = build.marked(notebook).cells
    assert [cell.source for cell in made] == [
        "# 42 · A chapter",
        *("## Why", "show_figure('dot')"),
        *("## Which one?", "picture_slider(1)"),
        *("## Which one?", "show_figure('line')"),
    ]
    assert [cell.metadata.slideshow.slide_type for cell in made] == ["slide", *["slide", "-"] * 3]


def test_a_slider_stands_on_a_slide_without_the_stills_below_it():
    slider = drawn("application/vnd.jupyter.widget-view+json", {"model_id": "a", "version_major": 2})
    notebook = small()
    notebook.cells = [code("picture_slider()", [slider, drawn("image/png", PNG)], slideshow={"slide_type": "slide"})]
    assert [list(output.data) for output in build.marked(notebook).cells[0].outputs] == [list(slider.data)]


@chapter
def test_every_chapter_has_slides_and_an_answer_is_on_none(path):
    cells = build.marked(read(path)).cells
    assert len([cell for cell in cells if cell.metadata.slideshow.slide_type == "slide"]) >= 5
    assert not any(build.is_exercise(cell) or "solution" in cell.metadata.get("tags", ()) for cell in cells)


@pytest.mark.slow
def test_the_kit_is_built_and_its_slides_ask_no_server(tmp_path, monkeypatch):
    if not build.site.MODULES.exists():
        pytest.skip("the npm packages are not installed: run `make workshop`")
    monkeypatch.setattr(build.site, "chapters", lambda: CHAPTERS[:1])
    assert build.build(tmp_path) == ["00_overview.html: 01_dark_knowledge.html leads nowhere"]  # it is not built here
    page = (tmp_path / "slides" / f"{CHAPTERS[0].stem}.html").read_text()
    asked = re.findall(r"<(?:script|link|img)\b[^>]*?\b(?:src|href)=[\"']([^\"']+)", page)
    assert len(asked) > 5
    assert [where for where in asked if re.match(r"(https?:)?//", where)] == []
    assert "import mermaid" not in page
    assert "No description has been provided" not in page  # what nbconvert writes where alt text is missing
    for where in (where for where in asked if not where.startswith("data:")):
        assert (tmp_path / "slides" / where).exists(), where
    with zipfile.ZipFile(tmp_path / "room.zip") as archive:
        names = archive.namelist()
    assert {f"student/{CHAPTERS[0].name}", "student/lab.json", "slides/index.html", "START.txt"} <= set(names)
    assert not any(name.startswith("solutions") for name in names)


def plans():
    """(title, minutes it claims, its rows) of every plan in the schedule."""
    page = (WORKSHOP / "schedule.md").read_text()
    for title, minutes, body in re.findall(
        r"^## ([^\n(]+) \((\d+) minutes\)\n(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL
    ):
        rows = [[part.strip() for part in line.strip("|").split("|")] for line in body.splitlines() if ":" in line[:7]]
        yield title, int(minutes), rows


@pytest.mark.parametrize(("title", "total", "rows"), list(plans()), ids=lambda x: x if isinstance(x, str) else "")
def test_the_minutes_of_a_schedule_add_up_and_leave_time_for_what_is_run_live(title, total, rows):
    begin, spent = 0, defaultdict(int)
    for start, minutes, name, _, _ in rows:
        assert start == f"{begin // 60}:{begin % 60:02d}"
        begin += int(minutes)
        spent[name] += int(minutes)
    assert begin == total
    needed = {name[:2]: minutes for name, minutes in schedule.quick_minutes(schedule.NOTEBOOKS).items()}
    assert all(needed[name] <= minutes for name, minutes in spent.items() if name)


def test_there_are_a_plan_of_two_hours_and_one_of_half_a_day():
    assert [total for _, total, _ in plans()] == [120, 240]


def test_the_exercises_that_a_schedule_names_are_those_of_the_chapter():
    for _, _, rows in plans():
        for _, _, name, what, _ in rows:
            if numbers := re.match(r"Exercises ([\d, to and]+)", what):
                (path,) = (p for p in CHAPTERS if p.stem.startswith(name))
                asked = max(map(int, re.findall(r"\d+", numbers[1])))
                assert f"**{asked}." in "".join(cell.source for cell in read(path).cells)


def test_the_measured_tables_name_every_chapter_and_experiment():
    page = (WORKSHOP / "schedule.md").read_text()
    assert schedule.BEGIN in page
    for path in CHAPTERS:
        assert f"| {path.stem} | " in page
        for _, experiment in schedule.runs(path.with_suffix(".py")):
            assert f"`{experiment}`" in page


def test_the_guide_has_a_section_with_aim_questions_and_traps_for_every_chapter():
    sections = dict(
        re.findall(r"^## (\d\d) · .+\n((?:(?!^## ).*\n?)*)", (WORKSHOP / "guide.md").read_text(), re.MULTILINE)
    )
    assert {path.stem[:2] for path in CHAPTERS} <= sections.keys()
    for body in sections.values():
        assert all(f"**{word}**" in body for word in ("Aim", "Ask", "Goes wrong", "Expect"))


class Stored:
    """A store in which every trial took two seconds, or none is there."""

    def __init__(self, full):
        self.full = full

    def read(self, trial):
        return type("Trial", (), {"provenance": {"seconds": 2.0}}) if self.full else None


def test_seconds_come_from_the_store_and_what_it_lacks_is_said():
    assert schedule.seconds("latency", Stored(True)) == 20.0  # five nets, two seeds
    assert schedule.seconds("latency", Stored(False)) is None
    assert "| `latency` | 20 |" in schedule.table(Stored(True))
    assert "| `hinton_mnist` | trained before |" in schedule.table(Stored(True))
    assert "| `latency` | not measured |" in schedule.table(Stored(False))
