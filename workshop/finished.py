"""Who has finished what, without accounts: a code that a learner's last cell prints, and the page that reads it.

The code holds a name, a chapter, which exercises passed, and a checksum, so that a slip of the pen is found. It is no
lock: whoever reads this file can write any code.
"""

import inspect
import json
import re
from pathlib import Path

from lecture import is_exercise
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

PAGE = Path(__file__).parent / "room" / "finished.html"
TOLD = """## Finished?

Put your name in and run this cell after your exercises, in the same session. It prints a code for your teacher."""


def checks(cells: list[NotebookNode]) -> list[str]:
    """Names of a chapter's checks, in the order of its exercises."""
    return [re.search(r"^(check_\w+)\(", cell.source, re.MULTILINE)[1] for cell in cells if is_exercise(cell)]


def code_of(name: str, chapter: str, passed: str) -> str:
    """A code such as 07-ADA-110100-3F2A; `passed` has a 1 for each exercise that passed."""
    kept = "".join(letter for letter in name.upper() if letter.isalnum())[:12] or "NOBODY"
    checksum = 2166136261  # FNV-1a of 32 bits, whose last four digits are shown
    for byte in f"{chapter}-{kept}-{passed}".encode():
        checksum = (checksum ^ byte) * 16777619 % 2**32
    return f"{chapter}-{kept}-{passed}-{checksum % 65536:04X}"


def passed_in(told: dict, written: list[str], asked: list[str]) -> str:
    """A digit an exercise from what the cells of a session said (`Out`) and what was written into them (`In`)."""
    good = {at for at, said in told.items() if getattr(said, "passed", False)}
    return "".join(str(int(any(f"{check}(" in written[at] for at in good))) for check in asked)


def last_cells(chapter: str, cells: list[NotebookNode]) -> list[NotebookNode]:
    """What is put at the end of a student's chapter."""
    functions = "\n\n".join(inspect.getsource(f) for f in (code_of, passed_in))
    asked = json.dumps(checks(cells))
    call = f'my_name = ...\nprint(code_of(str(my_name), "{chapter}", passed_in(Out, In, {asked})))'
    hidden = {"tags": ["hide-input"]}
    return [new_markdown_cell(TOLD), new_code_cell(f"{functions}\n\n{call}", metadata=hidden)]


def page(asked: dict[str, list[str]]) -> str:
    """The teacher's page, which knows how many exercises each chapter has."""
    return PAGE.read_text().replace("{/* chapters */}", json.dumps({name: len(found) for name, found in asked.items()}))
