"""A slider over prepared pictures, linked in the browser."""

import ipywidgets as widgets
import matplotlib.pyplot as plt
import pytest

from kdbook.show import page_picker, picture_slider, sliders


def draw(value):
    fig, axes = plt.subplots(figsize=(1, 1))
    axes.bar([0], [value])
    return fig


@pytest.fixture
def shown(monkeypatch):
    """What is displayed: the slider with its stack, and the strip of stills as (pictures, alt text)."""
    plt.close("all")
    boxes, strips = [], []
    monkeypatch.setattr(sliders, "display", boxes.append)
    monkeypatch.setattr(sliders, "show_strip", lambda pictures, alt: strips.append((pictures, alt)))
    picture_slider("T", [1, 2.5, 4, 5], draw, alt=lambda v: f'height "{v}"', start=1)
    return boxes[0], strips[0]


@pytest.fixture
def box(shown):
    return shown[0]


def test_each_value_has_its_own_picture_with_alt_text(box):
    slider, stack = box.children
    assert [label for label, _ in slider.options] == ["1", "2.5", "4", "5"]
    assert len({page.value for page in stack.children}) == 4
    assert 'alt="height &quot;2.5&quot;"' in stack.children[1].value
    assert all("data:image/png;base64," in page.value for page in stack.children)


def test_it_starts_where_it_was_told_to(box):
    slider, stack = box.children
    assert slider.index == stack.selected_index == 1


def test_the_link_lives_in_the_browser_not_in_the_kernel(box):
    slider, stack = box.children
    slider.index = 2
    assert stack.selected_index == 1


def test_three_stills_stand_under_it_for_pages_without_sliders(shown):
    box, (pictures, alt) = shown
    assert [
        sliders.img(p, "", "").split('"')[1] in page.value
        for p, page in zip(pictures, [box.children[1].children[i] for i in (0, 2, 3)], strict=True)
    ] == [True] * 3
    assert alt == 'height "1" height "4" height "5"'


def test_pictures_are_closed_after_drawing(box):
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("values", "start", "message"), [([1], 0, "two or more"), ([1, 2], 2, "place of one, got .1, 2. and 2")]
)
def test_an_impossible_slider_is_refused(values, start, message):
    with pytest.raises(ValueError, match=message):
        picture_slider("T", values, draw, alt=str, start=start)


def test_an_animation_has_buttons_that_move_the_slider_in_the_browser(monkeypatch):
    boxes = []
    monkeypatch.setattr(sliders, "display", boxes.append)
    monkeypatch.setattr(sliders, "show_strip", lambda pictures, alt: None)
    picture_slider("T", [1, 2, 3], draw, alt=str, play=True)
    controls, stack = boxes[0].children
    player, slider = controls.children
    assert (player.min, player.max, player.value) == (0, 2, 0)
    assert len(slider.options) == len(stack.children) == 3


def test_the_list_to_choose_from_is_linked_to_its_pages():
    box = page_picker("benchmark", {"a": "<p>1</p>", "b": "<p>2</p>"})
    names, stack = box.children
    assert [label for label, _ in names.options] == ["a", "b"]
    assert [page.value for page in stack.children] == ["<p>1</p>", "<p>2</p>"]
    assert isinstance(stack, widgets.Stack) and stack.selected_index == 0


def test_one_page_is_nothing_to_choose_from():
    with pytest.raises(ValueError, match="two or more pages, got 1"):
        page_picker("benchmark", {"a": "<p>1</p>"})
