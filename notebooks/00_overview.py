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
# # 00 · Knowledge distillation: the idea, the book, the ledger
#
# **The answer first.** Knowledge distillation trains a small network, the student, to give the answers of a large one,
# the teacher: not only which class is right, but a probability for every class. Such answers say more than a label
# does, and any image can have one, labelled or not. That can make the student better where the teacher knows something
# that the student's own labels do not say. Beyond that it is no magic, and this book measures how far it goes.
#
# **After this chapter you can say**
# - what problem distillation answers, with numbers measured on your own machine;
# - what a teacher gives that a label does not;
# - which of the famous numbers (40 % smaller, 97 %, 7.5 times, 9.4 times) hold, and compared with what;
# - how this book checks itself: every published claim has a row in a ledger, and code computes its verdict.
#
# *About a minute on two cores once the shared networks are trained (`make book` does that).*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from kdbook.lab import describe_run, load, output_folder, run

describe_run(PROFILE, DEVICE, minutes={"quick": 1, "full": 233})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The problem: good networks are large, and small ones are worse
#
# A large network, or an average of several, makes few mistakes. It is also the last thing that you want to run for
# every picture a phone takes. "Too slow and too large" is a statement about a machine, so let us measure it: the
# teacher of the next chapter (two layers of 1200 units), its student (800), and some smaller networks. All are
# untrained, because speed does not depend on what the weights have learned.

# %% slideshow={"slide_type": "-"}
from kdbook.show import show_figure

