"""Image sets, one `Split` a part, on the device, and the 25 shifts of up to two pixels as views."""

import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kdbook import kind_of, require
from kdbook.data.cifar import CIFAR_MD5, cifar_arrays
from kdbook.data.files import RECIPES, SHA256, idx_array, sha256

IMAGE_SETS = {"mnist": 60_000, "fashion-mnist": 60_000}
# The classes of Fashion-MNIST (Xiao et al. 2017, Table 2), in the order of their labels, in everyday words.
CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
VALIDATION = 10_000  # the last training images; hyper-parameters are chosen on them

REACH = 2  # pixels; Hinton et al. 2015, section 3: jittered by up to two pixels in any direction
VIEWS = (2 * REACH + 1) ** 2
CENTRE_VIEW = VIEWS // 2  # view v shifts down by v // 5 - 2 and right by v % 5 - 2 pixels
# What a split must hold, as `kind_of` tells it, and how to make it so
WANTED = {
    "x": "uint8 levels 0 to 255, (N, H, W) or (N, 3, H, W) (from [0, 1]: (255 * x).round().to(torch.uint8); colours "
    "come first: .permute(0, 3, 1, 2)), or int64 token numbers of a split of texts",
    "y": "class numbers (N,), int64 (by .long(); from one-hot by .argmax(1))",
    "index": "sample numbers (N,), int64 (as torch.arange(N))",
}
LEVELS, TOKENS, NUMBERS = r".* torch.uint8 \(\d+(, 3)?, \d+, \d+\)", ".* torch.int64 .*", r".* torch.int64 \(\d+,\)"
_SLAB = 8192  # rows gathered at once: fewer, larger copies than one a batch


