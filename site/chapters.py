"""Chapters as pages show them: figures as SVG with a number and a caption, and tables in words instead of names."""

import base64
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

import nbformat

from kdbook.lab import arms
from kdbook.show.figures import COMMITTED, registered

SHOWN = re.compile(r'show_figure\(\s*"(\w+)"')
LOADED = re.compile(r'load\(\s*"(\w+)"')
HEADING = re.compile(r"(<th\b[^>]*>)\s*([\w:=.@-]+)\s*(?=</th>)")
TEXTS = {"text/html", "text/markdown"}
INCH = 96  # CSS pixels
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
BELOW = Path(__file__).with_name("below")  # a text by the name of the figure that it stands under


def chapters() -> list[Path]:
    """The committed notebooks, in order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def for_pages(notebook: nbformat.NotebookNode, chapter: str, pictures: Path) -> nbformat.NotebookNode:
    """Change a chapter's outputs, in place, into what a page shows.

    Parameters
    ----------
    notebook : NotebookNode
        As committed.
    chapter : str
        Two digits.
    pictures : Path
        Folder of the committed SVGs beside the page's own; what a cell drew without a name is written there as PNG.

    Returns
    -------
    NotebookNode
        The same one.
    """
    words, number = labels(notebook), 0
    for cell in notebook.cells:
        names, slides = SHOWN.findall(cell.source), False
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            slides |= any("widget-view" in kind for kind in data)
            name = _named(output, names, slides) if "image/png" in data else None
            if name or ("image/png" in data and not slides):  # under a slider stand its stills, which repeat it
                number += 1
                at = f"{int(chapter)}.{number}"
                output.data = {"text/html": _shown(output, name, at, pictures)}
                output.metadata = nbformat.NotebookNode()
            for kind in TEXTS & set(data := output.get("data", {})):
                data[kind] = in_words(data[kind], words)
    return with_explorables(with_links_to_pages(notebook))


def with_explorables(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Put what `below/<figure>.md` says below the cell that shows the figure: something to try in the page."""
    cells = []
    for cell in notebook.cells:
        texts = [BELOW / f"{name}.md" for name in SHOWN.findall(cell.source)]
        cells += [cell, *(nbformat.v4.new_markdown_cell(text.read_text()) for text in texts if text.exists())]
    notebook.cells = cells
    return notebook


def with_links_to_pages(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Point the links in outputs at pages: Sphinx resolves those in the text, and leaves what a cell printed alone."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            for kind in TEXTS & set(output.get("data", ())):
                output.data[kind] = re.sub(r"(\d\d_\w+)\.ipynb", r"\1.html", output.data[kind])
    return notebook


def _named(output: nbformat.NotebookNode, names: list[str], slides: bool) -> str | None:
    """Take the next of the figures that a cell names, or beside a slider the one with these words; None: it is none."""
    alt = output.metadata["image/png"]["alt"]
    fitting = [name for name in names if not slides or registered()[name].alt == alt]
    return names.pop(names.index(fitting[0])) if fitting else None


def _shown(output: nbformat.NotebookNode, name: str | None, at: str, pictures: Path) -> str:
    """A picture of a cell: the committed figure of that name, of the reference alone, or what the cell drew."""
    if name:
        return captioned(name, at, f"../_static/{pictures.name}")
    file = pictures / f"drawn-{at}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(base64.b64decode(output.data["image/png"]))
    return figure(f"../_static/{pictures.name}/{file.name}", at, f"Figure {at}", output.metadata["image/png"]["alt"])


def captioned(name: str, at: str, folder: str) -> str:
    """A registered figure with the words of its docstring: what it asks as alt text, what it shows as caption."""
    found = registered()[name]
    question = found.draw.__doc__.strip().partition("\n")[0]
    width, height = re.search(
        r'width="([\d.]+)pt" height="([\d.]+)pt"', (COMMITTED / f"{name}.svg").read_text()
    ).groups()
    size = f' width="{float(width) * INCH / 72:.0f}" height="{float(height) * INCH / 72:.0f}"'
    return figure(f"{folder}/{name}.svg", at, question, found.alt, size)


def figure(source: str, at: str, alt: str, caption: str, size: str = "") -> str:
    """HTML of a picture with number and caption that a click enlarges; without scripts, the click opens the picture."""
    return (
        f'<figure class="kd-figure" id="figure-{at.replace(".", "-")}">'
        f'<a class="kd-enlarge" href="{source}"><img src="{source}" alt="{escape(alt)}"{size} loading="lazy"></a>'
        f"<figcaption><b>Figure {at}.</b> {escape(caption)}</figcaption></figure>"
    )


def labels(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Labels of the arms of all questions that a chapter loads, by name; without those that have two."""
    asked = set(LOADED.findall("\n".join(cell.source for cell in notebook.cells)))
    return agreed(
        (arm.named or name, arm.label)
        for question in sorted(asked & set(arms.names()))
        if hasattr(arms.question(question), "arms")
        for name, arm in arms.made(arms.question(question).arms, "full").items()
    )


def agreed(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name to label, of names that have one label only."""
    found: dict[str, set[str]] = {}
    for name, label in pairs:
        found.setdefault(name, set()).add(" ".join(label.split()))
    return {name: only for name, (only, *others) in found.items() if not others}


def in_words(text: str, words: dict[str, str]) -> str:
    """HTML whose headings of rows and columns say an arm's label, or at least have no underscores."""
    return HEADING.sub(lambda m: m[1] + escape(words.get(m[2], m[2].replace("_", " "))), text)
