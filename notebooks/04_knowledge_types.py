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
# # 04 · Three types of knowledge: answers, features, relations
#
# **The answer first.** Ask for answers. A student that knows few labels loses more than a third of its errors when its teacher's
# soft targets reach it, and three named classes do as well as ten. Features and relations carry knowledge too: a student that is
# told only which images its teacher finds alike, and never what they are, loses a quarter of its errors. But the two do not add up:
# beside soft targets the best of them save a few errors in a hundred, and hints do harm. What helps soft targets most is another way
# to compare the same answers. And for new classes, which nobody was trained on, answers, features and relations are about equally
# good, and all are far better than labels.
#
# **After this chapter you can say**
# - what response, feature and relation knowledge are, each in one equation and a few lines of code;
# - where each of them taps the two nets, and what it asks of the teacher, of the student's architecture, of time and of memory;
# - which of nine methods make a better student than plain distillation in as many steps, and which do not;
# - whether relations are best for metric learning and few examples, and where the evidence ends.
#
# *About two minutes on two cores. The full results on this page took five and a half hours on one core, most of them spent on
# choosing settings.*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from kdbook.lab import describe_run, load, output_folder, run

describe_run(PROFILE, DEVICE, minutes={"quick": 2, "full": 329})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What each of them is worth
#
# A student of 6,000 weights knows 2,000 labels and sees 10,000 more images that have none. Its teacher has learned from 50,000
# labels. What should it ask its teacher for? Each dot is one of ten draws of images. On the left it is counted *minus the same draw
# with plain soft targets* (KD), so that right of the blue line means more errors; on the right, for a student of another
# architecture, minus hard labels. Yellow dots are a method beside the 2,000 labels; blue ones use the teacher's answers, alone
# or with a method added. The names are explained below, and so is how each was tuned.

# %% slideshow={"slide_type": "-"}
from kdbook.show import picture_slider, show_figure, show_ledger, show_picture

