"""Every file that a page of the repository links to is there."""

import re
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).parents[1]
MADE = {"claims.md", "method.md", "gallery.md", "api/index.md"}  # by site/build.py, beside site/pages
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|(?:src|href)=\"([^\"#]+)\"")
SHOWN = [
    path
    for folder in ("", "results", "figures", "benchmarks", "workshop", "site/pages", "notebooks")
    for path in sorted((ROOT / folder).glob("*.md")) + sorted((ROOT / folder).glob("[0-9]*.py"))
]


def prose(path):
    if path.suffix == ".md":
        return re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
    return "\n".join(cell.source for cell in jupytext.read(path).cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_is_there(path):
    links = [markdown or html for markdown, html in LINK.findall(prose(path))]
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    if path.parent.name == "pages":
        local = [re.sub(r"^chapters/", "../../notebooks/", link) for link in local if link not in MADE]
        local = [re.sub(r"^_static/", "../static/", link) for link in local]
    assert [link for link in local if not (path.parent / link).exists()] == []
