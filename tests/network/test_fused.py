import ctypes
import shutil

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nnunetv2_cipa.native import library
from nnunetv2_cipa.network import CIPA, fused

pytestmark = pytest.mark.skipif(isinstance(library.load(), str), reason="the kernels were not compiled")


@pytest.fixture(params=["avx512", "avx2", "baseline"])
def instruction_set(request, tmp_path, monkeypatch):
    """The kernels, loaded once more and told to use an instruction set."""
    copy = shutil.copy(library.load()._name, tmp_path / "kernels.so")
    monkeypatch.setenv("NNUNETV2_CIPA_ISA", request.param)
    kernels = ctypes.CDLL(copy)
    kernels.native_instruction_set.restype = ctypes.c_char_p
    monkeypatch.setattr(library, "load", lambda: kernels)
    if library.instruction_set() != request.param:
        pytest.skip(f"this processor has no {request.param}")


def layer_norm(channels, epsilon=1e-5):
    norm = nn.LayerNorm(channels, eps=epsilon)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


class ProjectNormalised(nn.Module):
    def __init__(self, channels, out=24, parts=2, bias=True):
        super().__init__()
        self.norm, self.projection, self.parts = layer_norm(channels), nn.Linear(channels, out, bias=bias), parts

    def forward(self, x):
        weight, bias = self.projection.weight, self.projection.bias
        return torch.cat(fused.project_normalised(x, self.norm, weight, bias, self.parts), dim=-1)

    def plain(self, x):
        return self.projection(self.norm(x))


class ProjectInParts(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.projection = nn.Linear(channels, 24)

    def forward(self, x):
        return torch.cat(fused.project_in_parts(x, self.projection.weight, self.projection.bias, 3), dim=-1)

    def plain(self, x):
        return self.projection(x)


class ProjectGated(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.projection = layer_norm(channels), nn.Linear(channels, 10, bias=False)

    def forward(self, x):
        return fused.project_gated(x, 4 * x.flip(0), self.norm, self.projection.weight)

    def plain(self, x):
        return self.projection(self.norm(x) * F.silu(4 * x.flip(0)))


class DepthwiseSiLU(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x):
        return fused.depthwise_silu(x, self.convolution)

    def plain(self, x):
        return F.silu(self.convolution(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)


class UpsampledLogits(nn.Module):
    def __init__(self, channels, classes=3):
        super().__init__()
        self.norm, self.classes = layer_norm(channels), nn.Linear(channels, classes, bias=False)

    def forward(self, x):
        return fused.upsampled_logits(x, self.norm, self.classes.weight)

    def plain(self, x):
        finer = x.permute(0, 3, 1, 2)
        for _ in range(2):
            finer = F.interpolate(finer, size=[2 * side for side in finer.shape[2:]], mode="bilinear")
        return self.classes(self.norm(finer.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


LAYERS = [ProjectNormalised, ProjectInParts, ProjectGated, DepthwiseSiLU, UpsampledLogits]


def results(compute, layer, x, dtype):
    """The output and the gradients of the input and all parameters, for a gradient that weights outputs differently."""
    layer.to(dtype).zero_grad()
    x = x.detach().to(dtype).requires_grad_()
    y = compute(x)
    (y * torch.linspace(-1, 1, y.numel(), dtype=dtype).view_as(y)).sum().backward()
    return [value.detach().double() for value in (y, x.grad, *(parameter.grad for parameter in layer.parameters()))]


def assert_as_plain(layer, x):
    """As near to float64 as PyTorch's own operators are in float32, but for a factor: sums have another order."""
    expected = results(layer.plain, layer, x, torch.float64)
    usual = results(layer.plain, layer, x, torch.float32)
    found = results(layer, layer, x, torch.float32)
    for value, other, right in zip(found, usual, expected, strict=True):
        error, allowed = (value - right).abs().max(), (other - right).abs().max()
        assert error <= 1e-6 + 1e-5 * right.abs().max() + 10 * allowed


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("channels", [96, 20, 7])
def test_every_instruction_set(instruction_set, make, channels):
    torch.manual_seed(channels)
    assert_as_plain(make(channels), torch.randn(2, 9, 6, channels) + 0.5)


@given(
    which=st.sampled_from(LAYERS),
    batch=st.integers(1, 3),
    height=st.integers(1, 21),
    width=st.integers(1, 21),
    channels=st.integers(16, 70),
)
def test_any_shape(which, batch, height, width, channels):
    torch.manual_seed(0)
    assert_as_plain(which(channels), torch.randn(batch, height, width, channels))


@pytest.mark.parametrize("make", LAYERS)
def test_large_values_do_not_overflow(make):
    torch.manual_seed(0)
    layer, x = make(32), 1e4 * torch.randn(1, 4, 4, 32)
    torch.testing.assert_close(layer(x), layer.plain(x), rtol=1e-4, atol=1e-2)
    assert torch.isfinite(layer(x)).all()


@pytest.mark.parametrize("make", [layer for layer in LAYERS if layer is not ProjectInParts])
def test_the_number_of_threads_changes_no_bit(make):
    torch.manual_seed(0)
    layer, x, before = make(96), torch.randn(2, 40, 40, 96), torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            x_grad = x.clone().requires_grad_()
            # The products around the kernels are oneDNN's, which may differ: only what the kernels add up is compared.
            if make is DepthwiseSiLU or make is UpsampledLogits:
                y = layer(x_grad)
                found.append([y, *torch.autograd.grad(y.square().sum(), [x_grad, *layer.parameters()])])
            else:
                found.append([fused._norm(x.view(-1, 96), x.view(-1, 96), layer.norm.weight, layer.norm.bias, 1e-5)])
    finally:
        torch.set_num_threads(before)
    for values in found[1:]:
        assert all(torch.equal(value, first) for value, first in zip(values, found[0], strict=True))


@pytest.mark.parametrize("make", LAYERS)
def test_inputs_with_gaps(make):
    torch.manual_seed(0)
    layer, wide = make(16), torch.randn(2, 5, 6, 40)
    assert torch.equal(layer(wide[..., 8:24]), layer(wide[..., 8:24].contiguous()))


@pytest.mark.parametrize("make", LAYERS)
def test_without_gradients_the_result_is_the_same(make):
    torch.manual_seed(0)
    layer, x = make(16), torch.randn(2, 5, 6, 16)
    with torch.no_grad():
        assert torch.equal(layer(x), layer(x.requires_grad_()))


@pytest.mark.parametrize("make", LAYERS)
def test_pytorch_computes_where_operators_are_counted_or_cast(make):
    torch.manual_seed(0)
    layer, x = make(16), torch.randn(2, 5, 6, 16)
    assert fused.is_fused(x)
    with FlopCounterMode(display=False) as counter:
        assert not fused.is_fused(x)
        torch.testing.assert_close(layer(x), layer.plain(x), rtol=1e-4, atol=1e-5)
    assert counter.get_total_flops() > 0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not fused.is_fused(x)
    assert not fused.is_fused(x.double())
    assert not fused.is_fused(x.to("meta"))


@pytest.mark.slow
def test_compiled_the_network_is_one_graph_with_the_same_gradients():
    torch.manual_seed(0)
    network, images = CIPA((32, 32)).eval(), torch.randn(1, 2, 32, 32)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    gradients = []
    for run in (network, compiled):
        network.zero_grad()
        run(images).square().mean().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    for plain, other in zip(*gradients, strict=True):
        assert (plain - other).norm() <= 1e-3 * plain.norm() + 1e-5
