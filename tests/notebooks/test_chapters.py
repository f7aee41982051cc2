"""The committed chapters: a pair of equal text, executed whole, self-checking, and fit for a static page."""

import ast
import importlib
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
import torch
import torch.nn.functional as F

from kdbook.lab import load
from kdbook.losses import kd_loss, mutual_loss
from kdbook.losses.transformer import masked_lm_distillation, transformer_layer_loss
from kdbook.show.figures import registered

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "notebooks").glob("*.py"))
PARAMETERS = {"PROFILE": "quick", "SEEDS": 0, "DEVICE": "auto", "RERUN": False}

chapters = pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)


def notebook_of(script):
    return nbformat.read(script.with_suffix(".ipynb"), as_version=4)


def code_cells(script):
    return [cell for cell in notebook_of(script).cells if cell.cell_type == "code"]


def test_there_are_chapters():
    assert [p.stem for p in SCRIPTS][:4] == ["00_overview", "01_dark_knowledge", "02_temperature", "03_math"]


@chapters
def test_every_name_that_a_chapter_imports_from_the_package_is_there(script):
    names = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module.startswith("kdbook")
        for alias in node.names
    ]
    assert names
    for module, name in names:
        assert hasattr(importlib.import_module(module), name) or importlib.import_module(f"{module}.{name}")


def test_every_notebook_in_the_folder_or_below_has_its_script():
    found = [p for p in (ROOT / "notebooks").rglob("*.ipynb") if p.parent.name != ".ipynb_checkpoints"]
    assert sorted(p.with_suffix(".py") for p in found if not p.name.endswith(".failed.ipynb")) == SCRIPTS


@chapters
def test_script_and_notebook_hold_the_same_text(script):
    def body(text):
        cells = jupytext.reads(text, "py:percent").cells
        return [(cell.cell_type, cell.source) for cell in cells]

    written = jupytext.writes(notebook_of(script), "py:percent")
    assert body(written) == body(script.read_text())


@chapters
def test_cells_were_executed_once_from_the_first_to_the_last(script):
    counts = [cell.execution_count for cell in code_cells(script)]
    assert counts == list(range(1, len(counts) + 1))


@chapters
def test_no_output_holds_an_error_a_warning_or_a_machine_path(script):
    for cell in code_cells(script):
        for output in cell.outputs:
            text = str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
            assert output.output_type != "error"
            assert "Warning" not in text
            assert not re.search(r"/(home|root|tmp|Users)/", text)


@chapters
def test_the_parameters_cell_holds_the_four_literals(script):
    (cell,) = [c for c in code_cells(script) if "parameters" in c.metadata.get("tags", [])]
    found = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}
    assert found == PARAMETERS


@chapters
def test_the_notebook_stays_under_a_megabyte(script):
    assert script.with_suffix(".ipynb").stat().st_size < 1_000_000


def test_every_figure_of_the_book_is_shown_in_its_chapter():
    shown = {script.stem[:2]: script.read_text() for script in SCRIPTS}
    assert [name for name, entry in registered().items() if f'"{name}"' not in shown[entry.chapter]] == []


@chapters
def test_every_picture_has_alt_text(script):
    for cell in code_cells(script):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"]["alt"].strip()


@chapters
def test_it_has_sliders_and_two_exercises_or_more(script):
    source = script.read_text()
    assert len(set(re.findall(r"check_\w+(?=\()", source))) >= 2
    assert "picture_slider(" in source
    assert notebook_of(script).metadata["widgets"]


@chapters
def test_the_minutes_of_the_full_profile_are_those_of_the_committed_results(script):
    source = script.read_text()
    used = [load(name).info["seconds"] for name in set(re.findall(r'run\("(\w+)"', source))]
    (told,) = re.findall(r'"full": (\d+)}', source)
    assert int(told) == round(sum(used) / 60)


@chapters
def test_it_uses_no_magic_no_pip_and_no_absolute_path(script):
    source = script.read_text()
    assert not re.search(r"^\s*[%!]\w", source, flags=re.MULTILINE)
    assert "pip install" not in source
    assert not re.search(r"[\"'](/|[A-Z]:\\)\w", source)


def functions_of(chapter, *names):
    """Functions that a chapter defines, without running the rest of their cells."""
    tree = ast.parse((ROOT / "notebooks" / f"{chapter}.py").read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    found = {"torch": torch, "F": F}
    exec(compile(tree, chapter, "exec"), found)
    return [found[name] for name in names]


def test_the_blackboard_loss_of_chapter_01_equals_the_package():
    _, loss = functions_of("01_dark_knowledge", "soft_targets", "distillation_loss")
    generator = torch.Generator().manual_seed(5)
    s, t = torch.randn(2, 7, 10, generator=generator, dtype=torch.float64)
    y = torch.arange(7)
    for temperature, alpha in ((1.0, 0.0), (4.0, 0.7), (20.0, 1.0)):
        ours = loss(s, t, y, temperature, alpha)
        torch.testing.assert_close(ours, kd_loss(s, t, y, temperature=temperature, alpha=alpha))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_the_soft_loss_of_chapter_03_equals_the_package(temperature):
    _, loss = functions_of("03_math", "soft", "soft_loss")
    generator = torch.Generator().manual_seed(6)
    s, t = torch.randn(2, 7, 10, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(loss(s, t, temperature), kd_loss(s, t, temperature=temperature, reduction="none"))


def test_the_mutual_loss_of_chapter_05_equals_the_package_and_so_does_its_gradient():
    (mutual,) = functions_of("05_training_modes", "mutual")
    logits = torch.randn(3, 7, 10, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    losses = mutual(ours, torch.arange(7)), mutual_loss(theirs, torch.arange(7))
    torch.testing.assert_close(*losses)
    for loss in losses:
        loss.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_losses_of_chapter_08_equal_the_package():
    triple, layer = functions_of("08_language_models", "triple_loss", "layer_loss")
    generator = torch.Generator().manual_seed(8)
    s, t, h_s, h_t = torch.randn(4, 2, 5, 6, generator=generator, dtype=torch.float64)
    real = torch.arange(5) < torch.tensor([[5], [3]])
    labels = torch.where(real & (torch.arange(5) % 2 == 1), 4, -1)
    for weights in ((5.0, 2.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)):
        given = (s, t, labels, h_s, h_t, real)
        theirs = masked_lm_distillation(*given, temperature=3.0, weights=weights)
        torch.testing.assert_close(triple(*given, temperature=3.0, weights=weights), theirs)
    scores = torch.randn(2, 2, 4, 5, 5, generator=generator, dtype=torch.float64)
    project = torch.nn.Linear(6, 6, dtype=torch.float64)
    theirs = transformer_layer_loss(*([x] for x in (*scores, h_s, h_t)), project, mask=real)
    torch.testing.assert_close(layer(*scores, h_s, h_t, real, project), theirs)
