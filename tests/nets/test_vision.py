import pytest
import torch
from torch import nn

from kdbook.nets import network
from kdbook.nets.vision import (
    MLP,
    ConvNet,
    LeNet5,
    Outputs,
    ResNet,
    count_bytes,
    count_multiply_adds,
    count_parameters,
    dropout,
)

NETWORKS = {
    "teacher": (lambda: MLP([784, 1200, 1200, 10]), 2_395_210, 784 * 1200 + 1200 * 1200 + 1200 * 10),
    "student": (lambda: MLP([784, 800, 800, 10]), 1_276_810, 784 * 800 + 800 * 800 + 800 * 10),
    # maps x outputs of a map x weights of an output, then the three dense layers
    "lenet5": (LeNet5, 61_706, 6 * 28**2 * 25 + 16 * 10**2 * 150 + 400 * 120 + 120 * 84 + 84 * 10),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_has_the_papers_size(name):
    make, parameters, multiply_adds = NETWORKS[name]
    model = make()
    assert count_parameters(model) == parameters
    assert count_bytes(model) == 4 * parameters
    assert count_multiply_adds(model) == multiply_adds


def test_bytes_count_half_precision_and_buffers():
    model = nn.BatchNorm1d(8).half()
    assert count_bytes(model) == 2 * (4 * 8) + 8  # weight, bias, mean, variance; an int64 counter


def test_frozen_parameters_are_not_counted_as_trainable():
    model = MLP([4, 3, 2])
    model.layers[0].requires_grad_(False)
    assert count_parameters(model) == 3 * 2 + 2


def test_counting_multiply_adds_leaves_the_model_as_it_was():
    model = MLP([784, 6, 10], hidden_dropout=0.5).train()
    count_multiply_adds(model)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_an_mlp_computes_its_layers_by_hand():
    model = MLP([4, 3, 2]).eval()
    x = torch.randn(5, 2, 2)
    first, last = model.layers
    hidden = (x.reshape(5, 4) @ first.weight.T + first.bias).clamp(min=0)
    out = model(x)
    assert isinstance(out, Outputs)
    torch.testing.assert_close(out.logits, hidden @ last.weight.T + last.bias)
    torch.testing.assert_close(out.features, [hidden])


def test_features_come_one_a_hidden_layer_input_side_first():
    assert [f.shape for f in MLP([16, 7, 5, 3])(torch.rand(2, 4, 4)).features] == [(2, 7), (2, 5)]
    shapes = [(2, 6, 14, 14), (2, 16, 5, 5), (2, 120), (2, 84)]
    assert [f.shape for f in LeNet5()(torch.rand(2, 28, 28)).features] == shapes


def test_lenet_is_the_same_network_as_a_sequence_of_torch_modules():
    model, x = LeNet5(classes=7), torch.rand(3, 28, 28)
    pooled = [nn.ReLU(), nn.MaxPool2d(2)]
    convolutions = nn.Sequential(model.conv1, *pooled, model.conv2, *pooled, nn.Flatten())
    dense = nn.Sequential(model.fc1, nn.ReLU(), model.fc2, nn.ReLU(), model.fc3)
    torch.testing.assert_close(model(x).logits, dense(convolutions(x[:, None])))


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_dropout_keeps_the_right_share_and_scales_it(p):
    torch.manual_seed(0)
    n = 400_003  # no multiple of four: the last bits are used in part
    out = dropout(torch.ones(n), p)
    kept = out != 0
    assert out.unique().tolist() == pytest.approx([0.0, 1 / (1 - p)])
    deviation = (p * (1 - p) / n) ** 0.5
    assert float(kept.double().mean()) == pytest.approx(1 - p, abs=5 * deviation)
    assert float(out.double().mean()) == pytest.approx(1.0, abs=5 * deviation / (1 - p))


def test_dropout_decides_for_each_element_independently():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(100_000, 4), 0.5) != 0).double()
    assert float((kept.mean(0) - 0.5).abs().max()) < 0.01
    neighbours = torch.corrcoef(kept.T) - torch.eye(4)
    assert float(neighbours.abs().max()) < 0.02
    assert float(torch.corrcoef(torch.stack([kept[:-1, 3], kept[1:, 0]]))[0, 1]) < 0.02


