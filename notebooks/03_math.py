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
# # 03 · The mathematics: three equations and a limit
#
# **After this chapter you can say**
# - the three equations of distillation, each in a line of code, and the mistakes that are made in them;
# - where the gradient $(q - p)/T$ comes from, and why its size falls as $1/T^2$: two reasons, not one;
# - what $T^2$ repairs, what it does not, and what happens in training without it;
# - in which sense distillation becomes logit matching when $T$ is large, and what was done before distillation.
#
# *About a minute on two cores once the shared nets are trained (`make book` does that); the full results on this page took
# 12 minutes. With an NVIDIA GPU one more cell trains, about eight minutes.*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from kdbook.lab import describe_run, load, output_folder, run

describe_run(PROFILE, DEVICE, minutes={"quick": 1, "full": 12})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Equation 1: the softmax at a temperature
#
# $$ p_i = \frac{\exp(v_i/T)}{\sum_j \exp(v_j/T)} \qquad\text{(teacher, logits } v\text{)}, \qquad
#    q_i = \frac{\exp(z_i/T)}{\sum_j \exp(z_j/T)} \qquad\text{(student, logits } z\text{)} $$

# %% slideshow={"slide_type": "-"}
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from kdbook.show import picture_slider, show_figure, show_picture
from kdbook.show.grammar import temperatures as temperature_axis
from kdbook.show.style import HARD, SOFT, TEACHER, style


def soft(logits, T):
    return (logits / T).softmax(-1)  # (B, C)


views = load("temperature_views")
v = torch.from_numpy(views.array("teacher", "test_logits")).double()  # (2000, C), the teacher of chapter 01
z = torch.from_numpy(views.array("hard", "test_logits")).double()  # a student trained on hard labels
z_first = torch.from_numpy(views.array("untrained", "test_logits")).double()  # the same before its training
at = int(torch.special.entr(soft(v, 1)).sum(-1).argsort()[1950])  # an image that the teacher is not sure of

temperatures = np.geomspace(0.25, 100, 60)
curves = torch.stack([soft(v[at], T) for T in temperatures])  # (T, C)
with style():
    fig, axes = plt.subplots(figsize=(7, 3.4))
    for c, curve in enumerate(curves.T):
        axes.plot(
            temperatures, curve, color=TEACHER if c == v[at].argmax() else SOFT, lw=2 if curve.max() > 0.15 else 1
        )
    axes.axhline(0.1, color="black", ls=":", lw=1)
    temperature_axis(axes, (0.25, 1, 4, 20, 100))
    axes.set(ylabel="probability", title="One image: ten classes over T")
rising = int((curves[-1] > curves[20]).sum())
show_picture(
    fig,
    alt=f"Probabilities of ten classes for one image over the temperature: the top class falls towards 0.1, "
    f"{rising} of the others are higher at T = 100 than at T = {temperatures[20]:.1f}.",
)

# %% [markdown] slideshow={"slide_type": "-"}
# Look at the lines below: **most probabilities rise** with $T$. They sum to 1 at every temperature. Keep this picture in mind
# for equation 2.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Equation 2: the soft loss
#
# $$ L_\text{soft} = T^2\, \mathrm{KL}(p \,\|\, q) = T^2 \sum_i p_i \log\frac{p_i}{q_i} $$


# %% slideshow={"slide_type": "-"}
def soft_loss(student_logits, teacher_logits, T):
    p, log_q = soft(teacher_logits, T), (student_logits / T).log_softmax(-1)
    return T**2 * (p * (p.log() - log_q)).sum(-1)  # (B,)


T = 4
p, q = soft(v[at], T), soft(z[at], T)
terms = p * (p / q).log()
with style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
    left.bar(np.arange(10) - 0.2, p, 0.4, color=TEACHER, label="teacher, p")
    left.bar(np.arange(10) + 0.2, q, 0.4, color=SOFT, label="student, q")
    left.set(xticks=range(10), title=f"Softened answers at T = {T}")
    left.legend(fontsize=8)
    right.bar(range(10), terms, color=[SOFT if t > 0 else HARD for t in terms])
    right.axhline(0, color="black", lw=1)
    right.set(xticks=range(10), title=f"p log(p/q) by class: sum {terms.sum():.3f} nats")