latency = load("latency")
my_latency = run("latency", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("latency_ratios", latency, my_latency)

# %% [markdown]
# Size and time are two different things. The famous MNIST student has a little more than half of its teacher's weights.
# A network a hundred times smaller is not a hundred times faster for a single picture, because much of that time is
# overhead. And LeNet-5, with its convolutions, has a small fraction of the teacher's weights and is no faster at all.

# %%
table = latency.groupby(["arm", "batch_size"], sort=False)[
    ["milliseconds", "parameters", "bytes", "multiply_adds"]
].median()
table = table.reset_index().sort_values(["batch_size", "parameters"], ascending=[True, False])
table.style.format(
    {"milliseconds": "{:.3f}", "parameters": "{:,.0f}", "bytes": "{:,.0f}", "multiply_adds": "{:,.0f}"}
).hide()

# %% [markdown] slideshow={"slide_type": "slide"}
# That is half of the problem. The other half: train the small network on the same labels, and it makes more mistakes.
# The next picture is the headline of chapter 01. Look at three columns first: the *teacher*, the student trained on
# *hard labels*, and the student trained on *soft targets*. Black crosses are what [Hinton, Vinyals and Dean published
# in 2015](https://arxiv.org/abs/1503.02531); dots are our runs, one for each seed; hollow diamonds, where there are
# any, are a run on the reader's own machine, with smaller networks and less data.

# %% slideshow={"slide_type": "-"}
hinton = load("hinton_mnist")
my_hinton = run("hinton_mnist", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("hinton_errors", hinton, my_hinton)

# %% [markdown]
# The student trained on soft targets stands far below the one trained on hard labels and close to the teacher. The
# other columns are controls; chapter 01 explains them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The idea: copy the answers, not the weights
#
# A *hard label* says which class is right and nothing else. A trained teacher says more: how sure it is, and which
# wrong answers are less wrong than others. Distillation trains the student on these probabilities, its **soft
# targets**. They are softened by a *temperature* $T$, so that the small ones count as well, and mostly used together
# with the label:
#
# $$ L = \alpha\, T^2\, \mathrm{KL}(p \,\|\, q) + (1-\alpha)\, \mathrm{CE}(y, q_{T=1}), \qquad
#    p = \mathrm{softmax}(t/T),\quad q = \mathrm{softmax}(s/T). $$
#
# Here $t$ and $s$ are the logits of teacher and student, $y$ is the label, and $\alpha$ is the weight of the teacher's
# part. No weights are copied, so the two networks need not look alike. This is the whole arrangement:

# %% slideshow={"slide_type": "-"}
import matplotlib.pyplot as plt

from kdbook.show import show_picture
from kdbook.show.style import HARD, SOFT, TEACHER, style


def box(axes, x, y, text, colour):
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=10,
        bbox={"boxstyle": "round,pad=0.6", "fc": "white", "ec": colour, "lw": 2},
    )


def arrow(axes, start, end, text="", colour="black"):
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.5, "shrinkA": 42, "shrinkB": 42}
    )
    axes.text((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.13, text, ha="center", fontsize=9, color=colour)


with style():
    fig, axes = plt.subplots(figsize=(10, 3.6))
    box(axes, 0, 1, "image", "black")
    box(axes, 2.2, 2, "teacher\n(frozen)", TEACHER)
    box(axes, 2.2, 0, "student\n(learns)", SOFT)
    box(axes, 4.6, 2, "soft targets\nsoftmax(t / T)", TEACHER)
    box(axes, 4.6, 0, "answers\nsoftmax(s / T)", SOFT)
    box(axes, 7, 1, "loss", "black")
    box(axes, 7, -0.9, "hard label", HARD)
    arrow(axes, (0, 1), (2.2, 2))
    arrow(axes, (0, 1), (2.2, 0))
    arrow(axes, (2.2, 2), (4.6, 2), "logits t")
    arrow(axes, (2.2, 0), (4.6, 0), "logits s")
    arrow(axes, (4.9, 1.9), (7, 1), "alpha", TEACHER)
    arrow(axes, (4.9, 0.1), (7, 1), "", SOFT)
    arrow(axes, (7, -0.9), (7, 1), "")
    axes.text(7.15, 0.05, "1 - alpha", fontsize=9, color=HARD)
    axes.annotate("", (2.2, -0.45), (4.6, -0.75), arrowprops={"arrowstyle": "-|>", "ls": "--", "color": SOFT})
    axes.text(3.4, -0.95, "gradient: to the student only", ha="center", fontsize=9, color=SOFT)
    axes.set(xlim=(-0.7, 8.2), ylim=(-1.4, 2.6))
    axes.set_axis_off()
show_picture(
    fig,
    alt="An image goes to a frozen teacher and to a student. The teacher's softened probabilities, weighted alpha, and the "
    "hard label, weighted one minus alpha, meet the student's answers in the loss; the gradient flows to the student only.",
)

# %% [markdown]
# Read it from left to right. The same image goes to both networks. The teacher stays as it is; only the student learns,
# from two targets at once, the teacher's answer and the label.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What is it for?
#
# A teacher's answers cost nothing but computing time; labels cost people's time. So take one small student and show it
# more and more images of clothes. Either every image has its true label, or a teacher says what is on it. The teacher
# on the left has learned from 50,000 labels. Those on the right have learned from 500 or 2,000, the same few labels
# that the student could have had.

# %% slideshow={"slide_type": "-"}
show_figure("worth_of_images", load("few_labels"))

# %% [markdown]
# Whoever says what is on them, more images mean fewer errors, even when the teacher had only the few labels. That the
# answers are soft adds less. Chapter 01 reads the picture step by step.
#
# ## What a teacher says that a label does not
#
# It is tempting to explain this with a made-up teacher: *"C is right, 70 %, but B is plausible, 20 %"*. Nobody measured
# those numbers. Here is a comparison that holds. Think of a multiple-choice exam. The answer key gives one letter for
# each question: that is a hard label. Now hand in your paper to a good teacher, who gives partial credit: full marks
# for C, a few for B, which is an easy slip, and none for D, which is nonsense. One question marked like this tells you
# little more than the letter. But a thousand of them tell you which ideas are close to one another and which questions
# are hard, and no answer key says that. You may even learn about a topic that was never asked, because it keeps turning
# up as the *nearly right* answer. (Chapter 01 does just this, with a digit that the student never sees.)
#
# The comparison holds in its limits as well. Marks do not explain *why* B is close. A teacher who marks wrongly passes
# on the mistake. And where a teacher is very sure, the partial credit is so small that you would not notice it, unless
# somebody magnifies it: that is what the temperature is for.
#
# Here are measured marks, at $T = 1$ and at $T = 4$: for the test image about which our MNIST teacher is least sure,
# for one in the middle, and for one about which it is very sure.

# %%
import numpy as np
from scipy.special import softmax

dark = load("dark_knowledge")
images = np.concatenate(
    [dark.array("teacher", "least_certain_images")[:1], dark.array("teacher", "twos_images")[[1, 5]]]
)
logits = np.concatenate(
    [dark.array("teacher", "least_certain_logits")[:1], dark.array("teacher", "twos_logits")[[1, 5]]]
)


with style():
    fig, rows = plt.subplots(3, 3, figsize=(9, 5), width_ratios=[1, 2.4, 2.4])
    for (left, middle, right), image, z in zip(rows, images, logits, strict=True):
        left.imshow(image, cmap="gray_r")
        left.set_axis_off()
        for axes, temperature in ((middle, 1), (right, 4)):
            axes.bar(range(10), softmax(z / temperature), color=SOFT)
            axes.set(xticks=range(10), ylim=(0, 1))
    rows[0, 1].set_title("T = 1")
    rows[0, 2].set_title("T = 4")
show_picture(
    fig,
    alt="Three handwritten digits, from doubtful to clear, with the teacher's ten probabilities at T = 1 and T = 4.",
)

# %% [markdown]
# A label would be a single bar of height 1 in each of these panels. For the doubtful image the teacher's answer is very
# different from that. For the clear one you can hardly tell them apart at $T = 1$.

# %% [markdown] slideshow={"slide_type": "slide"}
# **Where does the teacher doubt?** Slide through twelve test images: the six about which it is least sure, then the six
# about which it is surest. Before you look at the bars, guess its second choice.

# %% slideshow={"slide_type": "-"}
from kdbook.show import picture_slider

names = ("least_certain", "most_certain")
gallery = np.concatenate([dark.array("teacher", f"{name}_images")[:6] for name in names])
gallery_logits = np.concatenate([dark.array("teacher", f"{name}_logits")[:6] for name in names])


def draw_answer(number):
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.5), width_ratios=[1, 2.6])
    left.imshow(gallery[number - 1], cmap="gray_r")
    left.set_axis_off()
    right.bar(range(10), softmax(gallery_logits[number - 1] / 4), color=SOFT)
    right.set(xticks=range(10), ylim=(0, 1), title="teacher's answer at T = 4")
    return fig


