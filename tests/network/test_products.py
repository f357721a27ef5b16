import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.network import products as module
from nnunetv2_cipa.network.products import (
    BFLOAT16,
    CONVOLUTION_ROWS,
    MEASURED,
    ONEDNN,
    PLAIN,
    PRECISION_VARIABLE,
    products,
)
from nnunetv2_cipa.network.projection import project

onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch was built without oneDNN")


@onednn
@given(
    rows=st.integers(1, 50) | st.integers(CONVOLUTION_ROWS - 9, 3 * CONVOLUTION_ROWS),
    channels=st.integers(1, 40),
    out=st.integers(1, 40),
)
def test_all_ways_give_the_same(rows, channels, out):
    x, weight, bias, grad = (torch.randn(*size) for size in ((rows, channels), (out, channels), (out,), (rows, out)))
    products = (
        ("forward", (x, weight, bias)),
        ("forward", (x, weight, None)),
        ("input_gradient", (grad, weight)),
        ("weight_gradient", (grad, x)),
    )
    for way, tolerance in ((ONEDNN, 1e-5), (BFLOAT16, 2e-2)):
        if way is BFLOAT16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            continue
        for name, factors in products:
            found, expected = getattr(way, name)(*factors), getattr(PLAIN, name)(*factors)
            absolute = (None if factor is None else factor.abs() for factor in factors)
            sizes = getattr(PLAIN, name)(*absolute)  # of what is added, which may cancel
            assert found.dtype == torch.float32
            assert found.shape == expected.shape
            assert ((found - expected).abs() <= tolerance * (1 + sizes)).all()


@pytest.fixture
def fresh(monkeypatch):
    """The choice is made anew, as in a new process."""
    module._products.cache_clear()
    yield monkeypatch
    module._products.cache_clear()


@onednn
@pytest.mark.parametrize("kind", [*MEASURED, ("GenuineIntel", "AVX512"), ("", "DEFAULT")])
def test_processors_that_were_not_measured_have_pytorchs_own(fresh, kind):
    fresh.setattr(module, "processor_vendor", lambda: kind[0])
    fresh.setattr(torch.backends.cpu, "get_cpu_capability", lambda: kind[1])
    fresh.delenv(PRECISION_VARIABLE, raising=False)
    assert products() is MEASURED.get(kind, PLAIN)
    assert products() is products()


def test_bfloat16_is_used_by_request_only(fresh):
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        pytest.skip("this processor has no bfloat16 products")
    x, weight = torch.randn(300, 64), torch.randn(32, 64)
    exact = project(x, weight)
    fresh.setenv(PRECISION_VARIABLE, "bf16")
    rounded = project(x, weight)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    assert (rounded - exact).abs().max() < 0.02 * exact.abs().max()


def test_another_precision_is_refused(fresh):
    fresh.setenv(PRECISION_VARIABLE, "float8")
    with pytest.raises(ValueError, match=r"float8.*float32 or bf16"):
        products()


def test_a_processor_without_bfloat16_refuses_it(fresh):
    fresh.setenv(PRECISION_VARIABLE, "bf16")
    fresh.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no bfloat16 products"):
        products()
