import pytest

from kdbook.book import tuning
from kdbook.lab import steps
from kdbook.book.tuning import trials


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_every_candidate_and_its_teacher_trains_on_the_first_fifty_thousand_images_only(profile):
    for trial in trials(profile):
        for each in (trial, *trial.needs):
            assert each.settings["part"] == "fit"


def test_candidates_of_an_arm_have_different_settings():
    made = trials("full")
    for arm in {t.arm for t in made}:
        settings = [{k: v for k, v in t.settings.items() if k != "candidate"} for t in made if t.arm == arm]
        assert all(a != b for i, a in enumerate(settings) for b in settings[:i])


def test_a_small_run_never_reads_the_test_set(micro, documented, monkeypatch):
    read, load = [], steps.load_images

    def watched(name, part="train", device="cpu"):
        read.append(part)
        return load(name, part, device)

    monkeypatch.setattr(steps, \"load_images", watched)
    table, measured = micro("tuning")
    documented("tuning", table, measured)
    assert set(read) == {"fit", "validation"}
    assert not hasattr(tuning, "load_images")
    assert table.validation_errors.between(1, 9999).all()
    assert len(table) == len(trials("quick", 1))
