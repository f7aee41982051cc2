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
# # 05 · Three training modes: who teaches whom, and when
#
# **The answer first.** A teacher that knows more than the student's own labels helps most, and it can be trained long before.
# Without one, a net that has fitted its few images gains from almost any second opinion: from a peer that learns beside it, from
# a finished net of its own kind, even from a teacher smaller than itself. A smoothed label, which asks nobody, gives about half
# as much as the best of them, for nothing. The same time spent on training alone makes the net worse. And where a net has *not*
# fitted its images, all this turns round: there the label is the best thing it can be told.
#
# **After this chapter you can say**
# - what offline, online and self-distillation are, and which of them needs a teacher;
# - in which direction Deep Mutual Learning, Born-Again networks, PS-KD and Be Your Own Teacher really teach;
# - what each is worth at equal epochs and, a stricter question, at equal compute;
# - why papers disagree on peers and self-distillation: by how far their nets had fitted their images;
# - whether an online teacher must be stronger than its student, and whether it makes a curriculum.
#
# *About two minutes on two cores. The full results on this page took less than three hours on one core.*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from kdbook.lab import describe_run, load, output_folder, run

describe_run(PROFILE, DEVICE, minutes={"quick": 2, "full": 159})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What each of them is worth
#
# Each dot is one draw of two thousand images, *minus the same draw with hard labels*: left of the line means fewer errors, or
# better calibrated. The names are explained below, and so is how each was tuned.

# %% slideshow={"slide_type": "-"}
from kdbook.show import picture_slider, show_figure, show_picture