@dataclass(frozen=True)
class Split:
    """Images with their labels, and their positions in the complete set.

    >>> split = Split(torch.zeros(3, 28, 28, dtype=torch.uint8), torch.tensor([4, 1, 7]), torch.arange(3))
    >>> split.rows(split.y > 1).y
    tensor([4, 7])

    Parameters
    ----------
    x : Tensor (N, H, W) or (N, 3, H, W), uint8
        Levels 0 to 255, grey or of three colours.
    y : Tensor (N,), int64
        Labels.
    index : Tensor (N,), int64
        Position of each image in the complete set: the key of every table about samples.
    views : int
        1 = images as they are (view `CENTRE_VIEW`); `VIEWS` = one of the 25 shifts is drawn for each image and epoch.
    chosen : Tensor (S, n), int64, optional
        Rows of the draw that each of S students has, which see them in orders and shifts of their own: see `drawn`.
    origin : str
        Name and checksum of the complete set, so that what is kept by index refuses another; default: a checksum of x
        and index. Parts of a split keep it.

    Raises
    ------
    ValueError
        For images that are not bytes or whose colours come last, labels that are not class numbers, and an index that
        is negative or names a sample twice.

    Explained in notebooks/01_dark_knowledge.
    """

    x: Tensor
    y: Tensor
    index: Tensor
    views: int = 1
    origin: str = ""
    chosen: Tensor | None = field(default=None, kw_only=True)

    def __post_init__(self):
        images = type(self).shown is Split.shown  # texts are shown in a way of their own
        kinds = {"x": LEVELS if images else f"{LEVELS}|{TOKENS}", "y": NUMBERS, "index": NUMBERS}
        for name, wanted in WANTED.items():
            kind = kind_of(getattr(self, name))
            require(re.fullmatch(kinds[name], kind), name, wanted, kind)
        got = f"{len(self.x)}, {len(self.y)} and {len(self.index)}"
        require(len(self.x) == len(self.y) == len(self.index), "x, y and index", "of one row a sample", got)
        require(self.views in (1, VIEWS), "views", f"1 or {VIEWS}", repr(self.views))
        check_index(self.index)
        if not self.origin:
            seen = [digest(v) for name, v in vars(self).items() if isinstance(v, Tensor) and name != "y"]
            object.__setattr__(self, "origin", f"own data {zlib.crc32(repr(seen).encode()):08x}")

    def __len__(self) -> int:
        return len(self.x)

    @property
    def visits(self) -> int:
        """Number of samples that an epoch visits."""
        return len(self) if self.chosen is None else self.chosen.shape[1]

    def order(self) -> Tensor:
        """Rows in the order in which an epoch visits them, (visits,): all of them, shuffled by torch's generator."""
        return torch.randperm(self.visits)

    def visit(self, seed: int | Sequence[int], epoch: int) -> tuple[Tensor, Tensor | None]:
        """Rows in the order in which an epoch visits them, and the shift of each, None without shifts.

        (visits,) each for one seed; (S, visits) for those of S students, as each would meet its own draw alone.
        """
        if self.chosen is None:
            return self._visit(seed, epoch)
        told = {s: self._visit(s, epoch) for s in dict.fromkeys(seed)}  # students of one seed share it
        orders, views = zip(*(told[s] for s in seed), strict=True)
        order = self.chosen.gather(1, torch.stack(orders))
        return order, None if views[0] is None else torch.stack(views)

    def _visit(self, seed: int, epoch: int) -> tuple[Tensor, Tensor | None]:
        torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1))
        order = self.order().to(self.y.device)
        return order, torch.randint(self.views, (len(order),)).to(order) if self.views > 1 else None

    def shifted(self) -> "Split":
        """The same samples, seen through all 25 shifts."""
        return replace(self, views=VIEWS)

    def rows(self, where: Tensor) -> "Split":
        """The samples chosen by a boolean mask (N,) or by positions."""
        return replace(self, x=self.x[where], y=self.y[where], index=self.index[where], chosen=None)

    def drawn(self, chosen: Tensor) -> "Split":
        """The same samples for a cohort, of which each student sees the draw of its row, `chosen` (S, n).

        Raises
        ------
        ValueError
            For anything else than rows of these samples, and for samples whose order is not a plain shuffle.
        """
        good = isinstance(chosen, Tensor) and chosen.ndim == 2 and chosen.dtype == torch.int64 and chosen.numel() > 0
        good = good and 0 <= int(chosen.min()) <= int(chosen.max()) < len(self)
        require(good, "chosen", f"rows (S, n) of the {len(self)} samples, int64", kind_of(chosen))
        require(type(self).order is Split.order, "the split", "of samples that are shuffled", type(self).__name__)
        return replace(self, chosen=chosen.to(self.x.device))

    def without(self, classes: Sequence[int]) -> "Split":
        """The samples whose label is none of `classes`."""
        present = set(self.y.unique().tolist())
        missing = sorted(set(classes) - present)
        require(not missing, "classes", f"of those with a sample here, {sorted(present)}", missing)
        return self.rows(~torch.isin(self.y, torch.tensor(list(classes), device=self.y.device)))

    def to(self, device: torch.device | str) -> "Split":
        """The split on another device."""
        moved = {name: v.to(device) for name, v in vars(self).items() if isinstance(v, Tensor) and name != "_padded"}
        return replace(self, **moved)

    def images(self, rows: Tensor | slice = slice(None), view: Tensor | int = CENTRE_VIEW) -> Tensor:
        """Float images in [0, 1], shifted with zero fill.

        Parameters
        ----------
        rows : Tensor (B,) or slice
            Which samples.
        view : int or Tensor (B,)
            Shift of all, or of each.

        Returns
        -------
        Tensor (B, H, W) or (B, 3, H, W), float32
        """
        return self.shown(self._levels(rows, view))

    def batches(self, order: Tensor, view: Tensor | None, batch_size: int) -> Iterator[tuple[Tensor, slice]]:
        """Batches in the given order as `shown`, with the rows they came from.

        Parameters
        ----------
        order : Tensor (M,), or (S, M) for S students with a batch each
            Rows, in the order of visiting.
        view : Tensor as order, or None
            Shift of each; None = unshifted.
        batch_size : int
            Rows a batch; the last one may be shorter.

        Yields
        ------
        x : Tensor (B, H, W), (B, 3, H, W) or either with S before, float32 in [0, 1]; of texts, frames what they show
        at : slice
            The part of `order` that the batch holds.
        """
        *students, visits = order.shape
        slab = max(1, _SLAB // (batch_size * math.prod(students))) * batch_size
        for start in range(0, visits, slab):
            rows = order[..., start : start + slab]
            levels = self._levels(rows, CENTRE_VIEW if view is None else view[..., start : start + slab])
            for low in range(0, rows.shape[-1], batch_size):
                high = min(low + batch_size, rows.shape[-1])
                seen = levels[:, low:high] if students else levels[low:high]
                yield self.shown(seen), slice(start + low, start + high)

    def shown(self, x: Tensor) -> Tensor:
        """What a network sees of some rows of x: levels as floats in [0, 1]."""
        return x.float().div_(255)

    @cached_property
    def _padded(self) -> Tensor:
        return F.pad(self.x, (REACH,) * 4)

    def _levels(self, rows: Tensor | slice, view: Tensor | int) -> Tensor:
        if isinstance(view, int) and view == CENTRE_VIEW:
            return self.x[rows]
        if isinstance(rows, slice):
            rows = torch.arange(len(self), device=self.x.device)[rows]
        view = torch.as_tensor(view)
        if view.device.type == "cpu":  # elsewhere the look would make the processor wait
            lowest, highest = int(view.min()), int(view.max())
            require(0 <= lowest <= highest < VIEWS, "view", f"in 0..{VIEWS - 1}", f"{lowest}..{highest}")
        view = view.to(self.x.device)
        side = 2 * REACH + 1
        n, *colours, h, w = self.x.shape
        padded, across = self._padded, self._padded.stride()
        # windows[n, a, b] starts at (a, b) of the padded image: no copy is made before the gather
        windows = padded.as_strided((n, side, side, *colours, h, w), (across[0], *across[-2:], *across[1:]))
        # to move a picture down by d, the window must start d higher
        return windows[rows, 2 * REACH - view // side, 2 * REACH - view % side]


def check_index(index: Tensor) -> None:
    """Raise ValueError unless each row has a sample index of its own, 0 or more."""
    found, count = index.unique(return_counts=True)
    if len(wrong := found[(found < 0) | (count > 1)]):
        raise ValueError(f"index must be 0 or more and name each sample once, got {int(wrong[0])}: see torch.arange")


def digest(values: Tensor) -> str:
    """Type, shape and a checksum of a tensor; of a large one the sum of all and a sample: 60 MB take 10 ms, not 150."""
    flat = values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    words = flat[: len(flat) // 8 * 8].view(np.int64)
    if step := len(words) >> 17:
        flat = np.append(words[::step], [words.sum(), int.from_bytes(flat[len(words) * 8 :].tobytes())])
    return f"{values.dtype} {tuple(values.shape)} {zlib.crc32(flat):08x}"


def load_images(name: str = "mnist", part: str = "train", device: torch.device | str = "cpu") -> Split:
    """One part of an image set.

    Parameters
    ----------
    name : str
        ``mnist`` or ``fashion-mnist``; ``cifar10`` or ``cifar100`` where there is a copy (`kdbook.data.cifar`).
    part : str
        ``train`` (60,000), ``fit`` (the first 50,000 of them), ``validation`` (the last 10,000) or ``test`` (10,000).
    device : torch.device or str
        Where the tensors are put.

    Raises
    ------
    ValueError
        For an unknown name or part.
    DamagedFileError
        When an embedded file fails its checksum.
    MissingCifarError
        When there is no copy of a CIFAR here.
    """
    names, parts = (*IMAGE_SETS, *CIFAR_MD5), ("train", "fit", "validation", "test")
    require(name in names, "name", f"one of {', '.join(names)}", repr(name))
    require(part in parts, "part", f"one of {', '.join(parts)}", repr(part))
    if name in CIFAR_MD5:
        x, y = map(torch.from_numpy, cifar_arrays(name, train=part != "test"))
    else:
        prefix = "t10k" if part == "test" else "train"
        x = torch.from_numpy(idx_array(f"{name}/{prefix}-images-idx3-ubyte"))
        y = torch.from_numpy(idx_array(f"{name}/{prefix}-labels-idx1-ubyte")).long()
    part_of = "test" if part == "test" else "train"
    split = Split(x, y, torch.arange(len(x)), origin=f"{name}/{part_of} {checksum(name)[:8]}")
    if part in ("fit", "validation"):
        split = split.rows((split.index < len(x) - VALIDATION) == (part == "fit"))
    return split.to(device)


def checksum(name: str) -> str:
    """Checksum of a whole data set, or of its recipe: part of the identity of every trial that learns from it."""
    whole = CIFAR_MD5 | {made: f"{made}, recipe {version}" for made, version in RECIPES.items()}
    files = [digest for file, digest in sorted(SHA256.items()) if file.startswith(f"{name}/")]
    told = whole.get(name) or "".join(files)
    there = ", ".join([*IMAGE_SETS, *CIFAR_MD5, "wordnet", "banking77", "clinc150", "fsdd", *RECIPES])
    require(bool(told), "name", f"one of {there}", repr(name))
    return sha256(told.encode())
