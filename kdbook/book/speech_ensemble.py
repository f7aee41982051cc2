"""Ten acoustic models, their average, and one net distilled from it: Hinton et al. 2015, sections 3 and 4, Table 1.

Published: frame accuracy 58.9 / 61.1 / 60.8 % and word error rate 10.9 / 10.7 / 10.7 % of a baseline, an ensemble of
ten and a distilled net of the baseline's size. Here: synthetic spoken digits, nets a thousandth of the size, and
timbres in the test that no net heard in training.
"""

import time

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from kdbook.book.shared.word_loop import WordLoop, word_errors
from kdbook.data.speech import CONTEXT, MEL, PHONEMES, SILENCE, STATES, Frames, Utterances, load_digits
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import matmul_limit, network, percent_right, seeded, stored_network, train
from kdbook.nets.vision import MLP, count_parameters
from kdbook.show import HARD, SOFT, TEACHER, Look, by_arm, curve, figure, level, looks, published, temperatures
from kdbook.training import CachedTeacher, Distillation, EnsembleTeacher, HardLabels, OwnRates, predict
from kdbook.training.cohort import StackedMLP, stack, unstack

VERSION = 1
DATA = "spoken-digits"
SEEDS = {"full": (5, 5), "quick": (1, 1)}  # each is ten nets and four students
COLUMNS = columns(
    "arm seed frame_accuracy word_error_rate best_frame_accuracy best_word_error_rate parameters frames_per_second "
    "matmul_share",
    arm="net:0 to net:9 (hard labels); baseline, their mean; ensemble, their average; T=..., distilled from it",
    seed="seed of ten nets, their ensemble and its students; the speech is the same for all",
    frame_accuracy="frames of the test timbres whose state is right, %",
    word_error_rate="substituted, deleted and inserted words of 100 test words",
    best_frame_accuracy="of the best of the ten nets",
    best_word_error_rate="of the best of the ten nets",
    parameters="trainable parameters that have to be kept to use it",
    frames_per_second="frames that the nets of a cohort are trained on in a second, all together",
)
# Table 1: frame accuracy and word error rate, %; section 4: layers, states of a decision tree, windows of 26 frames
PUBLISHED = {"baseline": (58.9, 10.9), "ensemble": (61.1, 10.7), "distilled": (60.8, 10.7)}
PUBLISHED_SIZES = (CONTEXT * MEL, *[2560] * 8, 14_000)
PUBLISHED_BEST = 2.0  # of the temperatures below, with a weight of 0.5 on the hard labels
RATES = {1.0: 0.1, 2.0: 0.1, 5.0: 0.05, 10.0: 0.025}  # of students, by temperature
NETS = 10
STUDENT = "T=2"
HEARD = {"net:0": "one net", "ensemble": "the ensemble", STUDENT: "the distilled net"}  # by whom, in pictures


