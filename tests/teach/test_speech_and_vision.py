"""The exercises of chapter 07: solutions pass, usual mistakes get their own hint."""

import pytest
import torch

from kdbook.teach import check_ensemble, check_share_kept, check_words_needed

SOLUTIONS = [
    (check_share_kept, 100 * 1.9 / 2.2),
    (check_words_needed, 50_000),
    (check_ensemble, lambda z: z.softmax(-1).mean(0).log()),
    (check_ensemble, lambda z: z.log_softmax(-1).logsumexp(0)),
]


@pytest.mark.parametrize(("check", "solution"), SOLUTIONS)
def test_the_solution_passes(check, solution):
    assert check(solution).passed, check(solution)


@pytest.mark.parametrize("check", [check_share_kept, check_words_needed, check_ensemble])
@pytest.mark.parametrize("stub", [..., None, lambda *given: ...])
def test_a_stub_is_not_an_answer(check, stub):
    assert not check(stub).passed


@pytest.mark.parametrize("stub", [..., lambda z: ...])
def test_an_empty_exercise_says_so(stub):
    assert "Not answered yet" in check_ensemble(stub).message


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (check_share_kept, 0.8636, "as a fraction"),
        (check_share_kept, 99.51, "one net alone has 96 %"),
        (check_share_kept, 13.64, "that is lost"),
        (check_share_kept, 115.8, "Upside down"),
        (check_share_kept, 1.9, "in points"),
        (check_share_kept, 50, "Too small"),
        (check_words_needed, 12_500, "*one* standard error"),
        (check_words_needed, 25_000, "four times the words"),
        (check_words_needed, 80, "does not occur"),
        (check_words_needed, 5, "0.002 of all words"),
        (check_words_needed, 194_238, "nothing to do with each other"),
        (check_words_needed, 1e6, "Too large"),
        (check_ensemble, lambda z: z.mean(0), "geometric"),
        (check_ensemble, lambda z: z.softmax(-1).mean(0), "softmax is still to be taken"),
        (check_ensemble, lambda z: z.softmax(-1).sum(0), "sums of probabilities"),
        (check_ensemble, lambda z: z.max(0).values, "no average"),
        (check_ensemble, lambda z: z[0], "first net alone"),
        (check_ensemble, lambda z: z.softmax(-1).mean(1).log(), "shape"),
        (check_ensemble, lambda z: z, "shape (4, 5)"),
        (check_ensemble, lambda z: torch.zeros(4, 5), "not the mean"),
        (check_ensemble, lambda z: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_usual_mistake_gets_its_own_hint(check, answer, hint):
    feedback = check(answer)
    assert not feedback.passed
    assert hint in feedback.message