show_picture(
    fig,
    alt=f"Left, a teacher's and a student's softened answer to one image; right, each class's part of KL: the largest is "
    f"{terms.max():.3f} for class {int(terms.argmax())}, some are negative, their sum is {terms.sum():.3f}.",
)
print(f"T^2 KL = {float(soft_loss(z[at], v[at], T)):.3f} nats")

# %% [markdown] slideshow={"slide_type": "-"}
# A class counts by the teacher's $p_i$ times by how much the student differs. Single classes may count negative; the sum
# never does, and it is 0 only for $q = p$.
#
# Three mistakes hide in this one line in code that is in use: the mean over rows *and classes* in place of rows (ten times
# too small for ten classes), the two arguments of KL exchanged, and the factor $T^2$ left out. Exercise 1 finds them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Equation 3: the mixture
#
# $$ L = \alpha\, L_\text{soft} + (1 - \alpha)\, \mathrm{CE}(y, z) $$
#
# The labels' part takes the student's logits at $T = 1$. A weight of $\alpha = 0.7$ goes round as a good one; no paper that
# we checked uses it. Slide over what was measured at $T = 4$:

# %% slideshow={"slide_type": "-"}
from kdbook.book.alpha_sweep import ALPHAS

alphas = load("alpha_sweep")
every_label = alphas[alphas.labelled_share == 1].groupby(["width", "alpha"]).test_errors.mean().unstack(0)


def draw_alpha(alpha):
    fig, (left, *panels) = plt.subplots(1, 3, figsize=(8, 2.6), width_ratios=[0.5, 1, 1])
    left.bar(["soft", "hard"], [alpha, 1 - alpha], color=[SOFT, HARD])
    left.set(ylim=(0, 1), title="weights")
    for axes, width in zip(panels, every_label, strict=True):
        axes.plot(every_label.index, every_label[width], "o-", color="#999999", ms=3)
        axes.plot(alpha, every_label.loc[alpha, width], "o", color=SOFT, ms=10)
        axes.set(
            xlabel="alpha", ylim=(0, None), title=f"{width} units: {every_label.loc[alpha, width]:.0f} test errors"
        )
    return fig


def alpha_alt(alpha):
    return (
        f"alpha {alpha:g}: "
        + ", ".join(f"{w} units {e:.0f} test errors" for w, e in every_label.loc[alpha].items())
        + "."
    )


picture_slider("alpha", list(ALPHAS), draw_alpha, alt=alpha_alt, start=4)

# %% [markdown]
# Chapter 02 draws the same for fewer labels, with intervals.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The gradient, and why T squared
#
# For one row, $\partial\, \mathrm{KL}(p\,\|\,q) / \partial z_i = (q_i - p_i)/T$. The derivation is three lines:
# $\log q_i = z_i/T - \log\sum_j e^{z_j/T}$, so $\partial \log q_j / \partial z_i = (\delta_{ij} - q_i)/T$, and
# $-\sum_j p_j (\delta_{ij} - q_i)/T = (q_i - p_i)/T$. Autograd agrees:

# %% slideshow={"slide_type": "fragment"}
student = z[:100].clone().requires_grad_()
for T in (1, 4, 20):
    (auto,) = torch.autograd.grad(soft_loss(student, v[:100], T).sum() / T**2, student)
    by_hand = (soft(z[:100], T) - soft(v[:100], T)) / T
    print(f"T = {T:>2}: largest difference {(auto - by_hand).abs().max():.1e}, largest entry {by_hand.abs().max():.1e}")

# %% [markdown]
# How does its size depend on $T$? One often reads: "a higher temperature makes the soft outputs smaller, and so the
# gradients". You have seen that most outputs grow. The true reason has **two factors, of $1/T$ each**:
#
# 1. *the chain rule*: $q$ depends on $z/T$, so a derivative for $z$ brings a $1/T$, at every temperature, exactly;
# 2. *flattening*: $p$ and $q$ both become uniform, and their difference $q - p$ shrinks as $1/T$, once $T$ is large against
#    the logits.

