"""A real browser that may ask this machine only. Without Chromium, tests are skipped; under ``CI=true`` they fail."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# It may neither phone home nor look for updates; --no-sandbox since continuous integration often runs as root.
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LOCAL = ("file:", "data:", "blob:", "http://127.0.0.1:", "ws://127.0.0.1:")


@pytest.fixture(scope="session")
def lacking():
    """Function (what) that skips a test, or fails it where everything is meant to be there."""
    return pytest.fail if os.environ.get("CI") == "true" else pytest.skip


@pytest.fixture(scope="session")
def chromium(lacking):
    """The browser."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        lacking("no Chromium: install your system's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        yield browser
        browser.close()


class Watch:
    """What went wrong on a page: console errors, exceptions, and requests that would leave this machine."""

    def __init__(self, page):
        self.errors, self.outside = [], []
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.route(lambda url: not url.startswith(LOCAL), self.refuse)

    def refuse(self, route):
        """Stop and note a request."""
        self.outside.append(route.request.url)
        route.abort()


@pytest.fixture
def open_page(chromium, request):
    """Function (address, width) -> (page, its Watch); a screenshot of each page is kept in ``build/screenshots``.

    What else the browser has, such as a touch screen, it is told by name.
    """
    opened = []

    def make(address: str, width: int = 1280, **context):
        page = chromium.new_page(viewport={"width": width, "height": 900}, **context)
        watch = Watch(page)
        page.goto(address)
        opened.append(page)
        return page, watch

    yield make
    folder = request.config.rootpath / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(opened):
        page.screenshot(path=folder / f"{request.node.name.split('[')[0]}_{number}.png")
        page.close()
