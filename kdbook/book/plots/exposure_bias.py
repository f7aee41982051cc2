"""Figures of exposure_bias: who writes true texts, where they go wrong, and what is given up for it."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.show.drawing import compare_arms, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER, YOURS

NAMES = {
    "start": "before",
    "labels": "given texts,\nlabels",
    "forward": "given texts,\nforward KL",
    "reverse": "given texts,\nreverse KL",
    "half_jsd": "half own,\nJSD",
    "own_forward": "own texts,\nforward KL",
    "own_jsd": "own texts,\nJSD",
    "own_reverse": "own texts,\nreverse KL",
    "minillm": "own texts,\npolicy gradient",
    "teacher": "teacher",
}
COLOURS = {
    "start": "#999999",
    "labels": HARD,
    "forward": SOFT,
    "reverse": SOFT,
    **dict.fromkeys(("half_jsd", "own_forward", "own_jsd", "own_reverse"), SOFT_SHIFTED),
    "minillm": CONTROL,
    "teacher": TEACHER,
}
MARKS = dict(zip(NAMES, "xosvsovDP*", strict=True))


@figure("exposure_true_share", chapter="09")
def true_share(reference, mine=None) -> Figure:
    """What share of a model's own texts is true?

    Share of own texts that are true and grammatical, by how the student learned after the same start: on given texts
    with labels, forward or reverse KL, on its own texts with three divergences, by policy gradient; and the teacher.
    """
    fig, axes = plt.subplots(figsize=(11, 4.2))
    compare_arms(axes, NAMES, "true_share", reference, mine, COLOURS)
    axes.set(title="Texts that a student writes by itself", ylabel="true and grammatical, %")
    axes.tick_params(axis="x", labelsize=8)
    if mine is not None:
        axes.legend(fontsize=8)
    return fig


def by_position(table, arm: str, key: str) -> np.ndarray:
    """Mean over seeds of an arm's curve (N,); where all texts of a seed have ended, what was true stays true."""
    found = [table.arrays[f"{arm}.{seed}.{key}"] for seed in sorted(table[table.arm == arm].seed)]
    if key == "true_so_far":
        found = [np.where(np.isnan(curve), curve[~np.isnan(curve)][-1], curve) for curve in found]
    return np.mean(found, axis=0)


@figure("exposure_by_position", chapter="09")
def positions(reference, mine=None) -> Figure:
    """Where does a text go wrong, and does the student know less where it has led itself?

    Left, the share of own texts that are still true after each token: all fall, the teacher least. Right, how far the
    student is from its teacher at each position, on the teacher's texts and on its own: for a student of given texts
    the second lies higher.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2))
    for arm, colour, mark in (
        ("teacher", TEACHER, "-"), ("labels", HARD, "-"), ("forward", SOFT, "-"), ("own_reverse", SOFT_SHIFTED, "-"),
        ("minillm", CONTROL, "-"), ("start", "#999999", "--"),
    ):  # fmt: skip
        values = by_position(reference, arm, "true_so_far")
        left.plot(np.arange(len(values)), values, mark, color=colour, label=NAMES[arm].replace("\n", " "))
    if mine is not None:
        values = by_position(mine, "forward", "true_so_far")
        left.plot(np.arange(len(values)), values, ":", color=YOURS, label="yours (quick), forward KL")
    for arm, colour in (("forward", SOFT), ("own_reverse", SOFT_SHIFTED)):
        for texts, mark in (("given", "-"), ("own", "--")):
            values = by_position(reference, arm, f"kl_{texts}")[:20]
            label = f"{NAMES[arm].replace(chr(10), ' ')}, {'read' if texts == 'given' else 'written'}"
            right.plot(np.arange(1, len(values) + 1), values, mark, color=colour, label=label)
    left.set(title="Still true", xlabel="tokens written", ylabel="own texts, %", ylim=(0, 102))
    right.set(title="Distance from the teacher on read and on written texts", xlabel="token", ylabel="KL, nats a token")
    for axes in (left, right):
        axes.legend(fontsize=8)
    return fig


@figure("exposure_modes", chapter="09")
def modes(reference, mine=None) -> Figure:
    """Mode-seeking and mode-covering: is a student right because it says less?

    Each arm by the entropy of its own texts, left to right from narrow to broad, and by the share of them that is
    true. A dotted line marks the entropy of the truth. The policy gradient lies far to the left of it and high up,
    the teacher on it; all other students lie to its right, the truer the closer.
    """
    fig, axes = plt.subplots(figsize=(9, 4.4))
    for table in (reference, mine):
        for arm in NAMES if table is not None else ():
            rows = table[table.arm == arm]
            look = {"color": COLOURS[arm], "label": NAMES[arm].replace("\n", " ")}
            if table is mine:
                hollow = {"color": YOURS} if MARKS[arm] in "x+" else {"edgecolors": YOURS, "facecolors": "none"}
                look = {**hollow, "label": "yours (quick)" if arm == "start" else None}
            axes.scatter(rows.own_entropy, rows.true_share, s=26, marker=MARKS[arm], alpha=0.8, **look)
    axes.axvline(reference.loc[reference.arm == "teacher", "truth_entropy"].mean(), color="#999999", ls=":", lw=1)
    axes.set(title="What is given up for truth", xlabel="entropy of own texts, nats", ylabel="true texts, %")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


@figure("exposure_gap", chapter="09")
def gap(reference, mine=None) -> Figure:
    """Exposure bias itself: how much further is a student from its teacher on its own texts than on the teacher's?

    Difference of two divergences a token, on own texts minus on the teacher's, by arm: above zero where a student has
    never seen what its own mistakes lead to, and smaller for those that learned on their own texts. The policy gradient
    is left out: it says so little of what its teacher says that the teacher's texts are the stranger ones to it.
    """
    arms = {arm: name for arm, name in NAMES.items() if arm not in ("start", "teacher", "minillm")}
    fig, axes = plt.subplots(figsize=(10, 4.2))
    for at, arm in enumerate(arms):
        rows = reference[reference.arm == arm]
        seeds_and_interval(axes, at, rows.exposure_gap, COLOURS[arm])
        if mine is not None:
            yours(axes, at, mine[mine.arm == arm].exposure_gap, "yours (quick)" if at == 0 else None)
    axes.axhline(0, color="#999999", lw=1)
    axes.set_xticks(range(len(arms)), list(arms.values()))
    axes.grid(axis="x", visible=False)
    axes.tick_params(axis="x", labelsize=8)
    axes.set(title="Further from the teacher on own texts", ylabel="KL on own - on given texts, nats a token")
    if mine is not None:
        axes.legend(fontsize=8)
    return fig
