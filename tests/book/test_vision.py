"""The experiments of chapter 07 about vision, cut down to a second or two."""

import pytest
import torch

from kdbook.book import mobile_latency, mobile_vision, patience
from kdbook.book.patience import ARMS, TIMES, WEIGHTS, answers_to_mixtures, mixtures, student
from kdbook.data import load_images
from kdbook.nets.vision import ResNet
from kdbook.training import CachedTeacher, HardLabels, LiveTeacher

SMALL = {"samples": 100, "batch_size": 50, "epochs": 1}


@pytest.fixture
def small(monkeypatch):
    """Both experiments with a few images to learn from, and to be scored on."""
    for module in (nets, patience):
        whole = module.test_split
        monkeypatch.setattr(
            module, "test_split", lambda trial, tools, whole=whole: whole(trial, tools).rows(slice(200))
        )
    monkeypatch.setitem(mobile_vision.SETTINGS, "quick", {**mobile_vision.SETTINGS["quick"], **SMALL})
    small = {name: {**settings, **SMALL} for name, settings in patience.SETTINGS["quick"].items()}
    monkeypatch.setitem(patience.SETTINGS, "quick", small)
    monkeypatch.setitem(mobile_latency.PASSES, "quick", 2)


@pytest.mark.slow
def test_a_small_run_measures_students_of_two_sizes_under_three_teachings(micro, documented, small):
    table, measured = micro("mobile_vision")
    documented("mobile_vision", table, measured)
    rows = table.set_index("arm")
    taught = ("hard", *mobile_vision.TEACHERS)
    assert list(rows.index) == [*mobile_vision.TEACHERS, *(f"{s}_{t}" for s in mobile_vision.SIZES for t in taught)]
    assert rows.test_errors.between(1, 200).all()
    assert rows.parameters["tenth_resnet"] * rows.times_smaller["tenth_resnet"] == rows.parameters["resnet"]
    teacher = rows.parameters["efficientnet"]
    assert rows.parameters["tenth_efficientnet"] * rows.times_smaller["tenth_efficientnet"] == pytest.approx(teacher)
    assert rows.times_smaller[list(mobile_vision.TEACHERS)].isna().all()


def test_a_student_starts_alike_under_every_teaching_and_students_share_teachers():
    found = mobile_vision.trials("full")
    students = [t for t in found if t.needs]
    assert (len(found), len(students)) == (6 + 30, 30)
    assert {t.needs[0].seed for t in students} == {0, 1, 2}
    assert {t.needs[0].arm for t in students if t.arm.endswith("_hard")} == {"resnet"}
    settings = {tuple(sorted(set(t.settings) - {"temperature", "alpha"})) for t in found}
    assert len({t.settings["samples"] * t.settings["epochs"] for t in found}) == 1  # the same images for as long
    assert all("temperature" not in t.settings for t in found if "_hard" in t.arm or not t.needs) and settings


def test_the_same_trials_are_there_for_cifar():
    found = mobile_vision.trials("full", 1, data="cifar100")
    assert {t.data for t in found} == {t.needs[0].data for t in found if t.needs} == {"cifar100"}
    assert all((t.settings["channels"], t.settings["classes"]) == (3, 100) for t in found)
    assert not {t.id for t in found} & {t.id for t in mobile_vision.trials("full", 1, data="cifar10")}


def test_a_small_run_times_every_net_at_every_batch_size(micro, documented, small):
    table, measured = micro("mobile_latency")
    documented("mobile_latency", table, measured)
    assert len(table) == len(mobile_vision.NETS["full"]) * len(mobile_latency.BATCH_SIZES)
    assert (table.milliseconds > 0).all() and (table.processor_milliseconds >= 0).all()
    sizes = table.groupby("arm").parameters.first()
    assert sizes.loc[["resnet", "tenth"]].tolist() == [244_794, 24_554]


@pytest.mark.slow
def test_a_small_run_measures_every_view(micro, micro_store, documented, small):
    table, measured = micro("patience", 1)
    documented("patience", table, measured)
    times = [n for n in TIMES if patience.SEEDS["quick"][n]]
    students = table[table.arm != "teacher"]
    assert students.groupby("times").arm.apply(list).to_dict() == {n: list(ARMS) for n in times}
    assert (students.epochs == students.times).all()
    (teacher,) = (t for t in measured if t.arm == "teacher")
    picture = micro_store.read(teacher).pictures["mixed"]
    assert picture.shape == (11, 10) and picture.sum(1) == pytest.approx(1, abs=1e-5)


def test_each_arm_asks_the_teacher_what_its_name_says():
    split = load_images("fashion-mnist", "test").rows(slice(20)).shifted()
    teacher = patience.teacher("quick", 0)
    torch.manual_seed(0)
    net = ResNet(teacher.settings["widths"])

    class Tools:
        device = torch.device("cpu")
        tensors = staticmethod(lambda trial: net.state_dict())
        remember = staticmethod(lambda key, make: make())

    made = {arm: patience.objective_for(student("quick", arm, 1, 0), split, Tools) for arm in ARMS}
    assert made["labels"] == HardLabels()
    looks = {arm: made[arm].teacher.look for arm in ("fixed", "independent", "consistent")}
    assert looks == {"fixed": "fixed", "independent": "other", "consistent": "same"}
    assert isinstance(made["consistent"].teacher.teacher, CachedTeacher)
    assert isinstance(made["mixup"].objective.teacher, LiveTeacher)
    assert {made[arm].alpha for arm in looks} == {made["mixup"].objective.alpha} == {1.0}
    assert made["fixed"].teacher.teacher.logits.shape[0] == 25  # shifted: else `consistent` would have no answer


def test_schedules_are_multiples_and_the_longest_has_fewer_seeds():
    found = [t for t in patience.trials("full") if t.needs]
    epochs = patience.SETTINGS["full"]["student"]["epochs"]
    assert all(t.settings["epochs"] == epochs * t.settings["times"] for t in found)
    seeds = {n: {t.seed for t in found if t.settings["times"] == n} for n in TIMES}
    assert {n: len(s) for n, s in seeds.items()} == {1: 5, 4: 5, 16: 3}
    assert len([t for t in patience.trials("full", 2) if t.needs]) == 2 * len(TIMES) * len(ARMS)


def test_mixtures_lead_from_one_image_to_the_other():
    test = load_images("fashion-mnist", "test").rows(slice(20))
    x = mixtures(test)
    first, second = test.images(torch.tensor(patience.PAIR))
    torch.testing.assert_close(x[0], first)
    torch.testing.assert_close(x[-1], second)
    torch.testing.assert_close(x[5], (first + second) / 2)
    assert len(x) == len(WEIGHTS)
    assert answers_to_mixtures(ResNet([8, 8]), test).shape == (11, 10)