modes = load("who_teaches")
my_modes = run("who_teaches", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("who_teaches_errors", modes, my_modes)

# %% [markdown]
# The yellow rows are not distillation at all: two of them train the same student for two and four times as many epochs.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Three modes
#
# | | offline | online | self |
# |---|---|---|---|
# | **who teaches** | a finished teacher, frozen | a net that learns at the same time | the net itself, or a finished net of its kind |
# | **in its favour** | simple; answers are stored once and serve every student | no teacher has to be trained first | no other architecture is needed |
# | **against it** | a teacher must be there, and does not care what its student needs | all nets must fit in memory together | no new knowledge comes in |
# | **used by** | Hinton et al. 2015, DistilBERT | Deep Mutual Learning, KDCL | Born-Again networks, PS-KD, Be Your Own Teacher |
#
# Two of these names promise more than they hold. *Online* is often told as a teacher and a student that train together. In *Deep
# Mutual Learning* (DML), the best-known example, there is no teacher: two or more untrained **peers** teach each other. *KDCL* makes
# a teacher on the fly out of all nets; and one can train a teacher together with its student, who hears whatever the teacher knows
# by then.
#
# *Self* is not always without a teacher. *Born-Again* networks learn from a finished net of their own kind, which is a complete
# teacher all the same. *PS-KD* mixes the labels with the net's own answers of the last epoch. *Be Your Own Teacher* puts classifiers,
# early exits, on shallow layers and lets the deepest teach them.
#
# ### Ask the objective itself
#
# Who teaches whom need not be taken on trust. A net teaches another if the other's *gradient* depends on its answers. So we
# nudge one net's bias, or the labels, or a stored table, and look whose gradient moves. Here for two peers of DML, whose loss
# for net $i$ of $M$ is
#
# $$ L_i = \mathrm{CE}(q_i, y) + \frac{1}{M-1} \sum_{j \ne i} \mathrm{KL}(p_j \,\|\, q_i) \qquad p_j \text{ a constant} $$

# %% slideshow={"slide_type": "slide"}
import torch
import torch.nn.functional as F


def mutual(logits, y):
    """Deep Mutual Learning: logits (M, B, C), labels (B,) -> one loss a net, (M,)."""
    log_q = logits.log_softmax(-1)
    p = log_q.detach().exp()  # what a peer says is a constant
    losses = []
    for i in range(len(logits)):
        others = [F.kl_div(log_q[i], p[j], reduction="batchmean") for j in range(len(logits)) if j != i]
        losses.append(F.cross_entropy(logits[i], y) + sum(others) / len(others))
    return torch.stack(losses)


torch.manual_seed(0)
logits, y = torch.randn(2, 5, 10), torch.arange(5)
gradients = []
for nudge in (0.0, 1.0):
    z = logits.clone()
    z[1, :, 0] += nudge  # the second peer changes its mind about class 0
    z.requires_grad_()
    mutual(z, y).sum().backward()
    gradients.append(z.grad[0])
print(f"gradient of peer 1 moves by {(gradients[1] - gradients[0]).norm():.3f} when peer 2 is nudged")

# %% [markdown] slideshow={"slide_type": "slide"}
# `who_teaches` does this for every pair, on the very objectives that are trained below. The arrows are what it found; nothing
# is drawn by hand.

# %% slideshow={"slide_type": "-"} tags=["hide-input"] jupyter={"source_hidden": true}
import matplotlib.pyplot as plt
from torch import nn

from kdbook.data import Split
from kdbook.nets.vision import MLP, EarlyExits
from kdbook.show.style import HARD, PLAIN, SOFT, TEACHER
from kdbook.training import Batch, CachedTeacher, objectives

few = Split(torch.randint(0, 256, (20, 28, 28), dtype=torch.uint8), torch.arange(20) % 10, torch.arange(20))
batch = Batch(few.images(), few.y.clone(), few.index, 12)
finished = CachedTeacher(torch.randn(1, 20, 10), few.index)
itself = objectives.ProgressiveSelf(few, epochs=2)
itself.start_epoch(1)
itself.table = torch.rand(20, 10).softmax(-1)
shown = {  # the objective, the nets that learn, and what was stored before this step
    "Offline": (objectives.Distillation(finished, 4.0, 0.5), ["student"], {"frozen\nteacher": finished.logits}),
    "Born-Again": (objectives.Distillation(finished, 1.0), ["student"], {"generation\nbefore": finished.logits}),
    "PS-KD": (itself, ["student"], {"answers of\nlast epoch": itself.table}),
    "Be Your Own Teacher": (objectives.SelfExits(1.0, 0.3), ["exit 1", "exit 2", "exit 3"], {}),
    "DML": (objectives.MutualLearning(), ["peer 1", "peer 2", "peer 3"], {}),
    "KDCL": (objectives.Collaborative(1.0), ["net 1", "net 2", "net 3"], {}),
    "Co-trained": (objectives.CoTrained(1.0, 0.5), ["student", "teacher"], {}),
    "Co-trained, feedback": (objectives.CoTrained(1.0, 0.5, 0.2), ["student", "teacher"], {}),
}


def arrows(objective, learners, stored):
    """Pairs (who teaches, who learns) among untrained nets: a net is nudged at its last layer's bias."""
    exits = isinstance(objective, objectives.SelfExits)
    nets = EarlyExits((8, 8, 8)) if exits else nn.ModuleList(MLP([784, 8, 10]) for _ in learners)
    last = dict(zip(learners, [*nets.heads, nets.head] if exits else [net.layers[-1] for net in nets], strict=True))
    sources = {"labels": batch.y, **stored, **{name: layer.bias for name, layer in last.items()}}
    weights = {name: layer.weight for name, layer in last.items()}
    return objectives.who_teaches(objective, nets, batch, sources, weights)


fig, panels = plt.subplots(2, 4, figsize=(13, 6), layout="constrained")
for axes, (mode, (objective, learners, stored)) in zip(panels.flat, shown.items(), strict=True):
    above = ["labels", *stored]
    places = {name: ((i + 0.5) / len(above), 1.0) for i, name in enumerate(above)}
    for i, name in enumerate(learners):  # the middle one of three lower, so that no arrow runs through it
        places[name] = ((i + 0.5) / len(learners), -0.45 if (i, len(learners)) == (1, 3) else 0.0)
    for source, learner in sorted(arrows(objective, learners, stored)):
        look = {"arrowstyle": "-|>", "lw": 1.6, "shrinkA": 17, "shrinkB": 17, "connectionstyle": "arc3,rad=0.12"}
        look["color"] = HARD if source == "labels" else TEACHER if source in stored else SOFT
        axes.annotate("", places[learner], places[source], arrowprops={**look, "ls": "--" if source in stored else "-"})
    for name, at in places.items():
        box = {"boxstyle": "round,pad=0.35", "fc": "#f2f2f2" if name in above else "white", "ec": "#555555"}
        axes.text(*at, name, ha="center", va="center", fontsize=9, bbox=box)
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.8, 1.35), title=mode)
    axes.set_axis_off()
