"""What makes a lecture of a chapter's marked cells: findings, large figures, exercises with a clock, speaker's notes.

What slides say besides the chapter's own words stands in `guide/NN.md`, where a teacher reads it as well.
"""

import ast
import re
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from kdbook.lab.runs import load
from kdbook.show import figures
from kdbook.show.style import style

GUIDE = Path(__file__).parent / "guide"
FIGURE = re.compile(r'^\s*show_figure\(\s*"(\w+)"', re.MULTILINE)
DRAWN = re.compile(r'^\s*(?:show_figure|picture_slider)\(\s*"([^"]+)"', re.MULTILINE)
WIDEST, HIGHEST = 8.9, 4.0  # inches; a slide of 1280 pixels gives them 1154, so that type of 9 points is 16 pixels high
SHRUNK = 0.65, 0.75, 0.85, 1.0  # shares of its own size that a figure keeps, until no labels run into each other


@dataclass(frozen=True)
class Exercise:
    """An exercise in the guide: its name in the chapter, minutes, and the answer."""

    name: str
    minutes: int
    answer: str


@dataclass(frozen=True)
class Guide:
    """A chapter's page of the guide: what a speaker may say, what each drawing shows, and the exercises."""

    spoken: tuple[str, ...]
    shown: dict[str, str]
    exercises: tuple[Exercise, ...]


NO_GUIDE = Guide((), {}, ())


def read_guide(chapter: str) -> Guide:
    """The page of a chapter, which is named by two digits."""
    page = (GUIDE / f"{chapter}.md").read_text()
    items = [" ".join(item.split()) for item in re.split(r"\n(?=- |\d+\. |#|\n)", page)]
    text = "\n".join(items)
    spoken = re.findall(r"^- (\*\*(?:Ask|Expect|If it goes wrong)\*\*.+)", text, re.MULTILINE)
    shown = dict(re.findall(r"^- `([^`]+)`: (.+)", text, re.MULTILINE))
    asked = re.findall(r"^- \*\*Exercise (\w+)\*\* \((\d+) min\)\. Answer: (.+?)\. They say: ", text, re.MULTILINE)
    return Guide(tuple(spoken), shown, tuple(Exercise(name, int(minutes), answer) for name, minutes, answer in asked))


def is_exercise(cell: NotebookNode) -> bool:
    """Whether a cell asks: it ends in a check and is no solution."""
    if cell.cell_type != "code" or "solution" in cell.metadata.get("tags", ()):
        return False
    last = ast.parse(cell.source).body[-1:]
    return bool(last) and re.match(r"check_\w+\(", ast.unparse(last[0])) is not None


def slide(source: str, kind: str = "slide") -> NotebookNode:
    """A cell of text with a slide type."""
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})


def exercise_slides(cells: list[NotebookNode], guide: Guide) -> list[NotebookNode]:
    """The cells, with a slide in front of every exercise: its text, the lines that it begins with, and a clock."""
    minutes = {exercise.name: exercise.minutes for exercise in guide.exercises}
    found = []
    for before, cell in zip([None, *cells], cells, strict=False):
        if is_exercise(cell) and (asked := re.search(r"^\*\*(\w)\..+", before.source, re.MULTILINE | re.DOTALL)):
            wanted = minutes.get(asked[1], 5)
            clock = f'<button class="clock" data-minutes="{wanted}">{wanted}:00</button>'
            lines = re.sub(r"^from kdbook\.teach.*? import (\(.*?\)|.*?)\n+", "", cell.source, flags=re.DOTALL)
            found.append(slide(f"## Exercise {asked[1]} {clock}\n\n{asked[0]}\n\n```python\n{lines}\n```"))
        found.append(cell)
    return found


def headed(cells: list[NotebookNode], guide: Guide) -> list[NotebookNode]:
    """The cells, with the chapter's heading and what is found above each figure, which has a slide of its own."""
    heading, found = "", []
    for cell in cells:
        if cell.cell_type == "markdown":
            if kind(cell) == "slide" and heading and not re.search(r"^#+ ", cell.source, re.MULTILINE):
                cell.source = f"## {heading}\n\n{cell.source}"
            heading = (re.findall(r"^##+ (.+)", cell.source, re.MULTILINE) or [heading])[-1]
        elif kind(cell) == "slide" or (kind(cell) != "skip" and FIGURE.search(cell.source)):
            told = [guide.shown[name] for name in DRAWN.findall(cell.source) if name in guide.shown]
            if lines := [f"## {heading}"] * bool(heading) + told:
                found.append(slide("\n\n".join(lines)))
                cell.metadata["slideshow"] = {"slide_type": "-"}
        found.append(cell)
    return found


def kind(cell: NotebookNode) -> str:
    """A cell's slide type; `skip` where it has none."""
    return cell.metadata.get("slideshow", {}).get("slide_type", "skip")


def with_notes(cells: list[NotebookNode], guide: Guide) -> list[NotebookNode]:
    """The cells of slides, with what the speaker may ask and expect behind each slide."""
    noted = []
    for cell in [*cells, None]:
        if noted and (cell is None or kind(cell) == "slide"):
            noted.append(slide("\n\n".join(guide.spoken), "notes"))
        noted += [cell] if cell else []
    return noted if guide.spoken else cells


def large(cells: list[NotebookNode], folder: Path) -> list[NotebookNode]:
    """The cells, with every figure of the book as a picture in a folder, of the committed results alone."""
    found = []
    for cell in cells:
        names = FIGURE.findall(cell.source) if cell.cell_type == "code" else []
        for name in names:
            draw(name, folder)
        pictures = [f'<img src="figures/{n}.svg" alt="{escape(figures.figure_of(n).alt, quote=True)}">' for n in names]
        found.append(slide("\n".join(pictures), kind(cell)) if names else cell)
    return found


def draw(name: str, folder: Path) -> None:
    """Draw a figure from the committed results, on a canvas so small that its type is large on a slide."""
    if (folder / f"{name}.svg").exists():
        return
    entry = figures.figure_of(name)
    drawn = entry.draw(load(entry.question))
    folder.mkdir(exist_ok=True)
    with style():
        width, height = drawn.get_size_inches()
        for kept in SHRUNK:
            drawn.set_size_inches(min(width, max(WIDEST, kept * width)), min(height, max(HIGHEST, kept * height)))
            drawn.canvas.draw()
            if not crowded(drawn):
                break
        drawn.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    plt.close(drawn)


def crowded(drawn: Figure) -> bool:
    """Whether two neighbours among the labels of an axis run into each other."""
    ticks = [labels for axes in drawn.axes for labels in (axes.get_xticklabels(), axes.get_yticklabels())]
    boxes = [[label.get_window_extent() for label in labels if label.get_text()] for labels in ticks]
    return any(one.overlaps(other) for row in boxes for one, other in pairwise(row))
