import math

import pandas as pd
import pytest

from kdbook.lab import Results, claims
from kdbook.lab.claims import evaluate, number, rows, word
from kdbook.lab.results import save_results
from tests.lab.ledger_cases import checks, claim, entry, read, table

HARD = {"versus": {"arm": "hard"}, "than": 0}
# the students' errors by teacher are 82, 78 and 80: mean 80, sd 2, t(2) = 4.30265, half width 4.96828
# minus those of labels -65.5, -72, -65: mean -67.5, sd sqrt(30.5 / 2) = 3.90512, half width 9.70083
CONTROL = {"label": "control", "key": False, "control": True, "smallest": None, "smallest_reason": None}
PAPER = {"published": -79, "errors": 146, "smallest": None, "smallest_reason": None, **HARD}


def measured(made, load_full=lambda name: table()):
    return evaluate(made, load_full)


def missing(name):
    raise FileNotFoundError(name)


def test_the_estimate_is_the_t_interval_computed_by_hand(tmp_path):
    ours = measured(claim(tmp_path, HARD))[0].ours
    assert (ours.mean, ours.n) == (-67.5, 3)
    assert (ours.low, ours.high) == pytest.approx((-77.20083, -57.79917), abs=1e-4)


def test_a_published_effect_is_carried_over_in_proportion_to_errors_and_half_of_it_is_of_interest(tmp_path):
    found = measured(claim(tmp_path, {**PAPER, "tolerance": 14.6, "tolerance_reason": "r"}))[0]
    # labels make 148 errors here, 146 there
    assert found.carried == pytest.approx(-79 * 148 / 146)
    assert found.aim.smallest == pytest.approx(79 * 148 / 146 / 2)
    assert found.aim.band == pytest.approx((65.28219, 94.88219), abs=1e-4)
    assert found.outcome == "shown"


def test_a_published_ratio_has_no_effect_at_one(tmp_path):
    ratio = {"versus": {"arm": "hard"}, "compare": "ratio", "published": 0.5, "than": None, "smallest": None}
    found = measured(claim(tmp_path, {**ratio, "smallest_reason": None}))[0]
    assert (found.carried, found.aim.smallest, found.outcome) == (0.5, 0.25, "shown")  # 0.54 of the errors


def test_the_smallest_effect_may_be_a_part_of_the_gap_to_the_teacher(tmp_path):
    gap = {"where": {"arm": "hard"}, "versus": {"arm": "teacher"}}  # 148 - 68, a tenth of it
    assert measured(claim(tmp_path, {**HARD, "smallest": gap}))[0].aim.smallest == pytest.approx(8)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"than": 100}, "shown"),
        ({"than": 74}, "opposite"),
        ({"than": 80}, "absent"),  # at most 4.97 below, where 5 are of interest
        ({"than": 81}, "cannot tell"),
        ({"than": 110, "published": 60, "tolerance": 8, "tolerance_reason": "r"}, "other size"),
        ({"relation": None, "than": None, "published": 82, "tolerance": 9, "tolerance_reason": "r"}, "shown"),
        ({"relation": None, "than": None, "published": 70, "tolerance": 5, "tolerance_reason": "r"}, "opposite"),
        ({"relation": None, "than": None, "published": 80, "tolerance": 4, "tolerance_reason": "r"}, "cannot tell"),
        ({"key": False, "relation": None, "than": None}, ""),
    ],
)
def test_each_outcome_is_reached_from_a_table(tmp_path, change, expected):
    made = checks(tmp_path, change, {"than": 100})
    assert measured(made)[0].outcome == expected


def test_what_is_undecided_says_how_many_teachers_would_decide(tmp_path):
    undecided, shown = measured(checks(tmp_path, {"than": 81}, {"than": 100}))
    # sd 2, n = 3: 5.79 can be detected; with four 4.06
    assert undecided.detectable == pytest.approx(5.80, abs=0.05) and undecided.needed == 4
    assert shown.needed is None


@pytest.mark.parametrize(
    ("control", "than", "expected"),
    [
        ({"than": 86}, 74, "opposite"),  # the students make fewer than 86
        ({"than": 84}, 74, "cannot tell: set-up too small"),  # 84.97 cannot be excluded
        ({"than": 84}, 80, "cannot tell: set-up too small"),
        ({"than": 84}, 81, "cannot tell"),
        ({"than": 84}, 100, "shown"),
        ({"than": 84, "of": ["check 2"]}, 74, "opposite"),  # bears on another check
    ],
)
def test_a_failed_control_is_computed_from_rows_and_named(tmp_path, control, than, expected):
    made = checks(tmp_path, {**CONTROL, **control}, {"than": than}, {"than": 100})
    found = measured(made)[1]
    assert found.outcome == expected
    assert found.failed == (("control",) if control["than"] == 84 and "of" not in control else ())


