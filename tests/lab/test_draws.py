import pandas as pd
import pytest

from kdbook.lab.draws import NoRowsError, errors, part_of_gap, values
from kdbook.lab.statements import Gap
from tests.lab.ledger_cases import BY_TEACHER, HARD, TEACHER, check_of, table


def test_a_level_is_one_number_a_teacher_in_the_order_of_teachers(tmp_path):
    assert values(check_of(tmp_path), table()).tolist() == BY_TEACHER


def test_without_teachers_it_is_one_number_a_seed(tmp_path):
    found = values(check_of(tmp_path, where={"arm": "hard"}), table().drop(columns="teacher_seed"))
    assert found.tolist() == HARD


def test_students_are_paired_by_seed_and_then_averaged_by_teacher(tmp_path):
    # differences of the seeds: -62 -68 -65 -69 -76
    found = values(check_of(tmp_path, versus={"arm": "hard"}), table())
    assert found.tolist() == [(-62 - 69) / 2, (-68 - 76) / 2, -65]


@pytest.mark.parametrize("taught", ["distilled", "hard"])
def test_they_are_averaged_by_teacher_whichever_side_has_one(tmp_path, taught):
    rows = table()
    rows.loc[rows["arm"] != taught, "teacher_seed"] = None
    found = values(check_of(tmp_path, versus={"arm": "hard"}), rows)
    assert found.tolist() == [(-62 - 69) / 2, (-68 - 76) / 2, -65]


def test_a_student_is_compared_with_its_own_teacher(tmp_path):
    found = values(check_of(tmp_path, versus={"arm": "teacher"}), table())
    assert found.tolist() == [b - t for b, t in zip(BY_TEACHER, TEACHER, strict=True)]


def test_a_baseline_without_teacher_that_does_not_teach_is_paired_by_seed(tmp_path):
    rows = table()
    rows.loc[rows["arm"] == "hard", "teacher_seed"] = None
    by_seed = values(check_of(tmp_path, versus={"arm": "hard"}), rows)
    assert by_seed.iloc[2] == 80 - 145  # student 2 with the baseline of seed 2, of whom teacher 2 is no name


def test_two_columns_of_the_same_rows_can_be_compared_and_scaled(tmp_path):
    check = check_of(
        tmp_path, where={"arm": "teacher"}, versus_column="test_errors_shifted", compare="ratio", scale=100
    )
    assert values(check, table()).tolist() == pytest.approx([100 * e / (2 * e + i) for i, e in enumerate(TEACHER)])


def test_two_columns_of_a_taught_teacher_are_of_the_same_row(tmp_path):
    # an assistant has a teacher and teaches: it is compared with itself, not with the assistant of its teacher's number
    rows = table().query("arm == 'teacher'").assign(teacher_seed=0)
    check = check_of(tmp_path, where={"arm": "teacher"}, versus_column="test_errors_shifted")
    assert values(check, rows).tolist() == [-(66 + 71 + 70) / 3]


def test_a_share_is_the_part_of_the_way_to_the_goal(tmp_path):
    check = check_of(tmp_path, versus={"arm": "hard"}, goal={"arm": "teacher"}, compare="share")
    way = [(140 - 78) / (140 - 66), (150 - 82) / (150 - 70), (145 - 80) / (145 - 68), (155 - 86) / (155 - 66)]
    way.append((150 - 74) / (150 - 70))
    expected = [(way[0] + way[3]) / 2, (way[1] + way[4]) / 2, way[2]]
    assert values(check, table()).tolist() == pytest.approx(expected)


def test_a_list_means_all_its_rows_so_that_every_peer_counts(tmp_path):
    check = check_of(tmp_path, where={"arm": ["distilled", "hard"]})
    both = [(140 + 78) / 2, (150 + 82) / 2, (145 + 80) / 2, (155 + 86) / 2, (150 + 74) / 2]
    assert values(check, table()).tolist() == [(both[0] + both[3]) / 2, (both[1] + both[4]) / 2, both[2]]
    with pytest.raises(ValueError, match="not 2 a seed"):
        values(check, table().query("arm != 'hard' or seed > 0"))


def test_errors_of_the_comparison_are_the_other_sides_in_the_checks_unit(tmp_path):
    assert errors(check_of(tmp_path, versus={"arm": "hard"}, scale=-0.01), table()) == pytest.approx(1.48)


def test_errors_of_a_score_are_what_is_missing_to_the_most(tmp_path):
    rows = table().assign(agreement=[0.9] * 13)
    check = check_of(tmp_path, column="agreement", versus={"arm": "hard"}, score_of=1, scale=100)
    assert errors(check, rows) == pytest.approx(10)


def test_a_part_of_the_gap_is_between_the_means_of_two_arms(tmp_path):
    gap = Gap({"arm": "hard"}, {"arm": "teacher"}, 0.5)
    assert part_of_gap(check_of(tmp_path), gap, table()) == pytest.approx((148 - 68) / 2)


@pytest.mark.parametrize(
    ("check", "change", "message"),
    [
        ({}, lambda t: t.drop(columns="test_errors"), "the results of hinton_mnist, got ['test_errors']"),
        ({}, lambda t: t.drop(columns="arm"), "columns must be among the results of hinton_mnist, got ['arm']"),
        ({}, lambda t: t[t["arm"] != "distilled"], "has no row, or not 1 a seed, for {'arm': 'distilled'}"),
        ({}, lambda t: pd.concat([t, t]), "not 1 a seed"),
        ({}, lambda t: t.assign(test_errors=float("nan")), "every value of hinton_mnist.test_errors must be finite"),
        (
            {"versus": {"arm": "teacher"}},
            lambda t: t[(t["arm"] != "teacher") | (t["seed"] > 1)],
            "seeds must be those of rows of {'arm': 'teacher'} too, got [0.0, 1.0, 0.0, 1.0]",
        ),
        ({"versus": {"arm": "hard"}}, lambda t: t[(t["arm"] != "hard") | (t["seed"] < 3)], "got [3, 4]"),
    ],
)
def test_a_table_that_cannot_answer_is_refused(tmp_path, check, change, message):
    with pytest.raises(ValueError) as caught:
        values(check_of(tmp_path, **check), change(table()))
    assert str(caught.value).startswith("check 'student'") and message in str(caught.value)


def test_rows_that_are_not_there_are_an_error_of_their_own(tmp_path):
    with pytest.raises(NoRowsError):
        values(check_of(tmp_path), table().query("arm == 'hard'"))