fig.suptitle("Yellow: labels. Blue: another's answers of this very step. Dashed: answers stored before it")
show_picture(
    fig,
    alt="Eight diagrams, one a mode. Labels reach every net but the Born-Again student. Offline, Born-Again and PS-KD have "
    "dashed arrows from something stored; peers point at each other; a co-trained teacher points at its student and only "
    "with feedback gets an arrow back; the deepest exit points at the two others.",
)

# %% [markdown]
# Three things in it contradict what is often said.
#
# - *"No teacher needed"* does not fit Born-Again: a finished net stands there, and labels reach the student only through it.
# - *"Earlier layers teach later ones"*: the arrows of Be Your Own Teacher go from the deepest exit to the shallow ones.
# - *"Later epochs teach earlier ones"*: PS-KD learns from answers that are *stored*, those of the epoch before. The reverse
#   cannot even be tried: nobody can learn today from what he will say tomorrow.
#
# The table of PS-KD is small enough to write down. In epoch $t$ of $E$ the target of an image is
# $(1 - a_t)\,\text{onehot}(y) + a_t\, p_{t-1}$ with $a_t = a_E\,(t + 1)/E$, and $p_{t-1}$ is looked up by the image's index:

# %%
table = F.one_hot(torch.tensor([2, 0, 1]), 3).float()  # (N, C): before the first epoch, the labels
labels, index = torch.tensor([1, 2]), torch.tensor([2, 0])  # a batch of images 2 and 0
epochs, final = 4, 0.8
for epoch in range(epochs):
    a = final * (epoch + 1) / epochs
    target = (1 - a) * F.one_hot(labels, 3) + a * table[index]
    table[index] = torch.tensor([[0.1, 0.7, 0.2], [0.2, 0.1, 0.7]])  # what a net would say in this epoch
    print(f"epoch {epoch + 1}: a = {a:.1f}, target of image 2 = {[round(float(v), 2) for v in target[0]]}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How they were compared
#
# A small convolutional student on 2,000 images of Fashion-MNIST for fifty epochs, after which it has fitted them. It begins with
# the same weights and sees the same batches under every mode. Its partners have about a quarter of its size, its size, or four
# times its size. There are ten draws of images, and each has teachers of its own. Every mode had six tries on validation images,
# of the decay and of a setting of its own, and labels had nine, of decay and learning rate; then all was frozen, and the test set
# was read once.

# %%
import pandas as pd

from kdbook.book.who_teaches import ARMS
from kdbook.lab import t_interval

paired = modes.pivot_table(index="seed", columns="arm", values="test_errors")
calibration = modes.pivot_table(index="seed", columns="arm", values="ece")


def interval(values, digits=0):
    """The mean over the draws with its 95 % interval."""
    return "{:+.{d}f} [{:+.{d}f}, {:+.{d}f}]".format(*t_interval(values), d=digits)


def against(arm, other="hard"):
    """Errors of an arm minus another's, paired by draw."""
    return interval(paired[arm] - paired[other])


worth = ("offline_large", "offline_stronger", "dml_equal", "kdcl_2", "born_again", "ps_kd", "smoothing", "hard_double")
pd.DataFrame(
    {
        ARMS[arm].label: {
            "errors minus hard labels": against(arm),
            "minus label smoothing": "" if arm == "smoothing" else against(arm, "smoothing"),
            "calibration error, %": f"{calibration[arm].mean():.1f}",
        }
        for arm in worth
    }
).T.rename_axis(f"hard labels: {paired.hard.mean():.0f} errors, calibration error {calibration.hard.mean():.1f} %")

# %% [markdown]
# The first row is the teacher that knows fifty thousand labels: nothing else comes near it. It hands down what it has seen, not
# only what it thinks. All others know no more than the student, and still nearly all of them save errors, most of them as many as
# a smoothed label does, and some more. What they share is that none of them ever says "this is a shirt, and nothing else", which
# a net that has fitted its images has heard too often: trained alone for twice as long it makes more errors, not fewer.
#
# Look at the last column as well. Errors and calibration are two prizes, and not always won together: PS-KD saves no more errors
# than smoothing, and is far better calibrated.
#
# ## Equal compute
#
# Two peers cost twice as much as one net, and a teacher has to be trained before it can teach. Counted in multiply-adds, a
# backward pass as two forward ones, and with the teacher's training added where one was needed:

# %% slideshow={"slide_type": "slide"}
show_figure("who_teaches_compute", modes, my_modes)

# %% [markdown]
# The line is the student alone, trained longer and longer: the control that tables of distillation seldom show. Here it *rises*:
# two thousand images have no more to say, and who hears them again and again learns them by heart. So every mode lies below the
# line, and it is not the compute that helps. The large teacher is not in the picture: its training costs far more than any of these.
# If it exists already, or serves many students, that is not on the bill, and an offline student costs no more than one of hard
# labels.
#
# ## Must the teacher be stronger?
#
# It is said that online distillation is unstable unless the teacher is much stronger. Here are all three ways with a weaker,
# an equal and a stronger partner. Instability would show as a wide spread of a column's dots.

# %%
show_figure("who_teaches_partner", modes, my_modes)

# %%
pd.DataFrame(
    {
        title: {
            size: f"{against(f'{mode}_{size}')}, spread {paired[f'{mode}_{size}'].std():.0f}"
            for size in ("weaker", "equal", "stronger")
        }
        for mode, title in {"offline": "frozen teacher", "dml": "peer", "cotrained": "co-trained teacher"}.items()
    }
).rename_axis(f"errors minus hard labels, whose spread is {paired['hard'].std():.0f}")

# %% [markdown]
# *Spread* is the standard deviation of the errors over the ten draws, which differ in their images too. No column is wider than
# labels alone, so nothing here is unstable. And stronger is not better. As a frozen teacher and as a peer the *weaker* partner
# helps more than the stronger one; among co-trained teachers no difference can be told. The weaker teacher makes more errors than
# its student makes without it! A net of a quarter of the size cannot fit the images, and so its answers stay vague; a net of four
# times the size has learned them by heart, and adds little to the labels. Yuan et al.
# ([2020](https://arxiv.org/abs/1909.11723)) saw the same with poorly trained teachers, and took it as a sign that soft targets
# act as a smoothing of the labels. The teacher that helps most, above, is stronger for another reason: it has seen more labels.
#
# ## A dynamic curriculum?
#
# What is the student told, epoch by epoch? A frozen teacher says the same every time. Whoever learns beside the student
# begins vague and becomes sure.

# %%
show_figure("who_teaches_curriculum", modes, my_modes)

# %% [markdown] slideshow={"slide_type": "slide"}
# **At which moment do the modes differ most?** Move through the epochs: each dot is a mode, with how vague its targets are
# and how often the student agrees with them already.

# %% slideshow={"slide_type": "-"}
from kdbook.book.who_teaches import CURVES

entropy = {arm: modes.stack(arm, "entropy").mean(0) for arm in CURVES}
agreement = {arm: 100 * modes.stack(arm, "agreement").mean(0) for arm in CURVES}
most = max(values.max() for values in entropy.values())


def draw_epoch(epoch):
    fig, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for arm, (label, colour) in CURVES.items():
        axes.plot(entropy[arm][:epoch], agreement[arm][:epoch], "-", color=colour, lw=1, alpha=0.5)
        axes.scatter(entropy[arm][epoch - 1], agreement[arm][epoch - 1], s=60, color=colour, label=label)
    axes.set(xlim=(-0.1, 1.05 * most), ylim=(40, 102), title=f"epoch {epoch}")
    axes.set(xlabel="entropy of the targets, bits", ylabel="student agrees, % of images")
    axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))  # beside the dots, not over them
    return fig


