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

# %% [markdown]
# # 07 · Speech and vision: distillation outside the toy set
#
# **After this chapter you can say**
# - what Google's speech experiment of 2015 showed: which numbers, on how many words, and "10 times smaller" than what;
# - how an acoustic model hears: frames, states, windows, and a search that turns states into words;
# - how much of an ensemble's gain one net of the same size keeps, and at which temperature;
# - when soft targets are worth as much as thirty times the labels, and when they are not.
#
# *About two minutes on two cores; the full results on this page took longer, on a busy machine, and say so below.*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from kdbook.lab import describe_run, load, output_folder, run
from kdbook.show import picture_slider, show_figure, show_ledger

describe_run(PROFILE, DEVICE, minutes={"quick": 2, "full": 39})

# %% [markdown]
# # Speech
#
# In 2015 Hinton, Vinyals and Dean took the acoustic model of Android's voice search, a slightly older version of it, trained
# ten of them, and distilled their average into one:
#
# | | frame accuracy | word error rate |
# |---|---|---|
# | one net | 58.9 % | 10.9 % |
# | ten nets, averaged | 61.1 % | 10.7 % |
# | one net, distilled | 60.8 % | 10.7 % |
#
# "A single distilled model matched an ensemble of ten while being 10 times smaller", says the summary. It was one tenth of
# the *ensemble*; of the model that it replaced it had exactly the size. The paper gives enough to count:

# %%
from kdbook.experiments.speech_ensemble import PUBLISHED_SIZES


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
# has heard.
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

# %%
speech = load("speech_ensemble")
my_speech = run("speech_ensemble", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("speech_frames", speech, my_speech)

# %% [markdown]
# Where do they hesitate? Move through the utterance. At the borders of phonemes the answer is divided, and the ensemble is less
# sure of it than one net. That is what its student is told, and what a label never says.

# %%
from kdbook.show.plots.speech_ensemble import frame_alt, one_frame

moments = range(10, len(speech.array("ensemble", "mel")) - 5, 12)
picture_slider(
    "frame", list(moments), lambda at: one_frame(speech, at), alt=lambda at: frame_alt(speech, at), start=3, play=True
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

# %%
show_figure("speech_ensemble", speech, my_speech)

# %% [markdown]
# A quick run has an eighth of the speech and a few hundred steps, too few for a student to gain from soft targets; take its
# order from the full results. The same as a table, by size:

# %%
import pandas as pd

from kdbook.experiments.speech_ensemble import PUBLISHED
from kdbook.show.plots.speech_ensemble import STUDENT

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
# The order is the paper's, and the share is not: our student keeps much less. Two differences may be why; neither is settled
# here. Our ten nets have heard every frame several times and know them half by heart, so that on *these* frames their average says
# little more than the label; the paper's nets saw 700 million frames and were nearly as good on new ones. And students of soft
# targets are slower: on validation timbres they gained more from a longer training than nets with hard labels did, and all
# had the same few passes.
#
# ### Which temperature?
#
# The paper tried 1, 2, 5 and 10, and prints 2 in bold.

# %%
show_figure("speech_temperatures", speech, my_speech)

# %% [markdown]
# ## "Significantly better"?
#
# The summary calls the distilled net's word error rate significantly better than any single model's. The paper compares it with
# *one*, and has no test of significance: 10.9 against 10.7 % on 23,000 words, a difference of about 46 words.
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

# %%
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

# %%
few = load("speech_soft_targets")
my_few = run("speech_soft_targets", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("speech_three_percent", few, my_few)

# %% [markdown]
# The order is the paper's: a large gain, and no need to stop early. A smaller part of the loss comes back than was published. And the
# control says where the gain is from: a teacher of the same utterances brings its student nothing that labels did not.
# Soft targets carry over what a teacher knows from elsewhere; they do not make it.
#
# ## What the speech experiments say
#
# The sentences below are written by code from the full results, so they change when the results do.

# %%
from IPython.display import Markdown

from kdbook.lab import t_interval
from kdbook.show.plots.speech_ensemble import kept


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
Markdown(f"""
- **One net keeps {share:.0f} % [{low:.0f}, {high:.0f}] of the ensemble's gain** in frames at T = 2: the ensemble gains
  {change(speech, "ensemble", "baseline")}, its student {change(speech, STUDENT, "baseline")}. It is ahead of the best of the ten
  nets in {above} of {len(best)} seeds.
- **In words the student gains nothing that we can see**: ensemble against one net {change(speech, "ensemble", "baseline", "word_error_rate")} of word error
  rate, student against one net {change(speech, STUDENT, "baseline", "word_error_rate")}.
- **Three per cent of the speech**: hard labels {mean(few, "hard"):.1f} % of the test frames, soft targets {mean(few, "soft"):.1f} %, all
  data {mean(few, "all"):.1f} %. With a teacher of the same three per cent it is {mean(few, "control"):.1f} %: against hard labels
  {change(few, "control", "hard")}.
- **Stopping early** was worth {(few.frame_accuracy_early - few.frame_accuracy_last)[few.arm == "hard"].mean():.1f} points with hard labels and
  {(few.frame_accuracy_early - few.frame_accuracy_last)[few.arm == "soft"].mean():.1f} with soft targets.
- Ten nets as one model trained at {trained.frames_per_second.mean():,.0f} frames a second, {trained.matmul_share.mean():.0f} % of the rate of a plain
  matrix product in the same process.
""")

# %% [markdown]
# What differs from the paper: the speech is synthetic and its words are digits; nets are a thousandth of the size and learn from
# a quarter of an hour of speech, not 2,000 hours; states are thirds of phonemes, not the leaves of a decision tree; words are found by a loop of digits
# without a language model. With
# three per cent our students learn from soft targets alone, without the labels.

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
from kdbook.teach import check_ensemble, check_share_kept, check_words_needed

check_share_kept(...)

# %% [markdown]
# **2.** Two systems dispute one word in twenty, and one is better by 0.2 points. How many words must a test have for the difference to be
# two standard errors ($z = 2$)?

# %%
check_words_needed(...)

# %% [markdown]
# **3.** A colleague averages an ensemble by `logits.mean(0)`, and wonders why one net that finds a state impossible silences the nine
# others. Write the average that the paper uses, of probabilities; return logits, which a softmax turns into them.


# %%
def my_ensemble(logits):
    return ...  # (S, B, C) -> logits (B, C)


check_ensemble(my_ensemble)
