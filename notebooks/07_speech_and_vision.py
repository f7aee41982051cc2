# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 07 · Speech and vision: distillation outside the toy set
#
# **The answer first.** In speech, one network can keep a part of what an ensemble of ten gains, here much less than was published;
# and with three per cent of the labels soft targets are worth a great deal, as long as the teacher has heard what its student has
# not. In vision, small students come close to their teachers; what the teachers add cannot be told from nothing. What they save in
# multiply-adds they hardly save in time, for one picture at a time. What pays is patience.
#
# The chapter has two parts, and neither needs the other: speech, and vision.
#
# **After this chapter you can say**
# - what Google's speech experiment of 2015 showed: which numbers, on how many words, and "10 times smaller" than what;
# - how an acoustic model hears: frames, states, windows, and a search that turns states into words;
# - how much of an ensemble's gain one net of the same size keeps, and at which temperature;
# - when soft targets are worth as much as thirty times the labels, and when they are not;
# - what a teacher's answers are worth when a person speaks whom no net has heard;
# - what a MobileNet saves, and on which clock; how near such a student comes to its teacher;
# - what "patient and consistent" means, and what each half of it is worth.
#
# *About two minutes on two cores; the full results on this page took longer, on a busy machine.*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from kdbook.lab import describe_run, load, output_folder, run
from kdbook.show import picture_slider, show_figure, show_ledger

describe_run(PROFILE, DEVICE, minutes={"quick": 2, "full": 121})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Speech
#
# In 2015 [Hinton, Vinyals and Dean](https://arxiv.org/abs/1503.02531) took a slightly older version of the acoustic model of
# Android's voice search, trained ten of them, and distilled their average into one:
#
# | | frame accuracy | word error rate |
# |---|---|---|
# | one network | 58.9 % | 10.9 % |
# | ten networks, averaged | 61.1 % | 10.7 % |
# | one network, distilled | 60.8 % | 10.7 % |
#
# It is often said that a single distilled model matched an ensemble of ten while being ten times smaller. It was one tenth of
# the *ensemble*; of the model that it replaced it had exactly the size. The paper gives enough to count:

# %%
from kdbook.book.speech_ensemble import PUBLISHED_SIZES


def parameters(sizes):
    """Weights and biases of fully connected layers."""
    return sum((a + 1) * b for a, b in zip(sizes[:-1], sizes[1:], strict=True))


print(
    f"{PUBLISHED_SIZES[0]} inputs (26 frames x 40 energies), {len(PUBLISHED_SIZES) - 2} hidden layers of {PUBLISHED_SIZES[1]}"
)
print(f"one net: {parameters(PUBLISHED_SIZES):,} parameters; ten: {10 * parameters(PUBLISHED_SIZES):,}")

# %% [markdown]
# The paper says about 85 million. It was trained on 2,000 hours of spoken English, 700 million frames. No such recordings come
# with this book, so its speech is **synthetic**: a free synthesiser, eSpeak NG, says strings of digits on your own machine, in
# eight English accents and a hundred timbres, fast and slow, loud and soft, in noise. No human voice is in it. That has one
# advantage over recordings: one knows to the sample when which phoneme sounds. The test is said by timbres that no net
# has heard. (Six real voices come later, in a section of their own.)
#
# What follows has the shape of the experiment, not its size. The level of any number here means nothing for real speech; who
# wins, and by what share, can be compared.

# %% [markdown]
# ## What an acoustic model sees
#
# Sound is cut into windows of 25 ms, one every 10 ms: the *frames*. Of each, 40 numbers are kept, the logarithms of its energy
# in 40 bands that grow wider with frequency, as our hearing does. Each phoneme is cut into three *states*: beginning, middle,
# end. The net is to name the state of one frame, and may look at 20 frames before it and 5 after it.

# %%
import matplotlib.pyplot as plt
import numpy as np

from kdbook.data.speech import PHONEMES, RATE, STEP, load_digits, log_mel, speak
from kdbook.show.figures import show_picture
from kdbook.show.style import style

spoken = speak("train", 4)
mel = log_mel(spoken.samples)  # (T, 40)
with style():
    fig, (above, below) = plt.subplots(2, 1, figsize=(10, 4.6), sharex=True)
    above.plot(np.arange(len(spoken.samples)) / RATE, spoken.samples, lw=0.4)
    below.imshow(mel.T, aspect="auto", origin="lower", cmap="magma", extent=(0, len(mel) * STEP / RATE, 0, 40))
    for phone in spoken.phones:
        below.axvline(phone.start / RATE, color="white", lw=0.5)
        below.text((phone.start + phone.end) / 2 / RATE, 36, phone.symbol, color="white", ha="center", fontsize=8)
    above.set(title=f"{' '.join(spoken.words)} ({spoken.voice})", ylabel="sound")
    below.set(xlabel="seconds", ylabel="log-mel filter")
    below.grid(visible=False)
