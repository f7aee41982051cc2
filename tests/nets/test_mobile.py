"""The nets of mobile vision: counted by hand, compared with torchvision's own where it has the same."""

import pytest
import torch
from torch import nn

from kdbook.book.mobile_vision import NETS
from kdbook.nets import network
from kdbook.nets.mobile import EfficientNet, MobileNet
from kdbook.nets.vision import ResNet, count_multiply_adds, count_parameters


def norm(channels):
    return 2 * channels


def test_a_mobilenet_is_counted_by_hand():
    net = MobileNet([[3, 48, 24, True, "RE", 2]], stem=16, last=40, classes=7)
    stem = 16 * 9 + norm(16)
    expand = 16 * 48 + norm(48)
    depthwise = 48 * 9 + norm(48)
    squeeze = 48 * 16 + 16 + 16 * 48 + 48  # a quarter of 48 channels, rounded to a multiple of 8
    project = 48 * 24 + norm(24)
    last = 24 * 40 + norm(40)
    assert count_parameters(net) == stem + expand + depthwise + squeeze + project + last + 40 * 7 + 7
    # maps of 14 x 14 before the depthwise convolution, of 7 x 7 after it
    maps = 196 * (16 * 9 + 16 * 48) + 49 * (48 * 9 + 48 * 24 + 24 * 40)
    assert count_multiply_adds(net) == maps + 2 * 48 * 16 + 40 * 7


def test_an_efficientnet_is_counted_by_hand():
    net = EfficientNet([[4, 5, 2, 24, 2]], stem=16, last=40)
    stem = 16 * 9 + norm(16)
    first = (16 * 64 + norm(64)) + (64 * 25 + norm(64)) + (64 * 8 + 8 + 8 * 64 + 64) + (64 * 24 + norm(24))
    second = (24 * 96 + norm(96)) + (96 * 25 + norm(96)) + (96 * 8 + 8 + 8 * 96 + 96) + (96 * 24 + norm(24))
    assert count_parameters(net) == stem + first + second + 24 * 40 + norm(40) + 40 * 10 + 10


def test_a_depthwise_convolution_does_a_channels_share_of_the_multiply_adds():
    plain, depthwise = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
    assert count_multiply_adds(plain, (8, 6, 6)) == 8 * 8 * 9 * 36
    assert count_multiply_adds(depthwise, (8, 6, 6)) == 8 * 9 * 36


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda **k: MobileNet([[3, 16, 16, True, "RE", 2], [5, 40, 24, False, "HS", 2]], last=32, **k),
        lambda **k: EfficientNet([[1, 3, 2, 16, 1], [4, 5, 2, 24, 1]], last=32, **k),
        lambda **k: ResNet([8, 16, 32], **k),
    ],
)
def test_features_are_the_maps_of_the_stages_and_the_embedding_for_grey_and_colour(make, channels):
    net = make(channels=channels, classes=5).eval()
    shape = (2, 28, 28) if channels == 1 else (2, 3, 32, 32)
    logits, features = net(torch.rand(shape))
    assert logits.shape == (2, 5)
    assert [f.shape[1] for f in features[:-1]] == [f.shape[1] for f in features[:-2]] + [features[-1].shape[1]]
    torch.testing.assert_close(features[-1], features[-2].mean((2, 3)))
    torch.testing.assert_close(logits, net.head(features[-1]))


@pytest.mark.parametrize("profile", NETS)
def test_students_are_four_and_ten_times_smaller_than_either_teacher(profile):
    size = {name: count_parameters(network(net)) for name, net in NETS[profile].items()}
    spread = 0.05 if profile == "full" else 0.3
    for teacher in ("resnet", "efficientnet") if profile == "full" else ("resnet",):
        assert size[teacher] / size["quarter"] == pytest.approx(4, rel=spread)
        assert size[teacher] / size["tenth"] == pytest.approx(10, rel=spread)


def test_no_net_of_the_chapter_has_so_few_channels_that_the_fast_layout_of_memory_breaks():
    for nets in NETS.values():
        for settings in nets.values():
            net = network(settings)
            assert net.memory_format == torch.channels_last
            assert min(p.shape[0] for p in net.parameters() if p.ndim == 4) >= 8


@pytest.mark.parametrize("make", [MobileNet, EfficientNet])
def test_a_row_of_the_wrong_form_is_named(make):
    with pytest.raises(ValueError, match=r"a row must be \[.*\], got \[3, 16\]"):
        make([[3, 16]], last=32)
    with pytest.raises(ValueError, match="got no row"):
        make([], last=32)


def test_a_net_that_is_too_narrow_is_refused():
    with pytest.raises(ValueError, match="stem must be 8 or more, got 4"):
        MobileNet([[3, 16, 16, True, "RE", 2]], stem=4, last=32)
