"""Sliders that need no kernel: a `SelectionSlider` linked in the browser to a stack of pictures.

One cell serves the live notebook and the static page. Where readers type numbers of their own, a kernel is needed:
that part is written in the notebook, beside a picture that stands still.
"""

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.show.figures import data_url
from kdbook.show.style import style


def picture_slider(
    label: str, values: Sequence, draw: Callable[[object], Figure], *, alt: Callable[[object], str], start: int = 0
) -> widgets.VBox:
    """A slider over prepared pictures.

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

    Returns
    -------
    VBox
        Leave it as the last expression of a cell.

    Raises
    ------
    ValueError
        For fewer than two values, or a start outside them.
    """
    if len(values) < 2:
        raise ValueError(f"a slider needs two or more values, got {len(values)}")
    if not 0 <= start < len(values):
        raise ValueError(f"start must be in 0..{len(values) - 1}, got {start}")
    pages = []
    for value in values:
        with style():
            drawn = draw(value)
        url = data_url(drawn)
        plt.close(drawn)
        pages.append(widgets.HTML(f'<img src="{url}" alt="{escape(alt(value), quote=True)}" style="max-width:100%">'))
    stack = widgets.Stack(pages, selected_index=start)
    slider = widgets.SelectionSlider(
        options=[(f"{value:g}" if isinstance(value, float | int) else str(value), i) for i, value in enumerate(values)],
        value=start,
        description=label,
        continuous_update=True,
        style={"description_width": "initial"},
        layout={"width": "min(100%, 560px)"},
    )
    # linked in the browser: the index of the chosen option is the page on top
    widgets.jslink((slider, "index"), (stack, "selected_index"))
    return widgets.VBox([slider, stack])