alt = "Above the sound wave of one synthetic utterance, below its log-mel energies with the phonemes written into them."
show_picture(fig, alt=alt)

# %% [markdown]
# A window is 26 times 40 numbers, and neighbours share 25 of 26 frames. So the energies are kept once, and windows are cut
# out when a batch is made.

# %%
heard = load_digits("validation", 4)
x, at = next(iter(heard.frames.batches(heard.frames.order(), None, 256)))
print(
    f"{len(heard.frames):,} frames of {len(heard.words)} utterances; {3 * len(PHONEMES)} states of phonemes, and silence"
)
print("a batch of windows:", tuple(x.shape))

# %% [markdown]
# ## Ten nets and their average
#
# Ten nets differ in nothing but their first weights. Each makes mistakes of its own, and an average of their opinions makes
# fewer. The mean is of *probabilities*, $\bar p = \frac1{10} \sum_m p_m$, not of logits:

# %%
import torch


def ensemble(logits):
    """logits (S, B, C) of S nets -> log of their mean probability (B, C)"""
    return logits.log_softmax(-1).logsumexp(0) - torch.tensor(float(len(logits))).log()


two = torch.tensor([[[4.0, 0.0, 0.0]], [[0.0, 2.0, 0.0]]])  # the first net is surer
print("mean of probabilities:", ensemble(two).exp().numpy().round(2))
print("softmax of mean logits:", two.mean(0).softmax(-1).numpy().round(2))

# %% [markdown]
# The student is one more net of the same size. Its loss is the one of chapter 01, with half its weight on the labels as in the paper:
# $\tfrac12\, T^2\, \mathrm{KL}(\bar p^{(T)} \,\|\, q^{(T)}) + \tfrac12\, \mathrm{CE}(y, q)$. All ten nets are trained as one stacked model, and so
# are the students of one ensemble, one for each temperature.

