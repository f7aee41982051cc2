"""Figure of speech_soft_targets: three per cent of the speech, hard against soft."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.speech_soft_targets import PUBLISHED
from kdbook.show.drawing import compare_arms, published
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, TEACHER

ARMS = {
    "all": "all,\nhard labels",
    "hard": "3 %, hard,\nstopped early",
    "soft": "3 %, soft,\nteacher of all",
    "control": "3 %, soft,\nteacher of 3 %",
}
COLOURS = {"all": TEACHER, "hard": HARD, "soft": SOFT, "control": CONTROL}


@figure("speech_three_percent", chapter="07")
def three_percent(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 6, Table 5, with the control that it lacks.

    Frame accuracy on the frames trained on and on test timbres, for hard labels on all utterances or on three per cent,
    and for soft targets on three per cent from a teacher of all of them, or of the same three per cent. Black crosses
    are published, as shares of the accuracy with all data. On the right, accuracy on validation timbres by epoch.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(13.5, 4.4))
    for part, (axes, column) in enumerate(((left, "training_accuracy"), (middle, "frame_accuracy"))):
        compare_arms(axes, ARMS, column, reference, mine, COLOURS)
        whole = reference.loc[reference.arm == "all", column].mean() / PUBLISHED["all"][part]
        shares = [whole * PUBLISHED[arm][part] for arm in ("all", "hard", "soft")]
        published(axes, range(3), shares, "published, as a share of `all`")
        axes.tick_params(axis="x", labelsize=7.5)
    left.set(title="Frames trained on", ylabel="frames right, %")
    middle.set(title="Frames of test timbres")
    middle.legend(fontsize=8)
    for arm in ("hard", "soft", "control"):
        curves = reference.stack(arm, "validation_accuracy")  # (seeds, epochs)
        epochs = np.arange(1, curves.shape[1] + 1)
        right.plot(epochs, curves.T, color=COLOURS[arm], lw=0.6, alpha=0.5)
        right.plot(epochs, curves.mean(0), color=COLOURS[arm], lw=2, label=ARMS[arm].replace("\n", " "))
    right.set(title="Frames of validation timbres", xlabel="epoch")
    right.legend(fontsize=8)
    return fig
