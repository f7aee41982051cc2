"""Figures of training_modes: who teaches whom, what it gives at equal epochs and at equal compute, and what is told."""

from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, StrMethodFormatter
from torch import Tensor, nn

from kdbook.book.training_modes import ARMS, SIZES
from kdbook.data.images import Split
from kdbook.lab.intervals import t_interval
from kdbook.nets.vision import MLP, EarlyExits
from kdbook.show.drawing import log_axis, seeds_and_interval, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER, YOURS
from kdbook.training import Batch, CachedTeacher, objectives

MODE_COLOURS = {"alone": HARD, "offline": SOFT, "online": SOFT_SHIFTED, "self": CONTROL}
LABELS = {
    "hard": "hard labels",
    "hard_double": "hard labels, epochs x 2",
    "hard_quadruple": "hard labels, epochs x 4",
    "smoothing": "label smoothing",
    "independent_2": "two nets side by side",
    "offline_large": "offline, large teacher",
    **{f"offline_{size}": f"offline, {size} teacher" for size in SIZES},
    **{f"dml_{size}": f"DML, {size} peer" for size in SIZES},
    "dml_4": "DML, four equal peers",
    "kdcl_2": "KDCL, two equal nets",
    **{f"cotrained_{size}": f"co-trained, {size} teacher" for size in SIZES},
    "cotrained_feedback": "co-trained, feedback",
    "born_again": "Born-Again",
    "ps_kd": "PS-KD, tuned weight",
    "ps_kd_paper": "PS-KD, paper's weight",
}
TOLD = ("smoothing", "offline_equal", "dml_equal", "kdcl_2", "cotrained_equal", "ps_kd_paper")
CURVES = dict(zip(TOLD, (HARD, SOFT, SOFT_SHIFTED, "#000000", TEACHER, CONTROL), strict=True))


class Scene(NamedTuple):
    """A mode at work on a few images: what `who_teaches` needs, and which sources were made before this step."""

    objective: Any
    nets: nn.Module
    batch: Batch
    sources: dict[str, Tensor]
    learners: dict[str, Tensor]
    stored: tuple[str, ...] = ()


def scenes() -> dict[str, Scene]:
    """Every mode with untrained nets, ready to be asked who teaches whom."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randint(0, 256, (20, 28, 28), dtype=torch.uint8, generator=generator)
    split = Split(x, torch.arange(20) % 10, torch.arange(20))
    cache = CachedTeacher(torch.randn(1, 20, 10, generator=generator), split.index)
    past = objectives.ProgressiveSelf(split, epochs=2)
    past.start_epoch(1)
    past.table = torch.rand(20, 10, generator=generator).softmax(-1)
    teacher, table = {"frozen\nteacher": cache.logits}, {"answers of\nlast epoch": past.table}
    before = {"generation\nbefore": cache.logits}
    made = {
        "Offline": (objectives.Distillation(cache, 4.0, 0.5), ["student"], teacher),
        "Born-Again": (objectives.Distillation(cache, 1.0), ["student"], before),
        "PS-KD": (past, ["student"], table),
        "Be Your Own Teacher": (objectives.SelfExits(1.0, 0.3), ["exit 1", "exit 2", "exit 3"], {}),
        "DML": (objectives.MutualLearning(), ["peer 1", "peer 2", "peer 3"], {}),
        "KDCL": (objectives.Collaborative(1.0), ["net 1", "net 2", "net 3"], {}),
        "Co-trained": (objectives.CoTrained(1.0, 0.5), ["student", "teacher"], {}),
        "Co-trained, feedback": (objectives.CoTrained(1.0, 0.5, 0.2), ["student", "teacher"], {}),
    }
    found = {}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for name, (objective, learning, stored) in made.items():
            inside = isinstance(objective, objectives.SelfExits)
            nets = EarlyExits((8, 8, 8)) if inside else nn.ModuleList(MLP([784, 8, 10]) for _ in learning)
            heads = dict(
                zip(learning, [*nets.heads, nets.head] if inside else [n.layers[-1] for n in nets], strict=True)
            )
            batch = Batch(split.images(), split.y.clone(), split.index, 12)
            sources = {"labels": batch.y, **stored, **{who: head.bias for who, head in heads.items()}}
            weights = {who: head.weight for who, head in heads.items()}
            found[name] = Scene(objective, nets, batch, sources, weights, tuple(stored))
    return found


def diagram(axes: Axes, scene: Scene) -> None:
    """Boxes for nets and sources, an arrow for each that was found to teach another; dashed where it was stored."""
    above = [name for name in scene.sources if name not in scene.learners]
    below = list(scene.learners)
    places = {name: ((i + 0.5) / len(above), 1.0) for i, name in enumerate(above)}
    # the middle one of three lower, so that no arrow runs through it
    places |= {name: ((i + 0.5) / len(below), -0.45 * (len(below) == 3 and i == 1)) for i, name in enumerate(below)}
    for source, learner in sorted(objectives.who_teaches(*scene[:5])):
        colour = HARD if source == "labels" else TEACHER if source in scene.stored else SOFT
        style = {"arrowstyle": "-|>", "color": colour, "lw": 1.6, "shrinkA": 17, "shrinkB": 17}
        style |= {"ls": "--" if source in scene.stored else "-", "connectionstyle": "arc3,rad=0.12"}
        axes.annotate("", places[learner], places[source], arrowprops=style)
    for name, (x, y) in places.items():
        faint = name in above
        box = {"boxstyle": "round,pad=0.35", "fc": "#f2f2f2" if faint else "white", "ec": "#555555"}
        axes.text(x, y, name, ha="center", va="center", fontsize=8.5, bbox=box)
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.8, 1.35))
    axes.set_axis_off()


@figure("who_teaches_whom", chapter="05")
def who(reference, mine=None) -> Figure:
    """Found by trial on the objectives: nudge a source, see whose gradient moves.

    Eight diagrams, one a mode. Labels reach every net but the Born-Again student. Offline, Born-Again and PS-KD have
    dashed arrows from something stored; peers point at each other; a co-trained teacher points at its student and only
    with feedback gets an arrow back; the deepest exit points at the two others.
    """
    fig, panels = plt.subplots(2, 4, figsize=(13, 6))
    for axes, (name, scene) in zip(panels.flat, scenes().items(), strict=True):
        diagram(axes, scene)
        axes.set_title(name)
    fig.suptitle("Yellow: labels. Blue: another's answers of this very step. Dashed: answers stored before it")
    return fig


def differences(table, column: str, arm: str):
    """One value a seed: an arm minus hard labels."""
    of = table.set_index(["arm", "seed"])[column]
    return (of[arm] - of["hard"]).dropna()


def plain_ticks(axis, ticks) -> None:
    """These ticks with plain numbers, as far as they are in view: `set_xticks` would widen the view to all of them."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


