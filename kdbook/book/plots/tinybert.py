"""Figures of tinybert: what each loss, stage and layer map is worth, and where teacher and students look."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.plots.distilbert import change
from kdbook.book.tinybert import PUBLISHED, PUBLISHED_GLUE
from kdbook.data.wordpiece import tokenizer
from kdbook.show.drawing import compare_arms, published, rows_of, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER

PARTS = {
    "no_embedding": "embeddings",
    "no_prediction": "predictions",
    "no_hidden": "hidden states",
    "no_attention": "attention",
    "no_layers": "both of these",
    "no_general": "general stage",
    "no_task": "task stage",
    "no_augmentation": "augmentation",
    "map_top": "top layers",
    "map_bottom": "bottom layers",
}
COLOURS = {
    **dict.fromkeys(list(PARTS)[:5], SOFT),
    **dict.fromkeys(list(PARTS)[5:8], SOFT_SHIFTED),
    **dict.fromkeys(list(PARTS)[8:], CONTROL),
}
GROUPS = {2: "losses, without", 6: "stages, without", 8.5: "two layers, no uniform map"}


@figure("tinybert_ablation", chapter="08")
def ablation(reference, mine=None) -> Figure:
    """Jiao et al. 2020, Tables 2, 3 and 4.

    Change of the mean score when a loss or stage is left out, or another layer map is used. Published changes are all
    negative, that of the layer losses by far the largest. Ours stand beside them as dots, one a seed, with intervals.
    """
    fig, axes = plt.subplots(figsize=(12, 4.8))
    for at, (arm, colour) in enumerate(COLOURS.items()):
        than = "two_layers" if arm.startswith("map") else "full"
        seeds_and_interval(axes, at, change(reference, arm, than), colour)
        published(axes, at, PUBLISHED[arm] - PUBLISHED["full"], "published (GLUE)" if at == 0 else None)
        if mine is not None:
            yours(axes, at, change(mine, arm, than), "yours (quick)" if at == 0 else None)
    axes.axhline(0, color="#999999", lw=1)
    for at in (4.5, 7.5):
        axes.axvline(at, color="#999999", lw=0.8, ls=":")
    for at, text in GROUPS.items():
        axes.text(at, 1.01, text, ha="center", va="bottom", fontsize=9, transform=axes.get_xaxis_transform())
    axes.set_xticks(range(len(PARTS)), [label.replace(" ", "\n") for label in PARTS.values()])
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", visible=False)
    axes.set_title("What is lost when a part of TinyBERT's recipe is left out or changed", pad=20)
    axes.set(ylabel="points of the mean score", xlim=(-0.5, len(PARTS) - 0.4))
    axes.legend(fontsize=8, loc="lower right")
    return fig


@figure("tinybert_and_size", chapter="08")
def size(reference, mine=None) -> Figure:
    """Jiao et al. 2020, Table 1: what distillation does, and what size does.

    Mean score of the teacher, of the thin student with the full recipe and of the same student without a teacher. Left,
    published on GLUE, the distilled student stands between the other two; right, the same three on two of our tasks,
    with as many steps for both students.
    """
    arms = {"teacher": "teacher", "full": "thin student,\ndistilled", "plain": "thin student,\nno teacher"}
    colours = {"teacher": TEACHER, "full": SOFT, "plain": HARD}
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=(1, 1.3))
    left.bar(range(3), [PUBLISHED_GLUE[arm] for arm in arms], color=list(colours.values()), width=0.6)
    left.set_xticks(range(3), list(arms.values()))
    left.set(title="Published: GLUE, test server", ylabel="mean score of nine columns", ylim=(60, 85))
    tables = [None if t is None else rows_of(t, {"task": "macro"}) for t in (reference, mine)]
    compare_arms(right, arms, "score", *tables, colours)
    right.set(title="Here: two tasks from WordNet", ylabel="mean score, %")
    left.grid(axis="x", visible=False)
    if mine is not None:
        right.legend(fontsize=8)
    return fig


@figure("tinybert_attention", chapter="08")
def attention(reference, mine=None) -> Figure:
    """Where the last layer looks, head by head, after the general stage.

    Four heat maps in each of four rows, one a head, for one definition: from which token (down) to which (across). The
    student that matched attention scores repeats the outlines of its teacher's heads; those that did not, or had no
    teacher, look elsewhere.
    """
    rows = {
        "teacher": reference.array("full", "teacher_attention")[-1],
        "scores matched": reference.array("full", "attention")[-1],
        "without attention": reference.array("no_attention", "attention")[-1],
        "no teacher": reference.array("plain", "attention")[-1],
    }
    words = [tokenizer().id_to_token(int(i)) for i in reference.array("full", "tokens")[0]]
    heads = len(rows["teacher"])
    fig, panels = plt.subplots(len(rows), heads, figsize=(10.5, 10.5))
    for line, (name, maps) in zip(panels, rows.items(), strict=True):
        for axes, picture in zip(line, maps, strict=True):
            axes.imshow(picture, vmin=0, vmax=0.6)
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
        line[0].set_ylabel(name)
    for axes in panels[-1]:
        axes.set_xticks(range(len(words)), words, rotation=90, fontsize=7)
    for axes in panels[:, -1]:
        axes.yaxis.tick_right()
        axes.set_yticks(range(len(words)), words, fontsize=7)
    for number, axes in enumerate(panels[0], 1):
        axes.set_title(f"head {number}")
    return fig
