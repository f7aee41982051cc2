"""What does a real language model tell a student of a tenth of its size, word by word or by its texts?

SmolLM2-135M-Instruct (Allal et al. 2025) writes one sentence about each of many things. Students with random weights
learn to do the same: from the texts alone (sequence-level distillation, Kim & Rush 2016), or from the fifty likeliest
next tokens of the teacher at every place, which hold most of the probability. Needs the extra `llm`.
"""

import time
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from kdbook.book.shared.small_world import as_split, seeded_gpt
from kdbook.lab import Arm, Tools, Trial, columns
from kdbook.lab.steps import train_stage
from kdbook.losses import entropy_bits
from kdbook.losses.sequence import sparse_kl
from kdbook.nets.pretrained import load_language_model
from kdbook.show import SOFT, TEACHER, by_arm, figure, level, looks, yours
from kdbook.training.objectives import TeacherForced, places, recorded

VERSION, DATA = 1, "world"
CARDS = ("smollm2-135m-instruct", "own-teacher")
SEEDS = {"full": (3, 1), "quick": (1, 1)}  # students, fewer than elsewhere since one takes minutes; teachers
COLUMNS = columns(
    "arm seed loss kl agreement told entropy parameters tokens_per_second tokens_per_second_batch",
    arm="teacher; sequence: the student of its texts, logits: of its next-token probabilities as well",
    seed="seed of the student's weights and order; the teacher's texts are the same for all",
    loss="cross entropy of the teacher's held-out texts, nats a token; the teacher's own is a lower bound, since a "
    "token that is not among its fifty counts as the fiftieth",
    kl="mean KL(teacher || student) on them over the teacher's fifty likeliest tokens and the rest, nats a token",
    agreement="tokens of these texts after which both have the same likeliest next token, %",
    told="probability of the teacher's fifty likeliest tokens together, mean, %",
    entropy="mean entropy of the teacher's next token, bits, by those tokens",
    tokens_per_second="tokens written a second, one text at a time",
    tokens_per_second_batch="the same, 32 texts at a time",
)
# The last one is a slip of the pen: the teacher that was measured wrote about it too, so it goes with the next run.
THINGS = tuple(
    """
    apple bear boat bread bridge camel candle castle cat cloud coffee coral crow desert dog dolphin door dragon
    drum eagle egg elephant engine farm feather fire fish flag flower forest fox frog garden glass goat gold
    guitar hammer harbour hat hill honey horse house island jacket key kite knife lake lamp leaf lemon letter
    lion market milk mirror moon mountain mouse needle nest night ocean orange owl paper pear pen piano pig
    pillow pond potato rabbit rain ring river road robin rope rose salt sand school sea shell shoe snow soap
    spider spoon star storm street sugar sun table tea tiger tower train tree violin wall water whale wheel wind
    window wolf wood ).split(
    """.split()  # noqa: SIM905
)
HELD_OUT = 16  # things, the last of a shuffle, that no student reads about
ASK = "Write one short sentence about a {}."
PROMPTS = (
    "The capital of France is", "A bird that cannot fly is the", "Two plus two is", "My favourite colour is",
    "The opposite of hot is", "She opened the door and saw a",
)  # fmt: skip
TOP = 50
END = 2  # SmolLM2's <|im_end|>; 0 is free for filling, 1 begins a student's text
TEMPERATURES = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)  # of the slider; `rest` holds the exact normalisers


def arms(profile: str) -> dict[str, Arm]:
    """The teacher, and a student of its texts or of what it tells about each token.

    Round numbers, not tuned: one try of this size is what there was time for. The same for both students.
    """
    asked = {"things": len(THINGS), "times": 2, "tokens": 20}
    student = {"kind": "llama", "layers": 3, "width": 208, "heads": 4, "length": 32, "vocabulary": 49_152}
    student |= {"epochs": 6, "batch_size": 16, "lr": 3e-3}
    if profile == "quick":
        asked = {"things": HELD_OUT + 16, "times": 1, "tokens": 8}
        student |= {"layers": 1, "width": 64, "epochs": 2, "lr": 5e-3}
    return {
        "teacher": Arm("the teacher itself", "teacher", asked, teaches=True),
        "sequence": Arm("its texts", "hard", student, ("teacher",)),
        "logits": Arm("its probabilities", "soft", student, ("teacher",)),
    }


def measure(trials: list[Trial], tools: Tools) -> list[dict]:
    """Let the teacher write and tell, or train a student on what it wrote."""
    (trial,) = trials
    model, row = measure_student(trial, tools) if trial.needs else measure_teacher(trial, tools)
    speed = {"tokens_per_second": pace(model, 1), "tokens_per_second_batch": pace(model, 32)}
    return [{**row, "parameters": sum(p.numel() for p in model.parameters()), **speed}]


