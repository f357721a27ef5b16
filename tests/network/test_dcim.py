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
    assert torch.equal(found, expected)
    found.square().sum().backward()
    assert all(parameter.grad is not None for parameter in layers.parameters())
    assert all(torch.equal(value, before[name]) for name, value in layers.state_dict().items())


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (5, 2, 8, 8)])
def test_evaluation_is_pytorchs(layers, shape):
    x = torch.randn(shape)
    assert torch.equal(layers.eval()(x), stock(layers).eval()(x))


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
