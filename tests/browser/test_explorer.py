"""The slider over a softened answer, as it stands in a page: moved by keyboard, with logits that a reader types."""

import numpy as np
import pytest

from kdbook.show import answer, temperature_slider

IMAGES = np.arange(3 * 28 * 28).reshape(3, 28, 28).astype(np.uint8)
LOGITS = np.array([[5.0, 1.0, 0.0], [0.0, 0.0, 7.0], [1.0, 2.0, 3.0]])


@pytest.fixture
def slider(open_page, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f"<meta charset=utf-8>{temperature_slider(IMAGES, LOGITS, np.array([0, 2, 2])).data}")
    opened, watch = open_page(page.as_uri())
    yield opened.locator(".kdbook-temperature")
    assert watch.errors == watch.outside == []


def told(slider, what):
    return slider.locator(f"[data-told={what}]").text_content()


def typed(slider, text):
    slider.locator("[type=text]").fill(text)


@pytest.mark.slow
def test_the_image_and_the_temperature_change_what_is_told(slider):
    assert float(told(slider, "entropy")) == pytest.approx(answer(LOGITS[0], 1.0).entropy, abs=5e-4)
    slider.locator("select").select_option("2")
    assert slider.locator("canvas").get_attribute("aria-label") == "test image 2, a 2"
    slider.locator("[type=range]").focus()
    for _ in range(10):
        slider.page.keyboard.press("ArrowRight")
    assert told(slider, "temperature") == "2.00"
    found = answer(LOGITS[2], 2.0)
    numbers = [float(told(slider, what)) for what in ("top", "dark", "entropy")]
    assert numbers == pytest.approx([found.top, found.dark_mass, found.entropy], abs=5e-4)


@pytest.mark.slow
def test_logits_may_be_typed_or_pasted_with_commas_semicolons_or_blanks(slider):
    for text, logits in {
        " 9, 3.5;-2  1e1 ": [9, 3.5, -2, 10],
        "tensor([9., 9., 0.])": [9, 9, 0],
        "(9; 3)": [9, 3],
        "9,5; \u22123,2; -1": [9.5, -3.2, -1],
        "9,3": [9, 3],
        "[9\t3 1 .5]": [9, 3, 1, 0.5],
    }.items():
        typed(slider, text)
        drawn = [float(share) for share in slider.locator("td:last-child").all_text_contents()]
        assert drawn == pytest.approx(answer(logits, 1.0).p, abs=1e-4), text
        assert slider.locator("canvas").is_hidden()


@pytest.mark.slow
def test_typed_logits_that_have_no_answer_are_told_and_the_last_answer_stays(slider):
    before = told(slider, "entropy")
    for text, message in {
        "9, x": "'x' is not a number: type logits such as 9",
        "9 <b>": "'<b>' is not a number",
        "1,,2": "'' is not a number",
        "1.234.5 1": "'1.234.5' is not a number",
        "0x10, --3": "'0x10' is not a number",
        "nan; 1": "'nan' is not a number",
        "9, 1e999": "'1e999' is not a number",
        "9,5 3,2": "9,5 3,2 may mean two things: type 9.5 3.2",
        "1,5\t-2,5": "may mean two things",
        "9": "logits must be two or more numbers",
    }.items():
        typed(slider, text)
        assert message in slider.locator("[role=alert]").text_content()
        assert told(slider, "entropy") == before
    typed(slider, "")
    assert slider.locator("[role=alert]").text_content() == "" and slider.locator("canvas").is_visible()
