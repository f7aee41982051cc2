"""The softened answer in numbers, and the live explorer over images or typed logits."""

import base64
import json
import math
import re
import time

import numpy as np
import pytest

from kdbook.show import answer, explorer, show_live, temperature_explorer, temperature_slider
from kdbook.show.explorer import WIDGET, bars, typed_logits

IMAGES = np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4)
LOGITS = np.array([[5.0, 1.0, 0.0], [0.0, 0.0, 7.0], [1.0, 2.0, 3.0]])
LABELS = np.array([0, 2, 2])


def test_the_answer_by_hand():
    found = answer([2 * math.log(2), 0.0, 0.0], 2.0)  # 1/2, 1/4, 1/4
    np.testing.assert_allclose(found.p, [1 / 2, 1 / 4, 1 / 4])
    assert found.entropy == pytest.approx(1.5)
    assert found.entropy_share == pytest.approx(1.5 / math.log2(3))
    assert (found.top_class, found.top, found.dark_mass) == (0, pytest.approx(0.5), pytest.approx(0.5))


def test_the_dark_mass_of_a_sharp_answer_is_small_and_not_rounded_to_zero():
    assert answer([0.0, -50.0], 1.0).dark_mass == pytest.approx(math.exp(-50))


@pytest.mark.parametrize(
    ("logits", "temperature", "message"),
    [
        ([1.0], 1.0, "two or more"),
        ([1.0, math.inf], 1.0, "finite"),
        ([[1.0, 2.0]], 1.0, "two or more"),
        ([1.0, 2.0], 0.0, "positive and finite, got 0.0"),
        ([1.0, 2.0], math.nan, "positive and finite, got nan"),
    ],
)
def test_an_impossible_answer_is_refused(logits, temperature, message):
    with pytest.raises(ValueError, match=message):
        answer(logits, temperature)


def test_logits_may_be_typed_with_commas_semicolons_or_spaces():
    assert typed_logits(" 9, 3.5;-2  1e1 ") == [9.0, 3.5, -2.0, 10.0]


def test_what_is_no_number_is_named():
    with pytest.raises(ValueError, match="'x' is not a number: type logits such as 9"):
        typed_logits("9, x")


def test_each_class_has_a_bar_of_its_probability():
    told = bars(answer([2 * math.log(2), 0.0, 0.0], 2.0))
    assert told.count("<tr>") == 3
    assert "width:50.00%" in told and told.count("width:25.00%") == 2


@pytest.fixture
def controls():
    number, own, temperature, below = temperature_explorer(IMAGES, LOGITS, LABELS).children
    return number, own, temperature, *below.children


def test_the_explorer_shows_first_what_it_is_told_to():
    assert temperature_explorer(IMAGES, LOGITS, LABELS, start=1).children[0].value == 1


def test_the_image_and_the_temperature_change_what_is_told(controls):
    number, _, temperature, picture, told = controls
    assert "test image 0, a 0" in told.value and 'alt="test image 0, a 0"' in picture.value
    number.value = 1
    assert "test image 1, a 2" in told.value
    before = told.value
    temperature.value = 20
    assert told.value != before and "top class <b>2</b>" in told.value


def test_typed_logits_replace_those_of_the_image_and_an_error_is_told_not_raised(controls):
    _, own, _, picture, told = controls
    own.value = "1 4"
    assert told.value.startswith("<p>your own logits</p>") and "top class <b>1</b>" in told.value
    assert picture.value == ""
    own.value = "1 <b>"
    assert "&#x27;&lt;b&gt;&#x27; is not a number" in told.value
    own.value = ""
    assert "test image 0" in told.value


@pytest.mark.parametrize(
    ("typed", "message"), [("9, inf", "logits must be finite, got inf"), ("9", "two or more numbers, got [9.0]")]
)
def test_typed_logits_that_have_no_answer_are_told_too(controls, typed, message):
    own, told = controls[1], controls[4]
    own.value = typed
    assert message in told.value
    own.value = ""
    assert "test image 0" in told.value


def test_a_change_is_answered_within_a_tenth_of_a_second(controls):
    temperature = controls[2]
    start = time.perf_counter()
    for value in np.geomspace(0.3, 90, 10):
        temperature.value = value
    assert (time.perf_counter() - start) / 10 < 0.1


def test_a_live_widget_carries_a_sentence_for_pages_without_a_kernel(monkeypatch):
    shown = []
    monkeypatch.setattr(explorer, "display", lambda bundle, **how: shown.append((bundle, how)))
    widget = temperature_explorer(IMAGES, LOGITS, LABELS)
    show_live(widget, instead="Run & see.")
    ((bundle, how),) = shown
    assert bundle[WIDGET]["model_id"] == widget.model_id
    assert bundle["text/html"] == "<p><em>Run &amp; see.</em></p>" and bundle["text/plain"] == "Run & see."
    assert how == {"raw": True, "metadata": {"kdbook": {"live": True}}}


def test_the_slider_of_the_browser_carries_the_images_labels_and_logits_that_it_was_given():
    html = temperature_slider(IMAGES, LOGITS, LABELS).data
    data = json.loads(re.search(r"= (\{.*\});", html)[1])
    assert data["logits"] == LOGITS.tolist() and data["labels"] == LABELS.tolist()
    assert [base64.b64decode(image) for image in data["images"]] == [image.tobytes() for image in IMAGES]
    assert html.count("<option") == len(IMAGES)
    assert "OPTIONS" not in html and "DATA" not in html
