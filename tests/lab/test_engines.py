import platform
from types import SimpleNamespace

import filelock
import pytest
import torch

from kdbook.lab import Store, arms, engines
from kdbook.lab.engines import grouped, local, provenance, run_group
from kdbook.lab.tools import Progress, Tools
from kdbook.lab.trial import Trial, in_order

CPU = torch.device("cpu")
TEACHER = Trial("t", "teacher", 0, {})
ASSISTANT = Trial("t", "assistant", 0, {}, needs=(TEACHER,))
STUDENTS = [Trial("t", "student", s, {}, needs=(TEACHER, ASSISTANT)) for s in range(2)]


def cohort(seed, name="all"):
    return [Trial("t", f"t{k}", seed, {"temperature": k}, needs=(TEACHER,), cohort=name) for k in range(3)]


class Module:
    """An experiment that notes the groups it measures."""

    def __init__(self, wrong=()):
        self.groups, self.wrong = [], wrong

    def measure(self, trials, tools):
        self.groups.append([t.arm for t in trials])
        if trials[0].arm in self.wrong:
            raise RuntimeError("wrong")
        for trial in trials:
            tools.keep(trial, pictures={"arm_length": [len(trial.arm)]})
        return [{"n": len(trials)} for _ in trials]


@pytest.fixture
def module(monkeypatch):
    found = Module()
    monkeypatch.setattr(arms, "question", lambda name: found)
    return found


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_needs_come_first_and_each_trial_once():
    assert in_order(STUDENTS) == [TEACHER, ASSISTANT, *STUDENTS]
    assert in_order([ASSISTANT, TEACHER, ASSISTANT]) == [TEACHER, ASSISTANT]
    assert in_order([]) == []


def test_a_cohort_is_the_trials_of_one_name_and_seed():
    first, second, other = cohort(0), cohort(1), cohort(0, "other")
    mixed = [TEACHER, first[0], second[0], *other, first[1], second[1], ASSISTANT, first[2], second[2]]
    assert grouped(mixed) == [[TEACHER], first, second, other, [ASSISTANT]]


def test_a_cohort_of_seeds_is_the_trials_of_one_name_after_the_teachers_of_all_its_seeds():
    teachers = [Trial("t", "teacher", seed, {}) for seed in range(3)]
    students = [Trial("t", "student", t.seed, {}, needs=(t,), cohort="seeds of students") for t in teachers]
    mixed = [trial for pair in zip(teachers, students, strict=True) for trial in pair]
    assert grouped(mixed) == [*([t] for t in teachers), students]
    assert grouped(students) == [students]


def test_the_engine_measures_needs_first_and_a_cohort_together(module, store):
    local(cohort(0), store, CPU, quiet=True)
    assert module.groups == [["teacher"], ["t0", "t1", "t2"]]
    assert [store.read(t).measured for t in cohort(0)] == [{"n": 3}] * 3


def test_every_trial_of_a_cohort_is_locked_while_it_is_measured_and_free_afterwards(module, store):
    def is_free(trial):
        try:
            with filelock.FileLock(store.root / f"{trial.name}.lock", timeout=0):
                return True
        except filelock.Timeout:
            return False

    measure, free = module.measure, []

    def looking(trials, tools):
        free.append([is_free(t) for t in trials])
        return measure(trials, tools)

    module.measure = looking
    run_group(cohort(0), store, Tools(store, CPU, Progress([], quiet=True)))
    assert free == [[False] * 3]
    assert [is_free(t) for t in cohort(0)] == [True] * 3


def test_the_seconds_of_a_cohort_are_shared_among_its_trials(module, store, monkeypatch):
    clock = iter([100.0, 106.0])
    monkeypatch.setattr(engines, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    run_group(cohort(0), store, Tools(store, CPU, Progress([], quiet=True)))
    assert [store.read(t).provenance["seconds"] for t in cohort(0)] == [2.0] * 3


def test_only_what_the_store_lacks_is_measured(module, store):
    local([TEACHER], store, CPU, quiet=True)
    local(STUDENTS, store, CPU, quiet=True)
    local(STUDENTS, store, CPU, quiet=True)
    assert module.groups == [["teacher"], ["assistant"], ["student"], ["student"]]


def test_what_another_process_finished_meanwhile_is_not_measured(module, store):
    tools = Tools(store, CPU, Progress([], quiet=True))
    store.write(TEACHER, {"n": 99}, {"seconds": 0})
    run_group([TEACHER], store, tools)
    assert module.groups == [] and store.read(TEACHER).measured == {"n": 99}


def test_a_trial_that_fails_leaves_those_before_it_and_nothing_of_itself(module, store):
    module.wrong = ("student",)
    with pytest.raises(RuntimeError, match="wrong"):
        local(STUDENTS, store, CPU, quiet=True)
    assert [store.read(t) is not None for t in (TEACHER, ASSISTANT, *STUDENTS)] == [True, True, False, False]


def test_pictures_are_stored_with_the_trial_that_kept_them(module, store):
    local(STUDENTS, store, CPU, quiet=True)
    assert store.read(TEACHER).pictures["arm_length"].tolist() == [7]
    assert store.read(ASSISTANT).pictures["arm_length"].tolist() == [9]


def test_what_is_remembered_is_made_once_a_process(store):
    tools, made = Tools(store, CPU, Progress([], quiet=True)), []
    for key in ("a", "b", "a"):
        assert tools.remember((key,), lambda key=key: made.append(key) or key) == key
    assert made == ["a", "b"]


def test_provenance_names_versions_device_threads_and_time():
    found = provenance(CPU, 1.23456)
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["python"] == platform.python_version()
    assert (found["device"], found["threads"], found["seconds"]) == ("cpu", torch.get_num_threads(), 1.23)
    assert len(found["date"]) == 10


def test_progress_tells_which_trial_runs_its_epoch_and_the_share_of_the_work_done(capsys):
    trials = [Trial("t", "long", 4, {"epochs": 30}), Trial("t", "short", 5, {"epochs": 10})]
    show = Progress(trials)
    show.epoch(trials[0], 15, 30)
    show.done(trials[:1])
    show.epoch(trials[1], 5, 10)
    text = capsys.readouterr().err
    assert "trial 1/2: t long, seed 4, epoch 15/30 | 38 %" in text
    assert "trial 2/2: t short, seed 5, epoch 5/10 | 88 %" in text
    show.bar.close()


def test_quiet_progress_writes_nothing(capsys):
    show = Progress([TEACHER], quiet=True)
    show.epoch(TEACHER, 1, 2)
    show.done([TEACHER])
    assert capsys.readouterr().err == ""