def epoch_alt(epoch):
    told = [f"{CURVES[a].label} {entropy[a][epoch - 1]:.2f} bits and {agreement[a][epoch - 1]:.0f} %" for a in CURVES]
    return f"Epoch {epoch}: " + ", ".join(told) + "."


moments = [*range(1, 6), 7, *range(10, len(entropy["smoothing"]) + 1, 5)]  # most happens early
picture_slider("epoch", moments, draw_epoch, alt=epoch_alt, play=True)

# %% [markdown]
# Is that a curriculum that *adapts to the student*? The co-trained teacher in this picture never looks at its student: its
# targets grow sure because it learns, and would do so without any student. A teacher that adapts has to receive something.
# In the arm *co-trained, feedback* it learns a part of its student's answers too, the last diagram at the top. That saves some
# errors: see *What surprised us*. It is no proof of a curriculum, since such a teacher also stays vaguer to the end.
#
# ## Generation by generation
#
# Born-Again: generation 0 learns labels, each later one only the answers of the one before, at $T = 1$. The summary that this
# book follows says that self-distillation cannot exceed the model's capacity. No net ever exceeds its own capacity. The
# question with an answer is whether the student exceeds its *teacher*; and, for the ensemble of all generations, whether it
# exceeds an ensemble of as many nets that cost as much and never met.

