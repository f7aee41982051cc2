"""Steps that the experiments with generating models share: build, store, train and score them in the small world."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdbook.data.wordpiece import Tokens
from kdbook.data.world import BOS, DEAD, EOS, World, make_world
from kdbook.lab.steps import train_stage
from kdbook.lab.trial import Tools, Trial
from kdbook.nets.gpt import GPT
from kdbook.training.objectives import TeacherForced, labels
from kdbook.training.sequences import log_probs, sample

NET = ("kind", "layers", "width", "heads", "vocabulary", "length")
# Seeds of sentences: a model's training sentences are drawn with its own seed, which no other number here meets.
VALIDATION, TEST = 1_000_001, 1_000_002


def world(tools: Tools) -> World:
    """The world of the book, made once a process."""
    return tools.remember(("world",), make_world)


def seeded_gpt(trial: Trial) -> GPT:
    """Fresh model of a trial's settings; its weights depend on the seed only."""
    with torch.random.fork_rng():
        torch.manual_seed(trial.seed)
        return GPT(**{key: trial.settings[key] for key in NET if key in trial.settings})


def stored_gpt(trial: Trial, tools: Tools) -> GPT:
    """A needed trial's model, frozen, read once a process."""

    def read():
        model = seeded_gpt(trial)
        model.load_state_dict(tools.tensors(trial))
        return model.to(tools.device).eval().requires_grad_(False)

    return tools.remember(("gpt", trial.id), read)


def as_split(x: Tensor, bucket: int = 64) -> Tokens:
    """Token numbers (N, L) as a split without labels."""
    return Tokens(x, torch.zeros(len(x), dtype=torch.int64), torch.arange(len(x)), bucket=bucket)


def train_students(
    students: Sequence[GPT], objective, x: Tensor, trial: Trial, tools: Tools
) -> tuple[nn.ModuleList, float]:
    """Train models together on the texts x with `epochs`, `batch_size` and `lr` of the trial's settings.

    Returns
    -------
    models : nn.ModuleList, in eval mode
    seconds : float, wall time
    """
    models, settings = nn.ModuleList(students), trial.settings
    split = as_split(x, settings["batch_size"])
    history = train_stage(models, objective, split, "checkpoint", settings, trial, tools)
    return models, round(history.seconds, 2)


def train_on_world(trial: Trial, tools: Tools) -> tuple[GPT, float]:
    """A model that reads `samples` true sentences, drawn with its seed (plus `texts`), and the seconds that took."""
    x = world(tools).sample(trial.settings["samples"], trial.seed + trial.settings.get("texts", 0))
    (model,), seconds = train_students([seeded_gpt(trial)], TeacherForced([labels()]), x, trial, tools)
    return model, seconds


def texts_of(source: Trial, count: int, seed: int, tools: Tools, prompts: Tensor | None = None, write=sample) -> Tensor:
    """`count` texts (count, L) of a stored teacher, made once a process; from prompts (count, N), or from nothing."""

    def make():
        given = starts(count, tools.device) if prompts is None else prompts.to(tools.device)
        if write is not sample:
            return write(stored_gpt(source, tools), given, end=EOS)
        generator = torch.Generator(tools.device).manual_seed(10_000 + seed)
        return sample(stored_gpt(source, tools), given, end=EOS, generator=generator)

    return tools.remember(
        ("texts", source.id, count, seed, getattr(write, "__name__", "greedy"), prompts is None), make
    )


def starts(count: int, device="cpu") -> Tensor:
    """Prompts (count, 1) of nothing but <bos>."""
    return torch.full((count, 1), BOS, device=device)


@torch.no_grad()
def from_truth(model: GPT, tools: Tools, count: int, seed: int = TEST) -> dict:
    """How far a model is from the truth on true sentences: KL(truth || model), nats a sentence and by position.

    The divergence is exact at each beginning; the beginnings are `count` sentences of the test draw.
    """
    truth = world(tools)
    x = truth.sample(count, seed)
    log_q = log_probs(model, x.to(tools.device)).cpu().double()
    kl = kl_to(truth, x, log_q)
    return {"kl": float(kl.sum() / count), "kl_by_position": (kl.sum(0) / (x[:, 1:] > 0).sum(0)).numpy()}


def kl_to(truth: World, x: Tensor, log_q: Tensor) -> Tensor:
    """KL(truth || model), nats, for the token after each of x (B, N) but the last: (B, N - 1), 0 on filling."""
    p = truth.next_probs(x[:, :-1])
    rows = (torch.special.xlogy(p, p) - p * log_q).sum(-1)
    return rows.masked_fill(x[:, 1:] == 0, 0)


@torch.no_grad()
def own_texts(model: GPT, tools: Tools, count: int, seed: int = TEST) -> tuple[Tensor, Tensor]:
    """`count` texts of a model's own (count, L) and the state of the world after each token, `DEAD` once untrue."""
    generator = torch.Generator(tools.device).manual_seed(seed)
    x = sample(model, starts(count, tools.device), end=EOS, generator=generator).cpu()
    return x, world(tools).states(x)


def true_share(x: Tensor, states: Tensor) -> float:
    """Share of texts, in %, that are true and grammatical from beginning to end; texts that never end are not."""
    return 100 * float(((states[:, -1] != DEAD) & (x == EOS).any(1)).float().mean())