def measure_teacher(trial: Trial, tools: Tools) -> tuple[nn.Module, dict]:
    """Texts about every thing, and the likeliest next tokens at every place."""
    net, tokenizer = load_language_model()
    s, about, texts = trial.settings, [], []
    order = torch.randperm(len(THINGS), generator=torch.Generator().manual_seed(9))[: s["things"]].tolist()
    things = [THINGS[i] for i in order] * s["times"]
    for batch in alike(tokenizer, things):
        prompts = torch.tensor([asked(tokenizer, thing) for thing in batch])
        own = [tokenizer(f" {thing}")["input_ids"] for thing in batch]
        about += batch
        texts += written(net, prompts, own, s["tokens"])
    x, index, values = (pad_sequence(parts, batch_first=True) for parts in zip(*texts, strict=True))
    held = torch.tensor([thing in things[s["things"] - HELD_OUT : s["things"]] for thing in about])
    kept = {"x": x, "index": index.int(), "values": values, "held": held}
    shown = [tokenizer.decode(text[1:], skip_special_tokens=True) for text in x[:: max(1, len(x) // 8)]]
    tools.keep(trial, tensors=kept, pictures={**next_tokens(net, tokenizer), "texts": np.array(shown)})
    x, index, values = x[held], index[held], values[held]
    mask = places(x, values)
    p = values[mask].double().exp()
    told = p.sum(-1, keepdim=True)
    return net, {
        "loss": -float(log_prob_of(x, index, values)[mask].mean()),
        "told": 100 * float(told.mean()),
        "entropy": float(entropy_bits(torch.cat([p, (1 - told).clamp_min(0)], -1)).mean()),
    }


def asked(tokenizer, thing: str) -> list[int]:
    """The tokens of the teacher's prompt, in the form of a chat."""
    chat = [{"role": "user", "content": ASK.format(thing)}]
    return tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)


def alike(tokenizer, things: list[str], size: int = 32) -> Iterator[list[str]]:
    """Batches of things whose prompts have as many tokens, so that no filling is needed."""
    groups = {}
    for thing in things:
        groups.setdefault(len(asked(tokenizer, thing)), []).append(thing)
    for group in groups.values():
        yield from (group[at : at + size] for at in range(0, len(group), size))


@torch.no_grad()
def written(net: nn.Module, prompts: Tensor, own: list[list[int]], tokens: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For every prompt a student's text (N,), and the teacher's likeliest next tokens with their log-probabilities.

    A text is a 1, the thing, and what the teacher wrote. Before that nothing is told: ones, as no log-probability is.
    """
    look = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_new_tokens": tokens}
    look |= {"pad_token_id": 0, "eos_token_id": END, "output_logits": True, "return_dict_in_generate": True}
    torch.manual_seed(9)
    out = net.generate(prompts, attention_mask=torch.ones_like(prompts), **look)
    top = torch.stack(out.logits, 1).float().log_softmax(-1).topk(TOP)  # (B, tokens, TOP) each
    texts = []
    for thing, row, index, values in zip(own, out.sequences[:, prompts.shape[1] :], *top[::-1], strict=True):
        count, silent = int((row != 0).sum()), torch.ones(len(thing), TOP)
        text = torch.cat([torch.tensor([1, *thing]), row[:count]])
        texts.append((text, torch.cat([silent.long(), index[:count]]), torch.cat([silent, values[:count]])))
    return texts


def log_prob_of(x: Tensor, index: Tensor, values: Tensor) -> Tensor:
    """The teacher's log-probability of the tokens that stand there; of its 50th for those that are less likely."""
    hit = index == x[:, 1:, None]
    return torch.where(hit.any(-1), (values * hit).sum(-1), values[..., -1])


@torch.no_grad()
def next_tokens(net: nn.Module, tokenizer, count: int = 20) -> dict:
    """For every prompt the likeliest next tokens (count,), as text, and their logits over the mean of all logits."""
    rows = [net(tokenizer(p, return_tensors="pt")["input_ids"]).logits[0, -1] for p in PROMPTS]
    top = [row.topk(count) for row in rows]
    words = [[tokenizer.decode([int(i)]) for i in t.indices] for t in top]
    return {
        "words": np.array(words),
        "logits": torch.stack([t.values for t in top]).numpy(),
        "rest": np.array([[float((row / t).logsumexp(0)) for t in TEMPERATURES] for row in rows]),
    }


@torch.no_grad()
def pace(model: nn.Module, batch: int, tokens: int = 16) -> float:
    """Tokens written a second, greedily, with the cache of keys and values."""
    net = getattr(model, "net", model)
    x = torch.full((batch, 4), 5)
    look = {"do_sample": False, "min_new_tokens": tokens, "max_new_tokens": tokens, "pad_token_id": 0}
    began = time.perf_counter()
    net.generate(x, attention_mask=torch.ones_like(x), **look)
    return batch * tokens / (time.perf_counter() - began)


def measure_student(trial: Trial, tools: Tools) -> tuple[nn.Module, dict]:
    """Train on the texts about most things, and score on those about the others."""
    kept = tools.tensors(trial.needs[0])
    x, index, values, held = kept["x"], kept["index"].long(), kept["values"], kept["held"]
    model = seeded_gpt(trial)
    rule = recorded(index[~held], values[~held], soft=trial.arm == "logits")
    split, alone = as_split(x[~held], trial.settings["batch_size"]), nn.ModuleList([model])
    train_stage(alone, TeacherForced([rule]), split, "checkpoint", trial.settings, trial, tools)
    return model, scored(model, x[held], index[held], values[held])


@torch.no_grad()
def scored(model: nn.Module, x: Tensor, index: Tensor, values: Tensor) -> dict:
    """Loss, divergence and agreement on held-out texts of the teacher."""
    mask = places(x, values)
    log_q = model.eval()(x[:, :-1]).logits.log_softmax(-1)
    own = log_q.gather(-1, x[:, 1:, None])[..., 0]
    kl = sparse_kl(log_q, values, index, missing="rest", reduction="none", check=False)
    same = log_q.argmax(-1) == index[..., 0]
    return {
        "loss": -float(own[mask].mean()),
        "kl": float(kl[mask].mean()),
        "agreement": 100 * float(same[mask].double().mean()),
    }


SHOWN = 8  # tokens a prompt


def probabilities(reference, prompt: int, temperature: float) -> tuple[list[str], np.ndarray]:
    """The likeliest next tokens after a prompt, and their exact probabilities at one of `TEMPERATURES`."""
    words, logits = (reference.array("teacher", name)[prompt] for name in ("words", "logits"))
    rest = reference.array("teacher", "rest")[prompt, TEMPERATURES.index(temperature)]
    return [repr(str(w))[1:-1] for w in words[:SHOWN]], np.exp(logits[:SHOWN] / temperature - rest)


def tokens(reference, temperature: float) -> Figure:
    """The likeliest next tokens of a real model after every prompt."""
    fig, grid = plt.subplots(2, 3, figsize=(11, 5), sharex=True)
    for prompt, axes in enumerate(grid.flat):
        words, p = probabilities(reference, prompt, temperature)
        axes.barh(range(SHOWN), p, color=TEACHER)
        axes.set_yticks(range(SHOWN), words)
        axes.invert_yaxis()
        axes.set_title(f"{PROMPTS[prompt]} …", fontsize=9)
        axes.set_xlim(0, 1)
    fig.suptitle(f"SmolLM2, T = {temperature:g}: probability of the next token", fontsize=10)
    return fig


def tokens_alt(reference, temperature: float) -> str:
    """What the picture of one temperature says."""
    first = [probabilities(reference, i, temperature) for i in range(len(PROMPTS))]
    told = "; ".join(f"{PROMPTS[i]}: {words[0].strip()} {p[0]:.2f}" for i, (words, p) in enumerate(first))
    return f"At T = {temperature:g} the likeliest next tokens are: {told}."


@figure("real_teacher", chapter="09", size=(12, 4), grid=(1, 3), legend="all")
def students(left, middle, right, both):
    """A real model's students of a tenth of its size, on one narrow task.

    Left, cross entropy of the held-out texts: the teacher as a line, and its students of texts alone and
    of texts with next-token probabilities. Middle, how often they have the teacher's likeliest token. Right, tokens
    written a second, one text at a time and many, on a logarithmic scale.
    """
    found = arms("full")
    by_arm(left, both, "loss", looks(found, ("sequence", "logits")))
    by_arm(middle, both, "agreement", looks(found, ("sequence", "logits")))
    teacher = both.reference[both.reference.arm == "teacher"].iloc[0]
    level(left, teacher.loss, TEACHER, found["teacher"].label, lw=1.4)
    for at, column in enumerate(("tokens_per_second", "tokens_per_second_batch")):
        told = both.map(lambda table: table[table.arm != "teacher"])
        means = told.reference.groupby("seed")[column].mean()
        right.scatter([at - 0.15], [teacher[column]], s=40, marker="s", color=TEACHER, label=["teacher", None][at])
        right.scatter([at + 0.15] * len(means), means, s=20, color=SOFT, label=["students", None][at])
        if told.mine is not None:
            yours(right, at, told.mine[column])
    right.set_yscale("log")
    right.set_xticks((0, 1), ("one text\nat a time", "32 texts\nat a time"))
    left.set(title="Loss on the teacher's held-out texts", ylabel="nats a token")
    middle.set(title="Same likeliest next token", ylabel="% of tokens")
    right.set(title="Speed of writing", ylabel="tokens a second (log scale)", xlim=(-0.5, 1.6))
