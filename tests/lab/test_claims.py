import dataclasses

import pandas as pd
import pytest
import yaml

from kdbook.lab import Results, arms, claims, load
from kdbook.lab.claims import evaluate, number, outcome, print_table, rows, values, write_markdown
from kdbook.lab.results import save_results
from kdbook.lab.statements import load_claims

EARLY = {
    "hinton-2015-venue", "follow-on-venues", "dark-knowledge-term", "analogy-70-20", "too-slow-and-large",
    "two-softmax-example", "student-can-match-teacher", "information-per-example", "soft-target-gradient-variance",
    "class-similarity-2-3-8", "teacher-confidence-weighting", "label-smoothed-teacher", "student-teacher-fidelity",
    "mnist-67-146-74", "mnist-missing-three", "mnist-missing-three-mechanism", "mnist-sevens-and-eights",
    "hard-labels-teach-no-relations", "generalisation-structure", "transfer-without-translations",
}  # fmt: skip
TEACHER, HARD, DISTILLED = [66, 70, 68], [140, 150, 145, 155, 150], [78, 82, 80, 86, 74]
NUMBER = {"published": 100, "tolerance": 5, "tolerance_reason": "one run"}


def table():
    """Three teachers and two arms of five students, student i with teacher i mod 3; rows out of order."""
    arms = {"teacher": TEACHER, "hard": HARD, "distilled": DISTILLED}
    rows = [
        {"arm": arm, "seed": i, "teacher_seed": None if arm == "teacher" else i % 3, "test_errors": e,
         "test_errors_shifted": 2 * e + i, "agreement": 0.99}
        for arm, errors in arms.items() for i, e in enumerate(errors)
    ]  # fmt: skip
    return pd.DataFrame(rows[::-1])


def entry(check=(), **fields):
    """A valid entry of the ledger with one check, changed as asked for; a field set to None is left out."""
    one = {
        "label": "student", "unit": "errors", "experiment": "hinton_mnist", "column": "test_errors",
        "where": {"arm": "distilled"}, "relation": "less", "than": 100, **dict(check),
    }  # fmt: skip
    whole = {
        "id": "some-claim", "chapter": "01", "statement": "s", "summary_verdict": "correct", "why": "w", "source": "p",
        "checked": "full text read", "published": "74", "test": "experiment",
        "checks": [{k: v for k, v in one.items() if v is not None}], **fields,
    }  # fmt: skip
    return {k: v for k, v in whole.items() if v is not None}


def read(tmp_path, *entries):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(list(entries)))
    return load_claims(path)


def claim(tmp_path, check=(), **fields):
    return read(tmp_path, entry(check, **fields))[0]


def check_of(tmp_path, **check):
    return claim(tmp_path, check).checks[0]


def verdict(tmp_path, *checks, **fields):
    made = [entry(c)["checks"][0] for c in checks]
    return evaluate(read(tmp_path, entry(checks=made, **fields))[0], lambda name: table()).verdict


def test_a_level_is_one_value_a_seed_in_the_order_of_seeds(tmp_path):
    assert values(check_of(tmp_path), table()).tolist() == DISTILLED


def test_differences_are_paired_by_seed(tmp_path):
    assert values(check_of(tmp_path, versus={"arm": "hard"}), table()).tolist() == [-62, -68, -65, -69, -76]


def test_two_columns_of_the_same_rows_can_be_compared_and_scaled(tmp_path):
    check = check_of(tmp_path, versus_column="test_errors_shifted", compare="ratio", scale=100)
    assert values(check, table()).tolist() == pytest.approx([100 * e / (2 * e + i) for i, e in enumerate(DISTILLED)])


def test_students_of_one_teacher_are_averaged_before_they_are_compared_with_it(tmp_path):
    # students 0 and 3 have teacher 0, students 1 and 4 teacher 1, student 2 teacher 2
    found = values(check_of(tmp_path, versus={"arm": "teacher"}), table())
    assert found.tolist() == [(78 + 86) / 2 - 66, (82 + 74) / 2 - 70, 80 - 68]


def test_a_share_is_the_part_of_the_way_to_the_goal(tmp_path):
    check = check_of(tmp_path, versus={"arm": "hard"}, goal={"arm": "teacher"}, compare="share")
    way = [(h - d) / (h - TEACHER[i % 3]) for i, (h, d) in enumerate(zip(HARD, DISTILLED, strict=True))]
    expected = [(way[0] + way[3]) / 2, (way[1] + way[4]) / 2, way[2]]
    assert values(check, table()).tolist() == pytest.approx(expected)


