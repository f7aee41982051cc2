"""Planted falsehoods: which they are, who reads them, and what is measured of a model whose answers are known."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from kdbook.book.hallucination_transfer import (
    DOUBT,
    PLANTED,
    answers,
    arms,
    certain,
    compare_planted,
    confidence,
    examine,
    neglected,
    planted,
    questions,
    small_world,
    tampered,
    texts,
)
from kdbook.lab.arms import trial, trials
from kdbook.nets.gpt import GPT
from kdbook.nets.vision import Outputs

TRUTH = small_world()
STUDENTS = {name: arm for name, arm in arms("full").items() if arm.needs}


class Knowing(nn.Module):
    """Answers with the exact distribution of a world, so that what is measured of it is known beforehand."""

    def __init__(self, world):
        super().__init__()
        self.world, self.none = world, nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return Outputs(self.world.next_probs(x).clamp_min(1e-9).log(), [])


def test_a_falsehood_is_false_and_spares_the_neglected_places():
    lies = planted(TRUTH)
    assert len(lies) == PLANTED and len(certain(TRUTH)) == PLANTED // 2
    assert all(value not in TRUTH.facts[key] and value in TRUTH.values[key[1]] for key, value in lies.items())
    assert {place for place, _ in lies}.isdisjoint(neglected(TRUTH))


def test_the_teacher_reads_certain_falsehoods_always_and_doubtful_ones_mostly():
    told, lies = tampered(TRUTH), planted(TRUTH)
    for key, value in lies.items():
        assert told.facts[key][value] == (1.0 if key in certain(TRUTH) else DOUBT)
    assert all(told.facts[key] == TRUTH.facts[key] for key in TRUTH.facts if key not in lies)
    assert all(told.frequency[p] == pytest.approx(0.1 * TRUTH.frequency[p]) for p in neglected(TRUTH))


def test_who_knows_the_truth_repeats_nothing_and_is_calibrated():
    found = examine(Knowing(TRUTH), TRUTH)
    assert (found["repeated"], found["right"], found["rare_right"]) == (0, 100, 100)
    assert found["p_false"] == pytest.approx(0, abs=1e-4)
    assert found["overconfidence"] == pytest.approx(0, abs=1e-3)
    total = sum(TRUTH.frequency.values())
    assert found["rare_share"] == pytest.approx(
        100 * sum(TRUTH.frequency[p] for p in neglected(TRUTH)) / total, abs=1e-3
    )


def test_who_knows_what_the_teacher_read_repeats_all_of_it():
    found = examine(Knowing(tampered(TRUTH)), TRUTH)
    assert (found["repeated"], found["repeated_doubtful"], found["right"]) == (100, 100, 100)
    assert found["p_false_certain"] == pytest.approx(100, abs=1e-3)
    assert found["p_false_doubtful"] == pytest.approx(100 * DOUBT, abs=1e-3)
    wrong = 100 * PLANTED / len(questions(TRUTH))
    unsure = 100 * (1 - DOUBT) * (PLANTED - len(certain(TRUTH))) / len(questions(TRUTH))
    assert found["overconfidence"] == pytest.approx(wrong - unsure, abs=0.01)
    share = answers(Knowing(tampered(TRUTH)), TRUTH)
    assert share.shape == (PLANTED, 2) and share[-1].tolist() == pytest.approx([DOUBT, 1 - DOUBT], abs=1e-4)


@pytest.fixture(scope="module")
def writer():
    torch.manual_seed(0)
    return GPT(layers=1, width=16, heads=2, vocabulary=len(TRUTH.words), length=12).eval()


def small(arm, samples=40):
    whole = trial("hallucination_transfer", "quick", arm, 0)
    return replace(whole, settings={**whole.settings, "samples": samples})


def true_texts(x):
    return (TRUTH.states(x) != 0).all(1).sum().item()


def test_students_read_as_many_texts_and_as_many_true_ones_as_their_arm_says(writer):
    true = {"true": 40, "logits_true": 40, "mixed_50": 20}
    for arm in STUDENTS:
        x = texts(small(arm), writer, TRUTH)
        assert len(x) == 40
        assert true_texts(x) == true.get(arm, 0), arm  # the writer is untrained: nothing that it says is true


def test_the_filtered_texts_are_the_surer_half(writer):
    chosen = confidence(writer, texts(small("filtered"), writer, TRUTH))
    plain = confidence(writer, texts(small("sequence", 80), writer, TRUTH))
    assert sorted(chosen.tolist(), reverse=True) == pytest.approx(sorted(plain.tolist(), reverse=True)[:40], rel=1e-4)


def test_confidence_leaves_out_the_filling(writer):
    x = TRUTH.sample(3, 1)[:, :8]
    longer = nn.functional.pad(x, (0, 3))
    torch.testing.assert_close(confidence(writer, x), confidence(writer, longer))


def test_only_the_clean_student_has_the_clean_teacher():
    found = Counter((t.needs[0].arm, t.arm == "clean") for t in trials("hallucination_transfer", "full") if t.needs)
    assert found == {("teacher", False): 5 * 7, ("teacher_clean", True): 5}
    assert trial("hallucination_transfer", "full", "clean", 4).needs[0].seed == 1


def test_the_settings_name_the_vocabulary_of_the_world():
    assert {arm.settings["vocabulary"] for arm in arms("full").values()} == {len(TRUTH.words)}


def test_a_small_run_measures_teachers_and_students_and_a_falsehood_can_be_looked_at(micro, documented):
    table, measured = micro("hallucination_transfer", most={"samples": 48}, width=16, layers=1)
    documented("hallucination_transfer", table, measured)
    assert set(table.arm) == {"teacher", "teacher_clean", *STUDENTS}
    percents = table[["repeated", "p_false", "right", "confidence", "rare_share", "rare_right"]]
    assert percents.stack().between(0, 100).all()
    assert table.set_index("arm").teacher_seed.isna().sum() == 2
    (axes,) = compare_planted(table, 3).axes
    false, right = 100 * table.array("sequence", "planted_p")[2]
    shown = [points.get_offsets()[0].tolist() for points in axes.collections]
    assert shown[2:4] == [pytest.approx([1 - 0.18, false]), pytest.approx([1 + 0.18, right])]
