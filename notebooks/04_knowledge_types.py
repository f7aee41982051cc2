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
# **After this chapter you can say**
# - what response, feature and relation knowledge are, each in one equation and a few lines of code;
# - what each of them asks of the teacher, of the student's architecture, of time and of memory, as measured;
# - which of ten methods make a better student than plain distillation at the same budget, and which do not;
# - whether relations are best for metric learning and few examples, and where the evidence ends.
#
# *About two minutes on two cores once the shared teachers are trained (`make book` does that); the full results on this page took
# longer.*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from kdbook.lab import describe_run, load, output_folder, run

describe_run(PROFILE, DEVICE, minutes={"quick": 2, "full": 157})

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One teacher, three questions
#
# A network that looks at an image does three things that can be learned from. It *answers*: the last layer's logits, all
# that chapters 01 to 03 used. It *represents*: every hidden layer turns the image into features. And it *relates*: two
# images that it finds alike have features near each other. Our teacher here is a convolutional network for
# Fashion-MNIST, and our convolutional student has one weight for forty-six of its:

# %%
import numpy as np
import torch

from kdbook.data import load_images
from kdbook.nets.vision import ConvNet, count_parameters

torch.manual_seed(0)
teacher, student = ConvNet((32, 64, 128), depth=2).eval(), ConvNet((8, 16, 32)).eval()
x = load_images("fashion-mnist", "test").images(slice(8))  # (B, 28, 28)
with torch.no_grad():
    t, s = teacher(x), student(x)
print(f"teacher {count_parameters(teacher):,} weights, student {count_parameters(student):,}")
for name, out in (("teacher", t), ("student", s)):
    print(name, "logits", tuple(out.logits.shape), "features", [tuple(f.shape) for f in out.features])

# %% [markdown] slideshow={"slide_type": "slide"}
# **Response.** Both answer ten logits, whatever is inside: the loss of chapter 01 fits any pair of networks, and a teacher
# behind an interface that names its three most probable classes will do.
#
# **Features.** The layers have other widths, so something must translate. A *FitNet* (Romero et al. 2015) learns a regressor
# $r$, a 1x1 convolution, and pulls the student's middle layer towards the teacher's, before the student learns to answer:
#
# $$ L_\text{hint} = \overline{(f_t - r(f_s))^2} $$
#
# *Attention transfer* (Zagoruyko and Komodakis 2017) needs no regressor: it takes the mean over channels, and keeps *where*
# a layer is active, $Q = \overline{f^2}/\lVert\overline{f^2}\rVert$.
#
# **Relations.** Neither widths nor layers need to agree, since only *comparisons between examples* are compared. RKD (Park et
# al. 2019) takes all distances within a batch, in units of their mean over all $i \neq j$:
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
# ## The map
#
# After the survey of Gou et al. (2021): what is learned from, by whom and when, for every method of this book.

# %% slideshow={"slide_type": "slide"}
import matplotlib.pyplot as plt
import pandas as pd

from kdbook.show import picture_slider, show_figure, show_ledger, show_picture
from kdbook.show.style import HARD, SOFT, SOFT_SHIFTED

METHODS = [  # method, type, mode, chapter, source
    ("KD", "response", "offline", "01", "Hinton et al. 2015"),
    ("logit matching", "response", "offline", "03", "Ba and Caruana 2014"),
    ("DKD", "response", "offline", "03", "Zhao et al. 2022"),
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
    ("born-again", "response", "self", "05", "Furlanello et al. 2018"),
    ("PS-KD", "response", "self", "05", "Kim et al. 2021"),
    ("be your own teacher", "response, feature", "self", "05", "Zhang et al. 2019"),
    ("specialists", "response", "offline", "06", "Hinton et al. 2015"),
    ("DistilBERT", "response, feature", "offline", "08", "Sanh et al. 2019"),
    ("TinyBERT", "response, feature", "offline", "08", "Jiao et al. 2020"),
    ("sequence-level KD", "response", "offline", "09", "Kim and Rush 2016"),
    ("GKD", "response", "online data", "09", "Agarwal et al. 2024"),
]
methods = pd.DataFrame(METHODS, columns=["method", "type", "mode", "chapter", "source"])
types, modes = ["response", "feature", "relation"], ["offline", "online", "self"]
colours = dict(zip(types, (SOFT, HARD, SOFT_SHIFTED), strict=True))

