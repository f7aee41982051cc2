"""The page *Play* in a browser that cannot leave this machine: `make site` first."""

import re
from pathlib import Path

import pytest
import torch

from kdbook.data.images import load_images
from kdbook.losses import kd_loss, logit_matching, soft_targets
from kdbook.training import predict

from ..scripts import load_script

PAGE = Path(__file__).parents[2] / "build" / "site" / "html" / "play.html"
DARK = "() => document.documentElement.dataset.theme"


def luminance(*levels):
    """Relative luminance of red, green and blue, 0 to 255, as WCAG 2.1 defines it."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (level / 255 for level in levels)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def gradient(loss, student, teacher, **settings):
    """Gradient of a loss with respect to the student's logits."""
    student = student.clone().requires_grad_()
    loss(student, teacher, **settings).backward()
    return student.grad


@pytest.fixture
def play(open_page, lacking):
    """Function (width) -> (page, watch): the page as a file that no server serves."""
    if not PAGE.exists():
        lacking("the site is not built: make site")

    def make(width=1280):
        page, watch = open_page(PAGE.as_uri(), width)
        page.locator("kd-digit-lab canvas.kd-board").wait_for(timeout=30_000)
        return page, watch

    return make


def table(page):
    """What each net gives each class, (10, 4), from the table of numbers."""
    cells = page.locator("kd-digit-lab details table tbody").first.locator("tr")
    return [
        [float(cell) for cell in row.split()[1:]] for row in cells.evaluate_all("rows => rows.map(r => r.innerText)")
    ]


@pytest.mark.slow
def test_the_digit_lab_shows_what_python_computes_of_a_test_digit_at_any_temperature(play):
    pack = load_script("site/pack.py")
    page, watch = play()
    page.get_by_text("The same as numbers").click()
    page.get_by_role("button", name=re.compile(r"^test digit 18, a 3$")).click()
    page.get_by_role("button", name="T = 4", exact=True).click()
    page.locator("kd-digit-lab input[type=range]").nth(1).fill("2.5")
    shown = torch.tensor(table(page))
    digit = load_images(part="test").rows(torch.tensor([18]))
    for column, (name, trial) in enumerate(pack.trials().items()):
        logits = predict(pack.trained(trial), digit).logits[0].clone()
        logits[3] += 2.5 * (name == "no3")
        assert shown[:, column].tolist() == pytest.approx(soft_targets(logits, 4.0).tolist(), abs=1e-3)
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_a_one_that_is_drawn_by_keyboard_alone_is_read_by_all_nets(play):
    page, watch = play()
    board = page.locator("canvas.kd-board")
    board.focus()
    for key in ["ArrowUp"] * 8 + [" "] + ["ArrowDown"] * 16 + [" "]:
        page.keyboard.press(key)
    says = page.locator("kd-digit-lab .kd-says").all_text_contents()
    assert [text[0] for text in says] == ["1"] * 4
    page.wait_for_function("document.querySelector('kd-digit-lab .kd-hidden').textContent.startsWith('Your digit')")
    page.keyboard.press("Delete")
    assert page.locator("kd-digit-lab .kd-says").first.text_content() == "…"
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_a_seven_that_is_drawn_by_mouse_in_a_corner_is_read(play):
    page, watch = play()
    page.locator("canvas.kd-board").scroll_into_view_if_needed()
    box = page.locator("canvas.kd-board").bounding_box()
    at = [(box["x"] + box["width"] * x / 28, box["y"] + box["height"] * y / 28) for x, y in ((3, 4), (13, 4), (7, 18))]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    assert page.locator("kd-digit-lab .kd-says").first.text_content().startswith("7")
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_the_three_buttons_answer_the_question_of_the_page(play):
    page, watch = play()
    told = page.locator("kd-digit-lab .kd-told")
    gives = re.compile(r"gives class 3 (?:< )?([\d.]+)")
    page.get_by_role("button", name=re.compile(r"^1\. ")).click()
    says = page.locator("kd-digit-lab .kd-says").all_text_contents()
    assert says[0][0] == "3" and says[3][0] != "3"
    before = float(gives.findall(told.text_content())[1].rstrip("."))
    page.get_by_role("button", name=re.compile(r"^3\. ")).click()
    assert page.locator("kd-digit-lab .kd-says").nth(3).text_content()[0] == "3"
    assert float(gives.findall(told.text_content())[1].rstrip(".")) > before
    page.get_by_role("button", name=re.compile(r"^2\. ")).click()
    assert "T = 4:" in told.text_content() and not told.text_content().startswith("A 3")
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_students_learn_in_the_page_and_those_of_soft_targets_end_best(play):
    page, watch = play()
    page.get_by_role("button", name="train", exact=True).press("Enter")
    for runs in (1, 2):
        page.wait_for_function(f"document.querySelectorAll('kd-train tbody tr').length == {runs}", timeout=300_000)
        if runs == 1:
            page.get_by_role("button", name="again with another seed").press("Enter")
    rows = page.locator("kd-train tbody tr").evaluate_all("rows => rows.map(r => r.innerText.replaceAll('%', ''))")
    for seed, row in enumerate(rows, start=1):
        number, labels, _, named, unlabelled = map(float, row.split())
        assert number == seed and labels > named > unlabelled
    assert page.locator("kd-train polyline").count() == 8
    assert page.locator("kd-train .kd-told").text_content().startswith("2 seeds: ")
    assert watch.errors == watch.outside == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_its_words_can_be_read_in_the_light_and_in_the_dark(play, scheme):
    page, watch = play(360)
    page.emulate_media(color_scheme=scheme)
    page.reload()
    page.locator("canvas.kd-board").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(DARK) == scheme
    colours = page.locator("kd-digit-lab .kd-told").evaluate(
        "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    )
    light = [luminance(*map(int, re.findall(r"\d+", colour)[:3])) for colour in colours]
    assert (max(light) + 0.05) / (min(light) + 0.05) >= 4.5  # WCAG 2.1, 1.4.3
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_with_scripts_off_each_explorable_is_a_still_picture_and_a_sentence(chromium, play):
    page = chromium.new_page(java_script_enabled=False)
    page.goto(PAGE.as_uri())
    for name in ("kd-digit-lab", "kd-train", "kd-gradient"):
        assert page.locator(f"{name} img").count() == 1
        assert "still picture" in page.locator(name).inner_text()
    page.close()


@pytest.mark.slow
def test_the_gradient_microscope_tells_the_lengths_and_the_angle_that_python_computes(play):
    pack = load_script("site/pack.py")
    page, watch = play()
    number = int(page.locator("kd-gradient option:checked").text_content().split()[2].rstrip(","))
    page.get_by_role("button", name="temperature 20", exact=True).press("Enter")
    told = page.locator("kd-gradient .kd-told").text_content()
    shown = [float(told.split(before)[1].split()[0].rstrip(".,°")) for before in ("length ", "T² ", "direction is ")]
    digit = load_images(part="test").rows(torch.tensor([number]))
    t, s = (predict(pack.trained(pack.trials()[name]), digit).logits.double() for name in ("teacher", "hard"))
    kd, matching = gradient(kd_loss, s, t, temperature=20.0), gradient(logit_matching, s, t)
    angle = torch.rad2deg(torch.arccos(torch.cosine_similarity(kd, matching)))
    assert shown == pytest.approx([float(kd.norm()) / 400, float(kd.norm()), float(angle)], rel=0.06)
    assert page.locator("kd-gradient .kd-here").count() == 1
    assert watch.errors == watch.outside == []