# %%
show_figure("who_teaches_generations", modes, my_modes)

# %%
together = modes.pivot_table(index="seed", columns="arm", values="ensemble_errors").assign(
    born_again_ensemble=paired.born_again_ensemble
)
before = modes[modes.arm == "born_again"].set_index("seed").partner_errors  # what generation 1 learned from
pd.Series(
    {
        "generation 1 minus its teacher": interval(paired.born_again - before),
        "generation 2 minus generation 1": against("born_again_2", "born_again"),
        "generation 3 minus the net of labels": interval(paired.born_again_3 - before),
        "generation 1 minus label smoothing": against("born_again", "smoothing"),
        "four generations together minus four independent nets": interval(
            together.born_again_ensemble - together.independent_4
        ),
        "four peers together minus four independent nets": interval(together.dml_4 - together.independent_4),
    },
    name="errors",
).to_frame()

# %% [markdown]
# The student of a net of its own kind makes fewer errors than that net, and the third generation fewer than the first. So a
# teacher is no ceiling. But a smoothed label takes the first generation as far; only the third goes beyond it, after four trainings.
# And all four *together* answer as well as four nets of labels that never met: no better, and no worse. Four peers do better.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why do papers disagree?
#
# One paper reports that peers, or a net's own answers, make it better; the next one tries the same and finds nothing, or
# harm. Both can be right. Ask first *how far the nets had fitted their images* when they were compared.
#
# So here is one net (two layers of 128 units) on 2,000 images of Fashion-MNIST, and only one thing changes: how long it is
# trained, from 5 epochs to 200. Rate, batch, decay and images stay. Beside labels stand two and four peers (DML), PS-KD with
# the paper's weight of 0.8, Born-Again (a finished net of the same kind that was trained for as many epochs, $T = 1$), and
# label smoothing of 0.1, which needs nobody's answers. Each number is the mean of *four* nets, which begin from the same four
# initial weights under every method: so all peers count, and they are compared with as many nets that ignore each other.

