"""The wheel: what it holds, that its core runs where nothing else is installed, and what it says of what it lacks."""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

CORE = """
import pkgutil, sys, kdbook, kdbook.losses, kdbook.nets, kdbook.training
for folder in (kdbook.losses, kdbook.nets, kdbook.training, kdbook.training.objectives):
    for module in pkgutil.iter_modules(folder.__path__, folder.__name__ + "."):
        if module.name != "kdbook.nets.mobile":  # made of torchvision's blocks
            __import__(module.name)
def lacking(call):
    try:
        call()
    except ModuleNotFoundError as error:
        print(error)

lacking(lambda: kdbook.load("tuning"))
lacking(lambda: kdbook.nets.network({"net": "mobilenet"}))
lacking(kdbook.training.report.Report(None, None, {}, [], []).table)
"""
# The label is the channel that is bright; the teacher learns it in a dozen steps.
DISTIL = """
import kdbook, torch
from torchvision.models import resnet18, shufflenet_v2_x0_5
torch.manual_seed(0)
torch.set_num_threads(1)
y = torch.arange(120) % 3
x = 0.3 * torch.randn(120, 3, 32, 32)
x[torch.arange(120), y] += 1
teacher, student = resnet18(num_classes=3), shufflenet_v2_x0_5(num_classes=3)
moved = torch.optim.Adam(teacher.parameters(), 1e-3)
for _ in range(12):
    moved.zero_grad()
    torch.nn.functional.cross_entropy(teacher(x), y).backward()
    moved.step()
report = kdbook.distil(teacher, student, (x, y), epochs=2, rates=[3e-3], device="cpu", progress=False)
print(report.student is student, *report.rows, sep=", ")
"""
ASKED = "{} is not installed: run `pip install '.[book]'` in the folder of the repository"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy: building leaves folders behind."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "kdbook", folder / "kdbook", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", *project["license-files"]):
        shutil.copy(ROOT / name, folder)
    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=folder, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def expose(names: set[str], folder: Path) -> None:
    """Link the named distributions, and those that they depend on, from this environment into a folder."""
    folder.mkdir()
    asked, done = set(names), set()
    while asked - done:
        name = (asked - done).pop()
        done.add(name)
        found = distribution(name)
        tops = {file.parts[0] for file in found.files} - {"..", "__pycache__"}
        for top in tops:
            link = folder / top
            if not link.exists():
                link.symlink_to(found.locate_file(top).resolve())
        wanted = map(Requirement, found.requires or ())
        asked |= {canonicalize_name(r.name) for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})}


@pytest.fixture(scope="module")
def alone(wheel, tmp_path_factory):
    """Python of an environment that has the wheel and what its core depends on; pip has checked that this is all."""
    folder = tmp_path_factory.mktemp("alone")
    expose({canonicalize_name(Requirement(line).name) for line in project["dependencies"]}, folder / "core")
    venv.create(folder / "venv", with_pip=False, symlinks=os.name != "nt")
    python = next((folder / "venv").glob("[bS]*/python*"))
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    (packages / "core.pth").write_text(str(folder / "core"))
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-compile", wheel]
    subprocess.run(pip, check=True)
    return python


def run(python, *arguments, cwd, **environment):
    """A process that sees neither this repository nor this environment."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONDONTWRITEBYTECODE") if name in os.environ}
    environment |= kept | {"KDBOOK_HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    return subprocess.run([python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def test_a_wheel_holds_the_code_and_neither_data_nor_results(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "kdbook").rglob("*.py")}
    assert code <= set(names)
    assert {"kdbook/lab/claims.yaml", "kdbook/training/mistakes.yaml"} <= set(names)
    assert [name for name in names if "data/files/" in name or name.startswith("results")] == []
    assert wheel.stat().st_size < 1e6


@pytest.mark.slow
def test_all_of_the_core_is_imported_without_the_rest_which_is_asked_for_in_one_line(alone, tmp_path):
    done = run(alone, "-c", CORE, cwd=tmp_path)
    assert (done.stderr, done.stdout.splitlines()) == (
        "",
        [ASKED.format(n) for n in ("IPython", "torchvision", "pandas")],
    )


@pytest.mark.slow
def test_the_core_of_a_wheel_distils_two_nets_of_torchvision(alone, tmp_path):
    expose({"torchvision"}, tmp_path / "brought")
    done = run(alone, "-W", "ignore", "-c", DISTIL, cwd=tmp_path, PYTHONPATH=str(tmp_path / "brought"))
    assert (done.stderr, done.stdout) == ("", "True, teacher, student alone, student distilled\n")


@pytest.mark.slow
def test_the_command_line_asks_in_one_line_for_what_it_needs(alone, tmp_path):
    done = run(alone, "-m", "kdbook", "list", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", ASKED.format("click") + "\n")


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """A folder with the wheel's content, which comes before this repository for who has it in PYTHONPATH."""
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    return str(folder)


WHERE = """
import kdbook
from kdbook.data import load_images
for call in (lambda: kdbook.load("tuning"), lambda: load_images("mnist", "test")):
    try:
        print(kdbook.__file__, len(call()))
    except (OSError, RuntimeError) as error:
        print(error)
import sys
sys.argv[1:] = ["figures"]
from kdbook.__main__ import main
main()
"""


@pytest.mark.slow
def test_from_a_wheel_one_line_says_where_data_and_results_are(unpacked, tmp_path):
    done = run(sys.executable, "-c", WHERE, cwd=tmp_path, PYTHONPATH=unpacked)
    said = "it is no part of a wheel: work in a clone of the repository, or `pip install -e '.[book]'` there"
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    assert done.returncode == 1 and len(lines) == 3
    assert [line for line in lines if not line.endswith(said)] == []


@pytest.mark.slow
def test_a_wheel_finds_data_and_results_in_a_clone_where_one_works(unpacked, tmp_path):
    clone = tmp_path / "clone"
    (clone / "kdbook" / "data").mkdir(parents=True)
    for part in ("results", "kdbook/data/files"):
        (clone / part).symlink_to(ROOT / part)
    done = run(sys.executable, "-c", WHERE.partition("import sys")[0], cwd=tmp_path / "clone", PYTHONPATH=unpacked)
    paths, counts = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    assert set(paths) == {f"{unpacked}/kdbook/__init__.py"}, done.stderr
    assert int(counts[0]) > 0 and counts[1] == "10000"
