"""The map of classes in chapter 06, in a browser that cannot leave this machine: `make site` first."""

import re
from pathlib import Path

import numpy as np
import pytest

from kdbook.data.glosses import read_glosses

from ..scripts import load_script

PAGE = Path(__file__).parents[2] / "build" / "site" / "html" / "chapters" / "06_specialists.html"
doubts = load_script("site/doubts.py")


@pytest.fixture
def chapter(open_page, lacking):
    """Function (width) -> (page, watch): the chapter as a file that no server serves."""
    if not PAGE.exists():
        lacking("the site is not built: make site")

    def make(width=1280, **context):
        page, watch = open_page(PAGE.as_uri(), width, **context)
        page.locator("kd-doubts canvas").wait_for(timeout=60_000)
        return page, watch

    return make


def chosen(page):
    return page.locator("kd-doubts canvas").get_attribute("aria-valuetext")


@pytest.mark.slow
def test_a_name_that_is_written_tells_whom_python_finds_it_likely_together_with_and_what_specialists_add(chapter):
    kept, classes = np.load(doubts.COMMITTED), read_glosses().classes
    page, watch = chapter()
    field = page.locator("kd-doubts input[type=text]")
    field.fill("flower")
    field.press("Enter")
    c = classes.index("flower")
    row = doubts.scaled(kept["covariance"])[c]
    near = row.argsort()[::-1][:10]
    bars = page.locator("kd-doubts .kd-rows li")
    assert bars.locator("span").all_text_contents() == [classes[k] for k in near]
    assert [float(text) for text in bars.locator("b").all_text_contents()] == pytest.approx(row[near], abs=1e-3)
    told = page.locator("kd-doubts .kd-told").text_content()
    own = told.split(": ")[1]
    texts, alone, gained, lost = (int(kept[name][c]) for name in doubts.COUNTS)
    assert [int(n) for n in re.findall(r"\d+", own)[:5]] == [texts, alone, alone + gained - lost, gained, lost]
    known = [str(k) for k in kept["members"][:, c].nonzero()[0]]
    assert known and re.findall(r"Specialist (\d+), all of its classes", told) == known
    mates = page.locator("kd-doubts .kd-mates button").all_text_contents()
    assert sorted(mates) == sorted(classes[k] for k in (kept["label"] == kept["label"][c]).nonzero()[0])
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_keys_go_through_classes_and_clusters_and_a_press_on_the_map_or_on_a_name_chooses(chapter):
    told, classes = doubts.packed(), read_glosses().classes
    page, watch = chapter()
    canvas = page.locator("kd-doubts canvas")
    canvas.press("Home")
    canvas.press("ArrowDown")
    assert chosen(page) == classes[told["order"][1]]
    canvas.press("PageDown")
    first = next(c for c in told["order"] if told["labels"][c] != told["labels"][told["order"][0]])
    assert chosen(page) == classes[first]
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] / 2, "y": 0.75 * box["height"]})
    place = int(canvas.get_attribute("aria-valuenow")) - 1
    assert place == pytest.approx(0.75 * len(classes), abs=2)  # a pixel of the screen is more than a class
    assert chosen(page) == classes[told["order"][place]]
    bar = page.locator("kd-doubts .kd-rows button").nth(2)
    name = bar.locator("span").text_content()
    bar.press("Enter")
    assert chosen(page) == name
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_as_it_is_a_few_classes_have_all_the_colour_and_a_class_is_likeliest_with_itself(chapter):
    page, watch = chapter()
    coloured = """canvas => {
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((level, i) => i % 4 === 3 && level > 100).length;
    }"""
    canvas = page.locator("kd-doubts canvas")
    before = canvas.evaluate(coloured)
    page.get_by_label("as it is", exact=True).press(" ")
    assert canvas.evaluate(coloured) < before / 10
    assert page.locator("kd-doubts .kd-rows li").first.text_content().startswith("itself")
    assert watch.errors == watch.outside == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map_fits_a_phone_and_a_finger_chooses_a_class(chapter, scheme):
    page, watch = chapter(360, has_touch=True, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    before = chosen(page)
    canvas = page.locator("kd-doubts canvas")
    canvas.tap(position={"x": 20, "y": 20})
    assert chosen(page) != before
    mate = page.locator("kd-doubts .kd-mates button:not([aria-current])").first
    name = mate.text_content()
    mate.tap()
    assert chosen(page) == name
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_with_scripts_off_the_map_is_a_still_picture_and_a_sentence(chromium, chapter):
    page = chromium.new_page(java_script_enabled=False)
    page.goto(PAGE.as_uri())
    assert page.locator("kd-doubts img").count() == 1
    assert "still picture" in page.locator("kd-doubts").inner_text()
    page.close()
