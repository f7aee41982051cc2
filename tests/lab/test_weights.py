import pytest
import torch

import kdbook
from kdbook.data.files import DamagedFileError
from kdbook.lab import Store, arms, run, weights


@pytest.fixture
def travelling(toy, own_results, tmp_path):
    """A machine on which the toy is trained, and whose teacher travels."""
    store = Store(tmp_path / "store")
    run("toy", device="cpu", quiet=True, store=store, out=tmp_path / "out")
    assert weights.keep("toy_teacher/teacher", profile="quick", store=store) == 1
    return store, arms.trials("toy")[0].needs[0]


def test_a_net_that_travels_is_had_by_question_and_arm_in_eval_mode(travelling):
    store, trial = travelling
    teacher = kdbook.load_teacher("toy_teacher/teacher", profile="quick")
    assert not teacher.training
    tensors = store.tensors(trial)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in teacher.state_dict().items())


def test_kept_halves_come_as_float32_of_the_same_values(travelling):
    store, trial = travelling
    halves = {name: tensor.half() for name, tensor in store.tensors(trial).items()}
    Store(weights.WEIGHTS).write(trial, {}, {}, halves)
    found = kdbook.load_teacher("toy_teacher/teacher", profile="quick").state_dict()
    assert all(t.dtype == torch.float32 and torch.equal(t.half(), halves[name]) for name, t in found.items())


def test_a_net_that_does_not_travel_is_refused_with_those_that_do_and_how_to_train_it(travelling):
    told = r"toy/student-1-.* travel \(toy_teacher/teacher-0-.*`python -m kdbook run toy"
    with pytest.raises(FileNotFoundError, match=told):
        kdbook.load_teacher("toy/student", seed=1, profile="quick")


def test_ones_own_store_serves_what_does_not_travel(travelling, own_folders):
    run("toy", device="cpu", quiet=True)
    assert not kdbook.load_teacher("toy/student", seed=1, profile="quick").training


def test_all_trained_seeds_of_an_arm_travel_unless_one_is_named(travelling):
    store, _ = travelling
    assert weights.keep("toy/student", seed=1, profile="quick", store=store) == 1
    assert weights.keep("toy/student", profile="quick", store=store) == 2
    with pytest.raises(FileNotFoundError, match="no trained toy/student of profile quick"):
        weights.keep("toy/student", seed=7, profile="quick", store=store)


@pytest.mark.parametrize("name", ["hinton_mnist", "", 3])
def test_a_name_without_arm_is_refused(name):
    with pytest.raises(ValueError, match="name must be a question and an arm, such as"):
        kdbook.load_teacher(name)


def test_a_damaged_net_is_refused_by_its_place(travelling):
    _, trial = travelling
    path = weights.WEIGHTS / trial.name / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match="does not match its checksum"):
        kdbook.load_teacher("toy_teacher/teacher", profile="quick")


def test_the_committed_nets_take_at_most_35_megabytes():
    assert sum(path.stat().st_size for path in weights.WEIGHTS.rglob("*") if path.is_file()) <= 35e6
