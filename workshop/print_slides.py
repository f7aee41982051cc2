"""Print the built slides, a PDF a chapter, beside the pages.

    python workshop/print_slides.py [CHAPTER ...]

Needs Chromium; `make workshop` first.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SLIDES = Path(__file__).parents[1] / "build" / "workshop" / "slides"
BROWSERS = "chromium", "chromium-browser", "google-chrome"


def main(chapters: list[str]) -> None:
    """Print those chapters, or all."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser prints slides: install one of {', '.join(BROWSERS)}")
    pages = [page for page in sorted(SLIDES.glob("[0-9]*.html")) if not chapters or page.stem[:2] in chapters]
    if not pages:
        sys.exit(f"no slides in {SLIDES}: run `make workshop`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for path in pages:
            page = chromium.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{path.as_uri()}?print-pdf")
            page.wait_for_function("Reveal.isReady() && document.querySelector('.pdf-page')", timeout=120_000)
            page.wait_for_function("!window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)")
            page.pdf(path=path.with_suffix(".pdf"), prefer_css_page_size=True, print_background=True)
            page.close()
            print(path.with_suffix(".pdf").name)


if __name__ == "__main__":
    main(sys.argv[1:])
