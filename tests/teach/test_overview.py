"""The exercises of chapter 00: right answers pass, stubs are no answers, usual mistakes get their own hint."""

from kdbook.teach import check_gap_closed, check_other_alpha, check_size_ratio

from .exercises import exercise_tests

RIGHT = [
    (check_size_ratio, 2_395_210 / 1_276_810),
    (check_gap_closed, 72 / 79),
    (check_other_alpha, 1 / 145),
]

WRONG = [
    (check_size_ratio, 0.533, "inverse"),
    (check_size_ratio, 1.5, "hidden units"),
    (check_size_ratio, 3.0, "Too large"),
    (check_size_ratio, "two", "number is needed"),
    (check_gap_closed, 91.14, "between 0 and 1"),
    (check_gap_closed, 0.507, "perfect copy"),
    (check_gap_closed, 0.0886, "stays open"),
    (check_other_alpha, 144 / 145, "other term"),
    (check_other_alpha, 0.1, "What else"),
    (check_other_alpha, 0.9, "nearly all"),
    (check_other_alpha, 0.5, "Too large"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
