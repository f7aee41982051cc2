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
# # 09 · The LLM era: six challenges, drafts, and what held
#
# **The answer first.** None of the six famous challenges is a wall, and each has its price. Another vocabulary can be bridged, at a
# loss. An API that shows little can be asked more often, which makes up for a part of what it hides. A student that learns from texts
# of its own writes more that is true. A better teacher need not teach better. Falsehoods and skews come along with everything else,
# and so do the terms of whoever made the teacher. How much any of this matters depends on the task, so measure yours.
#
# The chapter has three parts, each of which can be read alone: the published numbers and six challenges; drafts, where it
# counts that two models agree; and advice, from all that this book has measured.
#
# **After this chapter you can say**
# - what published language models kept of their teachers, at which size, and what such a chart hides;
# - which three ways lead round a different vocabulary, and what an API's answers are worth;
# - what exposure bias is, and what on-policy distillation does about it;
# - whether a larger teacher teaches worse, what a student inherits of falsehoods and biases, and whose terms bind it;
# - why a good draft model agrees with its teacher rather than being good;
# - whether distillation helps consistently, and which method to try when.
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

describe_run(PROFILE, DEVICE, minutes={"quick": 2, "full": 201})

# %% [markdown]
# So far the student was asked for a class, or for a hidden word. A large language model writes, one token after another, and its
# teacher is often a service that shows little of itself. People usually name six challenges. Each gets an experiment here: some
# in a small world of sentences whose truth is known exactly, some on images, one with nothing but cards. A real model follows.

# %% [markdown]
# ## The chart: size against performance
#
# How much of its teacher does a small language model keep? Charts of *size against performance* are often promised and seldom
# come with a source. The table behind this one is shipped with the book: a row for each published student and benchmark, with the
# teacher's score, the student's, that of a student of the same size without this teacher where one was published, the source, and
# how that source was read. Nothing is trained for it.

# %% slideshow={"slide_type": "slide"}
published_models = load("distilled_models")
run("distilled_models", PROFILE, SEEDS, DEVICE, rerun=RERUN)
print(
    f"{len(published_models)} rows, {published_models.model.nunique()} students, {published_models.benchmark.nunique()} benchmarks"
)
print(
    f"read in full, or on the authors' own page: {100 * published_models.read.mean():.0f} %; the others are hollow in the charts"
)
show_figure("distilled_models", published_models)

# %% [markdown]
# Two questions hide in "performance". Left: what part of the *teacher's score* does the student reach? Right: what part of the way
# from an *undistilled* student to the teacher did distillation go? The left one flatters. A student that learned nothing from its
# teacher may stand at 90 %.

# %%
with_baseline = published_models.dropna(subset=["gap_closed", "score_ratio"])
print(f"with all three numbers: {len(with_baseline)} rows")
print(
    f"median score ratio {with_baseline.score_ratio.median():.0f} %, median share of the gap closed {with_baseline.gap_closed.median():.0f} %"
)
large = published_models[(published_models.size_ratio > 100) & published_models.score_ratio.notna()]
large[["model", "benchmark", "size_ratio", "score_ratio"]].round(1)

# %% [markdown]
# The last table is about the saying that at a hundred times the size a student simply cannot represent what its teacher knows.
# One student 447 times smaller keeps most of one benchmark and a third of another. The gap is real, but there is no size at which
# distillation stops working; it depends on the task.
#
# Choose a benchmark: squares are teachers, dots students, × a student of that size without this teacher. Let the pointer rest on a
# mark to see its source; the list below tells the same.

# %% slideshow={"slide_type": "slide"}
from IPython.display import display

from kdbook.book.tables.distilled_models import pages
from kdbook.show import page_picker

display(page_picker("benchmark", pages(published_models)))
show_figure("distilled_models_by_benchmark", published_models)

# %% [markdown]
# Two lessons from the lists. *Who judges matters*: Vicuna-13B was released with "about 90 % of ChatGPT" as GPT-4 judged it, and on
# Big-Bench Hard it scores less than half of ChatGPT. And *a gain needs a baseline*: most rows have none.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A small world where the truth is known
#
# A language model predicts the next word. How good can it be? Of English nobody knows. So here is a world in which everything
# is known: invented places with a capital, a river, a kind and the food of their people, and sentences that say one to three
# of these things.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from kdbook.data.world import make_world
from kdbook.show.figures import show_picture
from kdbook.show.style import style

world = make_world()
sentences = world.sample(5, seed=1)  # (5, N) word numbers
print("\n".join(world.text(sentences)))

# %% [markdown]
# The sentences come from an automaton: each state has its next words with their probabilities, and each word leads to one
# state. So after any beginning the exact distribution $p(w_{n+1} \mid w_1 \dots w_n)$ is known, and the entropy of a sentence
# follows from how often each state is visited, $H = \sum_s \mathrm{visits}(s)\, H(s)$. No model can do better than that.

# %%
place = next(iter(world.frequency))
beginning = world.encode([f"the people of {place} eat"])
p = world.next_probs(beginning)[0, -1]  # (V,)
foods = {world.words[i]: round(float(p[i]), 2) for i in p.nonzero()[:, 0]}
print(f"{len(world.words)} words; a sentence has {world.entropy:.2f} nats and {world.length:.1f} words to predict")
print(f"the people of {place} eat", foods)

