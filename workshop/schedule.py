"""Write into schedule.md when each part of a plan begins, and how long the cells of each chapter take.

python workshop/schedule.py
"""

import re
from collections.abc import Iterator
from pathlib import Path

from kdbook.data.files import write_atomically
from kdbook.lab import arms
from kdbook.lab.store import Store

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "notebooks"
BEGIN, END = "<!-- measured: python workshop/schedule.py -->\n", "<!-- end -->"


def quick_minutes(notebooks: Path = NOTEBOOKS) -> dict[str, float]:
    """Minutes that the quick run of each chapter takes on two cores with an empty store, as the chapters say."""
    found = {}
    for script in sorted(notebooks.glob("[0-9][0-9]_*.py")):
        told = re.search(r'describe_run\(.*minutes=\{"quick": ([\d.]+)', script.read_text())
        found[script.stem] = float(told[1])
    return found


def runs(script: Path) -> Iterator[tuple[str, str]]:
    """(section, experiment) for each experiment that a chapter runs, in its order."""
    section = ""
    for line in script.read_text().splitlines():
        section = line.removeprefix("# ## ") if line.startswith("# ## ") else section
        if found := re.search(r'= run\("(\w+)"', line):
            yield section, found[1]


def seconds(experiment: str, store: Store) -> float | None:
    """What the quick trials of an experiment took, or None when the store lacks one."""
    stored = [store.read(trial) for trial in arms.trials(experiment, "quick")]
    return None if None in stored else sum(trial.provenance["seconds"] for trial in stored)


def table(store: Store) -> str:
    """Both tables, as Markdown."""
    minutes = quick_minutes(NOTEBOOKS)
    lines = ["| chapter | minutes from nothing |", "|---|---|"]
    lines += [f"| {name} | {told:g} |" for name, told in minutes.items()]
    lines += [
        f"| all | {sum(minutes.values()):g} |",
        "",
        "| chapter | section | experiment | seconds |",
        "|---|---|---|---|",
    ]
    seen = set()
    for name in minutes:
        for section, experiment in runs(NOTEBOOKS / f"{name}.py"):
            took = None if experiment in seen else seconds(experiment, store)
            told = "trained before" if experiment in seen else "not measured" if took is None else f"{took:.0f}"
            lines.append(f"| {name[:2]} | {section} | `{experiment}` | {told} |")
            seen.add(experiment)
    return "\n".join(lines)


def timed(page: str) -> str:
    """The page with the column *from* of every plan computed from its minutes."""
    begin, lines = 0, []
    for line in page.splitlines(keepends=True):
        begin = 0 if line.startswith("## ") else begin
        if row := re.match(r"\| \d+:\d\d \| (\d+) \|", line):
            line = f"| {begin // 60}:{begin % 60:02d} | {row[1]} |{line[row.end() :]}"
            begin += int(row[1])
        lines.append(line)
    return "".join(lines)


def exercises(what: str) -> list[str]:
    """Names of the exercises in a plan's words: "Exercises 1 to 3, in pairs" are 1, 2 and 3."""
    named = re.match(r"Exercises? ([\w, ]*?\w)(?:, in pairs)?$", what)
    if span := named and re.match(r"(\d) to (\d)$", named[1]):
        return [str(n) for n in range(int(span[1]), int(span[2]) + 1)]
    return re.split(r", | and ", named[1]) if named else []


def main() -> None:
    """Write the plans' times, and the tables between their marks."""
    page = HERE / "schedule.md"
    head, _, rest = timed(page.read_text()).partition(BEGIN)
    write_atomically(page, f"{head}{BEGIN}\n{table(Store())}\n\n{END}{rest.partition(END)[2]}".encode())


if __name__ == "__main__":
    main()