# %% slideshow={"slide_type": "slide"}
factors = load("t_squared")
my_factors = run("t_squared", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("t_squared_factors", factors, my_factors)

# %% [markdown]
# So the second factor is a law of large $T$ only, and multiplying by $T^2$ makes the gradient's size *nearly* constant, from
# some temperature on. Which one depends on the logits. On the left the size of $T^2$ times the gradient, on the right the
# loss's value, which is not constant either:

# %%
show_figure("t_squared_scale", factors, my_factors)

# %%
flat = factors.groupby("arm").flat_from.agg(["min", "max"]).dropna()
flat.columns = ["within 5 % of the limit from T =, fewest", "most"]
flat.loc[["untrained", "hard", "gaussian_10", "gaussian_100"]]

# %% [markdown]
# (100 is the largest $T$ of the list, and means: nowhere below it.) The table takes $T = 100$ for the limit.
#
# The factor is needed where *two* losses meet, so that a change of $T$ does not silently change how much the labels count.
# Without it, $\alpha\,\mathrm{KL} + (1-\alpha)\,\mathrm{CE}$ is the loss with $T^2$ at another alpha, and a smaller step:
#
# $$ \alpha' = \frac{\alpha}{\alpha + (1-\alpha)\,T^2}, \qquad \alpha = 0.5,\ T = 20:\ \alpha' = 0.0025 $$
#
# Half and half has become nearly labels alone. And when soft targets are the *only* loss, leaving the factor out just divides
# the learning rate by $T^2$: give it back, and nothing is left of the difference. The paper shows no run without the factor.
# Here are some:

# %%
show_figure("t_squared_training", factors, my_factors)

# %% [markdown]
# **With a GPU** these students learn from all 60,000 images in place of 12,000, and there are twenty of each, with
# twenty teachers in place of five: does the factor still matter when images are plenty? Students of one kind and
# temperature are one model. Our estimate, for an NVIDIA A100 or a newer card: eight minutes with the teachers, two of
# which chapter 01 spends on them as well, and 6 GiB of its memory.

# %% tags=["gpu"]
from kdbook.show import gpu_cell

gpu_cell("t_squared", "t_squared_training", card="an NVIDIA A100", minutes=8, memory=6, device=DEVICE)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The limit: logit matching
#
# Let $T$ be large against all logits, so that $e^{z_i/T} \approx 1 + z_i/T$. With each row's mean taken off ($\sum z_j =
# \sum v_j = 0$, which no softmax notices):
#
# $$ T^2 \cdot \frac{q_i - p_i}{T} \;\approx\; T \left( \frac{1 + z_i/T}{C} - \frac{1 + v_i/T}{C} \right)
#    = \frac{z_i - v_i}{C} $$
#
# and that is the gradient of $\frac{1}{2C}\sum_i (z_i - v_i)^2$: **half the mean squared difference of centred logits**. Two
# conditions are often forgotten. Without $T^2$ the loss tends to 0; without taking the means off, the formula punishes a
# constant that the softmax cannot see.
#
# Press play. Each dot is one class of one test image: across, its pull under logit matching; upwards, its pull under
# distillation at $T$. When all dots lie on the line, the two are the same training.

# %% slideshow={"slide_type": "slide"}
few = slice(0, 200)


def centred(logits):
    return logits - logits.mean(-1, keepdim=True)


def pulls(student_logits, T):
    """Gradients of logit matching and of T^2 KL, and the mean angle between them in degrees."""
    matching = centred(student_logits - v)[few] / 10
    kd = T * (soft(student_logits, T) - soft(v, T))[few]
    return matching, kd, torch.rad2deg(F.cosine_similarity(matching, kd).clamp(-1, 1).acos()).mean()


def draw_limit(T):
    fig, panels = plt.subplots(1, 2, figsize=(8, 3.7))
    for axes, logits, who in zip(
        panels, (z_first, z), ("before its training", "after training on labels"), strict=True
    ):
        matching, kd, angle = pulls(logits, T)
        reach = 1.05 * float(matching.abs().max())
        axes.plot([-reach, reach], [-reach, reach], color="black", lw=1)
        axes.scatter(matching.flatten(), kd.flatten(), s=5, color=SOFT, alpha=0.5)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), title=f"student {who}: {angle:.0f}°")
    panels[0].set(xlabel="pull of logit matching", ylabel="pull of distillation")
    fig.suptitle(f"T = {T:g}")
    return fig


