"""Figures of bert_sizes: what BERT's students weigh, and how fast they are by batch and length."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdbook.book.bert_sizes import BASE, MODELS, PUBLISHED_MILLIONS, PUBLISHED_SPEED, SETTINGS
from kdbook.lab.intervals import t_interval
from kdbook.show.drawing import log_axis, log_scale, means_and_intervals, published, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import HARD, PUBLISHED, SOFT, SOFT_SHIFTED, TEACHER

STUDENTS = [name for name in MODELS if name != BASE]
BATCH_SIZES, LENGTHS = SETTINGS["full"]["batch_sizes"], SETTINGS["full"]["lengths"]
BATCH_COLOURS = dict(zip(BATCH_SIZES, (SOFT, SOFT_SHIFTED, HARD), strict=True))
ONE_TEXT = {"batch_size": 1, "tokens": 128}


def times_as(table, name: str, batch_size: int, tokens: int, column: str = "texts_per_second"):
    """How many times BERT-base's value a model has, round by round (Series by seed); empty where it was not timed.

    Parameters
    ----------
    table : Results
        Of `bert_sizes`.
    name : str
        Model.
    batch_size, tokens : int
        Texts in a pass, tokens a text.
    column : str
        What is compared.
    """
    rows = table[(table.batch_size == batch_size) & (table.tokens == tokens)].set_index("seed")
    return (rows.loc[rows.arm == name, column] / rows.loc[rows.arm == BASE, column]).dropna()


def operations_ratio(table, name: str, tokens: int) -> float:
    """How many times fewer floating-point operations a model needs than BERT-base."""
    return 1 / float(times_as(table, name, table.batch_size.min(), tokens, "flops").iloc[0])


@figure("bert_sizes", chapter="08")
def sizes(reference, mine=None) -> Figure:
    """Sanh et al. 2019, Table 3; Jiao et al. 2020, Table 1; Sun et al. 2020; Wang et al. 2020: the sizes of six BERTs.

    Left, a bar a model for its parameters, the share of the embeddings in another colour, and the published number as
    a cross on its end. Right, times as fast as BERT-base for one text over the parameters, both logarithmic, with the
    published speed-ups. Word embeddings hardly shrink at all. Speed is no
    function of size: models of about one size differ several times.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6))
    counted = reference.groupby("arm")[["parameters", "embedding_parameters"]].first() / 1e6
    names = list(MODELS)[::-1]
    embeddings = [counted.embedding_parameters[name] for name in names]
    layers = [counted.parameters[name] - counted.embedding_parameters[name] for name in names]
    left.barh(range(len(names)), embeddings, color=HARD, label="embeddings")
    left.barh(range(len(names)), layers, left=embeddings, color=SOFT, label="layers and pooler")
    left.scatter(
        [PUBLISHED_MILLIONS[n] for n in names], range(len(names)), marker="x", s=60, color=PUBLISHED, label="published",
        zorder=4,
    )  # fmt: skip
    left.set_yticks(range(len(names)), names)
    left.set(xlabel="millions of parameters", title="Size")
    left.grid(axis="y", visible=False)
    left.legend(loc="lower right")
    for name in MODELS:
        _speed_at_size(right, reference, mine, name, float(counted.parameters[name]))
    log_axis(right, (10, 20, 50, 100), "millions of parameters")
    log_scale(right)
    right.set(xlim=(10, 160), ylabel="times as fast as BERT-base")
    right.set_title(f"Speed: one text of {ONE_TEXT['tokens']} tokens")
    right.legend(loc="upper right", fontsize=9)
    return fig


def _speed_at_size(axes: Axes, reference, mine, name: str, millions: float) -> None:
    first = name == BASE
    mean, low, high = t_interval(times_as(reference, name, **ONE_TEXT))
    colour = TEACHER if first else SOFT
    axes.plot([millions, millions], [low, high], color=colour, lw=1.5)
    axes.scatter([millions], [mean], s=50, color=colour, zorder=3, label="reference" if name == STUDENTS[0] else None)
    if name in PUBLISHED_SPEED:
        label = "published, on other machines" if name == STUDENTS[0] else None
        axes.plot([millions, millions], [mean, PUBLISHED_SPEED[name]], color="#999999", lw=0.8)
        axes.scatter([millions], [PUBLISHED_SPEED[name]], marker="x", s=60, color=PUBLISHED, zorder=4, label=label)
    axes.annotate(name, (millions, mean), xytext=(7, -3), textcoords="offset points", fontsize=9)
    if mine is not None and len(own := times_as(mine, name, 1, int(mine.tokens.min()))) and not first:
        label = f"yours ({mine.tokens.min():g} tokens)" if name == STUDENTS[0] else None
        yours(axes, millions * 1.04, own, label, beside=0)


