"""Figures by name: registered beside their question (`kdbook.book`), saved with alt text and the arrays drawn."""

import base64
import inspect
import io
import json
import math
import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from IPython.display import Image, display
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from kdbook.data.files import REPOSITORY, write_atomically
from kdbook.lab import arms, load, output_folder
from kdbook.show.grammar import Both
from kdbook.show.style import style

COMMITTED = REPOSITORY / "figures"
WIDEST = 800  # pixels of a picture in a notebook, which stays under a megabyte
_REGISTRY: dict[str, "Registered"] = {}


class Registered(NamedTuple):
    """A figure of the book: what draws it, for which question and chapter, and what it shows in words."""

    name: str
    chapter: str
    question: str
    alt: str
    draw: Callable


def figure(
    name: str,
    *,
    chapter: str,
    size: tuple[float, float] = (7, 4),
    grid: tuple[int, int] | None = (1, 1),
    legend: int | str | None = 0,
    **subplots,
) -> Callable:
    """Register `draw(*panels, both)` under a name; the module's name is the question's.

    The first line of its docstring gives the source or the question. The paragraph after it is the alt text: what a
    reader who cannot see the figure should know. Numbers stay out of it: they belong to the results. It draws on as
    many panels as it has parameters before `both`; one parameter for a grid of many is the array of panels.

    Parameters
    ----------
    name : str
        File name of the figure.
    chapter : str
        Two digits.
    size : (width, height)
        Inches.
    grid : (rows, columns), optional
        Panels; None hands over the empty Figure.
    legend : int, str, optional
        Number of the panel that has the legend, if there is anything to explain; ``all``: each has its own; ``below``:
        that of the first panel, under the figure; None: there is none, or `draw` makes it.
    **subplots
        Shared axes, ratios and the like, as for `matplotlib.pyplot.subplots`.

    Returns
    -------
    callable
        `(reference, mine=None) -> Figure`, whatever the decorated function takes.
    """

    def register(draw: Callable) -> Callable:
        _, _, alt = inspect.getdoc(draw).partition("\n\n")
        parameters = [*inspect.signature(draw).parameters]

        def drawn(reference, mine=None) -> Figure:
            with style():
                fig, both = plt.figure(figsize=size), Both(reference, mine)
                if grid is None:
                    draw(fig, both)
                else:
                    panels = fig.subplots(*grid, squeeze=False, **subplots)
                    draw(*([panels.squeeze()] if len(parameters) == 2 and panels.size > 1 else panels.flat), both)
                    _legends(fig, [*panels.flat], legend)
                return fig

        drawn.__doc__, drawn.__name__ = draw.__doc__, draw.__name__
        _REGISTRY[name] = Registered(name, chapter, draw.__module__.rsplit(".", 1)[-1], " ".join(alt.split()), drawn)
        return drawn

    return register


def _legends(fig: Figure, panels: list[Axes], legend: int | str | None) -> None:
    """Explain what has a label, where the figure says so."""
    if legend == "below":
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=min(6, max(1, len(labels))))
        return
    for axes in panels if legend == "all" else [] if legend is None else [panels[legend]]:
        if axes.get_legend_handles_labels()[0]:
            axes.legend()


def registered() -> dict[str, Registered]:
    """All figures of the book by name."""
    for name in arms.names():
        arms.question(name)
    return dict(sorted(_REGISTRY.items()))


def figure_of(name: str) -> Registered:
    """The figure that is registered under a name; ValueError for an unknown one."""
    if name not in [*registered()]:
        raise ValueError(f"unknown figure {name!r}; there are {', '.join(registered())}")
    return registered()[name]


def show_figure(name: str, reference, mine=None) -> None:
    """Draw a registered figure in a notebook with its alt text; a run of the book (`KDBOOK_OUT`) keeps it as well.

    Parameters
    ----------
    name : str
        As registered in its question.
    reference : Results
        What `load` returned.
    mine : Results, optional
        What `run` returned; left out where `KDBOOK_PAGE` is set.

    Raises
    ------
    ValueError
        For an unknown name, listing those there are.
    """
    found = figure_of(name)
    drawn = found.draw(reference, None if os.environ.get("KDBOOK_PAGE") else mine)
    if os.environ.get("KDBOOK_OUT"):
        save(drawn, name, alt=found.alt, folder=output_folder() / "figures")
    show_picture(drawn, alt=found.alt)


def show_picture(drawn: Figure, *, alt: str) -> None:
    """Display a figure as PNG with alt text, in the cell's metadata too, where the site's builder reads it."""
    display(Image(closed_png(drawn), alt=alt), metadata={"image/png": {"alt": alt}})


