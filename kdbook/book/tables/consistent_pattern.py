"""Is the pattern consistent: do distilled students beat students of hard labels, and match teachers of 3 to 10 times?

Every experiment of this book that has a distilled student, one of the same size with hard labels, and a teacher, read
from the committed results: nothing is trained. Per comparison the gain over hard labels, paired by seed and averaged
over the students of one teacher, and the share of the gap to the teacher that it closes. In RepDistiller's benchmark
(Tian et al. 2020) soft targets help in all of its 13 pairs, other forms not always; they close 12 to 85 % of the gap.
"""

import hashlib
import math
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from kdbook.data.files import REFERENCE
from kdbook.lab import Arm, Tools, Trial, columns, t_interval
from kdbook.show import figure, of_seeds, rows_of, style

VERSION, DATA = 2, "published"
SEEDS = {"full": (1, 0), "quick": (1, 0)}
CARDS = ()  # numbers of this book alone; the cards of each are beside its own table
OVER = "over comparisons"  # arm of the rows that sum up a comparison each; their seed is its number
COLUMNS = columns(
    "arm seed",
    arm=f"comparison, or `{OVER}`: one row a comparison, numbered by `seed`",
    seed="draw: seed of the teacher that students name, else of the student; or number of the comparison",
    comparison="which distilled student, of which experiment",
    experiment="where its numbers come from",
    form="soft targets; other forms of knowledge; no trained teacher; distilled against a harder control",
    gain="distilled minus hard labels, % of the hard labels' errors (or of its score), positive where better",
    gap="teacher minus hard labels in the same unit; empty without a teacher",
    closed="share of the gap that is closed, %; empty where the teacher is not reliably better than hard labels",
    size_ratio="the teacher's parameters / the student's, where both were counted",
    helps="1 where the 95 % interval of the gain over draws lies above 0",
    harms="1 where it lies below 0",
    has_gap="1 where the teacher is reliably better than hard labels",
    matches="1 where nine tenths of the gap are closed, or more; empty without a gap",
    seeds="number of draws",
)
SOFT, OTHER, ALONE, CONTROL = "soft targets", "other forms", "without a trained teacher", "a harder control"
NEARLY_ALL = 90.0  # % of the gap


class Comparison(NamedTuple):
    """Rows to compare: arms of one experiment (`where` narrows all), a column, and which way is better.

    `teacher` is an arm, `experiment/arm`, the name of a column of the student's own row, or empty.
    """

    label: str
    experiment: str
    distilled: str
    hard: str
    teacher: str = "teacher"
    form: str = SOFT
    column: str = "test_errors"
    higher: bool = False
    where: Mapping = {}


_knowledge = partial(Comparison, experiment="which_knowledge", hard="hard", form=OTHER)
_modes = partial(Comparison, experiment="who_teaches", hard="hard", teacher="partner_errors")
_words = partial(Comparison, form=OTHER, column="score", higher=True, where={"task": "macro"})
_spoken = partial(Comparison, column="frame_accuracy", higher=True)
_patient = partial(Comparison, experiment="patience", hard="labels", teacher="patience/teacher", where={"times": 16})
_gap = partial(Comparison, experiment="capacity_gap", hard="labels")


def _alpha(width: int) -> Comparison:
    soft, hard = (f"{width}:labelled=1:alpha={alpha}" for alpha in ("0.9", "0"))
    return Comparison(f"MNIST, {width} units", "alpha_sweep", soft, hard, "hinton_mnist/teacher")


def _treated(data: str, label: str) -> Comparison:
    return Comparison(label, "ablations", f"{data}:kd_4", f"{data}:hard", f"{data}:teacher")


def _definitions(label: str, arm: str) -> Comparison:
    table = "specialists_distilled"
    return Comparison(label, table, arm, "hard_accuracy", "teacher_accuracy", SOFT, "accuracy", True)


def _mobile(size: str, teacher: str) -> Comparison:
    return Comparison(f"MobileNet, a {size}, {teacher}", "mobile_vision", f"{size}_{teacher}", f"{size}_hard", teacher)


