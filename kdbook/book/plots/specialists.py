"""Figures of specialists: what they add, to which classes, at which cost, and what they say about a definition."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.specialist_clusters import SUBSETS
from kdbook.book.specialists import PUBLISHED, PUBLISHED_GAIN, ROUTES
from kdbook.data import read_glosses
from kdbook.lab.intervals import t_interval
from kdbook.show.drawing import compare_arms, published, rows_of, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER, YOURS

ARMS = {
    "specialists": ("specialists,\nas published", SOFT),
    "uncorrected": ("dustbin not\ncorrected", SOFT_SHIFTED),
    "specialists_regularised": ("full softmax,\nsoft targets", CONTROL),
    "longer": ("generalist,\nlonger", HARD),
    "ensemble": ("ensemble of\ngeneralists", TEACHER),
}
COVERAGE = ("0", "1", "2", "3", "4+")


def by_correction(table):
    """The table with specialists under another correction of the dustbin as arms: `uncorrected` and `routed`."""
    if table is None:
        return None
    names = table.correction.map({"none": "uncorrected", "routed": "routed"})
    gained = 100 * (table.conditional / table.generalist_conditional - 1)
    return table.assign(arm=names.where(names.notna(), table.arm), conditional_gain=gained)


def whole(table):
    """Rows about all test texts, with specialists chosen by the likeliest class where there are any."""
    return None if table is None else table[(table.coverage == "all") & ~table.routing.isin(ROUTES[1:])]


@figure("specialists_gain", chapter="06")
def gain(reference, mine=None) -> Figure:
    """Hinton et al. 2015, Table 3, relative to the generalist; the two controls are ours.

    Left, the gain in right answers over the generalist alone: specialists gain about what the paper published, more
    when the dustbin is left uncorrected; longer training gains nothing, an ensemble of the same cost far more. Right,
    the gain among a specialist's own classes.
    """
    tables = [whole(by_correction(t)) for t in (reference, mine)]
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4), width_ratios=[1.8, 1])
    ticks, colours = ({arm: look[i] for arm, look in ARMS.items()} for i in (0, 1))
    compare_arms(left, ticks, "relative_gain", *tables, colours)
    before, after = PUBLISHED["accuracy"]
    published(left, 0, 100 * (after / before - 1), "published")
    left.set(title="All test definitions", ylabel="right answers, % more than the generalist's")
    own = {arm: ticks[arm] for arm in ("specialists", "specialists_regularised")}
    compare_arms(right, own, "conditional_gain", *tables, colours)
    before, after = PUBLISHED["conditional"]
    published(right, 0, 100 * (after / before - 1))
    right.set(title="Among a specialist's own classes", ylabel="accuracy, % more than the generalist's")
    for axes in (left, right):
        axes.axhline(0, color="#999999", lw=1)
    left.legend(fontsize=8, loc="upper left")
    return fig


@figure("specialists_coverage", chapter="06")
def coverage(reference, mine=None) -> Figure:
    """Hinton et al. 2015, Table 4: the more specialists know a class, the more it gains.

    Gain in right answers over the number of specialists that know the right class, in three panels: published beside
    ours as published, with the dustbin left uncorrected, and with the full softmax. The published gain rises steadily;
    ours with the corrected dustbin falls, without the correction it rises at first.
    """
    told = [PUBLISHED_GAIN[0], PUBLISHED_GAIN[1], PUBLISHED_GAIN[2], PUBLISHED_GAIN[3], PUBLISHED_GAIN["4+"]]
    reference, mine = by_correction(reference), by_correction(mine)
    fig, panels = plt.subplots(1, 3, figsize=(13, 4), sharey=True)
    for axes, arm in zip(panels, ("specialists", "uncorrected", "specialists_regularised"), strict=True):
        name, colour = ARMS[arm]
        for at, part in enumerate(COVERAGE):
            where = {"arm": arm, "coverage": part}
            seeds_and_interval(axes, at, rows_of(reference, where).relative_gain, colour)
            if mine is not None:
                yours(axes, at, rows_of(mine, where).relative_gain, "yours (quick)" if at == 0 else None)
        published(axes, range(len(COVERAGE)), told, "published")
        axes.axhline(0, color="#999999", lw=1)
        axes.set_xticks(range(len(COVERAGE)), COVERAGE)
        axes.set(title=name.replace("\n", " "), xlabel="specialists that know the right class")
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("right answers, % more than the generalist's")
    panels[0].legend(fontsize=8)
    return fig


@figure("specialists_routing", chapter="06")
def routing(reference, mine=None) -> Figure:
    """By the generalist's likeliest classes (the paper), or only where it is unsure (the summary)?

    Accuracy over the number of specialists asked for a text. Asking for every text, by one, two or five likeliest
    classes, lies on one rising curve with asking only for the least sure share of the texts: uncertainty saves calls,
    but gains nothing at equal calls.
    """
    fig, axes = plt.subplots(figsize=(7.5, 4.4))
    for table, colours, mark, who in ((reference, (SOFT, HARD), "o-", ""), (mine, (YOURS, YOURS), "D--", ", yours")):
        if table is None:
            continue
        asked = rows_of(table, {"arm": "specialists", "coverage": "all", "correction": "sampling"})
        for kind, colour, name in zip(
            ("class", "entropy"), colours, ("by likeliest classes", "if unsure"), strict=True
        ):
            routes = [r for r in ROUTES if r.startswith(kind)]
            groups = [asked[asked.routing == r] for r in routes]
            x = [0, *(g.calls.mean() for g in groups)]
            y = [asked.generalist_accuracy.mean(), *(g.accuracy.mean() for g in groups)]
            axes.plot(x, y, mark, ms=4, color=colour, label=name + who, alpha=1 if mark == "o-" else 0.7)
            for at, group, route in zip(x[1:], groups, routes, strict=True):
                if table is reference:
                    _, low, high = t_interval(group.accuracy)
                    axes.plot([at, at], [low, high], color=colour, lw=1)
                    text = "n = " + route[6:] if kind == "class" else f"{float(route[8:]):.0%}"
                    axes.annotate(text, (at, group.accuracy.mean()), (4, -11), textcoords="offset points", fontsize=8)
    axes.set(title="Who decides whether specialists are asked?", xlabel="specialists asked a text", ylabel="top-1, %")
    axes.legend(fontsize=8, loc="lower right")
    return fig


@figure("specialists_dustbin", chapter="06")
def dustbin(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 5.2: half of a specialist's training texts are special; the rest is one dustbin.

    Left, the mean probability that specialists give to the dustbin, beside how often texts belong there: far too low as
    trained, near it with the correction of the paper. Right, the share of all training texts that a specialist has
    seen: every one lies far above one part in K.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.2))
    tables = [whole(by_correction(t)) for t in (reference, mine)]
    names = ("as trained", "for the texts\nthat it is asked", "as published")
    ticks = dict(zip(("uncorrected", "routed", "specialists"), names, strict=True))
    colours = {"specialists": SOFT, "uncorrected": SOFT_SHIFTED, "routed": CONTROL}
    compare_arms(left, ticks, "dustbin_said", *tables, colours, scale=100)
    left.axhline(100 * tables[0].dustbin_is.mean(), color="black", ls=":", label="belongs there")
    left.set(title="The dustbin's probability, by its correction", ylabel="% of test texts")
    left.legend(fontsize=8, loc="lower right")
    for table, colour, who in ((reference, SOFT, "reference"), (mine, YOURS, "yours (quick)")):
        if table is not None:
            seen = 100 * np.sort(table[table.arm == "specialist"].seen)
            right.plot(np.linspace(0, 100, len(seen)), seen, ".", color=colour, label=who)
    right.axhline(100 / SUBSETS["clusters"], color="black", ls=":", label="1/K")
    right.set(
        title="Training texts that a specialist has seen", xlabel="specialists, sorted, %", ylabel="% of all texts"
    )
    right.set_ylim(0, None)
    right.legend(fontsize=8)
    return fig


@figure("specialist_says", chapter="06")
def says(reference, mine=None) -> Figure:
    """Real definitions, and the likeliest classes of generalist, specialist and both.

    Three test definitions. For each, bars with the four likeliest classes of the generalist, of the one specialist that
    it asks, and of both together. In the first two the specialist turns a wrong answer into the right one; in the third
    it spoils a right one.
    """
    fig = plt.figure(figsize=(12.5, 7.6))
    for part, at in zip(fig.subfigures(3), (0, 1, 8), strict=True):
        draw_definition(part, reference, at)
    return fig


def draw_definition(part, reference, at: int) -> None:
    """Three panels in a figure, or a part of one, about example number `at`: generalist, specialist and both."""
    found = read_glosses()
    arrays = {name.rsplit("example_", 1)[-1]: a[at] for name, a in reference.arrays.items() if ".0.example_" in name}
    definition = found.definitions[int(arrays["index"])]
    panels = part.subplots(1, 3)
    for axes, who in zip(panels, ("generalist", "specialist", "both"), strict=True):
        classes, p = arrays[f"{who}_class"], arrays[f"{who}_p"]
        colours = [TEACHER if c == definition.label else "#BBBBBB" if c < 0 else SOFT for c in classes]
        axes.barh(range(len(p)), p, color=colours)
        names = ["(dustbin)" if c < 0 else found.classes[c] for c in classes]
        axes.set_yticks(range(len(p)), [textwrap.shorten(n, 24, placeholder="…") for n in names], fontsize=9)
        axes.invert_yaxis()
        axes.set(xlim=(0, 1), title="both together" if who == "both" else f"{who} alone")
        axes.grid(axis="y", visible=False)
    text = "\n".join(textwrap.wrap(f"“{definition.text}”", 118))
    right = f"right: {found.classes[definition.label]} (the word was: {definition.words})"
    part.suptitle(f"{text}\n{right}", x=0.01, ha="left", fontsize=10)
