"""WordNet's definitions as sequences of word pieces: what small language models are pre-trained on.

The vocabulary is trained here, in about a second, on definitions of the part ``fit``; a text is [CLS] pieces [SEP], a
pair [CLS] first [SEP] second [SEP], as for BERT (Devlin et al. 2019, section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from kdbook import require
from kdbook.data.files import sha256
from kdbook.data.glosses import PARTS, Texts, check_part, padded, synsets

VOCABULARY = 2048
LENGTH = 32  # tokens of the longest sequence; longer texts are cut
PAD, UNKNOWN, CLS, SEP, MASK = range(5)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TRAINED_ON = 16_000  # definitions for the vocabulary: more change few of its pieces and cost seconds


@dataclass(frozen=True)
class Tokens(Texts):
    """Texts whose x (N, L) holds the numbers of word pieces, 0 as filling.

    Parameters
    ----------
    bucket : int
        Texts of like length that stay together in an epoch's order: choose the batch size, and hardly any filling is
        computed.
    """

    bucket: int = 32

    def order(self) -> Tensor:
        """All rows: shuffled, sorted by length, cut into buckets, and the buckets shuffled."""
        lengths = (self.x > 0).sum(1)
        mixed = torch.randperm(len(self))
        # a length's worth of noise: neighbours by length change from epoch to epoch
        ranked = mixed[(lengths[mixed] + 2 * torch.rand(len(self))).argsort()]
        buckets = list(ranked.split(self.bucket))
        return torch.cat([buckets[i] for i in torch.randperm(len(buckets))])


@cache
def tokenizer():
    """The WordPiece tokenizer of the definitions (`tokenizers.Tokenizer`): lower case, `VOCABULARY` pieces."""
    from tokenizers import BertWordPieceTokenizer

    texts = [text.lower() for text in definitions("fit")[:TRAINED_ON]]
    letters = sorted(set("".join(texts)) - {" "})
    # The trainer numbers inner letters as its hash table happens to meet them, and breaks ties by number: naming them
    # first makes every run find the same pieces.
    first = [*SPECIAL, *(f"##{letter}" for letter in letters)]
    draft = BertWordPieceTokenizer(lowercase=True)
    draft.train_from_iterator(texts, vocab_size=VOCABULARY, min_frequency=2, special_tokens=first, show_progress=False)
    made = BertWordPieceTokenizer(draft.get_vocab(), lowercase=True)
    made.enable_truncation(LENGTH)
    return made


def encode(texts: Sequence[str] | Sequence[tuple[str, str]]) -> Tensor:
    """Token numbers (N, L) of texts or pairs of texts, cut at `LENGTH` tokens, 0 as filling.

    Raises
    ------
    ValueError
        For an empty sequence, or a text without a single character.
    """
    check_texts(texts)
    return padded([e.ids for e in tokenizer().encode_batch(list(texts))])


def check_texts(texts: Sequence[str] | Sequence[tuple[str, str]]) -> None:
    """Raise ValueError for no text at all, or for an empty one, with its place."""
    require(len(texts) > 0, "texts", "at least one text", "none")
    for at, text in enumerate(texts):
        if not all(part.strip() for part in ([text] if isinstance(text, str) else text)):
            raise ValueError(f"text {at} is empty: leave it out")


def decode(tokens: Sequence[int]) -> str:
    """The text of token numbers, without the special ones."""
    return tokenizer().decode([int(t) for t in tokens if t not in (PAD, CLS, SEP)], skip_special_tokens=False)


@cache
def definitions(part: str = "train") -> tuple[str, ...]:
    """Different definitions of all parts of speech, in the order of their SHA-256: the first n are a random sample.

    Parameters
    ----------
    part : str
        ``fit``, ``validation``, ``train`` (both) or ``test``, the parts of `kdbook.data.glosses`.

    Raises
    ------
    ValueError
        For an unknown part.
    """
    check_part(part)
    texts = {s.text for s in synsets().values() if s.text and s.bin in PARTS[part]}
    return tuple(sorted(texts, key=lambda text: sha256(text.encode())))


def load_corpus(part: str = "train", samples: int | None = None, bucket: int = 32) -> Tokens:
    """The first `samples` definitions of a part as a `Split` without labels."""
    texts = definitions(part)[:samples]
    x = encode(texts)
    return Tokens(x, torch.zeros(len(x), dtype=torch.int64), torch.arange(len(x)), bucket=bucket)