# %% slideshow={"slide_type": "-"}
fitted = load("how_far_fitted")
my_fitted = run("how_far_fitted", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("how_far_fitted", fitted, my_fitted)

# %% tags=["hide-input"] jupyter={"source_hidden": true}
from kdbook.book.how_far_fitted import METHODS, TUNED_AT, against_labels

more = against_labels(fitted)


def above_labels(method, decay="usual", epochs=TUNED_AT):
    """Errors above those of labels in the same draw, with the 95 % interval."""
    rows = more[(more.method == method) & (more.decay == decay) & (more.epochs == epochs)]
    mean, low, high = t_interval(rows.more)
    return f"{mean:+.0f} [{low:+.0f}, {high:+.0f}]"


alike = fitted[fitted.decay == "usual"]
by_length = {}
for length, rows in alike.groupby("epochs"):
    labels_alone = rows[rows.method == "labels"]
    by_length[f"{length} epochs"] = {
        "training loss of labels, nats": f"{labels_alone.train_loss.mean():.3f}",
        "test errors of labels": f"{labels_alone.test_errors.mean():.0f}",
        **{METHODS[method][0]: above_labels(method, epochs=length) for method in METHODS if method != "labels"},
    }
pd.DataFrame(by_length).rename_axis("errors above labels")

# %% [markdown]
# Read it from left to right. **After 5 epochs** the nets still err on their own images, and a label is the best thing they can
# be told. A peer that knows as little, a finished net that was stopped as early, and one's own answers of yesterday all say
# less than the label, and cost errors. **After 60 epochs** the labels have been learned: their loss is nearly zero, and with it
# what a net can still learn from them. Now the others' answers are what keeps a doubt alive, and peers make *fewer* errors than
# as many nets that ignore each other. PS-KD and Born-Again have made up for what they cost, and gain nothing here, though
# the convolutional net above gained from both. The sign has turned, and nothing has changed but the length of the training.
#
# So a paper whose nets fit their images to the last one reports a gain, and who tries it with a short budget finds harm. Both
# have measured well. Whatever else keeps a net from fitting, such as many more images or shifting them, should act like few
# epochs; that is a guess, and was not tried here. Before you compare methods, look at the training loss.
#
# Two more questions must be asked before anybody credits the peers. *Do you need others' answers for that?* Label smoothing
# spreads a tenth of the target evenly over all classes and asks nobody; look where its line runs. *Was the baseline as good as
# it can be?* A larger decay of the weights keeps a net from fitting too far as well. All methods had the same three tries of
# it at sixty epochs, on validation images. For none is the papers' usual decay surely better, and this is left with the other
# one, on the right of the figure:

# %% tags=["hide-input"] jupyter={"source_hidden": true}
tuned, at_length = fitted[fitted.decay == "tuned"], alike[alike.epochs == TUNED_AT]
pd.DataFrame(
    {
        label: {
            "test errors, usual decay": f"{at_length[at_length.method == method].test_errors.mean():.0f}",
            "above labels": "" if method == "labels" else above_labels(method),
            "test errors, better decay": f"{tuned[tuned.method == method].test_errors.mean():.0f}",
            "above labels of that decay": "" if method == "labels" else above_labels(method, "tuned"),
        }
        for method, (label, _) in METHODS.items()
    }
).T

# %% [markdown]
# With it labels alone make fewer errors, and so does every method. Peers keep most of what they were worth, so that they are no
# mere stand-in for decay. But a smoothed label, which asks nobody, is worth more than peers at either decay. What rests on answers
# alone, PS-KD at the paper's weight and Born-Again, is held back twice, by its targets and by the decay, and does not gain. One
# small net on few images cannot say what large nets do; it can say what to ask of a table of gains: how low was the training
# loss, who has tuned the decay, for whom, and where is the smoothed label?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One net, three exits
#
# Be Your Own Teacher. The deepest exit learns labels; each shallower one learns labels and the deepest one's answers. For
# comparison all exits on labels alone, the net without early exits, and the direction turned round: the *first* exit as the
# teacher of the others.

# %% slideshow={"slide_type": "-"}
exits = load("early_exits")
my_exits = run("early_exits", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("early_exits_errors", exits, my_exits)

# %% [markdown]
# Early exits are of use beyond training: an easy image can leave by the first exit that is sure of it.

# %%
show_figure("early_exits_leaving", exits, my_exits)

# %% [markdown]
# **How sure should an exit be before an image may leave?** The slider sets the probability that an exit must give its top
# class; the net is the one whose deepest exit teaches.

# %%
import numpy as np

from kdbook.book.early_exits import CONFIDENCES

curve = exits.stack("deep_teaches", "leaving").mean(0)


def leaving_at(confidence):
    """Wrong answers, multiply-adds an image in 10^6, and the shares of images that leave by each exit."""
    errors, cost, *shares = curve[int(np.abs(CONFIDENCES - confidence).argmin())]
    return errors, cost, np.array(shares)


def draw_leaving(confidence):
    errors, cost, shares = leaving_at(confidence)
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3))
    left.bar([1, 2, 3], 100 * shares, color=SOFT)
    left.set(title="Where images leave", xlabel="exit", ylabel="% of test images", ylim=(0, 100), xticks=[1, 2, 3])
    right.plot(curve[:, 1], curve[:, 0], "-", color=PLAIN)
    right.scatter([cost], [errors], s=70, color=SOFT, zorder=3)
    right.set(title="What that costs", xlabel="multiply-adds an image, 10^6", ylabel="test errors of 10,000")
    return fig


