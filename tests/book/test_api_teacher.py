"""What the teacher is asked for how often, what students do with it, and a run of a few calls."""

from collections import defaultdict

import torch

from kdbook.book.api_teacher import ANSWERS, arms, of_calls, rule
from kdbook.lab.arms import trials
from kdbook.losses.sequence import token_kd
from kdbook.training import Batch


def test_students_take_as_many_steps_on_however_many_calls():
    for trial in trials("api_teacher", "full"):
        s = trial.settings
        assert s["samples"] == s["calls"] and s["samples"] * s["epochs"] == s["visits"] == 8_192
        assert s["samples"] % s["batch_size"] == 0 and trial.needs[0].seed == trial.seed % 3


def test_texts_without_probabilities_are_asked_for_at_every_number_and_beams_only_once():
    asked = defaultdict(list)
    for arm in arms("full").values():
        asked[arm.named].append(arm.settings["calls"])
    assert asked["data"] == asked["samples"] == [128, 512, 2_048, 8_192] and asked["beam"] == [2_048]
    assert asked["full"] == asked["top5_rest"] == asked["greedy"] == [128, 512, 2_048]
    assert asked["top5_zero"] == asked["top20_rest"] == [512] and set(asked) == set(ANSWERS)


def test_students_of_the_same_texts_train_together():
    groups = defaultdict(set)
    for arm in arms("quick").values():
        groups[arm.cohort].add(arm.named)
    assert groups["sample 64"] == {"samples", "top1_rest", "top5_rest", "full"} and groups["beam 256"] == {"beam"}


def test_a_student_uses_just_what_it_was_told():
    torch.manual_seed(0)
    s, t = torch.randn(2, 3, 9), torch.randn(2, 3, 9)
    targets, mask = torch.randint(9, (2, 3)), torch.ones(2, 3, dtype=torch.bool)

    def loss(arm, teacher=t):
        return rule(arm)(s, teacher, targets, mask, Batch(targets, None, None, 12, check=True))

    hard = torch.nn.functional.cross_entropy(s.mT, targets, reduction="none").mean(1)
    for arm in ("data", "greedy", "beam", "samples"):
        torch.testing.assert_close(loss(arm, None), hard)
    torch.testing.assert_close(loss("full"), token_kd(s, t, mask, reduction="none"))
    p, q = (z.softmax(-1).gather(-1, t.argmax(-1, keepdim=True))[..., 0] for z in (t, s))
    one = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean(1)
    torch.testing.assert_close(loss("top1_rest"), one)
    torch.testing.assert_close(loss("top1_zero"), -q.log().mean(1))


def test_a_small_run_scores_students_of_every_answer(micro, documented):
    small = {"layers": 1, "width": 8, "heads": 2, "batch_size": 16, "epochs": 1, "calls": 32, "samples": 48}
    table, measured = micro("api_teacher", most={"count": 20}, only=lambda t: t.settings["calls"] == 256, **small)
    documented("api_teacher", table, measured)
    assert set(table.arm) == set(ANSWERS) and (table.calls == 32).all()
    assert (table.kl > 0).all() and (table.kl_teacher > 0).all() and table.argmax_mass.between(0, 100).all()
    assert of_calls(table, -1).equals(table)  # all were asked as often
