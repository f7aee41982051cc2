"""Files for other people's machines: they call what is here, and nothing that .ci/run does not do."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()


def workflow():
    return yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())


def test_the_code_host_runs_only_what_ci_run_does_in_its_order():
    (job,) = workflow()["jobs"].values()
    asked = [step["run"] for step in job["steps"] if "run" in step]
    done = re.findall(r"^step (make \w+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert {"make lint", "make test", "make book", "make compare", "make site", "make workshop"} <= set(asked)
    assert [step for step in done if step in asked] == asked


def test_the_figures_drawn_anew_are_held_to_the_committed_numbers_and_the_quick_ones_to_their_shape():
    recipe = re.search(r"^compare: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
    assert "draw_all(Path('build/figures'))" in recipe
    assert "kdbook.show.compare figures build/figures --rtol 1e-6\n" in recipe
    assert "kdbook.show.compare figures build/quick/figures\n" in recipe


def test_the_code_host_keeps_the_figures_even_of_a_failed_run_and_may_not_write():
    (job,) = workflow()["jobs"].values()
    (kept,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert "build/quick/figures/" in kept["with"]["path"]
    assert kept["if"] == "always()"
    assert workflow()["permissions"] == {"contents": "read"}


def test_every_target_that_a_container_calls_is_in_the_makefile():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    (target,) = re.findall(r"^make (\w+)$", container["postCreateCommand"])
    assert f"\n{target}:" in MAKEFILE


def test_containers_and_binder_take_the_tested_python_and_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    version = environment["dependencies"][0].removeprefix("python=")
    assert (ROOT / ".binder" / "runtime.txt").read_text().strip() == f"python-{version}"
    assert f"python:{version}-" in (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    wanted = (ROOT / ".binder" / "requirements.txt").read_text().splitlines()
    assert "-e .[book,speech]" in wanted
    (constraint,) = [line.removeprefix("-c ") for line in wanted if line.startswith("-c ")]
    assert (ROOT / ".binder" / constraint).resolve() == ROOT / "constraints.txt"


def test_lint_checks_the_workflow_file():
    assert "check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml" in MAKEFILE


@pytest.mark.parametrize(
    ("target", "variable"),
    [("book", "PROFILE"), ("book", "CHAPTER"), ("notebooks", "CHAPTER"), ("test", "JOBS"), ("badges", "REPOSITORY")],
)
@pytest.mark.parametrize("value", ["x; touch {}", "$(touch {})", "`touch {}`", "x' ; touch {} '", 'x" ; touch {} "'])
def test_no_value_given_to_make_runs_as_a_command(target, variable, value, tmp_path):
    # The recipes run as they are, with commands that only say that they were called in place of the real ones.
    (tmp_path / "notebooks").mkdir()
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "python").write_text("#!/bin/sh\n")
    (tools / "python").chmod(0o755)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    (tmp_path / ".venv" / ".stamp").touch()
    evil = tmp_path / "evil"
    dollars = value.format(evil).replace("$", "$$")
    command = ["make", "-f", ROOT / "Makefile", "-C", tmp_path, target, f"{variable}={dollars}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "No rule to make target" not in done.stderr
    assert not evil.exists()