def limit_alt(T):
    first, last = (pulls(logits, T)[2] for logits in (z_first, z))
    return f"T = {T:g}: angle between the two pulls {first:.0f} degrees before training and {last:.0f} after."


picture_slider("temperature T", [1, 2, 4, 8, 15, 20, 40, 100, 400, 1000], draw_limit, alt=limit_alt, play=True)

# %% [markdown]
# At low temperatures most dots lie on the horizontal line: those are the classes that distillation leaves alone, because both
# nets find them far-fetched. Over 2,000 training images, for every seed:

# %%
limit = load("logit_limit")
my_limit = run("logit_limit", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("logit_limit_angle", limit, my_limit)

# %% [markdown]
# Does a student notice? Four students of the same teacher, on the same images:

# %%
show_figure("logit_matching_students", limit, my_limit)

# %%
columns = ["test_errors", "agreement", "logit_gap"]
limit[limit.arm.isin(["kd_1", "kd_20", "kd_100", "matching"])].groupby("arm", sort=False)[columns].agg(
    ["mean", "std"]
).round(3)

# %% [markdown]
# ### Before distillation: model compression
#
# Hinton et al. name Buciluă, Caruana and Niculescu-Mizil (2006) as the origin. That paper has a large ensemble label a large
# *transfer set*, and where real data are few it makes synthetic ones near them (MUNGE): each image's pixels are exchanged,
# with some probability, for noisy ones of its nearest neighbour. Regression on logits was spelled out by Ba and Caruana
# (2014). On MNIST, from 6,000 real images:

# %%
show_figure("munge_images", limit)

# %%
show_figure("munge_students", limit, my_limit)

# %% [markdown]
# All students take as many steps. Nobody tells those on the right the label of a synthetic image, which may have none: the
# teacher answers it anyway.
#
# ## Exercises
#
# **1.** Write the loss. The check knows a dozen usual mistakes.

# %%
from kdbook.teach.chapter_03 import (
    check_kd_loss,
    check_logit_limit,
    check_repaired_mixture,
    check_repaired_soft_loss,
    check_soft_gradient,
)


def my_kd_loss(student_logits, teacher_logits, labels, temperature, alpha):
    return ...  # (B, C), (B, C), (B,), two numbers -> one number


check_kd_loss(my_kd_loss)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(student_logits, teacher_logits, labels, temperature, alpha):
    log_q, p = (student_logits / temperature).log_softmax(-1), (teacher_logits / temperature).softmax(-1)
    soft = temperature**2 * F.kl_div(log_q, p, reduction="batchmean")
    return alpha * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


check_kd_loss(one_answer)


# %% [markdown]
# **2.** Write the gradient of each row's KL for the student's logits, without autograd and without the factor $T^2$.


# %%
def my_gradient(student_logits, teacher_logits, temperature):
    return ...  # (B, C), (B, C), number -> (B, C)


check_soft_gradient(my_gradient)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_soft_gradient(lambda s, t, T: ((s / T).softmax(-1) - (t / T).softmax(-1)) / T)


# %% [markdown]
# **3.** Write what $T^2\,\mathrm{KL}$ tends to. Try your answer on logits to which a constant was added.


# %%
def my_limit_loss(student_logits, teacher_logits):
    return ...  # (B, C), (B, C) -> (B,)


check_logit_limit(my_limit_loss)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_logit_limit(lambda s, t: (s - t).var(-1, correction=0) / 2)  # the variance takes the mean off by itself


# %% [markdown]
# **4. Spot the bug.** A soft loss as it stands in a repository that many others have copied, with the default of PyTorch's
# `KLDivLoss` written out. Mend it.


# %%
def soft_loss_in_use(student_logits, teacher_logits, temperature):
    log_q, p = (student_logits / temperature).log_softmax(-1), (teacher_logits / temperature).softmax(-1)
    return F.kl_div(log_q, p, reduction="none").mean() * temperature**2


check_repaired_soft_loss(soft_loss_in_use)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(student_logits, teacher_logits, temperature):
    log_q, p = (student_logits / temperature).log_softmax(-1), (teacher_logits / temperature).softmax(-1)
    return F.kl_div(log_q, p, reduction="batchmean") * temperature**2


check_repaired_soft_loss(one_answer)


# %% [markdown]
# **5. Spot the bug.** Here the soft term is right. What is wrong with the mixture?


# %%
def mixture_in_use(student_logits, teacher_logits, labels, temperature, alpha):
    student_logits, teacher_logits = student_logits / temperature, teacher_logits / temperature
    soft = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="batchmean")
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