def leaving_alt(confidence):
    errors, cost, shares = leaving_at(confidence)
    by = ", ".join(f"{share:.0%}" for share in shares)
    return (
        f"Confidence {confidence:g}: {by} leave by exits 1 to 3, {cost:.2f} million multiply-adds, {errors:.0f} errors."
    )


picture_slider(
    "confidence",
    [float(c) for c in CONFIDENCES[::2]],
    draw_leaving,
    alt=leaving_alt,
    start=4,
)

# %% [markdown]
# ## Which should I choose?
#
# All modes in one table. *Cost* is the training of all nets that learn together, and of the teacher before them, in units of the
# student's own with hard labels.

# %%
unit = modes[modes.arm == "hard"].gigamacs.mean()


def closing_row(arm):
    rows = modes[modes.arm == arm]
    return {
        "mode": rows["mode"].iloc[0],
        "errors minus hard labels": against(arm),
        "calibration error, %": f"{rows.ece.mean():.1f}",
        "cost": f"{rows.gigamacs.mean() / unit:.1f}",
        "teacher's cost": f"{rows.teacher_gigamacs.mean() / unit:.1f}",
    }


left_out = ("hard", "independent_4", "born_again_ensemble")  # what others are compared with, and four nets as one
pd.DataFrame({look.label: closing_row(arm) for arm, look in ARMS.items() if arm not in left_out}).T

# %% [markdown] slideshow={"slide_type": "slide"}
# - **You have a teacher that knows more than your labels:** offline, before anything else. Store its answers once.
# - **You have no such teacher, few images and one student:** smooth the labels first, it is free. Then two peers, or a smaller
#   net beside yours or before it. Do not train for longer.
# - **Your images are many, or your net does not fit them:** labels. The others' answers cost errors there, as the section *Why do
#   papers disagree?* shows.
# - **You want several nets anyway, for an ensemble:** four peers. They were the best four together here, and each of them is better
#   alone, too.
# - **You want answers early:** exits, with labels or with the deepest as teacher, never with the first as teacher.
# - **You want calibrated answers:** look at the calibration column, not at the errors. Softer targets make a net *less* sure,
#   which helps one that is too sure and harms one that is not.
#
# ## Exercises
#
# **1.** The loss of Deep Mutual Learning, for any number of peers, with the peers as constants. (The cell at the top is one
# solution: try to write it without a loop.)

# %%
from kdbook.teach.chapter_05 import check_mutual_loss, check_progressive_targets, check_repaired_exits


def my_mutual_loss(logits, labels):
    return ...  # (M, B, C), (B,) -> (M,)


check_mutual_loss(my_mutual_loss)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(logits, labels):
    nets, rows, classes = logits.shape
    log_q, log_p = logits[:, None].log_softmax(-1), logits[None].detach().log_softmax(-1)
    pairs = (log_p.exp() * (log_p - log_q)).sum(-1).mean(-1)  # (M, M): row i learns from column j, and i from i is 0
    hard = F.cross_entropy(logits.reshape(-1, classes), labels.repeat(nets), reduction="none").view(nets, rows)
    return hard.mean(1) + pairs.sum(1) / (nets - 1)


check_mutual_loss(one_answer)

# %% [markdown]
# **2.** The targets of PS-KD for one batch. The table holds a row for each image of the training set; epochs count from 0.


# %%
def my_progressive_targets(table, index, labels, epoch, epochs, final):
    return ...  # (N, C), (B,), (B,), numbers -> (B, C)


check_progressive_targets(my_progressive_targets)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(table, index, labels, epoch, epochs, final):
    a = final * (epoch + 1) / epochs
    return (1 - a) * F.one_hot(labels, table.shape[1]) + a * table[index]


check_progressive_targets(one_answer)


# %% [markdown]
# **3. Spot the bug.** One net with several exits: all learn the labels, and the deepest teaches the others. The value of this
# loss is right. What is wrong is what it does in training. Mend it.


# %%
def exits_loss(logits, labels):
    """logits (L, B, C), from the shallowest exit to the deepest; labels (B,)"""
    p = logits[-1].softmax(-1)
    hard = sum(F.cross_entropy(z, labels) for z in logits)
    return hard + sum(F.kl_div(z.log_softmax(-1), p, reduction="batchmean") for z in logits[:-1])


