"""Nets for mobile vision, at 28x28 instead of 224x224: MobileNetV3 and EfficientNet from torchvision's own blocks."""

from collections.abc import Sequence

from torch import nn
from torchvision.models.efficientnet import MBConv, MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidual, InvertedResidualConfig
from torchvision.ops import Conv2dNormActivation, SqueezeExcitation

from kdbook import require
from kdbook.nets.vision import Staged


class MobileNet(Staged):
    """MobileNetV3, short and narrow (Howard et al. 2019, section 5 and Table 2), with one linear layer as its head.

    Parameters
    ----------
    rows : sequence of [kernel, expanded, out, squeeze, activation, stride]
        Inverted residuals as in the paper's table: size of the depthwise kernel, channels inside and after the block,
        whether channels are weighed (squeeze-and-excite), ``RE`` (ReLU) or ``HS`` (hard swish), stride.
    stem, last : int
        Channels of the first convolution (stride 2) and of the 1x1 convolution at the end.
    classes, channels : int
        Length of the logits; 1 for grey images, 3 for colour.
    """

    def __init__(self, rows: Sequence[Sequence], *, stem: int = 16, last: int, classes: int = 10, channels: int = 1):
        _check(rows, 6, "[kernel, expanded, out, squeeze, activation, stride]", stem=stem, last=last)
        stages, before = [], stem
        for kernel, expanded, out, squeeze, activation, stride in rows:
            config = InvertedResidualConfig(before, kernel, expanded, out, squeeze, activation, stride, 1, 1.0)
            stages.append(InvertedResidual(config, nn.BatchNorm2d))
            before = out
        stages.append(Conv2dNormActivation(before, last, 1, activation_layer=nn.Hardswish))
        first = Conv2dNormActivation(channels, stem, stride=2, activation_layer=nn.Hardswish)
        super().__init__(first, stages, last, classes)


class EfficientNet(Staged):
    """EfficientNet, short and narrow, without stochastic depth (Tan & Le 2019, section 4 and Table 1).

    Parameters
    ----------
    rows : sequence of list, five entries each
        Rows of the paper's table: how many times wider a block is inside, size of the depthwise kernel, stride of the
        first block, channels after it, number of blocks.
    stem, last : int
        Channels of the first convolution (stride 2) and of the 1x1 convolution at the end.
    classes, channels : int
        Length of the logits; 1 for grey images, 3 for colour.
    """

    def __init__(self, rows: Sequence[Sequence], *, stem: int = 16, last: int, classes: int = 10, channels: int = 1):
        _check(rows, 5, "[expansion, kernel, stride, channels, layers]", stem=stem, last=last)
        made, before = [], stem
        for expansion, kernel, stride, out, layers in rows:
            blocks = []
            for layer in range(layers):
                config = MBConvConfig(expansion, kernel, 1 if layer else stride, before, out, layers)
                blocks.append(MBConv(config, 0.0, nn.BatchNorm2d, se_layer=_squeeze_excitation))
                before = out
            made.append(nn.Sequential(*blocks))
        made.append(Conv2dNormActivation(before, last, 1, activation_layer=nn.SiLU))
        first = Conv2dNormActivation(channels, stem, stride=2, activation_layer=nn.SiLU)
        super().__init__(first, made, last, classes)


def _squeeze_excitation(channels: int, squeezed: int, **settings) -> SqueezeExcitation:
    """At least 8 channels inside, below which `Staged` would have to use the slower layout of memory."""
    return SqueezeExcitation(channels, max(8, squeezed), **settings)


def _check(rows: Sequence[Sequence], length: int, form: str, **channels: int) -> None:
    wrong = next((list(row) for row in rows or [()] if len(row) != length), None)
    require(wrong is None, "a row", form, wrong or "no row")
    for name, value in channels.items():
        require(value >= 8, name, "8 or more", value)
