"""The loop on CUDA: no step waits for the device, all that meets lies on it, and layers in bfloat16 have exact losses.

Where there is none, torch pretends: tensors of `FakeTensorMode` have shapes and a device, but no numbers. Whoever reads
one, or brings tensors of two devices together, is found out. Only `backward` is torch's own and left out.
"""

import contextlib
import copy
import warnings

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from kdbook.data import Split
from kdbook.lab import pick_device
from kdbook.losses import kd_loss
from kdbook.nets.vision import MLP, ConvNet
from kdbook.training import (
    CachedTeacher,
    Distillation,
    HardLabels,
    LiveTeacher,
    OwnRates,
    fit,
    predict,
    sgd,
    stack,
)
from kdbook.training.objectives import Cropped, WithoutFactor

SIZES = (36, 16, 16, 4)
S = 3
cuda = pytest.mark.cuda
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


class Waits(TorchDispatchMode):
    """Counts what makes the processor wait: a number that is read, a shape that depends on data, a copy to and fro."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name, on_device = func.overloadpacket.__name__, [t for t in args if isinstance(t, torch.Tensor) and t.is_cuda]
        if name == "_local_scalar_dense":
            self.number += len(on_device)
            return 1.0 if args[0].is_floating_point() else 1
        by_mask = name == "index" and any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])
        if on_device and (by_mask or name in ("nonzero", "masked_select", "unique_dim", "_unique2", "equal")):
            raise AssertionError(f"{name} of a tensor on the device: its shape depends on numbers that must be awaited")
        if name == "_fused_sgd_":  # torch has no pretended one
            return None
        found = func(*args, **kwargs)
        if name == "_to_copy" and found.is_cuda != args[0].is_cuda and not kwargs.get("non_blocking"):
            self.number += 1
        return found


@pytest.fixture
def pretend(monkeypatch):
    """Context that counts waits and in which CUDA seems to be there; where it is, torch's own debug mode counts."""

    @contextlib.contextmanager
    def pretended():
        for module in ("kdbook.data.images", "kdbook.training.teachers"):
            monkeypatch.setattr(f"{module}.check_index", lambda index: None)  # once a split, before training
        monkeypatch.setattr("kdbook.data.images._SLAB", 1)  # a gather for each batch
        monkeypatch.setattr(torch.random, "fork_rng", lambda devices=(): contextlib.nullcontext())
        monkeypatch.setattr(nn.Module, "to", lambda self, *device: self)
        made, init = [], torch.optim.SGD.__init__

        def remembered(self, parameters, **settings):
            made[:] = parameters
            init(self, made, **settings)

        monkeypatch.setattr(torch.optim.SGD, "__init__", remembered)
        monkeypatch.setattr(
            torch.Tensor, "backward", lambda loss: [setattr(p, "grad", torch.zeros_like(p)) for p in made]
        )
        with FakeTensorMode(allow_non_fake_inputs=True), Waits() as waits:
            yield waits

    return pretended


def images(count, views=1):
    x = torch.zeros(count, 6, 6, dtype=torch.uint8, device="cuda")
    y = torch.zeros(count, dtype=torch.int64, device="cuda")
    return Split(x, y, torch.arange(count, device="cuda"), views, origin="pretended")


def cached(split):
    return CachedTeacher(torch.zeros(split.views, len(split), 4, device="cuda"), split.index, origin=split.origin)


def of_each(split):
    logits = torch.zeros(2, split.views, len(split), 4, device="cuda")
    return CachedTeacher(logits, split.index, origin=split.origin, whose=torch.tensor([0, 1, 1]))


def net(**settings):
    with torch.device("cuda"):
        return MLP(SIZES, **settings)


def cohort(**settings):
    return stack([net(**settings) for _ in range(S)], masks=True)


def of_all(split):
    return split.drawn(torch.arange(len(split)).expand(S, -1))


THREE = {"input_dropout": 0.2, "hidden_dropout": 0.3, "max_norm": 3.5}
T = torch.tensor([[1.0], [4.0], [20.0]])
CASES = {
    "hard labels": lambda s: (net(), HardLabels(0.1), s),
    "a teacher of MNIST": lambda s: (net(**THREE), HardLabels(), s.shifted()),
    "distillation": lambda s: (net(), Distillation(cached(s), 4.0, 0.5), s),
    "distillation of all shifts": lambda s: (net(), Distillation(cached(s.shifted()), 4.0, 1.0), s.shifted()),
    "a live teacher": lambda s: (net(), Distillation(LiveTeacher(net(hidden_dropout=0.5)), 4.0, 0.5), s.shifted()),
    "moved and mirrored": lambda s: (net(), Cropped(HardLabels()), s),
    "without the factor": lambda s: (net(), WithoutFactor(cached(s), 4.0, 0.5), s),
    "settings of a seed": lambda s: (cohort(), OwnRates(Distillation(cached(s), T, 1.0), [0.1, 0.2, 0.3]), s),
    "teachers of all seeds": lambda s: (cohort(**THREE), HardLabels(), of_all(s.shifted())),
    "students of all seeds": lambda s: (
        cohort(), OwnRates(Distillation(of_each(s), T, 0.9), [0.1, 0.2, 0.3]), of_all(s)
    ),
    "students of all seeds, shifts": lambda s: (
        cohort(), Distillation(of_each(s.shifted()), 4.0, 1.0), of_all(s.shifted())
    ),
}  # fmt: skip