def answer_alt(number):
    p = softmax(gallery_logits[number - 1] / 4)
    first, second = np.argsort(p)[::-1][:2]
    return f"Image {number}: class {first} with probability {p[first]:.2f}, then class {second} with {p[second]:.2f}."


picture_slider("image", range(1, 13), draw_answer, alt=answer_alt)

# %% [markdown]
# The doubtful images share their probability among several classes; the sure ones keep it all in one, even at $T = 4$.
# What Hinton called *dark knowledge* then sits in numbers too small for this axis; chapter 01 puts them on a
# logarithmic one. (The phrase comes from his talks of 2014. [The paper](https://arxiv.org/abs/1503.02531) has the idea,
# illustrated by a BMW that is more easily mistaken for a garbage truck than for a carrot, but not the words.)
#
# ## The headline numbers, and what is right about each
#
# These numbers are quoted wherever distillation is introduced. All come from real papers, and all leave something out:
#
# | quoted | published | what to know |
# |---|---|---|
# | DistilBERT is 40 % smaller | 66 M parameters instead of 110 M: 40.0 % fewer | holds; counted from the configurations it is 39.4 % |
# | it keeps 97 % of BERT | GLUE development average 77.0 of 79.5: 96.9 % | a ratio of averages that include WNLI, where guessing wins; without it 96.2 %, and single tasks range from 86 % to 105 % |
# | it is 60 % faster | 410 s instead of 668 s on one CPU: 1.63 times | that is throughput; the time falls by 39 %, not by 60 % |
# | TinyBERT is 7.5 times smaller and 9.4 times faster | 14.5 M instead of 109 M; one K80 GPU | the speed comes with the shape: a network of that shape is as fast without distillation |
# | the MNIST student closes the gap | 146 errors without, 74 with, 67 for the teacher | the 146 is an unregularised network beside a regularised teacher: chapter 01 adds the missing control |
#
# ([Sanh et al. 2019](https://arxiv.org/abs/1910.01108), tables 1 and 3; [Jiao et al.
# 2020](https://arxiv.org/abs/1909.10351), tables 1 and 2; [Hinton et al. 2015](https://arxiv.org/abs/1503.02531),
# section 3. Chapter 08 rebuilds the language results; what was checked about the papers themselves is in the ledger
# below.)
#
# ## Map of the book
#
# | chapter | question |
# |---|---|
# | [00 overview](00_overview.ipynb) | what is it, and how is it checked? |
# | [01 dark knowledge](01_dark_knowledge.ipynb) | what is in a soft target, and which part of it helps a student? |
# | [02 temperature](02_temperature.ipynb) | how soft should the targets be, and does it depend on the student? |
# | [03 the mathematics](03_math.ipynb) | why $T^2$, and what happens for $T \to \infty$? |
# | [04 types of knowledge](04_knowledge_types.ipynb) | answers, features or relations? |
# | [05 training modes](05_training_modes.ipynb) | a teacher first, a teacher alongside, or no teacher? |
# | [06 specialists](06_specialists.ipynb) | what can one generalist and many specialists do together? |
# | [07 speech and vision](07_speech_and_vision.ipynb) | do the large results hold in small, on real components? |
# | [08 language models](08_language_models.ipynb) | how do DistilBERT and TinyBERT work? |
# | [09 the LLM era](09_llm_era.ipynb) | what changes when the teacher writes text? |
# | [10 your own model](10_your_own_model.ipynb) | how do you distil your own teacher into your own student? |
#
# You can read each chapter, run it, or teach it. The page shows the *full* results, with their spread over seeds;
# running it yourself trains the *quick* versions and draws them beside the full ones.

