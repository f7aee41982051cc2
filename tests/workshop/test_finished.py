"""The code of a learner who has finished, and the teacher's page that reads it: two languages, one checksum."""

import json
import os
import shutil
import subprocess

import pytest

from kdbook.teach.feedback import Feedback

from ..scripts import load_script

build = load_script("workshop/build.py")
finished = build.finished
GOOD, BAD = Feedback(True, "Right."), Feedback(False, "Too large.")


def test_an_exercise_counts_when_its_check_passed_once_in_the_session():
    written = ["", "check_a(1)", "x = 2\ncheck_b(x)", "check_b(3)", "check_a_longer(4)", "print(1)"]
    told = {1: BAD, 2: GOOD, 3: BAD, 4: GOOD, 5: "Right."}
    assert finished.passed_in(told, written, ["check_a", "check_b", "check_a_longer", "check_c"]) == "0110"


def test_a_code_holds_chapter_name_and_exercises_in_letters_that_can_be_read_aloud():
    assert finished.code_of("Ada L.", "07", "110100").startswith("07-ADAL-110100-")
    assert finished.code_of("...", "07", "000000").startswith("07-NOBODY-")


def test_the_last_cells_of_a_chapter_run_by_themselves_in_a_session(capsys):
    cells = build.site.chapters()[0]
    cells = build.student(build.nbformat.read(cells, as_version=4)).cells
    source = finished.last_cells("00", cells)[-1].source.replace("my_name = ...", "my_name = 'Ada'")
    exec(source, {"Out": {1: GOOD, 2: BAD}, "In": ["", "check_size_ratio(1)", "check_gap_closed(2)"]})
    assert capsys.readouterr().out.strip() == finished.code_of("Ada", "00", "100")


@pytest.fixture
def read():
    """Function: what people wrote -> what the teacher's page makes of it."""
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Node.js: install your system's nodejs")
    script = finished.page({"00": ["a", "b", "c"], "07": ["d", "e"]}).partition("<script>")[2].partition("</script>")[0]

    def run(text):
        shown = f"{script}\nconst {{ learners, wrong }} = read({json.dumps(text)});"
        shown += "console.log(JSON.stringify([Object.fromEntries(learners), wrong]));"
        return json.loads(subprocess.run(["node", "-e", shown], capture_output=True, text=True, check=True).stdout)

    return run


def test_the_page_reads_what_the_cells_print_and_adds_up_the_codes_of_a_learner(read):
    codes = [finished.code_of(*of) for of in (("Ada", "00", "100"), ("Ada", "00", "010"), ("Émile", "07", "11"))]
    told = f"hello, mine is {codes[0]}; {codes[1].lower()}\n{codes[2]}"
    assert read(told) == [{"ADA": {"00": "110"}, "ÉMILE": {"07": "11"}}, []]


def test_the_page_names_a_code_with_a_slip_and_one_of_another_number_of_exercises(read):
    code = finished.code_of("Ada", "00", "100")
    slip = code.replace("100", "110")
    longer = finished.code_of("Ada", "07", "111")
    assert read(f"{slip} {longer}") == [{}, [slip, longer]]
