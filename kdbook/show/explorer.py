"""What a temperature makes of one answer: as numbers, as a slider that any browser computes, and as a live explorer.

The live explorer, for any image and for logits typed by hand, needs a kernel. Pages without one show a sentence in its
place (`kdbook.lab.notebooks`).
"""

import base64
import io
import json
import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
import PIL.Image
import torch
from IPython.display import HTML, display

from kdbook.lab.intervals import row_of_numbers
from kdbook.losses import entropy_bits, soft_targets
from kdbook.show.figures import img
from kdbook.show.style import SOFT, TEACHER

WIDGET = "application/vnd.jupyter.widget-view+json"
TEMPLATE = Path(__file__).with_name("temperature.html")


class Answer(NamedTuple):
    """A softened answer to one input.

    p : array (C,), probabilities
    entropy : float, bits
    entropy_share : float, entropy / log2 C
    top_class : int
    top : float, probability of the top class
    dark_mass : float, probability of all other classes
    """

    p: np.ndarray
    entropy: float
    entropy_share: float
    top_class: int
    top: float
    dark_mass: float


def answer(logits: Sequence[float], temperature: float) -> Answer:
    """Soften logits and describe the result (Hinton et al. 2015, eq. 1).

    Parameters
    ----------
    logits : sequence of float (C,)
        Two classes or more, finite.
    temperature : float
        Positive.

    Raises
    ------
    ValueError
        For other logits or temperatures, with the value.

    Explained in notebooks/02_temperature.
    """
    z = torch.tensor(row_of_numbers("logits", logits, least=2))
    targets = soft_targets(z, temperature)
    p, bits, top = targets.numpy(), float(entropy_bits(targets)), int(z.argmax())
    return Answer(p, bits, bits / math.log2(len(p)), top, float(p[top]), float(np.delete(p, top).sum()))


def typed_logits(text: str) -> list[float]:
    """Numbers from what a reader typed or pasted, in brackets or without.

    They are apart by commas, semicolons or blanks. Where semicolons separate, a comma is a decimal comma.

    Raises
    ------
    ValueError
        Naming the piece that is no number, or commas that may mean either.
    """
    text = re.sub(r"[a-z_.]*\(|[][()]", " ", text.strip().replace("\u2212", "-"))  # array([..]), a list; a minus sign
    if ";" in text:
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    elif re.search(r"\d,\d+\s+[-+\d]", text):
        raise ValueError(f"{text.strip()!r} may mean two things: type 9.5 3.2, or 9,5; 3,2, or 9, 5, 3, 2")
    numbers = []
    for piece in re.split(r"\s*[,;]\s*|\s+", text.strip(" \n,;")) if text.strip(" \n,;") else ():
        try:
            numbers.append(float(piece))
        except ValueError:
            raise ValueError(f"{piece!r} is not a number: type logits such as 9, 3.5, -2") from None
    return numbers


def bars(found: Answer) -> str:
    """The answer as HTML: a line of numbers, and a bar a class. Drawn by the browser, so that a slider stays fluent."""
    lines = [
        f'<tr><td style="padding:0 .6em">{c}</td><td style="width:300px"><div style="height:.9em;width:{100 * p:.2f}%;'
        f'background:{TEACHER if c == found.top_class else SOFT}"></div></td>'
        f'<td style="padding:0 .6em">{p:.4f}</td></tr>'
        for c, p in enumerate(found.p)
    ]
    return (
        f"<p>top class <b>{found.top_class}</b> with probability {found.top:.4f}; all others together (dark mass) "
        f"{found.dark_mass:.4f}; entropy {found.entropy:.3f} bits, {found.entropy_share:.1%} of the largest</p>"
        f'<table aria-label="probability of each class">{"".join(lines)}</table>'
    )


def temperature_slider(images: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> HTML:
    """A continuous temperature over a few answers, computed by the browser: it moves on static pages too.

    Parameters
    ----------
    images : array (N, 28, 28) of uint8
        What the reader may choose from.
    logits : array (N, C)
        A teacher's logits for them; they travel with the page.
    labels : array (N,)
        Their classes.

    Returns
    -------
    HTML
        Leave it as the last expression of a cell.

    Explained in notebooks/02_temperature.
    """
    data = {
        "images": [base64.b64encode(image.tobytes()).decode() for image in images],
        "labels": [int(label) for label in labels],
        "logits": [[round(float(z), 4) for z in row] for row in logits],
        "colours": [TEACHER, SOFT],
    }
    options = "".join(f'<option value="{i}">{i}: a {label}</option>' for i, label in enumerate(data["labels"]))
    return HTML(TEMPLATE.read_text().replace("OPTIONS", options).replace("DATA", json.dumps(data)))


def temperature_explorer(images: np.ndarray, logits: np.ndarray, labels: np.ndarray, start: int = 0) -> widgets.VBox:
    """Controls for a temperature, an image's number and logits of the reader's own, over the softened answer.

    Parameters
    ----------
    images : array (N, H, W) of uint8
        What the reader may choose from.
    logits : array (N, C)
        A teacher's logits for them.
    labels : array (N,)
        Their classes.
    start : int
        The image shown first; choose one that a teacher doubts, since a sure answer hardly moves.

    Returns
    -------
    VBox
        Pass it to `show_live`.

    Explained in notebooks/02_temperature.
    """
    if start not in range(len(logits)):
        raise ValueError(f"start must be the place of an image, 0 to {len(logits) - 1}, got {start!r}")
    look = {"style": {"description_width": "10em"}, "layout": {"width": "min(100%, 560px)"}}
    number = widgets.BoundedIntText(start, min=0, max=len(logits) - 1, description="test image", **look)
    own = widgets.Text(placeholder="empty: those of the image", description="or your own logits", **look)
    temperature = widgets.FloatLogSlider(
        1.0, min=math.log10(0.25), max=2, step=0.02, description="temperature T", readout_format=".2f", **look
    )
    picture, told = widgets.HTML(), widgets.HTML()

    def redraw(_=None) -> None:
        at = number.value
        try:
            found = answer(typed_logits(own.value) if own.value.strip() else logits[at], temperature.value)
        except ValueError as error:
            told.value = f"<p><b>{escape(str(error))}</b></p>"
            return
        shown = "your own logits" if own.value.strip() else f"test image {at}, a {labels[at]}"
        picture.value = "" if own.value.strip() else _image(images[at], shown)
        told.value = f"<p>{shown}</p>" + bars(found)

    for control in (number, own, temperature):
        control.observe(redraw, "value")
    redraw()
    return widgets.VBox([number, own, temperature, widgets.HBox([picture, told])])


def _image(pixels: np.ndarray, alt: str) -> str:
    drawn = io.BytesIO()
    PIL.Image.fromarray(255 - pixels).save(drawn, "png")
    return img(drawn.getvalue(), alt, "width:112px;image-rendering:pixelated;margin:0 1em")


def show_live(widget: widgets.Widget, *, instead: str) -> None:
    """Display a widget that needs a kernel; pages without one show the sentence `instead`.

    Parameters
    ----------
    widget : Widget
        Live in JupyterLab only.
    instead : str
        What it would do, and how to get it.
    """
    view = widget._repr_mimebundle_()
    bundle = {WIDGET: view[WIDGET], "text/html": f"<p><em>{escape(instead)}</em></p>", "text/plain": instead}
    display(bundle, raw=True, metadata={"kdbook": {"live": True}})
