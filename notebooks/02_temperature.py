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
# # 02 · Temperature: how much of the dark to show
#
# **The answer first.** A temperature shows the student more, or less, of the teacher's small probabilities. There is no
# best one for all: a small student does best at a low temperature and a wide student at a high one. Too high a
# temperature costs the small one most, too low a one the wide one. Whatever the temperature, the teacher's first choice stays the same.
#
# **After this chapter you can say**
# - what dividing logits by $T$ does to an answer, above 1 and below 1, and what it never does;
# - which temperatures the paper of 2015 used, and why "3 to 8" is not among its results;
# - which temperature suits which student, measured for five widths;
# - when learning at $T = 1$ is the same as learning from hard labels, and what labels add to soft targets.
#
# *About two minutes on two cores once the shared networks are trained (`make book` does that). The full results on this
# page took less than an hour. With an NVIDIA GPU one more cell trains, for about six minutes.*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from kdbook.lab import describe_run, load, output_folder, run

describe_run(PROFILE, DEVICE, minutes={"quick": 2, "full": 53})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One number over the logits
#
# A teacher ends in logits $t$, one for each class. The softmax at a temperature $T$ turns them into an answer:
#
# $$ p_i = \frac{\exp(t_i/T)}{\sum_j \exp(t_j/T)} $$
#
# Two of its laws need no experiment. $T$ is positive, so $t_i > t_j$ means $p_i > p_j$ at every temperature: **the top
# class never changes**. And only differences of logits count: $p_i/p_j = \exp((t_i - t_j)/T)$, so a difference of $T$
# always makes a factor of $e$. Four logits (`z` in the code) at five temperatures:

# %% slideshow={"slide_type": "fragment"}
import torch

z = torch.tensor([9.0, 5.0, 2.0, -1.0])  # (C,)
for T in (0.5, 1, 4, 20, 1000):
    p = (z / T).softmax(-1)
    entropy = -(p * p.log2()).nansum()
    print(f"T = {T:>6g}: {[round(float(x), 4) for x in p]}, entropy {entropy:.3f} of at most 2 bits")

# %% [markdown]
# The answer goes from nearly certain to nearly even, and the order of the classes never changes.
#
# Now the same for real answers: six test images, and what the teacher of chapter 01 says about them at a temperature of
# your choice. The first two are among those it is surest about, the last two among those it doubts most.

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from kdbook.data import load_images
from kdbook.show import answer, picture_slider, show_figure, temperature_slider
from kdbook.show.style import SOFT, TEACHER

views = load("temperature_views")
logits = views.array("teacher", "test_logits")  # (2000, C)
test = load_images("mnist", "test").rows(slice(len(logits)))
images, labels = test.x.numpy(), test.y.numpy()

doubt = np.argsort([answer(row, 1.0).entropy for row in logits])
chosen = doubt[[10, 400, 1800, 1950, 1990, 1998]]


def draw_answers(T):
    fig, panels = plt.subplots(2, len(chosen), figsize=(8, 2.9), height_ratios=[1, 1.4])
    for (top, bottom), at in zip(panels.T, chosen, strict=True):
        found = answer(logits[at], T)
        top.imshow(images[at], cmap="gray_r")
        top.set_axis_off()
        bottom.bar(range(10), found.p, color=[TEACHER if c == found.top_class else SOFT for c in range(10)])
        bottom.set(ylim=(0, 1), xticks=range(0, 10, 3), yticks=[0, 0.5, 1], title=f"{found.entropy:.2f} bits")
    for bottom in panels[1, 1:]:
        bottom.set_yticklabels([])
    fig.suptitle(f"T = {T:g}")
    return fig


def answers_alt(T):
    told = [(labels[at], answer(logits[at], T)) for at in chosen]
    return f"T = {T:g}: " + ", ".join(f"a {y} answered {a.top_class} with {a.top:.2f}" for y, a in told) + "."


picture_slider(
    "temperature T", [0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 40, 100], draw_answers, alt=answers_alt, start=2
)

