"""Node.js, in which modules of the pages run."""

import os
import shutil
import subprocess

import pytest


@pytest.fixture(scope="session")
def node():
    """Function (arguments, input) -> what Node.js prints."""
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Node.js: install your system's nodejs")

    def run(*arguments, given="", **environment):
        command, variables = ["node", *map(str, arguments)], {**os.environ, **environment}
        done = subprocess.run(command, input=given, capture_output=True, text=True, env=variables)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return run