# %% slideshow={"slide_type": "slide"}
speech = load("speech_ensemble")
my_speech = run("speech_ensemble", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("speech_frames", speech, my_speech)

# %% [markdown]
# Where do they hesitate? Move through the utterance. At the borders of phonemes the answer is divided, and the ensemble is less
# sure of it than one net. That is what its student learns from, and what a label never says.

# %% tags=["hide-input"] slideshow={"slide_type": "slide"}
from kdbook.book.speech_ensemble import frame_alt, one_frame

moments = range(10, len(speech.array("ensemble", "mel")) - 5, 24)
picture_slider(
    "frame", list(moments), lambda at: one_frame(speech, at), alt=lambda at: frame_alt(speech, at), start=2, play=True
)

# %% [markdown]
# ## From frames to words
#
# A word error rate needs words. Each digit is a chain of states, as its phonemes were heard in training; after a word any other
# word may follow, or silence. The most probable path through all this is found by the Viterbi algorithm: at each frame, for each
# state, keep only the best way to get there,
#
# $$ v_t(j) = \log \frac{p(j \mid x_t)}{p(j)} + \max_{i \to j} v_{t-1}(i) . $$
#
# The net's answer is divided by how often each state occurs, since a path needs how well a frame fits a state, not the reverse.
# A word costs a fixed penalty, chosen on validation timbres. Word errors are counted as usual: substituted, deleted
# and inserted words, per 100 words said.


# %%
def viterbi(scores, arrows):
    """scores (T, J); arrows (J, J) of bool, from state i to state j -> the best path's states (T,)"""
    value, came_from = scores[0], []
    for frame in scores[1:]:
        ways = np.where(arrows, value[:, None], -np.inf)  # (from, to)
        came_from.append(ways.argmax(0))
        value = ways.max(0) + frame
    path = [int(value.argmax())]
    for back in reversed(came_from):
        path.append(int(back[path[-1]]))
    return path[::-1]


left_to_right = np.eye(3, dtype=bool) | np.eye(3, k=1, dtype=bool)
blurred = np.log([[0.8, 0.1, 0.1], [0.4, 0.5, 0.1], [0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.1, 0.1, 0.8]])
print("frame by frame:", blurred.argmax(1).tolist(), " best path:", viterbi(blurred, left_to_right))

# %% slideshow={"slide_type": "slide"}
show_figure("speech_ensemble", speech, my_speech)

# %% [markdown]
# A quick run has an eighth of the speech and a few hundred steps, too few for a student to gain from soft targets; take its
# order from the full results. The same as a table, by size:

# %%
import pandas as pd

from kdbook.book.speech_ensemble import PUBLISHED, STUDENT

columns = ["parameters", "frame_accuracy", "word_error_rate"]
table = speech[speech.arm.isin(["baseline", "ensemble", STUDENT])].groupby("arm")[columns].mean()
table = table.loc[["baseline", "ensemble", STUDENT]].rename(index={"baseline": "one net", STUDENT: "distilled"})
table["times one net's size"] = table.parameters / table.parameters["one net"]
published = pd.DataFrame(PUBLISHED, index=["frames right, published", "word errors, published"]).T
table[published.columns] = published.to_numpy()
table.style.format(
    {"parameters": "{:,.0f}", **dict.fromkeys(columns[1:], "{:.2f}"), "times one net's size": "{:.0f}"}, precision=1
)

# %% [markdown]
# In frames the order is the paper's, and the share is not: our student keeps much less. In words the distilled network cannot be told
# from a single one. Two differences may be why; neither is settled here. Our ten nets have heard every frame several times and know
# them half by heart, so that on *these* frames their average says little more than the label; the paper's networks saw 700 million
# frames and were nearly as good on new ones. And students trained on soft targets are slower: on validation timbres they gained more
# from a longer training than networks trained on hard labels did, and all had the same few passes.
#
# ### Which temperature?
#
# The paper tried 1, 2, 5 and 10, and prints 2 in bold.

# %% slideshow={"slide_type": "slide"}
show_figure("speech_temperatures", speech, my_speech)

# %% [markdown]
# ## "Significantly better"?
#
# It is often said that the distilled network's word error rate is significantly better than any single model's. The paper
# compares it with *one*, and has no test of significance: 10.9 against 10.7 % on 23,000 words, a difference of about 46 words.
#
# Is that much? What counts are the words that one of two systems hears right and the other does not, $b$ of one kind and $c$ of the
# other. If the systems were equally good, each disputed word would be a toss of a coin, so that (McNemar 1947)
#
# $$ z = \frac{b - c}{\sqrt{b + c}} , $$
#
# and beyond 1.96 a difference is rarer than one in twenty. The paper does not say how many words were disputed. It decides everything:


# %%
def z_of(difference, words, disputed):
    """z of a difference (share of words) when a share of the words is disputed."""
    return difference * words / np.sqrt(disputed * words)


words, difference = 23_000, 0.002
independent = 0.109 * (1 - 0.107) + 0.107 * (1 - 0.109)  # errors that have nothing to do with each other
for disputed in (0.01, 0.02, 0.05, 0.1, independent):
    print(f"disputed {100 * disputed:4.1f} % of {words:,} words: z = {z_of(difference, words, disputed):.2f}")

# %% [markdown]
# Nets that learned from the same speech share most of their errors. How many words do ours dispute? And how many words would a
# test need? The slider draws what a test of its size would show if it were repeated: many pairs of systems with a true
# difference of 0.2 points and as many disputed words as ours.

# %% tags=["hide-input"] slideshow={"slide_type": "slide"}
right = {arm: speech.array(arm, "right") for arm in ("net:0", STUDENT)}
ours = float((right["net:0"] != right[STUDENT]).mean())
print(f"disputed by our net 0 and its distilled sister: {100 * ours:.1f} % of {len(right[STUDENT]):,} words")
more, fewer = (ours + difference) / 2, (ours - difference) / 2  # right in one only: the better, the worse


def repeated(words):
    """Differences (points) that 20,000 tests of this many words would show."""
    draw = np.random.default_rng(2015).multinomial(words, [more, fewer, 1 - ours], size=20_000)
    return 100 * (draw[:, 0] - draw[:, 1]) / words


def histogram(words):
    shown = repeated(words)
    fig, axes = plt.subplots(figsize=(7, 3.2))
    axes.hist(shown, bins=np.linspace(-1, 1.4, 61), color="#0072B2")
    axes.axvline(0, color="black", lw=1)
    axes.axvline(100 * difference, color="#D55E00", lw=1.5)
    axes.set(title=f"{words:,} words", xlabel="difference shown by the test, points", yticks=[])
    return fig


def told(words):
    wrong = 100 * (repeated(words) <= 0).mean()
    return f"{words:,} words: in {wrong:.1f} % of the tests the better system does not look better."


picture_slider("words in the test", [1_000, 5_000, 23_000, 100_000, 500_000], histogram, alt=told, start=2)

# %% [markdown]
# (Black: no difference; red: the true one.) So the sentence may well be true of these two nets, and the paper does not show
# it. With ten seeds a laptop can do better than one run with a large test; with one run nobody knows how the next one
# would have come out.

# %% [markdown]
# ## Three per cent of the labels
#
# Soft targets carry more than a label, so fewer examples should do. The paper's Table 5: with 3 % of the data, hard labels reach 44.5 %
# and have to be stopped early; soft targets reach 57.0 % without stopping; all data gives 58.9 %.
#
# One thing is easily missed: **the teacher saw all data.** What its soft targets bring to the 3 % it learned from the other 97 %.
# The control is a teacher of the same 3 %. Here 3 % are whole utterances, others for every seed, since a corpus that is partly
# transcribed lacks utterances, not single frames. The teacher is one net, the one of the first column.

# %% slideshow={"slide_type": "slide"}
few = load("speech_soft_targets")
my_few = run("speech_soft_targets", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("speech_three_percent", few, my_few)

# %% [markdown]
# The order is the paper's: a large gain, and no need to stop early. A smaller part of the loss comes back than was published. And the
# control says where the gain is from: a teacher of the same utterances brings its student nothing that labels did not.
# Soft targets carry over what a teacher knows from elsewhere; they do not make it.

# %% [markdown]
# ## Real voices
#
# So far nobody has spoken. For the [Free Spoken Digit Dataset](https://github.com/Jakobovski/free-spoken-digit-dataset) (Zohar
# Jackson and contributors, CC BY-SA 4.0) six people said each digit fifty times. One of them is left out and tested on, each in
# turn, so that six speakers are six draws. A recogniser hears the other five: 2,500 recordings, and for a hundred of them it is
# told the digit. That is four per cent of the labels, nearly the paper's three.
#
# A small net can learn from those hundred labels. Or a larger net answers for it: for the same hundred recordings, as in the paper,
# or for all 2,500, where its student needs no label. That larger net may know all labels, as one that somebody else has trained, or
# only the same hundred.

# %% slideshow={"slide_type": "slide"}
voices = load("real_voices")
my_voices = run("real_voices", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("real_voices", voices, my_voices)

# %% [markdown]
# Look at the left first. A hundred labels alone do badly; shift the same recordings a little in time and pitch, and they do much
# better. Soft targets for those hundred, without shifts, come a little above that, by an interval that holds zero: here a teacher
# cannot be told from a cheap trick. Where the teacher answers for *all* recordings no trick comes near it. Then the student
# understands a stranger nearly as well as if it had been told every digit. The digits that the teacher names serve no worse than
# its soft targets; they are even a little ahead, by an interval that just leaves out zero. A teacher of the same hundred labels
# gives its student what it knows itself, and no more. So it is again what the teacher has heard that counts.
#
# The shifted student came in after the others had been tested, when we saw that the baseline was weak: one of eighteen students of
# plain labels had learned nothing at all. It was tuned as the others were, and `results/METHOD.md` says what changed.

# %% [markdown]
# ## What the speech experiments say
#
# The sentences below are written by code from the full results, so they change when the results do.

# %%
from IPython.display import Markdown

from kdbook.book.real_voices import by_draw
from kdbook.book.speech_ensemble import kept
from kdbook.lab import t_interval


def mean(table, arm, column="frame_accuracy"):
    return table[table.arm == arm][column].mean()


def change(table, arm, than, column="frame_accuracy"):
    """Paired difference over seeds with its interval, as text."""
    by = table.pivot_table(index="seed", columns="arm", values=column)
    middle, low, high = t_interval(by[arm] - by[than])
    return f"{middle:+.2f} points [{low:+.2f}, {high:+.2f}]"


share, low, high = t_interval(kept(speech, "frame_accuracy"))
best = speech[speech.arm == "baseline"].best_frame_accuracy
above = int((speech[speech.arm == STUDENT].frame_accuracy.to_numpy() > best.to_numpy()).sum())
trained = speech[speech.arm == "net:0"]
by_speaker = by_draw(voices)  # a row a speaker
of_labels = voices[voices.arm == "labels"].score
right_of = {arm: f"{mean(by_speaker, arm, 'score'):.0f} %" for arm in by_speaker.arm.unique()}
Markdown(f"""
- **One net keeps {share:.0f} % [{low:.0f}, {high:.0f}] of the ensemble's gain** in frames at T = 2: the ensemble gains
  {change(speech, "ensemble", "baseline")}, its student {change(speech, STUDENT, "baseline")}. It is ahead of the best of the ten
  nets in {above} of {len(best)} seeds.
- **In words** the gain is not passed on: ensemble against one net {change(speech, "ensemble", "baseline", "word_error_rate")} of word error
  rate, student against one net {change(speech, STUDENT, "baseline", "word_error_rate")}.
- **Three per cent of the speech**: hard labels {mean(few, "hard"):.1f} % of the test frames, soft targets {mean(few, "soft"):.1f} %, all
  data {mean(few, "all"):.1f} %. With a teacher of the same three per cent it is {mean(few, "control"):.1f} %: against hard labels
  {change(few, "control", "hard")}.
- **Stopping early** was worth {(few.frame_accuracy_early - few.frame_accuracy_last)[few.arm == "hard"].mean():.1f} points with hard labels and
  {(few.frame_accuracy_early - few.frame_accuracy_last)[few.arm == "soft"].mean():.1f} with soft targets.
- **Real voices**, digits of a speaker never heard: {right_of["labels"]} right with a hundred labels, {right_of["labels_shifted"]} if these are
  shifted, {right_of["soft_few"]} with soft targets for the same recordings, {change(by_speaker, "soft_few", "labels_shifted", "score")} against
  the shifted ones; {right_of["soft"]} with soft targets for all 2,500, {change(by_speaker, "soft", "labels_shifted", "score")};
  {right_of["labels_all"]} with all labels, against these soft targets {change(by_speaker, "labels_all", "soft", "score")}. The larger
  net itself: {right_of["teacher"]}.
- **Softness** was worth {change(by_speaker, "soft", "hard", "score")} against the digits that the teacher names ({right_of["hard"]}).
- **A teacher of the same hundred labels** names {right_of["teacher_own"]}; its answers for all recordings give {right_of["soft_own"]} (soft) or
  {right_of["hard_own"]} (hard): {change(by_speaker, "soft_own", "teacher_own", "score")} against that teacher itself. The teacher of all labels
  takes its student {change(by_speaker, "soft", "teacher_own", "score")} beyond it.
- Of {len(of_labels)} students of a hundred labels {(of_labels < 11).sum()} learned nothing (10 % are chance); the others get
  {of_labels[of_labels > 11].mean():.0f} % right.
- Ten nets as one model trained at {trained.frames_per_second.mean():,.0f} frames a second, {trained.matmul_share.mean():.0f} % of the rate of a plain
  matrix product in the same process.
""")

# %% [markdown]
# What differs from the paper: the speech is synthetic and its words are digits; nets are a thousandth of the size and learn from
# a quarter of an hour of speech, not 2,000 hours; states are thirds of phonemes, not the leaves of a decision tree; words are found by a loop of digits
# without a language model. With
# three per cent our students learn from soft targets alone, without the labels. With real voices a net tells ten digits apart, one
# a recording; a hundred labels are four per cent; the teacher is larger than its student, and nothing is stopped early.

# %% [markdown]
# ## Speech since then
#
# The same idea at work eight years later: Distil-Whisper (Gandhi et al. 2023), the student of a recogniser that goes from sound to
# text in one net. Its decoder keeps 2 of 32 layers, its encoder is copied and frozen, and it learns from soft targets and from the
# teacher's own transcripts of 22,000 hours.

# %%
whisper = pd.DataFrame(
    {
        "parameters, millions": [1550, 756],
        "short form, word errors %": [8.4, 9.7],
        "long form, word errors %": [11.0, 10.8],
    },
    index=["Whisper large-v3", "distil-large-v3"],
)
print(f"smaller by {100 * (1 - 756 / 1550):.0f} %")
whisper.style.format(precision=1)

# %% [markdown]
# About six times as fast, say the authors, half the size, and within a point or so of the teacher on speech of other kinds. These are
# published numbers; nothing of it was run here.

# %% [markdown]
# ## Exercises: speech
#
# **1.** Which share of the ensemble's gain in frame accuracy does the published student keep, in per cent?

# %%
from kdbook.teach.chapter_07 import check_ensemble, check_share_kept, check_words_needed

check_share_kept(...)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_share_kept(100 * (60.8 - 58.9) / (61.1 - 58.9))


# %% [markdown]
# **2.** Two systems dispute one word in twenty, and one is better by 0.2 points. How many words must a test have for the difference to be
# two standard errors ($z = 2$)?

# %%
check_words_needed(...)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_words_needed(2**2 * 0.05 / 0.002**2)  # z^2 d / difference^2: one word in twenty is disputed


# %% [markdown]
# **3.** A colleague averages an ensemble by `logits.mean(0)`, and wonders why one net that finds a state impossible silences the nine
# others. Write the average that the paper uses, of probabilities; return logits, which a softmax turns into them.


# %%
def my_ensemble(logits):
    return ...  # (S, B, C) -> logits (B, C)


check_ensemble(my_ensemble)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_ensemble(lambda logits: logits.log_softmax(-1).logsumexp(0))

# %% [markdown]
# ## Vision: a net that fits into a phone
#
# Another popular saying: *MobileNet students of ResNet or EfficientNet teachers reach near-teacher accuracy at 4 to 10 times
# compression.* It comes without a source. Let us see what such a student is, what was published, and then try it.
#
# What makes a MobileNet small is how it convolves. A 3x3 convolution from $c$ to $d$ channels looks at all channels at every
# tap; a **depthwise** one filters every channel by itself, and a 1x1 convolution mixes them afterwards:
#
# $$ \underbrace{9\, c\, d}_{\text{3x3}} \quad\text{against}\quad \underbrace{9\, c}_{\text{depthwise}} + \underbrace{c\, d}_{\text{1x1}} \qquad \text{multiply-adds for each position} $$
#
# An **inverted residual** widens the channels by a 1x1 convolution, filters them depthwise, and narrows them again. In between,
# **squeeze-and-excite** weighs every channel by a number that two tiny layers compute from the mean of all of them. MobileNetV3
# and EfficientNet are made of such blocks. Here they are torchvision's own, in nets for pictures of 28 pixels; we only choose
# how many, and how wide.

# %%
from kdbook.book import mobile_vision as vision_question
from kdbook.nets import network
from kdbook.nets.vision import count_multiply_adds, count_parameters

chosen = {name: network(net) for name, net in vision_question.NETS["full"].items()}
sizes = pd.DataFrame(
    {
        "parameters": {name: count_parameters(net) for name, net in chosen.items()},
        "multiply-adds": {name: count_multiply_adds(net) for name, net in chosen.items()},
    }
)
for teacher in vision_question.TEACHERS:
    sizes[f"times smaller than {teacher}"] = sizes.parameters[teacher] / sizes.parameters
sizes.style.format("{:,.0f}", subset=["parameters", "multiply-adds"]).format("{:.2f}", subset=sizes.columns[2:])

# %% [markdown]
# One block from inside, with the shape of what comes out of each layer:

# %%
import torch

block = chosen["tenth"].stages[2].block  # 24 channels -> 80 -> 40, at half the resolution
x = torch.rand(1, 24, 7, 7)
for layer in block.eval():
    x = layer(x)
    print(f"{type(layer).__name__:22}{tuple(x.shape)}   {count_parameters(layer):>6,} parameters")

# %% [markdown]
# ### How near do they come?
#
# Teachers and students learn from the same 6,000 pictures of Fashion-MNIST for the same number of epochs, so that they differ
# in nothing but size and the teacher's answers. Teachers: a ResNet and an EfficientNet. Students: MobileNets of a quarter and of a
# tenth of the weights, with labels alone, or with a teacher's soft targets ($T = 4$) as well.

# %% slideshow={"slide_type": "slide"}
mobile = load("mobile_vision")
my_mobile = run("mobile_vision", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("mobile_gap", mobile, my_mobile)

# %% [markdown]
# How to read it: *near-teacher* is the left picture, what distillation contributed the right one. The two are often mixed up.
# A student can be near its teacher because the task is easy for both, and then there is hardly a gap to close; a student far
# below can owe much to its teacher. In the published pairs even a ratio of four costs two points, and ratios beyond ten cost
# six and more; no published MobileNet that we know of reaches its teacher at 4 to 10 times.

# %%
from kdbook.book.mobile_vision import against_teacher
from kdbook.lab import t_interval

rows = []
for size in vision_question.SIZES:
    for taught in vision_question.TEACHERS:
        ratio, below, closed = against_teacher(mobile, size, taught)
        told = ["{:.2f} [{:.2f}, {:.2f}]".format(*t_interval(values)) for values in (below, closed)]
        rows.append([size, taught, f"{ratio:.2f}", *told])
columns = ["student", "teacher", "times smaller", "points below the teacher", "share of the gap closed, %"]
pd.DataFrame(rows, columns=columns).style.hide()

# %% [markdown]
# ### What a small net saves
#
# Weights decide what fits, multiply-adds what it should cost, the clock what it does cost. Every net is timed in turn, round
# after round, so that whatever else the machine does meets all of them.

# %% slideshow={"slide_type": "slide"}
clock = load("mobile_latency")
my_clock = run("mobile_latency", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("mobile_accuracy", mobile, my_mobile)

# %% slideshow={"slide_type": "slide"}
show_figure("mobile_latency", clock, my_clock)

# %% [markdown]
# A depthwise convolution does little with every number that it fetches, and a net of many thin layers spends its time between
# them. How many pictures at once make up for it? Move the slider.

# %% tags=["hide-input"] slideshow={"slide_type": "slide"}
from kdbook.book.mobile_latency import BATCH_SIZES as PICTURES
from kdbook.book.mobile_latency import speed_alt, speed_bars

picture_slider(
    "pictures at once",
    list(PICTURES),
    lambda n: speed_bars(clock, n, my_clock),
    alt=lambda n: speed_alt(clock, n),
)

# %% [markdown]
# ## Patient and consistent
#
# The best known recipe for a vision student is from 2021 ([Beyer et al.](https://arxiv.org/abs/2106.05237)), and has no new
# loss. It reads distillation as **function
# matching**: the student should agree with the teacher *wherever it is asked*, so ask the two about the very same picture,
# invent pictures nobody has labelled, and go on for very long.
#
# What is "the very same picture"? With augmentation the student sees a new view in every epoch. The teacher can look at
#
# | | teacher sees | what it costs |
# |---|---|---|
# | fixed | always the original picture | one answer a picture, stored |
# | independent | another view | a mismatch: two views, one answer |
# | same view | the student's own view | an answer a view, stored (25 shifts here) or live |
# | mixtures | the same mixture of two pictures | a live teacher |
#
# The mixtures come from *mixup*, $\tilde x = \lambda x_i + (1 - \lambda) x_j$ with $\lambda$ uniform in $[0, 1]$. Labels have to be
# mixed as well, and nobody knows whether that is right; a teacher just answers:


# %%
def mix(x, weight, partner):
    """x (B, H, W), weight (B,), partner (B,): the row of each image's partner"""
    weight = weight[:, None, None]
    return weight * x + (1 - weight) * x[partner]


def function_matching(student, teacher, x):
    """The loss of the recipe: no label is in it."""
    x = mix(x, torch.rand(len(x)), torch.randperm(len(x)))
    with torch.no_grad():
        log_p = teacher(x).logits.log_softmax(-1)
    log_q = student(x).logits.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()  # KL(teacher || student), T = 1


# %% [markdown]
# What does a teacher say to half a boot on half a pair of trousers? Move through the weights.

# %% tags=["hide-input"] slideshow={"slide_type": "slide"}
from kdbook.book.patience import WEIGHTS, mixture, mixture_alt

patience = load("patience")
my_patience = run("patience", PROFILE, SEEDS, DEVICE, rerun=RERUN)
picture_slider(
    "position",
    list(range(len(WEIGHTS))),
    lambda at: mixture(patience, at),
    alt=lambda at: mixture_alt(patience, at),
    play=True,
)

# %% [markdown]
# And now the same student, a tenth of its teacher, with 1,500 pictures, under every look, for one, four and sixteen times the
# number of epochs. It is a plain convolutional net: depthwise convolutions train several times slower on a processor, and patience is
# what this experiment is about.

# %% slideshow={"slide_type": "slide"}
show_figure("patience", patience, my_patience)

# %% [markdown]
# In words, written by code from the full results:

# %%
from IPython.display import Markdown

from kdbook.book.mobile_latency import times_as as vision_speed


def fewer_errors(times, arm, than):
    """Paired difference of two arms' test errors at one length, with its interval, as text."""
    errors = patience[patience.times == times].pivot(index="seed", columns="arm", values="test_errors")
    return "{:+.0f} [{:+.0f}, {:+.0f}]".format(*t_interval(errors[arm] - errors[than]))


def longer(arm):
    """Errors of an arm at each length, as text."""
    means = patience[patience.arm == arm].groupby("times").test_errors.mean()
    return ", ".join(f"{value:.0f}" for value in means)


epochs = sorted(patience[patience.arm != "teacher"].epochs.unique())
Markdown(f"""
- **Errors of 10,000 after {", ".join(str(int(e)) for e in epochs)} epochs**: hard labels {longer("labels")}; fixed answers
  {longer("fixed")}; independent views {longer("independent")}; the same view {longer("consistent")}; mixtures {longer("mixup")}.
- **Consistency**, after the longest schedule: the same view against fixed answers {fewer_errors(16, "consistent", "fixed")} errors, against
  independent views {fewer_errors(16, "consistent", "independent")}.
- **Mixtures** against the same view alone: {fewer_errors(1, "mixup", "consistent")} errors after the shortest schedule,
  {fewer_errors(16, "mixup", "consistent")} after the longest.
- **The clock**: the smallest MobileNet has {vision_speed(clock, "tenth", 1, "multiply_adds").mean():.1f} times fewer multiply-adds than the
  ResNet and is {vision_speed(clock, "tenth", 1).mean():.1f} times as fast for one picture, {vision_speed(clock, "tenth", 64).mean():.1f} times for
  64 at once.
""")

# %% [markdown]
# What differs from the papers: everything is small. Nets have a quarter of a million weights and less, pictures 28 pixels and no
# colour. Crops of any size and place became shifts of up to two pixels, ImageNet's 1.3 million pictures a few thousand, and the
# longest schedule has three seeds. What can be compared is who wins and by which share of a gap.

# %% [markdown]
# ### With a network: CIFAR
#
# Nets and questions take colour as well. Where torchvision's copy of CIFAR is there, or was fetched, `load_images` reads it, and
# `kdbook.lab.arms.trials("mobile_vision", data="cifar10")` are the same trials on it; where it is not, the next cell says how to get it.

# %%
from kdbook.data import load_images
from kdbook.data.cifar import MissingCifarError

try:
    print(load_images("cifar10", "test").x.shape)
except MissingCifarError:
    print("CIFAR-10 is not here; with a network, kdbook.data.cifar.cifar_arrays(..., download=True) fetches it")

# %% [markdown]
# ## Exercises on vision
#
# **A.** How many times fewer multiply-adds does a depthwise 3x3 convolution with the 1x1 convolution after it need, compared with
# a full 3x3 convolution, from 64 channels to 128?

# %%
from kdbook.teach.chapter_07 import check_depthwise_saving, check_mixup, check_share_closed

check_depthwise_saving(...)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_depthwise_saving(9 * 64 * 128 / (9 * 64 + 64 * 128))


# %% [markdown]
# **B.** DeiT-tiny reaches 72.2 % alone and 73.4 % distilled; its teacher has 82.9 %. Which share of the gap does distillation close,
# in per cent?

# %%
check_share_closed(...)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_share_closed(100 * (73.4 - 72.2) / (82.9 - 72.2))


# %% [markdown]
# **C.** Write mixup for a batch of images, without looking up.


# %%
def my_mixup(x, weight, partner):
    return ...  # (B, H, W), (B,), (B,) -> (B, H, W)


check_mixup(my_mixup)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_mixup(x, weight, partner):
    weight = weight[:, None, None]
    return weight * x + (1 - weight) * x[partner]


check_mixup(one_mixup)

# %% [markdown]
# ## The claims of this chapter
#
# The verdicts come from the full results; *yours* is provisional.

# %%
show_ledger("07", output_folder(PROFILE))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What surprised us
#
# - In speech the ensemble gains, and one network of a member's size keeps little of that; in words, nothing that we could see. In
#   frames the paper's order of the three holds. Its share does not, and neither do its temperatures: 1 serves as well as 2 here.
# - With three per cent of the labels soft targets are worth a great deal, and need no early stopping. They still recover less than
#   half of what the missing labels cost; and a teacher that knows no more than the same three per cent gives nothing that could be
#   seen. What helps is what the teacher has heard, not the softness.
# - With real voices a teacher that knows more and answers for recordings without labels is worth nearly as much as all labels, and the
#   digits that it names serve no worse than its soft targets.
# - MobileNets come within a point or two of their teachers on this task, and whether they owe it to them cannot be told: against
#   students trained on labels, every interval over our three teachers holds zero. *Near-teacher* and *thanks to the teacher* are two
#   claims.
# - Far fewer multiply-adds save next to no time for a single picture; many at once begin to show them.
# - Patience pays: students improve with every lengthening, whoever teaches them. Consistency pays against independent views; against
#   one stored answer a picture our interval cannot tell, and mixtures cost more than they bring, on shifts of two pixels.
#
# ## What to take away
#
# - **Ask "smaller than what?"** A distilled network is a tenth of an ensemble of ten, and exactly as large as the one network that
#   you would have had anyway.
# - **A teacher pays where it has heard or seen what its student has not.** With few labels that is worth a great deal. Where both
#   have learned from the same data, near the teacher is not yet thanks to the teacher.
# - **Let the student train for long**, and ask the teacher about the very view that the student sees.
#
# Next: [08 · Language models](08_language_models.ipynb), on what made BERT small and fast.