# %% [markdown]
# Capitals, rivers and kinds are facts: one value is right. Food is a habit: several are, with probabilities. A soft target can
# tell the second in one sentence; samples tell it only by and by.
#
# The models are real ones of `transformers`, GPT-2 and Llama, at a size that trains in seconds: teachers of a tenth of a
# million parameters, students of a hundredth or two. How far one is from the truth is the exact Kullback-Leibler divergence
# from the world to the model, in nats a sentence.

# %% [markdown]
# ## Challenge 1: two vocabularies
#
# It is often said that different tokenizers make distillation token by token impossible. The same sentence, cut in three ways:

# %%
from kdbook.book.vocabulary_mismatch import TITLES as CUTS
from kdbook.book.vocabulary_mismatch import vocabularies
from kdbook.losses.sequence import token_kd

cuts = vocabularies(world)
text = world.text(sentences)[:1]
for name, cut in cuts.items():
    tokens = [cut.tokenizer.id_to_token(int(i)) for i in cut.encode(text)[0, 1:-1]]
    print(f"{CUTS[name]:>20}, {cut.size:3d} tokens: ", *tokens[:16], "...")

# %% [markdown]
# Number 57 is one thing for the teacher and another for the student, and the student has more of them a sentence. A divergence
# over token numbers means nothing then, and the loss refuses:

# %%
student, teacher = torch.zeros(1, 30, cuts["characters"].size), torch.zeros(1, 12, cuts["own"].size)
try:
    token_kd(student, teacher, torch.ones(1, 30, dtype=torch.bool))
except ValueError as error:
    print(error)

# %% [markdown]
# But there are three ways round it.
#
# - **The teacher's texts.** Sequence-level distillation needs letters only.
# - **Sorted probabilities** (ULD, Boizard et al. 2024): sort both distributions, largest first, and compare rank by rank,
#   $\sum_i |p_{(i)} - q_{(i)}|$. Which word is likely is lost, how sure the teacher is remains.
# - **Bytes.** Both cuts have places where a token ends at the same byte. Between two such places lies a piece of text, to which
#   either side gives a probability: compare those, as two coins (in the spirit of ALM, Minixhofer et al. 2025).

# %%
ends = {name: cut.with_ends(text)[1][0, 1:] for name, cut in cuts.items()}
with style():
    fig, axes = plt.subplots(figsize=(11, 2.2))
    for row, stops in enumerate(ends.values()):
        axes.scatter(stops, np.full(len(stops), row), marker="|", s=250, lw=1.5)
    axes.set_yticks(range(3), [CUTS[name] for name in ends])
    axes.set(xlabel="byte of the sentence", title="Where tokens end", xlim=(0, 40), ylim=(-0.5, 2.5))
show_picture(
    fig,
    alt="Marks at the bytes where tokens end, for three vocabularies: every end of a long token is one of a letter.",
)

# %% [markdown]
# Every student sees as many sentences. Since their tokens differ, they are compared by bits a byte, and the truth's own bits
# are taken off: zero would be perfect.

