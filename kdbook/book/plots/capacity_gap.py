"""Figures of capacity_gap: the student under teachers of growing size, and how soft their targets are."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdbook.book.capacity_gap import LARGEST, WIDTHS
from kdbook.show.drawing import compare_arms, compare_curves, log_axis, rows_of, yours
from kdbook.show.figures import figure
from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER

PATHS = {
    "hard": "labels",
    "from_30": "30",
    "from_100": "100",
    "from_300": "300",
    "from_1200": "1200",
    "via_300": "1200\n→ 300",
    "via_100": "1200\n→ 100",
    "via_300_100": "1200 →\n300 → 100",
}


def early(table) -> dict[str, str]:
    """Arms of the largest teacher along its training, with their labels."""
    found = [arm for arm in dict.fromkeys(table.arm) if arm.startswith("early_")]
    return {arm: f"{LARGEST}, epoch\n{arm.removeprefix('early_')}" for arm in found}


def paired(table):
    """The students with `excess`: errors above those of the seed's student of labels, in % of them."""
    alone = rows_of(table, {"arm": "hard"}).set_index("seed").test_errors
    rows = table[table.temperature.notna() & ~table.arm.str.startswith("assistant")]
    return rows.assign(excess=100 * (rows.test_errors / rows.seed.map(alone) - 1))


@figure("capacity_gap_students", chapter="09")
def students(reference, mine=None) -> Figure:
    """Mirzadeh et al. 2020 and Cho & Hariharan 2019: who should teach a student of 30 units?

    Test errors of the same student above or below those that it makes with labels, in per cent: taught by teachers of
    growing width, by assistants that the largest teacher taught, and by the largest as it was after its first epochs.
    """
    arms = {**PATHS, **early(reference)}
    groups = {"from": SOFT, "via_": SOFT_SHIFTED, "earl": CONTROL, "hard": HARD}
    tables = paired(reference), None if mine is None else paired(mine)
    fig, axes = plt.subplots(figsize=(12, 4.4))
    reached = arms if mine is None else {arm: label for arm, label in arms.items() if arm in set(mine.arm)}
    compare_arms(axes, arms, "excess", tables[0], None, {arm: groups[arm[:4]] for arm in arms})
    for arm in reached if mine is not None else ():
        label = "yours (quick: few images)" if arm == "hard" else None
        yours(axes, list(arms).index(arm), rows_of(tables[1], {"arm": arm}).excess, label)
    axes.axhline(0, color=HARD, lw=1)
    axes.set_yscale("symlog", linthresh=20, linscale=2)
    axes.set_yticks((-20, -10, 0, 10, 20, 50, 100, 200), ("-20", "-10", "0", "10", "20", "50", "100", "200"))
    axes.set(title="Test errors of one student by who taught it", ylabel="% more or less than with labels")
    axes.tick_params(axis="x", labelsize=8)
    if mine is not None:
        axes.legend(fontsize=8)
    return fig


@figure("capacity_gap_softness", chapter="09")
def softness(reference, mine=None) -> Figure:
    """TAKD, section 3: do the targets of larger teachers get more spread, as the summary says, or sharper?

    Left, mean entropy of the targets on training images at two temperatures over the width of the teacher. Right, test
    errors of teachers and of their students over the same widths. Teachers get better and surer as they grow.
    """
    teachers = [None if t is None else t[t.arm.str.startswith("teacher_")] for t in (reference, mine)]
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    for column, colour, label in (("entropy_1", TEACHER, "T = 1"), ("entropy_4", SOFT, "T = 4")):
        look = {"label": label, "own_label": "yours (quick)" if column == "entropy_1" else None}
        compare_curves(left, {}, *teachers, "told_by", column, colour, **look)
    compare_curves(right, {}, teachers[0], None, "told_by", "test_errors", TEACHER, label="the teachers")
    for temperature, colour in ((1.0, CONTROL), (4.0, SOFT)):
        arms = [f"from_{w}" + ("_t1" if temperature == 1 else "") for w in WIDTHS]
        rows = reference[reference.arm.isin(arms)]
        look = {"label": f"student of 30 units, T = {temperature:g}"}
        compare_curves(right, {"temperature": temperature}, rows, None, "told_by", "test_errors", colour, **look)
    right.axhline(rows_of(reference, {"arm": "hard"}).test_errors.mean(), color=HARD, lw=1.2, label="student of labels")
    for axes in (left, right):
        log_axis(axes, WIDTHS, "units a layer of the teacher (log scale)")
        axes.legend(fontsize=8)
    left.set(title="Softness of the targets", ylabel="mean entropy, bits", ylim=(0, None))
    right.set(title="Test errors of 10,000", ylabel="wrong answers")
    return fig
