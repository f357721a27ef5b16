import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.network.projection import Projection, project


@settings(max_examples=40)
@given(
    shape=st.lists(st.integers(0, 7), min_size=0, max_size=3),
    channels=st.integers(1, 40),
    out=st.integers(1, 40),
    biased=st.booleans(),
)
def test_equals_a_linear_layer_with_its_gradients(shape, channels, out, biased):
    random = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(size, generator=random) for size in ((*shape, channels), (out, channels), (out,)))
    grad_y = torch.randn((*shape, out), generator=random)
    results = []
    for function in (F.linear, project):
        tensors = [tensor.clone().requires_grad_() for tensor in ((x, weight, bias) if biased else (x, weight))]
        y = function(*tensors)
        results.append([y, *torch.autograd.grad(y, tensors, grad_y)])
    for expected, found in zip(*results, strict=True):
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_strided_input():
    x, weight = torch.randn(3, 8, 5, 24)[..., 4:20], torch.randn(6, 16)
    torch.testing.assert_close(project(x, weight), F.linear(x, weight))


def test_a_bias_alone_has_a_gradient():
    bias = torch.zeros(3, requires_grad=True)
    project(torch.ones(2, 5, 4), torch.ones(3, 4), bias).sum().backward()
    assert bias.grad.tolist() == [10.0] * 3


def test_gradients_in_double_precision():
    layer = Projection(5, 3).double()
    x = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w, b: project(x, w, b), (x, layer.weight, layer.bias))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_computes_in_its_own_dtype(dtype):
    layer, x = Projection(32, 16), torch.randn(4, 16, 16, 32)
    with torch.autocast("cpu", dtype=dtype):
        y = layer(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), layer(x), rtol=0.02, atol=0.05)


def test_other_devices_and_dtypes_have_pytorchs_own_product():
    layer = Projection(4, 2, device="meta")
    assert layer(torch.empty(3, 4, device="meta")).shape == (3, 2)
