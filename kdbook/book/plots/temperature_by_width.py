"""Figures of temperature_by_width: the best temperature of narrow and of wide students."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.temperature_by_width import PUBLISHED, WIDTHS
from kdbook.show.drawing import compare_curves, log_scale, temperature_axis
from kdbook.show.figures import figure
from kdbook.show.style import SOFT

TICKS = (1, 2, 4, 8, 20, 40)


def paired(table):
    """The table with `excess`: errors above the mean over all temperatures of the same seed and width, in % of it."""
    mean = table.groupby(["width", "seed"]).test_errors.transform("mean")
    return table.assign(excess=100 * (table.test_errors / mean - 1))


@figure("temperature_by_width", chapter="02")
def by_width(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 3: 2.5 to 4 for 30 units, anything above 8 for 300 or more.

    Five panels, for students of 10 to 800 units a layer: test errors above or below the mean over all temperatures of
    the same seed, in per cent, over the temperature. Grey bands are the paper's best. For 10 and 30 units errors rise
    steeply above 4; for 300 and 800 they fall from 1 on and are level from about 8.
    """
    tables = paired(reference), None if mine is None else paired(mine)
    fig, panels = plt.subplots(1, len(WIDTHS), figsize=(15, 3.8), sharey=True)
    for axes, width in zip(panels, WIDTHS, strict=True):
        if width in PUBLISHED:
            axes.axvspan(*PUBLISHED[width], color="black", alpha=0.1, lw=0, label="published: best")
        axes.axhline(0, color="#999999", lw=1)
        look = {"label": "reference", "own_mark": "D--", "own_label": "yours (quick)"}
        compare_curves(axes, {"width": width}, *tables, "temperature", "excess", SOFT, **look)
        temperature_axis(axes, TICKS)
        axes.set_title(f"{width} units")
    panels[0].set_ylabel("test errors, % above the seed's mean")
    panels[1].legend(fontsize=8)
    return fig


@figure("temperature_errors_and_agreement", chapter="02")
def levels(reference, mine=None) -> Figure:
    """How large the effect of the temperature is beside that of the width.

    Left, test errors over the temperature of training, one curve a width, on a logarithmic scale; right, the share of
    test images with the teacher's answer. The curves of the widths lie far apart.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    for axes, column, scale in ((left, "test_errors", 1), (right, "agreement", 100)):
        for width, mark in zip(WIDTHS, ("v-", "o-", "s-", "^-", "d-"), strict=True):
            look = {"mark": mark, "label": f"{width} units", "scale": scale}
            look["own_label"] = "yours (quick)" if width == 10 else None
            compare_curves(axes, {"width": width}, reference, mine, "temperature", column, SOFT, **look)
            rows = reference[reference.width == width]
            last = rows[rows.temperature == rows.temperature.max()]
            axes.text(last.temperature.max() * 1.08, last[column].mean() * scale, f"{width}", va="center", fontsize=8)
        temperature_axis(axes, TICKS)
    log_scale(left)
    left.set(title="MNIST test errors of 10,000", ylabel="wrong answers (log scale)")
    right.set(title="Same answer as the teacher", ylabel="% of test images")
    right.legend(fontsize=8)
    return fig