check_repaired_exits(exits_loss)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(logits, labels):
    p = logits[-1].detach().softmax(-1)
    hard = sum(F.cross_entropy(z, labels) for z in logits)
    return hard + sum(F.kl_div(z.log_softmax(-1), p, reduction="batchmean") for z in logits[:-1])


check_repaired_exits(one_answer)

# %% [markdown]
# **4.** (without a check) Draw, before you look at the code, the arrows of a mode of your own: two peers with one frozen
# teacher, say. Then write its `learn` as a subclass of `TrainingMode` and let `who_teaches` find out whether you were right.
#
# ## The claims of this chapter
#
# The verdicts come from the full results; *yours* is provisional.

# %%
from kdbook.show import show_ledger

show_ledger("05", output_folder(PROFILE))

# %% [markdown]
# ## What surprised us
#
# The sentences below are written by code from the full results, so they change when the results do.

# %%
from IPython.display import Markdown

mean_errors = paired.drop(columns="born_again_ensemble").mean().sort_values()
no_teacher = mean_errors.drop(
    [*modes[modes["mode"] == "offline"].arm.unique(), "born_again", "born_again_2", "born_again_3"]
)
ece = calibration.mean()
at_exit = exits.groupby(["arm", "exit"]).test_errors.mean()
spread = paired.std()
shared = [f"{mode}_{size}" for mode in ("dml", "cotrained") for size in ("weaker", "equal", "stronger")]
Markdown(f"""
- **Fewest errors without any teacher trained before:** {ARMS[no_teacher.index[0]].label} ({no_teacher.iloc[0]:.0f}), then
  {ARMS[no_teacher.index[1]].label} ({no_teacher.iloc[1]:.0f}); hard labels for the same epochs {mean_errors["hard"]:.0f}.
- **Two peers against one net trained twice as long**, at the same bill: {against("dml_equal", "hard_double")} errors. Four peers
  against four nets that ignore each other, as ensembles: {interval(together.dml_4 - together.independent_4)}.
- **The same stronger teacher, trained together instead of before:** {against("cotrained_stronger", "offline_stronger")} errors of
  the student. Letting it learn from its student as well: {against("cotrained_feedback", "cotrained_equal")}.
- **Spread over draws:** {spread["hard"]:.0f} with hard labels; with partners from {spread[shared].min():.0f}
  ({ARMS[spread[shared].idxmin()].label}) to {spread[shared].max():.0f} ({ARMS[spread[shared].idxmax()].label}).
- **Three generations instead of one:** {against("born_again_3", "born_again")} errors, for two trainings more.
- **PS-KD** has a calibration error of {ece["ps_kd"]:.1f} %, hard labels {ece["hard"]:.1f} %, label smoothing {ece["smoothing"]:.1f} %.
- **The weaker teacher instead of the stronger one:** {against("offline_weaker", "offline_stronger")} errors of the student; the weaker
  peer: {against("dml_weaker", "dml_stronger")}.
- **Reversed teaching:** with the first exit as teacher the deepest makes {at_exit["shallow_teaches", 3]:.0f} errors, in the paper's
  direction {at_exit["deep_teaches", 3]:.0f}, on labels alone {at_exit["labels", 3]:.0f}, without early exits
  {at_exit["deepest_alone", 3]:.0f}.
""")

# %% [markdown]
# **What differs from the papers.** Theirs are large nets on CIFAR-100. Ours has about six thousand weights, and sees two thousand
# images of clothes until it has fitted them; the section *Why do papers disagree?* shows how much hangs on that. All peers of DML
# step at once, where the paper updates them in turn. KDCL shows each net another augmentation of an image, here all see the same.
# The bottlenecks of the exits are one convolution each. Settings were chosen for partners of the student's own size; partners of
# another size, and four nets, have what suited two. The learning rate of labels was chosen among three, and at the highest of them,
# 1.6, labels would have made 9 validation errors fewer, which is less than three draws can tell.
#
# **What to take away**
# - Ask what a teacher *knows* before you ask how it teaches: more labels beat every mode.
# - Look at the training loss. Second opinions help a network that has fitted its images, and harm one that has not.
# - Smooth the labels first. What a mode is worth is what it adds to that.
#
# Next: [06 · Specialists](06_specialists.ipynb), on teachers that know a few classes well.
