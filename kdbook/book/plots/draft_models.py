"""Figures of draft_models: how often a draft is kept, and what that is worth."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.draft_models import GUESSES
from kdbook.show.drawing import compare_arms
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER
from kdbook.training.speculative import expected_speedup

NAMES = {
    "data": "true\nsentences",
    "samples": "teacher's\ntexts",
    "forward": "forward KL",
    "reverse": "reverse KL",
    "tvd": "total\nvariation",
}
COLOURS = {"data": TEACHER, "samples": HARD, "forward": SOFT, "reverse": SOFT_SHIFTED, "tvd": CONTROL}


@figure("draft_acceptance", chapter="09")
def acceptance(reference, mine=None) -> Figure:
    """How many drafts does the teacher keep, and how much faster would it be?

    Left, one minus the total variation between draft model and teacher, by what the draft model learned. Right, the
    expected speed-up against the cost of a draft as a share of the teacher's step, falling from left to right, with
    a cross for each arm at the cost measured here, where small models are hardly cheaper than larger ones.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2))
    compare_arms(left, NAMES, "acceptance", reference, mine, COLOURS)
    costs = np.linspace(0, 1, 51)
    for arm, colour in COLOURS.items():
        rows = reference[reference.arm == arm]
        share = rows.acceptance.mean() / 100
        right.plot(costs, expected_speedup(share, GUESSES, costs), color=colour, label=NAMES[arm].replace("\n", " "))
        right.scatter(rows.cost.mean(), rows.speedup.mean(), color=colour, marker="x", s=50)
    right.axhline(1, color="#999999", lw=1)
    left.set(title="Drafts that the teacher keeps", ylabel="1 - total variation, %")
    right.set(
        title="Speed-up by theory (lines), here (crosses)",
        xlabel="time of a draft's step / the teacher's",
        ylabel="times",
    )
    right.legend(fontsize=8)
    if mine is not None:
        left.legend(fontsize=8)
    return fig
