"""How language models write: draws, the likeliest text, drafts of a smaller model, and probabilities of given texts.

In speculative decoding a small model drafts, the large one checks several tokens at once, and loses nothing: a draft x
of q is kept with probability min(1, p(x) / q(x)); at the first refusal the token is drawn anew from what p has more
than q, (p - q)+, normalised. What comes out is distributed exactly as by the large model alone (Leviathan et al. 2023,
appendix A.1); the closer the two, the more drafts are kept: 1 - TV(p, q) of them.
"""

from collections import Counter
from functools import partial

import torch
from torch import Tensor

from kdbook import require
from kdbook.data.vocabularies import EOS
from kdbook.nets.gpt import GPT


def check_prompts(prompts: Tensor) -> None:
    """Raise ValueError for prompts without a token or with filling."""
    good = prompts.ndim == 2 and prompts.numel() > 0
    require(good, "prompts", "one token or more, (B, N); begin with <bos>", tuple(prompts.shape))
    require(bool((prompts > 0).all()), "prompts", "without filling: group texts of one length", "token 0")


@torch.no_grad()
def sample(
    model: GPT, prompts: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Continue prompts token by token, with a cache of keys and values; filling is never drawn before the end, <eos>.

    Parameters
    ----------
    model : GPT
        Put into eval mode.
    prompts : Tensor (B, N), int64
        Beginnings of one length.
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
        For prompts that are empty or hold filling, or a negative temperature.
    """
    check_prompts(prompts)
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
        ended = ended | (new[:, 0] == EOS)
        x = torch.cat((x, new), 1)
    return x


greedy = partial(sample, temperature=0.0)


@torch.no_grad()
def beam(model: GPT, prompts: Tensor, *, beams: int = 4) -> Tensor:
    """The likeliest text that a beam of several finds for each prompt (B, N): (B, L), by `transformers`' own search.

    Raises
    ------
    ValueError
        See `sample`; for fewer than one beam.
    """
    check_prompts(prompts)
    require(beams >= 1, "beams", "1 or more", beams)
    look = {"num_beams": beams, "do_sample": False, "eos_token_id": EOS, "pad_token_id": 0, "length_penalty": 0.0}
    mask = torch.ones_like(prompts)
    found = model.eval().net.generate(prompts, attention_mask=mask, max_length=model.length, **look)
    ended = (found == EOS).long()
    return found.masked_fill(ended.cumsum(1) > ended, 0)  # the library repeats the end where another text is longer


@torch.no_grad()
def log_probs(model: GPT, x: Tensor, batch_size: int = 256) -> Tensor:
    """Log-probabilities (B, N - 1, V), nats, of the tokens after each of x but the last, batch by batch."""
    model.eval()
    return torch.cat([model(part[:, :-1]).logits.float().log_softmax(-1) for part in x.split(batch_size)])


def verify(p: Tensor, q: Tensor, drafts: Tensor, generator: torch.Generator | None = None) -> tuple[int, Tensor]:
    """How many drafts are kept, and the token that follows them.

    Parameters
    ----------
    p : Tensor (G + 1, V)
        The large model's probabilities at each draft's place and after the last.
    q : Tensor (G, V)
        Those that the drafts were drawn from.
    drafts : Tensor (G,), int64
        Drawn tokens.
    generator : torch.Generator, optional
        Of the draws.

    Returns
    -------
    kept : int
    token : Tensor (), drawn from (p - q)+ at the first refusal, from p when all are kept
    """
    at = torch.arange(len(drafts))
    chance = torch.rand(len(drafts), generator=generator, device=p.device)
    refused = (chance * q[at, drafts] >= p[at, drafts]).nonzero()
    kept = int(refused[0]) if len(refused) else len(drafts)
    left = p[kept] if kept == len(drafts) else (p[kept] - q[kept]).clamp_min(0)
    return kept, torch.multinomial(left, 1, generator=generator)[0]


@torch.no_grad()
def speculate(
    target: GPT, draft: GPT, prompt: Tensor, *, guesses: int = 4, generator: torch.Generator | None = None
) -> tuple[Tensor, Counter]:
    """Continue one prompt (1, N) as the target would, with drafts of another model and caches of both.

    Parameters
    ----------
    target, draft : GPT
        Over one vocabulary.
    prompt : Tensor (1, N), int64
        Beginning.
    guesses : int
        Drafts a call of the target.
    generator : torch.Generator, optional
        Of the draws.

    Returns
    -------
    text : Tensor (1, L), int64
    counts : Counter
        What it took: `drafted` and `kept` drafts, `calls` of the target, `tokens` that came out.

    Raises
    ------
    ValueError
        For two vocabularies, fewer than one guess, several prompts, or what `sample` names.
    """
    check_prompts(prompt)
    good = target.vocabulary == draft.vocabulary and len(prompt) == 1 and guesses >= 1
    got = f"{target.vocabulary} and {draft.vocabulary} tokens, {len(prompt)} prompts, {guesses} guesses"
    require(good, "speculation", "of one vocabulary, one prompt and one guess or more", got)
    target.eval(), draft.eval()
    x, counts, caches = prompt, Counter(), [None, None]

    def probabilities(model: GPT, which: int, text: Tensor) -> Tensor:
        """Of the next token after each that the cache did not hold yet (n, V); filling is never drawn."""
        seen = caches[which].get_seq_length() if caches[which] is not None else 0
        logits, caches[which] = model.step(text[:, seen:], caches[which])
        return logits[0].float().index_fill(-1, text.new_zeros(1), -torch.inf).softmax(-1)

    while x.shape[1] < target.length and int(x[0, -1]) != EOS:
        guessed, q = x, []
        for _ in range(min(guesses, target.length - x.shape[1] - 1)):
            q.append(probabilities(draft, 0, guessed)[-1])
            guessed = torch.cat((guessed, torch.multinomial(q[-1], 1, generator=generator)[None]), 1)
        drafts = guessed[0, x.shape[1] :]
        p = probabilities(target, 1, guessed)[-len(drafts) - 1 :]
        kept, token = verify(p, torch.stack(q) if q else p[:0], drafts, generator)
        new = torch.cat((drafts[:kept], token[None]))
        ends = (new == EOS).nonzero()
        new = new[: int(ends[0]) + 1] if len(ends) else new
        counts.update(drafted=len(drafts), kept=kept, calls=1, tokens=len(new))
        x = torch.cat((x, new[None]), 1)
        for cache in caches:
            if cache is not None and (extra := cache.get_seq_length() - (x.shape[1] - 1)) > 0:
                cache.crop(-extra)
    return x, counts


def expected_speedup(acceptance, guesses, cost):
    """Times as fast as the target alone (Leviathan et al. 2023, theorem 3.8); numbers or arrays.

    Parameters
    ----------
    acceptance : float
        Probability in [0, 1) that a draft is kept.
    guesses : int
        Drafts a call of the target.
    cost : float
        Time of a draft's step as a share of the target's.
    """
    return (1 - acceptance ** (guesses + 1)) / ((1 - acceptance) * (guesses * cost + 1))
