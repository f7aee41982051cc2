"""The softened answer in numbers, and what its slider carries; `tests/browser/test_explorer.py` moves it."""

import base64
import json
import math
import re

import numpy as np
import pytest

from kdbook.show import answer, temperature_slider

IMAGES = np.arange(3 * 16, dtype=np.uint8).reshape(3, 4, 4)
LOGITS = np.array([[5.0, 1.0, 0.0], [0.0, 0.0, 7.0], [1.0, 2.0, 3.0]])
LABELS = np.array([0, 2, 2])


def test_the_answer_by_hand():
    found = answer([2 * math.log(2), 0.0, 0.0], 2.0)  # 1/2, 1/4, 1/4
    np.testing.assert_allclose(found.p, [1 / 2, 1 / 4, 1 / 4])
    assert found.entropy == pytest.approx(1.5)
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


def test_the_slider_of_the_browser_carries_the_images_labels_and_logits_that_it_was_given():
    html = temperature_slider(IMAGES, LOGITS, LABELS).data
    data = json.loads(re.search(r"= (\{.*\});", html)[1])
    assert data["logits"] == LOGITS.tolist() and data["labels"] == LABELS.tolist()
    assert [base64.b64decode(image) for image in data["images"]] == [image.tobytes() for image in IMAGES]
    assert html.count("<option") == len(IMAGES)
    assert "OPTIONS" not in html and "DATA" not in html
