import threading

import pandas as pd
import pytest
import torch

from kdbook.lab import Store, arms, engines, growing, results, run
from kdbook.lab.results import ORIGIN, read_results

ALL = ["teacher 0", "student 0", "student 1"]


@pytest.fixture
def on(toy, own_results, tmp_path, monkeypatch):
    """Run the toy's reference on a machine with a store of its own, interrupted after so many trials."""
    done = engines.Progress.done

    def go(machine: str, stop_after: int = 0):
        left = [stop_after]

        def counted(self, group):
            done(self, group)
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

        monkeypatch.setattr(engines.Progress, "done", counted)
        return run("toy", "full", device="cpu", quiet=True, store=Store(tmp_path / machine))

    return go


def stop(on, machine, after):
    with pytest.raises(KeyboardInterrupt):
        on(machine, stop_after=after)


def spoil_teacher(store):
    """Another teacher of the same identity, as another kind of machine might train it."""
    teacher = arms.trials("toy", "full")[0].needs[0]
    stored, tensors = store.read(teacher), store.tensors(teacher)
    tensors = {name: tensor + 0.01 for name, tensor in tensors.items()}
    store.write(teacher, stored.measured, stored.provenance, tensors)


def test_a_row_tells_its_trial_and_where_it_was_trained_but_not_among_what_was_measured(on, own_results):
    table = on("here")
    found = read_results("toy", own_results / "full")
    trials = arms.trials("toy", "full")
    assert list(table.origin) == list(found.origin) == ORIGIN
    assert found.origin.identity.tolist() == [t.id for t in trials]
    assert set(found.origin.precision) == {"float32"} and set(found.origin.threads) == {torch.get_num_threads()}
    assert not set(ORIGIN) & {*found.columns}


def test_the_table_is_written_with_its_digest_after_every_trial(on, own_results):
    stop(on, "here", after=2)
    found = read_results("toy", own_results / "running")
    assert found.seed.tolist() == [0] and (found.info["trials"], found.info["wanted"]) == (1, 2)
    assert not (own_results / "full").exists()


def test_what_one_machine_began_another_finishes_with_the_same_rows_and_trains_nothing_of_it_again(
    on, toy, own_results, tmp_path
):
    whole = on("alone")
    for path in (own_results / "full").iterdir():
        path.unlink()
    stop(on, "first", after=2)
    joined = on("second")
    assert toy.measured() == [*ALL, *ALL[:2], "teacher 0", "student 1"]
    pd.testing.assert_frame_equal(pd.DataFrame(joined), pd.DataFrame(whole))
    bits = ["identity", "artifacts", "device", "threads", "versions"]
    pd.testing.assert_frame_equal(joined.origin[bits], whole.origin[bits])
    assert {key: list(array) for key, array in joined.arrays.items()} == {k: list(a) for k, a in whole.arrays.items()}


def test_a_teacher_that_travels_is_not_trained_again(on, toy, own_results, tmp_path):
    stop(on, "first", after=2)
    teacher = arms.trials("toy", "full")[0].needs[0]
    Store(own_results / "weights").place(teacher, Store(tmp_path / "first").files(teacher))
    on("second")
    assert toy.measured() == [*ALL[:2], "student 1"]


def test_students_of_a_teacher_that_came_out_otherwise_are_trained_again(on, toy, tmp_path):
    stop(on, "first", after=2)
    store = Store(tmp_path / "first")
    spoil_teacher(store)
    table = on("first")
    assert toy.measured() == [*ALL[:2], "student 0", "student 1"]
    teacher = store.artifact(arms.trials("toy", "full")[0].needs[0])[:12]
    assert {told.split()[1] for told in table.origin.artifacts} == {teacher}


def test_a_whole_table_of_other_identities_is_never_extended_and_stays_until_the_new_one_is_whole(on, toy, own_results):
    on("here")
    toy.VERSION = 2
    stop(on, "here", after=2)
    assert read_results("toy", own_results / "full").info["VERSION"] == 1
    assert len(read_results("toy", own_results / "running")) == 1
    on("here")
    found = read_results("toy", own_results / "full")
    assert (len(found), found.info["VERSION"]) == (2, 2)
    assert not list((own_results / "running").iterdir())


def test_a_whole_table_is_read_and_nothing_trained(on, toy):
    first, measured = on("here"), toy.measured()
    again = on("elsewhere")
    assert toy.measured() == measured
    pd.testing.assert_frame_equal(pd.DataFrame(first), pd.DataFrame(again))


def test_a_whole_table_counts_as_a_whole_or_not_at_all(on, toy, monkeypatch, tmp_path):
    on("here")
    monkeypatch.setattr(toy, "SEEDS", {"quick": (3, 1), "full": (3, 1)})
    assert growing.committed("toy", arms.trials("toy", "full")) is None


def test_teachers_of_what_is_done_are_not_asked_for(on, toy, tmp_path):
    store = Store(tmp_path / "here")
    on("here")
    store.remove(arms.trials("toy", "full")[0].needs[0])
    assert engines.unfinished(arms.trials("toy", "full"), store) == []


def test_rows_of_one_teacher_follow_each_other(toy, monkeypatch, tmp_path):
    monkeypatch.setattr(toy, "SEEDS", {"quick": (4, 2), "full": (4, 2)})
    order = growing.Growing("toy", arms.trials("toy", "full"), Store(tmp_path)).missing()
    assert [t.seed for t in order] == [0, 2, 1, 3]


@pytest.mark.parametrize("file", ["csv", "npz", "json"])
def test_a_run_that_is_killed_while_it_writes_its_table_goes_on_and_trains_nothing_again(
    file, on, toy, own_results, monkeypatch, capsys
):
    write, written = results.write_atomically, []

    def writing(path, content):
        written.append(path)
        if [p.suffix for p in written].count(f".{file}") == 2:
            raise KeyboardInterrupt
        write(path, content)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(results, "write_atomically", writing)
        on("here")
    assert len(on("here")) == 2 and sorted(toy.measured()) == sorted(ALL)
    assert "toy.csv was being written when its process was killed" in capsys.readouterr().err
    assert len(read_results("toy", own_results / "full")) == 2 and not [*(own_results / "running").iterdir()]


def test_two_processes_that_finish_at_once_leave_a_table_that_can_be_read(on, own_results, tmp_path, monkeypatch):
    on("here")
    trials, store = arms.trials("toy", "full"), Store(tmp_path / "here")
    whole, part = (growing.Growing("toy", some, store) for some in (trials, trials[:1]))
    write, began = results.write_atomically, threading.Event()
    beside = threading.Thread(target=lambda: part.kept(trials))

    def late(path, content):  # the table's end is late, and another process writes meanwhile, if it can
        if path.suffix == ".json" and not began.is_set():
            began.set()
            beside.start()
            beside.join(0.5)
        write(path, content)

    for table in (whole, part):
        table.missing()
    monkeypatch.setattr(results, "write_atomically", late)
    whole.kept(trials)
    beside.join()
    assert len(read_results("toy", own_results / "running")) == 1


@pytest.mark.parametrize("left", ["nonsense", "[1]", ""])
def test_a_teacher_whose_manifest_is_damaged_does_not_stop_those_who_have_learned(left, on, toy, own_results, tmp_path):
    on("here")
    (teacher,) = arms.trials("toy", "full")[0].needs
    (Store(tmp_path / "here").folder(teacher) / "manifest.json").write_text(left)
    assert len(on("here")) == 2 and sorted(toy.measured()) == sorted(ALL)