COMPARISONS = (
    Comparison("MNIST, 800 units", "hinton_mnist", "distilled", "hard"),
    Comparison("MNIST, 800 units, regularised", "hinton_mnist", "distilled", "hard_regularized", form=CONTROL),
    _alpha(30),
    _alpha(300),
    _treated("mnist", "MNIST, same size"),
    _treated("fashion-mnist", "Fashion-MNIST, same size"),
    Comparison("MNIST, 3 % of the labels", "soft_target_regularizer", "soft", "hard", "", SOFT, "test_accuracy", True),
    Comparison("thin and deep", "fitnets", "kd", "hard"),
    Comparison("thin and deep, hints first", "fitnets", "hints", "hard", form=OTHER),
    _knowledge("conv, soft targets", distilled="kd", form=SOFT),
    _knowledge("MLP, soft targets", distilled="mlp_kd", hard="mlp_hard", form=SOFT),
    _knowledge("conv, FitNet", distilled="fitnet"),
    _knowledge("conv, attention", distilled="at"),
    _knowledge("conv, FSP", distilled="fsp"),
    _knowledge("conv, distances", distilled="rkd_d"),
    _knowledge("conv, angles", distilled="rkd_a"),
    _knowledge("conv, similarity", distilled="sp"),
    _knowledge("conv, correlation", distilled="cc"),
    _knowledge("conv, PKT", distilled="pkt"),
    _knowledge("conv, CRD", distilled="crd"),
    _modes("teacher with 25 times the images", distilled="offline_large"),
    _modes("stronger teacher", distilled="offline_stronger"),
    _modes("equal teacher", distilled="offline_equal"),
    _modes("weaker teacher", distilled="offline_weaker"),
    _modes("mutual learning", distilled="dml_equal", teacher="", form=ALONE),
    _modes("born again", distilled="born_again", teacher="", form=ALONE),
    _modes("own last epoch", distilled="ps_kd", teacher="", form=ALONE),
    _definitions("definitions, specialists", "of_specialists"),
    _definitions("definitions, ensemble", "of_ensemble"),
    _words("DistilBERT", "distilbert", "tasks_triple", "tasks_alone", "tasks_teacher"),
    _words("DistilBERT, fine-tuning only", "distilbert", "tasks_alone_kd", "tasks_alone", "tasks_teacher", form=SOFT),
    _words(
        "DistilBERT, layers alone", "distilbert", "tasks_triple", "tasks_masked_only", "tasks_teacher", form=CONTROL
    ),
    _words("TinyBERT", "tinybert", "full", "plain", "teacher"),
    _spoken("spoken digits, ten nets", "speech_ensemble", "T=2", "baseline", "ensemble"),
    _spoken("spoken digits, 3 % of the utterances", "speech_soft_targets", "soft", "hard", "all"),
    *(_mobile(size, teacher) for size in ("quarter", "tenth") for teacher in ("resnet", "efficientnet")),
    _patient("long schedule, same view", distilled="consistent"),
    _patient("long schedule, mixtures", distilled="mixup"),
    Comparison("small world, word by word", "vocabulary_mismatch", "own_kd", "own_labels", column="excess_bits"),
    Comparison("small world, all logits", "api_teacher", "full", "data", "", column="kl", where={"calls": 512}),
    _gap("2,000 images, MLP of 64", distilled="from mlp_64, T = 4", teacher="mlp_64"),
    _gap("2,000 images, MLP of 256", distilled="from mlp_256, T = 8", teacher="mlp_256"),
    _gap("2,000 images, MLP of 800", distilled="from mlp_800, T = 4", teacher="mlp_800"),
    _gap("2,000 images, conv of 32", distilled="from conv_32, T = 2", teacher="conv_32"),
    _gap("2,000 images, assistant", distilled="from assistant_64, T = 2", teacher="conv_32", form=OTHER),
)


