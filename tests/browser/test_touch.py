"""Every explorable by finger on a phone, in a browser that cannot leave this machine: `make site` first."""

from pathlib import Path

import pytest

HTML = Path(__file__).parents[2] / "build" / "site" / "html"
PAGES = {"play": "canvas.kd-board", "playground": "kd-models tbody tr", "chapters/06_specialists": "kd-doubts canvas"}
# What is pressed: of a choice its label, as a press there counts too.
SMALL = """elements => elements.map(e => [e.closest("label") ?? e, e]).map(([e, inner]) => {
    const {width, height} = e.getBoundingClientRect();
    return [Math.min(width, height), inner.outerHTML.slice(0, 80)];
}).filter(([side]) => side > 0 && side < 24)"""


class Finger:
    """One finger, or two, on a page; places are pixels of the window."""

    def __init__(self, page):
        self.page, self.session = page, page.context.new_cdp_session(page)

    def touch(self, kind, *places):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag(self, start, *places, steps=8):
        """Go from place to place, and lift."""
        self.touch("touchStart", start)
        for x, y in places:
            for k in range(1, steps + 1):
                self.touch("touchMove", (start[0] + (x - start[0]) * k / steps, start[1] + (y - start[1]) * k / steps))
            start = x, y
        self.touch("touchEnd")


@pytest.fixture
def phone(open_page, lacking):
    """Function (page's name) -> (page, watch, finger)."""

    def make(name):
        address = HTML / f"{name}.html"
        if not address.exists():
            lacking("the site is not built: make site")
        page, watch = open_page(address.as_uri(), 360, has_touch=True, is_mobile=True)
        page.locator(PAGES[name]).first.wait_for(timeout=60_000)
        return page, watch, Finger(page)

    return make


def corners(locator):
    """The box of an element that stands in the window."""
    locator.evaluate("e => e.scrollIntoView({block: 'center', behavior: 'instant'})")
    return locator.bounding_box()


def scrolled(page):
    return page.evaluate("scrollY")


@pytest.mark.slow
def test_a_digit_is_drawn_by_a_finger_and_the_page_stays_while_a_resting_palm_draws_nothing(phone):
    page, watch, finger = phone("play")
    box = corners(page.locator("canvas.kd-board"))
    x, top, bottom = (box["x"] + box["width"] / 2, box["y"] + 0.2 * box["height"], box["y"] + 0.8 * box["height"])
    before = scrolled(page)
    palm = (box["x"] + 0.9 * box["width"], bottom)
    finger.touch("touchStart", (x, top))
    finger.touch("touchStart", (x, top), palm)
    for k in range(1, 9):
        finger.touch("touchMove", (x, top + (bottom - top) * k / 8), palm)
    finger.touch("touchEnd")
    says = page.locator("kd-digit-lab .kd-says").all_text_contents()
    assert [text[0] for text in says] == ["1"] * 4
    assert scrolled(page) == before
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_a_mode_is_dragged_by_a_finger_and_the_page_stays(phone):
    page, watch, finger = phone("playground")
    knob = page.locator("kd-kl circle").nth(1)
    box = corners(knob)
    before = scrolled(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger.drag((x, y), (x + 40, y - 30))
    page.wait_for_function("Number(document.querySelectorAll('kd-kl circle')[1].getAttribute('aria-valuenow')) > 3")
    assert scrolled(page) == before
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_a_finger_across_the_chart_chooses_models_and_one_along_it_scrolls_the_page(phone):
    page, watch, finger = phone("playground")
    box = corners(page.locator("kd-models svg.kd-models"))
    rows = page.locator("kd-models tbody tr")
    everything, before = rows.count(), scrolled(page)
    finger.drag((box["x"] + 150, box["y"] + 200), (box["x"] + 150, box["y"] + 60))
    page.wait_for_function(f"scrollY > {before + 50}")
    assert rows.count() == everything
    box = corners(page.locator("kd-models svg.kd-models"))
    finger.drag((box["x"] + 44, box["y"] + 100), (box["x"] + 120, box["y"] + 100))
    page.wait_for_function(f"document.querySelectorAll('kd-models tbody tr').length < {everything}")
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_steps_choices_and_sliders_answer_to_a_finger(phone):
    page, watch, finger = phone("playground")
    page.locator("kd-speculative").get_by_role("button", name="step", exact=True).tap()
    assert "guesses 4 letters" in page.locator("kd-speculative .kd-told").text_content()
    page.get_by_label("that knows nothing").tap()
    assert "step" in page.locator("kd-speculative .kd-told").text_content()
    slider = page.locator("kd-kl input[type=range]")
    box = corners(slider)
    y, value = box["y"] + box["height"] / 2, slider.input_value()
    finger.drag((box["x"] + box["width"] / 3, y), (box["x"] + 0.9 * box["width"], y))
    assert float(slider.input_value()) > float(value)
    page.get_by_label("three modes").tap()
    page.wait_for_function("document.querySelectorAll('kd-kl circle').length === 3")
    assert watch.errors == watch.outside == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_nothing_to_press_is_smaller_than_a_fingertip(phone, name):
    page, watch, _ = phone(name)
    pressed = ":is(button, input, select, summary, canvas[tabindex], circle[tabindex])"
    assert page.locator(f".kd {pressed}").evaluate_all(SMALL) == []  # 24 pixels: WCAG 2.2, 2.5.8
    assert watch.errors == watch.outside == []
