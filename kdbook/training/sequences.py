"""How language models write: draws, the likeliest text, and the probabilities of given ones."""

from functools import partial

import torch
from torch import Tensor

from kdbook import require
from kdbook.nets.gpt import GPT


def check_prompts(model: GPT, prompts: Tensor, end: int | None) -> None:
    """Raise ValueError for prompts without a token or with filling, or an end token that the vocabulary lacks."""
    good = prompts.ndim == 2 and prompts.numel() > 0
    require(good, "prompts", "one token or more, (B, N); begin with <bos>", tuple(prompts.shape))
    require(bool((prompts > 0).all()), "prompts", "without filling: group texts of one length", "token 0")
    last = model.vocabulary - 1
    require(end is not None and 0 < end <= last, "end", f"a token of the vocabulary (1..{last}) that ends texts", end)


@torch.no_grad()
def sample(
    model: GPT,
    prompts: Tensor,
    *,
    end: int | None = 2,
    temperature: float = 1.0,
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
    generator : torch.Generator, optional
        Of the draws; default torch's own.

    Returns
    -------
    Tensor (B, L), int64, L at most the model's length: texts may be cut there

    Raises
    ------
    ValueError
        For prompts that are empty or hold filling, a vocabulary without the end token, or a negative temperature.
    """
    check_prompts(model, prompts, end)
    require(temperature >= 0, "temperature", "0 or more", temperature)
    model.eval()
    x, new, cache = prompts, prompts, None
    ended = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    while x.shape[1] < model.length and not bool(ended.all()):
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
    require(beams >= 1, "beams", "1 or more", beams)
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
