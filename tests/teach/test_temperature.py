"""The exercises of chapter 02: right answers pass, stubs are no answers, usual mistakes get their own hint."""

from kdbook.teach import check_dark_mass, check_repaired_stack, check_temperature_for_top

from .exercises import exercise_tests, softmax_by_hand


def dark_mass_by_hand(z, t):
    return 1 - softmax_by_hand(z, t).max(-1).values


def temperature_by_bisection(z, top):
    low, high = 1e-3, 1e3
    for _ in range(100):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if softmax_by_hand(z, middle).max() > top else (low, middle)
    return middle


RIGHT = [
    (check_dark_mass, dark_mass_by_hand),
    (check_temperature_for_top, temperature_by_bisection),
]

WRONG = [
    (check_dark_mass, lambda z, t: softmax_by_hand(z, t).max(-1).values, "top class itself"),
    (check_dark_mass, lambda z, t: dark_mass_by_hand(z, 1.0), "changes nothing"),
    (check_dark_mass, lambda z, t: dark_mass_by_hand(z, 1 / t), "sharper"),
    (check_dark_mass, lambda z, t: dark_mass_by_hand(z, 1.0) / t, "before the softmax"),
    (check_dark_mass, lambda z, t: 1 - softmax_by_hand(z, t)[:, 0], "Class 0"),
    (check_dark_mass, lambda z, t: softmax_by_hand(z, t).topk(2).values[:, 1], "runner-up"),
    (check_dark_mass, lambda z, t: dark_mass_by_hand(z, t).mean(), "shape (2,)"),
    (check_dark_mass, lambda z, t: "a word", "tensor of numbers"),
    (check_temperature_for_top, lambda z, top: 1.0, "higher T"),
    (check_temperature_for_top, lambda z, top: 100.0, "lower T"),
    (check_temperature_for_top, lambda z, top: 1 / temperature_by_bisection(z, top), "divides by T"),
    (check_temperature_for_top, lambda z, top: -2.0, "positive and finite"),
    (check_temperature_for_top, lambda z, top: z, "One temperature"),
    (check_repaired_stack, lambda z, T: (z / T).softmax(1 if z.ndim > 1 else 0), "do the classes of an image"),
    (check_repaired_stack, lambda z, T: (z / T).softmax(0), "A table"),
    (check_repaired_stack, lambda z, T: (z / T).softmax(min(z.ndim - 1, 2)), "four axes"),
]

test_a_right_answer_passes, test_a_stub_is_no_answer, test_a_mistake_gets_its_own_hint = exercise_tests(RIGHT, WRONG)
