"""The command line: what is asked for happens, and what goes wrong is one clear line with a non-zero exit."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from kdbook import __main__ as command_line
from kdbook.data.files import SHA256


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["kdbook", *arguments])
    command_line.main()


def test_list_names_every_experiment_with_its_question(monkeypatch, capsys):
    call(monkeypatch, "list")
    printed = capsys.readouterr().out
    assert "hinton_mnist" in printed
    assert "?" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nonsense"], "nonsense"),
        (["run", "latency", "--profile", "nonsense"], "nonsense"),
        (["run", "latency", "--device", "nonsense"], "got 'nonsense'"),
        (["run", "latency", "--engine", "nonsense"], "engine must be one of local"),
        (["run", "latency", "--seeds", "-1"], "seeds must be a whole number, 0 or more, got -1"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_wrong_argument_is_named_and_the_exit_is_not_zero(monkeypatch, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, *arguments)
    assert stopped.value.code != 0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "threads"), [(None, 1), ("2", 2)])
def test_a_full_run_says_what_is_left_and_takes_one_thread_unless_told_otherwise(monkeypatch, capsys, asked, threads):
    from kdbook import lab

    taken = []
    ended = SimpleNamespace(info={"trials": 1, "seconds": 2.0, "device": "cpu"}, to_string=lambda index: "the table")
    monkeypatch.setattr(lab, "run", lambda *arguments, **more: ended)
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    monkeypatch.setenv("OMP_NUM_THREADS", asked) if asked else monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    call(monkeypatch, "run", "tuning", "--profile", "full")
    printed = capsys.readouterr().out
    assert "hours_left" in printed and printed.index("hours_left") < printed.index("the table")
    assert taken == ([1] if threads == 1 else [])


def test_doctor_finds_this_machine_in_order(monkeypatch, capsys):
    call(monkeypatch, "doctor")
    printed = capsys.readouterr().out
    assert "MEND" not in printed
    assert f"{len(SHA256)} files, checksums right" in printed


def test_doctor_names_a_damaged_data_file_and_its_remedy(monkeypatch, capsys, tmp_path):
    from kdbook.data import files
    from kdbook.lab import doctor

    def damaged(name):
        raise files.DamagedFileError(f"{name} is damaged: restore it")

    monkeypatch.setattr(doctor, "verified_bytes", damaged)
    with pytest.raises(SystemExit):
        call(monkeypatch, "doctor")
    assert "is damaged: restore it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "told", "message"),
    [
        ("KDBOOK_HOME", "/dev/null/x", "cannot write into /dev/null/x, since /dev/null is no folder: set KDBOOK_HOME"),
        ("KDBOOK_HOME", "kd", "KDBOOK_HOME must be an absolute path, got 'kd'"),
        ("KDBOOK_OUT", "out", "KDBOOK_OUT must be an absolute path, got 'out'"),
        ("TMPDIR", "/tmp/" + 103 * "x", "TMPDIR has 108 bytes, too long for sockets: set TMPDIR=/tmp"),
    ],
)
def test_doctor_names_a_folder_that_cannot_be_used(monkeypatch, capsys, variable, told, message):
    monkeypatch.setenv(variable, told)
    if variable == "TMPDIR":
        monkeypatch.setattr("tempfile.tempdir", told)
    with pytest.raises(SystemExit):
        call(monkeypatch, "doctor")
    assert message in capsys.readouterr().out


def test_an_interrupt_ends_with_a_word_on_how_to_go_on(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("kdbook.lab.run", interrupted)
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, "run", "latency")
    assert stopped.value.code == 130
    assert "repeat the command" in capsys.readouterr().err


def test_a_full_disk_is_one_line_and_not_a_traceback(monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kdbook.lab.run", full)
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, "run", "latency")
    assert stopped.value.code == 1
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.slow
def test_an_experiment_runs_from_the_shell_and_prints_its_table(own_folders):
    command = [sys.executable, "-m", "kdbook", "run", "distilled_models", "--seeds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "DistilBERT" in done.stdout
    assert (own_folders / "out" / "results" / "distilled_models.csv").exists()
