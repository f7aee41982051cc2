"""Write what needs a public address: the README's badges, ways to open the book at once, and the package's links.

    python workshop/badges.py [https://github.com/OWNER/NAME]

Without an argument the address is `repository-code` in CITATION.cff; where that is missing too, nothing can be linked.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from kdbook.data.files import write_atomically

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- badges: make badges -->\n", "<!-- end of badges -->"
URLS, END_URLS = "# links: make badges\n", "# end of links"
START = "notebooks/00_overview.ipynb"


def badges(address: str) -> str:
    """Badges of a repository on the usual code host, as Markdown.

    Raises
    ------
    ValueError
        When the address has no owner and name.
    """
    name = urlsplit(address).path.strip("/").removesuffix(".git")
    if name.count("/") != 1:
        raise ValueError(f"the address must end in owner/name, got {address!r}")
    ways = {
        "book": (f"{address}/actions/workflows/book.yml/badge.svg", f"{address}/actions/workflows/book.yml"),
        "Open in Binder": ("https://mybinder.org/badge_logo.svg", f"https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/{START}"),
        "Open in Colab": ("https://colab.research.google.com/assets/colab-badge.svg", f"https://colab.research.google.com/github/{name}/blob/HEAD/{START}"),
        "Open in Codespaces": ("https://github.com/codespaces/badge.svg", f"https://codespaces.new/{name}"),
    }  # fmt: skip
    return "\n".join(f"[![{text}]({picture})]({link})" for text, (picture, link) in ways.items())


def urls(address: str) -> str:
    """The package's links, as lines of `[project.urls]`."""
    address = address.removesuffix(".git")
    pages = {"Source": "", "Issues": "/issues", "Changelog": "/blob/HEAD/CHANGELOG.md"}
    return "\n".join(f'{name} = "{address}{page}"' for name, page in pages.items())


def written(page: str, text: str, begin: str = BEGIN, end: str = END) -> str:
    """A page with a text between its marks."""
    head, _, rest = page.partition(begin)
    return f"{head}{begin}{text}\n{end}{rest.partition(end)[2]}"


def main() -> None:
    """Write them."""
    address = (
        sys.argv[1] if len(sys.argv) > 1 else yaml.safe_load((ROOT / "CITATION.cff").read_text()).get("repository-code")
    )
    readme, project = ROOT / "README.md", ROOT / "pyproject.toml"
    write_atomically(readme, written(readme.read_text(), badges(address) if address else "").encode())
    links = urls(address) if address else ""
    write_atomically(project, written(project.read_text(), links, URLS, END_URLS).encode())
    print(f"badges for {address}" if address else "CITATION.cff names no repository-code: no badges")


if __name__ == "__main__":
    main()