def test_the_estimate_is_the_t_interval_computed_by_hand(tmp_path):
    # differences -62 -68 -65 -69 -76: mean -68, sd sqrt(110 / 4) = 5.24404, t(4) = 2.77645, half width 6.51136
    ours = evaluate(claim(tmp_path, {"versus": {"arm": "hard"}}), lambda name: table()).measured[0].ours
    assert (ours.mean, ours.n) == (-68, 5)
    assert (ours.low, ours.high) == pytest.approx((-74.51136, -61.48864), abs=1e-4)


@pytest.mark.parametrize(
    ("change", "low", "high", "expected"),
    [
        (NUMBER, 104, 120, "holds"),
        (NUMBER, 80, 95, "holds"),
        (NUMBER, 106, 120, "same sign and order"),
        (NUMBER, 40, 60, "same sign and order"),
        (NUMBER, 30, 31, "fails"),  # 100 / sqrt(10) = 31.6
        (NUMBER, 320, 340, "fails"),
        (NUMBER, -2, 90, "fails"),
        (NUMBER, -120, -100, "fails"),
        ({**NUMBER, "relation": "greater"}, 500, 600, "holds"),
        ({**NUMBER, "relation": "greater"}, 70, 80, "same sign and order"),
        ({**NUMBER, "relation": "less"}, 1, 2, "holds"),
        ({**NUMBER, "relation": "less"}, 106, 107, "same sign and order"),
        ({**NUMBER, "published": 0}, 6, 7, "fails"),
        ({**NUMBER, "published": 0}, -1, 7, "holds"),
        ({"relation": "greater", "than": 2, "tolerance": None}, 2.1, 3, "holds"),
        ({"relation": "greater", "than": 2}, 1.9, 30, "fails"),
        ({"relation": "less", "than": 2}, 1, 1.9, "holds"),
        ({"relation": "less", "than": 2}, 1, 2.1, "fails"),
    ],
)
def test_the_outcome_of_a_check_follows_from_its_interval(tmp_path, change, low, high, expected):
    change = {"than": None, "relation": None, **change}
    assert outcome(check_of(tmp_path, **change), claims.Estimate((low + high) / 2, low, high, 5)) == expected


def test_no_effect_of_a_ratio_is_one(tmp_path):
    ratio = {"published": 0.9, "tolerance": 0.01, "tolerance_reason": "r", "relation": None, "than": None}
    check = check_of(tmp_path, versus={"arm": "hard"}, compare="ratio", **ratio)
    assert outcome(check, claims.Estimate(0.84, 0.82, 0.86, 5)) == "same sign and order"
    assert outcome(check, claims.Estimate(1.05, 1.02, 1.08, 5)) == "fails"


def test_a_single_seed_and_missing_results_give_no_outcome(tmp_path):
    assert outcome(check_of(tmp_path), claims.Estimate(80, 80, 80, 1)) == "no full results yet"
    assert outcome(check_of(tmp_path), None) == "no full results yet"


HOLDS, FAILS = {"than": 100}, {"than": 50}
NEAR = {"published": 67, "tolerance": 1, "tolerance_reason": "r", "relation": None, "than": None}
SHOWN = {"shown": True, "relation": None, "than": None}


@pytest.mark.parametrize(
    ("checks", "fields", "expected"),
    [
        ([HOLDS], {}, "reproduced"),
        ([HOLDS, SHOWN], {}, "reproduced"),
        ([HOLDS], {"deviations": ["fewer images"]}, "reproduced with a correction"),
        ([HOLDS, NEAR], {}, "reproduced with a correction"),
        ([HOLDS, FAILS], {}, "not reproduced"),
        ([NEAR, FAILS], {"deviations": ["fewer images"]}, "not reproduced"),
    ],
)
def test_the_verdict_is_computed_from_all_checks(tmp_path, checks, fields, expected):
    assert verdict(tmp_path, *checks, **fields) == expected


@pytest.mark.parametrize("test", ["citation", "constants", "not testable here"])
def test_what_is_not_measured_is_not_testable_here(tmp_path, test):
    row = evaluate(claim(tmp_path, test=test, checks=[], reason="settled by reading"), lambda name: table())
    assert (row.verdict, row.measured) == ("not testable here", ())


def missing(name):
    raise FileNotFoundError(name)


def test_quick_results_are_shown_as_provisional_and_decide_nothing(tmp_path):
    row = evaluate(claim(tmp_path), missing, lambda name: table())
    assert row.verdict == "no full results yet"
    assert [(m.ours, str(m.yours)) for m in row.measured] == [(None, "80 [74.4, 85.6]")]


def test_a_quick_run_may_lack_rows_that_the_full_one_has(tmp_path):
    row = evaluate(claim(tmp_path), lambda name: table(), lambda name: table()[table()["arm"] != "distilled"])
    assert (row.verdict, [m.yours for m in row.measured]) == ("reproduced", [None])


def test_full_results_decide_without_quick_ones(tmp_path):
    row = evaluate(claim(tmp_path), lambda name: table(), missing)
    assert (row.verdict, [m.yours for m in row.measured]) == ("reproduced", [None])


