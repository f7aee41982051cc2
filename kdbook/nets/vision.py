"""The networks of the papers, by their names there. Every one returns `Outputs(logits, features)`."""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdbook import kind_of, require


class Outputs(NamedTuple):
    """What a network says, and what it thought on the way.

    logits : Tensor (..., C)
    features : list of Tensor, one a hidden layer, input side first

    >>> Outputs.of({"logits": torch.zeros(2, 3)}).logits.shape
    torch.Size([2, 3])
    """

    logits: Tensor
    features: list[Tensor]

    @classmethod
    def of(cls, answer) -> "Outputs":
        """Read any net's answer: a Tensor of logits, an object with `.logits`, or a mapping with "logits".

        Raises
        ------
        TypeError
            For anything else, a tuple included: nobody knows which of its parts are the logits.
        """
        told = {"logits": answer} if isinstance(answer, Tensor) else answer
        read = told.get if isinstance(told, Mapping) else partial(getattr, told)
        logits, features = read("logits", None), read("features", None)
        if not isinstance(logits, Tensor) or not logits.is_floating_point() or logits.ndim < 2:
            got = kind_of(answer if logits is None else logits)
            wanted = "logits (..., B, C), floating point: a Tensor, or an object or mapping with `logits`"
            raise TypeError(f"a net must answer with {wanted}, got {got}: let its forward return one of these")
        return cls(logits, features if features is not None else [])


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Zero each element with probability `p` and scale the rest by 1 / (1 - p) (Srivastava et al. 2014).

    On a CPU, torch draws one random number an element on one thread, a third of a training step of the MNIST
    teacher. Here 64 random bits serve four elements; `p` is rounded to a multiple of 2**-16.
    """
    if p == 0 or not training:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    # compared as floats: the comparison of 16-bit integers and a product with booleans are both slow
    keep = bits.view(torch.int16)[: x.numel()].view(x.shape).to(x.dtype).ge_(round(p * 2**16) - 2**15)
    return x * keep.mul_(1 / (1 - p))


class MLP(nn.Module):
    """Fully connected ReLU network, such as 784-1200-1200-10 (Hinton et al. 2015, section 3).

    >>> MLP([784, 30, 10])(torch.zeros(5, 28, 28)).logits.shape
    torch.Size([5, 10])

    Parameters
    ----------
    sizes : sequence of int
        Units of every layer, input and output included.
    input_dropout, hidden_dropout : float
        Probability of dropping an input or a hidden unit while training.
    max_norm : float or None
        Largest L2 norm of the weights into a hidden unit (Hinton et al. 2012); enforced by `constrain_`.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        input_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        max_norm: float | None = None,
    ):
        super().__init__()
        require(len(sizes) >= 2 and min(sizes) >= 1, "sizes", "two or more positive layer sizes", list(sizes))
        require(0 <= input_dropout < 1, "input_dropout", "in [0, 1)", input_dropout)
        require(0 <= hidden_dropout < 1, "hidden_dropout", "in [0, 1)", hidden_dropout)
        require(max_norm is None or max_norm > 0, "max_norm", "positive or None", max_norm)
        self.sizes = tuple(sizes)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.input_dropout, self.hidden_dropout, self.max_norm = input_dropout, hidden_dropout, max_norm

    def forward(self, x: Tensor) -> Outputs:
        """x : Tensor (B, ...), flattened to (B, sizes[0])."""
        h = dropout(x.flatten(1), self.input_dropout, self.training)
        features = []
        for layer in self.layers[:-1]:
            h = layer(h).relu()
            features.append(h)
            h = dropout(h, self.hidden_dropout, self.training)
        return Outputs(self.layers[-1](h), features)

    @torch.no_grad()
    def constrain_(self) -> None:
        """Scale down every hidden unit's incoming weights whose norm exceeds `max_norm`; called after each step."""
        if self.max_norm is not None:
            for layer in self.layers[:-1]:
                norm = torch.linalg.vector_norm(layer.weight, dim=1, keepdim=True)
                # asking costs less than scaling on a CPU; on a GPU it would make the processor wait
                if norm.device.type != "cpu" or bool((norm > self.max_norm).any()):
                    layer.weight.mul_((self.max_norm / norm).clamp_(max=1))


