"""Build the static site from the committed chapters, figures and ledger, and check its pages; nothing is executed.

    python site/build.py            into build/site/html

The pages need no network: scripts, fonts and mathematics come out of `site/node_modules`, pinned by package-lock.json.
"""

import re
import shutil
import sys
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote, urlsplit

import chapters as as_pages
import ledger
import nbformat
import pack
from chapters import chapters

import kdbook
from kdbook.lab import arms
from kdbook.lab.claims import rows
from kdbook.show.figures import COMMITTED, registered

HERE = Path(__file__).parent
ROOT = HERE.parent
README = ROOT / "README.md"
MODULES = HERE / "node_modules"
# source in node_modules -> folder below _static
VENDORED = {
    "mathjax/es5/tex-mml-chtml.js": "mathjax",
    "mathjax/es5/output/chtml/fonts": "mathjax/output/chtml/fonts",
    "requirejs/require.js": "widgets",
    "@jupyter-widgets/html-manager/dist/embed-amd.js": "widgets",
}
LOCAL = ("", "data", "mailto", "javascript")  # schemes that ask no server
FONTS = ("woff2", "woff", "ttf")  # icons of the widgets; html-manager looks for them beside itself
# What the reference lists, folder by folder.
UNLISTED = ("checks",)  # argument checks, which no reader calls
DOCUMENTED = ("data", "losses", "nets", "training", "lab", "show", "book", "book/shared", "book/tables", "teach")


def gather(source: Path) -> None:
    """Fill the folder that Sphinx reads: written pages, chapters, vendored scripts, and the pages made from tables."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(HERE / "pages", source)
    shutil.copy(HERE / "conf.py", source)
    shutil.copytree(HERE / "static", source / "_static")
    (source / "chapters").mkdir()
    shutil.copytree(COMMITTED, source / "figures", ignore=shutil.ignore_patterns("*.md", "*.json", "*.png"))
    shutil.copytree(source / "figures", source / "_static" / "figures")
    for notebook in chapters():
        shown = as_pages.for_pages(
            nbformat.read(notebook, as_version=4), notebook.name[:2], source / "_static" / "figures"
        )
        nbformat.write(shown, source / "chapters" / notebook.name)
    vendor(source / "_static")
    pack.write(source / "_static" / "play")
    index = source / "index.md"
    text = index.read_text().replace("<!-- chapters -->", chapter_cards())
    index.write_text(text.replace("<!-- findings -->", findings()))
    (source / "claims.md").write_text(ledger.page(rows(), (ROOT / "results" / "CLAIMS.md").read_text()))
    method = (ROOT / "results" / "METHOD.md").read_text()
    for there, here in {
        "(CLAIMS.md)": "(claims.md)",
        "(CLAIMS.md#": "(#",
        "(../figures/": "(figures/",
        ".png)": ".svg)",
    }.items():
        method = method.replace(there, here)
    (source / "method.md").write_text(method)
    (source / "gallery.md").write_text(gallery_page())
    for folder, page in reference_pages().items():
        (source / "api" / f"{folder}.md").parent.mkdir(exist_ok=True)
        (source / "api" / f"{folder}.md").write_text(page)


def vendor(static: Path, wanted: dict[str, str] = VENDORED) -> None:
    """Copy what a browser needs out of the installed npm packages.

    Parameters
    ----------
    static : Path
        Where to.
    wanted : dict of str to str
        Source in `node_modules` to folder below `static`.

    Raises
    ------
    FileNotFoundError
        When they are not installed.
    """
    if not MODULES.exists():
        raise FileNotFoundError(f"{MODULES} is missing: run `make site`, or `npm ci --prefix site`")
    for name, folder in wanted.items():
        origin, target = MODULES / name, static / folder
        target.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, target)
        else:
            target.mkdir(exist_ok=True)
            shutil.copy(origin, target)
    manager = MODULES / "@jupyter-widgets/html-manager/dist"
    for font in (f for kind in FONTS for f in manager.glob(f"*.{kind}")):
        for folder in ("@jupyter-widgets", "@jupyter-widgets/html-manager/dist"):
            (static / "widgets" / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(font, static / "widgets" / folder)


def findings() -> str:
    """The README's findings, whose links lead from here to pages."""
    found = README.read_text().partition("<!-- findings -->")[2].partition("<!-- end of findings -->")[0]
    return found.strip()


