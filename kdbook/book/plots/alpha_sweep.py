"""Figure of alpha_sweep: labels beside soft targets."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.alpha_sweep import SHARES, WIDTHS
from kdbook.show.drawing import compare_curves, log_scale
from kdbook.show.figures import figure
from kdbook.show.style import SOFT

LABELS = dict(zip(SHARES, ("every image has a label", "one image in 10", "one image in 100"), strict=True))


@figure("alpha_sweep", chapter="02")
def alpha_sweep(reference, mine=None) -> Figure:
    """Images without a label have a soft target: alpha weighs only where there are both.

    Test errors over alpha, the weight of soft targets on labelled images, for students of 30 and of 300 units, with a
    label for every image, one in ten and one in a hundred. With a label for every image errors fall from hard labels
    alone on the left and are level from about 0.75 on, steeply for 300 units and gently for 30; with fewer labels they
    are level.
    """
    fig, panels = plt.subplots(1, len(WIDTHS), figsize=(11, 4.2))
    for axes, width in zip(panels, WIDTHS, strict=True):
        for share, mark, line in zip(SHARES, ("o", "s", "^"), ("-", "-.", ":"), strict=True):
            where = {"width": width, "labelled_share": share}
            look = {
                "mark": f"{mark}{line}",
                "label": LABELS[share],
                "own_label": "yours (quick)" if share == 1 else None,
            }
            compare_curves(axes, where, reference, mine, "alpha", "test_errors", SOFT, **look)
        log_scale(axes)
        axes.set(title=f"{width} units", xlabel="alpha: weight of the soft term where there is a label")
    panels[0].set_ylabel("test errors of 10,000 (log scale)")
    panels[0].legend(fontsize=8)
    return fig