# %% [markdown] slideshow={"slide_type": "slide"}
# All six answers flatten as $T$ rises, but not at the same pace: the doubtful ones are flat long before the sure ones
# begin to yield.
#
# Below you can look at one answer at a time, at *any* temperature: twelve test images, from the most doubtful to the
# surest. How hot must it get before the second class of a sure answer has half the probability of the first?

# %% slideshow={"slide_type": "-"}
twelve = doubt[::-170]
temperature_slider(images[twelve], logits[twelve], labels[twelve])

# %% [markdown]
# Or type logits of your own. *Dark mass* is the probability of all classes but the top one. Try `9, 9, 0`; try a
# temperature below 1; try to change the top class.

# %% [markdown]
# So much for single images. Here are the averages over all test images, for three teachers, and for random logits with
# a standard deviation of 4:

# %%
my_views = run("temperature_views", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("temperature_flattens", views, my_views)

# %% [markdown]
# Entropy rises with the temperature, the top class gives way, and the wrong classes take over. There are four regimes:
#
# | temperature | what the answer looks like | what a student gets from it |
# |---|---|---|
# | below 1 | sharper than the network gave it | the teacher's top guesses only, mistakes included |
# | 1 | as the network gave it | from a sure teacher, hardly more than a label |
# | a few | wrong classes can be seen, and their order stands out | which classes are alike |
# | far above the spread of the logits | nearly uniform, the order still there | the differences of logits, all of them alike |
#
# **Below 1** a student would only learn the teacher's top guesses, mistakes included. But $T < 1$ is useful for
# sampling, when an answer is drawn at random, as language models do. **Far above the logits' own spread** the
# differences that are left are tiny; chapter 03 magnifies them again.
#
# ### Which temperature did the paper use?
#
# Pictures of distillation like to show soft targets at $T = 4$. In [the paper](https://arxiv.org/abs/1503.02531) the
# well-known MNIST student was trained at $T = 20$. In speech it tried 1, 2, 5 and 10, and chose 2. And one sentence
# names 2.5 to 4, for a very small student. Here is one real image at several of these temperatures:

# %%
import pandas as pd

at = chosen[3]
rows = {f"T = {T}": answer(logits[at], T) for T in (1, 2, 4, 20)}
pd.DataFrame(
    {name: {"entropy, bits": a.entropy, **{f"class {c}": p for c, p in enumerate(a.p)}} for name, a in rows.items()}
).T.style.format("{:.3f}").set_caption(f"test image {at}, a {labels[at]}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## T = 1: hard labels in disguise?
#
# It is often said that at $T = 1$ the small probabilities carry almost no gradient, so that the student in effect
# learns from hard labels. Let us check. For the student's logits $s$, the gradient of $\mathrm{KL}(p \,\|\, q)$ is
# $(q - p)/T$ (chapter 03 derives it); for hard labels it is $q - \text{onehot}(y)$. How far apart do the two point? The
# panel on the right gives their cosine, for a student before training and for one that has already learned from hard
# labels.

# %% slideshow={"slide_type": "-"}
show_figure("gradient_by_temperature", views, my_views)

# %% [markdown] slideshow={"slide_type": "slide"}
# Before training, the two gradients are practically the same at $T = 1$: every student starts by learning which class
# is right. Once it knows, what is left to learn is precisely what the label does not say, and there the two part. So
# the saying is true early in training and for very confident teachers. Language models are less confident, so $T = 1$
# is common there.
#
# The panel on the left shows the paper's own account of temperature. At a low $T$ the loss hardly looks at classes that
# the teacher finds far-fetched; at a high $T$ it looks at all classes alike. Are those far-fetched classes noise, or
# knowledge? No formula can tell. One has to try.
#
# ## Which temperature suits which student?
#
# The paper has one sentence on it: with 300 units or more in both layers, all temperatures above 8 did about equally
# well; with 30 units, 2.5 to 4 did clearly better than anything lower or higher. It gives no numbers. So we train
# students of five widths on soft targets alone, at nine temperatures and with twenty seeds; the widest, which takes
# longest, at three temperatures and with five seeds. Each seed has the same initial weights at every temperature. (All
# temperatures of a seed are trained at once, as one stacked network: `benchmarks/` says how much time that saves.)

# %% slideshow={"slide_type": "slide"}
by_width = load("temperature_by_width")
my_by_width = run("temperature_by_width", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("temperature_by_width", by_width, my_by_width)

# %% [markdown]
# Each point is compared with the *same seed's* mean over all temperatures, which removes the luck of the initial
# weights. The grey bands are the paper's best. Ours agree with them in the main: the two narrow students suffer above
# $T = 4$; the student of 300 units gains up to about 8 and changes little after that; the widest does best at the
# highest of its three temperatures.
#
# The same in test errors, paired: how many more does a student make than at its best temperature?

# %%
from kdbook.lab import t_interval

paired = by_width.pivot_table(index=["width", "seed"], columns="temperature", values="test_errors")


def above_best(errors):
    """Errors above those of the temperature with the fewest, seed by seed, with their 95 % interval."""
    errors = errors.dropna(axis=1)
    best = errors.mean().idxmin()
    told = {best: f"best: {errors[best].mean():.0f} errors"}
    for T in errors.columns.difference([best]):
        mean, low, high = t_interval(errors[T] - errors[best])
        told[T] = f"{mean:+.0f} [{low:+.0f}, {high:+.0f}]"
    return pd.Series(told)


table = pd.DataFrame({f"{width} units": above_best(errors) for width, errors in paired.groupby(level="width")})
table.sort_index().rename_axis("temperature").fillna("")

# %% [markdown]
# If an interval contains 0, these seeds cannot tell that temperature from the best one. Here the best of nine is picked
# on test errors, to *describe* the curve. That is not how you may choose a temperature for use: choose it on validation
# data.
#
# **With a GPU** there are fifty students for each width and temperature, the widest included, and twenty teachers
# instead of five. All students of one width are one model: 450 networks of 300 units step together. We estimate six
# minutes, two of them for teachers that chapter 01 trains too, and 8 GiB of memory on an NVIDIA A100 or a newer card.

# %% tags=["gpu"]
from kdbook.show import gpu_cell

gpu_cell("temperature_by_width", "temperature_by_width", card="an NVIDIA A100", minutes=6, memory=8, device=DEVICE)

# %% [markdown]
# How large is all this compared with the width itself?

# %%
show_figure("temperature_errors_and_agreement", by_width, my_by_width)

# %% [markdown]
# For a narrow student the width counts for more: going from 10 units to 30 saves more errors than any choice of
# temperature. Among the wide ones the curves lie close together, and temperature can count as much as width: a student
# of 300 units at $T = 1$ makes about as many errors as one of 100 units at its best temperature.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What labels add, and how many it takes
#
# Hinton et al. found that labels help a little beside soft targets, if they get a considerably lower weight. In the
# loss of chapter 01 that weight is $1 - \alpha$. In this experiment every image has a soft target, and either all
# images, one in ten, or one in a hundred have a label too:

# %% slideshow={"slide_type": "-"}
alphas = load("alpha_sweep")
my_alphas = run("alpha_sweep", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("alpha_sweep", alphas, my_alphas)

# %% [markdown]
# At the right end no label is used at all, so all three curves end in the same student. At the left end of the first
# curve no *teacher* is used, so the distance between its two ends is what soft targets are worth. When only some images
# have a label, even $\alpha = 0$ leaves the other images their soft targets; that is why those curves start so low.
#
# ## Exercises
#
# **1.** Write the dark mass at a temperature: the probability of all classes but the top one together.

# %%
from kdbook.teach.chapter_02 import check_dark_mass, check_repaired_stack, check_temperature_for_top


def my_dark_mass(logits, temperature):
    return ...  # (B, C) -> (B,)


check_dark_mass(my_dark_mass)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_dark_mass(lambda logits, temperature: 1 - (logits / temperature).softmax(-1).amax(-1))


# %% [markdown]
# **2.** Which temperature gives the top class a probability of your choice? With more than two classes there is no
# formula; but you know in which direction the probability moves.


# %%
def my_temperature(logits, top):
    return ...  # (C,), number between 1/C and 1 -> one number


check_temperature_for_top(my_temperature)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(logits, top):
    low, high = 1e-3, 1e3
    for _ in range(60):
        middle = (low * high) ** 0.5
        if (logits / middle).softmax(-1).max() > top:
            low = middle
        else:
            high = middle
    return middle


check_temperature_for_top(one_answer)


# %% [markdown]
# **3. Spot the bug.** Much published code calls `F.softmax(logits / T)` and names no axis. PyTorch then warns, and
# picks one by a rule of its own, which is spelled out here. Mend it, so that it also softens a stack of answers from
# several networks.


# %%
def soften(logits, temperature):
    axis = 0 if logits.ndim in (0, 1, 3) else 1
    return torch.softmax(logits / temperature, dim=axis)


check_repaired_stack(soften)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_repaired_stack(lambda logits, temperature: torch.softmax(logits / temperature, dim=-1))

# %% [markdown]
# **4.** (without a check) Type logits above, and find some for which the dark mass at $T = 4$ is larger than at $T = 20$.
# If you cannot, say why.
#
# ## The claims of this chapter
#
# The verdicts come from the full results; *yours* is provisional.

# %%
from kdbook.show import show_ledger

show_ledger("02", output_folder(PROFILE))

# %% [markdown]
# ## What surprised us
#
# The sentences below are written by code from the full results, so they change when the results do.

# %%
from IPython.display import Markdown


def excess(width, T):
    """Test errors of a width at T above those at its best temperature, as a share."""
    errors = paired.loc[width].mean()
    return errors[T] / errors.min() - 1


def best(width):
    return f"{paired.loc[width].mean().idxmin():g}"


def at_alpha(width, share, alpha):
    rows = alphas[(alphas.width == width) & (alphas.labelled_share == share) & (alphas.alpha == alpha)]
    return rows.test_errors.mean()


first, later = (
    views[(views.arm == arm) & (views.temperature == 1)].cosine_with_hard.mean() for arm in ("untrained", "hard")
)
Markdown(f"""
- **Too high a temperature costs a small student most.** From its best temperature to T = 40 the errors of a student of
  10 units rise by {excess(10, 40.0):.0%}, of 30 units by {excess(30, 40.0):.0%}, of 100 by {excess(100, 40.0):.0%}, of 300 by
  {excess(300, 40.0):.0%}.
- **Too low a temperature costs a wide student most.** At T = 1 a student of 10 units makes {excess(10, 1.0):.0%} more errors
  than at its best temperature, of 30 units {excess(30, 1.0):.0%}, of 100 {excess(100, 1.0):.0%}, of 300 {excess(300, 1.0):.0%}.
- **The best temperature moves up with the width**: {best(10)}, {best(30)}, {best(100)} and {best(300)} are the best of nine for
  10, 30, 100 and 300 units. For 800 units {best(800)} is the best of only three: 1, 4 and 20. No single range serves all.
- **T = 1 is hard labels at first, not later.** Before training the two gradients have a cosine of {first:.3f}; for a student
  that has learned its labels, {later:.2f}.
- **Beside soft targets labels are worth little.** A student of 300 units makes {at_alpha(300, 1.0, 0.0):.0f} errors with labels
  alone, {at_alpha(300, 1.0, 0.5):.0f} half and half, {at_alpha(300, 1.0, 1.0):.0f} with soft targets alone; of 30 units
  {at_alpha(30, 1.0, 0.0):.0f}, {at_alpha(30, 1.0, 0.5):.0f} and {at_alpha(30, 1.0, 1.0):.0f}.
""")

# %% [markdown]
# **What differs from the paper.** For this comparison it gives neither epochs nor learning rates, nor does it say
# whether labels were used. Here there are no labels, time limited the number of epochs, and the learning rate falls
# with $T$, as validation images advised. The paper's speech models are not repeated.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What to take away
#
# - **A temperature changes how loud the wrong classes are, never their order.** Nothing is lost on the way up.
# - **Small students want a low temperature, wide ones a high one**, and no single range serves all. (The widest had a
#   choice of three.) Choose it on validation data.
# - **$T = 1$ teaches the same as hard labels only at the start**, or if the teacher is very confident. Beside good soft
#   targets, labels add little.
#
# Next: [03 · The mathematics](03_math.ipynb), on why the loss needs its $T^2$.
