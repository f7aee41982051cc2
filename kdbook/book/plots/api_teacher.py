"""Figures of api_teacher: what a call is worth, by what it returns."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.show.drawing import compare_curves, log_axis, log_scale, rows_of, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER

CURVES = {
    "greedy": ("likeliest text (greedy)", "#999999", "s-"),
    "data": ("true sentences, no teacher", TEACHER, "o-"),
    "samples": ("samples", HARD, "o-"),
    "top1_rest": ("samples, top 1", CONTROL, "^-"),
    "top5_rest": ("samples, top 5", SOFT_SHIFTED, "v-"),
    "full": ("samples, all logits", SOFT, "o-"),
}


def calls_axis(axes, table) -> None:
    """A logarithmic axis of calls with those that were made."""
    ticks = sorted(table.calls.unique())
    log_axis(axes, ticks, "calls of the teacher", [f"{t:,}" for t in ticks])


@figure("api_calls", chapter="09")
def calls(reference, mine=None) -> Figure:
    """How many samples buy back the soft target?

    Distance from the truth against the number of calls, on logarithmic axes, for students with equal steps. Samples
    come down from few calls to more and then stay; all logits lie lowest with few calls, and five log-probabilities a
    token between the two; the likeliest texts stay far above.
    """
    fig, axes = plt.subplots(figsize=(9, 4.6))
    for arm, (label, colour, mark) in CURVES.items():
        own = mine if arm in ("samples", "full") else None
        look = {"mark": mark, "label": label, "own_label": "yours (quick)" if arm == "full" else None}
        compare_curves(axes, {"arm": arm}, reference, own, "calls", "kl", colour, **look)
    calls_axis(axes, reference)
    log_scale(axes)
    axes.set(title="What an answer is worth", ylabel="KL(truth || student), nats a completion")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


@figure("api_missing_mass", chapter="09")
def missing_mass(reference, mine=None) -> Figure:
    """Two ways to treat what the API does not tell, by how many log-probabilities it tells.

    Distance from the truth for the top one, five and twenty log-probabilities, with all other mass in one more bucket
    or taken as zero, beside all logits and samples alone. With one log-probability the choice matters, with twenty it
    does not.
    """
    ways = {"rest": ("one bucket", SOFT_SHIFTED), "zero": ("zero", CONTROL)}
    top = {f"top{k}_{m}": (f"top {k},\n{way}", c) for k in (1, 5, 20) for m, (way, c) in ways.items()}
    arms = {"samples": ("samples", HARD), **top, "full": ("all logits", SOFT)}
    fig, axes = plt.subplots(figsize=(10, 4.2))
    for at, (arm, (_, colour)) in enumerate(arms.items()):
        seeds_and_interval(axes, at, middle(reference, arm).kl, colour)
        if mine is not None:
            yours(axes, at, middle(mine, arm).kl, "yours (quick)" if at == 0 else None)
    log_scale(axes)
    axes.set_xticks(range(len(arms)), [label for label, _ in arms.values()])
    axes.grid(axis="x", visible=False)
    axes.set(title="The mass that is not told, at one number of calls", ylabel="KL(truth || student), nats")
    if mine is not None:
        axes.legend(fontsize=8)
    return fig


def middle(table, arm: str):
    """Rows of an arm at the second number of calls: those that all arms have and that are neither few nor many."""
    found = sorted(table[table.arm == "full"].calls.unique())
    return rows_of(table, {"arm": arm, "calls": found[len(found) // 2]})


@figure("sequence_level", chapter="09")
def sequence_level(reference, mine=None) -> Figure:
    """Kim & Rush 2016: what do the teacher's likeliest texts do to a student?

    Left, the share of true completions when the student is decoded greedily and with a beam; right, its probability of
    its own greedy completion. A student of the teacher's likeliest texts puts most mass on one text, and its distance
    from the truth, in the table of the chapter, is the largest of all.
    """
    arms = {
        "data": "true\nsentences",
        "samples": "samples",
        "greedy": "greedy\ntexts",
        "beam": "beam\ntexts",
        "full": "all logits",
    }
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    for at, arm in enumerate(arms):
        rows = largest(reference, arm)
        for axes, column, colour, shift in (
            (left, "greedy_true", SOFT, -0.2), (left, "beam_true", CONTROL, 0.2), (right, "argmax_mass", SOFT, 0),
        ):  # fmt: skip
            label = {"greedy_true": "greedy", "beam_true": "beam of four"}.get(column) if at == 0 else None
            seeds_and_interval(axes, at + shift, rows[column], colour, label)
        if mine is not None:
            yours(left, at, largest(mine, arm).greedy_true, "yours (quick), greedy" if at == 0 else None)
            yours(right, at, largest(mine, arm).argmax_mass)
    for axes in (left, right):
        axes.set_xticks(range(len(arms)), list(arms.values()))
        axes.grid(axis="x", visible=False)
    left.set(title="Completions that are true", ylabel="%")
    right.set(title="Mass on the student's own greedy completion", ylabel="%")
    left.legend(fontsize=8)
    return fig


def largest(table, arm: str):
    """Rows of an arm at the largest number of calls that all arms have."""
    return rows_of(table, {"arm": arm, "calls": table[table.arm == "full"].calls.max()})