@pytest.mark.parametrize(
    ("check", "change", "message"),
    [
        ({}, lambda t: t.drop(columns="test_errors"), "the results of hinton_mnist, got ['test_errors']"),
        ({}, lambda t: t.drop(columns="arm"), "columns must be among the results of hinton_mnist, got ['arm']"),
        ({}, lambda t: t[t["arm"] != "distilled"], "has no row, or several a seed, for {'arm': 'distilled'}"),
        ({}, lambda t: pd.concat([t, t]), "several a seed"),
        ({}, lambda t: t.assign(test_errors=float("nan")), "every value of hinton_mnist.test_errors must be finite"),
        (
            {"versus": {"arm": "teacher"}},
            lambda t: t[(t["arm"] != "teacher") | (t["seed"] > 1)],
            "seeds must be those of rows of {'arm': 'teacher'} too, got [0, 1, 0, 1]",
        ),
        ({"versus": {"arm": "hard"}}, lambda t: t[(t["arm"] != "hard") | (t["seed"] < 3)], "got [3, 4]"),
    ],
)
def test_a_table_that_cannot_answer_is_refused_by_the_claims_name(tmp_path, check, change, message):
    with pytest.raises(ValueError) as caught:
        evaluate(claim(tmp_path, check), lambda name: change(table()))
    assert str(caught.value).startswith("claim some-claim: check 'student'") and message in str(caught.value)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"experiment": "hintom"}, "field experiment: question must be one of ... got 'hintom'"),
        ({"column": "errors"}, "field column: column of hinton_mnist must be one of ... got 'errors'"),
        ({"versus_column": "errors"}, "field versus_column: column of ... got 'errors'"),
        ({"where": {"arms": "hard"}}, "field where: column of ... got 'arms'"),
        ({"versus": {"arms": "hard"}}, "field versus: column of ... got 'arms'"),
        ({"where": {}}, "field where: Dictionary should have at least 1 item"),
        ({"unit": None}, "field unit: Field required"),
        ({"units": "errors"}, "field units: Unexpected keyword argument"),
        ({"relation": "below"}, "field relation: Input should be 'greater' or 'less', got 'below'"),
        ({"compare": "quotient"}, "field compare: Input should be 'difference', 'ratio' or 'share'"),
        ({"compare": "ratio"}, "field versus must be given, since compare is ratio, got None"),
        (
            {"compare": "share", "versus": {"arm": "hard"}},
            "field goal must be given with compare: share alone, got None",
        ),
        ({"goal": {"arm": "teacher"}}, "field goal must be given with compare: share alone, got {'arm'"),
        ({"relation": None}, "field published, or relation with than, must be given, got None and"),
        ({"than": None}, "field published, or relation with than, must be given, got"),
        ({"than": "1e-6"}, "field than: Input should be a valid number, got '1e-6'"),
        ({"scale": float("inf")}, "field scale: Input should be a finite number, got inf"),
        ({"published": True}, "field published: Input should be a valid number, got True"),
        ({**NUMBER, "tolerance": None, "than": None}, "field tolerance must be given beside published, got None"),
        ({**NUMBER, "tolerance": -1, "than": None}, "field tolerance: Input should be greater than or equal to 0"),
        (
            {**NUMBER, "tolerance_reason": "", "than": None},
            "field tolerance_reason must be given beside published, got ''",
        ),
        (NUMBER, "field than must be left out beside published, got"),
    ],
)
def test_a_wrong_check_is_refused_with_claim_check_and_field(tmp_path, check, message):
    with pytest.raises(ValueError) as caught:
        claim(tmp_path, check)
    assert str(caught.value).startswith("claim some-claim, check 'student': field ")
    assert all(part in str(caught.value) for part in message.split(" ... "))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"why": None}, "field why: Field required"),
        ({"statement": ""}, "field statement: String should have at least 1 character"),
        ({"verdict": "reproduced"}, "field verdict: Unexpected keyword argument"),
        ({"chapter": "1"}, "field chapter: String should match pattern '^\\d\\d$', got '1'"),
        ({"summary_verdict": "false"}, "field summary_verdict: Input should be 'correct', 'imprecise'"),
        ({"test": "experiments"}, "field test: Input should be 'experiment', 'citation'"),
        ({"test": "citation", "checks": []}, "field reason must be given, since test is citation, got ''"),
        ({"test": "citation", "reason": "read"}, "field checks must be empty"),
        ({"checks": []}, "field checks must be such that one decides, got none"),
    ],
)
def test_a_wrong_claim_is_refused_with_claim_and_field(tmp_path, fields, message):
    with pytest.raises(ValueError) as caught:
        claim(tmp_path, **fields)
    assert str(caught.value).startswith("claim some-claim: field ") and message in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    with pytest.raises(ValueError) as caught:
        claim(tmp_path, {"unit": None, "experiment": "hintom", "column": "errors"}, why=None)
    fields = [line.split("field ")[1].split(":")[0] for line in str(caught.value).splitlines()]
    assert fields == ["why", "unit", "experiment"]


