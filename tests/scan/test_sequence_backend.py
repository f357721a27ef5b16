"""Both public scans from a kernel of sequences that is known: blocks of the batch, sums of gradients, low ranks."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2_cipa.scan.layouts import ScanSizes, ScanTensors
from nnunetv2_cipa.scan.sequence_backend import SequenceBackend, SequenceKernel, multiply_delta

BLOCK = 2


class Additive(SequenceKernel):
    """y = D * u + delta + delta_bias + sum of A + sum of B * C, over states; its states are u, batch first."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def batch_block(self, sizes, device):
        self.calls.append(("block", sizes, device.type))
        return BLOCK

    def states_shape(self, sizes, device):
        return sizes.batch, sizes.length, sizes.groups, sizes.channels

    def forward(self, inputs, delta_softplus):
        u, delta, A, B, C, D, delta_bias = inputs
        self.calls.append(("forward", u.shape[1], delta_softplus))
        return D * u + delta + delta_bias + A.sum(-1) + (B * C).sum(-1, keepdim=True), u.transpose(0, 1)

    def backward(self, grad_y, inputs, delta_softplus, states):
        u, _, A, B, C, D, _ = inputs
        self.calls.append(("backward", u.shape[1], delta_softplus))
        total, over_channels = grad_y.sum((0, 1)), grad_y.sum(-1, keepdim=True)
        return ScanTensors(
            grad_y * D,
            grad_y,
            total[..., None].expand(A.shape),
            over_channels * C,
            over_channels * B,
            (grad_y * states.transpose(0, 1)).sum((0, 1)),
            total,
        )


@pytest.fixture(scope="module")
def made():
    class MadeBackend(SequenceBackend):
        name = "additive_for_tests"
        kernel = Additive()

        def unavailable_reason(self):
            return None

        def supports(self, device, dtype):
            return True

    return SimpleNamespace(backend=MadeBackend(), kernel=MadeBackend.kernel)


@pytest.fixture(autouse=True)
def no_calls(made):
    made.kernel.calls.clear()


def sequences(u, delta, A, B, C, D, delta_bias):
    """The same formula for the shapes of the public scan of sequences."""
    channels = u.shape[1] // B.shape[1]
    of_states = (B * C).sum(2).repeat_interleave(channels, dim=1)
    return D[:, None] * u + delta + delta_bias[:, None] + A.sum(1)[:, None] + of_states


def maps(x, delta, A, B, C, D, delta_bias):
    """The same formula for the shapes of the public scan of maps, summed over the orders."""
    orders = range(len(delta))
    return sum(
        D[k] * x + delta[k] + delta_bias[k] + A[k].sum(1) + (B[..., k, :] * C[..., k, :]).sum(-1)[..., None]
        for k in orders
    )


def check(scan, formula, tensors):
    tensors = [tensor.requires_grad_() for tensor in tensors]
    found, expected = scan(*tensors), formula(*tensors)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(0), dtype=found.dtype)
    torch.testing.assert_close(
        torch.autograd.grad(found, tensors, weights), torch.autograd.grad(expected, tensors, weights)
    )


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("groups", [1, 3])
def test_sequences_and_their_gradients(made, sequence_arguments, batch, groups):
    check(lambda *t: made.backend.selective_scan(*t, False), sequences, sequence_arguments(batch, groups))


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("directions", [1, 4])
def test_maps_and_their_gradients(made, map_arguments, batch, directions):
    check(made.backend.selective_scan_2d, maps, map_arguments(batch, 3, 2, directions=directions))


def test_a_low_rank_is_multiplied_out_first(made, map_arguments):
    def formula(x, delta, *others):
        *others, weight = others
        return maps(x, torch.einsum("bhwkr,kdr->kbhwd", delta, weight), *others)

    check(made.backend.selective_scan_2d, formula, map_arguments(3, 2, 3, rank=2))


def test_a_batch_goes_through_the_kernel_in_blocks(made, sequence_arguments):
    arguments = [tensor.requires_grad_() for tensor in sequence_arguments(5, 2, 3, 7, 4)]
    made.backend.selective_scan(*arguments, False).sum().backward()
    sizes = ("block", ScanSizes(batch=5, groups=2, length=7, channels=3, states=4), "cpu")
    expected = [sizes, *(("forward", rows, False) for rows in (2, 2, 1))]
    expected += [sizes, *(("backward", rows, False) for rows in (2, 2, 1))]
    assert made.kernel.calls == expected


def test_orders_of_a_map_are_groups_and_have_softplus(made, map_arguments):
    made.backend.selective_scan_2d(*map_arguments(1, 3, 5, 2, 6))
    sizes = ScanSizes(batch=1, groups=4, length=15, channels=2, states=6)
    assert made.kernel.calls == [("block", sizes, "cpu"), ("forward", 1, True)]


def test_an_empty_batch_never_reaches_the_kernel(made, map_arguments):
    arguments = [tensor.requires_grad_() for tensor in map_arguments(batch=0)]
    y = made.backend.selective_scan_2d(*arguments)
    gradients = torch.autograd.grad(y.sum(), arguments)
    assert y.shape == (0, 2, 3, 3)
    assert all((gradient == 0).all() for gradient in gradients)
    assert {call[0] for call in made.kernel.calls} == {"block"}


def test_operators_are_named_after_the_backend(made):
    assert made.backend.operators == ("additive_for_tests_scan", "additive_for_tests_scan_2d")
    for name in made.backend.operators:
        assert hasattr(torch.ops.nnunetv2_cipa, f"{name}_backward")


class TestMultiplyDelta:
    def test_by_hand(self):
        """One position, two orders of rank 2 and 3 channels."""
        delta = torch.tensor([[1.0, 2], [3, 4]]).view(1, 1, 1, 2, 2)
        weight = torch.tensor([[[1.0, 0], [0, 1], [1, 1]], [[1, 0], [0, -1], [10, 1]]])
        assert multiply_delta(delta, weight).view(2, 3).tolist() == [[1, 2, 3], [3, -4, 34]]

    @settings(max_examples=30)
    @given(
        batch=st.integers(0, 3),
        height=st.integers(1, 3),
        width=st.integers(1, 3),
        orders=st.sampled_from([1, 4]),
        channels=st.integers(1, 3),
        rank=st.integers(1, 3),
    )
    def test_every_size(self, batch, height, width, orders, channels, rank):
        random = torch.Generator().manual_seed(0)
        delta = torch.randn(batch, height, width, orders, rank, generator=random)
        weight = torch.randn(orders, channels, rank, generator=random)
        found = multiply_delta(delta, weight)
        assert found.shape == (orders, batch, height, width, channels)
        torch.testing.assert_close(found, torch.einsum("bhwkr,kdr->kbhwd", delta, weight))

    def test_the_result_has_the_dtype_of_delta(self):
        """Under autocast delta is of half precision, and its weight is not."""
        found = multiply_delta(torch.ones(1, 1, 1, 1, 1, dtype=torch.bfloat16), torch.ones(1, 1, 1))
        assert found.dtype == torch.bfloat16