class BagOfWords(nn.Module):
    """A text's words, in any order, through one hidden ReLU layer.

    >>> texts = torch.tensor([[3, 5, 0]])  # numbers of words, filled with 0
    >>> BagOfWords([100, 8, 2])(texts).logits.shape
    torch.Size([1, 2])

    Parameters
    ----------
    sizes : tuple of int, three
        Word numbers (0 = filling), hidden units, classes.
    input_dropout : float
        Probability of dropping a word while training.
    """

    def __init__(self, sizes: Sequence[int], *, input_dropout: float = 0.0):
        super().__init__()
        vocabulary, hidden, classes = sizes
        self.words = nn.EmbeddingBag(vocabulary, hidden, mode="sum", padding_idx=0)
        nn.init.normal_(self.words.weight, std=0.1)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.out = nn.Linear(hidden, classes)
        self.input_dropout = input_dropout

    def forward(self, x: Tensor) -> Outputs:
        """x : Tensor (B, L), int64, word numbers, 0 as filling; every text has length 1 as a vector of words."""
        weight = (x > 0).float()
        weight = weight / weight.sum(1, keepdim=True).clamp_min(1).sqrt()
        weight = dropout(weight, self.input_dropout, self.training)
        h = (self.words(x, per_sample_weights=weight) + self.bias).relu()
        return Outputs(self.out(h), [h])


class LeNet5(nn.Module):
    """LeNet-5 with ReLU and max-pooling, 61,706 parameters for 28x28 images (after LeCun et al. 1998).

    >>> LeNet5()(torch.zeros(2, 28, 28)).logits.shape
    torch.Size([2, 10])
    """

    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Outputs:
        """x : Tensor (B, 28, 28)."""
        a = F.max_pool2d(self.conv1(x[:, None]).relu(), 2)  # (B, 6, 14, 14)
        b = F.max_pool2d(self.conv2(a).relu(), 2)  # (B, 16, 5, 5)
        c = self.fc1(b.flatten(1)).relu()
        d = self.fc2(c).relu()
        return Outputs(self.fc3(d), [a, b, c, d])


class Staged(nn.Module):
    """Stages of convolutions; the mean over positions; a linear layer. The nets below say what their stages are.

    Features are the map of every stage, (B, width, H, W), then the mean of the last over positions, (B, width).

    Parameters
    ----------
    first : nn.Module
        Before the stages.
    stages : sequence of nn.Module
        In their order.
    width, classes : int
        Channels of the last stage, and length of the logits.
    """

    def __init__(self, first: nn.Module, stages: Sequence[nn.Module], width: int, classes: int):
        super().__init__()
        self.first, self.stages, self.head = first, nn.ModuleList(stages), nn.Linear(width, classes)
        # A tenth to a sixth less time a step on a CPU; below 8 channels oneDNN's kernels for it end in corrupt memory.
        narrow = min(p.shape[0] for p in self.stages.parameters() if p.ndim == 4) < 8
        self.memory_format = torch.contiguous_format if narrow else torch.channels_last
        self.to(memory_format=self.memory_format)

    def maps(self, x: Tensor) -> list[Tensor]:
        """The map of every stage, (B, width, H, W), for images (B, H, W) of grey levels, or (B, 3, H, W)."""
        x = x if x.ndim == 4 else x[:, None]
        x = self.first(x.contiguous(memory_format=self.memory_format))
        return [x := stage(x) for stage in self.stages]

    def forward(self, x: Tensor) -> Outputs:
        """x : as for `maps`."""
        maps = self.maps(x)
        embedding = maps[-1].mean((2, 3))  # (B, widths[-1])
        return Outputs(self.head(embedding), [*maps, embedding])


class ConvNet(Staged):
    """Convolutional network in stages: 3x3 convolutions with batch norm and ReLU, the first of each with stride 2.

    Features are the map of every stage, (B, widths[i], H, W), then the mean of the last over positions (B, widths[-1]).

    >>> [feature.shape[1] for feature in ConvNet(widths=(4, 8))(torch.zeros(2, 28, 28)).features]
    [4, 8, 8]

    Parameters
    ----------
    widths : sequence of int
        Channels of each stage; 28x28 images become 14x14, 7x7 and 4x4 maps in three stages.
    depth : int
        Convolutions a stage; many narrow ones make a FitNet (Romero et al. 2015, section 3.1).
    classes : int
        Length of the logits.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 128), depth: int = 1, classes: int = 10):
        stages = _stages(_conv_relu, (1, *widths), depth)
        super().__init__(nn.Identity(), stages, widths[-1], classes)


class EarlyExits(ConvNet):
    """A `ConvNet` that answers after every stage (Zhang et al. 2019, Be Your Own Teacher, section 3.1).

    A 1x1 convolution brings each earlier map to the width of the last one; the paper's bottlenecks, of several strided
    convolutions, would cost as much here as the stages that an early exit saves. Logits are (exits, B, C), shallow to
    deep; features the embedding of each exit, (B, widths[-1]) each.

    >>> EarlyExits(widths=(4, 8))(torch.zeros(2, 28, 28)).logits.shape
    torch.Size([2, 2, 10])

    Parameters
    ----------
    widths, depth, classes
        Of the `ConvNet`, whose weights are those that it has alone with the same seed.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64), depth: int = 1, classes: int = 10):
        super().__init__(widths, depth, classes)
        early = [_conv_relu(width, widths[-1], kernel=1) for width in widths[:-1]]
        self.bottlenecks = nn.ModuleList([*early, nn.Identity()])
        self.heads = nn.ModuleList(nn.Linear(widths[-1], classes) for _ in early)
        self.to(memory_format=self.memory_format)

    def forward(self, x: Tensor) -> Outputs:
        """x : Tensor (B, 28, 28)."""
        features = [narrow(x).mean((2, 3)) for narrow, x in zip(self.bottlenecks, self.maps(x), strict=True)]
        logits = [head(f) for head, f in zip([*self.heads, self.head], features, strict=True)]
        return Outputs(torch.stack(logits), features)

    def exit(self, number: int) -> nn.Sequential:
        """The net that stops at an exit, counted from 0: images (B, 28, 28) to logits (B, C); it shares the weights."""
        head = [*self.heads, self.head][number]
        pooled = self.bottlenecks[number], nn.AdaptiveAvgPool2d(1), nn.Flatten()
        return nn.Sequential(nn.Unflatten(1, (1, 28)), self.first, *self.stages[: number + 1], *pooled, head)


