"""How language models generate, and what their students minimise: given texts, or their own.

Students of one teacher are an `nn.ModuleList` with a rule each: they share batches and the teacher's answers, and each
gets the gradient that it would get alone. A rule is `(s, t, targets, mask, check) -> loss a text`: logits (B, N, V) of
student and teacher for the tokens `targets` (B, N), of which those of `mask` count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from kdbook.losses import hard_loss
from kdbook.losses.sequence import generalized_jsd, sparse_kl, token_mean
from kdbook.nets.gpt import GPT
from kdbook.training.objectives import Batch

Rule = Callable[[Tensor, Tensor | None, Tensor, Tensor, bool], Tensor]


def labels() -> Rule:
    """Cross entropy with the tokens that stand there; on a teacher's texts this is sequence-level distillation."""

    def rule(s, t, targets, mask, check):
        return token_mean(hard_loss(s, targets, reduction="none", check=check), mask)

    return rule


def soft(loss: Callable, **settings) -> Rule:
    """A sequence loss with the teacher's logits: `token_kd`, `reverse_kl`, `generalized_jsd`, `total_variation`."""

    def rule(s, t, targets, mask, check):
        return loss(s, t, mask, **settings, reduction="none", check=check)

    return rule


def top_k(k: int, missing: str) -> Rule:
    """`sparse_kl` with the teacher's k largest log-probabilities, all that some APIs tell."""

    def rule(s, t, targets, mask, check):
        told = t.log_softmax(-1).topk(k)
        values = sparse_kl(s, told.values, told.indices, missing=missing, reduction="none", check=check)
        return token_mean(values, mask)

    return rule


