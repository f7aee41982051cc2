"""The cell for a reader's own GPU: with one, without one, and with results of one."""

import time

import pytest
import torch

from kdbook.data.cifar import MissingCifarError
from kdbook.lab import Results, load
from kdbook.lab.results import save_results
from kdbook.show import gpu, gpu_cell

TOLD = {"card": "an NVIDIA A100", "minutes": 5, "memory": 6}


@pytest.fixture
def shown(monkeypatch):
    """Alt texts of the pictures that were shown."""
    alts = []
    monkeypatch.setattr(gpu, "show_picture", lambda drawn, alt: alts.append(alt))
    return alts


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Function that gives this machine a GPU or none; a list of what is run on it. Committed results: none yet."""
    ran = []

    def run(*arguments, **more):
        ran.append((arguments, more))
        return found()

    def have(card: bool):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: card)
        return ran

    monkeypatch.setattr(gpu, "run", run)
    monkeypatch.setattr(gpu, "REFERENCE", tmp_path / "full")
    monkeypatch.setattr("kdbook.lab.runs.REFERENCE", tmp_path / "full")
    return have


def found():
    table = load("hinton_mnist", gpu.arms.BOOK.parents[1] / "results" / "full")
    return Results(table, table.arrays, table.info | {"device": "NVIDIA A100", "seconds": 240.0, "trials": 100})


def test_without_a_gpu_one_sentence_says_what_it_would_train_and_nothing_runs(machine, shown, capsys):
    ran = machine(False)
    gpu_cell("hinton_mnist", "hinton_errors", **TOLD)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and ran == shown == []
    for part in (
        "100 trials (20 seeds) of hinton_mnist",
        "5 minutes and 6 GiB on an NVIDIA A100 (estimated)",
        "`python -m kdbook run hinton_mnist --profile gpu`",
    ):
        assert part in said


def test_without_a_gpu_it_takes_no_time(machine, shown):
    machine(False)
    gpu_cell("temperature_by_width", "temperature_by_width", **TOLD)  # questions and their figures are read now
    began = time.process_time()
    gpu_cell("temperature_by_width", "temperature_by_width", **TOLD)
    assert time.process_time() - began < 0.1


def test_without_a_gpu_the_committed_results_of_one_are_shown_with_its_name(machine, shown, capsys, tmp_path):
    ran = machine(False)
    save_results(found(), "hinton_mnist", tmp_path / "gpu")
    gpu_cell("hinton_mnist", "hinton_errors", "hinton_shifted", **TOLD)
    assert "100 trials on NVIDIA A100, 4.0 min" in capsys.readouterr().out
    assert ran == [] and len(shown) == 2 and shown[0].startswith("Test errors on MNIST of the teacher")


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:1"])
def test_with_a_gpu_it_trains_the_profile_and_shows_what_came_out(machine, shown, capsys, device):
    ran = machine(True)
    gpu_cell("hinton_mnist", "hinton_errors", device=device, **TOLD)
    assert ran == [(("hinton_mnist", "gpu"), {"device": device})] and len(shown) == 1
    assert capsys.readouterr().out == "100 trials on NVIDIA A100, 4.0 min\n"


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_a_gpu_that_the_chapter_does_not_use_is_left_alone(machine, shown, capsys, device):
    ran = machine(True)
    gpu_cell("hinton_mnist", device=device, **TOLD)
    assert ran == [] and "No NVIDIA GPU in use" in capsys.readouterr().out


def test_a_question_without_the_profile_or_an_unknown_figure_is_refused_on_every_machine(machine):
    for card in (False, True):
        machine(card)
        with pytest.raises(ValueError, match="profile of tuning must be one of full, quick .* got 'gpu'"):
            gpu_cell("tuning", **TOLD)
        with pytest.raises(ValueError, match="unknown figure 'nonsense'"):
            gpu_cell("hinton_mnist", "nonsense", **TOLD)


def test_data_that_a_gpu_run_lacks_stop_no_chapter_and_are_told_how_to_get(machine, shown, capsys, monkeypatch):
    def without_data(*arguments, **more):
        raise MissingCifarError("cifar100 is not complete in here: with a network, fetch it by `python -c ...`")

    machine(True)
    monkeypatch.setattr(gpu, "run", without_data)
    gpu_cell("which_knowledge", **TOLD)
    assert capsys.readouterr().out.startswith("cifar100 is not complete in here") and shown == []
