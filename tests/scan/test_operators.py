"""The maker of operators with a kernel that is known: what it is called with, what is kept, FLOPs."""

import pytest
import torch

from nnunetv2_cipa.scan.operators import Kernel, Scan, compute_dtype, make_operator, scan_flops


class Sum(Kernel):
    """y = x + delta, all other gradients 7; records how it is called."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def kept_shape(self, scan: Scan) -> tuple[int, ...]:
        return (5,)

    def forward(self, scan: Scan, keep: bool):
        self.calls.append(("forward", keep, scan.softplus, torch.is_autocast_enabled("cpu")))
        return (scan.x + scan.delta).float(), torch.arange(5.0)

    def backward(self, grad_y, kept, scan: Scan):
        self.calls.append(("backward", kept.tolist(), scan.softplus, torch.is_autocast_enabled("cpu")))
        return [grad_y.clone(), 2 * grad_y, *(torch.full(tensor.shape, 7.0) for tensor in scan.tensors()[2:])]


@pytest.fixture(scope="module")
def kernel() -> Sum:
    return Sum()


@pytest.fixture(scope="module")
def operator(kernel):
    return make_operator("sum_for_tests", kernel)


@pytest.fixture(autouse=True)
def no_calls(kernel):
    kernel.calls.clear()


def tensors(dtype=torch.float32) -> list[torch.Tensor]:
    return [torch.full((2, 3), float(index), dtype=dtype) for index in range(7)]


def test_without_gradients_nothing_is_kept(operator, kernel):
    assert torch.equal(operator(*tensors(), None, False), torch.ones(2, 3))
    wanted = tensors()
    wanted[0].requires_grad_()
    with torch.no_grad():
        operator(*wanted, None, True)
    assert kernel.calls == [("forward", False, False, False), ("forward", False, True, False)]


def test_gradients_reach_their_tensors_in_their_dtypes(operator, kernel):
    arguments = [tensor.requires_grad_() for tensor in tensors(torch.float16)]
    y = operator(*arguments, None, True)
    gradients = torch.autograd.grad(y.sum(), arguments)
    assert [float(gradient[0, 0]) for gradient in gradients] == [1, 2, 7, 7, 7, 7, 7]
    assert {gradient.dtype for gradient in gradients} == {torch.float16}
    assert kernel.calls == [("forward", True, True, False), ("backward", [0, 1, 2, 3, 4], True, False)]


def test_delta_weight_has_a_gradient_where_there_is_one(operator):
    arguments = [*tensors(), torch.ones(4)]
    y = operator(*[tensor.requires_grad_() for tensor in arguments], True)
    assert torch.autograd.grad(y.sum(), arguments[7])[0].tolist() == [7, 7, 7, 7]


def test_kernels_never_run_under_autocast(operator, kernel):
    arguments = [tensor.requires_grad_() for tensor in tensors()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = operator(*arguments, None, True)
        torch.autograd.grad(y.sum(), arguments)
    assert [call[3] for call in kernel.calls] == [False, False]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(torch.float64, torch.float64), (torch.float32, torch.float32), (torch.bfloat16, torch.float32)],
)
def test_compute_dtype(dtype, expected):
    assert compute_dtype(torch.zeros(1, dtype=dtype)) == expected


class TestFlops:
    MAPS = ((2, 3, 5, 8), (4, 2, 3, 5, 8), (4, 8, 16), (2, 3, 5, 4, 16), (2, 3, 5, 4, 16), (4, 8), (4, 8))

    def test_maps(self):
        """2 x 3 x 5 positions, 4 orders, 8 channels; 16 states of 7 operations and 3 more."""
        assert scan_flops(*self.MAPS, None, out_shape=None) == 960 * 115

    def test_maps_with_a_rank(self):
        assert scan_flops(*self.MAPS, (4, 8, 6)) == 960 * (115 + 12)

    def test_sequences(self):
        shapes = ((2, 6, 9), (2, 6, 9), (6, 4), (2, 3, 4, 9), (2, 3, 4, 9), (6,), (6,))
        assert scan_flops(*shapes, None) == 2 * 6 * 9 * 31
