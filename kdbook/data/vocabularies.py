"""Ways to cut the same text into tokens, each with the byte at which every token ends.

Byte-pair encoding is trained on given texts and deterministic; two trainings of different size give two vocabularies.
Characters are a vocabulary as well. All keep 0 for filling, 1 for the beginning and 2 for the end of a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from torch import Tensor

from kdbook import require
from kdbook.data.glosses import padded
from kdbook.data.wordpiece import check_texts

SPECIAL = ("<pad>", "<bos>", "<eos>")
PAD, BOS, EOS = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A tokenizer of the package `tokenizers` that puts <bos> and <eos> around a text.

    Raises
    ------
    ValueError
        For a tokenizer that does not number <pad>, <bos> and <eos> 0, 1 and 2: without an end nobody stops.
    """

    tokenizer: object

    def __post_init__(self):
        for number, name in enumerate(SPECIAL):
            found = self.tokenizer.token_to_id(name)
            require(found == number, name, f"token {number} of the vocabulary (name it in training)", found)

    @property
    def size(self) -> int:
        """Number of tokens, special ones included."""
        return self.tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Token numbers (B, N), <bos> and <eos> included, 0 as filling."""
        return self.with_ends(texts)[0]

    def with_ends(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token numbers (B, N), and the byte at which each ends (B, N): 0 for <bos>, one more than all for <eos>.

        Raises
        ------
        ValueError
            For no text, an empty one, or a character that the vocabulary cannot express.
        """
        check_texts(texts)
        rows, ends = [], []
        for text, found in zip(texts, self.tokenizer.encode_batch(list(texts)), strict=True):
            before = [0, *accumulate(len(letter.encode()) for letter in text)]  # bytes before each character
            stops = [before[stop] for _, stop in found.offsets]
            begins = [before[start] for start, _ in found.offsets]
            gap = any(begin > stop for begin, stop in zip([*begins, before[-1]], [0, *stops], strict=True))
            require(not gap and 0 not in found.ids, "text", "what the vocabulary can express", repr(text))
            rows.append([BOS, *found.ids, EOS])
            ends.append([0, *stops, before[-1] + 1])
        return padded(rows), padded(ends)

    def decode(self, x: Tensor) -> list[str]:
        """The texts of token numbers (B, N), without special tokens."""
        return [self.tokenizer.decode([t for t in row if t > EOS]) for row in x.tolist()]


def byte_pairs(texts: Sequence[str], size: int) -> Vocabulary:
    """Byte-pair encoding with `size` tokens (Sennrich et al. 2016), trained on texts; a blank belongs to the next word.

    Raises
    ------
    ValueError
        For no text, or a size that leaves no room for merges.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    check_texts(texts)
    least = len(SPECIAL) + len({byte for text in texts for byte in text.encode()})
    require(size > least, "size", f"more than {least}, special tokens and bytes", size)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(SPECIAL), show_progress=False)
    made.train_from_iterator(texts, trainer)
    return Vocabulary(made)


def characters(texts: Sequence[str]) -> Vocabulary:
    """One token for each character of the texts."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    check_texts(texts)
    numbers = {token: n for n, token in enumerate((*SPECIAL, *sorted(set("".join(texts)))))}
    made = Tokenizer(models.WordLevel(numbers, unk_token="<pad>"))
    made.pre_tokenizer, made.decoder = pre_tokenizers.Split(Regex("."), "isolated"), decoders.Fuse()
    return Vocabulary(made)
