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

HTML = Path(__file__).parents[2] / "build" / "site" / "html"


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
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_the_ledger_is_searched_by_words_and_filtered_by_verdict(open_site):
    page, watch = open_site("claims.html")
    lines = page.locator("#ledger tbody tr")
    lines.first.wait_for(timeout=20_000)
    every = lines.count()
    page.select_option("#verdict", "shown")
    page.wait_for_function(f"document.querySelectorAll('#ledger tbody tr').length < {every}")
    assert set(lines.locator("td:last-child").all_text_contents()) == {"shown"}
    page.select_option("#verdict", "")
    page.wait_for_function(f"document.querySelectorAll('#ledger tbody tr').length == {every}")
    page.fill(".datatable-input", "dustbin")
    page.wait_for_function(f"document.querySelectorAll('#ledger tbody tr').length < {every}")
    assert all("dustbin" in text for text in lines.all_text_contents())
    assert watch.errors == watch.outside == []


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
