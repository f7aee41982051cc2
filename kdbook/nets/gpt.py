"""Small decoder-only language models: the real classes of `transformers`, which answer as every network of the book.

`kind` names the architecture: ``gpt2`` (Radford et al. 2019) has learned positions and layer normalisation, ``llama``
(Touvron et al. 2023) rotary positions, root-mean-square normalisation and gated units. Filling stands at the end of a
text, where a causal model never looks, so that no mask is needed.
"""

from torch import Tensor, nn

from kdbook import require
from kdbook.nets.bert import random_net
from kdbook.nets.vision import Outputs

GELU = "gelu_pytorch_tanh"  # GPT-2's curve in one pass: a fifth of a training step


class GPT(nn.Module):
    """A causal language model with random weights.

    >>> net = GPT(layers=1, width=8, heads=2, vocabulary=50)
    >>> net(torch.tensor([[1, 2, 3]])).logits.shape
    torch.Size([1, 3, 50])

    Parameters
    ----------
    layers, width, heads : int
        Transformer layers, hidden units, attention heads a layer.
    vocabulary, length : int
        Token numbers (0 = filling), and tokens of the longest text.
    kind : {"gpt2", "llama"}
        Architecture.

    Raises
    ------
    ValueError
        For another kind, or a width that the heads do not divide.
    """

    def __init__(self, *, layers: int, width: int, heads: int, vocabulary: int, length: int = 32, kind: str = "gpt2"):
        super().__init__()
        own = {  # no dropout, as for `Bert`
            "gpt2": {"activation_function": GELU, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
            "llama": {"intermediate_size": 8 * width // 3, "tie_word_embeddings": True, "pad_token_id": 0},
        }
        require(kind in own, "kind", "'gpt2' or 'llama'", repr(kind))
        shape = {"layers": layers, "width": width, "heads": heads, "vocabulary": vocabulary, "length": length}
        self.net = random_net("CausalLM", kind, **shape, **own[kind], bos_token_id=None, eos_token_id=None)
        self.kind, self.vocabulary, self.length = kind, vocabulary, length

    def forward(self, x: Tensor) -> Outputs:
        """Logits (B, N, V) of the token after each of x (B, N); features: embeddings and every layer's output.

        Raises
        ------
        ValueError
            For texts longer than the model, or empty ones.
        """
        self._check(x)
        out = self.net(input_ids=x, output_hidden_states=True, use_cache=False)
        return Outputs(out.logits, list(out.hidden_states))

    def step(self, x: Tensor, cache=None) -> tuple[Tensor, object]:
        """Logits (B, N, V) of new tokens x (B, N) after those that the cache of keys and values holds, with it."""
        self._check(x, cache.get_seq_length() if cache is not None else 0)
        out = self.net(input_ids=x, past_key_values=cache, use_cache=True)
        return out.logits, out.past_key_values

    def _check(self, x: Tensor, before: int = 0) -> None:
        require(x.ndim == 2 and x.numel() > 0, "x", "texts of one token or more, (B, N)", f"shape {tuple(x.shape)}")
        length = before + x.shape[1]
        require(length <= self.length, "x", f"of at most {self.length} tokens a text", length)