ERROR_TICKS = (-100, -50, 0, 50, 100, 200, 500, 1000)


def ladder(axes: Axes, column: str, reference, mine=None) -> None:
    """Every arm minus hard labels on a line of its own: seeds, mean with 95 % t interval, the reader's own run."""
    arms = [arm for arm in ARMS if arm != "hard"]
    for at, arm in enumerate(arms):
        values, colour = differences(reference, column, arm), MODE_COLOURS[ARMS[arm].mode]
        mean, low, high = t_interval(values)
        axes.plot([low, high], [at, at], color=colour, lw=2)
        axes.scatter(values, np.full(len(values), at), s=12, color=colour, alpha=0.6)
        axes.scatter([mean], [at], marker="|", s=160, color=colour, lw=2.5)
        if mine is not None:
            own, label = differences(mine, column, arm), "yours (quick: smaller nets)" if at == 0 else None
            axes.scatter(own, np.full(len(own), at + 0.3), s=18, marker="D", fc="none", ec=YOURS, label=label)
    axes.axvline(0, color="black", ls=":", lw=1)
    axes.set_yticks(range(len(arms)), [LABELS[arm] for arm in arms])
    axes.grid(axis="y", visible=False)


@figure("training_modes_errors", chapter="05")
def results(reference, mine=None) -> Figure:
    """All modes at equal epochs, paired by seed with hard labels.

    Two panels with a line for each way to train. Left, test errors minus those with hard labels, right the same for the
    calibration error. A large frozen teacher helps clearly, weaker partners harm; most modes cannot be told from
    zero. Label smoothing, longer training and large teachers worsen calibration.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(13, 7), sharey=True)
    ladder(left, "test_errors", reference, mine)
    ladder(right, "ece", reference, mine)
    left.invert_yaxis()  # the right one shares it
    left.set_xscale("symlog", linthresh=150)  # linear near 0: differences of quick nets would dwarf all others
    plain_ticks(left.xaxis, ERROR_TICKS)
    right.set_xscale("symlog", linthresh=5)
    plain_ticks(right.xaxis, (-1, 0, 1, 2, 3, 4, 5, 10))
    left.set(title="Test errors, minus hard labels", xlabel="wrong of 10,000: fewer <- 0 -> more")
    right.set(title="Calibration error, minus hard labels", xlabel="percentage points: better <- 0 -> worse")
    if mine is not None:
        left.legend(fontsize=8)
    return fig


@figure("training_modes_compute", chapter="05")
def compute(reference, mine=None) -> Figure:
    """The same at equal compute.

    Test errors over all multiply-adds that a mode needed, its teacher's training included, on a logarithmic axis. A
    line joins the student alone for one, two and four times as many epochs. Whatever lies above the line would have
    done better to train alone for longer.
    """
    fig, axes = plt.subplots(figsize=(13, 6))
    own = reference.loc[reference.arm == "hard", "gigamacs"].mean()
    table = reference.assign(total=(reference.gigamacs + reference.teacher_gigamacs) / own)
    means = table.groupby("arm")[["total", "test_errors"]].mean().drop("independent_2")
    edge = 2 * means.total.drop("offline_large").max()
    alone = means.loc[["hard", "hard_double", "hard_quadruple"]]
    axes.plot(alone.total, alone.test_errors, "-", color=HARD, lw=2, label="alone, longer and longer")
    for mode, colour in MODE_COLOURS.items():
        chosen = means[[ARMS[arm].mode == mode for arm in means.index]]
        axes.scatter(chosen.total.clip(upper=edge), chosen.test_errors, s=40, color=colour, label=mode, zorder=3)
    for _, column in means.sort_values("test_errors").groupby(means.total.clip(upper=edge).round(1)):
        height = 0.0
        for arm, (total, errors) in column.iterrows():
            height = max(height + 0.026 * np.ptp(means.test_errors), errors)  # no label over another
            name = LABELS[arm] + (", far off the scale" if total > edge else "")
            crowded = means.total.between(1.05 * total, 1.3 * total).any()
            look = {"xytext": (-7, -3), "ha": "right"} if crowded else {"xytext": (7, -3)}
            axes.annotate(name, (min(total, edge), height), textcoords="offset points", fontsize=8, **look)
    log_axis(axes, (1, 2, 4, 8), "all multiply-adds / those of the student alone (log scale)")
    axes.set(title="Errors by all the compute that was needed", ylabel="test errors of 10,000, mean of seeds")
    axes.set_xlim(0.62, 2.1 * edge)
    axes.legend(fontsize=8)
    return fig


@figure("training_modes_partner", chapter="05")
def partner(reference, mine=None) -> Figure:
    """Must the teacher be much stronger? Gou et al. 2021, section 3.2.

    Three panels: a frozen teacher, a peer, a teacher trained together with the student. In each the student's errors
    minus hard labels for a weaker, an equal and a stronger partner, a dot a seed, and the same for two nets side by
    side that ignore each other. How far the dots of a column spread is how unstable it is.
    """
    fig, panels = plt.subplots(1, 3, figsize=(12, 4), sharey=True)
    titles = {"offline": "Frozen teacher", "dml": "Peer (DML)", "cotrained": "Co-trained teacher"}
    for axes, (mode, title) in zip(panels, titles.items(), strict=True):
        for at, size in enumerate(SIZES):
            values = differences(reference, "test_errors", f"{mode}_{size}")
            seeds_and_interval(axes, at, values, SOFT)
            if mine is not None:
                yours(axes, at, differences(mine, "test_errors", f"{mode}_{size}"))
        axes.axhline(0, color=HARD, ls=":", lw=1.5)
        axes.set_xticks(range(3), SIZES)
        axes.set(title=title, xlim=(-0.5, 2.6))
    panels[0].set_yscale("symlog", linthresh=150)
    plain_ticks(panels[0].yaxis, ERROR_TICKS)
    panels[0].set_ylabel("test errors, minus hard labels")
    return fig


@figure("training_modes_curriculum", chapter="05")
def curriculum(reference, mine=None) -> Figure:
    """Is there a dynamic curriculum?

    Two panels over the epochs: entropy of what the student is told, and the share of training images for which its top
    class is the target's. Targets of peers and co-trained teachers begin vague and become sure, those of a frozen
    teacher stay as they are, those of PS-KD begin as labels and become vaguer.
    """
    fig, panels = plt.subplots(1, 2, figsize=(12, 4.4))
    for axes, name, scale in zip(panels, ("entropy", "agreement"), (1, 100), strict=True):
        for arm, colour in CURVES.items():
            curves = scale * reference.stack(arm, name)
            epochs = np.arange(1, curves.shape[1] + 1)
            axes.plot(epochs, curves.mean(0), "o-", ms=3, color=colour, label=LABELS[arm])
            if mine is not None:
                own = scale * mine.stack(arm, name).mean(0)
                axes.plot(np.arange(1, len(own) + 1), own, "--", lw=1, color=colour)
        axes.set_xlabel("epoch")
    if mine is not None:
        panels[1].plot([], [], "--", lw=1, color="black", label="yours (quick)")
    panels[0].set(title="How vague are the targets?", ylabel="entropy, bits")
    panels[1].set(title="Does the student already agree with them?", ylabel="% of training images")
    panels[1].legend(fontsize=8)
    return fig