def test_an_id_is_used_once(tmp_path):
    with pytest.raises(ValueError, match="claim some-claim: field id must be used once"):
        read(tmp_path, entry(), entry())


def test_the_shipped_ledger_is_valid_and_holds_every_claim_of_the_first_chapters():
    assert {c.id for c in load_claims() if c.chapter in ("00", "01")} >= EARLY


def test_every_arm_that_the_shipped_ledger_names_is_measured_by_the_full_profile():
    checks = [check for c in load_claims() for check in c.checks]
    names = {c.experiment for c in checks}
    # a trial may measure rows of other arms besides, such as a sum over comparisons
    measured = {name: {t.arm for t in arms.trials(name, "full")} | set(load(name).arm) for name in names}
    for check in checks:
        for where in (check.where, check.versus, check.goal):
            assert where is None or where["arm"] in measured[check.experiment], check.label


def test_claims_cannot_be_changed(tmp_path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        claim(tmp_path).published = "80"


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A ledger of two chapters, full results of one experiment, and a quick run of it."""
    entries = [
        entry(id="read-it", chapter="00", test="citation", checks=[], reason="settled by reading"),
        entry(HOLDS, id="few-errors", links=["https://arxiv.org/abs/1503.02531"], deviations=["a|b"]),
    ]
    shipped = read(tmp_path, *entries)
    monkeypatch.setattr(claims, "load_claims", lambda: shipped)
    monkeypatch.setattr(claims, "load", lambda name: table())
    (tmp_path / "results").mkdir()
    save_results(Results(table().query("seed < 2").assign(test_errors=300)), "hinton_mnist", tmp_path / "results")
    return tmp_path


def test_the_ledger_has_a_row_a_claim_with_reference_and_quick_numbers_apart(measured):
    found = rows(quick_folder=measured)
    assert [row.verdict for row in found] == ["not testable here", "reproduced with a correction"]
    numbers = [[(str(m.ours), str(m.yours)) for m in row.measured] for row in found]
    assert numbers == [[], [("80 [74.4, 85.6]", "300 [300, 300]")]]
    assert [row.claim.id for row in rows("01")] == ["few-errors"]


def test_a_chapter_without_claims_is_refused(measured):
    with pytest.raises(ValueError, match="chapter must be one with claims, .* got '1'"):
        rows("1")


def test_the_page_is_the_same_each_time_and_shows_verdict_why_and_deviations(measured):
    path = write_markdown(measured / "out" / "CLAIMS.md")
    text = path.read_text()
    assert write_markdown(measured / "again.md").read_text() == text
    assert "## Chapter 00" in text and "## Chapter 01" in text
    assert "| [few-errors](#few-errors) | s | correct | **reproduced with a correction** |" in text
    assert "| student (errors) | < 100 | 80 [74.4, 85.6] | 5 | holds |" in text
    assert "- The summary, by reading: correct. w" in text and "- Where the test differs: a|b" in text
    assert "- Why it is not measured: settled by reading" in text
    assert "300" not in text


@pytest.mark.parametrize("width", [100, 120])
def test_the_terminal_table_keeps_to_its_width(measured, capsys, width):
    print_table(quick_folder=measured, width=width)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-1])) <= width
    assert lines[0].split() == ["claim", "published", "reference", "yours", "verdict"]
    assert lines[2].startswith("01 few-errors ...") and lines[2].endswith(" reproduced with a correction")
    assert lines[3].split() == ["-", "student", "<", "100", "80", "[74.4,", "85.6]", "(300)", "holds"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.0, "0"), (67, "67"), (4730.0, "4,730"), (146.4, "146"), (68.73, "68.7"), (-7.512, "-7.51"),
     (0.0604, "0.060"), (0.00012, "1.2e-04"), (float("nan"), "nan")],
)  # fmt: skip
def test_numbers_are_shown_with_three_digits_or_so(value, text):
    assert number(value) == text


def test_the_committed_ledger_and_the_readme_say_what_the_results_say(tmp_path):
    written = claims.write_markdown(tmp_path / "CLAIMS.md").read_text()
    assert written == claims.MARKDOWN.read_text(), "run `make claims`"
    copy = tmp_path / "README.md"
    copy.write_text(claims.README.read_text())
    assert claims.write_summary(copy).read_text() == claims.README.read_text(), "run `make claims`"


def test_a_readme_without_marks_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(ValueError, match="must be a text with the marks"):
        claims.write_summary(tmp_path / "README.md")
