"""Figure of transfer_weights: how the weight of a term was chosen."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.knowledge_types import METHODS, NEEDS_MAPS
from kdbook.book.transfer_weights import UNITS
from kdbook.show.figures import figure
from kdbook.show.style import HARD, SOFT, YOURS


@figure("transfer_weights", chapter="04")
def weights(reference, mine=None) -> Figure:
    """How much weight should a term have? On validation images, which neither teacher nor student has seen.

    One panel a method: validation errors over the term's weight, on a logarithmic axis, beside hard labels and added to
    soft targets, for the convolutional student (circles) and the MLP (triangles); a ring marks the weight in use. Most
    curves are as rough as one seed is; the MLP under a heavy SP leaves the picture upwards.
    """
    methods = [name for name in METHODS if name in UNITS]
    fig, panels = plt.subplots(2, -(-len(methods) // 2), figsize=(14, 6), sharey=True)
    for axes, name in zip(panels.flat, methods, strict=False):
        for prefix, mark in (("", "o"), ("mlp_", "^")):
            if prefix and name in NEEDS_MAPS:
                continue
            for suffix, colour, label in (("", HARD, "beside hard labels"), ("_kd", SOFT, "added to soft targets")):
                arm = f"{prefix}{name}{suffix}"
                rows = reference[reference.arm == arm].groupby("beta").validation_errors.mean()
                net = "MLP, " if prefix else ""
                axes.plot(rows.index, rows, f"{mark}-", ms=4, color=colour, label=net + label)
                axes.scatter([rows.idxmin()], [rows.min()], s=70, facecolors="none", edgecolors=colour)
                if mine is not None and arm in set(mine.arm):
                    own = mine[mine.arm == arm].groupby("beta").validation_errors.mean()
                    axes.plot(own.index, own, f"{mark}--", ms=4, color=YOURS, mfc="none", label="yours (quick)")
        axes.set(xscale="log", ylim=(1_050, 1_550))
        axes.set(title=METHODS[name].label, xlabel="weight beta")
    for axes in panels.flat[len(methods) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("validation errors of 10,000")
    handles, labels = panels.flat[methods.index("rkd_d")].get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))  # each label once
    fig.legend(entries.values(), entries, loc="outside lower center", ncols=4, fontsize=8)
    return fig