def arms(profile: str) -> dict[str, Arm]:
    """Ten nets that share their batches, each with its own first weights; their mean, their ensemble, its students."""
    # Chosen on 100 utterances of validation timbres, with one set of six nets and their ensemble. Noise of 0 to 15 dB
    # leaves a net at 71 %. Of rates of 0.025 to 0.2 a net likes 0.1; students like the largest that does not diverge.
    # Hard labels reach 70.7 % in 4 epochs and 71.4 in 8, a student of T = 2 72.2 in 8: nets and students alike get 6,
    # to keep the time within bounds. Nets of 128 units were 1.5 points better in twice the time. Penalties from 0 to 40
    # were tried.
    settings = {"sizes": [CONTEXT * MEL, 64, 64, 64, STATES], "batch_size": 256, "lr": 0.1, "epochs": 6}
    settings |= {"penalty": 30.0, "utterances": 500, "scored": 200}
    if profile == "quick":
        settings |= {"utterances": 60, "scored": 30}
    nets = {f"net:{m}": Arm("one net", "hard", {**settings, "init": m}, cohort="nets") for m in range(NETS)}
    found = {
        **nets,
        "baseline": Arm("one net", "hard", settings, needs=tuple(nets)),
        "ensemble": Arm("ten nets,\naveraged", "teacher", settings, needs=tuple(nets)),
    }
    for t, rate in RATES.items():
        soft = {**settings, "init": NETS, "temperature": t, "alpha": 0.5, "lr": rate}
        found[f"T={t:g}"] = Arm("one net,\ndistilled", "soft", soft, needs=tuple(nets), cohort="students")
    return found


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Train ten nets, or the students of their ensemble, as one model; or score the nets' mean or average."""
    first = trials[0]
    if first.arm == "baseline":
        return [mean_of_nets(first, tools)]
    if first.arm == "ensemble":
        said = ensemble_log_p(first.needs, scored(first, tools).frames, tools)
        tools.keep(first, pictures=example(first, said, tools))
        return [score(first, said, tools, NETS)]
    frames = digits("train", first.settings["utterances"], tools).frames
    objective = distillation(trials, frames, tools) if first.needs else HardLabels()
    began = time.perf_counter()
    cohort, _ = train(first, frames, objective, tools, model=stack([fresh(t) for t in trials]))
    pace = speed(cohort, first.settings["epochs"] * len(frames), time.perf_counter() - began)
    answers = log_p(cohort, tuple(trials), scored(first, tools).frames, tools)
    for trial, net, said in zip(trials, unstack(cohort), answers, strict=True):
        tools.keep(trial, tensors=net.state_dict(), pictures=example(trial, said, tools))
    return [{**score(t, said, tools), **pace} for t, said in zip(trials, answers, strict=True)]


def fresh(trial: Trial) -> MLP:
    """A net whose weights depend on the trial's seed and its `init` only."""
    with seeded(100 * trial.seed + trial.settings["init"]):
        return network(trial.settings)


def digits(part: str, utterances: int, tools: Tools) -> Utterances:
    """Utterances of a part, read once a process."""
    return tools.remember(("digits", part, utterances), lambda: load_digits(part, utterances, tools.device))


def scored(trial: Trial, tools: Tools) -> Utterances:
    """What a trial is scored on: test timbres, or the part that its setting `scored_on` names."""
    return digits(trial.settings.get("scored_on", "test"), trial.settings["scored"], tools)


def log_p(cohort: StackedMLP, trials: tuple[Trial, ...], frames: Frames, tools: Tools) -> Tensor:
    """log p(state | frame), (S, N, C), of the nets of these trials, computed once a process."""
    key = ("log_p", *(t.id for t in trials), len(frames))
    return tools.remember(key, lambda: predict(cohort, frames).logits.log_softmax(-1))


def ensemble_log_p(ten: tuple[Trial, ...], frames: Frames, tools: Tools) -> Tensor:
    """Logarithm of the ten nets' mean probability (N, C): the paper's ensemble."""
    said = log_p(stack([stored_network(net, tools) for net in ten]), ten, frames, tools)
    members = [CachedTeacher(one[None], frames.index) for one in said]
    return EnsembleTeacher(members).soft_targets(frames.x, frames.index).logits


def distillation(students: list[Trial], frames: Frames, tools: Tools) -> OwnRates:
    """Soft targets of the ensemble at each student's temperature, and hard labels; each student has its own rate."""
    teacher = CachedTeacher(ensemble_log_p(students[0].needs, frames, tools)[None], frames.index)
    temperature = torch.tensor([[t.settings["temperature"]] for t in students])  # (S, 1)
    rates = [t.settings["lr"] for t in students]
    return OwnRates(Distillation(teacher, temperature, students[0].settings["alpha"]), rates)


def score(trial: Trial, said: Tensor, tools: Tools, nets: int = 1) -> dict:
    """Frame accuracy and word error rate from log p (N, C)."""
    wrong, right = recognise(trial, said, tools)
    return {
        "frame_accuracy": percent_right(said, scored(trial, tools).frames.y),
        "word_error_rate": 100 * wrong / len(right),
        "parameters": nets * count_parameters(network(trial.settings)),
    }


