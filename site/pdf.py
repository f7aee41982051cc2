"""Print the built pages as one book by Chromium: the front page, all chapters, and what is looked up.

python site/pdf.py              build/site/html into build/site/book.pdf; run `make site` first
"""

import re
import shutil
import sys
from pathlib import Path

from chapters import chapters

ROOT = Path(__file__).parents[1]
HTML = ROOT / "build" / "site" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome")
BESIDE = ("method", "glossary", "references", "where_next")  # after the chapters
ARTICLE = re.compile(r'<article class="bd-article">.*?</article>', re.DOTALL)
LINK = re.compile(r'(\b(?:href|src)=")(?![a-z]+:|#|\.\./|/)')
STATE = re.compile(r'<script type="application/vnd.jupyter.*?</script>', re.DOTALL)
PRINTED = "<style>article { break-before: page; } .bd-article pre { white-space: pre-wrap; }</style>"
MINUTES = 10


def book(html: Path) -> str:
    """One page of all articles, which is to stand where the chapters stand.

    Parameters
    ----------
    html : Path
        The built site.

    Returns
    -------
    str
        The first chapter's page, with the articles of all pages in the place of its own.
    """
    inner = [html / "chapters" / f"{notebook.stem}.html" for notebook in chapters()]
    front, *after = (LINK.sub(r"\1../", article(html / f"{name}.html")) for name in ("index", *BESIDE))
    first = inner[0].read_text()
    start, end = ARTICLE.search(first).span()
    articles = "\n".join([front, *map(article, inner), *after]).replace('loading="lazy"', "")
    return first[:start] + articles + PRINTED + first[end:]


def article(page: Path) -> str:
    """What a page says, without its menus and without the state of its sliders, under which stills stand."""
    return STATE.sub("", ARTICLE.search(page.read_text())[0])


def printed(browser: str, page: Path, out: Path) -> None:
    """Let a browser print a page, its mathematics set."""
    from playwright.sync_api import sync_playwright

    margin = dict.fromkeys(("top", "bottom", "left", "right"), "15mm")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        opened.set_default_timeout(MINUTES * 60_000)
        opened.goto(page.as_uri())
        opened.evaluate("MathJax.startup.promise.then(() => null)")
        opened.pdf(path=out, format="A4", print_background=True, outline=True, tagged=True, margin=margin)


def main() -> int:
    """Print the book; returns the exit status."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None or not HTML.exists():
        print(
            f"no pages in {HTML}: run `make site`" if browser else "no Chromium: install your system's package chromium"
        )
        return 1
    page, out = HTML / "chapters" / "book.html", HTML.parent / "book.pdf"
    page.write_text(book(HTML))
    try:
        printed(browser, page, out)
    finally:
        page.unlink()
    print(f"{out.relative_to(ROOT)}: {out.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
