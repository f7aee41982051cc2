"""Steps that the questions about generating models share: build, store, train and score them in the small world."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from kdbook.data.wordpiece import Tokens
from kdbook.data.world import BOS, DEAD, EOS, World, make_world
from kdbook.lab import Tools, Trial
from kdbook.lab.steps import seeded, train_stage
from kdbook.nets.gpt import GPT
from kdbook.training.sequences import sample

WORDS = {"vocabulary": 105, "length": 24, "heads": 4, "kind": "gpt2"}  # what models of the world's own words share
NET = ("kind", "layers", "width", "heads", "vocabulary", "length")
# Seeds of sentences: a model's training sentences are drawn with its own seed, which no other number here meets.
VALIDATION, TEST = 1_000_001, 1_000_002


def world(tools: Tools) -> World:
    """The world of the book, made once a process."""
    return tools.remember(("world",), make_world)


def seeded_gpt(trial: Trial) -> GPT:
    """Fresh model of a trial's settings; its weights depend on the seed only."""
    with seeded(trial.seed):
        return GPT(**{key: trial.settings[key] for key in NET if key in trial.settings})


def trained_gpt(trial: Trial, tools: Tools) -> GPT:
    """A needed trial's model, to be trained on."""
    model = seeded_gpt(trial)
    model.load_state_dict(tools.tensors(trial))
    return model


def stored_gpt(trial: Trial, tools: Tools) -> GPT:
    """A needed trial's model, frozen, read once a process."""
    return tools.remember(
        ("gpt", trial.id), lambda: trained_gpt(trial, tools).to(tools.device).eval().requires_grad_(False)
    )


def as_split(x: Tensor, bucket: int = 64) -> Tokens:
    """Token numbers (N, L) as a split without labels."""
    return Tokens(x, torch.zeros(len(x), dtype=torch.int64), torch.arange(len(x)), bucket=bucket)


def train_students(
    students: Sequence[GPT], objective, x: Tensor, trial: Trial, tools: Tools
) -> tuple[nn.ModuleList, float]:
    """Models trained together on the texts x, as the trial's settings say, in eval mode; and the seconds that took."""
    models, settings = nn.ModuleList(students), trial.settings
    split = as_split(x, settings["batch_size"])
    history = train_stage(models, objective, split, "checkpoint", settings, trial, tools)
    return models, round(history.seconds, 2)


def texts_of(
    source: Trial, count: int, seed: int, tools: Tools, prompts: Tensor | None = None, write: Callable = sample
) -> Tensor:
    """`count` texts (count, L) of a stored teacher, made once a process; from prompts (count, N), or from nothing."""

    def make():
        given = starts(count, tools.device) if prompts is None else prompts.to(tools.device)
        drawn = {"generator": torch.Generator(tools.device).manual_seed(10_000 + seed)} if write is sample else {}
        return write(stored_gpt(source, tools), given, **drawn)

    return tools.remember(("texts", source.id, count, seed, write, prompts is None), make)


def starts(count: int, device="cpu") -> Tensor:
    """Prompts (count, 1) of nothing but <bos>."""
    return torch.full((count, 1), BOS, device=device)


def kl_to(truth: World, x: Tensor, log_q: Tensor) -> Tensor:
    """KL(truth || model), nats, for the token after each of x (B, N) but the last: (B, N - 1), 0 on filling."""
    p = truth.next_probs(x[:, :-1])
    rows = (torch.special.xlogy(p, p) - p * log_q).sum(-1)
    return rows.masked_fill(x[:, 1:] == 0, 0)


def true_share(truth: World, x: Tensor) -> float:
    """Share of texts, in %, that are true and grammatical from beginning to end; texts that never end are not."""
    return 100 * float(((truth.states(x)[:, -1] != DEAD) & (x == EOS).any(1)).float().mean())