def recognise(trial: Trial, said: Tensor, tools: Tools) -> tuple[int, np.ndarray]:
    """Word errors, and which of the test's words are heard right, decoded with the pronunciations of training."""
    spoken = digits("train", trial.settings["utterances"], tools)
    loop = tools.remember(("word loop", len(spoken.words)), lambda: WordLoop(spoken.said, spoken.frames.y))
    test = scored(trial, tools)
    return word_errors(test.words, loop.decode(said, test.lengths, penalty=trial.settings["penalty"]))


def example(trial: Trial, said: Tensor, tools: Tools) -> dict | None:
    """What is heard in the first utterance, by phoneme, and which words of all; None for most trials."""
    if trial.seed or trial.arm not in HEARD:
        return None
    spoken = scored(trial, tools)
    first = slice(spoken.lengths[0])
    thirds, silence = said[first].exp().split([SILENCE, 1], dim=-1)
    phonemes = torch.cat([thirds.unflatten(-1, (-1, 3)).sum(-1), silence], dim=-1)  # (T, 37)
    arrays = {"phonemes": phonemes, "mel": spoken.frames.mel[spoken.frames.x[first]], "states": spoken.frames.y[first]}
    small = {name: values.cpu().numpy().astype(np.float16) for name, values in arrays.items()}
    return {**small, "right": recognise(trial, said, tools)[1]}


def mean_of_nets(trial: Trial, tools: Tools) -> dict:
    """What one net reaches, as the mean of ten; and the best of the ten, chosen on the test itself: an upper bound."""
    cohort = stack([stored_network(net, tools) for net in trial.needs])
    said = log_p(cohort, trial.needs, scored(trial, tools).frames, tools)
    found = pd.DataFrame([score(net, one, tools) for net, one in zip(trial.needs, said, strict=True)])
    best = {"best_frame_accuracy": found.frame_accuracy.max(), "best_word_error_rate": found.word_error_rate.min()}
    return {**found.mean(), **best, "parameters": int(found.parameters[0])}


def speed(cohort: StackedMLP, frames: int, seconds: float) -> dict:
    """Frames a second of all nets of a cohort together, beside the limit that a matrix product sets.

    Forward, and backward to the weights and to the layer before, which the first layer leaves out.
    """
    first, *rest = (w[0].numel() for w in cohort.weights)
    rate = len(cohort) * frames / seconds
    return {"frames_per_second": rate, "matmul_share": 100 * rate * (2 * first + 3 * sum(rest)) / matmul_limit()}


def kept(table, column: str, arm: str = STUDENT):
    """Share of the ensemble's gain over one net that a student keeps, % by seed."""
    by = table.pivot_table(index="seed", columns="arm", values=column)
    return 100 * (by[arm] - by["baseline"]) / (by["ensemble"] - by["baseline"])


def published_share(measure: int) -> float:
    """The same in Table 1, of frame accuracy (0) or word error rate (1), %."""
    alone, ten, distilled = (PUBLISHED[name][measure] for name in ("baseline", "ensemble", "distilled"))
    return 100 * (distilled - alone) / (ten - alone)


@figure("speech_ensemble", chapter="07", size=(10, 4.2), grid=(1, 2))
def table1(frames, words, both):
    """Hinton et al. 2015, Table 1, on synthetic digits.

    Frame accuracy and word error rate of one net, of the average of ten, and of one distilled net of the same size.
    Black crosses are the published values as shares of the gap between one net and ten: the levels belong to another
    task. The distilled net lies between the two in frame accuracy.
    """
    for number, (axes, column) in enumerate(((frames, "frame_accuracy"), (words, "word_error_rate"))):
        by_arm(axes, both, column, looks(arms("full"), ("baseline", "ensemble", STUDENT)))
        means = both.reference.groupby("arm")[column].mean()
        one, ten = means["baseline"], means["ensemble"]
        crosses = [one, ten, one + (ten - one) * published_share(number) / 100]
        published(axes, range(3), crosses, "published, as a share of the gap")
    frames.set(title="Frames of new timbres", ylabel="frames right, %")
    words.set(title="Words of new timbres", ylabel="word errors, %")


