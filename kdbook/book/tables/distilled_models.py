"""How large are published distilled models beside their teachers, and how good? Nothing is trained: published numbers.

The summary's chart of sizes and scores has a title and no data. This table has a row for each published student and
benchmark, with its source and with how that was read; what is compared here is computed from it.
"""

import io
from html import escape

import numpy as np
import pandas as pd

from kdbook.data.files import verified_bytes
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.show import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER, YOURS, figure, level, plain

VERSION, DATA = 1, "published"
SEEDS = {"full": (1, 0), "quick": (1, 0)}
FILE = "published/distilled_models.csv"
COLUMNS = columns(
    "arm seed",
    arm="always `published`",
    seed="always 0",
    model="the student",
    year="of publication",
    teacher="who taught it",
    teacher_params_b="parameters of the teacher in 10^9; empty where they are not public",
    student_params_b="parameters of the student in 10^9",
    benchmark="what was measured",
    teacher_score="the teacher's score as published",
    student_score="the student's",
    student_baseline_score="a student of the same size without this teacher; `method` says which",
    method="how it was distilled, in words",
    family="what the student learned from",
    source="where the numbers stand",
    checked="how they were read",
    link="address of the source, where one was kept",
    read="whether the source itself was read: its full text, or its authors' own page",
    lower_is_better="perplexities and error rates",
    size_ratio="the teacher's parameters / the student's",
    score_ratio="the student's score in % of the teacher's; the other way round where lower is better",
    gain="score above the baseline, in the benchmark's own unit, positive where better",
    gap_closed="share of the way from the baseline to the teacher, %",
)
READ = ("full text read", "authors' repository or page read")
# What the student learned from -> how the names of its models begin.
FAMILIES = {
    "soft targets and layers": (
        "DistilBERT", "DistilRoBERTa", "DistilGPT2", "DistilmBERT", "TinyBERT", "BERT4-PKD", "BERT6-PKD", "MobileBERT",
        "MiniLM", "Multilingual MiniLM", "Distil-Whisper",
    ),
    "soft targets": ("Hinton", "PD6", "Gemma 2"),
    "pruning and soft targets": ("Minitron", "Llama 3.2"),
    "the teacher's texts": (
        "Kim & Rush", "Distilling step-by-step", "Alpaca", "Vicuna", "Orca", "phi-1", "DeepSeek-R1-Distill",
    ),
    "the student's own texts": ("GKD", "MiniLLM", "Qwen3"),
}  # fmt: skip


def arms(profile: str) -> dict[str, Arm]:
    """One: the table itself."""
    return {"published": Arm("published", "plain", seeds=1)}


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """The published rows with what is computed from them; None for what was not published."""
    rows = published().astype(object)
    return [{"rows": rows.where(rows.notna(), None).to_dict("records")}]


def family(model: str) -> str:
    """What a model learned from.

    Raises
    ------
    ValueError
        For a model that belongs to none, or to several.
    """
    found = [name for name, models in FAMILIES.items() if model.startswith(models)]
    if len(found) != 1:
        raise ValueError(f"model {model!r} must belong to one family, found {found}: name it in FAMILIES")
    return found[0]


def published() -> pd.DataFrame:
    """The table as it is shipped, with ratios and gains."""
    table = pd.read_csv(io.BytesIO(verified_bytes(FILE)))
    lower = table.benchmark.str.contains("lower is better")
    sign = np.where(lower, -1, 1)
    ratio = table.student_score / table.teacher_score
    gain = sign * (table.student_score - table.student_baseline_score)
    return table.assign(
        family=table.model.map(family),
        read=table.checked.isin(READ),
        lower_is_better=lower,
        size_ratio=table.teacher_params_b / table.student_params_b,
        score_ratio=100 * ratio.where(~lower, 1 / ratio),
        gain=gain,
        gap_closed=100 * gain / (sign * (table.teacher_score - table.student_baseline_score)),
    )


