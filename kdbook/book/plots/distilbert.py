"""Figures of distilbert: what each loss and the teacher's layers are worth, retention by task, and when to distil."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from kdbook.book.distilbert import GLUE, PUBLISHED_CHANGE
from kdbook.data.tasks import TASKS
from kdbook.show.drawing import compare_arms, published, rows_of, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, PUBLISHED, SOFT, SOFT_SHIFTED, TEACHER

LEFT_OUT = {
    "no_masked": "without\nmasked words",
    "no_cosine": "without\ncosine",
    "no_soft": "without\nsoft targets",
    "random_init": "random\ninitial weights",
}
PRETRAINED = {
    "teacher": "teacher",
    "triple": "triple loss\nT = 2",
    "triple_t1": "T = 1",
    "triple_t4": "T = 4",
    "no_masked": "no masked\nwords",
    "no_cosine": "no cosine",
    "no_soft": "no soft\ntargets",
    "masked_only": "layers,\nno teacher",
    "random_init": "random,\ntriple loss",
    "alone": "random,\nno teacher",
}
WHEN = {
    "tasks_alone": "neither",
    "tasks_alone_kd": "fine-tuning\nonly",
    "tasks_random_init": "pre-training\nonly, random",
    "tasks_triple": "pre-training\nonly, layers",
    "tasks_triple_kd": "both",
    "tasks_teacher": "the teacher",
}
NAMES = {
    "supersense": "supersense",
    "part_of_speech": "part of\nspeech",
    "kind_of": "kind of",
    "same_kind": "same\nkind",
}


def change(table, arm, than):
    """Macro score of an arm minus that of another, seed by seed."""
    scores = rows_of(table, {"task": "macro"}).pivot_table(index="seed", columns="arm", values="score")
    return (scores[arm] - scores[than]).dropna()


@figure("distilbert_ablation", chapter="08")
def ablation(reference, mine=None) -> Figure:
    """Sanh et al. 2019, Table 4.

    Change of the mean score over tasks against the full recipe, when one of the three losses or the teacher's layers
    is left out: published for GLUE, and ours for four tasks. In both the teacher's layers matter most.
    """
    fig, axes = plt.subplots(figsize=(8, 4.2))
    for at, arm in enumerate(LEFT_OUT):
        compared = f"tasks_{arm}", "tasks_triple"
        seeds_and_interval(axes, at, change(reference, *compared), SOFT, "reference" if at == 0 else None)
        published(axes, at, PUBLISHED_CHANGE[arm], "published (GLUE)" if at == 0 else None)
        if mine is not None:
            yours(axes, at, change(mine, *compared), "yours (quick)" if at == 0 else None)
    axes.axhline(0, color="#999999", lw=1)
    axes.set_xticks(range(len(LEFT_OUT)), list(LEFT_OUT.values()))
    axes.grid(axis="x", visible=False)
    axes.set(title="What is lost when a part of the recipe is left out", ylabel="points of the mean score")
    axes.legend(fontsize=8)
    return fig


@figure("distilbert_masked_loss", chapter="08")
def masked_loss(reference, mine=None) -> Figure:
    """How well each model names hidden words.

    Cross entropy at hidden tokens of held-out definitions: the teacher, the student of the full recipe at three
    temperatures, without each part, and without any teacher, which is the worst. Students that begin as their teacher's
    layers lie close together, those with random initial weights far above.
    """
    colours = {**dict.fromkeys(PRETRAINED, SOFT), "teacher": TEACHER, "masked_only": HARD, "alone": HARD}
    colours["random_init"] = SOFT_SHIFTED
    fig, axes = plt.subplots(figsize=(11, 4.2))
    compare_arms(axes, PRETRAINED, "masked_loss", reference, mine, colours)
    axes.set(title="Masked language modelling on held-out definitions", ylabel="cross entropy, nats a token")
    axes.tick_params(axis="x", labelsize=8)
    if mine is not None:
        axes.legend(fontsize=8)
    return fig


def retention(table, arm="tasks_triple"):
    """Score of a student in % of its own teacher's, by task: rows of seeds, averaged over students of one teacher."""
    rows = table[table.arm == arm]
    theirs = table[table.arm == "tasks_teacher"].set_index(["seed", "task"]).score
    own = np.array([theirs[int(t), task] for t, task in zip(rows.teacher_seed, rows.task, strict=True)])
    return (100 * rows.score / own).groupby([rows.task, rows.teacher_seed]).mean()


@figure("distilbert_retention", chapter="08")
def kept(reference, mine=None) -> Figure:
    """Sanh et al. 2019, Table 1; the student's score in per cent of its teacher's.

    Left, the nine tasks of GLUE as published, from the one that keeps least to the one where the student is better
    than its teacher, with the macro average drawn as a line. Right, the four tasks made from WordNet and their macro
    average, for a distilled student and for one that never had a teacher.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), sharey=True)
    shares = {task: 100 * student / teacher for task, (teacher, student) in GLUE.items()}
    ranked = sorted(shares, key=shares.get)
    left.bar(range(len(ranked)), [shares[task] for task in ranked], color=PUBLISHED, alpha=0.65, width=0.6)
    headline = 100 * sum(s for _, s in GLUE.values()) / sum(t for t, _ in GLUE.values())
    left.axhline(headline, color=TEACHER, lw=1.5, label="macro average, as in the headline")
    left.set_xticks(range(len(ranked)), ranked, rotation=45)
    left.set(title="Published: DistilBERT on GLUE", ylabel="% of the teacher's score", ylim=(55, 115))
    left.legend(fontsize=8, loc="upper left")
    for at, task in enumerate((*TASKS, "macro")):
        for arm, colour, shift, label in (
            ("tasks_alone", HARD, -0.32, "no teacher"),
            ("tasks_triple", SOFT, 0.14, "distilled"),
        ):
            told = label if at == 0 else None
            seeds_and_interval(right, at + shift, retention(reference, arm)[task], colour, told)
        if mine is not None:
            yours(right, at, retention(mine)[task], "yours (quick), distilled" if at == 0 else None)
    right.axhline(100, color="#999999", lw=1)
    right.set_xticks(range(len(TASKS) + 1), [*(NAMES.get(t, t) for t in TASKS), "macro"])
    right.set(title="Here: four tasks from WordNet")
    right.legend(fontsize=8, loc="lower right")
    for axes in (left, right):
        axes.grid(axis="x", visible=False)
    return fig


@figure("distilbert_when", chapter="08")
def when(reference, mine=None) -> Figure:
    """Distilled in pre-training, in fine-tuning, in both or in neither: the comparison that the paper lacks.

    Mean score over four tasks of one architecture: never distilled, distilled in fine-tuning only, in pre-training
    only with random initial weights and with the teacher's layers, in both, and the teacher.
    """
    tables = [None if t is None else rows_of(t, {"task": "macro"}) for t in (reference, mine)]
    colours = dict.fromkeys(WHEN, SOFT) | {"tasks_alone": HARD, "tasks_alone_kd": CONTROL, "tasks_teacher": TEACHER}
    fig, axes = plt.subplots(figsize=(9, 4.2))
    compare_arms(axes, WHEN, "score", *tables, colours)
    axes.set(title="When is the student distilled?", ylabel="mean score of four tasks, %")
    axes.tick_params(axis="x", labelsize=8)
    if mine is not None:
        axes.legend(fontsize=8)
    return fig
