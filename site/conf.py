"""Sphinx settings of the site. `build.py` gathers the pages; nothing is executed, and no page asks another server."""

import base64
import hashlib
from importlib import metadata
from pathlib import Path

import nbformat
from docutils import nodes

project = "kdbook"
author = "kdbook authors"
release = metadata.version("kdbook")
html_title = "kdbook: knowledge distillation, measured"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    "sphinx_design",
]
nb_execution_mode = "off"  # papermill has executed them
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say shapes and units, which types do not
autodoc_inherit_docstrings = False  # those of torch's classes would fill pages
napoleon_google_docstring = False
napoleon_use_rtype = False

linkcheck_timeout = 20
linkcheck_anchors = False  # papers are named by their page

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search field is in the sidebar
}

# Not from a content delivery network: `build.py` copies them out of the locked npm packages.
mathjax_path = "mathjax/tex-mml-chtml.js"
nb_ipywidgets_js = {"widgets/require.js": {}, "widgets/config.js": {}, "widgets/embed-amd.js": {}}


def alt_texts(source: Path) -> dict[str, str]:
    """Alt text of every picture in the chapters, by the name that MyST-NB gives its file: the SHA-256 of the PNG."""
    found = {}
    for path in sorted(source.glob("chapters/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", ()):
                if "image/png" in output.get("data", {}):
                    picture = base64.b64decode(output.data["image/png"])
                    found[hashlib.sha256(picture).hexdigest()] = output.metadata["image/png"]["alt"]
    return found


def describe_pictures(app, doctree) -> None:
    """Give the pictures of a chapter the alt texts that its outputs carry; MyST-NB reads only one a cell."""
    for image in doctree.findall(nodes.image):
        if "alt" not in image and (alt := app.kdbook_alt_texts.get(Path(image["uri"]).stem)):
            image["alt"] = alt


def list_entries(app, page, template, context, doctree) -> None:
    """Make the entries of the bibliography items of its list: the role that docutils gives them is deprecated."""
    context["body"] = context.get("body", "").replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    """Sphinx's hook."""
    app.kdbook_alt_texts = alt_texts(Path(app.srcdir))
    app.connect("doctree-read", describe_pictures)
    app.connect("html-page-context", list_entries)
    return {"parallel_read_safe": True}
