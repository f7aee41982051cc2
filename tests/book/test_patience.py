"""Which view the teacher sees: the arms, a run of seconds, and what a picture says of mixtures."""

import numpy as np
import pandas as pd
import pytest
import torch

from kdbook.book import patience
from kdbook.book.patience import LOOKS, PUBLISHED, STUDENTS, TIMES, WEIGHTS, answers_to_mixtures, mixtures
from kdbook.data import load_images
from kdbook.lab import arms, steps
from kdbook.lab.results import Results
from kdbook.nets.vision import ResNet
from kdbook.show.figures import plotted
from kdbook.training import CachedTeacher, HardLabels, LiveTeacher


def views(times=TIMES, seeds=3):
    """Each arm loses a hundred errors with twice the epochs; the n-th makes 50 n fewer."""
    rows = [
        {"arm": arm, "seed": s, "times": n, "epochs": 5 * n, "test_errors": 2000 - 100 * np.log2(n) + s - 50 * at,
         "mean_kl": 0.5 / n}
        for at, arm in enumerate(STUDENTS) for n in times for s in range(seeds)
    ]  # fmt: skip
    teacher = {"arm": "teacher", "seed": 0, "epochs": 5, "test_errors": 900}
    arrays = {"teacher.0.mixed": np.linspace(0, 1, 110).reshape(11, 10)}
    return Results(pd.DataFrame([*rows, teacher]), arrays)


def test_schedules_are_multiples_and_the_longest_has_fewer_seeds():
    found = [t for t in arms.trials("patience", "full") if t.needs]
    assert {(t.settings["times"], t.settings["epochs"]) for t in found} == {(1, 5), (4, 20), (16, 80)}
    seeds = {n: {t.seed for t in found if t.settings["times"] == n} for n in TIMES}
    assert {n: len(s) for n, s in seeds.items()} == {1: 5, 4: 5, 16: 3}
    assert len([t for t in arms.trials("patience", "full", 2) if t.needs]) == 2 * len(TIMES) * len(STUDENTS)


def test_each_arm_asks_the_teacher_what_its_name_says():
    split = load_images("fashion-mnist", "test").rows(slice(20)).shifted()
    torch.manual_seed(0)
    net = ResNet(arms.trial("patience", "quick", "teacher", 0).settings["widths"])

    class Tools:
        device = torch.device("cpu")
        tensors = staticmethod(lambda trial: net.state_dict())
        remember = staticmethod(lambda key, make: make())

    students = {arm: arms.trial("patience", "quick", f"{arm}_1", 0) for arm in STUDENTS}
    made = {arm: patience.objective_for(student, split, Tools) for arm, student in students.items()}
    assert made["labels"] == HardLabels()
    assert {arm: made[arm].teacher.look for arm in LOOKS} == {
        "fixed": "fixed", "independent": "other", "consistent": "same",
    }  # fmt: skip
    assert isinstance(made["consistent"].teacher.teacher, CachedTeacher)
    assert isinstance(made["mixup"].objective.teacher, LiveTeacher)
    assert {made[arm].alpha for arm in LOOKS} == {made["mixup"].objective.alpha} == {1.0}
    assert made["fixed"].teacher.teacher.logits.shape[0] == 25  # shifted: else `consistent` would have no answer


def test_a_small_run_measures_every_view(micro, micro_store, documented, monkeypatch):
    whole = steps.test_split
    monkeypatch.setattr(steps, "test_split", lambda trial, tools: whole(trial, tools).rows(slice(200)))
    table, measured = micro("patience", samples=100, epochs=1)
    documented("patience", table, measured)
    students = table[table.arm != "teacher"]
    assert students.groupby("times").arm.apply(list).to_dict() == {n: list(STUDENTS) for n in TIMES[:-1]}
    assert students.test_errors.between(1, 200).all() and (students.train_loss > 0).all()
    (teacher,) = (t for t in measured if t.arm == "teacher")
    picture = micro_store.read(teacher).pictures["mixed"]
    assert picture.shape == (11, 10) and picture.sum(1) == pytest.approx(1, abs=1e-5)


def test_mixtures_lead_from_one_image_to_the_other():
    test = load_images("fashion-mnist", "test").rows(slice(20))
    x = mixtures(test)
    first, second = test.images(torch.tensor(patience.PAIR))
    torch.testing.assert_close(x[0], first)
    torch.testing.assert_close(x[-1], second)
    torch.testing.assert_close(x[5], (first + second) / 2)
    assert answers_to_mixtures(ResNet([8, 8]), test).shape == (len(WEIGHTS), 10)


def test_the_figure_shows_published_accuracy_and_every_arm_over_its_epochs():
    left, middle, right = map(plotted, patience.patience(views(), views((1, 4), 1)).axes)
    assert next(s["y"] for s in left["series"] if s["label"].startswith("published")) == [*PUBLISHED.values()]
    for axes, of in ((middle, lambda n, at: 80 + np.log2(n) - 0.01 + at / 2), (right, lambda n, at: 0.5 / n)):
        series = {s["label"]: s["y"] for s in axes["series"]}
        for at, (label, _, _) in enumerate(STUDENTS.values()):
            assert series[label] == pytest.approx([of(n, at) for n in TIMES])
    assert next(s["y"] for s in middle["series"] if s["label"] == "teacher") == [91, 91]
    assert next(s["y"] for s in middle["series"] if s["label"] == "yours (quick)") == [82, 84]


def test_a_mixture_is_shown_and_told_in_words():
    assert patience.mixture_alt(views(), 10) == (
        "A mixture with weight 0.0; the teacher says boot 1.00, bag 0.99, sneaker 0.98."
    )
    left, right = patience.mixture(views(), 0).axes
    assert left.get_title() == "1.0 of one, 0.0 of the other"
    assert [bar.get_height() for bar in right.patches] == pytest.approx(np.linspace(0, 9 / 109, 10))
