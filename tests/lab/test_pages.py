import pytest

from kdbook.lab import claims, pages
from kdbook.lab.claims import rows
from kdbook.lab.pages import findings_first, print_table, told, write_markdown, write_summary
from tests.lab.ledger_cases import checks, entry, read, table

CHECKED = {"label": "a|b", "published": 70, "than": 100, "smallest": None, "smallest_reason": None}


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """One claim of each of five verdicts; the students make 80 [75.0, 85.0] errors by teacher."""
    band = {**CHECKED, "tolerance": 8, "tolerance_reason": "two standard errors"}
    entries = [
        entry(id="read-it", chapter="00", test="citation", checks=[], reason="settled by reading"),
        entry({"than": 81}, id="undecided", chapter="00"),
        entry(band, id="few-errors", links=["https://arxiv.org/abs/1503.02531"], deviations=["fewer images"]),
        entry({"than": 70}, id="too-few-errors"),
        entry({"than": 70}, id="they-say", saying=True),
    ]
    found = read(tmp_path, *entries)
    monkeypatch.setattr(claims, "load_claims", lambda: found)
    monkeypatch.setattr(claims, "load", lambda name: table())
    monkeypatch.setattr(pages, "outdated", lambda: {"hinton_mnist": 1})
    return tmp_path


def test_findings_come_first_and_what_is_not_measured_last(shipped):
    verdicts = [row.verdict for row in findings_first(rows())]
    assert verdicts == ["contradicted", "saying corrected", "shown, other size", "cannot tell", "checked by reading"]


def test_a_line_keeps_what_was_published_apart_from_band_and_smallest_effect(shipped):
    (row,) = (r for r in rows() if r.claim.id == "few-errors")
    # the effect is 100 - 70 = 30, its half 15, its band 22 to 38, so that errors are to lie in 62 to 78
    found = told(row.measured[0])
    shown = {"measured": "a|b (errors) (key)", "ours [95 % interval]": "80 [75.0, 85.0]", "n": "3", "published": "70"}
    assert found | shown == found
    assert (found["carried over"], found["band"], found["S"], found["MDE"]) == ("70", "62 to 78", "15", "6.53")
    assert (found["outcome"], found["draws needed"]) == ("other size", "-")


def test_what_cannot_tell_says_how_many_draws_would_decide(shipped):
    (row,) = (r for r in rows() if r.claim.id == "undecided")
    assert told(row.measured[0])["draws needed"] == "4"


def test_a_failed_control_is_named_beside_the_outcome(tmp_path):
    control = {"label": "a control", "key": False, "control": True, "smallest": None, "smallest_reason": None}
    made = checks(tmp_path, {**control, "than": 84}, {"than": 74})
    one = claims.evaluate(made, lambda name: table())[1]
    assert told(one)["outcome"] == "cannot tell: set-up too small: a control"


def test_the_page_is_the_same_each_time_and_has_two_lists_and_folded_details(shipped):
    path = write_markdown(shipped / "out" / "CLAIMS.md")
    text = path.read_text()
    assert write_markdown(shipped / "again.md").read_text() == text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "## What papers report: contradicted (1)",
        "## What papers report: shown, other size (1)",
        "## What papers report: cannot tell (1)",
        "## What papers report: checked by reading (1)",
        "## What is commonly said: saying corrected (1)",
        "## In detail",
    ]
    assert "| saying corrected | 1 |" in text and "`hinton_mnist` (results of VERSION 1)" in text
    assert "| 01 | [s](#few-errors) | 80 [75.0, 85.0] errors | 3 | 70 | 15 | 6.53 | - |" in text
    assert "| a\\|b (errors) (key) | 80 [75.0, 85.0] | 3 | 70 | 70 | 62 to 78 | 15 | 6.53 | " in text
    assert "- Where the test differs: fewer images" in text and "band: two standard errors" in text
    assert "- Why it is not measured: settled by reading" in text
    assert text.count("<details>") == text.count("</details>") == 5
    assert text.index("### too-few-errors") < text.index("### they-say") < text.index("### read-it")


def test_the_page_says_how_many_of_what_is_shown_are_expected_to_be_false(shipped):
    assert "4 key checks are corrected for their number" in write_markdown(shipped / "CLAIMS.md").read_text()
    assert "Of the 1 that are shown" in (shipped / "CLAIMS.md").read_text()


def test_the_readme_has_four_counts(shipped):
    path = shipped / "README.md"
    path.write_text("before\n<!-- claims -->\nold\n<!-- end of claims -->\nafter")
    write_summary(path)
    lines = path.read_text().splitlines()
    assert lines[:2] == ["before", "<!-- claims -->"] and lines[-2:] == ["<!-- end of claims -->", "after"]
    assert lines[2] == "| of 4 tested statements | number |"
    assert [line.rsplit("| ", 1)[1] for line in lines[4:-2]] == ["1 |", "0 |", "2 |", "1 |"]


def test_a_readme_without_marks_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(ValueError, match="must be a text with the marks"):
        write_summary(tmp_path / "README.md")


@pytest.mark.parametrize("width", [100, 120])
def test_the_terminal_table_keeps_to_its_width(shipped, capsys, width):
    print_table(width=width)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-1])) <= width
    assert lines[0].split() == ["claim", "published", "reference", "yours", "verdict"]
    assert lines[1].startswith("01 too-few-errors ...") and lines[1].endswith(" contradicted")
    assert lines[2].split() == ["-", "student", "-", "80", "[75.0,", "85.0]", "-", "opposite"]


def test_the_committed_ledger_and_the_readme_say_what_the_results_say(tmp_path):
    written = write_markdown(tmp_path / "CLAIMS.md").read_text()
    assert written == pages.MARKDOWN.read_text(), "run `make claims`"
    copy = tmp_path / "README.md"
    copy.write_text(pages.README.read_text())
    assert write_summary(copy).read_text() == pages.README.read_text(), "run `make claims`"
