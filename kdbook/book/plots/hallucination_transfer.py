"""Figures of hallucination_transfer: what students repeat, how surely, and the skew that they inherit."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.show.drawing import compare_arms, seeds_and_interval
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER

ARMS = {
    "teacher": "teacher",
    "sequence": "its\ntexts",
    "cold": "texts at\nT = 0.5",
    "filtered": "surest\ntexts",
    "logits": "soft\ntargets",
    "mixed_50": "1/2 true\ntexts",
    "logits_true": "soft, on\ntrue texts",
    "true": "true texts,\nlabels",
    "clean": "texts of a\nclean teacher",
}
COLOURS = {
    **dict.fromkeys(ARMS, SOFT),
    "teacher": TEACHER,
    "mixed_50": SOFT_SHIFTED,
    "logits_true": CONTROL,
    "true": HARD,
    "clean": HARD,
}


@figure("hallucination_transfer", chapter="09")
def falsehoods(reference, mine=None) -> Figure:
    """Does a student repeat its teacher's falsehoods, and is it surer of them?

    Above, the mean probability that the teacher and its students give to planted falsehoods; below, confidence minus
    truth over all questions of fact. Students of the teacher's texts and soft targets give falsehoods much probability,
    those that read true texts little.
    """
    fig, (above, below) = plt.subplots(2, 1, figsize=(12, 7), sharex=True)
    compare_arms(above, ARMS, "p_false", reference, mine, COLOURS)
    compare_arms(below, ARMS, "overconfidence", reference, mine, COLOURS)
    below.axhline(0, color="#999999", lw=1)
    above.set(title="Probability of the planted falsehoods", ylabel="%")
    below.set(title="Confidence minus truth, all questions of fact", ylabel="points")
    below.tick_params(axis="x", labelsize=8)
    if mine is not None:
        above.legend(fontsize=8)
    return fig


@figure("hallucination_certain_and_doubtful", chapter="09")
def kinds(reference, mine=None) -> Figure:
    """Falsehoods that the teacher always read, and those of which it read the truth as well.

    Probability of the falsehood, for the teacher and four students: of its texts, of texts at a low temperature, of its
    surest texts and of its soft targets. The surest texts make doubtful falsehoods surer than the teacher is of them.
    """
    fig, panels = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
    arms = {arm: ARMS[arm] for arm in ("teacher", "sequence", "cold", "filtered", "logits")}
    for axes, kind, title in zip(
        panels, ("certain", "doubtful"), ("always read", "read in seven of ten texts"), strict=True
    ):
        compare_arms(axes, arms, f"p_false_{kind}", reference, mine, COLOURS)
        axes.set_title(f"Falsehoods {title}")
    panels[0].set_ylabel("probability of the falsehood, %")
    return fig


@figure("bias_transfer", chapter="09")
def bias(reference, mine=None) -> Figure:
    """A teacher that read too little about the places of one kind, and what becomes of its skew.

    Left, how much of what each model says is about these places; right, how many facts of theirs it knows. Students of
    the teacher alone speak of them as seldom as it does or more so, even on true texts; half of true texts halves the
    skew.
    """
    fig, panels = plt.subplots(1, 2, figsize=(14, 4.2))
    for axes, column in zip(panels, ("rare_share", "rare_right"), strict=True):
        compare_arms(axes, ARMS, column, reference, mine, COLOURS)
        axes.tick_params(axis="x", labelsize=6)
    panels[0].set(title="Share of the neglected places", ylabel="% of what is said")
    panels[1].set(title="Facts about them", ylabel="right answers, %")
    return fig


def compare_planted(reference, number: int) -> Figure:
    """One planted falsehood: what teacher and students give to it and to the truth."""
    fig, axes = plt.subplots(figsize=(9, 3.2))
    for at, arm in enumerate(ARMS):
        told = reference.stack(arm, "planted_p")[:, number - 1] * 100  # (seeds, 2)
        seeds_and_interval(axes, at - 0.18, told[:, 0], TEACHER, "the falsehood" if at == 0 else None)
        seeds_and_interval(axes, at + 0.18, told[:, 1], SOFT, "the truth" if at == 0 else None)
    axes.set_xticks(range(len(ARMS)), list(ARMS.values()), fontsize=7)
    axes.set(ylabel="probability, %", ylim=(-3, 103))
    axes.legend(fontsize=8, loc="upper center")
    return fig
