"""The page *Playground* in a browser that cannot leave this machine: `make site` first."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import rel_entr
from scipy.stats import norm

from ..scripts import load_script

PAGE = Path(__file__).parents[2] / "build" / "site" / "html" / "playground.html"
NAMES = ("kd-playground", "kd-kl", "kd-speculative", "kd-models")


@pytest.fixture
def playground(open_page, lacking):
    """Function (width) -> (page, watch): the page as a file that no server serves."""
    if not PAGE.exists():
        lacking("the site is not built: make site")

    def make(width=1280):
        page, watch = open_page(PAGE.as_uri(), width)
        page.locator("kd-models tbody tr").first.wait_for(timeout=60_000)
        return page, watch

    return make


def told(page, name):
    """The sentence of an explorable."""
    return page.locator(f"{name} .kd-told").text_content()


@pytest.mark.slow
def test_a_teacher_that_knows_more_helps_and_other_settings_begin_anew(playground):
    page, watch = playground()
    page.locator("kd-playground input[type=range]").nth(1).press("ArrowLeft")  # 20 labels
    page.locator("kd-playground").get_by_role("button", name="train", exact=True).press("Enter")
    rows = page.locator("kd-playground tbody tr")
    for seed in (1, 2, 3):
        page.wait_for_function(f"document.querySelectorAll('kd-playground tbody tr').length == {seed}", timeout=300_000)
        if seed < 3:
            page.get_by_role("button", name="again with another seed").press("Enter")
    errors = np.array([[float(part) for part in re.findall(r"([\d.]+) %", row)] for row in rows.all_inner_texts()])
    assert errors.shape == (3, 3) and errors[:, 1].mean() > errors[:, 2].mean() > 0
    assert re.match(r"3 seeds: .* better with \d, worse with \d.*\(95 %\): ", told(page, "kd-playground"))
    page.get_by_label("a peer that learns beside it").press(" ")
    assert rows.count() == 0 and told(page, "kd-playground") == ""
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_a_mode_moves_by_keyboard_and_the_table_tells_what_python_computes(playground):
    page, watch = playground()
    knob = page.locator("kd-kl circle").nth(1)
    for _ in range(10):
        knob.press("ArrowLeft")
    page.wait_for_function("document.querySelectorAll('kd-kl circle')[1].getAttribute('aria-valuenow') == '1.0'")
    cells = [row.split("\t") for row in page.locator("kd-kl tbody tr").all_inner_texts()]
    x = np.linspace(-14, 14, 5001)
    p = 0.6 * norm.pdf(x, -2, 0.7) + 0.4 * norm.pdf(x, 1, 0.7)
    mean = np.average(x, weights=p)
    sd = np.sqrt(np.average((x - mean) ** 2, weights=p))
    q = norm.pdf(x, mean, sd)
    forward, reverse = (rel_entr(*pair).sum() * (x[1] - x[0]) for pair in ((p, q), (q, p)))
    assert [float(cell) for cell in cells[0][1:5]] == pytest.approx([mean, sd, forward, reverse], abs=0.006)
    assert float(cells[1][4]) < float(cells[0][4]) and float(cells[1][3]) > float(cells[0][3])
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_the_outcome_is_the_targets_whatever_the_draft_and_the_overlap_is_pythons(playground):
    ideas = load_script("site/ideas.py")
    counts = ideas.letter_counts().reshape(27, 27, 27)
    space, t = ideas.LETTERS.index(" "), ideas.LETTERS.index("t")
    p = counts[space, t] / counts[space, t].sum()
    page, watch = playground()
    for label, q in (
        ("that looks at one letter", counts[:, t].sum(0) / counts[:, t].sum()),
        ("that knows nothing", np.full(27, 1 / 27)),
    ):
        page.get_by_label(label).press(" ")
        page.get_by_role("button", name="try this place 1,000 times").press("Enter")
        kept, overlap, from_target, from_draft = map(int, re.findall(r"(\d+) %", told(page, "kd-speculative")))
        assert overlap == pytest.approx(100 * np.minimum(p, q).sum(), abs=0.51)
        assert abs(kept - overlap) <= 6 and from_target <= 6 < from_draft  # four standard errors of 1,000 tries
    page.get_by_role("button", name="a round").press("Enter")
    assert "by 1 call of the target" in page.locator("kd-speculative .kd-given").text_content()
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_a_range_is_chosen_by_keyboard_and_by_mouse_and_the_table_names_its_models(playground):
    ratios = np.array([row["ratio"] for row in load_script("site/ideas.py").models()])
    page, watch = playground()
    rows = page.locator("kd-models tbody tr")
    assert rows.count() == len(ratios)
    page.locator("kd-models input[type=range]").first.fill("6")
    assert rows.count() == (ratios >= 50).sum() and "DeepSeek-R1" in rows.first.inner_text()
    chart = page.locator("kd-models svg.kd-models")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 44, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 100, steps=4)
    page.mouse.up()
    assert told(page, "kd-models").startswith(f"{(ratios <= 2).sum()} published scores")
    assert watch.errors == watch.outside == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_playground_fits_a_phone_in_the_light_and_in_the_dark(playground, scheme):
    page, watch = playground(360)
    page.emulate_media(color_scheme=scheme)
    page.reload()
    page.locator("kd-models tbody tr").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert watch.errors == watch.outside == []


@pytest.mark.slow
def test_with_scripts_off_each_idea_is_a_still_picture_and_a_sentence(chromium, playground):
    page = chromium.new_page(java_script_enabled=False)
    page.goto(PAGE.as_uri())
    for name in NAMES:
        assert page.locator(f"{name} img").count() == 1
        assert "still picture" in page.locator(name).inner_text()
    page.close()
