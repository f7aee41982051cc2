"""Figures of real_teacher: what SmolLM2 says next at several temperatures, and what its students learned."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.real_teacher import PROMPTS, TEMPERATURES
from kdbook.show.drawing import compare_arms, yours
from kdbook.show.figures import figure
from kdbook.show.style import HARD, SOFT, TEACHER

STUDENTS = {"sequence": "its texts", "logits": "its probabilities"}
SHOWN = 8  # tokens a prompt


def next_tokens(reference, prompt: int, temperature: float) -> tuple[list[str], np.ndarray]:
    """The likeliest next tokens after a prompt, and their exact probabilities at one of `TEMPERATURES`."""
    words, logits = (reference.array("teacher", name)[prompt] for name in ("words", "logits"))
    rest = reference.array("teacher", "rest")[prompt, TEMPERATURES.index(temperature)]
    return [repr(str(w))[1:-1] for w in words[:SHOWN]], np.exp(logits[:SHOWN] / temperature - rest)


def tokens(reference, temperature: float) -> Figure:
    """The likeliest next tokens of a real model after every prompt."""
    fig, grid = plt.subplots(2, 3, figsize=(11, 5), sharex=True)
    for prompt, axes in enumerate(grid.flat):
        words, p = next_tokens(reference, prompt, temperature)
        axes.barh(range(SHOWN), p, color=TEACHER)
        axes.set_yticks(range(SHOWN), words, fontsize=8)
        axes.invert_yaxis()
        axes.set_title(f"{PROMPTS[prompt]} …", fontsize=9)
        axes.set_xlim(0, 1)
    fig.suptitle(f"SmolLM2, T = {temperature:g}: probability of the next token", fontsize=10)
    return fig


def tokens_alt(reference, temperature: float) -> str:
    """What the picture of one temperature says."""
    first = [next_tokens(reference, i, temperature) for i in range(len(PROMPTS))]
    told = "; ".join(f"{PROMPTS[i]}: {words[0].strip()} {p[0]:.2f}" for i, (words, p) in enumerate(first))
    return f"At T = {temperature:g} the likeliest next tokens are: {told}."


@figure("real_teacher", chapter="09")
def students(reference, mine=None) -> Figure:
    """A real model's students of a tenth of its size, on one narrow task.

    Left, cross entropy of the held-out texts: the teacher as a line, and its students of texts alone and
    of texts with next-token probabilities. Middle, how often they have the teacher's likeliest token. Right, tokens
    written a second, one text at a time and many, on a logarithmic scale.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4))
    colours = {"sequence": HARD, "logits": SOFT}
    for axes, column in ((left, "loss"), (middle, "agreement")):
        compare_arms(axes, STUDENTS, column, reference, mine, colours)
    teacher = reference[reference.arm == "teacher"].iloc[0]
    left.axhline(teacher.loss, color=TEACHER, lw=1.4, label="the teacher itself")
    left.set(title="Loss on the teacher's held-out texts", ylabel="nats a token")
    middle.set(title="Same likeliest next token", ylabel="% of tokens")
    for at, column in enumerate(("tokens_per_second", "tokens_per_second_batch")):
        told = reference[reference.arm != "teacher"].groupby("seed")[column].mean()
        right.scatter([at - 0.15], [teacher[column]], s=40, marker="s", color=TEACHER, label=["teacher", None][at])
        right.scatter([at + 0.15] * len(told), told, s=20, color=SOFT, label=["students", None][at])
        if mine is not None:
            yours(right, at, mine[mine.arm != "teacher"][column])
    right.set_yscale("log")
    right.set_xticks((0, 1), ("one text\nat a time", "32 texts\nat a time"))
    right.set(title="Speed of writing", ylabel="tokens a second (log scale)", xlim=(-0.5, 1.6))
    left.legend(fontsize=8)
    right.legend(fontsize=8)
    return fig
