"""Where soft targets come from. All kinds answer `soft_targets(x, index, view)`: no loss knows which it was given."""

import copy
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from kdbook import check_number, kind_of, require
from kdbook.data.images import CENTRE_VIEW, VIEWS, Split, check_index
from kdbook.nets.vision import Outputs


class SoftTargets(NamedTuple):
    """A teacher's answer: logits (B, C), and its features where it shows them (None for a layer that was not kept).

    >>> SoftTargets(torch.zeros(2, 10)).features is None
    True
    """

    logits: Tensor
    features: list[Tensor | None] | None = None


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Context in which a net is in eval mode and nothing gets a gradient; then each of its modules is as it was."""
    require(isinstance(model, nn.Module), "model", "an nn.Module that answers with logits", type(model).__name__)
    modes = {module: module.training for module in model.modules()}
    try:
        with torch.no_grad():
            yield model.eval()
    finally:
        for module, mode in modes.items():
            module.training = mode


class LiveTeacher:
    """A network asked afresh for every batch: in eval mode for its answer, never with gradients; nothing of it changes.

    >>> teacher = LiveTeacher(torch.nn.Linear(4, 3))
    >>> teacher.soft_targets(torch.zeros(2, 4), torch.tensor([0, 1]), 0).logits.requires_grad
    False

    Parameters
    ----------
    model : nn.Module
        Any net whose answer `Outputs.of` can read.
    """

    def __init__(self, model: nn.Module):
        with evaluating(model):
            self.model = model

    def soft_targets(self, x: Tensor, index: Tensor, view: Tensor | int = CENTRE_VIEW) -> SoftTargets:
        """Logits and features of the images x (B, H, W) as given; index and view are not needed."""
        with evaluating(self.model):
            logits, features = Outputs.of(self.model(x))
        return SoftTargets(logits, features or None)


def teaching(teacher: Any) -> Any:
    """The teacher, when it is one; ValueError for a bare net."""
    wanted = "something with soft_targets(x, index, view), as LiveTeacher(net)"
    require(hasattr(teacher, "soft_targets"), "teacher", wanted, type(teacher).__name__)
    return teacher


class CachedTeacher:
    """Logits computed once for every sample and view, looked up by sample index *and* view.

    Exact: with shifts as the only augmentation there are 25 views, so the whole orbit of MNIST is 1.5 million rows
    of 10 floats (60 MB). Of a cohort each student may have a teacher of its own.

    >>> teacher = CachedTeacher(torch.arange(12.0).reshape(1, 4, 3), torch.tensor([5, 6, 7, 8]))
    >>> teacher.soft_targets(None, torch.tensor([7])).logits
    tensor([[6., 7., 8.]])

    Parameters
    ----------
    logits : Tensor (V, N, C), or (K, V, N, C) of K teachers
        V = 1 (unshifted only) or 25.
    index : Tensor (N,)
        Sample index of each column.
    features : list of Tensor (N, ...) or None
        Hidden layers of the unshifted samples, None for those that were not kept.
    origin : str
        `Split.origin` of the set that was asked about; without one, that of the first batch. Objectives refuse another.
    whose : Tensor (S,), int64, optional
        Which of K teachers each student of a cohort has; default: student s has teacher s.
    """

    def __init__(
        self,
        logits: Tensor,
        index: Tensor,
        features: list[Tensor | None] | None = None,
        origin: str = "",
        whose: Tensor | None = None,
    ):
        good = isinstance(logits, Tensor) and logits.is_floating_point() and logits.ndim in (3, 4)
        good = good and logits.shape[-3] in (1, VIEWS)
        good = good and isinstance(index, Tensor) and index.shape == logits.shape[-2:-1]
        wanted = f"Tensors (N,) and (1 or {VIEWS}, N, C), floating point, with K teachers in front for a cohort"
        require(good, "index and logits", wanted, f"{kind_of(index)} and {kind_of(logits)}")
        check_index(index)
        wrong = [len(f) for f in features or () if f is not None and len(f) != len(index)]
        require(not wrong, "features", f"of {len(index)} rows, as logits", wrong)
        if logits.ndim == 4:
            whose = torch.arange(len(logits)) if whose is None else whose
            good = whose.ndim == 1 and 0 <= int(whose.min()) <= int(whose.max()) < len(logits)
            require(good, "whose", f"one of the {len(logits)} teachers for each student", whose.tolist())
        self.logits, self.features, self.origin = logits, features, origin
        self.whose = () if whose is None else (whose.to(logits.device)[:, None],)
        # what was not cached, the last entry included, has a column that is not there: a GPU ends in an assertion
        self.row = torch.full((int(index.max()) + 2,), len(index), device=logits.device)
        self.row[index] = torch.arange(len(index), device=logits.device)

    @classmethod
    def of(cls, model: nn.Module, split: Split, layers: Collection[int] = ()) -> "CachedTeacher":
        """Ask a network for all samples of a split, and for all 25 shifts when the split is `shifted()`.

        `layers` are the hidden layers to keep besides: all maps of 12,000 images by a teacher of 32, 64 and 128
        channels are 0.5 GB, those of all shifts would be 14 GB.

        Raises
        ------
        ValueError
            For features of a shifted split.
        """
        if split.views == 1:
            answers = predict(model, split, layers=layers)
            return cls(answers.logits[None], split.index, answers.features if layers else None, split.origin)
        if layers:
            raise ValueError(f"features of {VIEWS} views are not cached: use LiveTeacher, or a split without shifts")
        orbit = torch.stack([predict(model, split, view=v).logits for v in range(VIEWS)])  # (V, N, C)
        return cls(orbit, split.index, origin=split.origin)

    def showing(self, layers: Collection[int] = ()) -> "CachedTeacher":
        """The same cache that looks up only these of its layers: a row of all maps is hundreds of times its logits."""
        shown = copy.copy(self)
        shown.features = only(self.features, layers) if layers else None
        return shown

    def soft_targets(self, x: Tensor, index: Tensor, view: Tensor | int = CENTRE_VIEW) -> SoftTargets:
        """Stored logits (B, C) of the samples `index` (B,) under `view` (B,) or one view for all.

        With a teacher each they are (S, B, C), where index and view may be (S, B) too: a batch for each student.

        Raises
        ------
        ValueError
            When a view other than the centre is asked of a cache without views.
        IndexError
            When a sample was never cached (on the CPU).
        """
        row = self.row[index.clamp_max(len(self.row) - 1)]
        lacking = row == self.logits.shape[-2]
        if row.device.type == "cpu" and bool(lacking.any()):  # free of a device stall
            raise IndexError(f"sample {int(index[lacking][0])} was not cached: cache the split that the student sees")
        if self.logits.shape[-3] == VIEWS:
            return SoftTargets(self.logits[*self.whose, view, row])
        if not isinstance(view, int) or view != CENTRE_VIEW:
            raise ValueError("this cache holds unshifted images only: build it from split.shifted()")
        features = self.features and [None if f is None else f[row] for f in self.features]
        return SoftTargets(self.logits[*self.whose, 0, row], features)


class Looking:
    """A teacher that looks at the student's view of an image or, as a control, at one of its own (Beyer et al. 2021).

    Parameters
    ----------
    teacher
        Anything with `soft_targets`; for ``other`` and ``fixed`` it must go by index and view, as `CachedTeacher` does.
    look : {"same", "other", "fixed"}
        The same shift as the student (consistent), another random one (independent), or the unshifted image, so that
        one stored answer serves for ever (fixed). Figure 2 of the paper.
    """

    def __init__(self, teacher: Any, look: str = "same"):
        require(look in ("same", "other", "fixed"), "look", "'same', 'other' or 'fixed'", repr(look))
        self.teacher, self.look = teaching(teacher), look

    def soft_targets(self, x: Tensor, index: Tensor, view: Tensor | int = CENTRE_VIEW) -> SoftTargets:
        """Logits (B, C) for the view that this teacher looks at."""
        if self.look == "other":
            view = torch.randint(VIEWS, index.shape, device=index.device)
        return self.teacher.soft_targets(x, index, CENTRE_VIEW if self.look == "fixed" else view)


class EnsembleTeacher:
    """Several teachers as one.

    >>> one = torch.tensor([0])
    >>> teachers = [CachedTeacher(torch.tensor([[[p, 1 - p]]]).log(), one) for p in (0.9, 0.5)]
    >>> EnsembleTeacher(teachers).soft_targets(None, one).logits.exp()
    tensor([[0.7000, 0.3000]])

    Parameters
    ----------
    teachers : sequence
        Anything with `soft_targets`.
    mean : {"arithmetic", "geometric"}
        Of the probabilities at T = 1 (Hinton et al. 2015, section 2, allow both). The geometric mean is the mean of
        the logits, up to a constant a row.
    """

    def __init__(self, teachers: Sequence, mean: str = "arithmetic"):
        require(mean in ("arithmetic", "geometric"), "mean", "'arithmetic' or 'geometric'", repr(mean))
        require(len(teachers) > 0, "teachers", "at least one teacher", "an empty sequence")
        self.teachers, self.mean = [teaching(t) for t in teachers], mean

    def soft_targets(self, x: Tensor, index: Tensor, view: Tensor | int = CENTRE_VIEW) -> SoftTargets:
        """Logits (B, C) of the mean; no features."""
        log_p = torch.stack([t.soft_targets(x, index, view).logits.log_softmax(-1) for t in self.teachers])
        if self.mean == "geometric":
            return SoftTargets(log_p.mean(0))
        return SoftTargets(log_p.logsumexp(0) - torch.tensor(float(len(self.teachers))).log().item())


class ApiTeacher:
    """A teacher behind an interface that shows less than its logits, and no features.

    >>> one = torch.tensor([0])
    >>> teacher = CachedTeacher(torch.tensor([[[0.6, 0.3, 0.1]]]).log(), one)
    >>> ApiTeacher(teacher, "label", floor=0.0).soft_targets(None, one).logits.exp()
    tensor([[1., 0., 0.]])
    >>> ApiTeacher(teacher, "top_k", count=1).soft_targets(None, one).logits.exp()
    tensor([[0.6000, 0.2000, 0.2000]])

    Parameters
    ----------
    teacher
        Anything with `soft_targets`.
    reveals : {"label", "samples", "top_k"}
        The most probable class; `count` classes drawn at T = 1; or the `count` largest log-probabilities.
    count : int
        Number of samples, or k.
    floor : float
        Probability mass spread evenly over all classes for "label" and "samples", so that logits stay finite.
    """

    def __init__(self, teacher, reveals: str = "label", count: int = 1, floor: float = 1e-4):
        require(reveals in ("label", "samples", "top_k"), "reveals", "'label', 'samples' or 'top_k'", repr(reveals))
        check_number("count", count, "[1, inf)", whole=True)
        check_number("floor", floor, "[0, 1]")
        self.teacher, self.reveals, self.count, self.floor = teaching(teacher), reveals, count, floor

    def soft_targets(self, x: Tensor, index: Tensor, view: Tensor | int = CENTRE_VIEW) -> SoftTargets:
        """Logits (B, C) rebuilt from what is revealed; for "top_k" the missing mass is spread evenly over the rest."""
        log_p = self.teacher.soft_targets(x, index, view).logits.log_softmax(-1)
        classes = log_p.shape[-1]
        if self.reveals == "top_k":
            if self.count >= classes:
                return SoftTargets(log_p)
            top = log_p.topk(self.count, dim=-1)
            rest = (1 - top.values.exp().sum(-1, keepdim=True)).clamp_min(1e-12) / (classes - self.count)
            return SoftTargets(rest.log().expand_as(log_p).scatter(-1, top.indices, top.values))
        if self.reveals == "label":
            drawn = log_p.argmax(-1, keepdim=True)
        else:
            drawn = torch.multinomial(log_p.exp(), self.count, replacement=True)
        share = torch.zeros_like(log_p).scatter_add_(-1, drawn, torch.full(drawn.shape, 1 / drawn.shape[-1]).to(log_p))
        return SoftTargets(((1 - self.floor) * share + self.floor / classes).log())


def predict(
    model: nn.Module,
    split: Split,
    *,
    view: Tensor | int = CENTRE_VIEW,
    batch_size: int = 2000,
    layers: Collection[int] = (),
) -> Outputs:
    """Logits (..., N, C) of a network, or of a stack of S, for a whole split, and features of the `layers` asked for.

    >>> images = Split(torch.zeros(3, 4, 4, dtype=torch.uint8), torch.tensor([0, 1, 0]), torch.arange(3))
    >>> predict(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2)), images).logits.shape
    torch.Size([3, 2])

    Parameters
    ----------
    model : nn.Module
        Asked in eval mode; its mode is restored.
    split : Split
        Images to ask about.
    view : int or Tensor (N,)
        Shift of all images, or of each.
    batch_size : int
        Images a forward pass.
    layers : collection of int
        Hidden layers to keep, negative ones from the end; the others are None, to save memory.
    """
    check_number("batch_size", batch_size, "[1, inf)", whole=True)
    require(len(split) > 0, "split", "1 sample or more (look at what it was cut from)", len(split))
    rows = torch.arange(len(split), device=split.y.device)
    views = None if isinstance(view, int) and view == CENTRE_VIEW else torch.as_tensor(view).expand(len(split)).to(rows)
    logits, kept = [], []
    with evaluating(model):
        for x, _ in split.batches(rows, views, batch_size):
            out = Outputs.of(model(x))
            logits.append(out.logits)
            kept.append(only(out.features, layers))
    features = [None if parts[0] is None else torch.cat(parts) for parts in zip(*kept, strict=True)]
    return Outputs(torch.cat(logits, dim=-2), features if layers else [])


def only(features: Sequence[Tensor], layers: Collection[int]) -> list[Tensor | None]:
    """Features of these hidden layers, negative ones from the end, and None in place of all others."""
    missing = [i for i in layers if not -len(features) <= i < len(features)]
    require(not missing, "layers", f"among the {len(features)} hidden ones that the net shows", missing)
    wanted = {range(len(features))[i] for i in layers}
    return [f if i in wanted else None for i, f in enumerate(features)]
