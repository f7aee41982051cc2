"""Draw the animation that opens the README and the front page: one digit, and what its teacher says as T rises.

Part of `make figures`.
"""

from pathlib import Path

import torch
from torch import Tensor

from kdbook.data import load_images
from kdbook.data.files import write_atomically
from kdbook.lab import load
from kdbook.show.style import HARD, TEACHER

OUT = Path(__file__).parent / "static" / "soft_target.svg"
IMAGE = 175  # of the MNIST test set: a 7 that its teacher finds a little like a 9 and a 1
TEMPERATURES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0)
STILL = 4.0  # for readers who asked their system for less motion
PIXEL, LEFT, STEP, HIGH, FLOOR = (
    7,
    270,
    44,
    150,
    212,
)  # px: a pixel of the digit; first bar, bars' distance, height, foot

STYLE = """
  text {{ font: 15px system-ui, sans-serif; fill: #333 }} .ink {{ fill: #333 }}
  .label {{ fill: none; stroke: {hard}; stroke-width: 2 }} .bar {{ fill: {teacher}; transform-origin: 0 {floor}px }}
  .bar, .t {{ animation-duration: 9s; animation-iteration-count: infinite; animation-direction: alternate }}
  .bar {{ animation-timing-function: linear }} .t {{ animation-timing-function: step-end; opacity: 0 }}
  @media (prefers-reduced-motion: reduce) {{ .bar, .t {{ animation: none }} .still {{ opacity: 1 }} }}
"""


def keyframes(name: str, values: list[str], share: float = 1.0) -> str:
    """One property at equal distances in time."""
    stops = (f"{100 * share * k / (len(values) - 1):.1f}% {{ {value} }}" for k, value in enumerate(values))
    return f"  @keyframes {name} {{ {' '.join(stops)} }}\n"


def digit(pixels: Tensor) -> str:
    """A digit (28, 28) of uint8 as squares, since a code host shows no picture inside a picture."""
    return "".join(
        f'<rect class="ink" x="{20 + PIXEL * x}" y="{16 + PIXEL * y}" width="{PIXEL}" height="{PIXEL}" '
        f'opacity="{int(pixels[y, x]) / 255:.2f}"/>'
        for y, x in pixels.nonzero().tolist()
    )


def animation(pixels: Tensor, label: int, logits: Tensor) -> str:
    """A digit (28, 28), its label as an outline, and ten bars that follow the softmax of logits (10,) as T rises.

    Returns
    -------
    str
        An SVG that moves by its own style sheet, without a script.
    """
    p = torch.stack([(logits / t).softmax(-1) for t in TEMPERATURES])  # (T, 10)
    still, css, shapes = TEMPERATURES.index(STILL), STYLE.format(hard=HARD, teacher=TEACHER, floor=FLOOR), []
    for k in range(10):
        x = LEFT + STEP * k
        css += keyframes(f"p{k}", [f"transform: scaleY({share:.4f})" for share in p[:, k].tolist()])
        bar = f'x="{x}" y="{FLOOR - HIGH}" width="30" height="{HIGH}"'
        place = f"transform: scaleY({p[still, k]:.4f}); animation-name: p{k}"
        shapes.append(f'<rect class="bar" {bar} style="{place}"/>')
        shapes.append(f'<text x="{x + 15}" y="{FLOOR + 20}" text-anchor="middle">{k}</text>')
        if k == label:
            shapes.append(f'<rect class="label" {bar}/>')
    for k, t in enumerate(TEMPERATURES):
        css += keyframes(f"t{k}", [f"opacity: {int(k == other)}" for other in (*range(len(TEMPERATURES)), -1)])
        still_one = " still" if k == still else ""
        shapes.append(f'<text class="t{still_one}" x="640" y="80" style="animation-name: t{k}">T = {t:g}</text>')
    told = f"A handwritten {label}: its label says {label}, its teacher says more and more of other digits as T rises."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 730 245" role="img"><title>{told}</title>'
        f'<style>{css}</style><rect width="730" height="245" rx="6" fill="#fff"/>{digit(pixels)}'
        f'<text x="{LEFT}" y="36">The label says {label}. Its teacher says what else it looks like:</text>'
        f"{''.join(shapes)}</svg>\n"
    )


def main() -> None:
    """Write the animation from the committed logits of chapter 02's teacher."""
    test, logits = load_images("mnist", "test"), load("temperature_views").array("teacher", "test_logits")
    drawn = animation(test.x[IMAGE], int(test.y[IMAGE]), torch.as_tensor(logits[IMAGE], dtype=torch.float64))
    write_atomically(OUT, drawn.encode())


if __name__ == "__main__":
    main()
