"""Figures of speech_ensemble: who hears what, frame by frame; what the student keeps; which temperature."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdbook.book.speech_ensemble import PUBLISHED, PUBLISHED_BEST, TEMPERATURES
from kdbook.data.speech import PHONEMES, SILENCE
from kdbook.show.drawing import compare_arms, curve, published, temperature_axis
from kdbook.show.figures import figure
from kdbook.show.style import HARD, SOFT, TEACHER, YOURS

STUDENT = "T=2"
ARMS = {"baseline": "one net", "ensemble": "ten nets,\naveraged", STUDENT: "one net,\ndistilled"}
COLOURS = {"baseline": HARD, "ensemble": TEACHER, STUDENT: SOFT}
MEASURES = {"frame_accuracy": "frames right, %", "word_error_rate": "word errors, %"}
HEARD = {"net:0": "one net", "ensemble": "the ensemble", STUDENT: "the distilled net"}


def kept(table, column: str, arm: str = STUDENT):
    """Share of the ensemble's gain over one net that a student keeps, % by seed."""
    by = table.pivot_table(index="seed", columns="arm", values=column)
    return 100 * (by[arm] - by["baseline"]) / (by["ensemble"] - by["baseline"])


def published_share(measure: int) -> float:
    """The same in Table 1, of frame accuracy (0) or word error rate (1), %."""
    alone, ten, distilled = (PUBLISHED[name][measure] for name in ("baseline", "ensemble", "distilled"))
    return 100 * (distilled - alone) / (ten - alone)


@figure("speech_ensemble", chapter="07")
def table1(reference, mine=None) -> Figure:
    """Hinton et al. 2015, Table 1, on synthetic digits.

    Frame accuracy and word error rate of one net, of the average of ten, and of one distilled net of the same size.
    Black crosses are the published values as shares of the gap between one net and ten: the levels belong to another
    task. The distilled net lies between the two in frame accuracy.
    """
    fig, panels = plt.subplots(1, 2, figsize=(10, 4.2))
    for number, (axes, column) in enumerate(zip(panels, MEASURES, strict=True)):
        compare_arms(axes, ARMS, column, reference, mine, COLOURS)
        means = reference.groupby("arm")[column].mean()
        one, ten = means["baseline"], means["ensemble"]
        crosses = [one, ten, one + (ten - one) * published_share(number) / 100]
        published(axes, range(3), crosses, "published, as a share of the gap")
        axes.set(ylabel=MEASURES[column])
    panels[0].set(title="Frames of new timbres")
    panels[1].set(title="Words of new timbres")
    panels[0].legend(fontsize=8)
    return fig


@figure("speech_temperatures", chapter="07")
def temperatures(reference, mine=None) -> Figure:
    """Hinton et al. 2015, section 4.1: the best of four temperatures was 2.

    Share of the ensemble's gain in frame accuracy that a distilled net keeps, at four temperatures with half the weight
    on the labels. The published share is drawn at its temperature; high temperatures keep less.
    """
    fig, axes = plt.subplots(figsize=(7, 4.2))

    def shares(table):
        rows = [(t, share) for t in TEMPERATURES for share in kept(table, "frame_accuracy", f"T={t:g}")]
        return table.iloc[: len(rows)].assign(t=[t for t, _ in rows], share=[share for _, share in rows])

    curve(axes, shares(reference), "t", "share", SOFT, label="reference")
    if mine is not None:
        curve(axes, shares(mine), "t", "share", YOURS, "o--", "yours (quick: less speech)", interval=False)
    published(axes, PUBLISHED_BEST, published_share(0), "published")
    axes.axhline(0, color=HARD, lw=1)
    axes.axhline(100, color=TEACHER, lw=1)
    temperature_axis(axes, TEMPERATURES)
    axes.set(title="What is kept of the ensemble's gain (0: one net, 100: the ensemble)", ylabel="% of the gain")
    axes.legend(fontsize=8)
    return fig


@figure("speech_frames", chapter="07")
def frames(reference, mine=None) -> Figure:
    """One utterance, and who hears what in it.

    From above: log-mel energies of a synthetic test utterance with noise; the phoneme that sounds; and the probability
    of each of its phonemes by one net, by the ensemble and by the distilled net. All three waver at the borders between
    phonemes, the ensemble and its student more gradually.
    """
    rows, names = sounding(reference)
    fig, panels = plt.subplots(4, 1, figsize=(10, 9), sharex=True, height_ratios=[1.2, 1, 1, 1])
    panels[0].imshow(reference.array("ensemble", "mel").T, aspect="auto", origin="lower", cmap="magma")
    panels[0].set(title="log-mel energies", ylabel="filter")
    for axes, (arm, label) in zip(panels[1:], HEARD.items(), strict=True):
        axes.imshow(reference.array(arm, "phonemes").T[rows], aspect="auto", cmap="Blues", vmin=0, vmax=1)
        axes.set_yticks(range(len(names)), names, fontsize=7)
        axes.set(title=f"what {label} hears (line: what is said)", ylabel="phoneme")
        axes.step(range(len(truth(reference))), truth(reference), where="mid", color=TEACHER, lw=1)
    for axes in panels:
        axes.grid(visible=False)
    panels[-1].set_xlabel("frame (10 ms)")
    return fig


def phonemes(reference) -> np.ndarray:
    """Phoneme of each frame of the stored utterance, silence last."""
    return reference.array("ensemble", "states").astype(int) // 3


def sounding(reference) -> tuple[np.ndarray, list[str]]:
    """Phonemes that are said in the stored utterance, in order of their first frame, and their names."""
    said = phonemes(reference)
    numbers = np.array(sorted(set(said.tolist()), key=said.tolist().index))
    return numbers, [PHONEMES[n] if n < SILENCE // 3 else "silence" for n in numbers]


def truth(reference) -> np.ndarray:
    """Row of `sounding` of each frame."""
    return (phonemes(reference)[:, None] == sounding(reference)[0]).argmax(1)


def one_frame(reference, at: int) -> Figure:
    """A moment of the stored utterance: where it is, and what the three answer."""
    rows, names = sounding(reference)
    fig, (above, below) = plt.subplots(2, 1, figsize=(8, 4.6), height_ratios=[1, 1.6])
    above.imshow(reference.array("ensemble", "mel").T, aspect="auto", origin="lower", cmap="magma")
    above.axvline(at, color="white", lw=1.5)
    above.set(title=f"frame {at}: {names[truth(reference)[at]]}", yticks=[])
    bars(below, reference, at, rows, names)
    above.grid(visible=False)
    return fig


def bars(axes: Axes, reference, at: int, rows: np.ndarray, names: list[str]) -> None:
    """Probability of each phoneme by the three, side by side."""
    for number, ((arm, label), colour) in enumerate(zip(HEARD.items(), (HARD, TEACHER, SOFT), strict=True)):
        heights = reference.array(arm, "phonemes")[at, rows]
        axes.bar(np.arange(len(rows)) + 0.27 * (number - 1), heights, 0.25, color=colour, label=label)
    axes.set_xticks(range(len(names)), names)
    axes.set(ylim=(0, 1), ylabel="probability")
    axes.grid(axis="x", visible=False)
    axes.legend(fontsize=8)


def frame_alt(reference, at: int) -> str:
    """What `one_frame` shows, in words."""
    _, names = sounding(reference)
    said = phonemes(reference)[at]
    heard = ", ".join(f"{label} {reference.array(arm, 'phonemes')[at, said]:.2f}" for arm, label in HEARD.items())
    return f"Frame {at}, in which {names[truth(reference)[at]]} sounds: its probability is by {heard}."