def chapter_cards() -> str:
    """A card a chapter, as the README's table has it: picture, title, question and answer."""
    cards = []
    for notebook in chapters():
        link = rf"\({notebook.parent.name}/{notebook.name}\)"
        row = rf'^\| <img src="figures/(\w+)\.png"[^|]*\|[^|]*{link} *\|([^|]+)\|([^|]+)\|'
        picture, question, answer = re.search(row, README.read_text(), re.MULTILINE).groups()
        cards.append(
            f":::{{grid-item-card}} {title_of(notebook)}\n:link: chapters/{notebook.stem}\n:link-type: doc\n"
            f":img-top: figures/{picture}.svg\n:img-alt: {registered()[picture].alt}\n\n"
            f"{question.strip()}\n\n*{answer.strip()}*\n:::\n"
        )
    return "::::{grid} 1 2 2 3\n:gutter: 3\n\n" + "\n".join(cards) + "\n::::"


def gallery_page() -> str:
    """Every figure with its words, its chapter and the question behind it."""
    parts = ["# Gallery\n", "Each figure links to the chapter that explains it and to the question that it answers.\n"]
    for chapter, figures in groupby(sorted(registered().values(), key=lambda f: f.chapter), key=lambda f: f.chapter):
        (notebook,) = (ROOT / "notebooks").glob(f"{chapter}_*.ipynb")
        parts.append(f"## [{title_of(notebook)}](chapters/{notebook.name})\n")
        for number, f in enumerate(figures, start=1):
            shown = as_pages.captioned(f.name, f"G{int(chapter)}.{number}", "_static/figures")
            parts.append(f"```{{raw}} html\n{shown}\n```\n")
            parts.append(f"Question {{py:mod}}`~{arms.files()[f.question]}`.\n")
    return "\n".join(parts)


def title_of(notebook: Path) -> str:
    """First heading of a chapter."""
    script = notebook.with_suffix(".py").read_text()
    return next(line.removeprefix("# # ") for line in script.splitlines() if line.startswith("# # "))


def reference_pages() -> dict[str, str]:
    """A page for each part of the package, from its docstrings: the folder's own first, then a heading a module."""
    package = Path(kdbook.__file__).parent
    pages = {}
    for name in DOCUMENTED:
        place = package / name
        inner = sorted(f for f in place.glob("*.py") if f.stem not in ("__init__", *UNLISTED))
        dotted = f"kdbook.{name.replace('/', '.')}"
        parts = [automodule(dotted)] + [f"## {f.stem}\n\n{automodule(f'{dotted}.{f.stem}')}" for f in inner]
        pages[name.replace("/", "_")] = f"# {dotted}\n\n" + "\n".join(parts)
    listed = "\n".join(pages)
    pages["index"] = (
        "# Reference\n\nWhat the helper package offers, from its docstrings. A part uses those above it in this list, "
        "never those below. Examples are run as tests, with the names of their module and `torch`.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )
    return pages


def automodule(name: str) -> str:
    """Sphinx's directive that documents a module."""
    return f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n   :show-inheritance:\n```\n"


class Page(HTMLParser):
    """What a page points to and what it can be pointed at: `links`, `ids`, and pictures without alt text."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.ids, self.silent = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Collect one tag."""
        found = dict(attrs)
        self.ids |= {found[key] for key in ("id", "name") if found.get(key)}
        loads = tag in ("img", "script", "link") and found.get("rel") not in ("canonical", "prev", "next")
        self.links += [(found[key], loads) for key in ("href", "src") if found.get(key)]
        if tag == "img" and not (found.get("alt") or "").strip() and found.get("aria-hidden") != "true":
            self.silent.append(found.get("src", "")[:60])


def problems(html: Path) -> list[str]:
    """Links within the site that lead nowhere, pictures without alt text, and files asked of another server."""
    pages = {
        path: Page(path.read_text(errors="replace"))
        for path in sorted(html.rglob("*.html"))
        if "_static" not in path.parts
    }
    found = []
    for path, page in pages.items():
        here = path.relative_to(html)
        found += [f"{here}: a picture without alt text: {src}" for src in page.silent]
        for link, loads in page.links:
            parts = urlsplit(link)
            if parts.scheme not in LOCAL or parts.netloc:
                found += [f"{here}: loads {link} from another server"] if loads else []
                continue
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{here}: {link} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                found.append(f"{here}: {link} points at no such place")
    return found


def told(found: list[str], ready: str) -> int:
    """Print what is wrong, or else what is ready; returns the exit status."""
    print("\n".join(found) or ready)
    return int(bool(found))


def main() -> int:
    """Gather, build, check; returns the exit status."""
    from sphinx.cmd.build import main as sphinx

    out = ROOT / "build" / "site"
    gather(out / "source")
    shutil.rmtree(out / "html", ignore_errors=True)  # no page may stay whose source is gone
    asked = ["-W", "--keep-going", "-q", "-E", "-b", "html", "-d", out / "doctrees", out / "source", out / "html"]
    if status := sphinx([str(part) for part in asked]):
        return status
    page = (out / "html" / "index.html").relative_to(ROOT)
    return told(problems(out / "html"), f"the site is ready: open {page}, no server needed")


if __name__ == "__main__":
    sys.exit(main())