def test_dropout_of_nothing_is_the_input_itself_and_draws_no_random_number():
    x, state = torch.rand(10), torch.get_rng_state()
    assert dropout(x, 0) is x
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_passes_gradient_only_where_it_kept_a_unit():
    x = torch.rand(1000, requires_grad=True)
    out = dropout(x, 0.25)
    out.sum().backward()
    assert torch.equal(x.grad, (out != 0) / 0.75)


def test_an_mlp_drops_inputs_and_hidden_units_while_training_only():
    model = MLP([16, 400, 3], input_dropout=0.2, hidden_dropout=0.5)
    x = torch.rand(2, 4, 4)
    torch.manual_seed(0)
    assert not torch.equal(model(x).logits, model(x).logits)
    model.eval()
    assert torch.equal(model(x).logits, model(x).logits)
    plain = MLP([16, 400, 3])
    plain.load_state_dict(model.state_dict())
    assert torch.equal(plain(x).logits, model(x).logits)


def test_dropout_in_an_mlp_preserves_the_mean_of_a_linear_answer():
    torch.manual_seed(0)
    model = MLP([50, 4], input_dropout=0.3)
    x = torch.rand(1, 50)
    expected = model.eval()(x).logits
    drawn = model.train()(x.expand(60_000, 50)).logits
    error = drawn.std(0) / len(drawn) ** 0.5
    assert bool(((drawn.mean(0) - expected[0]).abs() < 5 * error).all())


def test_max_norm_holds_for_hidden_units_after_a_step_and_leaves_the_output_layer():
    torch.manual_seed(0)
    model = MLP([20, 30, 30, 5], max_norm=0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
    model(torch.rand(8, 20)).logits.square().mean().backward()
    optimizer.step()
    before = [layer.weight.detach().clone() for layer in model.layers]
    assert max(float(w.norm(dim=1).max()) for w in before[:2]) > 0.5
    model.constrain_()
    for layer, old in zip(model.layers[:-1], before[:-1], strict=True):
        weight = layer.weight.detach()
        assert float(weight.norm(dim=1).max()) <= 0.5 * (1 + 1e-6)
        torch.testing.assert_close(nn.functional.cosine_similarity(weight, old, dim=1), torch.ones(len(old)))
        small = old.norm(dim=1) <= 0.5
        assert torch.equal(weight[small], old[small])
    assert torch.equal(model.layers[-1].weight, before[-1])


def test_without_max_norm_weights_may_grow():
    model = MLP([4, 3, 2])
    with torch.no_grad():
        model.layers[0].weight.fill_(100)
    model.constrain_()
    assert bool((model.layers[0].weight == 100).all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": [784]}, r"sizes must be two or more positive layer sizes, got \[784\]"),
        ({"sizes": [784, 0, 10]}, r"got \[784, 0, 10\]"),
        ({"sizes": [4, 2], "input_dropout": 1.0}, r"input_dropout must be in \[0, 1\), got 1.0"),
        ({"sizes": [4, 2], "hidden_dropout": -0.1}, r"hidden_dropout must be in \[0, 1\), got -0.1"),
        ({"sizes": [4, 2], "hidden_dropout": float("nan")}, "hidden_dropout must be .*, got nan"),
        ({"sizes": [4, 2], "max_norm": 0.0}, "max_norm must be positive or None, got 0.0"),
        ({"sizes": [4, 2], "max_norm": float("nan")}, "max_norm must be positive or None, got nan"),
    ],
)
def test_an_impossible_mlp_is_refused_with_the_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLP(**arguments)


