"""Figures of born_again: generation by generation, against nets that learn labels independently."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from kdbook.book.born_again import GENERATIONS, NETS
from kdbook.show.drawing import log_scale, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import HARD, SOFT

TITLES = {
    "mlp": "MLP",
    "conv": "convolutional net",
    "resnet": "ResNet",
    "mlp_long": "MLP, 6 x as long",
}
FAMILIES = {"generation": (SOFT, -0.13, "generations of teachers"), "independent": (HARD, 0.13, "independent, labels")}


@figure("born_again_generations", chapter="05")
def generations(reference, mine=None) -> Figure:
    """Furlanello et al. 2018, Tables 1 to 3 and 6.

    A panel each for an MLP, a convolutional net, a ResNet, and the MLP trained for much longer: test errors of
    four generations, each taught by the one before, beside four nets of the same initial weights that learned labels;
    at the right the two ensembles of four.
    """
    fig, panels = plt.subplots(1, len(NETS), figsize=(15, 4.4), sharey=True)
    for axes, net in zip(panels, NETS, strict=True):
        for kind, (colour, shift, label) in FAMILIES.items():
            arms = [f"{net}:{kind if k else 'generation'}_{k}" for k in range(GENERATIONS)] + [f"{net}:ensemble_{kind}"]
            for at, arm in enumerate(arms):
                values = reference.loc[reference.arm == arm, "test_errors"]
                seeds_and_interval(axes, at + shift, values, colour, label if at == 1 else None)
                if mine is not None and kind == "generation":
                    own = "yours (quick: smaller nets)" if at == 1 else None
                    yours(axes, at, mine.loc[mine.arm == arm, "test_errors"], own)
        axes.set_xticks(range(GENERATIONS + 1), [*range(GENERATIONS), "ensemble"])
        log_scale(axes)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.4, 1.6, 1.8, 2, 3, 4, 6)))
        axes.set(title=TITLES[net], xlabel="generation")
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("test errors of 10,000 (log scale)")
    panels[0].legend(fontsize=8)
    return fig