knowledge = load("which_knowledge")
my_knowledge = run("which_knowledge", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("which_knowledge", knowledge, my_knowledge)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One teacher, three questions
#
# A network that looks at an image does three things that can be learned from. It *answers*: the last layer's logits, all
# that chapters 01 to 03 used. It *represents*: every hidden layer turns the image into features. And it *relates*: two
# images that it finds alike have features near each other. Our teacher here is a convolutional network for
# Fashion-MNIST, and our convolutional student has one weight for fifteen of its:

# %%
import numpy as np
import torch

from kdbook.data import load_images
from kdbook.nets.vision import ConvNet, count_parameters

torch.manual_seed(0)
teacher, student = ConvNet((32, 64, 128)).eval(), ConvNet((8, 16, 32)).eval()
x = load_images("fashion-mnist", "test").images(slice(8))  # (B, 28, 28)
with torch.no_grad():
    t, s = teacher(x), student(x)
print(f"teacher {count_parameters(teacher):,} weights, student {count_parameters(student):,}")
for name, out in (("teacher", t), ("student", s)):
    print(name, "logits", tuple(out.logits.shape), "features", [tuple(f.shape) for f in out.features])

# %% [markdown] slideshow={"slide_type": "slide"}
# Where does each method tap the two nets? At the end for answers, between the layers for features. Relations need two images:
# what is compared is not a layer with a layer, but a distance with a distance.

# %% slideshow={"slide_type": "-"} tags=["hide-input"] jupyter={"source_hidden": true}
import matplotlib.pyplot as plt

from kdbook.show.style import CONTROL, HARD, SOFT, SOFT_SHIFTED, TEACHER

STAGES = ["image", "stage 1", "stage 2", "stage 3", "embedding", "answer"]
TAPS = {  # stage: what is compared there, and in which colour the figures have it
    1: ("where is\nit active?\nAT", CONTROL),
    2: ("a regressor\ntranslates\nFitNet", CONTROL),
    4: ("distances\nand angles\nRKD, SP, CC,\nPKT, CRD", SOFT_SHIFTED),
    5: ("probabilities\nKD, DKD,\nDIST", SOFT),
}
fig, axes = plt.subplots(figsize=(11, 4.2), layout="constrained")
for who, middle, height, colour in (("teacher", 0.0, 0.8, TEACHER), ("student", -2.4, 0.5, "#555555")):
    for at, stage in enumerate(STAGES):
        for behind in (0.09, 0.0):  # two images
            corner = (at - 0.34 + behind, middle - height / 2 + behind)
            box = plt.Rectangle(corner, 0.6, height, fc="white", ec=colour, lw=1.2)
            axes.add_patch(box)
        axes.text(at - 0.04, middle, stage, ha="center", va="center", fontsize=10)
        if at:
            axes.annotate("", (at - 0.34, middle), (at - 0.62, middle), arrowprops={"arrowstyle": "-|>"})
    axes.text(-0.45, middle, who, ha="right", va="center", fontsize=11, fontweight="bold")
for at, (text, colour) in TAPS.items():
    arrow = {"arrowstyle": "<|-|>", "color": colour, "lw": 2}
    axes.annotate("", (at - 0.25, -2.1), (at - 0.25, -0.42), arrowprops=arrow)
    axes.text(at - 0.18, -1.3, text, ha="left", va="center", fontsize=10, color=colour)
axes.set(xlim=(-1.2, 5.8), ylim=(-2.75, 0.55))
axes.set_axis_off()
show_picture(
    fig,
    alt="A large teacher above a small student, each a chain of image, three stages, embedding and answer. Arrows between them: "
    "attention transfer at a stage, FitNet's regressor at the middle stage, relations between two images at the embedding, "
    "KD, DKD and DIST at the answer.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# | | answers | features | relations |
# |---|---|---|---|
# | **what is copied** | probabilities of the classes | what a hidden layer makes of an image | how images stand to each other |
# | **in its favour** | any two nets, an API will do, answers are stored in a few bytes | says more than ten numbers can | widths need not agree; nothing is translated |
# | **against it** | what happens inside stays unused | layers must be paired, and a regressor trained | needs whole batches; costs grow with their square |
# | **used by** | Hinton et al. 2015, DKD, DIST | FitNets, attention transfer, TinyBERT | RKD, SP, PKT, CRD |
#
# **Response.** Both answer ten logits, whatever is inside: the loss of chapter 01 fits any pair of networks, and a teacher
# behind an interface that names its three most probable classes will do.
#
# **Features.** The layers have other widths, so something must translate. A *FitNet* (Romero et al.
# [2015](https://arxiv.org/abs/1412.6550)) learns a regressor $r$, a 1x1 convolution, and pulls the student's middle layer
# towards the teacher's, before the student learns to answer:
#
# $$ L_\text{hint} = \overline{(f_t - r(f_s))^2} $$
#
# *Attention transfer* (Zagoruyko and Komodakis [2017](https://arxiv.org/abs/1612.03928)) needs no regressor: it takes the mean
# over channels, and keeps *where* a layer is active, $Q = \overline{f^2}/\lVert\overline{f^2}\rVert$.
#
# **Relations.** Neither widths nor layers need to agree, since only *comparisons between examples* are compared. RKD (Park et
# al. [2019](https://arxiv.org/abs/1904.05068)) takes all distances within a batch, in units of their mean over all $i \neq j$:
#
# $$ d_{ij} = \lVert f_i - f_j \rVert \,/\, \mu, \qquad L_\text{RKD-D} = \overline{\mathrm{smooth}L_1(d^s_{ij}, d^t_{ij})} $$

# %% slideshow={"slide_type": "slide"}
import torch.nn.functional as F

regressor = torch.nn.Conv2d(16, 64, 1)  # the student's middle layer has 16 channels, the teacher's 64
hint = (t.features[1] - regressor(s.features[1])).square().mean()


def attention(f):
    return F.normalize(f.square().mean(1).flatten(1))  # (B, channels, H, W) -> (B, H W)


at = (attention(s.features[1]) - attention(t.features[1])).square().mean()


def relative_distances(f):
    d = torch.cdist(f, f)  # (B, B)
    return d / d[~torch.eye(len(d), dtype=torch.bool)].mean()


rkd = F.smooth_l1_loss(relative_distances(s.features[-1]), relative_distances(t.features[-1]))
print(f"untrained: hint {hint:.3f}, attention {at:.5f}, relational distance {rkd:.3f}")

# %% [markdown]
# Three losses, and three scales: a weight $\beta$ in front of each has to be found (further down). The package holds them
# with the ways in which they go wrong in well-known code (a mean left out, the wrong axis of a norm, an exploding gradient
# of a root): `kdbook.losses.feature` and `kdbook.losses.relation`, each checked against numbers computed by hand.
#
# The other names in the figure are variations. *KD of z scores* divides each net's logits by their own spread before it
# compares them (Sun et al. [2024](https://arxiv.org/abs/2403.01427)). *DIST* asks only that they correlate (Huang et al.
# [2022](https://arxiv.org/abs/2205.10536)), *DKD* takes apart what is said of the right class and of the others (Zhao et al.
# [2022](https://arxiv.org/abs/2203.08679)). *FSP* compares how the features change from layer to layer, *SP*, *CC* and *PKT* are
# three ways to compare tables of similarities, and *CRD* lets the student find its teacher's embedding of the same image
# among 256 others. Every method of this book, after the survey of Gou et al. ([2021](https://arxiv.org/abs/2006.05525)):

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import Markdown

METHODS = [  # method, type, mode, chapter, source
    ("KD", "response", "offline", "01", "Hinton et al. 2015"),
    ("logit matching", "response", "offline", "03", "Ba and Caruana 2014"),
    ("DKD", "response", "offline", "04", "Zhao et al. 2022"),
    ("DIST", "response", "offline", "04", "Huang et al. 2022"),
    ("KD of z scores", "response", "offline", "04", "Sun et al. 2024"),
    ("FitNet hints", "feature", "offline", "04", "Romero et al. 2015"),
    ("attention transfer", "feature", "offline", "04", "Zagoruyko and Komodakis 2017"),
    ("FSP", "relation", "offline", "04", "Yim et al. 2017"),
    ("RKD", "relation", "offline", "04", "Park et al. 2019"),
    ("SP", "relation", "offline", "04", "Tung and Mori 2019"),
    ("CC", "relation", "offline", "04", "Peng et al. 2019"),
    ("PKT", "relation", "offline", "04", "Passalis and Tefas 2018"),
    ("CRD", "relation", "offline", "04", "Tian et al. 2020"),
    ("DML", "response", "online", "05", "Zhang et al. 2018"),
    ("ensemble of peers", "response", "online", "05", "Guo et al. 2020 (KDCL)"),
    ("Born-Again", "response", "self", "05", "Furlanello et al. 2018"),
    ("PS-KD", "response", "self", "05", "Kim et al. 2021"),
    ("Be Your Own Teacher", "response, feature", "self", "05", "Zhang et al. 2019"),
    ("specialists", "response", "offline", "06", "Hinton et al. 2015"),
    ("DistilBERT", "response, feature", "offline", "08", "Sanh et al. 2019"),
    ("TinyBERT", "response, feature", "offline", "08", "Jiao et al. 2020"),
    ("sequence-level KD", "response", "offline", "09", "Kim and Rush 2016"),
    ("GKD", "response", "online data", "09", "Agarwal et al. 2024"),
]
CHAPTERS = {
    "01": "01_dark_knowledge",
    "03": "03_math",
    "04": "04_knowledge_types",
    "05": "05_training_modes",
    "06": "06_specialists",
    "08": "08_language_models",
}


def link(chapter):
    return f"[{chapter}]({CHAPTERS[chapter]}.ipynb)" if chapter in CHAPTERS else chapter


lines = [f"| {name} | {kind} | {mode} | {link(chapter)} | {source} |" for name, kind, mode, chapter, source in METHODS]
Markdown("\n".join(["| method | type | mode | chapter | source |", "|---|---|---|---|---|", *lines]))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How they were compared
#
# Ten draws, each of 12,000 images with 2,000 labels, and each with a teacher of its own. Within a draw all students begin with the
# same weights, and all take as many steps: a student of labels alone sees its 2,000 images six times as often. Each method
# stands once *alone beside the labels* and once *added to soft targets*, which need no label at all. A FitNet spends some of its
# eight epochs on hints. Every arm had six tries or more on validation images, labels and plain distillation included; then all was
# frozen, and the test set was read once.
#
# Test errors fewer (negative) or more than those of plain distillation, and for the MLP than those of hard labels, paired by draw,
# with 95 % intervals. An interval that holds 0 means that ten draws cannot tell.

# %%
from kdbook.book.which_knowledge import METHODS as COMPARED
from kdbook.book.which_knowledge import NEEDS_MAPS, RESPONSES
from kdbook.lab import t_interval

students = knowledge.pivot_table(index="seed", columns="arm", values="test_errors")


def against(arm, base):
    if arm not in students:
        return ""
    return "{:+.0f} [{:+.0f}, {:+.0f}]".format(*t_interval(students[arm] - students[base]))


rows = {"hard labels": {"alone": against("hard", "kd")}}
for name, (label, _) in RESPONSES.items():
    rows[label] = {"type": "response", "alone": against(name, "kd"), "MLP: alone": against(f"mlp_{name}", "mlp_hard")}
for name, method in COMPARED.items():
    rows[method.label] = {
        "type": method.kind,
        "alone": against(name, "kd"),
        "added to KD": against(f"{name}_kd", "kd"),
        "MLP: alone": "needs maps" if name in NEEDS_MAPS else against(f"mlp_{name}", "mlp_hard"),
        "MLP: added to KD": against(f"mlp_{name}_kd", "mlp_hard"),
    }
mean = students.mean()
pd.DataFrame(rows).T[["type", "alone", "added to KD", "MLP: alone", "MLP: added to KD"]].fillna("").rename_axis(
    f"KD: {mean.kd:.0f} errors; MLP of labels: {mean.mlp_hard:.0f}"
)

# %% [markdown]
# Read it in three steps.
#
# *Other ways to compare the same answers* come first, since they cost nothing. Dividing the logits by their own spread saves errors for
# sure, DIST does, and so does forgetting all but three classes. (Not all of that may be their merit: plain distillation was given a
# setting 16 validation errors behind its best try, which is within the noise, and the others their best.) The teacher's hard
# answers, which have lost their softness, still save most of what soft ones do.
#
# *Alone beside labels*, all relations but CRD save hundreds of errors, and attention maps do, without a single answer of the teacher
# being told. Angles go furthest. FitNet's hints save nothing that we could tell.
#
# *Added to soft targets*, the same methods save a few dozen errors at most, several of them surely, and hints cost more than that. What
# relations know, the answers have told already.
#
# The MLP tells the same story. (One of its ten students of plain soft targets went astray at the rate that had suited it in all
# other draws. That dot lies alone on the right, and makes the interval wide.)
#
# Tian et al. ([2020](https://arxiv.org/abs/1910.10699)) compared most of these methods on CIFAR-100 with larger networks, where the
# student knows every label: plain distillation beat RKD in 13 of 13 pairs of teacher and student, FitNets and attention
# transfer in 12 of 13; their own CRD was the one consistently ahead of it.
#
# ### The weight of a term
#
# A comparison is only as fair as its tuning. The weight of each term was chosen on 10,000 validation images that neither
# teacher nor student has seen. Here is what was tried:

# %%
tried = load("which_knowledge_settings")
my_tried = run("which_knowledge_settings", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("which_knowledge_settings", tried, my_tried)

# %% [markdown] slideshow={"slide_type": "slide"}
# **How heavy may a term be?** Move the weight, from stored trials, all methods at once: too light and a term changes little, too
# heavy and it takes over. The natural size is the weight at which the term is as large as the cross-entropy at the start.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
WEIGHTED = {name: method for name, method in COMPARED.items() if method.unit is not None}
MOVED = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
plain_errors = tried[tried.arm.isin(["hard chosen", "kd chosen"])].groupby("arm").validation_errors.mean()


def at_factor(name, suffix, factor):
    """Mean validation errors at a weight, at the better rate; not a number where it was not tried."""
    rows = tried[(tried.arm == name + suffix) & ((tried.beta / WEIGHTED[name].unit / factor - 1).abs() < 0.01)]
    return rows.groupby("lr").validation_errors.mean().min()


def draw_factor(factor):
    fig, axes = plt.subplots(figsize=(8, 3.6))
    for offset, suffix, colour, label in ((-0.2, "", HARD, "beside labels"), (0.2, "_kd", SOFT, "added to KD")):
        heights = [at_factor(name, suffix, factor) for name in WEIGHTED]
        axes.bar([i + offset for i in range(len(WEIGHTED))], heights, 0.38, color=colour, label=label)
    for arm, colour in (("hard chosen", HARD), ("kd chosen", SOFT)):
        axes.axhline(plain_errors[arm], color=colour, ls="--", lw=1.2)
    axes.set_xticks(range(len(WEIGHTED)), [method.label for method in WEIGHTED.values()], fontsize=9)
    axes.set(ylabel="validation errors of 10,000", ylim=(800, 2_300), title=f"weight = {factor:g} of the natural size")
    axes.legend(fontsize=9, ncols=2, loc="upper left")
    return fig


def factor_alt(factor):
    pairs = {m.label: [at_factor(n, suffix, factor) for suffix in ("", "_kd")] for n, m in WEIGHTED.items()}
    told = [
        f"{label} " + " and ".join("not tried" if v != v else f"{v:.0f}" for v in two) for label, two in pairs.items()
    ]
    return f"Weight {factor:g}: validation errors beside labels and added to KD: " + ", ".join(told) + "."


picture_slider("weight of the term", MOVED, draw_factor, alt=factor_alt, start=3)

# %% [markdown]
# ## Look inside
#
# Where do they look? Attention maps of the middle layer, for the teacher and three students, and how much the maps of these
# six images are like the teacher's (correlation over positions):

# %%
show_figure("attention_maps", knowledge)


def likeness(arm):
    ours, theirs = (knowledge.array(a, "attention_1").reshape(6, -1) for a in (arm, "teacher"))
    return np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(ours, theirs, strict=True)])


print({arm: f"{likeness(arm):.2f}" for arm in ("hard", "kd", "at", "at_kd")})

# %% [markdown] slideshow={"slide_type": "slide"}
# What do they find alike? Cosines between the embeddings of sixty images, six of each class. Bright blocks off the diagonal are
# classes that a net confuses, such as clothes for the upper body, or shoes and bags. The student of labels finds far more images alike than its teacher does.
# Soft targets bring much of the teacher's table, though nobody asked for it. SP is asked to: it copies the pattern and not the scale, since
# it compares rows of length one.

# %% slideshow={"slide_type": "-"}
show_figure("similarity_matrices", knowledge)

# %% [markdown]
# And the distances between the classes' centres, the "inter-class distances" that relation knowledge is said to carry:

# %%
show_figure("class_distances", knowledge)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## For metric learning and few examples?
#
# Relation knowledge is recommended for metric learning and few-shot tasks. So we ask the embeddings of *classes that no net
# here was trained on*: MNIST's digits, shown to nets that know clothes. With five examples of each of five digits, how many
# others find their class by the nearest mean? And do the distances between the classes of clothes resemble the teacher's?

# %% slideshow={"slide_type": "-"}
show_figure("which_knowledge_embedding", knowledge, my_knowledge)

# %%
embedding = knowledge.groupby("arm")[["recall", "recall_new", "few_shot"]].mean() * 100
shown = ["teacher", "hard", "kd", "answers", "at_kd", "rkd_d_kd", "rkd_a_kd", "sp_kd", "pkt_kd", "crd_kd"]
names = {"recall": "recall@1, clothes, %", "recall_new": "recall@1, digits, %", "few_shot": "5-way 5-shot, digits, %"}
embedding.loc[shown].rename(columns=names).round(1)

# %% [markdown]
# *Recall@1* is the share of images whose nearest neighbour has their class. Labels alone make an embedding that knows little about new things. Answers, features and relations all lift it
# to the teacher's own level, and the differences among them are small. In the second panel relations are what they promise to be: only a
# student of distances or angles has its teacher's distances. Knowledge graphs and graph networks,
# which the same recommendation names, are another literature with other data: not testable here.
#
# ## Thin and deep: FitNets on MNIST
#
# The first paper on feature knowledge made a promise that others did not: a student *thinner and deeper* than its teacher
# that ends up *better*. 361 thousand weights teach 30 thousand on MNIST: 1.9 % error with labels, 0.65 % with soft targets,
# 0.51 % with hints first, and 0.55 % the teacher.

# %%
thin = load("fitnets")
my_thin = run("fitnets", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("fitnets", thin, my_thin)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What it costs
#
# Features of the teacher can be cached like its answers when images are not augmented, but a row of all maps is a thousand times
# the size of a row of logits. Time goes into the comparing: angles look at all triples of a batch, CRD at hundreds of other
# images for each. Distances, correlations and PKT cost next to nothing.

# %% slideshow={"slide_type": "-"}
costs = load("transfer_cost")
my_costs = run("transfer_cost", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("transfer_cost", costs, my_costs)

# %% [markdown]
# And what each asks of the *teacher*: a teacher behind an interface has answers and nothing else. The code refuses the rest.

# %%
from kdbook.losses.feature import attention_transfer
from kdbook.nets.vision import MLP
from kdbook.training import ApiTeacher, Batch, LiveTeacher
from kdbook.training.objectives import Pairwise, Transfer

batch = Batch(x, torch.zeros(8, dtype=torch.long), torch.arange(8), 12)
term = Pairwise(attention_transfer, (1,))
for name, source, learner in (
    ("API teacher", ApiTeacher(LiveTeacher(teacher), "top_k", 3), student),
    ("MLP student", LiveTeacher(teacher), MLP([784, 100, 100, 10])),
):
    try:
        Transfer(source, term, beta=1.0)(learner, batch)
    except ValueError as refusal:
        print(f"{name}: {refusal}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which type to use?
#
# The summary gives a table by reading. Here it is again, with what was measured for our convolutional student: the best and the
# worst method of each type, in errors, speed, memory and what new digits make of the embedding.

# %% slideshow={"slide_type": "-"} tags=["hide-input"]
images_per_second = (
    costs.groupby("method").images_per_second.mean() / costs.query("method == 'kd'").images_per_second.mean()
)
memory = costs.groupby("method").extra_bytes.mean() / 2**20
complexity = {"response": "one loss", "feature": "layers to choose, regressors, maps", "relation": "a loss a batch"}
richness = {
    "response": f"{t.logits.shape[1]} of an answer",
    "feature": f"{sum(f[0].numel() for f in t.features[:3]):,} of all maps",
    "relation": f"{t.features[-1].shape[1]} of an embedding, compared in pairs",
}
distances = knowledge.groupby("arm").distance_correlation.mean()


def span(values, form="{:.0f}"):
    low, high = min(values), max(values)
    return form.format(low) if form.format(low) == form.format(high) else f"{form.format(low)} to {form.format(high)}"


table = {}
for kind in ("response", "feature", "relation"):
    names = [n for n, m in COMPARED.items() if m.kind == kind]
    alone = names or [n for n in RESPONSES if n != "answers"]
    added = [f"{n}_kd" for n in names] or ["kd"]
    table[f"{kind}-based"] = {
        "teacher access": "output only, an API will do" if kind == "response" else "hidden layers; an API is refused",
        "architecture": "any" + "".join(f"; {COMPARED[n].label} needs maps" for n in names if n in NEEDS_MAPS),
        "richness: numbers an image": richness[kind],
        "errors alone (labels: " + f"{mean.hard:.0f})": span([mean[n] for n in alone]),
        "errors added to KD": span([mean[n] for n in added]),
        "images per second, times KD": span([images_per_second[n] for n in names or ["kd"]], "{:.2f}"),
        "memory besides, MiB": span([memory[n] for n in names or ["kd"]], "{:.1f}"),
        "few-shot accuracy of digits, alone, %": span([embedding.few_shot[n] for n in alone], "{:.1f}"),
        "distances of classes like the teacher's": span([distances[n] for n in alone], "{:.2f}"),
        "complexity": complexity[kind],
    }
pd.set_option("display.max_colwidth", None)
pd.DataFrame(table)

# %% [markdown] slideshow={"slide_type": "slide"}
# **Which should I choose?** Start with soft targets, and try z scores in the place of a temperature: both need nothing but answers. If
# the teacher gives vectors and no answers, as a service that embeds texts or images does, take relations: correlations (CC)
# and PKT do most with least, angles a little more at several times the price of a step. Add a term to soft targets only if you can measure a difference of a few errors in a hundred. If
# your net will meet new classes, take any of the three; labels alone are what to avoid.
#
# ## Exercises
#
# **1.** Write the attention map of a layer.

# %%
from kdbook.teach.chapter_04 import check_attention_map, check_relational_distance, check_repaired_similarity


def my_attention_map(features):
    return ...  # (B, channels, H, W) -> (B, H W)


check_attention_map(my_attention_map)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_attention_map(lambda features: F.normalize(features.square().mean(1).flatten(1)))


# %% [markdown]
# **2.** Write RKD's distance loss, for embeddings of any two widths.


# %%
def my_relational_distance(f_s, f_t):
    return ...  # (B, D) and (B, D') -> one number


check_relational_distance(my_relational_distance)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def in_mean_distances(f):
    d = torch.cdist(f, f)
    return d / d[~torch.eye(len(d), dtype=torch.bool)].mean()


check_relational_distance(lambda f_s, f_t: F.smooth_l1_loss(in_mean_distances(f_s), in_mean_distances(f_t)))


# %% [markdown]
# **3. Spot the bug.** The similarity-preserving loss (Tung and Mori 2019) compares the rows of $F F^\top$, each divided by its
# Euclidean norm. This version stands in a well-known library for distillation, and in what was copied from it. Mend it.


# %%
def similarity_loss(f_s, f_t):
    def rows(f):
        return F.normalize(f @ f.T, 1)

    return (rows(f_s) - rows(f_t)).square().sum() / len(f_s) ** 2


check_repaired_similarity(similarity_loss)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(f_s, f_t):
    def rows(f):
        return F.normalize(f @ f.T, dim=1)  # the second argument by position is the norm's power, not its axis

    return (rows(f_s) - rows(f_t)).square().sum() / len(f_s) ** 2


check_repaired_similarity(one_answer)

# %% [markdown]
# **4.** (without a check) Turn all of a student's embeddings by one rotation, or make them twice as long. Which of the nine
# losses change, and which cannot see it?
#
# ## The claims of this chapter
#
# The verdicts come from the full results; *yours* is provisional.

# %%
show_ledger("04", output_folder(PROFILE))

# %% [markdown]
# ## What surprised us
#
# The sentences below are written by code from the full results, so they change when the results do.

# %% tags=["hide-input"]
gain = {n: mean["hard"] - mean[n] for n in COMPARED}


def clearly(arms, base, better=True):
    """Labels of methods whose arm makes surely fewer (or more) errors than the base."""
    found = []
    for name, arm in arms.items():
        _, low, high = t_interval(students[arm] - students[base])
        if (high < 0) if better else (low > 0):
            found.append(COMPARED[name].label if name in COMPARED else RESPONSES[name][0])
    return ", ".join(found) if found else "none of them"


others = {n: n for n in RESPONSES if n not in ("kd", "answers", "api")}
best = max(gain, key=gain.get)
mlp = [n for n, method in COMPARED.items() if method.mlp]
Markdown(f"""
- **Soft targets alone** save {mean["hard"] - mean["kd"]:.0f} errors of {mean["hard"]:.0f} for the convolutional student and
  {mean["mlp_hard"] - mean["mlp_kd"]:.0f} of {mean["mlp_hard"]:.0f} for the MLP. The same teacher's *hard* answers save
  {mean["hard"] - mean["answers"]:.0f} and {mean["mlp_hard"] - mean["mlp_answers"]:.0f}, three classes with their probabilities
  {mean["hard"] - mean["api"]:.0f} (convolutional).
- **Beside labels** surely better than labels alone: {clearly({n: n for n in COMPARED}, "hard")}; worse: {clearly({n: n for n in COMPARED}, "hard", False)}.
  The best of them, {COMPARED[best].label}, saves {gain[best]:.0f} errors, without ever being told an answer of its teacher.
- **Added to soft targets**, surely better than soft targets alone: {clearly({n: f"{n}_kd" for n in COMPARED}, "kd")}; worse:
  {clearly({n: f"{n}_kd" for n in COMPARED}, "kd", False)}.
- **Other losses for the same answers**, surely better than plain distillation: {clearly(others, "kd")}; worse:
  {clearly(others, "kd", False)}.
- **For the MLP**, whose teacher is of another family, better beside labels than labels alone:
  {clearly({n: f"mlp_{n}" for n in mlp}, "mlp_hard")}; worse: {clearly({n: f"mlp_{n}" for n in mlp}, "mlp_hard", False)}.
- **The few-shot ranking is another one**: with soft targets {embedding.few_shot["kd"]:.1f} % of unseen digits are right, with labels
  {embedding.few_shot["hard"]:.1f} %; the best method, {COMPARED[embedding.few_shot[[*COMPARED]].idxmax()].label} beside labels, has
  {embedding.few_shot[[*COMPARED]].max():.1f} %, and the teacher itself {embedding.few_shot["teacher"]:.1f} %.
""")

# %% [markdown]
# What differs from the papers: small networks and Fashion-MNIST instead of CIFAR-100; 2,000 labels, where the papers' students
# know them all; eight epochs; CRD with 256 negatives instead of 16,384 (they come from 12,000 samples) and the *current*
# embedding of the teacher as positive. FSP is projected by 1x1 convolutions, as student and teacher differ in width. The teachers
# of this chapter never saw the validation images, so that weights could be chosen with them. On a GPU, `python -m kdbook run
# which_knowledge --profile gpu` trains the pair of networks and the recipe of Tian et al. on CIFAR-100.
#
# **What to take away**
# - Answers first: they carry most, ask least, and any architecture can use them.
# - Knowledge is not in the answers alone. Where they cannot be had, relations go a good part of the way without one label more.
# - The same knowledge told twice is not worth twice as much. Whoever adds a term to soft targets must measure small differences, and
#   tune soft targets as well as the term.
# - Before you add a loss, try another way to compare the answers that you have.
#
# Next: [05 · Three training modes](05_training_modes.ipynb), on who teaches whom, and when.