COLOURS = dict(zip(FAMILIES, (SOFT, SOFT_SHIFTED, CONTROL, HARD, YOURS), strict=True))
RATIOS = (1, 2, 3, 5, 10, 20, 50, 100, 400)
PANELS = (
    "GLUE test average (9 columns, no WNLI)",
    "MMLU 5-shot",
    "DollyEval GPT-4 feedback score",
    "AIME 2024 pass@1",
    "MATH-500 pass@1",
)
WIDTH, HEIGHT = 640, 280  # of a chart to choose, pixels


@figure("distilled_models", chapter="09", size=(12, 4.6), grid=(1, 2), legend=None)
def ratios(left, right, both):
    """The chart that the summary announces without data: published numbers only.

    Left, the student's score in per cent of the teacher's over how many times smaller it is, coloured by what the
    student learned from; hollow where the source was not read in full. Right, the share of the way from an undistilled
    student to the teacher. Scores fall with the ratio of sizes, and no wall is to be seen.
    """
    for axes, column in ((left, "score_ratio"), (right, "gap_closed")):
        shown = both.reference[both.reference[column].notna() & both.reference.size_ratio.notna()]
        for name, colour in COLOURS.items():
            for read, face in ((True, colour), (False, "none")):
                rows = shown[(shown.family == name) & (shown.read == read)]
                look = {"s": 34, "facecolors": face, "edgecolors": colour, "linewidths": 1.4, "zorder": 3}
                axes.scatter(rows.size_ratio, rows[column], **look)
            axes.scatter([], [], s=34, color=colour, label=name)
        level(axes, 100, TEACHER, lw=1.2)
        plain(axes.xaxis, RATIOS, "log")
        axes.set_xlabel("teacher's parameters / student's parameters (log scale)")
    left.set(title="Score of the distilled student", ylabel="% of the teacher's score")
    right.set(title="Where a baseline was published", ylabel="% of the gap to the teacher closed", ylim=(0, 105))
    left.legend(loc="lower left", title="learned from (hollow: not read in full)", title_fontsize=9)


@figure("distilled_models_by_benchmark", chapter="09", size=(15, 3.8), grid=(1, len(PANELS)))
def benchmarks(panels, both):
    """Absolute scores: each student joined to its teacher by a line.

    One panel a benchmark with several students: score over parameters. Squares are teachers, dots students, crosses
    students of that size which did not have this teacher. Students of a fraction of their teacher's size lie below it,
    and above the crosses.
    """
    for axes, name in zip(panels, PANELS, strict=True):
        for row in both.reference[both.reference.benchmark == name].itertuples():
            colour = COLOURS[row.family]
            if np.isfinite(row.teacher_score) and np.isfinite(row.teacher_params_b):
                ends = [row.student_params_b, row.teacher_params_b], [row.student_score, row.teacher_score]
                axes.plot(*ends, color=colour, lw=0.8, alpha=0.6)
                axes.scatter(*(end[1:] for end in ends), marker="s", s=30, color=TEACHER, zorder=3)
            face = colour if row.read else "none"
            axes.scatter(row.student_params_b, row.student_score, s=30, facecolors=face, edgecolors=colour, zorder=4)
            if np.isfinite(row.student_baseline_score):
                axes.scatter(row.student_params_b, row.student_baseline_score, marker="x", s=30, color="black")
        plain(axes.xaxis, [10.0**e * t for e in range(-3, 4) for t in (1, 3)], "log")
        axes.set(title=name.replace(" (", "\n("), xlabel="parameters, billions")
    for mark, colour, label in (
        ("s", TEACHER, "teacher"),
        ("o", SOFT, "student"),
        ("x", "black", "without this teacher"),
    ):
        panels[0].scatter([], [], marker=mark, color=colour, label=label)
    panels[0].set_ylabel("score")


def pages(table) -> dict[str, str]:
    """HTML to choose from: for every benchmark in results of distilled_models a chart, and the same as a list."""
    order = table.benchmark.value_counts().index
    return {name: chart(rows) + readout(rows) for name, rows in ((n, table[table.benchmark == n]) for n in order)}


