import dataclasses

import pytest

from kdbook.lab import arms, load, statements
from kdbook.lab.statements import load_claims, published
from kdbook.show import rows_of
from tests.lab.ledger_cases import claim, entry, read

EARLY = {
    "hinton-2015-venue", "follow-on-venues", "dark-knowledge-term", "analogy-70-20", "too-slow-and-large",
    "two-softmax-example", "student-can-match-teacher", "information-per-example", "soft-target-gradient-variance",
    "class-similarity-2-3-8", "teacher-confidence-weighting", "label-smoothed-teacher", "student-teacher-fidelity",
    "mnist-67-146-74", "mnist-missing-three", "mnist-missing-three-mechanism", "mnist-sevens-and-eights",
    "hard-labels-teach-no-relations", "generalisation-structure", "transfer-without-translations",
}  # fmt: skip
NUMBER = {"published": 100, "tolerance": 5, "tolerance_reason": "one run"}


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
        ({"relation": None}, "field relation must be given beside than, got None"),
        (
            {"relation": None, "than": None},
            "field relation, or published with tolerance, must be given for a key check",
        ),
        ({"tolerance": 5, "tolerance_reason": "r"}, "field published must be given beside tolerance, got None"),
        ({"errors": 100}, "field published must be given beside errors, got None"),
        ({"smallest_reason": None}, "field smallest_reason must be given with smallest, and only then, got ''"),
        ({"smallest": None}, "field smallest_reason must be given with smallest, and only then, got 'one in twenty'"),
        (
            {"smallest": None, "smallest_reason": None},
            "field smallest must be given for a key check without a published effect",
        ),
        ({"control": True}, "field relation and than must be given for a control, which is no key check"),
        ({"of": ["student"]}, "field of must be given for a control alone"),
        ({"than": "1e-6"}, "field than: Input should be a valid number, got '1e-6'"),
        ({"scale": float("inf")}, "field scale: Input should be a finite number, got inf"),
        ({"published": True}, "field published: Input should be a valid number, got True"),
        ({**NUMBER, "tolerance": -1}, "field tolerance: Input should be greater than or equal to 0"),
        (
            {**NUMBER, "tolerance_reason": ""},
            "field tolerance_reason must be given with tolerance, and only then, got ''",
        ),
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
        ({"checks": []}, "field checks must be such that one is a key check, got none"),
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


def listed(value):
    return value if isinstance(value, list | tuple) else [value]


def test_every_arm_that_the_shipped_ledger_names_is_measured_by_the_full_profile():
    checks = [check for c in load_claims() for check in c.checks]
    names = {c.experiment for c in checks}
    # a trial may measure rows of other arms besides, such as a sum over comparisons
    measured = {name: {t.arm for t in arms.trials(name, "full")} | set(load(name).arm) for name in names}
    for check in checks:
        for where in (check.where, check.versus, check.goal):
            named = listed(where.get("arm", ())) if where else ()
            assert {*named} <= measured[check.experiment], check.label
            assert where is None or named or len(rows_of(load(check.experiment), where)), check.label


def test_claims_cannot_be_changed(tmp_path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        claim(tmp_path).published = "80"


def test_a_control_bears_on_checks_of_its_own_claim(tmp_path):
    control = entry({"label": "control", "key": False, "control": True, "smallest": None, "smallest_reason": None,
                     "of": ["another"]})["checks"]  # fmt: skip
    with pytest.raises(ValueError, match=r"of must be labels of the claim's own checks, got \['another'\]"):
        claim(tmp_path, checks=entry()["checks"] + control)


def test_a_figure_asks_for_a_published_number_by_claim_and_check(tmp_path, monkeypatch):
    shipped = read(tmp_path, entry({"published": 74, "label": "student"}))
    monkeypatch.setattr(statements, "load_claims", lambda: shipped)
    assert published("some-claim", "student") == 74
    with pytest.raises(KeyError):
        published("some-claim", "teacher")
