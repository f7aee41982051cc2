"""Figures of consistent_pattern: gain and share of the gap for every comparison of the book."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.tables.consistent_pattern import ALONE, CONTROL, NEARLY_ALL, OTHER, OVER, SOFT
from kdbook.lab.intervals import t_interval
from kdbook.show import style
from kdbook.show.figures import figure

COLOURS = {SOFT: style.SOFT, OTHER: style.SOFT_SHIFTED, ALONE: style.CONTROL, CONTROL: style.HARD}
LIMITS = (-40, 115)  # % of the gap; what lies outside is drawn at the edge, with its number


def ordered(table) -> list[str]:
    """Comparisons of one form together, the largest gain first."""
    over = table[table.arm == OVER].sort_values("gain")
    return [name for form in reversed(COLOURS) for name in over[over.form == form].comparison]


@figure("consistent_pattern", chapter="09")
def pattern(reference, mine=None) -> Figure:
    """Is the pattern consistent? Every experiment of the book that has a distilled student and one of hard labels.

    Left, the gain over hard labels in per cent, with intervals over seeds; right, the share of the gap to the teacher
    that is closed, where there is one. Colours tell forms apart. Some comparisons with soft targets show a gain, others
    none or harm; none comes near the whole gap.
    """
    names = ordered(reference)
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 0.24 * len(names) + 1.2), sharey=True)
    for at, name in enumerate(names):
        rows = reference[(reference.comparison == name) & (reference.arm != OVER)]
        colour = COLOURS[rows.form.iloc[0]]
        for axes, column in ((left, "gain"), (right, "closed")):
            if rows[column].notna().all():
                mean, low, high = t_interval(rows[column])
                outside = axes is right and not LIMITS[0] < mean < LIMITS[1]
                axes.plot(
                    np.clip([low, high], *LIMITS) if axes is right else [low, high], [at, at], color=colour, lw=1.6
                )
                axes.plot(np.clip(mean, *LIMITS) if outside else mean, at, "<" if outside else "o", color=colour, ms=5)
    left.set_yticks(range(len(names)), names, fontsize=8)
    left.set_ylim(-0.7, len(names) - 0.3)
    for form, colour in COLOURS.items():
        left.plot([], [], "o-", color=colour, label=form)
    left.axvline(0, color="#999999", lw=1)
    right.axvline(0, color="#999999", lw=1)
    right.axvline(100, color=style.TEACHER, lw=1.2)
    right.axvspan(NEARLY_ALL, LIMITS[1], color=style.TEACHER, alpha=0.08, lw=0)
    left.set(title="Gain over hard labels", xlabel="% of the errors of hard labels (or of its score)")
    right.set(title="Way to the teacher", xlabel="% of the gap that is closed", xlim=LIMITS)
    left.legend(fontsize=8, loc="upper left")
    return fig
