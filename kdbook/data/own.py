"""A user's own data as a `Split`: tensors, mappings of tensors, datasets and loaders, taken as they are.

What does not change between two readings is read once and kept in memory, unless it is large. What does change, since
somebody augments it, is read again in every epoch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from kdbook import kind_of, require
from kdbook.data.images import Split

NO_LABEL = -100  # as in torch and transformers
LABELS = ("labels", "label", "y")  # what labels are called in a mapping
IN_MEMORY = 2**31  # bytes; larger data is read anew in every epoch


@dataclass(slots=True)  # with slots, a checkpoint's fingerprint does not read the paths of millions of images
class Reader:
    """Rows `at` of a dataset, read whenever they are asked for; `varies` when two readings differ."""

    data: Any
    collate: Callable
    workers: int
    at: Tensor
    varies: bool = False

    def __getitem__(self, rows: Tensor) -> "Reader":
        return replace(self, at=self.at[rows.cpu()])

    def batches(self, batch_size: int) -> Iterator[tuple[dict, Any]]:
        """Inputs and labels (None without) of all rows, in order."""
        order = [rows.tolist() for rows in self.at.split(batch_size)]
        read = DataLoader(self.data, batch_sampler=order, collate_fn=self.collate, num_workers=self.workers)
        return map(halves, read)


@dataclass(frozen=True)
class Items(Split):
    """Samples of any kind.

    Parameters
    ----------
    x : dict of str to Tensor (N, ...), or Reader
        What nets are given, as it is; inputs that are one tensor have the name "".
    y : Tensor (N,), int64
        Classes; -100 = no label.
    """

    def __post_init__(self):
        good = self.y.dtype == torch.int64 and self.y.ndim == 1
        require(good, "labels", "class numbers (N,), int64 (from one-hot by .argmax(1))", kind_of(self.y))
        object.__setattr__(self, "origin", self.origin or f"own data of {len(self.y)}")

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, where: Tensor) -> "Items":
        """The samples chosen by a boolean mask (N,) or by positions."""
        return replace(self, x=chosen(self.x, where), y=self.y[where], index=self.index[where])

    def to(self, device: torch.device | str) -> "Items":
        """The samples on another device; what is read anew follows batch by batch."""
        x = self.x if isinstance(self.x, Reader) else {name: part.to(device) for name, part in self.x.items()}
        return replace(super().to(device), x=x)

    def batches(self, order: Tensor, view: None, batch_size: int) -> Iterator[tuple[Any, slice]]:
        """Inputs of the rows `order`, a tensor or a dict, and which part of it each batch holds."""
        parts, low = order.split(batch_size), 0
        read = chosen(self.x, order).batches(batch_size) if isinstance(self.x, Reader) else parts
        for part, found in zip(parts, read, strict=True):
            x = chosen(self.x, part) if found is part else found[0]
            x = {name: values.to(self.y.device) for name, values in x.items()}
            yield x.get("", x), slice(low, low + len(part))
            low += len(part)


def chosen(x: Mapping[str, Tensor] | Reader, rows: Tensor) -> Any:
    """Rows of inputs."""
    return x[rows] if isinstance(x, Reader) else {name: part[rows] for name, part in x.items()}


def halves(sample: Any) -> tuple[dict, Any]:
    """Inputs by name, and label, of a sample or of a batch; None when it has no label."""
    x, y = (*sample, None)[:2] if isinstance(sample, Sequence) and len(sample) in (1, 2) else (sample, None)
    x = dict(x) if isinstance(x, Mapping) else {"": x}
    labels = [y, *(x.pop(name, None) for name in LABELS)]
    for name, part in x.items():  # a list is collated position by position; a text is no input of a net
        x[name] = torch.stack(part, 1) if isinstance(part, list) and isinstance(part[0], Tensor) else part
    x = {name: torch.as_tensor(part) for name, part in x.items() if isinstance(part, Tensor | np.ndarray)}
    return x, next((label for label in labels if label is not None), None)


def own_items(data: Any, name: str = "train") -> Split:
    """Data of any kind as a `Split`.

    >>> texts = {"input_ids": torch.tensor([[2, 7], [3, 0]]), "label": torch.tensor([0, 1])}
    >>> own_items(texts).y
    tensor([0, 1])

    Parameters
    ----------
    data : Tensor, array, pair, mapping, Dataset, DataLoader or Split
        Inputs are a Tensor (N, ...) or a mapping of str to such, labels int64, named ``labels``, ``label`` or ``y`` in
        a mapping; a loader's order is not used, but its collate function and workers are.
    name : str
        What an error calls it.

    Raises
    ------
    ValueError
        For anything else, for data without a length or without samples, and for labels that are no class numbers.
    """
    if isinstance(data, Split):
        return data
    pair = isinstance(data, tuple) and len(data) == 2 and isinstance(data[1], Tensor | np.ndarray | None)
    if pair or isinstance(data, Tensor | np.ndarray | Mapping):
        return items_of(*halves(data), name)
    loader = data if isinstance(data, DataLoader) else DataLoader([data])
    data = loader.dataset if loader is data else data
    good = hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, str)
    wanted = "a Tensor or array, a pair (inputs, labels), a mapping of tensors, a Dataset or DataLoader with a length"
    require(good and len(data) > 0, name, wanted, kind_of(data) + " without samples" * good)
    reader = Reader(data, loader.collate_fn, loader.num_workers, torch.arange(len(data)))
    few = reader[reader.at[:16]]
    try:
        (once, _), (again, _) = (next(few.batches(16)) for _ in range(2))
    except (RuntimeError, TypeError) as error:
        remedy = "give a DataLoader with a collate_fn that makes batches of tensors, as DataCollatorWithPadding does"
        raise ValueError(f"{name} cannot be put into batches ({error}): {remedy}") from error
    reader.varies = not all(torch.equal(part, again[name]) for name, part in once.items())
    if not reader.varies and sum(part.nbytes for part in once.values()) / len(few.at) * len(data) <= IN_MEMORY:
        return items_of(*next(reader.batches(len(data))), name)
    labels = [y for _, y in reader.batches(256) if y is not None]
    return items_of(reader, torch.cat(labels) if labels else None, name)


def items_of(x: dict[str, Tensor] | Reader, y: Tensor | None, name: str) -> Items:
    """Inputs with their labels, if there are any."""
    sizes = {len(x.at)} if isinstance(x, Reader) else {len(part) for part in x.values()} or {0}
    y = torch.full((max(sizes),), NO_LABEL) if y is None else torch.as_tensor(y)
    good = sizes == {len(y)} != {0}
    require(good, name, "tensors of inputs and labels, one row a sample", f"{sorted(sizes)} rows and {len(y)} labels")
    return Items(x, y, torch.arange(len(y)))
