"""The workshop kit: editions made from the committed notebooks, slides that ask no server, schedules that add up."""

import json
import re
import zipfile
from collections import defaultdict
from importlib import import_module
from itertools import pairwise

import matplotlib.pyplot as plt
import nbformat
import pytest

from kdbook.teach.feedback import Answer

from ..scripts import ROOT, load_script

WORKSHOP = ROOT / "workshop"
build, schedule = load_script("workshop/build.py"), load_script("workshop/schedule.py")
finished, lecture = build.finished, build.lecture
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
    assert [path.name for path in (tmp_path / "slides" / "figures").glob("hinton_errors.*")] == ["hinton_errors.svg"]
    assert '{"00": 3}' in (tmp_path / "finished.html").read_text()
    assert read(tmp_path / "student" / CHAPTERS[0].name).cells[-1].source.startswith("def code_of")
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


def test_there_are_plans_of_an_hour_and_a_half_two_hours_half_a_day_and_a_day():
    assert [total for _, total, _ in plans()] == [90, 120, 240, 420]


def test_a_schedule_gives_the_exercises_that_it_names_the_minutes_that_the_guide_says():
    for _, _, rows in plans():
        for _, given, name, what, _ in rows:
            if asked := schedule.exercises(what):
                minutes = {exercise.name: exercise.minutes for exercise in lecture.read_guide(name).exercises}
                assert sum(minutes[number] for number in asked) <= int(given), (name, what)


def test_ten_weeks_go_through_every_chapter_once():
    page = (WORKSHOP / "schedule.md").read_text()
    weeks = re.findall(r"^\| (\d+) \| ([\d, ]+) \|.+\|.+\|$", page, re.MULTILINE)
    assert [int(week) for week, _ in weeks] == list(range(1, 11))
    assert [name for _, names in weeks for name in names.split(", ")] == [path.stem[:2] for path in CHAPTERS]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Exercises 1 to 3", ["1", "2", "3"]),
        ("Exercises 1, 4 and 5, in pairs", ["1", "4", "5"]),
        ("Exercise B", ["B"]),
        ("Its *Spot the bug*, for all", []),
    ],
)
def test_a_plan_names_exercises_in_words(words, names):
    assert schedule.exercises(words) == names


def test_when_a_part_begins_follows_from_the_minutes_before_it():
    page = "## A\n| 0:00 | 50 | | a |\n| 9:99 | 15 | | b |\n| 0:00 | 5 | | c |\n## B\n| 0:07 | 5 | | d |\n"
    assert re.findall(r"\d:\d\d", schedule.timed(page)) == ["0:00", "0:50", "1:05", "0:00"]


def test_the_measured_tables_name_every_chapter_and_experiment():
    page = (WORKSHOP / "schedule.md").read_text()
    assert schedule.BEGIN in page
    for path in CHAPTERS:
        assert f"| {path.stem} | " in page
        for _, experiment in schedule.runs(path.with_suffix(".py")):
            assert f"`{experiment}`" in page


@chapter
def test_the_guide_has_a_page_of_every_chapter_with_all_that_a_teacher_needs(path):
    page = (lecture.GUIDE / f"{path.stem[:2]}.md").read_text()
    assert all(f"- **{word}**" in page for word in ("Aim", "Ask", "Expect", "If it goes wrong"))
    assert page.partition("## Debrief")[2].count("\n- ") >= 3
    quiz = page.partition("## Quiz")[2]
    assert re.findall(r"^(\d)\. [^*]+? \*[^*]+\*$", quiz, re.MULTILINE) == list("12345")  # each with its answer
    assert f"(guide/{path.stem[:2]}.md)" in (WORKSHOP / "guide.md").read_text()


@chapter
def test_the_guide_answers_every_exercise_and_its_numbers_pass_the_checks(path):
    cells, guide = read(path).cells, lecture.read_guide(path.stem[:2])
    asked = [before.source for before, cell in pairwise(cells) if build.is_exercise(cell)]
    assert [e.name for e in guide.exercises] == [re.findall(r"^\*\*(\w)\.", text, re.MULTILINE)[-1] for text in asked]
    table = import_module(f"kdbook.teach.chapter_{path.stem[:2]}")
    for exercise, name in zip(guide.exercises, finished.checks(cells), strict=True):
        if isinstance(check := getattr(table, name), Answer):
            assert check(exercise.answer).passed, (name, exercise.answer)


@chapter
def test_what_the_guide_says_of_drawings_is_said_of_those_that_the_chapter_shows(path):
    drawn = {
        name for cell in read(path).cells if "slideshow" in cell.metadata for name in lecture.DRAWN.findall(cell.source)
    }
    assert lecture.read_guide(path.stem[:2]).shown.keys() <= drawn


@chapter
def test_every_slide_has_a_heading_a_finding_above_its_figure_and_notes(path):
    guide = lecture.read_guide(path.stem[:2])
    cells = build.marked(read(path), guide).cells
    begins = [at for at, cell in enumerate(cells) if lecture.kind(cell) == "slide"]
    assert all(re.search(r"^#+ ", cells[at].source, re.MULTILINE) for at in begins)
    assert sum(lecture.kind(cell) == "notes" for cell in cells) == len(begins)
    assert sum('class="clock"' in cell.source for cell in cells) == len(guide.exercises)
    for before, cell in pairwise(cells):
        if cell.cell_type == "code" and lecture.FIGURE.search(cell.source) and path.stem[:2] != "05":
            assert before.source.strip().endswith((".", "?")), cell.source  # a sentence, not a heading alone


def test_an_exercise_slide_shows_the_lines_to_mend_without_the_import_of_the_check():
    cells = [
        text("prose\n\n**1. Spot the bug.** Mend it."),
        code("from kdbook.teach import check_it\n\nx = 1\ncheck_it(x)"),
    ]
    guide = lecture.Guide((), {}, (lecture.Exercise("1", 7, "2"),))
    made = lecture.exercise_slides(cells, guide)[1].source
    assert "7:00" in made
    assert "prose" not in made
    assert "x = 1" in made
    assert "import" not in made


def test_labels_that_run_into_each_other_are_seen():
    fig, axes = plt.subplots(figsize=(3, 2))
    axes.set_xticks(range(3), ["a", "b", "c"])
    fig.canvas.draw()
    assert not lecture.crowded(fig)
    axes.set_xticks(range(3), ["a very long label"] * 3)
    fig.canvas.draw()
    assert lecture.crowded(fig)
    plt.close(fig)


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
