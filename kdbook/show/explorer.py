"""What a temperature makes of one answer: as numbers, and as a slider that any browser computes."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from IPython.display import HTML

from kdbook.lab.intervals import row_of_numbers
from kdbook.losses import entropy_bits, soft_targets
from kdbook.show.style import SOFT, TEACHER

TEMPLATE = Path(__file__).with_name("temperature.html")


class Answer(NamedTuple):
    """A softened answer to one input.

    p : array (C,), probabilities
    entropy : float, bits
    top_class : int
    top : float, probability of the top class
    dark_mass : float, probability of all other classes
    """

    p: np.ndarray
    entropy: float
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
    p, top = targets.numpy(), int(z.argmax())
    return Answer(p, float(entropy_bits(targets)), top, float(p[top]), float(np.delete(p, top).sum()))


def temperature_slider(images: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> HTML:
    """A continuous temperature over a few answers, or over logits that the reader types.

    The browser computes it: it moves on static pages too.

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