def waits_of(case, batches, pretend):
    with pretend() as waits:
        model, objective, split = CASES[case](images(4 * batches))
        before = waits.number
        fit(
            model, objective, split, epochs=3, batch_size=4, optimizer=sgd(0.1), device="cuda", progress=False,
            seed=0 if split.chosen is None else [0, 0, 1],
        )  # fmt: skip
        return waits.number - before


@pytest.mark.parametrize("case", CASES)
def test_no_step_waits_for_the_device_and_all_that_meets_lies_on_it(case, pretend, monkeypatch):
    few = waits_of(case, 4, pretend)
    monkeypatch.undo()
    assert waits_of(case, 16, pretend) == few > 0  # of the first batches and of every epoch's end


def test_what_waits_is_counted(pretend):
    with pretend() as waits:
        x = torch.zeros(4, device="cuda")
        assert (x + 1).device.type == "cuda" and waits.number == 0
        float(x.mean()), bool((x > 0).any()), x.cpu(), torch.zeros(3).to("cuda")
        assert waits.number == 4
        with pytest.raises(AssertionError, match="index of a tensor on the device"):
            x[x > 0]
        with pytest.raises(RuntimeError, match="same device"):
            x + torch.zeros(4)


@pytest.mark.parametrize("layers", ["mlp", "conv"])
@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_the_loss_of_layers_in_bfloat16_is_that_in_float64_of_the_same_logits(layers, temperature):
    torch.manual_seed(0)
    model = MLP((36, 32, 10)) if layers == "mlp" else ConvNet((8, 16))
    x, teacher, y = torch.rand(64, 6, 6), 9 * torch.randn(64, 10), torch.arange(64) % 10
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(x).logits
        logits.retain_grad()
        found = kd_loss(logits, teacher, y, temperature=temperature, alpha=0.9)
    found.backward()
    exact = logits.detach().double().requires_grad_()
    wanted = kd_loss(exact, teacher.double(), y, temperature=temperature, alpha=0.9)
    wanted.backward()
    assert logits.dtype == torch.bfloat16 and found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=0)
    torch.testing.assert_close(logits.grad.double(), exact.grad, rtol=2**-7, atol=1e-5)


def test_tf32_is_for_cuda_alone(monkeypatch):
    before = torch.backends.cuda.matmul.allow_tf32
    on_cpu = torch.backends.mkldnn.matmul.fp32_precision
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    try:
        pick_device("cpu")
        assert torch.backends.cuda.matmul.allow_tf32 == before
        pick_device("cuda")
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.mkldnn.matmul.fp32_precision == on_cpu
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def on(device, quadrants, autocast=None):
    torch.manual_seed(1)
    models = [MLP(SIZES) for _ in range(S)]
    whole = quadrants().shifted()
    teacher = CachedTeacher.of(MLP((36, 30, 4)), whole)
    objective = Distillation(
        CachedTeacher(teacher.logits[None].to(device), whole.index, whose=torch.zeros(S).long()), 4.0
    )
    split = of_all(whole.to(device))
    settings = {"epochs": 3, "batch_size": 16, "optimizer": sgd(0.05), "progress": False, "seed": [0, 1, 2]}
    model = stack(copy.deepcopy(models))
    with warnings.catch_warnings(record=True) as waited:
        warnings.simplefilter("always")
        fit(model, objective, split, device=device, autocast=autocast, **settings)
    return predict(model, whole.to(device)).logits.cpu(), [w for w in waited if "synchroniz" in str(w.message)]


@cuda
@needs_cuda
def test_a_cohort_ends_on_cuda_where_it_ends_on_the_cpu(quadrants):
    torch.testing.assert_close(on("cuda", quadrants)[0], on("cpu", quadrants)[0], rtol=0, atol=0.05)


@cuda
@needs_cuda
def test_a_cohort_in_bfloat16_ends_on_cuda_near_where_it_ends_in_float32(quadrants):
    torch.testing.assert_close(on("cuda", quadrants, torch.bfloat16)[0], on("cuda", quadrants)[0], rtol=0.05, atol=0.2)


@cuda
@needs_cuda
def test_the_debug_mode_of_cuda_finds_no_wait_in_a_step(quadrants):
    torch.cuda.set_sync_debug_mode("warn")
    try:
        few, many = (len(on("cuda", lambda n=n: quadrants(n))[1]) for n in (64, 256))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert many == few > 0
