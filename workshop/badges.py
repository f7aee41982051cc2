"""Write the README's badges: ways to open the book without installing it, which need its public address.

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


def written(page: str, address: str | None) -> str:
    """The README with the badges of an address between its marks, or with none."""
    head, begin, rest = page.partition(BEGIN)
    return f"{head}{begin}{badges(address) if address else ''}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Write them."""
    address = (
        sys.argv[1] if len(sys.argv) > 1 else yaml.safe_load((ROOT / "CITATION.cff").read_text()).get("repository-code")
    )
    readme = ROOT / "README.md"
    write_atomically(readme, written(readme.read_text(), address).encode())
    print(f"badges for {address}" if address else "CITATION.cff names no repository-code: no badges")


if __name__ == "__main__":
    main()