def chart(rows) -> str:
    """Scores over parameters, teacher and student joined, as inline SVG; marks tell a resting pointer their source."""
    sizes = np.log10(rows[["student_params_b", "teacher_params_b"]])
    scores = rows[["student_score", "teacher_score", "student_baseline_score"]]
    room = 0.08 * (scores.max(axis=None) - scores.min(axis=None) or 1)
    across = sizes.min(axis=None) - 0.1, sizes.max(axis=None) + 0.1
    up = scores.min(axis=None) - room, scores.max(axis=None) + room

    def place(x, y):
        x, y = np.interp(np.log10(x), across, (60, WIDTH - 20)), np.interp(y, up, (HEIGHT - 45, 15))
        return f"{x:.1f}", f"{y:.1f}"

    marks = [_axes(place, across, up), *(_marks(row, place) for row in rows.itertuples())]
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" style="max-width:{WIDTH}px" role="img">{"".join(marks)}</svg>'


def _axes(place, across: tuple[float, float], up: tuple[float, float]) -> str:
    parts = []
    for tick in (t * 10.0**e for e in range(-3, 4) for t in (1, 2, 5)):
        if across[0] <= np.log10(tick) <= across[1]:
            x, y = place(tick, up[0])
            parts.append(f'<text x="{x}" y="{float(y) + 16}" text-anchor="middle" font-size="11">{tick:g}</text>')
    for tick in np.linspace(*up, 5):
        x, y = place(10 ** across[0], tick)
        parts.append(f'<line x1="{x}" x2="{WIDTH - 20}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="52" y="{float(y) + 4}" text-anchor="end" font-size="11">{tick:.3g}</text>')
    below = f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle" font-size="12">'
    return (
        "".join(parts) + f'{below}parameters, billions (log scale)</text><text x="4" y="11" font-size="12">score</text>'
    )


def _marks(row, place) -> str:
    x, y = place(row.student_params_b, row.student_score)
    colour, marks = COLOURS[row.family], []
    if np.isfinite(row.teacher_score) and np.isfinite(row.teacher_params_b):
        u, v = place(row.teacher_params_b, row.teacher_score)
        marks.append(f'<line x1="{x}" y1="{y}" x2="{u}" y2="{v}" stroke="{colour}" opacity="0.6"/>')
        told = escape(f"teacher {row.teacher}: {row.teacher_score:g}")
        box = f'x="{float(u) - 4:.1f}" y="{float(v) - 4:.1f}" width="8" height="8"'
        marks.append(f'<rect {box} fill="{TEACHER}"><title>{told}</title></rect>')
    if np.isfinite(row.student_baseline_score):
        u, v = place(row.student_params_b, row.student_baseline_score)
        told = f"without this teacher: {row.student_baseline_score:g}"
        look = f'x="{u}" y="{float(v) + 4}" text-anchor="middle" font-size="14"'
        marks.append(f"<text {look}>×<title>{told}</title></text>")
    told = escape(f"{row.model}, {row.benchmark}: {row.student_score:g}. {row.source} ({row.checked})")
    look = f'r="5" fill="{colour if row.read else "white"}" stroke="{colour}" stroke-width="2"'
    return "".join(marks) + f'<circle cx="{x}" cy="{y}" {look}><title>{told}</title></circle>'


def readout(rows) -> str:
    """The chart's rows in words, each with its source; a star where that was not read in full."""
    lines = []
    for row in rows.itertuples():
        source, star = escape(row.source), "" if row.read else " *"
        if isinstance(row.link, str):
            source = f'<a href="{escape(row.link)}">{source}</a>'
        teacher = f"{row.teacher_score:g}" if np.isfinite(row.teacher_score) else "not given"
        base = f", without it {row.student_baseline_score:g}" if np.isfinite(row.student_baseline_score) else ""
        told = f"{row.model} {row.student_score:g}{base}; {row.teacher}: {teacher}; {row.benchmark}; {row.method}"
        lines.append(f"<li>{escape(told)}. {source}{star}</li>")
    told = "* not read in full: an excerpt, or partly from memory"
    return f'<ul style="font-size:90%;line-height:1.3">{"".join(lines)}</ul><p>{told}</p>'
