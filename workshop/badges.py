"""Write the README's badges: ways to open students' chapters without installing them, which need a public address.

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
    install = f"git clone --depth 1 --branch student {address} book && pip install --no-deps -e book espeakng-loader"
    lines += ["", f"In Colab the first cell to run is `!{install}`, which leaves Colab's own packages as they are."]
    return "\n".join(lines)


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
    told = f"badges for {address}; the branch `student` that they lead to is made as workshop/badges.py says"
    print(told if address else "CITATION.cff names no repository-code: no badges")


if __name__ == "__main__":
    main()