def arms(profile: str) -> dict[str, Arm]:
    """One a comparison whose results are committed; its identity holds their checksum."""
    found = {}
    for number, c in enumerate(COMPARISONS):
        paths = [REFERENCE / f"{name}.csv" for name in (c.experiment, c.teacher.rpartition("/")[0]) if name]
        if all(path.exists() for path in paths):
            digest = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]
            settings = {"number": number, "digest": digest, "compared": list(map(str, c))}
            found[c.label] = Arm(c.label, "plain", settings, seeds=1)
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Compare two arms of committed results."""
    (trial,) = trials
    number = trial.settings["number"]
    return [{"rows": compare(COMPARISONS[number], read, number)}]


def read(name: str) -> pd.DataFrame:
    """A committed table, without the arrays and the question that `load` would read as well."""
    return pd.read_csv(REFERENCE / f"{name}.csv")


def compare(c: Comparison, read, number: int = 0) -> list[dict]:
    """A row a draw, and one that sums them up.

    Parameters
    ----------
    c : Comparison
        What is compared.
    read : callable
        Name of an experiment -> its table.
    number : int
        Of the comparison.
    """
    table = rows_of(read(c.experiment), c.where)
    ours = table[table.arm == c.distilled].set_index("seed")
    hard = ours[c.hard] if c.hard in ours else of_seeds(table, c.hard, c.column)
    unit = hard.mean() / 100 * (1 if c.higher else -1)
    hard = hard.loc[ours.index]
    theirs, size_ratio = _teacher(c, table, ours, read)
    by_seed = pd.DataFrame({"gain": (ours[c.column] - hard) / unit, "gap": (theirs - hard) / unit})
    own = ours.index.to_series()
    draws = by_seed.groupby(ours.get("teacher_seed", own).fillna(own).astype(int).rename("seed")).mean()
    sure = interval(draws.gap)[0] > 0
    draws["closed"] = 100 * draws.gain / (draws.gap.mean() if sure else math.nan)
    low, high = interval(draws.gain)
    over = {"arm": OVER, "seed": number, "seeds": len(draws), **draws.mean()}
    over |= {"helps": int(low > 0), "harms": int(high < 0), "has_gap": int(sure)}
    over["matches"] = int(over["closed"] >= NEARLY_ALL) if sure else None
    shared = {"comparison": c.label, "experiment": c.experiment, "form": c.form, "size_ratio": size_ratio}
    rows = [*draws.reset_index().assign(arm=c.label).to_dict("records"), over]
    return [{name: None if pd.isna(value) else value for name, value in {**shared, **row}.items()} for row in rows]


def _teacher(c: Comparison, table: pd.DataFrame, ours: pd.DataFrame, read) -> tuple[pd.Series, float]:
    """The teacher's value for every student, and how many times larger it is; not a number where that is unknown."""
    if not c.teacher:
        return pd.Series(math.nan, ours.index), math.nan
    if c.teacher in ours:
        return ours[c.teacher], math.nan
    other, _, arm = c.teacher.rpartition("/")
    teachers = rows_of(read(other) if other else table, {"arm": arm}).set_index("seed").sort_index()
    in_turn = pd.Series(teachers.index[ours.index % len(teachers)], ours.index)
    told = ours.get("teacher_seed", in_turn).fillna(in_turn)
    counted = "parameters" in teachers and "parameters" in ours
    sizes = [t.parameters.mean(skipna=False) if counted else math.nan for t in (teachers, ours)]
    return told.map(teachers[c.column]), sizes[0] / sizes[1]


def interval(values) -> tuple[float, float]:
    """The 95 % t interval of a mean; of one value alone it has no bounds, and where one is unknown they are as well."""
    if not np.isfinite(values).all():
        return math.nan, math.nan
    return t_interval(values)[1:] if len(values) > 1 else (-math.inf, math.inf)


COLOURS = {SOFT: style.SOFT, OTHER: style.SOFT_SHIFTED, ALONE: style.CONTROL, CONTROL: style.HARD}
LIMITS = (-40, 115)  # % of the gap; what lies outside is drawn at the edge, with its number


@figure("consistent_pattern", chapter="09", size=(12, 12), grid=(1, 2), sharey=True, legend=None)
def pattern(left, right, both):
    """Is the pattern consistent? Every experiment of the book that has a distilled student and one of hard labels.

    Left, the gain over hard labels in per cent, with intervals over draws; right, the share of the gap to the teacher
    that is closed, where there is one. Colours tell forms apart. Some comparisons with soft targets show a gain, others
    none or harm; hardly any comes near the whole gap.
    """
    table = both.reference
    over = table[table.arm == OVER].sort_values("gain")
    names = [name for form in reversed(COLOURS) for name in over[over.form == form].comparison]
    for at, name in enumerate(names):
        rows = table[(table.comparison == name) & (table.arm != OVER)]
        colour = COLOURS[rows.form.iloc[0]]
        for axes, column, limits in ((left, "gain", (-np.inf, np.inf)), (right, "closed", LIMITS)):
            if rows[column].notna().all():
                mean, low, high = t_interval(rows[column])
                inside = limits[0] < mean < limits[1]
                axes.plot(np.clip([low, high], *limits), [at, at], color=colour, lw=1.6)
                axes.plot(np.clip(mean, *limits), at, "o" if inside else "<", color=colour, ms=5)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(-0.7, len(names) - 0.3)
    for form, colour in COLOURS.items():
        left.plot([], [], "o-", color=colour, label=form)
    left.axvline(0, color=style.PLAIN, lw=1)
    right.axvline(0, color=style.PLAIN, lw=1)
    right.axvline(100, color=style.TEACHER, lw=1.2)
    right.axvspan(NEARLY_ALL, LIMITS[1], color=style.TEACHER, alpha=0.08, lw=0)
    left.set(title="Gain over hard labels", xlabel="% of the errors of hard labels (or of its score)")
    right.set(title="Way to the teacher", xlabel="% of the gap that is closed", xlim=LIMITS)
    left.legend(loc="upper left")
