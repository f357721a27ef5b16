"""Batch norms in DCIM's convolutions where a batch has few values a channel."""

import copy

import pytest
import torch
from torch import nn

from nnunetv2_cipa.network import CIPA, VARIANTS, Variant
from nnunetv2_cipa.network.dcim import FEWEST_VALUES, NormalisedConvolutions


@pytest.fixture
def layers():
    torch.manual_seed(0)
    layers = NormalisedConvolutions(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.ReLU())
    with torch.no_grad():
        for value in (layers[1].running_mean, layers[1].weight, layers[1].bias):
            value.normal_()
        layers[1].running_var.uniform_(0.5, 2)
    return layers


def stock(layers):
    """The same layers as PyTorch applies them."""
    return nn.Sequential(*copy.deepcopy(layers))


@pytest.mark.parametrize("shape", [(1, 2, 8, 8), (4, 2, 4, 4), (2, 2, 16, 16)])
def test_with_enough_values_training_is_pytorchs(layers, shape):
    x, reference = torch.randn(shape), stock(layers)
    ours, theirs = layers(x), reference(x)
    assert torch.equal(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for mine, other in zip(layers.parameters(), reference.parameters(), strict=True):
        assert torch.equal(mine.grad, other.grad)
    assert torch.equal(layers[1].running_var, reference[1].running_var)
    assert layers[1].num_batches_tracked == 1


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (2, 2, 1, 1), (3, 2, 4, 4), (1, 2, 7, 9)])
def test_with_few_values_training_is_evaluation(layers, shape):
    assert shape[0] * shape[2] * shape[3] < FEWEST_VALUES
    x, before = torch.randn(shape), copy.deepcopy(layers.state_dict())
    expected = stock(layers).eval()(x)
    found = layers(x)
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    assert all(parameter.grad is not None for parameter in layers.parameters())
    assert all(torch.equal(value, before[name]) for name, value in layers.state_dict().items())


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (5, 2, 8, 8)])
def test_evaluation_is_pytorchs(layers, shape):
    x = torch.randn(shape)
    torch.testing.assert_close(layers.eval()(x), stock(layers).eval()(x))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_single_pixel_is_convolved_as_pytorch_does(stride):
    layers = NormalisedConvolutions(nn.Conv2d(6, 4, kernel_size=3, stride=stride, padding=1))
    x, same = torch.randn(3, 6, 1, 1, requires_grad=True), torch.zeros(3, 6, 1, 1, requires_grad=True)
    same.data.copy_(x.data)
    reference = stock(layers)
    ours, theirs = layers(x), reference(same)
    torch.testing.assert_close(ours, theirs)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    torch.testing.assert_close(x.grad, same.grad)
    for mine, other in zip(layers.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_in_bfloat16_no_gradient_of_a_single_pixel_is_unwritten():
    """oneDNN's own is what the memory held before, at weights that see padding only."""
    layers = NormalisedConvolutions(nn.Conv2d(96, 192, kernel_size=3, stride=2, padding=1))
    for _ in range(20):
        layers.zero_grad()
        held = [torch.full((192, 96, 3, 3), torch.nan, dtype=torch.bfloat16) for _ in range(3)]
        del held
        with torch.autocast("cpu", torch.bfloat16):
            layers(torch.randn(2, 96, 1, 1)).float().sum().backward()
        assert layers[0].weight.grad.isfinite().all()


def test_gpus_with_other_numbers_of_images_decide_alike(layers):
    """The map alone decides, since one GPU may have more images of a batch than another."""
    layers = nn.SyncBatchNorm.convert_sync_batchnorm(layers)
    for images in (1, 16):
        layers(torch.randn(images, 2, 4, 4))
        assert layers[1].num_batches_tracked == 0
    layers(torch.randn(1, 2, 8, 8))
    assert layers[1].num_batches_tracked == 1


@pytest.fixture
def shallow(monkeypatch):
    """A variant that has every layer, and trains in a fraction of the time."""
    monkeypatch.setitem(VARIANTS, "shallow", Variant(depths=(1, 1, 1, 1), channels=32, drop_path_rate=0.1))


@pytest.mark.parametrize("size", [(32, 32), (40, 56), (128, 64)])
@pytest.mark.parametrize("batch", [1, 2])
def test_every_patch_trains(shallow, size, batch):
    torch.manual_seed(0)
    network = CIPA(size, variant="shallow")
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        network(torch.rand(batch, 2, *size)).square().mean().backward()
        optimizer.step()
    assert all(parameter.grad is not None for parameter in network.parameters())
    with torch.inference_mode():
        assert torch.isfinite(network.eval()(torch.rand(1, 2, *size))).all()


@pytest.mark.slow
def test_a_compiled_network_is_one_graph(shallow):
    """Also with another number of images, for which PyTorch compiles again."""
    torch._dynamo.reset()
    network = CIPA((32, 32), variant="shallow")
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    for batch in (1, 3, 2):
        compiled(torch.rand(batch, 2, 32, 32)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
