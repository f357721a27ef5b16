"""What backends inherit: sequences scanned as maps of height 1, and their operators' names."""

from types import SimpleNamespace

import pytest
import torch

from nnunetv2_cipa.scan.backend import Backend, MapBackend
from nnunetv2_cipa.scan.operators import Kernel, scan_flops


@pytest.fixture(scope="module")
def made(reference_scan):
    """A backend made for tests, whose kernel scans maps of one order and height 1 step by step; and its calls."""
    calls = []

    class StepByStep(Kernel):
        def kept_shape(self, scan):
            return (1,)

        def forward(self, scan, keep):
            calls.append(scan)
            assert scan.x.shape[1] == len(scan.A) == 1
            u, delta = (tensor[:, 0].transpose(1, 2) for tensor in (scan.x, scan.delta[0]))  # (B, D, L)
            B, C = (tensor.permute(0, 3, 4, 1, 2).flatten(3) for tensor in (scan.B, scan.C))  # (B, 1, N, L)
            y = reference_scan(u, delta, scan.A[0], B, C, scan.D[0], scan.delta_bias[0], scan.softplus)
            return y.transpose(1, 2).unsqueeze(1).to(scan.x.dtype, copy=True), scan.x.new_zeros(1)

        def backward(self, grad_y, kept, scan):
            return [tensor.clone() for tensor in scan.tensors()]

    class MadeBackend(MapBackend):
        name = "map_backend_for_tests"
        kernel = StepByStep()

        def unavailable_reason(self):
            return None

        def supports(self, device, dtype):
            return True

    return SimpleNamespace(backend=MadeBackend(), calls=calls)


@pytest.fixture(autouse=True)
def no_calls(made):
    made.calls.clear()


@pytest.mark.parametrize("softplus", [True, False])
@pytest.mark.parametrize("groups", [1, 3])
def test_each_group_is_scanned_by_itself(made, reference_scan, sequence_arguments, groups, softplus):
    arguments = sequence_arguments(2, groups, 2, 5, 3, positive_steps=not softplus)
    found = made.backend.selective_scan(*arguments, softplus)
    torch.testing.assert_close(found, reference_scan(*arguments, softplus))
    assert [tuple(call.x.shape) for call in made.calls] == [(2, 1, 5, 2)] * groups
    assert {call.softplus for call in made.calls} == {softplus}
    assert all(call.delta_weight is None for call in made.calls)


def test_an_empty_batch_has_an_empty_result(made, sequence_arguments):
    assert made.backend.selective_scan(*sequence_arguments(0, 2, 3, 5), True).shape == (0, 6, 5)


def test_gradients_come_back_in_the_shapes_of_sequences(made, sequence_arguments):
    """The kernel gives each tensor itself for its gradient."""
    arguments = [tensor.requires_grad_() for tensor in sequence_arguments(2, 3, 2, 5, 4)]
    gradients = torch.autograd.grad(made.backend.selective_scan(*arguments, True).sum(), arguments)
    for gradient, tensor in zip(gradients, arguments, strict=True):
        torch.testing.assert_close(gradient, tensor.detach())


@pytest.mark.parametrize("rank", [0, 2])
def test_maps_go_to_the_kernel_as_they_are_with_softplus(made, map_arguments, rank):
    arguments = map_arguments(2, 1, 5, directions=1)
    weight = [torch.ones(1, 3, 2)] if rank else []
    made.backend.selective_scan_2d(*arguments, *weight)
    (call,) = made.calls
    assert all(torch.equal(found, given) for found, given in zip(call.tensors(), [*arguments, *weight], strict=True))
    assert call.softplus is True


def test_operators_are_named_after_the_backend(made):
    assert made.backend.operators == ("map_backend_for_tests_scan",)
    assert hasattr(torch.ops.nnunetv2_cipa, "map_backend_for_tests_scan_backward")
    assert made.backend.flops is scan_flops


def test_a_backend_may_be_chosen_unless_it_says_otherwise(made):
    assert made.backend.by_name_only(torch.device("cpu")) is False


@pytest.mark.parametrize("missing", ["unavailable_reason", "supports", "selective_scan", "selective_scan_2d"])
def test_nothing_may_be_missing(missing):
    parts = {name: lambda self: None for name in Backend.__abstractmethods__ if name != missing}
    with pytest.raises(TypeError, match=missing):
        type("Incomplete", (Backend,), parts)()
