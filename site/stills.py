"""Still pictures of what the page *Play* computes, for readers whose scripts are off."""

import json
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from torch import Tensor

from kdbook.show.style import CONTROL, HARD, SOFT, TEACHER, style

PLAY = Path(__file__).parent / "play"
NETS = {  # name in `data.js`: its words and its colour
    "teacher": ("teacher", TEACHER),
    "hard": ("student, hard labels", HARD),
    "soft": ("student, soft targets", SOFT),
    "no3": ("student that never\nsaw a 3", SOFT),
}
CURVES = {
    "labels": ("labels only", HARD, "-"),
    "taught": ("the teacher's answers too, same digits", SOFT, "--"),
    "named": ("more digits, named by the teacher", CONTROL, "-"),
    "unlabelled": ("more digits, with all that the teacher thinks of them", SOFT, "-"),
}


def answers(path: Path, digit: Tensor, probabilities: dict[str, Tensor]) -> None:
    """Draw a digit (28, 28) and the probabilities (10,) that each net gives."""
    with style():
        figure, (left, *panels) = plt.subplots(1, 5, figsize=(10, 2.2), layout="constrained")
        left.imshow(digit, cmap="gray_r")
        left.axis("off")
        for axes, (name, p) in zip(panels, probabilities.items(), strict=True):
            title, colour = NETS[name]
            axes.bar(np.arange(10), p, color=colour)
            axes.set(ylim=(0, 1), xticks=range(10), title=title)
            axes.grid(False, axis="x")
        figure.savefig(path)
        plt.close(figure)


def curves(path: Path, data: Path) -> None:
    """Let the students of the page learn once from what `data.js` holds, and draw their errors."""
    command = ["node", PLAY / "curves.mjs", data]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    with style():
        figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
        for name, points in told.items():
            label, colour, dashes = CURVES[name]
            axes.plot(*np.array(points).T * [[1], [100]], color=colour, ls=dashes, label=label)
        axes.set(xlabel="digits seen, with repetition", ylabel="% wrong of 1,000 held-out digits", ylim=(0, None))
        axes.legend()
        figure.savefig(path)
        plt.close(figure)