@figure("speech_temperatures", chapter="07", size=(7, 4.2))
def by_temperature(axes, both):
    """Hinton et al. 2015, section 4.1: the best of four temperatures was 2.

    Share of the ensemble's gain in frame accuracy that a distilled net keeps, at four temperatures with half the weight
    on the labels. The published share is drawn at its temperature; high temperatures keep less.
    """

    def shares(table):
        found = {t: kept(table, "frame_accuracy", f"T={t:g}") for t in RATES}
        return pd.concat([pd.DataFrame({"t": t, "share": share}) for t, share in found.items()])

    curve(axes, both.map(shares), "t", "share", Look("reference", SOFT), own="yours (quick: less speech)")
    published(axes, PUBLISHED_BEST, published_share(0), "published")
    level(axes, 0, HARD)
    level(axes, 100, TEACHER)
    temperatures(axes, [*RATES])
    axes.set(title="What is kept of the ensemble's gain (0: one net, 100: the ensemble)", ylabel="% of the gain")


@figure(
    "speech_frames", chapter="07", size=(10, 9), grid=(4, 1), legend=None, sharex=True, height_ratios=[1.2, 1, 1, 1]
)
def frames(panels, both):
    """One utterance, and who hears what in it.

    From above: log-mel energies of a synthetic test utterance with noise; the phoneme that sounds; and the probability
    of each of its phonemes by one net, by the ensemble and by the distilled net. All three waver at the borders between
    phonemes, the ensemble and its student more gradually.
    """
    numbers, names, said = sounding(both.reference)
    panels[0].imshow(both.reference.array("ensemble", "mel").T, aspect="auto", origin="lower", cmap="magma")
    panels[0].set(title="log-mel energies", ylabel="filter")
    for axes, (arm, label) in zip(panels[1:], HEARD.items(), strict=True):
        axes.imshow(both.reference.array(arm, "phonemes").T[numbers], aspect="auto", cmap="Blues", vmin=0, vmax=1)
        axes.set_yticks(range(len(names)), names)
        axes.set(title=f"what {label} hears (line: what is said)", ylabel="phoneme")
        axes.step(range(len(said)), said, where="mid", color=TEACHER, lw=1)
    for axes in panels:
        axes.grid(visible=False)
    panels[-1].set_xlabel("frame (10 ms)")


def sounding(reference) -> tuple[list[int], list[str], np.ndarray]:
    """Phonemes of the stored utterance as they appear: their numbers, their names, and which of them each frame is."""
    by_frame = reference.array("ensemble", "states").astype(int) // 3  # silence last
    numbers = [*dict.fromkeys(by_frame.tolist())]
    return numbers, [[*PHONEMES, "silence"][n] for n in numbers], (by_frame[:, None] == numbers).argmax(1)


def one_frame(reference, at: int) -> Figure:
    """A moment of the stored utterance: where it is, and the probability of each phoneme by the three, side by side."""
    numbers, names, said = sounding(reference)
    fig, (above, below) = plt.subplots(2, 1, figsize=(8, 4.6), height_ratios=[1, 1.6])
    above.imshow(reference.array("ensemble", "mel").T, aspect="auto", origin="lower", cmap="magma")
    above.axvline(at, color="white", lw=1.5)
    above.set(title=f"frame {at}: {names[said[at]]}", yticks=[])
    above.grid(visible=False)
    heard = pd.DataFrame({label: reference.array(arm, "phonemes")[at, numbers] for arm, label in HEARD.items()}, names)
    colours = [look.colour for look in looks(arms("full"), HEARD).values()]
    heard.plot.bar(ax=below, color=colours, width=0.8, rot=0, ylim=(0, 1), ylabel="probability")
    below.grid(axis="x", visible=False)
    return fig


def frame_alt(reference, at: int) -> str:
    """What `one_frame` shows, in words."""
    numbers, names, said = sounding(reference)
    p = {label: reference.array(arm, "phonemes")[at, numbers[said[at]]] for arm, label in HEARD.items()}
    heard = ", ".join(f"{label} {share:.2f}" for label, share in p.items())
    return f"Frame {at}, in which {names[said[at]]} sounds: its probability is by {heard}."