class ResNet(Staged):
    """Small residual network: a first convolution, then stages of two-convolution blocks (He et al. 2016, section 4.2).

    Features are as for `ConvNet`.

    >>> ResNet(widths=(4, 8))(torch.zeros(2, 28, 28)).logits.shape
    torch.Size([2, 10])

    Parameters
    ----------
    widths : sequence of int
        Channels of each stage.
    blocks : int
        Residual blocks a stage.
    classes, channels : int
        Length of the logits; 1 for grey images, 3 for colour.
    stride : int
        Of the first stage; with 1, widths (16, 32, 64) and n blocks it is the paper's ResNet of 6n + 2 layers.
    """

    def __init__(
        self,
        widths: Sequence[int] = (16, 32, 64),
        blocks: int = 1,
        classes: int = 10,
        channels: int = 1,
        stride: int = 2,
    ):
        stages = _stages(_Residual, (*widths[:1], *widths), blocks, stride)
        super().__init__(_conv_relu(channels, widths[0]), stages, widths[-1], classes)


def _stages(block: Callable, channels: Sequence[int], blocks: int, first: int = 2) -> list[nn.Sequential]:
    """A stage from each number of channels to the next, of `blocks` blocks (before, after, stride); stride 2 each.

    The `first` one may have another stride.
    """
    good = len(channels) >= 2 and min(channels) >= 1
    require(good, "widths", "one or more positive numbers of channels", list(channels[1:]))
    require(blocks >= 1, "blocks", "1 or more a stage", blocks)
    return [
        nn.Sequential(block(before, width, 2 if at else first), *(block(width, width, 1) for _ in range(blocks - 1)))
        for at, (before, width) in enumerate(pairwise(channels))
    ]


class _Residual(nn.Module):
    def __init__(self, before: int, width: int, stride: int):
        super().__init__()
        self.first, self.second = _conv_norm(before, width, stride), _conv_norm(width, width)
        keeps_shape = stride == 1 and before == width
        self.shortcut = nn.Identity() if keeps_shape else _conv_norm(before, width, stride, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        return (self.second(self.first(x).relu()) + self.shortcut(x)).relu()


def _conv_norm(before: int, width: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution without a bias, which batch norm would take away, and the batch norm."""
    convolution = nn.Conv2d(before, width, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width))


def _conv_relu(before: int, width: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(_conv_norm(before, width, stride, kernel), nn.ReLU())


def count_parameters(model: nn.Module) -> int:
    """Number of trainable parameters.

    >>> count_parameters(torch.nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_bytes(model: nn.Module) -> int:
    """Bytes of the parameters and buffers as they stand in memory.

    >>> count_bytes(torch.nn.Linear(3, 2))
    32
    """
    return sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])


def count_multiply_adds(model: nn.Module, image_size: Sequence[int] = (28, 28)) -> int:
    """Multiply-adds of linear and convolution layers for one input, measured by running it through.

    >>> count_multiply_adds(MLP([784, 30, 10]))
    23820
    """
    from torch.utils.flop_counter import FlopCounterMode  # a third of a second to import

    probe = copy.deepcopy(model).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        probe(torch.zeros(1, *image_size, device=next(probe.parameters()).device))
    return counter.get_total_flops() // 2  # a multiply-add is counted as two operations
