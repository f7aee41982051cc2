"""Masked language modelling: hidden words, and how badly a model guesses them."""

import torch
from torch import Tensor

from kdbook.data.wordpiece import MASK
from kdbook.losses import hard_loss, token_mean
from kdbook.nets.bert import Bert


def mask_tokens(x: Tensor, vocabulary: int, share: float = 0.15) -> tuple[Tensor, Tensor]:
    """Hide some tokens (Devlin et al. 2019, section 3.1); inside `fit` others in every epoch: dynamic masking.

    Parameters
    ----------
    x : Tensor (B, N), int64
        Token numbers; special ones and filling are never hidden.
    vocabulary : int
        Number of tokens, from which random ones are drawn.
    share : float
        Probability of a token: of those 80 % become [MASK], 10 % a random token, 10 % stay.

    Returns
    -------
    shown, labels : Tensor (B, N), int64
        What the model sees, and the original where a token was chosen, -1 elsewhere.
    """
    ordinary = x > MASK
    chosen = (torch.rand(x.shape, device=x.device) < share) & ordinary
    fate = torch.rand(x.shape, device=x.device)
    drawn = torch.randint(MASK + 1, vocabulary, x.shape, device=x.device)
    shown = torch.where(chosen & (fate < 0.8), MASK, x)
    shown = torch.where(chosen & (fate >= 0.8) & (fate < 0.9), drawn, shown)
    return shown, torch.where(chosen, x, -1)


def masked_rows(model: Bert, last: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of hidden tokens, a row a text, whose mean is that over tokens; only their words are computed."""
    at = labels >= 0
    told = last.new_zeros(labels.shape)
    if bool(at.any()):
        told[at] = hard_loss(model.words(last[at]), labels[at], reduction="none", check=False)
    return token_mean(told, at)
