"""Sliders that need no kernel: a `SelectionSlider` linked in the browser to a stack of pictures.

One cell serves the live notebook and the static page, and leaves three stills for readers whose page has no sliders,
such as the code host's. Where readers type numbers of their own, a kernel is needed: that part is in the notebook.
"""

from collections.abc import Callable, Iterable, Sequence

import ipywidgets as widgets
from IPython.display import display
from matplotlib.figure import Figure

from kdbook import require
from kdbook.show.figures import closed_png, img, show_strip
from kdbook.show.style import style


def picture_slider(
    label: str,
    values: Sequence,
    draw: Callable[[object], Figure],
    *,
    alt: Callable[[object], str],
    start: int = 0,
    play: bool = False,
) -> None:
    """Show a slider over prepared pictures, and under it the first, the middle and the last of them.

    Parameters
    ----------
    label : str
        What the slider moves.
    values : sequence
        Its positions; each is drawn once.
    draw : callable
        value -> Figure.
    alt : callable
        value -> alt text of that picture, with the numbers that it shows.
    start : int
        Position at first.
    play : bool
        Add buttons that move the slider by themselves: an animation which the reader can stop.

    Raises
    ------
    ValueError
        For fewer than two values, or a start outside them.
    """
    good = len(values) >= 2 and start in range(len(values))
    require(good, "values", "two or more, and start the place of one", f"{[*values]!r:.60} and {start!r}")
    with style():
        pictures = [closed_png(draw(value)) for value in values]
    texts = [alt(value) for value in values]
    names = [f"{value:g}" if isinstance(value, float | int) else str(value) for value in values]
    pages = [img(picture, text, "max-width:100%") for picture, text in zip(pictures, texts, strict=True)]
    slider, stack = linked(widgets.SelectionSlider, label, names, pages, start)
    control = slider
    if play:
        player = widgets.Play(min=0, max=len(values) - 1, value=start, interval=700)
        widgets.jslink((player, "value"), (slider, "index"))
        control = widgets.HBox([player, slider])
    display(widgets.VBox([control, stack]))
    stills = sorted({0, len(values) // 2, len(values) - 1})
    show_strip([pictures[i] for i in stills], alt=" ".join(texts[i] for i in stills))


def page_picker(label: str, pages: dict[str, str]) -> widgets.VBox:
    """A list to choose from, linked in the browser to prepared pages of HTML.

    Parameters
    ----------
    label : str
        What is chosen.
    pages : dict of str to str
        Name to HTML; what comes from outside must be escaped in it.

    Raises
    ------
    ValueError
        For fewer than two pages.
    """
    return widgets.VBox(linked(widgets.Dropdown, label, pages, pages.values()))


def linked(
    control: type[widgets.Widget], label: str, names: Iterable[str], pages: Iterable[str], start: int = 0
) -> tuple[widgets.Widget, widgets.Stack]:
    """A control and the stack that it moves; the browser, not the kernel, puts the chosen page of HTML on top."""
    names, pages = [*names], [widgets.HTML(page) for page in pages]
    require(len(pages) >= 2, "a choice", "of two or more pages", f"{len(pages)}: {names}")
    stack = widgets.Stack(pages, selected_index=start)
    chosen = control(
        options=[(name, at) for at, name in enumerate(names)],
        value=start,
        description=label,
        style={"description_width": "initial"},
        layout={"width": "min(100%, 560px)"},
    )
    widgets.jslink((chosen, "index"), (stack, "selected_index"))
    return chosen, stack