check_repaired_mixture(mixture_in_use)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(student_logits, teacher_logits, labels, temperature, alpha):
    log_q, p = (student_logits / temperature).log_softmax(-1), (teacher_logits / temperature).softmax(-1)
    soft = F.kl_div(log_q, p, reduction="batchmean")
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


check_repaired_mixture(one_answer)

# %% [markdown]
# ## The claims of this chapter
#
# The verdicts come from the full results; *yours* is provisional.

# %%
from kdbook.show import show_ledger

show_ledger("03", output_folder(PROFILE))

# %% [markdown]
# ## What surprised us
#
# The sentences below are written by code from the full results, so they change when the results do.

# %%
from IPython.display import Markdown


def mean(table, arm, column, T=None):
    rows = table[table.arm == arm]
    return rows.loc[rows.temperature == T if T else rows.index, column].mean()


rising = mean(factors, "untrained", "rising", 20.0)
growth = {
    arm: mean(factors, arm, "scaled_norm", 4.0) / mean(factors, arm, "scaled_norm", 1.0)
    for arm in ("untrained", "hard")
}
angles = {arm: mean(limit, arm, "angle", 20.0) for arm in ("untrained", "hard")}
Markdown(f"""
- **Most soft outputs grow.** From T = 1 to T = 20 {rising:.0%} of the teacher's class probabilities rise; only the top one
  falls. That the gradient shrinks has other reasons.
- **T squared does not keep the gradient level at the temperatures that are used.** From T = 1 to T = 4 the scaled gradient
  grows {growth["untrained"]:.1f} times for a student before its training, and {growth["hard"]:.0f} times for one that has
  learned its labels: at T = 1 both nets are sure, and there is almost nothing to learn.
- **Leaving T squared out turns half and half into labels alone.** At T = 20 such a student makes
  {mean(factors, "mixed_without", "test_errors", 20.0):.0f} errors, with the factor
  {mean(factors, "mixed", "test_errors", 20.0):.0f}. Soft targets alone, with the learning rate given back:
  {mean(factors, "soft_without", "test_errors", 20.0):.0f} and {mean(factors, "soft", "test_errors", 20.0):.0f}.
- **T = 20 is not yet the limit, and its students do not mind.** There the gradients are {angles["untrained"]:.0f} and
  {angles["hard"]:.0f} degrees from those of logit matching, before and after training; yet students make
  {mean(limit, "kd_20", "test_errors"):.0f} errors at T = 20, {mean(limit, "kd_100", "test_errors"):.0f} at T = 100 and
  {mean(limit, "matching", "test_errors"):.0f} by logit matching, against {mean(limit, "kd_1", "test_errors"):.0f} at T = 1.
- **The teacher's logits are worth more than images.** 6,000 images with labels make {mean(limit, "few_labels", "test_errors"):.0f}
  errors, the same with logits {mean(limit, "few_logits", "test_errors"):.0f}, and ten times as many synthetic ones with logits
  {mean(limit, "munge_logits", "test_errors"):.0f}.
""")

# %% [markdown]
# What differs from the papers: students of this chapter train on 12,000 images (6,000 for the synthetic set) for speed, so that
# their errors are not those of chapter 01. MUNGE was made for small tables; here a pixel is an attribute, one network teaches
# in place of an ensemble, and every synthetic image starts from real ones.
#
# Next: 04 · Three types of knowledge.
