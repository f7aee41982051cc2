"""pyproject.toml says what is needed, constraints.txt which versions are tested, environment.yml the same for conda."""

import ast
import re
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import kdbook

ROOT = Path(__file__).parents[1]
# Packages that conda-forge knows by another name.
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
SETUP_EXTRAS = ("book", "speech", "onnx", "dev")

project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(*extras):
    """Name to version range of the direct dependencies, with those of the named extras."""
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    found = {}
    for r in map(Requirement, lines):
        found |= requirements(*r.extras) if r.name == "kdbook" else {canonicalize_name(r.name): r.specifier}
    return found


def constraints():
    """Name to version of every pin in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name: Version(version) for name, version in pins}


def conda_environment():
    """Name to version of every pin in environment.yml, by its name on the Python package index, and the rest."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    by_conda = [item for item in environment["dependencies"] if isinstance(item, str)]
    by_pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    pins, rest = {}, []
    for item in by_conda + by_pip:
        match = re.fullmatch(r"([\w.-]+)==?(\d[\w.]*)", item)
        if match:
            pins[canonicalize_name(CONDA_NAMES.get(match[1], match[1]))] = Version(match[2])
        else:
            rest.append(item)
    return pins, rest


def imported_modules(path):
    """Top-level names that a Python file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("needed", "kdbook.needed"):
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else "kdbook"
            yield name.partition(".")[0]


def test_every_direct_dependency_has_a_pin_within_its_range():
    pins = constraints()
    wanted = requirements(*project["optional-dependencies"])
    assert sorted(wanted.keys() - pins.keys()) == []
    assert {name: str(pins[name]) for name, versions in wanted.items() if pins[name] not in versions} == {}


def test_every_direct_dependency_has_a_lowest_version():
    wanted = requirements(*project["optional-dependencies"])
    assert [name for name, versions in wanted.items() if not any(s.operator == ">=" for s in versions)] == []


def test_the_pins_are_sorted_and_named_once():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines if not line.startswith("#")]
    assert names == sorted({canonicalize_name(name) for name in names})


def test_every_installed_pin_allows_the_python_of_debian_12():
    # README, Makefile and pyproject.toml ask for 3.11; the oldest one that people have is Debian's.
    needs = {d.metadata["Name"]: d.metadata.get("Requires-Python") or "" for d in distributions()}
    assert len(needs) > 50
    assert {name: python for name, python in needs.items() if Version("3.11.2") not in SpecifierSet(python)} == {}


def test_conda_users_get_the_same_packages_in_the_same_versions():
    pins, rest = conda_environment()
    python = pins.pop("python")
    tested = constraints()
    assert pins == {name: tested[name] for name in requirements(*SETUP_EXTRAS)}
    assert sorted(rest) == ["-e .", "pip"]
    assert python in SpecifierSet(project["requires-python"])


def test_setup_installs_the_extras_that_conda_users_get():
    assert f".[{','.join(SETUP_EXTRAS)}]" in (ROOT / "Makefile").read_text()


def test_the_readme_names_the_tested_python():
    pins, _ = conda_environment()
    named = set(re.findall(r"\bPython\s+(3\.\d+)", (ROOT / "README.md").read_text()))
    assert str(pins["python"]) in named
    assert all(Version(version) in SpecifierSet(project["requires-python"]) for version in named)


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("kdbook", ("book", "speech", "ray")),
        ("kdbook/losses", ()),
        ("kdbook/training", ("chapters",)),
        ("notebooks", ("book", "speech", "onnx", "ray")),
        ("site", ("book", "site", "dev")),
        ("workshop", ("book", "dev")),
        ("tests", ("book", "speech", "onnx", "ray", "dev")),
    ],
)
def test_every_imported_package_is_a_direct_dependency(folder, extras):
    allowed = {*requirements(*extras), "kdbook", *(("tests",) if folder == "tests" else ())}
    distributions = packages_distributions()
    unknown = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        neighbours = {other.stem for other in path.parent.glob("*.py")}  # what a script may import when it runs
        for module in set(imported_modules(path)) - sys.stdlib_module_names - neighbours:
            if allowed.isdisjoint(canonicalize_name(name) for name in distributions.get(module, [module])):
                unknown.setdefault(module, []).append(str(path.relative_to(ROOT)))
    assert unknown == {}


def test_chapters_ask_for_nothing_of_jupyter_so_that_a_kernel_that_is_there_already_stays():
    jupyter = {name for name in requirements("book") if name.startswith(("ipy", "jupy", "nb", "papermill", "pyzmq"))}
    assert {"ipykernel", "jupyterlab", "papermill"} <= jupyter
    assert jupyter.isdisjoint(requirements("chapters", "speech"))
    assert "-e 'book[chapters,speech]'" in (ROOT / "README.md").read_text()


def test_nothing_tells_to_install_this_package_from_a_public_index():
    # Whoever owns the name there is not us: what is ours is installed from its folder.
    files = [*(ROOT / "kdbook").rglob("*.py"), *(ROOT / "notebooks").glob("*.py"), *ROOT.glob("*.md")]
    assert [
        str(path) for path in files if re.search(r"pip install [^`\n]*[\s'\"]kdbook(?![/\w])", path.read_text())
    ] == []


def test_the_citation_names_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == kdbook.__version__
    assert citation["license"] == project["license"]
