"""Small BERTs: the real classes of `transformers`, which answer as every network of the book does.

`kind` names the paper's architecture: ``bert`` (Devlin et al. 2019) has token-type embeddings, ``distilbert`` (Sanh et
al. 2019) has not. Neither has a pooler: a text's class is read from the mean of its last hidden states.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kdbook import needed, require
from kdbook.data.wordpiece import MASK, SEP
from kdbook.nets.vision import Outputs

PARTS = (nn.Embedding, nn.Linear, nn.LayerNorm)  # the kinds that have weights


class Bert(nn.Module):
    """A masked language model, and a classifier of texts when `classes` is given.

    Parameters
    ----------
    layers, width, heads : int
        Transformer layers, hidden units (feed-forward four times as many), attention heads a layer.
    vocabulary, length : int
        Token numbers (0 = filling), and tokens of the longest text.
    classes : int
        Of the classifier; 0 = none.
    pair : bool
        Whether the classifier is asked about two texts: see `pooled`.
    kind : {"bert", "distilbert"}
        Architecture.

    Raises
    ------
    ValueError
        For another kind, or a width that the heads do not divide.
    """

    separator = SEP  # token number that ends a text

    def __init__(
        self,
        *,
        layers: int,
        width: int,
        heads: int,
        vocabulary: int = 2048,
        length: int = 32,
        classes: int = 0,
        pair: bool = False,
        kind: str = "bert",
    ):
        super().__init__()
        own = {  # no dropout, since no text is seen often here
            "bert": {"intermediate_size": 4 * width, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
            "distilbert": {"hidden_dim": 4 * width, "dropout": 0.0, "attention_dropout": 0.0},
        }
        require(kind in own, "kind", "'bert' or 'distilbert'", repr(kind))
        shape = {"layers": layers, "width": width, "heads": heads, "vocabulary": vocabulary, "length": length}
        self.net = random_net("MaskedLM", kind, **shape, **own[kind])
        self.kind, self.heads, self.vocabulary, self.length, self.pair = kind, heads, vocabulary, length, pair
        self.head = nn.Linear((4 if pair else 1) * width, classes) if classes else None

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer layers, input side first."""
        return self.net.bert.encoder.layer if self.kind == "bert" else self.net.distilbert.transformer.layer

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Embeddings and every layer's output, (B, N, D) each.  x : Tensor (B, N), int64, token numbers

        Raises
        ------
        ValueError
            For texts longer than the model, which has no positions for them.
        """
        require(x.shape[1] <= self.length, "x", f"of at most {self.length} tokens a text", x.shape[1])
        real = x > 0
        asked = {"input_ids": x, "attention_mask": None if bool(real.all()) else real.long()}
        if self.kind == "bert":
            asked["token_type_ids"] = self.second(x).long()
        return list(self.net.base_model(**asked, output_hidden_states=True).hidden_states)

    @torch.no_grad()
    def start_from_frequencies(self, x: Tensor) -> "Bert":
        """Begin with the frequency of every token in texts `x` (N, L) as the word predictor's bias (its logarithm).

        Otherwise the first thousand texts teach little but which words are common.
        """
        count = x[x > MASK].bincount(minlength=self.vocabulary) + 1.0
        self.net.get_output_embeddings().bias.copy_((count / count.sum()).log())
        return self

    def second(self, x: Tensor) -> Tensor:
        """Which tokens (B, N) belong to the second text of a pair: those behind the first separator."""
        ends = (x == self.separator).long()
        return (ends.cumsum(1) > ends) & (x > 0)

    def pooled(self, x: Tensor, last: Tensor) -> Tensor:
        """What the classifier reads of the last hidden states (B, N, D): the mean over all tokens (B, D).

        Of a pair it reads (B, 4 D): the means u and v over each text's words, ``|u - v|`` and u v, as Conneau et al.
        (2017, InferSent, section 3.1) do for two sentences. So it is told to compare, which a few thousand pairs do not
        teach.
        """
        if not self.pair:
            return mean_of(last, x > 0)
        second, word = self.second(x), (x > 0) & (x != self.separator)
        u, v = mean_of(last, word & ~second), mean_of(last, word & second)
        return torch.cat([u, v, (u - v).abs(), u * v], -1)

    def words(self, h: Tensor) -> Tensor:
        """Logits (..., V) of the token that belongs where the last hidden state is `h` (..., D)."""
        if self.kind == "bert":
            return self.net.cls(h)
        return self.net.vocab_projector(self.net.vocab_layer_norm(self.net.activation(self.net.vocab_transform(h))))

    def scores(self, hidden: Sequence[Tensor], layer: int) -> Tensor:
        """Attention scores (B, heads, N, N) before the softmax of a layer, counted from 1: Q K^T / sqrt(d)."""
        attention, h = self.layers[layer - 1].attention, hidden[layer - 1]
        names = ("self.query", "self.key") if self.kind == "bert" else ("q_lin", "k_lin")
        parts = (attention.get_submodule(name)(h) for name in names)
        query, key = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5

    def forward(self, x: Tensor) -> Outputs:
        """Logits of the classes (B, C), or of words (B, N, V) without a classifier; features as `hidden`."""
        hidden = self.hidden(x)
        if self.head is None:
            return Outputs(self.words(hidden[-1]), hidden)
        return Outputs(self.head(self.pooled(x, hidden[-1])), hidden)


def mean_of(last: Tensor, counted: Tensor) -> Tensor:
    """Mean (B, D) of the hidden states (B, N, D) that are `counted` (B, N)."""
    counted = counted[..., None]
    return (last * counted).sum(1) / counted.sum(1).clamp_min(1)


def random_net(
    head: str, kind: str, *, layers: int, width: int, heads: int, vocabulary: int, length: int, **own: Any
) -> nn.Module:
    """A class of `transformers` with random weights; `own` are settings that no other kind has, or that it names so.

    BERT's standard deviation of 0.02 belongs to its width of 768; a narrower layer needs a larger one for inputs of the
    same size. Validation after 12,000 texts: 6.34 nats at a width of 128, 6.38 with 0.02.

    Raises
    ------
    ValueError
        For a width that the heads do not divide.
    """
    transformers = needed("transformers")
    require(width % heads == 0, "width", f"a multiple of the {heads} heads", width)
    config = transformers.AutoConfig.for_model(
        kind,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        vocab_size=vocabulary,
        max_position_embeddings=length,
        initializer_range=0.02 * (768 / width) ** 0.5,
        **own,
    )
    return getattr(transformers, f"AutoModelFor{head}").from_config(config)


def start_from_teacher(student: Bert, teacher: Bert) -> Bert:
    """Give a DistilBERT of half a BERT's layers its embeddings, word predictor and every second layer.

    Token-type embeddings are left behind (Sanh et al. 2019, section 2).

    Raises
    ------
    ValueError
        When the student has not half the teacher's layers, or another width.
    """
    half, layers = len(student.layers), len(teacher.layers)
    require(2 * half == layers, "the student", f"of half the teacher's {layers} layers", half)
    halved = copy.deepcopy(teacher)
    del halved.layers[1::2]
    del halved.net.bert.embeddings.token_type_embeddings
    both = [[m for m in net.modules() if isinstance(m, PARTS)] for net in (halved.net, student.net)]
    for theirs, ours in zip(*both, strict=True):  # under other names, in the same order
        shapes = tuple(theirs.weight.shape), tuple(ours.weight.shape)
        require(shapes[0] == shapes[1], str(ours), f"of the teacher's shape {shapes[0]}", shapes[1])
        ours.load_state_dict(theirs.state_dict())  # copies
    return student
