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
# **The answer first.** Distillation is three equations: a softened softmax, a divergence, and a mixture with the
# labels. The gradient of the divergence shrinks as the temperature rises, in the end by $1/T$ for each of two reasons,
# and the factor $T^2$ makes up for that; leave it out, and "half and half" becomes labels alone. At very high
# temperatures all that is left is logit matching: the student's logits are pulled straight towards the teacher's.
#
# **After this chapter you can say**
# - the three equations of distillation, each in a line of code, and the mistakes that people make in them;
# - where the gradient $(q - p)/T$ comes from, and why its size falls as $1/T^2$: for two reasons, not one;
# - what $T^2$ repairs, what it does not, and what happens in training without it;
# - in which sense distillation becomes logit matching when $T$ is large, and what was done before distillation.
#
# *About a minute on two cores once the shared networks are trained (`make book` does that). The full results on this
# page took 12 minutes. With an NVIDIA GPU one more cell trains, for about eight minutes.*

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
# $$ p_i = \frac{\exp(t_i/T)}{\sum_j \exp(t_j/T)} \qquad\text{(teacher, logits } t\text{)}, \qquad
#    q_i = \frac{\exp(s_i/T)}{\sum_j \exp(s_j/T)} \qquad\text{(student, logits } s\text{)} $$
#
# In this chapter's code `v` holds the teacher's logits $t$, and `z` the student's logits $s$.

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
# Look at the nine blue curves: as $T$ rises, **almost all of them rise too**. Only the top class falls. All ten sum to
# 1 at every temperature. Keep this picture in mind: it will soon contradict a popular explanation of $T^2$.

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
# Each class counts by the teacher's $p_i$, times how far the student is from it. Single classes may count negative. The
# sum never does, and it is 0 only for $q = p$.
#
# In published code three mistakes hide in this one line: the mean is taken over rows *and classes* instead of rows (ten
# times too small for ten classes), the two arguments of KL are swapped, or the factor $T^2$ is missing. Exercise 1
# finds them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Equation 3: the mixture
#
# $$ L = \alpha\, L_\text{soft} + (1 - \alpha)\, \mathrm{CE}(y, q_{T=1}) $$
#
# The labels' part takes the student's answer at $T = 1$. It is often said that $\alpha = 0.7$ is a good weight; no
# paper that we checked uses it. Slide over what was measured at $T = 4$:

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
# Soft targets help both students, and from about three quarters on their exact weight hardly matters. Chapter 02 draws
# the same for fewer labels, with intervals.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The gradient, and why T squared
#
# For one row, $\partial\, \mathrm{KL}(p\,\|\,q) / \partial s_i = (q_i - p_i)/T$. The derivation takes three lines:
#
# 1. $\log q_j = s_j/T - \log\sum_k e^{s_k/T}$;
# 2. so $\partial \log q_j / \partial s_i = (\delta_{ij} - q_i)/T$;
# 3. and $-\sum_j p_j (\delta_{ij} - q_i)/T = (q_i - p_i)/T$, because the $p_j$ sum to 1.
#
# Autograd agrees:

# %% slideshow={"slide_type": "fragment"}
student = z[:100].clone().requires_grad_()
for T in (1, 4, 20):
    (auto,) = torch.autograd.grad(soft_loss(student, v[:100], T).sum() / T**2, student)
    by_hand = (soft(z[:100], T) - soft(v[:100], T)) / T
    print(f"T = {T:>2}: largest difference {(auto - by_hand).abs().max():.1e}, largest entry {by_hand.abs().max():.1e}")

# %% [markdown]
# How does the size of this gradient depend on $T$? One often reads: "a higher temperature makes the soft outputs
# smaller, and so the gradients". But you have seen that most outputs grow. The true reason has **two factors, of $1/T$
# each**:
#
# 1. *the chain rule*: $q$ depends on $s/T$, so a derivative with respect to $s$ brings a factor $1/T$, exactly, at
#    every temperature;
# 2. *flattening*: $p$ and $q$ both become uniform, so their difference $q - p$ shrinks, and once $T$ is large compared
#    with the logits it shrinks as $1/T$.

