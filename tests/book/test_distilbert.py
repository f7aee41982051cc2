"""DistilBERT's recipe: one change an arm, and a run with a few texts and narrow layers."""

import pytest
import torch

from kdbook.book import distilbert
from kdbook.data.tasks import TASKS
from kdbook.data.wordpiece import MASK, tokenizer
from kdbook.lab.arms import trial

FULL = distilbert.arms("full")


@pytest.mark.parametrize(
    ("arm", "changed"),
    [("no_soft", {"terms"}), ("random_init", {"init"}), ("triple_t4", {"temperature"}), ("alone", {"init", "terms"})],
)
def test_a_student_differs_from_that_of_the_full_recipe_in_what_its_name_says(arm, changed):
    full, other = FULL["triple"].settings, FULL[arm].settings
    assert {key for key in full if other[key] != full[key]} == changed


@pytest.mark.parametrize("arm", [arm for arm in FULL if not FULL[arm].teaches])
def test_whatever_a_student_is_made_from_goes_back_to_the_teacher_of_its_seed(arm):
    student = trial("distilbert", "full", arm, 4)
    assert student.seed == 4
    for need in student.needs:
        while need.needs:
            (need,) = need.needs
        assert (need.arm, need.seed) == ("teacher", 1)


def test_the_published_ratios_are_those_of_the_headlines():
    teacher, student = (sum(pair[i] for pair in distilbert.GLUE.values()) / 9 for i in range(2))
    assert (round(teacher, 1), round(student, 1)) == (79.5, 77.0)
    rest = [pair for task, pair in distilbert.GLUE.items() if task != "WNLI"]
    assert 100 * sum(s for _, s in rest) / sum(t for t, _ in rest) == pytest.approx(96.2, abs=0.05)


def test_every_blank_hides_one_whole_word_of_a_held_out_definition():
    x, at, hidden = distilbert.blanks()
    assert len(x) == distilbert.BLANKS and (x == MASK).sum(1).tolist() == [1] * len(x)
    assert bool((x[torch.arange(len(x)), at] == MASK).all())
    words = [tokenizer().id_to_token(int(i)) for i in hidden]
    assert all(word.isalpha() and len(word) >= 5 for word in words)


@pytest.mark.slow
def test_a_small_run_trains_every_arm(micro, micro_store, documented):
    table, measured = micro("distilbert", most={"width": 8, "heads": 2, "samples": 64, "limit": 16, "pairs": 16})
    documented("distilbert", table, measured)
    before = table[table.task.isna()].set_index("arm")
    assert set(before.index) == {arm for arm in FULL if not arm.startswith("tasks_")}
    assert before.masked_loss.between(3, 9).all() and before.loc["teacher", "tokens_per_second"] > 0
    assert before.loc["triple", "parameters"] < before.loc["teacher", "parameters"]
    scores = table[table.task.notna()].pivot_table(index="arm", columns="task", values="score")
    assert set(scores.index) == set(FULL) - set(before.index) and set(scores) == {*TASKS, "macro"}
    assert scores.macro.tolist() == pytest.approx(scores[list(TASKS)].mean(axis=1).tolist())
    kept = micro_store.read(next(t for t in measured if t.arm == "alone")).pictures
    assert kept["blank_words"].shape == kept["blank_p"].shape == (distilbert.BLANKS, 5)