# %% [markdown]
# ## Exercises
#
# The first two need published numbers only. Replace the `...`, run the cell, and read what it says.
#
# **1.** How many times fewer parameters does 784-800-800-10 have than 784-1200-1200-10? Count weights *and* biases.

# %%
from kdbook.teach.chapter_00 import check_gap_closed, check_other_alpha, check_size_ratio

my_ratio = ...
check_size_ratio(my_ratio)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def parameters(*sizes):
    return sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))  # each unit has a bias besides its weights


check_size_ratio(parameters(784, 1200, 1200, 10) / parameters(784, 800, 800, 10))

# %% [markdown]
# **2.** The published errors are 67 (teacher), 146 (student on hard labels) and 74 (distilled student). Distillation
# closes part of the gap between the first two. Which part, as a number between 0 and 1?

# %%
my_share = ...
check_gap_closed(my_share)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_gap_closed((146 - 74) / (146 - 67))

# %% [markdown]
# **3. Spot the difference.** A repository writes its loss as
# $(1 - a)\, \mathrm{KL}(p\,\|\,q) + a\, \mathrm{CE}(y, q_{T=1})$. You want what this book calls $\alpha = 0.9$ at
# $T = 4$. Which $a$ gives the two terms the same ratio?

# %%
my_a = ...
check_other_alpha(my_a)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
soft, hard = 0.9 * 4**2, 1 - 0.9  # what stands before KL and before CE in this book
check_other_alpha(hard / (soft + hard))

# %% [markdown]
# ## The ledger
#
# *Reference* is ours: the mean of the full runs, with a 95 % t interval over seeds. *Yours* is the quick run on the
# reader's machine, which is provisional, since it uses smaller networks. The verdict is computed from the full results
# alone:
#
# - **shown**: our whole interval lies on the side that the paper names and, where it claims a number, close to that
#   number;
# - **shown, other size**: the side is right, the number is different;
# - **contradicted**: an experiment that could have shown it did not;
# - **cannot tell**: a verdict on us, not on the paper; our interval is too wide, or the experiment too small.
#
# What only popular accounts say has a list to itself: such a **saying holds**, or is **corrected**. A citation cannot
# be run, so citations were checked by reading. The exact rules are in `results/METHOD.md`.

# %%
from kdbook.show import show_ledger

show_ledger("00", output_folder(PROFILE))

# %% [markdown]
# Such words can be wrong by chance. How often, if the truth were known? Here are simulated experiments whose true
# effect is known, and the words that they get:

# %%
show_figure("operating_curve", load("operating_curve"), run("operating_curve", PROFILE, SEEDS, DEVICE, rerun=RERUN))

# %% [markdown]
# A true effect of the published size or more is mostly called shown, and no effect is mostly called absent. Between the
# two lies the land of "cannot tell".
#
# The whole book in one table: how many claims of each chapter got which verdict.

# %%
import pandas as pd

from kdbook.lab.claims import rows

verdicts = pd.DataFrame([{"chapter": row.claim.chapter, "verdict": row.verdict} for row in rows()])
pd.crosstab(verdicts.chapter, verdicts.verdict, margins=True, margins_name="all")

# %% [markdown]
# The full list is `results/CLAIMS.md`, with the reasons behind each verdict, each band and each smallest effect.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What to take away
#
# - **Distillation copies answers, not weights.** The student learns from the teacher's probabilities, so the two
#   networks need not look alike.
# - **A soft target says more than a label**: how sure the teacher is, and which wrong answers are nearly right. A
#   teacher can also answer images that have no label at all.
# - **Ask of every famous number: compared with what?** Each of them is real, and each leaves something out.
#
# Next: [01 · Dark knowledge](01_dark_knowledge.ipynb), which begins with a student that learns a digit it has never
# seen.
