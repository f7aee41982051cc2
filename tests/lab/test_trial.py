import dataclasses
import json
import re

import pytest

from kdbook.data import files
from kdbook.lab import arms
from kdbook.lab.trial import Trial, check_profile, seeds_of

SETTINGS = {"sizes": [784, 30, 10], "lr": 0.1, "shifts": True}


@pytest.fixture
def teacher():
    return Trial("hinton_mnist", "teacher", 0, SETTINGS)


@pytest.fixture
def trial(teacher):
    return Trial("hinton_mnist", "distilled", 3, {**SETTINGS, "temperature": 4.0}, needs=(teacher,))


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": "tuning"},
        {"arm": "hard"},
        {"seed": 4},
        {"settings": {**SETTINGS, "temperature": 4.5}},
        {"settings": {**SETTINGS}},
        {"settings": {**SETTINGS, "temperature": 4.0, "sizes": [784, 31, 10]}},
        {"settings": {**SETTINGS, "temperature": 4.0, "alpha": 1.0}},
        {"needs": ()},
        {"needs": (Trial("hinton_mnist", "teacher", 1, SETTINGS),)},
        {"data": "fashion-mnist"},
        {"version": 2},
    ],
    ids=str,
)
def test_the_identity_changes_with_everything_that_the_result_depends_on(trial, change):
    other = dataclasses.replace(trial, **change)
    assert other.id != trial.id and other != trial and other.name != trial.name


def test_the_identity_changes_when_what_the_teacher_needs_changes(trial, teacher):
    deeper = dataclasses.replace(teacher, needs=(Trial("hinton_mnist", "teacher", 5, SETTINGS),))
    assert dataclasses.replace(trial, needs=(deeper,)).id != trial.id


def test_the_identity_changes_with_the_data_files(trial, monkeypatch):
    before = trial.id
    monkeypatch.setitem(files.SHA256, "mnist/extra", "0" * 64)
    assert dataclasses.replace(trial).id != before


def test_the_cohort_is_not_part_of_the_identity(trial):
    assert dataclasses.replace(trial, cohort="students") == trial


def test_the_order_of_settings_does_not_matter(trial):
    reordered = dataclasses.replace(trial, settings=dict(reversed(trial.settings.items())))
    assert reordered == trial and hash(reordered) == hash(trial)
    assert len({trial, reordered}) == 1


def test_the_identity_is_twelve_hexadecimal_digits_of_the_name(trial):
    assert len(trial.id) == 12 and int(trial.id, 16) >= 0
    assert trial.name == f"hinton_mnist/distilled-3-{trial.id}"


def test_a_trial_cannot_be_changed(trial):
    with pytest.raises(dataclasses.FrozenInstanceError):
        trial.seed = 1
    with pytest.raises(TypeError):
        trial.settings["lr"] = 1.0


def test_a_trial_keeps_its_own_copy_of_the_settings():
    settings = dict(SETTINGS)
    trial = Trial("hinton_mnist", "hard", 0, settings)
    settings["lr"] = 99.0
    assert trial.settings["lr"] == 0.1


def test_a_trial_differs_from_things_that_are_no_trial(trial):
    assert trial != trial.id


def test_an_unknown_profile_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="profile must be one of quick, full, gpu, got 'fast'"):
        check_profile("fast")


@pytest.mark.parametrize(("seeds", "expected"), [(None, 5), (0, 5), (1, 1), (7, 7)])
def test_no_number_of_seeds_means_the_profiles_own(seeds, expected):
    assert list(seeds_of(seeds, 5)) == list(range(expected))


def test_a_negative_number_of_seeds_is_refused():
    with pytest.raises(ValueError, match="seeds must be a whole number, 0 or more, got -2"):
        seeds_of(-2, 5)


def test_an_unknown_experiment_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="question must be one of ablations, .* got 'hinton'"):
        arms.question("hinton")


def test_the_questions_on_a_gpu_are_found_without_importing_them():
    assert arms.on_gpu() == [name for name in arms.names() if "gpu" in arms.question(name).SEEDS]


def test_a_question_without_the_profile_gpu_says_which_have_it():
    wanted = f"profile of tuning must be one of full, quick (gpu is one of {', '.join(arms.on_gpu())}), got 'gpu'"
    for ask in (lambda: arms.trials("tuning", "gpu"), lambda: arms.trial("tuning", "gpu", "teacher", 0)):
        with pytest.raises(ValueError, match=re.escape(wanted)):
            ask()


@pytest.mark.parametrize(
    ("name", "profile"),
    [*((name, p) for name in arms.names() for p in ("quick", "full")), *((name, "gpu") for name in arms.on_gpu())],
)
def test_the_trials_of_an_experiment_are_its_own_distinct_and_can_be_stored(name, profile):
    trials = arms.trials(name, profile)
    assert {t.experiment for t in trials} == {name}
    varied = [
        "candidate",
        "temperature",
        "subset",
        "lr",
        "read_lr",
        "alpha",
        "beta",
        "hint_epochs",
        "dkd_beta",
        "label_smoothing",
        "final",
        "weight",
        "epochs",
        "times",
        "calls",
        "weight_decay",
        "input_dropout",
    ]
    told_apart = {(t.arm, t.seed, *map(t.settings.get, varied)) for t in trials}
    assert len({t.id for t in trials}) == len(trials) == len(told_apart)
    assert {t.version for t in trials} == {arms.question(name).VERSION}
    for trial in trials:
        assert json.loads(json.dumps(dict(trial.settings))) == dict(trial.settings)


@pytest.mark.parametrize("name", arms.names())
def test_the_trials_of_few_seeds_are_among_those_of_many(name):
    few, many = (set(arms.trials(name, "full", seeds)) for seeds in (2, 4))
    assert few < many or {t.seed for t in many} == {0}  # one that trains nothing has no seeds


@pytest.mark.parametrize("name", arms.names())
def test_an_experiment_refuses_an_unknown_profile_and_a_negative_number_of_seeds(name):
    with pytest.raises(ValueError, match="profile must be"):
        arms.trials(name, "slow")
    with pytest.raises(ValueError, match="seeds must be"):
        arms.trials(name, "quick", -1)


@pytest.mark.parametrize("name", arms.names())
def test_every_column_of_an_experiment_is_explained(name):
    assert {"arm", "seed"} <= set(arms.question(name).COLUMNS)
    assert all(len(meaning) > 3 for meaning in arms.question(name).COLUMNS.values())
