"""The slides of the workshop in a browser that cannot leave this machine: `make workshop` first."""

from pathlib import Path

import pytest

SLIDES = Path(__file__).parents[2] / "build" / "workshop" / "slides"


@pytest.fixture
def open_slides(open_page, lacking):
    if not (SLIDES / "index.html").exists():
        lacking("the slides are not made: make workshop")
    return lambda name: open_page((SLIDES / name).as_uri())


@pytest.mark.slow
def test_slides_turn_by_keyboard_with_mathematics_set_and_a_slider_that_moves(open_slides):
    page, watch = open_slides("00_overview.html")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert page.evaluate("Reveal.getTotalSlides()") > 4
    page.locator(".noUi-handle").first.wait_for(state="attached", timeout=30_000)
    at = page.evaluate(
        "[...document.querySelectorAll('.slides > section')].findIndex(slide => slide.querySelector('.noUi-handle'))"
    )
    for _ in range(at):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == at
    handle = page.locator("section.present .noUi-handle").first
    handle.wait_for(timeout=30_000)
    picture = page.locator(
        "section.present .widget-stack img:visible, section.present .jupyter-widgets img:visible"
    ).first
    before = picture.get_attribute("src")
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('section.present .widget-readout').textContent === '3'")
    assert picture.get_attribute("src") != before
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('section.present .widget-readout').textContent === '2'")
    assert page.evaluate("Reveal.getIndices().h") == at  # the slider's keys do not turn the page
    assert page.locator("mjx-container").count() > 3
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_the_first_page_leads_to_the_slides_of_every_chapter(open_slides):
    page, watch = open_slides("index.html")
    links = page.locator("li a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    chapters = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    assert links == [f"{path.stem}.html" for path in chapters]
    assert all((SLIDES / link).exists() for link in links)
    assert watch.errors == watch.outside == []
