"""One look for every figure: the colour-blind-safe palette of Okabe and Ito, and one meaning for each colour."""

import matplotlib as mpl

PUBLISHED, TEACHER, HARD, SOFT, SOFT_SHIFTED, CONTROL, YOURS = (
    "#000000", "#D55E00", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9",
)  # fmt: skip

ARM_COLOURS = {
    "teacher": TEACHER,
    "hard": HARD,
    "hard_regularized": CONTROL,
    "distilled": SOFT,
    "distilled_shifted": SOFT_SHIFTED,
    "untrained": "#999999",
}
ARM_LABELS = {
    "teacher": "teacher",
    "hard": "student, hard labels",
    "hard_regularized": "student, hard labels,\nteacher's regularisers",
    "distilled": "student, soft targets",
    "distilled_shifted": "student, soft targets,\nall 25 shifts",
    "untrained": "untrained student",
}

RC = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "image.cmap": "viridis",
    "svg.hashsalt": "kdbook",
    "svg.fonttype": "path",
}


def style() -> mpl.rc_context:
    """Context in which a figure of the book is drawn."""
    return mpl.rc_context(RC)
