"""Write what needs a public address: the README's badges and links to students' chapters, and the package's links.

    python workshop/badges.py [https://github.com/OWNER/NAME]

Without an argument the address is `repository-code` in CITATION.cff; where that is missing too, nothing can be linked.
Chapters without solutions are linked in a branch `student`, which whoever publishes a copy makes after `make workshop`:

    git switch --force-create student && cp -r build/workshop/student student && git add student
    git commit --message "Add the chapters without solutions" && git push --force origin student && git switch -
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from kdbook.data.files import write_atomically

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- badges: make badges -->\n", "<!-- end of badges -->"
URLS, END_URLS = "# links: make badges\n", "# end of links"
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


def badges(address: str) -> str:
    """Badges of a repository on the usual code host, and a line a chapter, as Markdown.

    Raises
    ------
    ValueError
        When the address has no owner and name.
    """
    name = urlsplit(address).path.strip("/").removesuffix(".git")
    if name.count("/") != 1:
        raise ValueError(f"the address must end in owner/name, got {address!r}")
    book = f"{address.removesuffix('.git')}/actions/workflows/book.yml"
    shown = {
        "book": (f"{book}/badge.svg", book),
        "Open in Codespaces": (
            "https://github.com/codespaces/badge.svg",
            f"https://codespaces.new/{name}/tree/student",
        ),
    }
    lines = [" ".join(f"[![{text}]({picture})]({link})" for text, (picture, link) in shown.items()), ""]
    lines += ["| chapter, without solutions | | |", "|---|---|---|"]
    for chapter in CHAPTERS:
        colab = f"https://colab.research.google.com/github/{name}/blob/student/student/{chapter}.ipynb"
        binder = f"https://mybinder.org/v2/gh/{name}/student?urlpath=lab/tree/student/{chapter}.ipynb"
        lines.append(f"| {chapter} | [Colab]({colab}) | [Binder]({binder}) |")
    install = f"git clone --depth 1 --branch student {address} book && pip install -e 'book[chapters,speech]'"
    lines += ["", f"In Colab the first cell to run is `!{install}`, which leaves Colab's own Jupyter as it is."]
    return "\n".join(lines)


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
    told = f"badges for {address}; the branch `student` that they lead to is made as workshop/badges.py says"
    print(told if address else "CITATION.cff names no repository-code: no badges")


if __name__ == "__main__":
    main()