@figure("bert_speed_by_batch_and_length", chapter="08")
def by_batch_and_length(reference, mine=None) -> Figure:
    """One model, one machine, nine speed-ups: each student's throughput by batch and length, over BERT-base's.

    A panel a student: times as fast as BERT-base over the length of the texts, a line for each batch size, with the
    published speed-up as a dotted black line and the ratio of operations as a dashed grey one. The lines of one student
    lie apart and slope: a speed-up belongs to a batch, a length and a machine. The thin deep student has few operations
    and gains less.
    """
    fig, panels = plt.subplots(1, len(STUDENTS), figsize=(15, 3.9), sharey=True)
    for axes, name in zip(panels, STUDENTS, strict=True):
        operations = [operations_ratio(reference, name, tokens) for tokens in LENGTHS]
        axes.plot(LENGTHS, operations, "--", color="#999999", label="operations, times fewer")
        axes.axhline(PUBLISHED_SPEED[name], ls=":", color=PUBLISHED, label="published, other machines")
        for batch_size, colour in BATCH_COLOURS.items():
            found = {tokens: times_as(reference, name, batch_size, tokens) for tokens in LENGTHS}
            means_and_intervals(axes, found, colour, label=f"batch {batch_size}")
            if mine is not None:
                own = [(tokens, v) for tokens in LENGTHS for v in times_as(mine, name, batch_size, tokens)]
                axes.scatter(
                    *zip(*own, strict=True) if own else ((), ()), marker="D", s=26, facecolors="none",
                    edgecolors=colour, label="yours, same colours" if own and batch_size == 1 else None,
                )  # fmt: skip
        log_axis(axes, LENGTHS, "tokens a text")
        log_scale(axes)
        axes.set_title(name)
    panels[0].set_ylabel("times as fast as BERT-base")
    panels[0].legend(fontsize=8)
    return fig


def speed_bars(table, batch_size: int, tokens: int, mine=None) -> Figure:
    """One position of the chapter's slider: every student's speed-up at a batch size and length.

    Parameters
    ----------
    table, mine : Results
        Full results, and the reader's own run or None.
    batch_size, tokens : int
        Texts in a pass, tokens a text.
    """
    fig, axes = plt.subplots(figsize=(7.5, 3.6))
    for at, name in enumerate(STUDENTS):
        ratio = times_as(table, name, batch_size, tokens)
        axes.bar(at, ratio.mean(), color=SOFT, alpha=0.35, width=0.6)
        seeds_and_interval(axes, at, ratio, SOFT, "measured" if not at else None)
        fewer = operations_ratio(table, name, tokens)
        axes.plot([at - 0.35, at + 0.35], [fewer, fewer], "--", color="#999999", label=None if at else "operations")
        published(axes, at, PUBLISHED_SPEED[name], None if at else "published, other machines")
        if mine is not None and len(own := times_as(mine, name, batch_size, tokens)):
            yours(axes, at, own, "yours" if name == STUDENTS[0] else None)
    axes.set_xticks(range(len(STUDENTS)), STUDENTS)
    axes.set_ylim(1, 32)
    log_scale(axes)
    axes.set(
        ylabel="times as fast as BERT-base",
        title=f"{batch_size} {'texts' if batch_size > 1 else 'text'} of {tokens} tokens at a time",
    )
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper left", fontsize=9)
    return fig


def speed_alt(table, batch_size: int, tokens: int) -> str:
    """Alt text of `speed_bars`, with its numbers."""
    told = ", ".join(f"{name} {times_as(table, name, batch_size, tokens).mean():.1f}" for name in STUDENTS)
    return f"Batch {batch_size}, {tokens} tokens, times as fast as BERT-base: {told}."
