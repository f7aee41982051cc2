"""Make the workshop kit from the committed notebooks: two editions, slides, and one archive for the room.

    python workshop/build.py        into build/workshop: student, solutions, slides, finished.html and room.zip

No cell is executed; figures are drawn anew, larger, from the committed results. The slides need no network: their
scripts come out of `site/node_modules`, as those of the site do.
"""

import importlib.util
import re
import shutil
import sys
import zipfile
from pathlib import Path

import finished
import lecture
import nbformat
from lecture import is_exercise
from nbconvert.exporters import NotebookExporter, SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

HERE = Path(__file__).parent
ROOT = HERE.parent
OUT = ROOT / "build" / "workshop"
VENDORED = {
    "mathjax/es5/tex-mml-chtml.js": "mathjax",
    "mathjax/es5/output/chtml/fonts": "mathjax/output/chtml/fonts",
    "requirejs/require.js": "widgets",
    "@jupyter-widgets/html-manager/dist/embed-amd.js": "widgets",
    "reveal.js/dist": "reveal/dist",
    "reveal.js/plugin/notes": "reveal/plugin/notes",
}
PICTURES = {"image/png", "text/html", "application/vnd.jupyter.widget-view+json"}


def site_builder():
    """The builder of the site, a script as this one is: it knows how to vendor scripts and to check pages."""
    spec = importlib.util.spec_from_file_location("site_build", ROOT / "site" / "build.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.append(str(ROOT / "site"))  # as when it runs: its neighbours can be imported
    spec.loader.exec_module(module)
    return module


site = site_builder()


def tags(cell: NotebookNode) -> list[str]:
    """Tags of a cell, to read or to add to."""
    return cell.metadata.setdefault("tags", [])


def student(notebook: NotebookNode) -> NotebookNode:
    """Without solutions, and without what the stubs' checks said; figures and sliders stay, to be read first."""
    for cell in notebook.cells:
        tags(cell)
        if is_exercise(cell):
            cell.metadata.tags.append("exercise")
    return edition(notebook, remove_cell_tags={"solution"}, remove_all_outputs_tags={"exercise"})


def solutions(notebook: NotebookNode) -> NotebookNode:
    """With every solution open."""
    for cell in notebook.cells:
        if "solution" in tags(cell):
            cell.metadata.tags = [tag for tag in cell.metadata.tags if tag != "hide-cell"]
            cell.metadata.pop("jupyter", None)
            cell.source = cell.source.replace(", folded where a page can fold", "")
    return edition(notebook)


def edition(notebook: NotebookNode, **removed: set[str]) -> NotebookNode:
    """A notebook without the cells or outputs that carry certain tags, and no longer paired with a script."""
    notebook.metadata.pop("jupytext", None)
    exporter = NotebookExporter(config=Config({"TagRemovePreprocessor": {"enabled": bool(removed), **removed}}))
    return nbformat.reads(exporter.from_notebook_node(notebook)[0], as_version=4)


def under_headings(cells: list[NotebookNode]) -> list[NotebookNode]:
    """A slide of the title, and one of every figure, under the heading that it has in the chapter."""
    cells[0].metadata["slideshow"] = {"slide_type": "slide"}
    slides, heading = cells[:1], None
    for cell in cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^##+ (.+)", cell.source, re.MULTILINE) or [heading])[-1]
        elif "show_figure(" in cell.source or "picture_slider(" in cell.source:
            cell.metadata["slideshow"] = {"slide_type": "-" if heading else "slide"}
            if heading:
                begins = {"slideshow": {"slide_type": "slide"}}
                slides.append(nbformat.v4.new_markdown_cell(f"## {heading}", metadata=begins))
            slides.append(cell)
    return slides


def marked(notebook: NotebookNode, guide: lecture.Guide = lecture.NO_GUIDE) -> NotebookNode:
    """The cells of a lecture: those with a slide type, or in a chapter that marks none its title and its figures."""
    cells = notebook.cells
    if not any("slideshow" in cell.metadata for cell in cells):
        cells = under_headings(cells)
    cells = lecture.headed(lecture.exercise_slides(cells, guide), guide)
    notebook.cells = [cell for cell in cells if lecture.kind(cell) != "skip"]
    for cell in notebook.cells:
        if drawn := PICTURES & {kind for output in cell.get("outputs", ()) for kind in output.get("data", ())}:
            tags(cell).append("drawn")  # the picture is the point, not the code that draws it
        if "application/vnd.jupyter.widget-view+json" in drawn:
            cell.outputs = [output for output in cell.outputs if "image/png" not in output.get("data", {})]
    notebook.cells = lecture.with_notes(notebook.cells, guide)
    return notebook


def deck(notebook: NotebookNode, title: str) -> str:
    """A page of slides, which asks only for files below `_static`."""
    exporter = SlidesExporter(
        template_name="deck",
        extra_template_basedirs=[str(HERE / "templates")],
        reveal_url_prefix="_static/reveal",
        reveal_theme="white",
        exclude_anchor_links=True,
        widget_renderer_url="_static/widgets/embed-amd.js",
        config=Config({"TagRemovePreprocessor": {"enabled": True, "remove_input_tags": {"drawn"}}}),
    )
    notebook.metadata["title"] = title
    page, _ = exporter.from_notebook_node(notebook)
    return re.sub(r'(href=["\'])(\d\d_\w+)\.ipynb', r"\1\2.html", page)


def index(titles: dict[str, str]) -> str:
    """First page of the slides."""
    links = "\n".join(f'<li><a href="{name}.html">{title}</a></li>' for name, title in titles.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>kdbook: slides</title>'
        '<meta name="viewport" content="width=device-width"><body style="font: 1.3em sans-serif; margin: 2em">'
        "<h1>Slides</h1><p>Arrow keys or space move, <kbd>Esc</kbd> shows all, <kbd>F</kbd> fills the screen, "
        "<kbd>S</kbd> opens the speaker's notes. A click starts a clock.</p>"
        f"<ul>{links}</ul></body></html>"
    )


def build(out: Path = OUT) -> list[str]:
    """Write both editions, the slides and the archive; returns what is wrong with the slides."""
    shutil.rmtree(out, ignore_errors=True)
    titles, asked = {}, {}
    for path in site.chapters():
        titles[path.stem], chapter = site.title_of(path), path.stem[:2]
        learners, open_ones = (make(nbformat.read(path, as_version=4)) for make in (student, solutions))
        asked[chapter] = finished.checks(learners.cells)
        learners.cells += finished.last_cells(chapter, learners.cells)
        for name, notebook in (("student", learners), ("solutions", open_ones)):
            (out / name).mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, out / name / path.name)
        (out / "slides").mkdir(exist_ok=True)
        guide = lecture.read_guide(chapter)
        slides = marked(site.as_pages.with_links_to_pages(nbformat.read(path, as_version=4)), guide)
        slides.cells = lecture.large(slides.cells, out / "slides" / "figures")
        (out / "slides" / f"{path.stem}.html").write_text(deck(slides, titles[path.stem]))
    (out / "slides" / "index.html").write_text(index(titles))
    (out / "finished.html").write_text(finished.page(asked))
    shutil.copy(HERE / "room" / "START.txt", out)
    shutil.copy(HERE / "room" / "lab.json", out / "student")
    site.vendor(out / "slides" / "_static", VENDORED)
    shutil.copy(ROOT / "site" / "static" / "widgets" / "config.js", out / "slides" / "_static" / "widgets")
    shutil.copy(HERE / "deck.css", out / "slides" / "_static")
    found = site.problems(out / "slides")
    with zipfile.ZipFile(out / "room.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in ("START.txt", "student", "slides"):
            for path in sorted(p for p in (out / folder, *(out / folder).rglob("*")) if p.is_file()):
                archive.write(path, path.relative_to(out))
    return found


def main() -> int:
    """Build and check; returns the exit status."""
    ready = f"the workshop kit is ready in {OUT.relative_to(ROOT)}: student, solutions, slides, room.zip"
    return site.told(build(), ready)


if __name__ == "__main__":
    sys.exit(main())
