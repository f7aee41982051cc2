"""The built site in a browser that cannot leave this machine: `make site` first."""

import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from kdbook.lab import load
from kdbook.show import answer

ROOT = Path(__file__).parents[2]
HTML = ROOT / "build" / "site" / "html"
AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(lacking):
    """Of the built site, served on this machine."""
    if not (HTML / "index.html").exists():
        lacking("the site is not built: make site")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=HTML)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_site(open_page, address):
    return lambda name, width=1280: open_page(f"{address}/{name}", width)


def shown_picture(page):
    """Source of the picture that the first stack of the page shows."""
    return page.locator(".widget-stack img:visible, .jupyter-widgets img:visible").first.get_attribute("src")


@pytest.mark.slow
def test_a_slider_moves_by_keyboard_without_a_kernel_and_mathematics_is_set(open_site):
    page, watch = open_site("chapters/02_temperature.html")
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.wait_for(timeout=30_000)
    before, at = shown_picture(page), page.locator(".widget-readout").first.text_content()
    handle.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"document.querySelector('.widget-readout').textContent != {at!r}")
    assert shown_picture(page) != before
    assert page.locator("mjx-container").count() > 10
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_the_search_finds_the_dustbin_in_the_chapter_on_specialists(open_site):
    page, watch = open_site("search.html?q=dustbin")
    page.locator("#search-results li a").first.wait_for(timeout=20_000)
    found = page.locator("#search-results li a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert any("06_specialists" in link for link in found)
    page.locator("#search-results p.context").first.wait_for(timeout=20_000)
    excerpts = page.locator("#search-results p.context").all_text_contents()
    assert not any("System Settings" in text or "Light Dark" in text for text in excerpts)
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_the_ledger_opens_by_verdict_and_is_searched_by_words(open_site):
    page, watch = open_site("claims.html")
    every = page.locator(".kd-claim").count()
    assert page.locator(".kd-claim:visible").count() == 0
    page.locator(".kd-verdict > summary", has_text="Contradicted").click()
    assert 0 < page.locator(".kd-claim:visible").count() < every
    page.fill("#claims-search", "dustbin")
    shown = page.locator(".kd-claim:visible")
    assert 0 < shown.count() < every
    assert all("dustbin" in text.lower() for text in shown.all_text_contents())
    assert page.locator("#claims-found").text_content() == f"{shown.count()} of {every} claims"
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_a_link_to_a_claim_opens_it_and_the_ledger_is_short_on_a_phone(open_site):
    page, _ = open_site("claims.html", width=360)
    assert page.evaluate("document.documentElement.scrollHeight") < 4_000
    page, watch = open_site("claims.html#sweet-spot-3-8", width=360)
    page.locator("#sweet-spot-3-8 table").wait_for(timeout=20_000)
    assert page.locator(".kd-claim:visible table:visible").count() == 1
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_a_figure_has_its_number_and_a_click_enlarges_it(open_site):
    page, watch = open_site("chapters/02_temperature.html")
    first = page.locator("figure.kd-figure").first
    assert first.locator("figcaption").text_content().startswith("Figure 2.1. ")
    assert first.locator("img").get_attribute("src").endswith(".svg")
    first.locator("a").click()
    large = page.locator("dialog.kd-large")
    assert large.locator("img").bounding_box()["width"] > first.locator("img").bounding_box()["width"]
    page.keyboard.press("Escape")
    large.wait_for(state="detached")
    assert watch.errors == watch.outside == []


PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html") if "_static" not in path.parts)
# Listings of source, two hundred pages of one form, are judged by a few of them.
JUDGED = [name for name in PAGES if not name.startswith("_modules/") or name.startswith("_modules/kdbook/losses/")]
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"  # colours change at once


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_page_breaks_a_rule_of_the_accessibility_guidelines(chromium, address, lacking):
    if not AXE.exists():
        lacking("axe-core is not installed: make site")
    broken = []
    page = chromium.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.set_default_timeout(180_000)
    for name in JUDGED:
        page.emulate_media(color_scheme="light")
        page.goto(f"{address}/{name}")
        page.add_style_tag(content=STILL)
        page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        page.evaluate(AXE.read_text())
        for scheme, rules in (("light", WCAG), ("dark", ["color-contrast"])):  # in the dark only colours differ
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate(f"axe.run({{ runOnly: {rules}, resultTypes: ['violations'] }})")["violations"]
            broken += [(name, scheme, rule["id"], rule["nodes"][0]["html"][:200]) for rule in found]
    page.close()
    assert len(JUDGED) > 20 and broken == []


BACKGROUND = """(caption) => {
  let behind = caption;
  while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
  return [getComputedStyle(caption).color, getComputedStyle(behind).backgroundColor];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_caption_has_another_colour_than_what_is_behind_it(chromium, address, scheme):
    # axe only doubts a text that has the very colour of its background
    page = chromium.new_page(color_scheme=scheme)
    page.goto(f"{address}/chapters/05_training_modes.html")
    text, behind = page.locator(".kd-figure figcaption").first.evaluate(BACKGROUND)
    page.close()
    assert text != behind


@pytest.mark.slow
def test_no_page_is_larger_than_a_megabyte_and_a_half(address):
    sizes = {name: (HTML / name).stat().st_size for name in PAGES}
    assert {name: size for name, size in sizes.items() if size > 1_500_000} == {}


@pytest.mark.slow
def test_a_slider_works_in_a_page_that_no_server_serves(open_page, address):
    page, watch = open_page((HTML / "chapters" / "02_temperature.html").as_uri())
    page.locator(".widget-slider .noUi-handle").first.wait_for(timeout=30_000)
    assert shown_picture(page).startswith("data:image/png")
    assert watch.errors == watch.outside == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index.html", "claims.html", "gallery.html", "chapters/02_temperature.html"])
def test_a_page_fits_a_phone(open_site, name):
    page, watch = open_site(name, width=360)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_the_temperature_explorer_computes_in_the_page_what_python_computes(open_site):
    page, watch = open_site("chapters/02_temperature.html")
    explorer = page.locator(".kdbook-temperature").first
    slider = explorer.locator("input[type=range]")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    temperature = float(explorer.locator("[data-told=temperature]").text_content())
    bits = float(re.match(r"[\d.]+", explorer.locator("[data-told=entropy]").text_content())[0])
    logits = load("temperature_views").array("teacher", "test_logits")
    most_doubtful = np.argsort([answer(row, 1.0).entropy for row in logits])[-1]
    assert temperature > 1
    assert bits == pytest.approx(answer(logits[most_doubtful], temperature).entropy, abs=0.006)
    assert watch.errors == watch.outside == []