# %% slideshow={"slide_type": "slide"}
factors = load("t_squared")
my_factors = run("t_squared", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("t_squared_factors", factors, my_factors)

# %% [markdown]
# The chain rule's line is straight from the start. The other bends: at low temperatures $q - p$ does not shrink at all.
#
# So the second factor is a law for large $T$ only. Multiplying by $T^2$ makes the size of the gradient *nearly*
# constant, but only from some temperature on, and which one depends on the logits. Here is $T^2$ times the size of the
# gradient, on the left, and on the right the value of the loss, which is not constant either:

# %%
show_figure("t_squared_scale", factors, my_factors)

# %% [markdown]
# The curves become level in the end, but not in the range where people distil: for real students, between $T = 1$ and
# $T = 8$, both grow many times over. From which temperature on is the gradient within 5 % of its limit?

# %%
flat = factors.groupby("arm").flat_from.agg(["min", "max"]).dropna()
flat.columns = ["within 5 % of the limit from T =, fewest", "most"]
flat.loc[["untrained", "hard", "gaussian_10", "gaussian_100"]]

# %% [markdown]
# (The table takes $T = 100$, the largest in the list, for the limit. So a 100 means: nowhere below it.)
#
# Then why multiply by $T^2$ at all? Because *two* losses meet. A change of $T$ should not silently change how much the
# labels count. Without the factor, $\alpha\,\mathrm{KL} + (1-\alpha)\,\mathrm{CE}$ is the loss with $T^2$ at a
# different alpha, and with a smaller step:
#
# $$ \alpha' = \frac{\alpha}{\alpha + (1-\alpha)\,T^2}, \qquad \alpha = 0.5,\ T = 20:\ \alpha' = 0.0025 $$
#
# Half and half has become nearly labels alone. And when soft targets are the *only* loss, dropping the factor only
# divides the learning rate by $T^2$; multiply the learning rate by $T^2$, and with plain gradient steps the two runs
# coincide. The paper shows no run without the factor. Here are some:

# %%
show_figure("t_squared_training", factors, my_factors)

# %% [markdown]
# Mixed with labels (left and middle), students with the factor get better as $T$ rises and move towards the teacher's
# logits; without it they get worse. With soft targets alone and the learning rate made good (right), the factor makes
# no difference.
#
# **With a GPU** these students learn from all 60,000 images instead of 12,000, and there are twenty of each, with
# twenty teachers instead of five. Does the factor still matter when there are plenty of images? Students of one kind
# and temperature are one model. We estimate eight minutes, two of them for teachers that chapter 01 trains too, and 6
# GiB of memory on an NVIDIA A100 or a newer card.

# %% tags=["gpu"]
from kdbook.show import gpu_cell

gpu_cell("t_squared", "t_squared_training", card="an NVIDIA A100", minutes=8, memory=6, device=DEVICE)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The limit: logit matching
#
# Let $T$ be large compared with all logits, so that $e^{s_i/T} \approx 1 + s_i/T$. Subtract each row's mean from its
# logits, which no softmax notices, so that $\sum_j s_j = \sum_j t_j = 0$. Then
#
# $$ T^2 \cdot \frac{q_i - p_i}{T} \;\approx\; T \left( \frac{1 + s_i/T}{C} - \frac{1 + t_i/T}{C} \right)
#    = \frac{s_i - t_i}{C} $$
#
# and that is the gradient of $\frac{1}{2C}\sum_i (s_i - t_i)^2$: **half the mean squared difference of centred
# logits**. Two conditions are often forgotten. Without $T^2$ the loss tends to 0. And without subtracting the means,
# the formula punishes a constant that the softmax cannot see.
#
# Press play. Each dot is one class of one test image: across, its pull under logit matching; upwards, its pull under
# distillation at $T$. When all dots lie on the line, the two trainings are the same.

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
# At low temperatures most dots lie on the horizontal line: these are classes that distillation leaves alone, because
# both networks find them far-fetched. As $T$ rises, the dots gather on the diagonal. The same over 2,000 training
# images, for every seed:

# %%
limit = load("logit_limit")
my_limit = run("logit_limit", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("logit_limit_angle", limit, my_limit)

# %% [markdown]
# The angle falls to zero and the ratio tends to one, but slowly: at $T = 20$ the two gradients still point in different
# directions. The trained student has the longest way to go.
#
# Does a student notice? Here are four students of the same teacher, on the same images:

# %%
show_figure("logit_matching_students", limit, my_limit)

# %% [markdown]
# Hardly. At $T = 20$ the student already makes the errors of logit matching, and ends at the same distance from its
# teacher's logits. Only $T = 1$ stands apart. In numbers, with the share of test images on which it gives its teacher's
# answer:

# %%
columns = ["test_errors", "agreement", "logit_gap"]
limit[limit.arm.isin(["kd_1", "kd_20", "kd_100", "matching"])].groupby("arm", sort=False)[columns].agg(
    ["mean", "std"]
).round(3)

# %% [markdown]
# ### Before distillation: model compression
#
# Hinton et al. name Buciluă, Caruana and Niculescu-Mizil (2006) as the origin. In that paper a large ensemble labels a
# large *transfer set*. Where real data are few, it makes synthetic data close to them (MUNGE): some of each image's
# pixels, picked at random, are replaced by noisy ones from its nearest neighbour. [Ba and Caruana
# (2014)](https://arxiv.org/abs/1312.6184) then spelled out regression on logits. Here is both, on MNIST, from 6,000
# real images:

# %%
show_figure("munge_images", limit)

# %% [markdown]
# The synthetic images are still digits, speckled where the two neighbours differ. Do they teach?

# %%
show_figure("munge_students", limit, my_limit)

# %% [markdown]
# All students train for the same number of steps. Synthetic images have no label; the teacher can still answer them.
# But look which column is low: what counts here is that the student gets logits (or $T = 20$) instead of labels. The
# synthetic images add nothing to that.
#
# ## Exercises
#
# **1.** Write the loss. The check knows a dozen common mistakes.

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
# **2.** Write the gradient of each row's KL with respect to the student's logits, without autograd and without the
# factor $T^2$.


# %%
def my_gradient(student_logits, teacher_logits, temperature):
    return ...  # (B, C), (B, C), number -> (B, C)


check_soft_gradient(my_gradient)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_soft_gradient(lambda s, t, T: ((s / T).softmax(-1) - (t / T).softmax(-1)) / T)


# %% [markdown]
# **3.** Write what $T^2\,\mathrm{KL}$ tends to as $T$ grows. Then try your answer on logits to which a constant was
# added.


# %%
def my_limit_loss(student_logits, teacher_logits):
    return ...  # (B, C), (B, C) -> (B,)


check_logit_limit(my_limit_loss)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_logit_limit(lambda s, t: (s - t).var(-1, correction=0) / 2)  # the variance takes the mean off by itself


# %% [markdown]
# **4. Spot the bug.** This soft loss stands in a repository that many others have copied; the default of PyTorch's
# `KLDivLoss` is written out. Mend it.


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
# **What differs from the papers.** To save time, the students of this chapter train on 12,000 images (6,000 for the
# synthetic set), so their errors are not those of chapter 01. MUNGE was made for small tables; here each pixel is an
# attribute, one network teaches instead of an ensemble, and every synthetic image starts from real ones.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What to take away
#
# - **Keep the $T^2$ when you mix two losses.** Without it, raising the temperature quietly hands the student back to
#   the labels.
# - **The gradient shrinks for two reasons**, the chain rule and flattening. Only the first holds at every temperature,
#   so $T^2$ keeps the balance roughly, not exactly.
# - **At high temperatures distillation is logit matching**, on centred logits. Students hardly notice when the limit is
#   reached.
#
# Next: [04 · Three types of knowledge](04_knowledge_types.ipynb), on what a teacher can give besides its answers.