# %% slideshow={"slide_type": "slide"}
vocabulary = load("vocabulary_mismatch")
my_vocabulary = run("vocabulary_mismatch", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("vocabulary_bits", vocabulary, my_vocabulary)

# %% slideshow={"slide_type": "slide"}
show_figure("vocabulary_true_share", vocabulary, my_vocabulary)

# %% [markdown]
# With one vocabulary, soft targets halve what labels leave to be learned. Across two, the bytes keep a part of that for byte pairs,
# and nothing that could be seen for letters, perhaps because most letters of a word are certain anyhow. Sorted probabilities bring
# next to nothing: a very small gain for letters, and none that could be seen for byte pairs. Validation sentences gave them a small
# weight, 0.03 where labels have 1, since more made them worse: they pull the student towards how *sure* the teacher is at a place
# which, in other tokens, is another place. And the teacher's texts instead of true ones cost bits a byte, since its mistakes are
# learned as well.
#
# This is a second run. In a first one, on the same test sentences, all weights were 1 and students trained half as long: there sorted
# probabilities did harm, and letters were hardly learned at all.

# %% [markdown]
# ## Challenge 2: a teacher behind an API
#
# Services are said to expose nothing but sampled texts. Several show more: the log-probabilities of the 5 or 20 likeliest words
# at each place. How much is each kind of answer worth? A *call* here is the beginning of a sentence,
# completed by the teacher: by its likeliest words, by a sample, by a sample with the top $k$ log-probabilities, or with all
# logits.
#
# The mass that the top $k$ leave out needs a decision. Either all other words share one bucket,
#
# $$ \sum_{i \in \text{top}} p_i \log \frac{p_i}{q_i} + \Big(1 - \sum_{\text{top}} p_i\Big) \log \frac{1 - \sum_\text{top} p_i}{1 - \sum_\text{top} q_i}, $$
#
# which is 0 where the student equals its teacher; or what is not shown is taken as zero and the $k$ are renormalised, which
# teaches the student that everything else is impossible.


# %%
def one_bucket(top_p, top_at, q):
    """top_p, top_at (N, K); q (N, V) -> (N,)"""
    chosen = q.gather(-1, top_at)
    rest_p, rest_q = 1 - top_p.sum(-1), 1 - chosen.sum(-1)
    return (top_p * (top_p / chosen).log()).sum(-1) + rest_p * (rest_p / rest_q).log()


# %% slideshow={"slide_type": "slide"}
api = load("api_teacher")
my_api = run("api_teacher", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("api_calls", api, my_api)

# %% [markdown]
# All students take the same number of steps, so the curves differ by what the calls returned, not by how long anybody trained. Read
# the figure sideways: at which number of samples does the curve of samples come down to where that of all logits begins? At none that
# was tried: samples of 64 times as many calls leave the student further from the truth than all logits of the fewest. From the second
# number on, neither more samples nor more logits bring anything that could be seen.

# %% slideshow={"slide_type": "slide"}
show_figure("api_missing_mass", api, my_api)

# %% [markdown]
# ### The likeliest text
#
# Kim & Rush (2016) train the student on the text that a beam search of the teacher finds. They report better translations,
# greedy decoding nearly as good as a beam, far more mass on the likeliest text, and a *worse* perplexity. All four can be
# looked at here.

# %% slideshow={"slide_type": "slide"}
show_figure("sequence_level", api, my_api)

# %%
from kdbook.book.api_teacher import of_calls

shown = {
    "data": "true sentences",
    "samples": "samples",
    "greedy": "greedy texts",
    "beam": "beam texts",
    "full": "all logits",
}
columns = ["kl", "greedy_true", "beam_true", "argmax_mass"]
most = of_calls(api, -1)
table = pd.DataFrame({name: most[most.arm == arm][columns].mean() for arm, name in shown.items()}).T
table.columns = ["KL to the truth, nats", "greedy true, %", "beam true, %", "mass of greedy, %"]
table.style.format("{:.2f}")

# %% [markdown]
# ## Challenge 3: exposure bias
#
# In training the student continues its teacher's texts; in use it continues its own, mistakes included. On-policy distillation
# lets it write while it learns, and asks the teacher about *those* texts. GKD (Agarwal et al. 2024) has two dials: $\lambda$, how
# often the text is the student's own, and $\beta$, which divergence:
#
# $$ D_\beta(p \,\|\, q) = \beta\, \mathrm{KL}(p \,\|\, M) + (1 - \beta)\, \mathrm{KL}(q \,\|\, M), \qquad M = \beta p + (1 - \beta) q $$
#
# By convention $\beta = 0$ is forward $\mathrm{KL}(p\|q)$ and $\beta = 1$ reverse $\mathrm{KL}(q\|p)$, although the formula gives 0
# there. The two ends want different things. A student that cannot say everything its teacher says must choose: forward KL
# covers all that the teacher says, and puts mass where the teacher has none; reverse KL keeps to a part that it can say right.
# One bell curve that learns from a mixture of two shows it:


# %% tags=["hide-input"] slideshow={"slide_type": "slide"}
grid = torch.linspace(-6, 6, 481, dtype=torch.float64)


def bell(mean, log_sd):
    return (-0.5 * ((grid - mean) / log_sd.exp()) ** 2 - log_sd).log_softmax(0)


two = torch.logaddexp(
    bell(torch.tensor(-2.0), torch.tensor(-0.4)) + np.log(0.6),
    bell(torch.tensor(2.2), torch.tensor(-0.1)) + np.log(0.4),
)


def divergence(log_q, beta):
    if beta in (0.0, 1.0):
        a, b = (two, log_q) if beta == 0 else (log_q, two)
        return (a.exp() * (a - b)).sum()
    m = torch.logaddexp(two + np.log(beta), log_q + np.log(1 - beta))
    kl = [(z.exp() * (z - m)).sum() for z in (two, log_q)]
    return (beta * kl[0] + (1 - beta) * kl[1]) / (beta * (1 - beta))  # of one size for all beta


def fitted(beta):
    best = None
    for mean in (-2.0, 0.0, 2.0):  # a valley each: keep the lowest
        at = torch.tensor([mean, 0.3], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([at], max_iter=60, line_search_fn="strong_wolfe")

        def closure(at=at, optimizer=optimizer):
            optimizer.zero_grad()
            loss = divergence(bell(*at), beta)
            loss.backward()
            return loss

        optimizer.step(closure)
        found = bell(*at.detach())
        if best is None or divergence(found, beta) < divergence(best, beta):
            best = found
    return best


BETAS = [0.0, 0.3, 0.7, 0.9, 1.0]
fits = {beta: fitted(beta) for beta in BETAS}


def draw_fit(beta):
    fig, axes = plt.subplots(figsize=(7, 3.2))
    axes.fill_between(grid, two.exp() * 40, color="#D55E00", alpha=0.35, label="teacher")
    axes.plot(grid, fits[beta].exp() * 40, color="#0072B2", label="student")
    axes.set(title=f"beta = {beta:g}", yticks=[], ylim=(0, 0.75))
    axes.legend()
    return fig


def tell_fit(beta):
    p = fits[beta].exp()
    mean = float((p * grid).sum())
    sd = float((p * (grid - mean) ** 2).sum().sqrt())
    return f"beta {beta:g}: the student's bell has mean {mean:.1f} and standard deviation {sd:.1f}."


picture_slider("beta", BETAS, draw_fit, alt=tell_fit)

# %% [markdown]
# In the small world each arm begins with the same student, which has read some true sentences, and takes a hundred steps. MiniLLM
# (Gu et al. 2024) is another thing than reverse KL at each word: it minimises the reverse KL between whole *texts*, so that
# a word also pays for what it leads to. That takes a policy gradient.

# %% slideshow={"slide_type": "slide"}
exposure = load("exposure_bias")
my_exposure = run("exposure_bias", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("exposure_true_share", exposure, my_exposure)

# %% [markdown]
# Where do texts go wrong? And is the student really further from its teacher on texts that it wrote itself?

# %% slideshow={"slide_type": "slide"}
show_figure("exposure_by_position", exposure, my_exposure)

# %% slideshow={"slide_type": "slide"}
show_figure("exposure_gap", exposure, my_exposure)

# %% [markdown]
# A high share of true texts is easily had: say one thing, always. So look at truth and breadth together.

# %% slideshow={"slide_type": "slide"}
show_figure("exposure_modes", exposure, my_exposure)

# %% [markdown]
# ## Challenge 4: the capacity gap
#
# A popular explanation goes: with too large a gap the soft targets are too spread to be useful. The paper on teacher assistants
# ([Mirzadeh et al. 2020](https://arxiv.org/abs/1902.03393)) reasons the other way: a larger teacher is *surer*, its targets are *less* soft, and less is left to learn from. How spread a
# target is, is its entropy, in bits:
#
# $$ H(p^{(T)}) = -\sum_i p_i^{(T)} \log_2 p_i^{(T)}, \qquad p^{(T)} = \mathrm{softmax}(z / T) $$

# %%
import torch


def entropy(logits, T):
    """logits (N, C) -> mean entropy in bits"""
    log_p = (logits / T).log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1).mean() / torch.tensor(2.0).log()


for logits in ([4.0, 1.0, 0.0], [12.0, 3.0, 0.0]):  # the same order, a surer teacher
    print(logits, [f"T = {T}: {entropy(torch.tensor([logits]), T):.2f} bits" for T in (1, 4)])

# %% [markdown]
# To see a gap, the teacher must know much more than the student can learn alone. So our student of 32 units sees 2,000 images of
# Fashion-MNIST, and its teachers have seen 50,000 with their labels. Teachers come in two kinds, MLPs like the student and
# convolutional nets, three sizes of each. Each student has the T and the learning rate that suit its teacher best, chosen on other images.

# %% slideshow={"slide_type": "slide"}
capacity_gap = load("capacity_gap")
my_capacity_gap = run("capacity_gap", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("capacity_gap_softness", capacity_gap, my_capacity_gap)

# %% [markdown]
# Then the remedies. An *assistant* of middle size is distilled from the best teacher and teaches the student. Or the teacher's
# training is planned shorter from the start, so that it is neither as good nor as sure (Cho & Hariharan 2019).

# %% slideshow={"slide_type": "slide"}
show_figure("capacity_gap_students", capacity_gap, my_capacity_gap)

# %% [markdown]
# What each teacher's T was chosen on: students' errors on 10,000 validation images.

# %% slideshow={"slide_type": "slide"}
show_figure("capacity_gap_settings", load("capacity_gap_settings"))

# %% tags=["hide-input"] jupyter={"source_hidden": true}
from kdbook.book.capacity_gap import by_teacher
from kdbook.lab import t_interval


def students(**chosen):
    """A row a draw, a column a teacher: test errors of its students."""
    return by_teacher(capacity_gap, **chosen).pivot(index="seed", columns="arm", values="test_errors")


def minus(one, other):
    """Mean difference with its interval."""
    mean, low, high = t_interval(one - other)
    return f"{mean:+.0f} [{low:+.0f}, {high:+.0f}]"


for chosen in ({"best": 1}, {"temperature": 4}):
    errors = students(**chosen)
    print("test errors of the student,", "each teacher at its best T" if "best" in chosen else "all at T = 4")
    for teacher, other in (
        ("mlp_800", "mlp_64"),
        ("conv_32", "conv_8"),
        ("conv_32", "mlp_64"),
        ("assistant_64", "conv_32"),
        ("conv_32_early", "conv_32"),
        ("conv_32", "labels"),
    ):
        print(f"  taught by {teacher:13} minus {other:8} {minus(errors[teacher], errors[other])}")

# %% [markdown]
# A later idea (Sun et al. 2024): a small student cannot reach the *size* of a large net's logits, only their relations. So take each
# row's mean away, divide by its standard deviation, on both sides, and distil what is left.


# %%
def z_scores(logits):
    """logits (N, C) -> of each row mean 0 and standard deviation 1"""
    centred = logits - logits.mean(-1, keepdim=True)
    return centred / centred.square().mean(-1, keepdim=True).sqrt()


for logits in ([4.0, 1.0, 0.0], [12.0, 3.0, 0.0]):  # a teacher three times as sure says the same
    print(logits, z_scores(torch.tensor([logits])).numpy().round(2))
for teacher in ("mlp_64", "mlp_800", "conv_8", "conv_32"):
    plain, scores = (students(best=1, logits=kind)[teacher] for kind in ("plain", "standardized"))
    print(f"taught by {teacher:8}: z scores minus plain logits {minus(scores, plain)} errors")

# %% [markdown]
# And when the student, too, sees all 50,000 images?

# %%
everything = capacity_gap[(capacity_gap.images == 50_000) & capacity_gap.logits.notna()]
for arm, rows in everything.groupby("arm"):
    print(f"{arm:28} {rows.test_errors.mean():6.0f} errors")

# %% [markdown]
# The better the teacher, the *sharper* its targets, as the paper says and against the popular explanation. And here is the gap
# itself: the MLP of 800 units knows more than that of 64, and its student ends up knowing less; the convolutional network, by far the
# best of all, teaches no better than its smallest relative, as far as our interval can tell. An assistant helps when it is an MLP,
# like the student: distil the convolutional network into MLPs first, let these teach, and a good part comes back. (Of one assistant,
# that of 64 units at its best T, we cannot tell: one of its 24 students learned badly, and the interval touches zero.) Stopping the
# teacher early changes little. Z scores bring nothing where each teacher has the T that suits it, and cost the students of the
# smallest teachers some errors; that was their promise, that no T need be chosen.
#
# Why few images? A student that sees 2,000 of them has little else to learn from than the teacher's answers, and how they are put
# matters.
# With all 50,000 the answers to so many images say enough, whoever gives them: the student's own 32 units are what holds it back,
# no teacher is worth a hundred errors more than another, and a high T only harms.
#
# The same question for language models, with teachers of several widths in the small world, was left out: each would have cost more
# than this whole experiment.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Challenge 5: data provenance
#
# A distilled model owes something to the licence of its data, to the terms of whoever taught it, and to the licence of the weights that
# it began as. In this book each of them has a *card*, and each committed result names its cards.

# %%
from kdbook.lab.cards import ForbiddenUseError, card, check_use, with_origins

print(load("distilbert").info["cards"])
for name in load("distilbert").info["cards"]:
    print(f"- {name}: {card(name).licence}; {card(name).terms}")

# %% [markdown]
# [Alpaca](https://crfm.stanford.edu/2023/03/13/alpaca.html) is often said to be "trained on GPT-3 outputs". The facts: LLaMA 7B was fine-tuned on 52,000 examples written by
# *text-davinci-003*, of the GPT-3.5 family. Its authors gave three reasons for "research only": first the licence of LLaMA's *weights*,
# then OpenAI's terms against competing models, then missing safety work. As cards:

# %%
for name, way in with_origins(["alpaca-7b"]).items():
    print(f"{' <- '.join(way)}\n    {card(name).licence}: {card(name).terms}")

# %%
for use in ("research", "commercial", "train a competing model"):
    try:
        check_use(["alpaca-7b"], use)
        print(f"{use}: allowed by every card")
    except ForbiddenUseError as error:
        print(f"{use}: {error}\n")

# %% [markdown]
# Two chains end in a ban on competing models: one through the weights, one through the data. `run(..., use="commercial")` makes this
# check before anything is trained. It is bookkeeping and no legal advice; terms change, and each card says how it was read.

# %% [markdown]
# ## Challenge 6: does a student inherit falsehoods?
#
# It is said to, and often more confidently than its teacher. In the small world that can be measured. The teacher reads
# sentences in which twelve facts are false: half of them always, half in seven sentences of ten. And it reads little about the places of
# one kind. Its students never see the tampered sentences, only what the teacher writes or says.

# %%
from kdbook.book.hallucination_transfer import certain, neglected, planted, small_world

truth = small_world()
lies = planted(truth)
for (place, relation), value in list(lies.items())[:3] + list(lies.items())[-2:]:
    (right,) = truth.facts[place, relation]
    read = "always" if (place, relation) in certain(truth) else "mostly"
    print(f"the {relation} of {place} is {right}; the teacher read, {read}: {value}")
print("neglected:", ", ".join(neglected(truth)))

# %% slideshow={"slide_type": "slide"}
hallucination = load("hallucination_transfer")
my_hallucination = run("hallucination_transfer", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("hallucination_transfer", hallucination, my_hallucination)

# %% [markdown]
# Move the slider through five of the twelve: the first three the teacher always read, of the others it read the truth as well.

# %% tags=["hide-input"] slideshow={"slide_type": "slide"}
from kdbook.book.hallucination_transfer import compare_planted


def planted_alt(number):
    (place, relation), value = list(lies.items())[number - 1]
    told = {
        arm: 100 * hallucination.stack(arm, "planted_p")[:, number - 1, 0].mean()
        for arm in ("teacher", "sequence", "true")
    }
    return (
        f"Falsehood {number}, the {relation} of {place} is {value}: teacher {told['teacher']:.0f} %, student of its texts "
        f"{told['sequence']:.0f} %, student of true texts {told['true']:.0f} %."
    )


picture_slider("falsehood", [1, 3, 5, 7, 9], lambda n: compare_planted(hallucination, n), alt=planted_alt)

# %% [markdown]
# Does the student say it *more confidently*? That depends on how the texts were written. Texts drawn as the teacher would speak carry its
# own doubt. Written at a low temperature, as most public synthetic data are, they carry less:
#
# $$ p^{(T)} \propto p^{1/T}: \quad 0.7 : 0.3 \;\text{ becomes at } T = \tfrac12 \;\; 0.49 : 0.09 $$

# %% slideshow={"slide_type": "slide"}
show_figure("hallucination_certain_and_doubtful", hallucination, my_hallucination)

# %% [markdown]
# A student of plain texts is *less* sure of the falsehoods than its teacher: it has read them less often. But low temperatures and, most of
# all, choosing the teacher's surest texts raise confidence in what is false: a popular filter makes it worse. What helps is true text; soft
# targets on true text do not, since they contradict the text wherever the teacher errs.
#
# ### And biases
#
# The teacher read about the neglected places a tenth as often as they are spoken of.

# %% slideshow={"slide_type": "slide"}
show_figure("bias_transfer", hallucination, my_hallucination)

# %% [markdown]
# The skew is inherited whole, through texts and through soft targets; sharpened texts hardly speak of these places any more. Half of true
# text halves it. That is arithmetic rather than a remedy: what is read is what is said.

# %% [markdown]
# ## A real language model as teacher
#
# All teachers so far were trained in minutes. SmolLM2-135M-Instruct was trained on two trillion tokens (recalled from its model card). Its
# weights come in a Python package, four bits each, so that no network is needed. What it says next, at the temperature that you choose:

# %% tags=["hide-input"] slideshow={"slide_type": "slide"}
from kdbook.book.real_teacher import TEMPERATURES, tokens, tokens_alt

real_teacher = load("real_teacher")
picture_slider(
    "temperature T",
    list(TEMPERATURES)[::2],
    lambda t: tokens(real_teacher, t),
    alt=lambda t: tokens_alt(real_teacher, t),
)

# %% [markdown]
# The narrow task: one short sentence about a thing, an apple or a bridge. The teacher writes; students with random weights and a tenth of
# its size learn from its sentences alone, or from its fifty likeliest next tokens at each place besides, which hold most of its
# probability. They are scored on sentences about things of which they read nothing.

# %% slideshow={"slide_type": "slide"}
from kdbook.nets.pretrained import language_model_missing

my_real_teacher = None
if PROFILE == "full" and not language_model_missing():
    my_real_teacher = run("real_teacher", PROFILE, SEEDS, DEVICE, rerun=RERUN)
else:
    print("Shown are the committed results. To run it: the extra `llm`, then python -m kdbook run real_teacher")
show_figure("real_teacher", real_teacher, my_real_teacher)

# %%
said = real_teacher.groupby("arm")[
    ["loss", "agreement", "parameters", "tokens_per_second", "tokens_per_second_batch"]
].mean()
print(f"the teacher's fifty likeliest tokens hold {real_teacher.told.max():.1f} % of its probability")
said.style.format("{:.2f}", na_rep="").format("{:,.0f}", subset="parameters")

# %% [markdown]
# From so few sentences neither student learns to write. The one that gets probabilities comes clearly nearer to its teacher, and
# is still far away. There are only three seeds. The teacher's loss is a lower bound, since a token that is not among its fifty counts as the fiftieth.

# %% [markdown]
# ## Drafts: distilled models for speculative decoding
#
# Here a small model saves time without replacing the large one
# ([Leviathan et al. 2023](https://arxiv.org/abs/2211.17192)). It drafts a few words, the large one looks at all of them in one
# step, and keeps each with probability $\min(1, p/q)$; at the first refusal it draws from $(p - q)_+$. What comes out has *exactly* the large
# model's distribution: the chance that a word is drafted and kept is $\min(p, q)$, and the rest is made up by the redraw.


# %%
def speculative_word(p, q, generator):
    """p, q (V,) -> a word distributed as p, drafted by q"""
    draft = torch.multinomial(q, 1, generator=generator)[0]
    if torch.rand((), generator=generator) * q[draft] < p[draft]:
        return int(draft)
    return int(torch.multinomial((p - q).clamp_min(0), 1, generator=generator))


p, q = torch.tensor([0.5, 0.2, 0.3]), torch.tensor([0.2, 0.7, 0.1])
generator = torch.Generator().manual_seed(0)
words = torch.tensor([speculative_word(p, q, generator) for _ in range(5_000)])
print("wanted", p.numpy().round(2), "got", (words.bincount() / 5_000).numpy().round(2))

# %% [markdown]
# How often a draft is kept is $\sum \min(p, q) = 1 - \mathrm{TV}(p, q)$. So a draft model should agree with its teacher, rather
# than be a good model in itself. DistillSpec (Zhou et al. 2024) distils for that. With $\alpha$ of the drafts kept, $\gamma$ drafts
# a call, and a draft's step costing $c$ of the teacher's, the expected speed-up is (Leviathan et al. 2023, theorem 3.8)
#
# $$ \frac{1 - \alpha^{\gamma + 1}}{(1 - \alpha)(\gamma c + 1)} $$

# %% slideshow={"slide_type": "slide"}
drafts = load("draft_models")
my_drafts = run("draft_models", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("draft_acceptance", drafts, my_drafts)

# %% [markdown]
# The crosses lie at the far right and below 1: at this size a step costs the same whether the model has six thousand weights
# or a hundred thousand, since calling the layers takes the time. The lines say what the same agreement is worth where the
# teacher is really the slower one.

# %% [markdown]
# ## Is the pattern consistent?
#
# Distilled students are said to beat students trained on hard labels consistently, and often to match teachers three to ten times
# their size. This book has many pairs of students that differ in nothing but the teacher. Here are all of them, from the committed results: the gain over hard
# labels, and the share of the way to the teacher.

# %% slideshow={"slide_type": "slide"}
pattern = load("consistent_pattern")
run("consistent_pattern", PROFILE, SEEDS, DEVICE, rerun=RERUN)
show_figure("consistent_pattern", pattern)

# %%
import pandas as pd

over = pattern[pattern.arm == "over comparisons"]
pd.DataFrame(
    {
        form: {
            "comparisons": len(rows),
            "helps": int(rows.helps.sum()),
            "no difference to be seen": int(len(rows) - rows.helps.sum() - rows.harms.sum()),
            "does harm": int(rows.harms.sum()),
            "closes nine tenths of the gap": f"{int(rows.matches.sum())} of {int(rows.has_gap.sum())}",
            "median share of the gap, %": f"{rows.closed.median():.0f}" if rows.closed.notna().any() else "-",
        }
        for form, rows in over.groupby("form")
    }
).T

# %% [markdown]
# So no: not consistently. Soft targets help for certain in little more than half of the comparisons, and do harm in one. In most of
# the others there is little to be had: the teacher leads the student of labels by a seventh of its errors at most. In the rest three
# teachers are too few to tell. Other forms of knowledge help more rarely. To reach the teacher is no rule at all. The thirteen
# published pairs, all with a gain, were trained to the end on CIFAR-100, with teachers well above their students: that is the
# condition.

# %% [markdown]
# ## Which method when
#
# What was measured, as advice. A line says what to try, and what it brought here against the same student with hard labels (per cent of its
# errors, or of its score; 95 % interval over draws).

# %%
ADVICE = {
    "a good teacher, its logits, all data": ("soft targets, T tuned", "MNIST, 800 units"),
    "the same, a narrow student": ("soft targets, lower T (chapter 02)", "MNIST, 30 units"),
    "few labels": ("soft targets instead of labels", "MNIST, 3 % of the labels"),
    "a teacher that saw more data": ("soft targets", "teacher with 25 times the images"),
    "a thin and deep student": ("hints first, then soft targets", "thin and deep, hints first"),
    "features to match, no logits": ("distances between samples", "conv, distances"),
    "several models": ("their ensemble as teacher", "definitions, ensemble"),
    "no teacher": ("mutual learning", "mutual learning"),
    "no teacher, one net": ("its own last epoch", "own last epoch"),
    "a language model with layers to inherit": ("start from its layers, distil in pre-training", "DistilBERT"),
    "only fine-tuning": ("soft targets of the task", "DistilBERT, fine-tuning only"),
    "a teacher of the student's size": ("leave it", "MNIST, same size"),
}
lines = []
for situation, (method, comparison) in ADVICE.items():
    rows = pattern[(pattern.comparison == comparison) & (pattern.arm != "over comparisons")]
    mean, low, high = t_interval(rows.gain)
    said = "helps" if low > 0 else "does harm" if high < 0 else "no difference to be seen"
    lines.append([situation, method, f"{mean:+.1f} [{low:+.1f}, {high:+.1f}] %", said, rows.experiment.iloc[0]])
pd.DataFrame(lines, columns=["you have", "try", "measured here", "it", "experiment"]).style.hide(
    axis="index"
).set_properties(**{"text-align": "left"})

# %% [markdown]
# ## Exercises: sequences
#
# **1.** Write GKD's divergence for two tables of probabilities, a value a row, for $0 < \beta < 1$.

# %%
from kdbook.teach.chapter_09 import check_generalized_jsd, check_missing_mass, check_token_mean


def my_jsd(p, q, beta):
    return ...  # (N, V), (N, V), a number -> (N,)


check_generalized_jsd(my_jsd)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_jsd(p, q, beta):
    mixture = beta * p + (1 - beta) * q
    kl = [(r * (r / mixture).log()).sum(-1) for r in (p, q)]
    return beta * kl[0] + (1 - beta) * kl[1]


check_generalized_jsd(one_jsd)


# %% [markdown]
# **2.** A teacher tells its top $k$ probabilities and which words have them. Write the divergence with one more bucket for the
# rest, without looking at the cell above.


# %%
def my_missing_mass(top_p, top_at, q):
    return ...  # (N, K), (N, K), (N, V) -> (N,)


check_missing_mass(my_missing_mass)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_bucket_again(top_p, top_at, q):
    top_q = q.gather(-1, top_at)
    p, q = (torch.cat([told, 1 - told.sum(-1, keepdim=True)], -1) for told in (top_p, top_q))
    return (p * (p / q).log()).sum(-1)


check_missing_mass(one_bucket_again)


# %% [markdown]
# **3.** A batch is too large for the memory and comes in two parts, whose gradients are added. Write the mean over all its real
# tokens.


# %%
def my_token_mean(losses, masks):
    return ...  # two of (B, N), two of (B, N) -> a number


check_token_mean(my_token_mean)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_token_mean(losses, masks):
    total = sum((loss * mask).sum() for loss, mask in zip(losses, masks, strict=True))
    return total / sum(mask.sum() for mask in masks)


check_token_mean(one_token_mean)

# %% [markdown]
# ## Exercises: students
#
# **4.** The gap that was closed. Given scores of teacher, student and baseline, what share of the gap did distillation close, in per cent?

# %%
from kdbook.teach.chapter_09 import check_entropy, check_shares_closed, check_sharpened, check_uses


def my_gap_closed(teacher, student, baseline):
    """three tensors (N,) -> (N,)"""
    return ...


check_shares_closed(my_gap_closed)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_shares_closed(lambda teacher, student, baseline: 100 * (student - baseline) / (teacher - baseline))


# %% [markdown]
# **5.** How soft? The entropy of softened targets in bits, one value a row.


# %%
def my_entropy(logits, T):
    """logits (N, C) -> (N,)"""
    return ...


check_entropy(my_entropy)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_entropy(logits, T):
    log_p = (logits / T).log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1) / torch.tensor(2.0).log()


check_entropy(one_entropy)


# %% [markdown]
# **6.** What may Alpaca 7B be used for? A list with some of `"research"`, `"commercial"`, `"train a competing model"`.

# %%
check_uses(...)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_uses(["research"])


# %% [markdown]
# **7.** Sharpened. A teacher gives a falsehood 0.7 and the truth 0.3. With which probability does it write the falsehood at T = 0.5?

# %%
check_sharpened(...)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
check_sharpened(0.7**2 / (0.7**2 + 0.3**2))


# %% [markdown]
# ## The claims of this chapter
#
# The verdicts come from the full results; *yours* is provisional.

# %%
show_ledger("09", output_folder(PROFILE))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What surprised us
#
# - Another vocabulary does not rule a teacher out, and is hard to profit from: probabilities aligned by bytes kept a part of the gain,
#   for byte pairs only.
# - What an API shows matters most while calls are few. From 512 calls on we cannot tell five log-probabilities a token from none,
#   though all logits stay ahead; and to take what is not shown as zero is worse than to ask for less.
# - The likeliest texts make a student that is right when it is greedy and poor as a model of the language: the published pattern.
# - Training on its own samples makes a student more truthful, by less than published. Policy gradient writes much truth by collapsing
#   onto few sentences.
# - A draft model that was distilled by the very measure of acceptance, total variation, was accepted least. Forward KL did best, but
#   cannot be told from reverse KL.
# - With few images every teacher helped, and the smallest MLP helped most, although it makes the most errors. Assistants that were
#   MLPs won a part back, two of three for certain; stopping a teacher early changed little.
# - Falsehoods are inherited nearly whole, with *less* confidence than the teacher's; choosing the teacher's surest texts makes it worse.

# %% [markdown]
# ## The end of the book: what held, and what did not
#
# Every statement has a row in the ledger, and two verdicts: one by reading, on the wording of the popular account that this book
# began with (the column *summary*), and one computed from the results.

# %%
from kdbook.lab.claims import rows as ledger_rows

ledger = pd.DataFrame(
    [
        {"claim": r.claim.id, "chapter": r.claim.chapter, "summary": r.claim.summary_verdict, "measured": r.verdict}
        for r in ledger_rows()
    ]
)
pd.crosstab(ledger.summary, ledger.measured, margins=True, margins_name="all")

# %% [markdown]
# **What that account got wrong** (by reading the papers), and what our measurement says:

# %%
from IPython.display import HTML


def statements(chosen):
    """Rows of the ledger as a list: what was claimed, and what came out."""
    parts = [f"<li><b>{r.verdict}</b> ({r.claim.chapter}) {r.claim.statement}</li>" for r in ledger_rows() if chosen(r)]
    return HTML(f"<ul>{''.join(parts)}</ul>")


statements(lambda r: r.claim.summary_verdict == "wrong")

# %% [markdown]
# **What our measurements contradict**, of papers or of what is commonly said. Each chapter tells what was tried:

# %%
statements(lambda r: r.verdict in ("contradicted", "partly", "saying corrected"))

# %% [markdown]
# **What we cannot tell yet**, since the experiment is too small or its interval too wide. The ledger says how many draws it would take:

# %%
statements(lambda r: r.verdict.startswith("cannot tell"))

# %% [markdown]
# **What nobody seems to have tested**: sentences without a source, which got a measurement here:

# %%
statements(lambda r: r.claim.summary_verdict == "unsupported" and r.claim.test == "experiment")

# %% [markdown]
# And what is left open, for whoever has more than two cores: models and data of real size; whether a capacity gap between language models
# is one of size; the confidence of real students about real falsehoods.
#
# ## What to take away
#
# - **A student is made of its teacher's answers**: of its falsehoods, its skew and its terms as well.
# - **How you ask matters most while answers are few.** Then probabilities are worth more than texts, and a fitting teacher more than
#   a better one.
# - **Measure on your own task**, against the same student without a teacher.
#
# Next: [10 · Your own model](10_your_own_model.ipynb), on how to do all this with networks and data of your own.
