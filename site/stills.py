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


def playground(folder: Path) -> None:
    """Draw one comparison of the playground and the two fits of a mixture, both as Node.js computes them."""
    told = json.loads(subprocess.run(["node", PLAY / "stills.mjs"], check=True, capture_output=True, text=True).stdout)
    points, labels = np.array(told["given"]["x"]), np.array(told["given"]["y"])
    titles = {"teacher": "teacher", "hard": "labels only", "soft": "labels and teacher"}
    with style():
        figure, panels = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
        for axes, (name, share) in zip(panels, told["maps"].items(), strict=True):
            side = told["extent"]
            axes.imshow(
                share, origin="lower", extent=(-side, side, -side, side), cmap="PiYG", vmin=0, vmax=1, alpha=0.6
            )
            for label, marker in enumerate("os"):
                axes.scatter(*points[labels == label].T, marker=marker, s=22, color="black", edgecolors="white", lw=0.6)
            axes.set(title=f"{titles[name]}: {told['errors'][name]:.1%} wrong", xticks=[], yticks=[])
        figure.savefig(folder / "playground.svg")
        plt.close(figure)
        figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
        axes.fill_between(told["grid"], told["p"], color="0.8", label="p, the teacher")
        axes.plot(told["grid"], told["fits"]["forward"], color=SOFT, label="q by KL(p || q)")
        axes.plot(told["grid"], told["fits"]["reverse"], color=TEACHER, label="q by KL(q || p)")
        axes.set(xlim=(-7, 7), ylim=(0, None), ylabel="density")
        axes.legend()
        figure.savefig(folder / "kl.svg")
        plt.close(figure)


def letters(path: Path, counts: np.ndarray, names: str) -> None:
    """Draw what follows " t" by two letters (the target) and by one (the draft); counts: (27, 27, 27)."""
    space, t = names.index(" "), names.index("t")
    p, q = counts[space, t] / counts[space, t].sum(), counts[:, t].sum(0) / counts[:, t].sum()
    with style():
        figure, axes = plt.subplots(figsize=(9, 2.8), layout="constrained")
        places = np.arange(len(names))
        axes.bar(places - 0.2, q, 0.4, color=SOFT, label="q, the draft")
        axes.bar(places + 0.2, p, 0.4, color=TEACHER, label="p, the target")
        axes.set(xticks=places, xticklabels=names.replace(" ", "␣"), ylabel="probability after “␣t”")
        axes.grid(False, axis="x")
        axes.legend()
        figure.savefig(path)
        plt.close(figure)


def doubts(path: Path, matrix: np.ndarray) -> None:
    """Draw which classes (C, C), in the order of their clusters, are likely together."""
    with style():
        figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
        axes.imshow(np.sqrt(matrix.clip(0, 0.5)), cmap="Blues", interpolation="antialiased")
        axes.set(xticks=[], yticks=[])
        figure.savefig(path, dpi=110)
        plt.close(figure)
