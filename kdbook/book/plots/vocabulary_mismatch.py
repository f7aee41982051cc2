"""Figures of vocabulary_mismatch: distillation across two vocabularies, byte by byte."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.show.drawing import compare_arms
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED

METHODS = {
    "labels": ("labels", HARD),
    "samples": ("teacher's\ntexts", SOFT_SHIFTED),
    "uld": ("sorted\nprobabilities", CONTROL),
    "bytes": ("bytes\naligned", SOFT),
    "kd": ("token by\ntoken", SOFT),
}
TITLES = {"own": "the teacher's tokens", "other": "other byte pairs", "characters": "characters"}


@figure("vocabulary_bits", chapter="09")
def bits(reference, mine=None) -> Figure:
    """Bits a byte more than the truth needs, by the student's vocabulary and what it learns from.

    Three panels: a student with the teacher's own tokens, with fewer byte pairs, and with characters. In each, labels
    beside what can be learned from the teacher; across vocabularies the alignment by bytes and the teacher's texts are
    compared with sorted probabilities. A logarithmic scale keeps a quick run on the page.
    """
    return by_vocabulary("excess_bits", "bits a byte more than the truth (log scale)", reference, mine, scale="log")


@figure("vocabulary_true_share", chapter="09")
def true_share(reference, mine=None) -> Figure:
    """Does a student of another vocabulary write true sentences?

    Share of own texts that are true and grammatical, in the same three panels: characters can spell words that do not
    exist, and a student of the teacher's own tokens has the easiest task.
    """
    return by_vocabulary("true_share", "own texts that are true, %", reference, mine)


def by_vocabulary(column: str, told: str, reference, mine, scale: str = "linear") -> Figure:
    """A panel a vocabulary, with one column of the table for each way to learn."""
    fig, panels = plt.subplots(1, 3, figsize=(12, 4.2), sharey=True, width_ratios=(2, 4, 4))
    for axes, (cut, title) in zip(panels, TITLES.items(), strict=True):
        arms = {f"{cut}_{m}": label for m, (label, _) in METHODS.items() if f"{cut}_{m}" in set(reference.arm)}
        colours = {arm: METHODS[arm.rsplit("_", 1)[1]][1] for arm in arms}
        compare_arms(axes, arms, column, reference, mine, colours)
        axes.set(title=title, yscale=scale)
        axes.tick_params(axis="x", labelsize=8)
    panels[0].set_ylabel(told)
    if mine is not None:
        panels[0].legend(fontsize=7)
    return fig
