import pytest

from kdbook.book.tuning import arms
from kdbook.lab import arms as questions
from kdbook.lab import steps


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_every_candidate_trains_on_the_first_fifty_thousand_images_only(profile):
    assert all(arm.settings["part"] == "fit" for arm in arms(profile).values())


def test_candidates_of_a_setting_are_different():
    made = arms("full").values()
    for named in {arm.named for arm in made}:
        settings = [{**arm.settings, "candidate": None} for arm in made if arm.named == named]
        assert all(a != b for i, a in enumerate(settings) for b in settings[:i])


def test_all_students_have_one_teacher_and_teachers_none():
    for trial in questions.trials("tuning", "full"):
        teachers = [(need.arm, need.settings["candidate"]) for need in trial.needs]
        assert teachers == ([("teacher_dropout", "0.3")] if trial.arm.startswith("distilled") else [])


def test_a_small_run_never_reads_the_test_set(micro, documented, monkeypatch):
    read, load = [], steps.load_images

    def watched(name, part="train", device="cpu"):
        read.append(part)
        return load(name, part, device)

    monkeypatch.setattr(steps, "load_images", watched)
    table, measured = micro("tuning")
    documented("tuning", table, measured)
    assert set(read) == {"fit", "validation"}
    assert table.validation_errors.between(1, 9999).all()
    assert not table.validation_errors.equals(table.validation_errors_shifted)
    assert len(table) == len(arms("quick"))
