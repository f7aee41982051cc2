"""Figure of tuning: what was tried on validation images."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.experiments.tuning import CANDIDATES
from kdbook.show.figures import figure
from kdbook.show.style import SOFT, YOURS


@figure(
    "tuning_candidates",
    chapter="01",
    alt="Validation errors of every setting that was tried for the teacher and the students, one panel a setting. "
    "The test set plays no part.",
)
def candidates(reference, mine=None) -> Figure:
    """Where the settings of hinton_mnist come from."""
    fig, panels = plt.subplots(1, len(CANDIDATES), figsize=(3 * len(CANDIDATES), 3.4))
    for axes, (arm, values) in zip(panels, CANDIDATES.items(), strict=True):
        for table, colour, label in ((reference, SOFT, "reference"), (mine, YOURS, "yours (quick)")):
            if table is None:
                continue
            errors = table[table.arm == arm].set_index("candidate").validation_errors.rename(float)
            axes.plot(range(len(values)), [errors[float(v)] for v in values], "o-", color=colour, label=label)
        axes.set_xticks(range(len(values)), list(values))
        axes.set(title=arm.replace("_", " "), xlim=(-0.5, len(values) - 0.5))
    panels[0].set_ylabel("errors on 10,000 validation images")
    panels[0].legend(fontsize=8)
    return fig