STAGED = {
    # convolutions 9 a b, two numbers a channel for batch norm, the last linear layer
    "conv": (lambda: ConvNet((4, 6)), 9 * (4 + 24) + 2 * 10 + 70, 9 * (14**2 * 4 + 7**2 * 24) + 60),
    "deep": (
        lambda: ConvNet((4, 6), depth=2),
        9 * (4 + 16 + 24 + 36) + 4 * 10 + 70,
        9 * (14**2 * 20 + 7**2 * 60) + 60,
    ),
    # a block: two convolutions and, where the resolution halves, a 1x1 convolution around them
    "resnet": (
        lambda: ResNet((4, 6)),
        9 * (4 + 16 + 16 + 24 + 36) + 16 + 24 + 2 * (4 + 12 + 18) + 70,
        9 * (28**2 * 4 + 14**2 * 32 + 7**2 * 60) + 14**2 * 16 + 7**2 * 24 + 60,
    ),
}


@pytest.mark.parametrize("name", STAGED)
def test_networks_in_stages_have_the_size_that_their_widths_and_depth_give(name):
    make, parameters, multiply_adds = STAGED[name]
    assert count_parameters(make()) == parameters
    assert count_multiply_adds(make()) == multiply_adds


@pytest.mark.parametrize("make", [ConvNet, ResNet])
def test_networks_in_stages_halve_the_resolution_and_end_in_the_mean_over_positions(make):
    logits, features = make((4, 6, 8), classes=7)(torch.rand(2, 28, 28))
    assert logits.shape == (2, 7)
    assert [f.shape for f in features] == [(2, 4, 14, 14), (2, 6, 7, 7), (2, 8, 4, 4), (2, 8)]
    torch.testing.assert_close(features[-1], features[-2].mean((2, 3)))


@pytest.mark.parametrize("make", [ConvNet, ResNet])
def test_networks_in_stages_take_a_batch_of_one(make):
    model, x = make((4, 6)), torch.rand(1, 28, 28)
    assert torch.isfinite(model.train()(x).logits).all()
    assert torch.isfinite(model.eval()(x).logits).all()


def test_a_residual_network_of_zeros_passes_on_what_its_shortcuts_say():
    model, x = ResNet((4, 4), blocks=2).eval(), torch.rand(3, 28, 28)
    inner = model.stages[0][1]  # no change of shape: the shortcut is the identity
    for parameter in inner.parameters():
        nn.init.zeros_(parameter)
    h = torch.rand(3, 4, 14, 14)
    torch.testing.assert_close(inner(h), h)
    assert torch.isfinite(model(x).logits).all()


@pytest.mark.parametrize("make", [lambda: ConvNet(()), lambda: ConvNet((4, 0)), lambda: ResNet((4,), blocks=0)])
def test_networks_in_stages_refuse_empty_widths_and_no_blocks(make):
    with pytest.raises(ValueError, match="widths must be|blocks must be 1 or more a stage, got 0"):
        make()


@pytest.mark.parametrize(("widths", "expected"), [((4, 16), torch.contiguous_format), ((8, 16), torch.channels_last)])
def test_networks_too_narrow_for_the_fast_layout_keep_the_plain_one(widths, expected):
    model = ResNet(widths)
    assert model.memory_format is expected
    assert model.stages[0][0].second[0].weight.is_contiguous(memory_format=expected)


@pytest.mark.parametrize(("blocks", "layers"), [(3, 20), (9, 56)])
def test_with_a_first_stride_of_one_a_resnet_is_the_papers_of_6n_and_2_layers(blocks, layers):
    net = network(
        {"net": "resnet", "widths": [16, 32, 64], "blocks": blocks, "channels": 3, "classes": 100, "stride": 1}
    )
    out = net(torch.zeros(2, 3, 32, 32))
    assert [tuple(f.shape[1:]) for f in out.features] == [(16, 32, 32), (32, 16, 16), (64, 8, 8), (64,)]
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(convolutions) + 1 == layers and out.logits.shape == (2, 100)
