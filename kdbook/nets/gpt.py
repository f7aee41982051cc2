"""Small decoder-only language models: the real classes of `transformers`, which answer as every network of the book.

`kind` names the architecture: ``gpt2`` (Radford et al. 2019) has learned positions and layer normalisation, ``llama``
(Touvron et al. 2023) rotary positions, root-mean-square normalisation and gated units. Filling stands at the end of a
text, where a causal model never looks, so that no mask is needed.
"""

from torch import Tensor, nn

from kdbook import require
from kdbook.nets.vision import Outputs


class GPT(nn.Module):
    """A causal language model with random weights.

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
        require(kind in ("gpt2", "llama"), "kind", "'gpt2' or 'llama'", repr(kind))
        require(width % heads == 0, "width", f"a multiple of the {heads} heads", width)
        self.kind, self.vocabulary, self.length = kind, vocabulary, length
        self.net = _network(kind, layers, width, heads, vocabulary, length)

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


def _network(kind: str, layers: int, width: int, heads: int, vocabulary: int, length: int) -> nn.Module:
    """The class of `transformers` without dropout; the weights' spread fits the width, as `nets.bert` explains."""
    spread = 0.02 * (768 / width) ** 0.5
    shape = {"vocab_size": vocabulary, "initializer_range": spread, "bos_token_id": None, "eos_token_id": None}
    if kind == "gpt2":
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            n_positions=length, n_embd=width, n_layer=layers, n_head=heads,
            activation_function="gelu_pytorch_tanh",  # the same curve in one pass: a fifth of a training step
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **shape,
        )  # fmt: skip
        return GPT2LMHeadModel(config)
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=width, intermediate_size=8 * width // 3, num_hidden_layers=layers, num_attention_heads=heads,
        max_position_embeddings=length, tie_word_embeddings=True, pad_token_id=0, **shape,
    )  # fmt: skip
    return LlamaForCausalLM(config)
