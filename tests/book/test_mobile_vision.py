"""MobileNets below two teachers: the arms, a run of seconds, and both figures from a table of known numbers."""

import numpy as np
import pandas as pd
import pytest

from kdbook.book import mobile_vision
from kdbook.book.mobile_vision import SIZES, TEACHERS, against_teacher
from kdbook.lab import arms, steps
from kdbook.show.figures import plotted


def nets(seeds=3):
    """Teachers make 800 and 900 errors and a few more with a later seed; students close half of their gap."""
    size = {"parameters": 1000, "multiply_adds": 9000}
    made = [
        {"arm": arm, "seed": s, "test_errors": errors + 3 * s, **size}
        for arm, errors in (("resnet", 800), ("efficientnet", 900)) for s in range(seeds)
    ]  # fmt: skip
    for s in range(seeds):
        for size, hard, ratio in (("quarter", 1000, 4), ("tenth", 1200, 10)):
            known = {"seed": s, "teacher_seed": s, "parameters": 1000 / ratio, "multiply_adds": 9000 / ratio}
            for taught, goal in (("hard", hard), ("resnet", 800), ("efficientnet", 900)):
                errors = (hard + goal) / 2 + 3 * s
                made.append({"arm": f"{size}_{taught}", "test_errors": errors, "times_smaller": ratio, **known})
    return pd.DataFrame(made)


def test_all_nets_learn_from_the_same_images_for_as_long_and_students_of_labels_have_no_temperature():
    found = arms.trials("mobile_vision", "full")
    students = [t for t in found if t.needs]
    assert (len(found), len(students)) == (6 + 30, 30)
    assert {t.needs[0].seed for t in students} == {0, 1, 2}
    assert {t.needs[0].arm for t in students if t.arm.endswith("_hard")} == {"resnet"}
    assert len({(t.settings["samples"], t.settings["epochs"], t.settings["lr"]) for t in found}) == 1
    assert {t.arm for t in found if "temperature" in t.settings} == {f"{s}_{t}" for s in SIZES for t in TEACHERS}


def test_the_same_trials_are_there_for_cifar():
    found = arms.trials("mobile_vision", "full", 1, data="cifar100")
    assert {t.data for t in found} == {t.needs[0].data for t in found if t.needs} == {"cifar100"}
    assert all((t.settings["channels"], t.settings["classes"]) == (3, 100) for t in found)
    assert not {t.id for t in found} & {t.id for t in arms.trials("mobile_vision", "full", 1, data="cifar10")}


def test_a_small_run_measures_students_of_two_sizes_under_three_teachings(micro, documented, monkeypatch):
    whole = steps.test_split
    monkeypatch.setattr(steps, "test_split", lambda trial, tools: whole(trial, tools).rows(slice(200)))
    table, measured = micro("mobile_vision", samples=100, epochs=1)
    documented("mobile_vision", table, measured)
    rows = table.set_index("arm")
    assert list(rows.index) == [*TEACHERS, *(f"{size}_{taught}" for size in SIZES for taught in ("hard", *TEACHERS))]
    assert rows.test_errors.between(1, 200).all()
    for teacher in TEACHERS:
        student = rows.loc[f"tenth_{teacher}"]
        assert student.parameters * student.times_smaller == pytest.approx(rows.parameters[teacher])
    assert rows.times_smaller[list(TEACHERS)].isna().all()


def test_a_student_is_compared_with_its_own_teacher_and_with_labels():
    table = nets()
    table.loc[table.arm == "tenth_efficientnet", "teacher_seed"] = [1, 2, 0]  # 903, 906 and 900 errors
    ratio, below, closed = against_teacher(table, "tenth", "efficientnet")
    assert ratio == 10
    assert below.tolist() == pytest.approx([1.47, 1.47, 1.56])
    assert closed.tolist() == pytest.approx([100 * 150 / 297, 100 * 150 / 297, 100 * 150 / 306])


def test_the_picture_of_the_gap_shows_published_and_measured_points_at_their_ratios():
    left, right = map(plotted, mobile_vision.gap(nets(), nets(1)).axes)

    def points(axes, label=None):
        chosen = [s for s in axes["series"] if s["kind"] == "points" and label in (None, s["label"])]
        return {(round(x, 6), round(y, 6)) for s in chosen for x, y in zip(s["x"], s["y"], strict=True)}

    assert points(left, "published: ImageNet, CIFAR-100") == {(round(236 / 5.4, 6), 6.69)}
    assert {(round(84 / 22, 6), 2.0), (4, 1.0), (10, 1.5)} <= points(left)
    assert round(100 * 2.75 / 14.74, 6) in {y for _, y in points(right)}
    assert points(right, "yours (quick: smaller nets)") == {(4, 50)}


def test_accuracy_stands_over_weights_operations_and_the_time_that_another_question_measured(monkeypatch):
    clock = pd.DataFrame({"arm": [*mobile_vision.NAMES], "batch_size": 1, "milliseconds": [4.0, 8.0, 2.0, 1.0]})
    monkeypatch.setattr(mobile_vision, "load", lambda name: clock)
    table = nets()
    panels = [plotted(axes) for axes in mobile_vision.accuracy(table, nets(1)).axes]
    for axes, places in zip(panels, ([1, 0.25, 0.1], [9e-3, 2.25e-3, 9e-4], [4, 8, 2, 1]), strict=True):
        found = {x for s in axes["series"] if s["kind"] == "line" for x in s["x"]}
        assert sorted(found) == pytest.approx(sorted(places))
    right = 100 - table[table.arm == "resnet"].test_errors.mean() / 100
    assert any(np.isclose(s["y"], right).all() for s in panels[2]["series"] if s["x"] == [4])
    assert [s["label"] for s in panels[0]["series"] if s["label"]] == [
        "teachers", "hard labels", "taught by ResNet", "taught by EfficientNet", "yours (quick)",
    ]  # fmt: skip