fig, axes = plt.subplots(figsize=(9, 4.6), layout="constrained")
for i, kind in enumerate(types):
    for j, mode in enumerate(modes):
        here = methods[methods.type.str.contains(kind) & methods["mode"].str.startswith(mode)]
        lines = [f"{m.method} ({m.chapter})" for m in here.itertuples()]
        half = -(-len(lines) // 2) if len(lines) > 5 else len(lines)
        text = ["\n".join(lines[:half]), "\n".join(lines[half:])]
        axes.add_patch(plt.Rectangle((i, -j), 0.96, -0.92, color=colours[kind], alpha=0.18, lw=0))
        axes.text(i + 0.04, -j - 0.06, text[0], va="top", fontsize=8)
        axes.text(i + 0.5, -j - 0.06, text[1], va="top", fontsize=8)
axes.set(
    xlim=(0, 3), ylim=(-3, 0.02), title="What is learned from (columns), and from whom (rows); chapters in brackets"
)
axes.set_xticks([0.48, 1.48, 2.48], types)
axes.set_yticks([-0.46, -1.46, -2.46], modes)
axes.tick_params(length=0)
axes.spines[:].set_visible(False)
show_picture(
    fig,
    alt="Nine fields, types of knowledge in columns and modes in rows, with the methods of the table below. Most are offline; "
    "online and self-distillation learn from responses, and no method here learns relations in either.",
)

# %%
from IPython.display import Markdown

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


lines = [f"| {m.method} | {m.type} | {m.mode} | {link(m.chapter)} | {m.source} |" for m in methods.itertuples()]
Markdown("\n".join(["| method | type | mode | chapter | source |", "|---|---|---|---|---|", *lines]))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ten methods at one budget
#
# Which of them makes the best student? Every student sees the same 12,000 images for the same eight epochs, from the same
# initial weights for each seed; its teacher was trained on 50,000. Each method stands once *alone beside hard labels* and once
# *added to soft targets*. A FitNet spends some of its eight epochs on hints. The vertical lines are what the methods have to
# beat: labels alone, and plain distillation.

# %% slideshow={"slide_type": "-"}
types_full = load("knowledge_types")
my_types = run("knowledge_types", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("knowledge_types", types_full, my_types)

# %% [markdown]
# In numbers, paired over seeds: test errors fewer (negative) or more than those of plain distillation. An interval that
# holds 0 means that five seeds cannot tell.

# %%
from kdbook.book.knowledge_types import METHODS as COMPARED
from kdbook.book.knowledge_types import NEEDS_MAPS
from kdbook.lab import t_interval

errors = types_full.pivot_table(index="seed", columns="arm", values="test_errors")
students = errors.drop(columns="teacher")  # there are fewer teachers than students


def against(arm, base):
    mean, low, high = t_interval(students[arm] - students[base])
    return f"{mean:+.0f} [{low:+.0f}, {high:+.0f}]"


rows = {}
for name, method in COMPARED.items():
    rows[method.label] = {
        "type": method.type,
        "alone, against labels": against(name, "hard"),
        "alone, against KD": against(name, "kd"),
        "added to KD, against KD": against(f"{name}_kd", "kd"),
        "MLP: alone, against labels": "needs maps" if name in NEEDS_MAPS else against(f"mlp_{name}", "mlp_hard"),
        "MLP: added to KD, against KD": "needs maps" if name in NEEDS_MAPS else against(f"mlp_{name}_kd", "mlp_kd"),
    }
rows["KD itself"] = {
    "type": "response",
    "alone, against labels": against("kd", "hard"),
    "MLP: alone, against labels": against("mlp_kd", "mlp_hard"),
}
rows["KD from three classes (API)"] = {
    "type": "response",
    "alone, against labels": against("api", "hard"),
    "alone, against KD": against("api", "kd"),
}
pd.DataFrame(rows).T.fillna("")

# %% [markdown]
# Tian et al. (2020) compared the same methods on CIFAR-100 with larger networks: plain distillation beat RKD in 13 of 13 pairs
# of teacher and student, FitNets and attention transfer in 12 of 13; their own CRD was the one consistently ahead of it.
#
# ### The weight of a term
#
# A comparison is only as fair as its tuning. The weight of each term was chosen on 10,000 validation images that neither
# teacher nor student has seen, and written down before the test set was read once. Here is what was tried:

# %%
weights = load("transfer_weights")
my_weights = run("transfer_weights", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("transfer_weights", weights, my_weights)

# %% [markdown] slideshow={"slide_type": "slide"}
# Move the weight, from stored trials, all methods at once: too light and a term changes little, too heavy and it takes over.
# The natural size is the weight at which the term is as large as the cross-entropy at the start.

# %% slideshow={"slide_type": "-"}
from kdbook.book.transfer_weights import FACTORS, UNITS


def at_factor(arm, factor):
    name = arm.removesuffix("_kd")
    rows = weights[(weights.arm == arm) & ((weights.beta / UNITS[name] / factor - 1).abs() < 0.01)]
    return rows.validation_errors.mean()


def draw_factor(factor):
    fig, axes = plt.subplots(figsize=(8, 3.6))
    names = list(UNITS)
    for offset, suffix, colour, label in ((-0.2, "", HARD, "beside labels"), (0.2, "_kd", SOFT, "added to KD")):
        heights = [at_factor(f"{name}{suffix}", factor) for name in names]
        axes.bar([i + offset for i in range(len(names))], heights, 0.38, color=colour, label=label)
    for arm, colour in (("hard", HARD), ("kd", SOFT)):
        axes.axhline(weights[weights.arm == arm].validation_errors.min(), color=colour, ls="--", lw=1.2)
    axes.set_xticks(range(len(names)), [COMPARED[name].label for name in names], rotation=20, fontsize=8)
    axes.set(ylabel="validation errors of 10,000", ylim=(800, 2_000), title=f"weight = {factor:g} of the natural size")
    axes.legend(fontsize=8, ncols=2, loc="upper left")
    return fig


def factor_alt(factor):
    told = [f"{COMPARED[n].label} {at_factor(n, factor):.0f} and {at_factor(f'{n}_kd', factor):.0f}" for n in UNITS]
    return f"Weight {factor:g}: validation errors beside labels and added to KD: " + ", ".join(told) + "."


picture_slider("weight of the term", FACTORS["full"], draw_factor, alt=factor_alt, start=1)

# %% [markdown]
# ## Look inside
#
# Where do they look? Attention maps of the middle layer, for the teacher and three students, and how much the maps of these
# six images are like the teacher's (correlation over positions):

# %%
show_figure("attention_maps", types_full)


def likeness(arm):
    ours, theirs = (types_full.array(a, "attention_1").reshape(6, -1) for a in (arm, "teacher"))
    return np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(ours, theirs, strict=True)])


print({arm: f"{likeness(arm):.2f}" for arm in ("hard", "kd", "at", "at_kd", "at_paper")})

# %% [markdown] slideshow={"slide_type": "slide"}
# What do they find alike? Cosines between the embeddings of sixty images. Bright blocks off the diagonal are clothes for the
# upper body, and shoes and bags, which nets confuse. The teacher keeps its classes much further apart than students do; SP,
# which is asked to, comes nearest.

# %% slideshow={"slide_type": "-"}
show_figure("similarity_matrices", types_full)

# %% [markdown]
# The same embeddings as points, and the distances between the classes' centres (the "inter-class distances" that relation
# knowledge is said to carry):

# %%
show_figure("embedding_planes", types_full)
show_figure("class_distances", types_full)

# %% [markdown]
# ## For metric learning and few examples?
#
# Relation knowledge is recommended for metric learning and few-shot tasks. So we ask the embeddings four questions. Is an
# image's nearest neighbour of its own class? The same for MNIST's digits, *classes that no net here was trained on*. With five
# examples of each of five digits, how many others find their class by the nearest mean? And do the distances between
# classes resemble the teacher's?

# %%
show_figure("knowledge_types_embedding", types_full, my_types)

# %% [markdown]
# Knowledge graphs and graph networks, which the same recommendation names, are another literature with other data: not
# testable here.
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
# Features of the teacher can be cached like its answers when images are not augmented: a row of all maps is a thousand times
# the size of a row of logits, but it is still cheaper than asking the teacher again.

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

# %% [markdown]
# ## Which type to use?
#
# The summary gives a table by reading. Here it is again, with what was measured for our convolutional student; best and
# worst method of each type, against plain distillation.

# %%
images_per_second = (
    costs.groupby("method").images_per_second.mean() / costs.query("method == 'kd'").images_per_second.mean()
)
memory = costs.groupby("method").extra_bytes.mean() / 2**20
complexity = {"response": "one loss", "feature": "layers to choose, regressors, maps", "relation": "a loss a batch"}
embedding = types_full.groupby("arm")[["recall_new", "few_shot"]].mean() * 100


def span(values, form="{:.0f}"):
    low, high = min(values), max(values)
    return form.format(low) if form.format(low) == form.format(high) else f"{form.format(low)} to {form.format(high)}"


table = {}
for kind in types:
    names = [n for n, m in COMPARED.items() if m.type == kind]
    arms = names or ["kd"]
    added = [f"{n}_kd" for n in names] or ["kd"]
    table[f"{kind}-based"] = {
        "teacher access": "output only, an API will do" if kind == "response" else "hidden layers; an API is refused",
        "architecture": "any" + "".join(f"; {COMPARED[n].label} needs maps" for n in names if n in NEEDS_MAPS),
        "errors alone": span([students[a].mean() for a in arms]),
        "errors added to KD": span([students[a].mean() for a in added]),
        "images per second, times KD": span([images_per_second[n] for n in arms], "{:.2f}"),
        "memory besides, MiB": span([memory[n] for n in arms], "{:.1f}"),
        "recall@1 of new classes, %": span([embedding.recall_new[a] for a in added], "{:.1f}"),
        "few-shot accuracy, %": span([embedding.few_shot[a] for a in added], "{:.1f}"),
        "complexity": complexity[kind],
    }
pd.set_option("display.max_colwidth", None)
pd.DataFrame(table)

# %% [markdown] slideshow={"slide_type": "slide"}
# **Which should I choose?** Start with soft targets: they need nothing but answers and cost nothing. Add a relation or feature
# term when you can open the teacher and have validation data to find its weight; expect a small gain, if any. For an
# embedding rather than an answer, look at the four panels above, not at the error.
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
# **4.** (without a check) Turn all of a student's embeddings by one rotation, or make them twice as long. Which of the ten
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

# %%
mean = students.mean()
alone = {n: mean[n] - mean["kd"] for n in COMPARED}
added = {n: mean[f"{n}_kd"] - mean["kd"] for n in COMPARED}
better_alone = [COMPARED[n].label for n in alone if t_interval(students[n] - students["kd"])[2] < 0]
clear = [COMPARED[n].label for n in added if t_interval(students[f"{n}_kd"] - students["kd"])[2] < 0]
clear_mlp = [
    COMPARED[n].label
    for n in COMPARED
    if n not in NEEDS_MAPS and t_interval(students[f"mlp_{n}_kd"] - students["mlp_kd"])[2] < 0
]
best, worst = min(added, key=added.get), max(added, key=added.get)
across = [COMPARED[n].label for n in COMPARED if n not in NEEDS_MAPS and mean[f"mlp_{n}"] > mean["mlp_hard"]]


tried = {arm: rows.set_index("beta").validation_errors for arm, rows in weights.dropna(subset="beta").groupby("arm")}
at_the_edge = [arm for arm, found in tried.items() if found.idxmin() in (found.index.min(), found.index.max())]


def listed(names):
    return ", ".join(names) if names else "none of them"


Markdown(f"""
- **Soft targets alone** save {mean["hard"] - mean["kd"]:.0f} errors of {mean["hard"]:.0f} for the convolutional student and
  {mean["mlp_hard"] - mean["mlp_kd"]:.0f} of {mean["mlp_hard"]:.0f} for the MLP. Of the ten methods beside labels, clearly better
  than that: {listed(better_alone)}.
- **Added to soft targets**, clearly better than soft targets alone: {listed(clear)}. The largest change downwards is that of
  {COMPARED[best].label} ({added[best]:+.0f} errors), upwards that of {COMPARED[worst].label} ({added[worst]:+.0f}).
- **For the MLP**, whose teacher is of another family, clearly better than soft targets alone when added to them:
  {listed(clear_mlp)}. Across the families every relation method runs; with more errors than the MLP of labels alone: {listed(across)}.
- **From three classes of an API** a student makes {mean["api"]:.0f} errors, from all ten {mean["kd"]:.0f}.
- **A comparison is as fair as its tuning**: for {len(at_the_edge)} of {len(tried)} arms the weight in use is the smallest or
  the largest that was tried, so that a wider grid may serve them better.
- **The few-shot ranking is another one**: with soft targets {embedding.few_shot["kd"]:.1f} % of unseen digits are right, with labels
  {embedding.few_shot["hard"]:.1f} %; the best method, {COMPARED[embedding.few_shot[[*COMPARED]].idxmax()].label} beside labels, has
  {embedding.few_shot[[*COMPARED]].max():.1f} %, and the teacher itself {embedding.few_shot["teacher"]:.1f} %.
""")

# %% [markdown]
# What differs from the papers: small networks and 12,000 images of Fashion-MNIST instead of CIFAR-100, eight epochs, one
# seed a weight when weights were chosen, CRD with 256 negatives instead of 16,384 (they come from 12,000 samples) and the
# *current* embedding of the teacher as positive. FSP is projected by 1x1 convolutions, as student and teacher differ in
# width. The teacher of this chapter never saw the validation images, so that weights could be chosen with it.
#
# Next: [05 · Three training modes](05_training_modes.ipynb), on who teaches whom, and when.