def show_strip(pictures: list[bytes], *, alt: str) -> None:
    """Display PNGs of one size as one picture: side by side, or one under another when they are wide."""
    images = [np.asarray(PIL.Image.open(io.BytesIO(picture)).convert("RGB")) for picture in pictures]
    height, width, _ = images[0].shape
    strip = np.concatenate(images, axis=0 if width > 2 * height else 1)
    display(Image(_few_colours(PIL.Image.fromarray(strip)), alt=alt), metadata={"image/png": {"alt": alt}})


def png(drawn: Figure, widest: float = math.inf) -> bytes:
    """PNG bytes of 64 colours and no date, at most `widest` pixels wide: the same figure gives the same bytes."""
    drawn_bytes = io.BytesIO()
    with style():
        dpi = min(plt.rcParams["savefig.dpi"], widest / drawn.get_figwidth())
        drawn.savefig(drawn_bytes, format="png", dpi=dpi)
    return _few_colours(PIL.Image.open(drawn_bytes))


def closed_png(drawn: Figure) -> bytes:
    """PNG bytes for a notebook, after which the figure is closed."""
    picture = png(drawn, widest=WIDEST)
    plt.close(drawn)
    return picture


def _few_colours(image: PIL.Image.Image) -> bytes:
    small = io.BytesIO()
    method = PIL.Image.Quantize.MAXCOVERAGE  # the default merges colours that mean different things
    image.convert("RGB").quantize(64, method, dither=PIL.Image.Dither.NONE).save(small, "png", optimize=True)
    return small.getvalue()


def img(picture: bytes, alt: str, style: str) -> str:
    """PNG bytes as an HTML element that holds them, with alt text and CSS."""
    source = "data:image/png;base64," + base64.b64encode(picture).decode()
    return f'<img src="{source}" alt="{escape(alt, quote=True)}" style="{style}">'


def save(drawn: Figure, name: str, *, alt: str, folder: Path = COMMITTED) -> None:
    """Write ``<name>.svg``, ``.png`` and ``.json`` (the plotted arrays and the alt text) into a folder.

    Raises
    ------
    ValueError
        When alt text is missing.
    """
    if not alt.strip():
        raise ValueError(f"figure {name} needs alt text")
    svg = io.StringIO()
    with style():
        drawn.savefig(svg, format="svg", metadata={"Date": None, "Creator": None, "Description": alt})
    arrays = {"name": name, "alt": alt, "axes": [plotted(axes) for axes in drawn.axes]}
    write_atomically(folder / f"{name}.svg", svg.getvalue().encode())
    write_atomically(folder / f"{name}.png", png(drawn))
    write_atomically(folder / f"{name}.json", (json.dumps(arrays, indent=1) + "\n").encode())


def plotted(axes: Axes) -> dict:
    """The numbers that an axes shows: lines, bars, points and images, in drawing order."""
    drawn = [("line", line, line.get_data(orig=False)) for line in axes.get_lines()]
    for bars in axes.containers:
        if isinstance(bars, BarContainer):
            drawn.append(("bar", bars, ([bar.get_width() for bar in bars], [bar.get_height() for bar in bars])))
    for points in axes.collections:
        if isinstance(points, PathCollection):
            drawn.append(("points", points, np.ma.getdata(points.get_offsets()).T))
    series = [{"kind": kind, "label": _label(a), "x": _numbers(x), "y": _numbers(y)} for kind, a, (x, y) in drawn]
    for image in axes.get_images():
        series.append({"kind": "image", "label": _label(image), "values": [_numbers(r) for r in image.get_array()]})
    return {text: plt.getp(axes, text) for text in ("title", "xlabel", "ylabel")} | {"series": series}


def _label(artist) -> str:
    label = str(artist.get_label())
    return "" if label.startswith("_") else label


def _numbers(values) -> list:
    """Plain floats with ten digits, None for what is masked or not a number."""
    values = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan).ravel()
    return [None if np.isnan(v) else float(f"{v:.10g}") for v in values]


def draw_all(folder: Path = COMMITTED) -> list[str]:
    """Draw every figure from the committed results, and the index that says where each comes from. Trains nothing.

    Returns
    -------
    list of str
        Names of the figures.
    """
    found = registered()
    for entry in found.values():
        drawn = entry.draw(load(entry.question))
        save(drawn, entry.name, alt=entry.alt, folder=folder)
        plt.close(drawn)
    write_atomically(folder / "index.md", index(found).encode())
    return list(found)


def index(found: dict[str, Registered]) -> str:
    """The page that lists figures: chapter, question, and what each shows."""
    lines = ["# Figures", "", "| figure | chapter | question | what it shows |", "|---|---|---|---|"]
    lines += [f"| [{e.name}]({e.name}.svg) | {e.chapter} | `{e.question}` | {e.alt} |" for e in found.values()]
    return "\n".join(lines) + "\n"