def test_one_draw_tells_no_spread_and_gives_no_p(tmp_path):
    (found,) = measured(claim(tmp_path), lambda name: table().query("seed == 0"))
    assert (found.outcome, found.p, str(found.ours)) == ("cannot tell", None, "78")
    assert not claims._holds(found)


@pytest.mark.filterwarnings("error")
def test_constants_are_exact_and_certain(tmp_path):
    constant = {"column": "agreement", "than": None, "relation": None, "smallest": None, "smallest_reason": None}
    made = checks(tmp_path, *[{**constant, "published": p, "tolerance": 0, "tolerance_reason": "r"} for p in (0.99, 1)])
    assert [(m.outcome, m.p) for m in measured(made)] == [("shown", 1.0), ("opposite", 0.0)]


def test_without_results_there_is_no_outcome(tmp_path):
    made = claim(tmp_path)
    assert word(made, measured(made, missing)) == "no full results yet"


def test_quick_results_are_shown_as_provisional_and_decide_nothing(tmp_path):
    made = claim(tmp_path)
    (found,) = evaluate(made, missing, lambda name: table())
    assert (found.ours, str(found.yours), found.outcome) == (None, "80 [75, 85]", "no full results yet")


def test_a_quick_run_may_lack_rows_that_the_full_one_has(tmp_path):
    (found,) = evaluate(claim(tmp_path), lambda name: table(), lambda name: table().query("arm != 'distilled'"))
    assert (found.outcome, found.yours) == ("shown", None)


@pytest.mark.parametrize("full", [True, False])
def test_a_table_that_cannot_answer_is_refused_by_the_claims_name(tmp_path, full):
    def twice(name):
        return pd.concat([table(), table()])

    with pytest.raises(ValueError, match="claim some-claim: check 'student'"):
        evaluate(claim(tmp_path), *([twice] if full else [missing, twice]))


@pytest.mark.parametrize(
    ("test", "checked", "expected"),
    [
        ("citation", "full text read", "checked by reading"),
        ("citation", "recalled", "recalled"),
        ("constants", "none", "not testable here"),
        ("not testable here", "none", "not testable here"),
    ],
)
def test_what_is_not_measured_says_how_it_was_checked(tmp_path, test, checked, expected):
    made = claim(tmp_path, test=test, checked=checked, checks=[], reason="settled by reading")
    assert word(made, ()) == expected


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """A ledger of two chapters with three key checks, full results of one question, and a quick run of it."""
    entries = [
        entry({"than": 81}, id="undecided", chapter="00"),
        entry(id="few-errors", checks=[entry({"label": label})["checks"][0] for label in "ab"]),
        entry(id="beside", checks=entry()["checks"] + entry({"label": "c", "than": 70, "key": False})["checks"]),
    ]
    shipped = read(tmp_path, *entries)
    monkeypatch.setattr(claims, "load_claims", lambda: shipped)
    monkeypatch.setattr(claims, "load", lambda name: table())
    (tmp_path / "results").mkdir()
    save_results(Results(table().query("seed < 2").assign(test_errors=300)), "hinton_mnist", tmp_path / "results")
    return tmp_path


def test_q_is_over_the_whole_ledger_also_where_one_chapter_is_asked_for(ledger):
    # t(2) = 20 / (2 / sqrt(3)) = 17.32: p = 0.00332 three times, and 0.478 once: q = p 4 / 3
    for found in (rows(), rows("01")):
        row = next(r for r in found if r.claim.id == "few-errors")
        assert [m.q for m in row.keys] == pytest.approx([0.00332 * 4 / 3] * 2, rel=2e-3)
    assert [row.claim.id for row in rows("01")] == ["few-errors", "beside"]


def test_other_checks_stand_beside_and_never_veto(ledger):
    row = rows()[-1]
    assert [m.outcome for m in row.measured] == ["shown", "opposite"] and row.verdict == "shown"
    assert row.measured[1].q is None


def test_a_row_has_reference_and_quick_numbers_apart(ledger):
    found = rows(quick_folder=ledger)[0].measured[0]
    assert (str(found.ours), str(found.yours)) == ("80 [75, 85]", "300 [300, 300]")


def test_a_chapter_without_claims_is_refused(ledger):
    with pytest.raises(ValueError, match="chapter must be one with claims, .* got '1'"):
        rows("1")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.0, "0"), (67, "67"), (4730.0, "4,730"), (146.4, "146"), (68.73, "68.7"), (-7.512, "-7.51"),
     (0.0604, "0.060"), (0.00012, "1.2e-04"), (math.nan, "nan")],
)  # fmt: skip
def test_numbers_are_shown_with_three_digits_or_so(value, text):
    assert number(value) == text