def shifted(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is shown, what is to be predicted, and where it is no filling: x (B, N) -> three of (B, N - 1)."""
    if x.shape[1] < 2:
        raise ValueError(f"texts must have two tokens or more, got {x.shape[1]}: there is nothing to predict")
    return x[:, :-1], x[:, 1:], x[:, 1:] > 0


@dataclass
class TeacherForced:
    """Students learn on given texts.

    Parameters
    ----------
    rules : sequence of Rule
        One a student; None leaves a student out.
    teacher : GPT, optional
        Asked once a batch, in eval mode and without gradients, when there is one.
    """

    rules: Sequence[Rule]
    teacher: GPT | None = None

    def __call__(self, students: nn.ModuleList, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        shown, targets, mask = shifted(batch.x)
        theirs = answers(self.teacher, shown)
        given = zip(students, self.rules, strict=True)
        return torch.stack([rule(s(shown).logits, theirs, targets, mask, batch.check) for s, rule in given]), {}


@dataclass
class OnPolicy:
    """GKD: each student learns its teacher's next tokens on texts of its own (Agarwal et al. 2024, algorithm 1).

    Parameters
    ----------
    teacher : GPT
        Frozen.
    lambdas : sequence of float
        One a student: probability that a batch consists of the student's own texts, drawn at T = 1, rather than of
        the given ones. No gradient passes through the drawing.
    betas : sequence of float
        One a student, of `generalized_jsd`: 0 forward, 1 reverse KL.
    prompt : int
        Tokens of each given text that the student begins with.
    end : int
        Token that ends a text.

    Raises
    ------
    ValueError
        For a lambda or beta outside [0, 1].
    """

    teacher: GPT
    lambdas: Sequence[float]
    betas: Sequence[float]
    prompt: int = 1
    end: int = 2

    def __post_init__(self):
        for name, values in (("lambda", self.lambdas), ("beta", self.betas)):
            for value in values:
                if not 0 <= value <= 1:
                    raise ValueError(f"{name} must be in [0, 1], got {value}")

    def __call__(self, students: nn.ModuleList, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        own = float(torch.rand(()))  # shared: students of equal lambda write in the same steps
        given = shifted(batch.x)
        theirs = answers(self.teacher, given[0])
        rows = []
        for student, share, beta in zip(students, self.lambdas, self.betas, strict=True):
            (shown, _, mask), told = given, theirs
            if own < share:
                shown, _, mask = shifted(sample(student, batch.x[:, : self.prompt], end=self.end))
                told = answers(self.teacher, shown)
            student.train()
            look = {"beta": beta, "reduction": "none", "check": batch.check}
            rows.append(generalized_jsd(student(shown).logits, told, mask, **look))
        return torch.stack(rows), {}


@torch.no_grad()
def answers(teacher: GPT | None, shown: Tensor) -> Tensor | None:
    """A teacher's logits (B, N, V) in eval mode, None without one."""
    return None if teacher is None else teacher.eval()(shown).logits


def check_prompts(model: GPT, prompts: Tensor, end: int | None) -> None:
    """Raise ValueError for prompts without a token or with filling, or an end token that the vocabulary lacks."""
    if prompts.ndim != 2 or not prompts.numel():
        raise ValueError(
            f"prompts must have one token or more, (B, N), got shape {tuple(prompts.shape)}; begin with <bos>"
        )
    if bool((prompts == 0).any()):
        raise ValueError("prompts must not hold filling: group texts of one length")
    if end is None or not 0 < end < model.vocabulary:
        raise ValueError(
            f"end must be a token of the vocabulary (1..{model.vocabulary - 1}) that ends texts, got {end}"
        )


@torch.no_grad()
def sample(
    model: GPT,
    prompts: Tensor,
    *,
    end: int | None = 2,
    temperature: float = 1.0,
    length: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue prompts token by token, with a cache of keys and values; filling is never drawn before the end.

    Parameters
    ----------
    model : GPT
        Put into eval mode.
    prompts : Tensor (B, N), int64
        Beginnings of one length.
    end : int
        Token that ends a text; filling follows it.
    temperature : float
        1 draws from the model as it is, 0 takes the likeliest token (greedy).
    length : int, optional
        Tokens of the longest text, prompt included; default the model's own. Texts may be cut there.
    generator : torch.Generator, optional
        Of the draws; default torch's own.

    Returns
    -------
    Tensor (B, L), int64

    Raises
    ------
    ValueError
        For prompts that are empty or hold filling, a vocabulary without the end token, or a negative temperature.
    """
    check_prompts(model, prompts, end)
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0 or more, got {temperature}")
    model.eval()
    limit = min(length or model.length, model.length)
    x, new, cache = prompts, prompts, None
    ended = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    while x.shape[1] < limit and not bool(ended.all()):
        logits, cache = model.step(new, cache)
        last = logits[:, -1].float().index_fill(1, x.new_zeros(1), -torch.inf)
        if temperature:
            new = torch.multinomial((last / temperature).softmax(-1), 1, generator=generator)
        else:
            new = last.argmax(-1, keepdim=True)
        new = new.masked_fill(ended[:, None], 0)
        ended = ended | (new[:, 0] == end)
        x = torch.cat((x, new), 1)
    return x


greedy = partial(sample, temperature=0.0)


@torch.no_grad()
def beam(model: GPT, prompts: Tensor, *, beams: int = 4, end: int | None = 2) -> Tensor:
    """The likeliest text that a beam of several finds for each prompt (B, N): (B, L), by `transformers`' own search.

    Raises
    ------
    ValueError
        See `sample`; for fewer than one beam.
    """
    check_prompts(model, prompts, end)
    if beams < 1:
        raise ValueError(f"beams must be 1 or more, got {beams}")
    look = {"num_beams": beams, "do_sample": False, "eos_token_id": end, "pad_token_id": 0, "length_penalty": 0.0}
    mask = torch.ones_like(prompts)
    found = model.eval().net.generate(prompts, attention_mask=mask, max_length=model.length, **look)
    ended = (found == end).long()
    return found.masked_fill(ended.cumsum(1) > ended, 0)  # the library repeats the end where another text is longer


@torch.no_grad()
def log_probs(model: GPT, x: Tensor, batch_size: int = 256) -> Tensor:
    """Log-probabilities (B, N - 1, V), nats, of the tokens after each of x but the last, batch by batch."""
    model.eval()
    return torch.cat([model(part[:, :-1]).logits.float().log_softmax(-1) for part in x.split(batch_size)])
