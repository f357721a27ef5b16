"""What holds for every backend that is available here, on every device that it can scan on."""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan import selective_scan, selective_scan_2d
from nnunetv2_cipa.scan.registry import BACKENDS

NAMES_1D = ("u", "delta", "A", "B", "C", "D", "delta_bias")
NAMES_2D = ("x", *NAMES_1D[1:])
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
CASES = [
    (backend.name, device)
    for backend in BACKENDS
    if backend.unavailable_reason() is None
    for device in DEVICES
    if backend.supports(torch.device(device), torch.float32)
]


def scan_with_softplus(*tensors: Tensor, backend: str) -> Tensor:
    return selective_scan(*tensors, delta_softplus=True, backend=backend)


def scan_with_gradients(tensors: list[Tensor], backend: str) -> list[Tensor]:
    y = selective_scan_2d(*(tensor.requires_grad_() for tensor in tensors), backend=backend)
    return [y, *torch.autograd.grad(y.square().sum(), tensors)]


class Calls(TorchDispatchMode):
    """Records the scan's operators that are called, with their arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[torch._ops.OpOverload, tuple]] = []

    def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
        if operator.namespace == "nnunetv2_cipa":
            self.made.append((operator, tuple(arguments)))
        return operator(*arguments, **(keywords or {}))


@pytest.fixture(params=CASES, ids="-".join)
def case(request) -> tuple[str, str]:
    return request.param


class OnEachBackend:
    """Tests that take `backend`, and tensors on `device`."""

    @pytest.fixture
    def backend(self, case) -> str:
        return case[0]

    @pytest.fixture
    def device(self, case) -> str:
        return case[1]

    @pytest.fixture
    def map_arguments(self, map_arguments, device):
        return lambda *sizes, **options: [tensor.to(device) for tensor in map_arguments(*sizes, **options)]

    @pytest.fixture
    def sequence_arguments(self, sequence_arguments, device):
        return lambda *sizes, **options: [tensor.to(device) for tensor in sequence_arguments(*sizes, **options)]


class TestSequences(OnEachBackend):
    def test_optional_arguments_default_to_zero(self, backend, sequence_arguments):
        u, delta, A, B, C, D, delta_bias = sequence_arguments(dtype=torch.float32, positive_steps=True)
        nothing = torch.zeros_like(D)
        assert torch.equal(
            selective_scan(u, delta, A, B, C, backend=backend),
            selective_scan(u, delta, A, B, C, nothing, nothing, False, backend=backend),
        )
        assert not torch.equal(
            selective_scan(u, delta, A, B, C, D, delta_bias, backend=backend),
            selective_scan(u, delta, A, B, C, backend=backend),
        )

    def test_B_and_C_without_groups_are_one_group(self, backend, sequence_arguments):
        u, delta, A, B, C, *rest = sequence_arguments(groups=1, dtype=torch.float32)
        expected = selective_scan(u, delta, A, B, C, *rest, True, backend=backend)
        assert torch.equal(selective_scan(u, delta, A, B[:, 0], C[:, 0], *rest, True, backend=backend), expected)
        assert torch.equal(selective_scan(u, delta, A, B[:, 0], C, *rest, True, backend=backend), expected)

    @pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (0, 2, 3, 4, 5), (3, 1, 5, 1, 2), (2, 4, 16, 50, 16)])
    @pytest.mark.parametrize("delta_softplus", [True, False])
    def test_against_reference(
        self, backend, shape, delta_softplus, reference_scan, sequence_arguments, assert_accurate
    ):
        assert_accurate(
            lambda *tensors: selective_scan(*tensors, delta_softplus, backend=backend),
            lambda *tensors: reference_scan(*tensors, delta_softplus),
            sequence_arguments(*shape, dtype=torch.float32, positive_steps=not delta_softplus),
        )


class TestMaps(OnEachBackend):
    @pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (0, 2, 3, 4, 5), (2, 1, 7, 3, 2), (2, 6, 5, 16, 16)])
    @pytest.mark.parametrize("directions", [1, 4])
    def test_against_reference(self, backend, shape, directions, reference_scan_2d, map_arguments, assert_accurate):
        assert_accurate(
            lambda *tensors: selective_scan_2d(*tensors, backend=backend),
            reference_scan_2d,
            map_arguments(*shape, directions, dtype=torch.float32),
        )

    @pytest.mark.parametrize("directions", [1, 4])
    def test_low_rank_steps(self, backend, directions, reference_scan_2d, map_arguments, assert_accurate):
        tensors = map_arguments(2, 6, 5, 16, 4, directions, rank=3, dtype=torch.float32)
        assert_accurate(lambda *t: selective_scan_2d(*t, backend=backend), reference_scan_2d, tensors)
        empty = map_arguments(0, 6, 5, 16, 4, directions, rank=3, dtype=torch.float32)
        assert_accurate(lambda *t: selective_scan_2d(*t, backend=backend), reference_scan_2d, empty)

    def test_one_direction_over_a_column_is_a_scan_of_sequences(self, backend, map_arguments):
        x, delta, A, B, C, D, delta_bias = map_arguments(2, 9, 1, 4, 3, 1, dtype=torch.float32)
        y = selective_scan_2d(x, delta, A, B, C, D, delta_bias, backend=backend)
        u, step = (tensor[:, :, 0].transpose(1, 2) for tensor in (x, delta[0]))
        states = [tensor[:, :, 0].permute(0, 2, 3, 1) for tensor in (B, C)]
        expected = selective_scan(u, step, A[0], *states, D[0], delta_bias[0], True, backend=backend)
        torch.testing.assert_close(y[:, :, 0], expected.transpose(1, 2))


class TestDtypes(OnEachBackend):
    @pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
    def test_half_precision_is_scanned_in_float32(self, backend, map_arguments, half):
        tensors = [tensor.requires_grad_() for tensor in map_arguments(dtype=half)]
        y = selective_scan_2d(*tensors, backend=backend)
        expected = selective_scan_2d(*(tensor.float() for tensor in tensors), backend=backend)
        assert y.dtype == torch.float32
        torch.testing.assert_close(y, expected)
        assert all(tensor.dtype == half for tensor in torch.autograd.grad(y.sum(), tensors))

    def test_under_autocast_nothing_is_computed_in_half_precision(self, backend, device, map_arguments):
        tensors = [tensor.requires_grad_() for tensor in map_arguments(dtype=torch.float32)]
        expected = selective_scan_2d(*tensors, backend=backend)
        expected_gradients = torch.autograd.grad(expected.square().sum(), tensors)
        with torch.autocast(device, dtype=torch.bfloat16):
            y = selective_scan_2d(*tensors, backend=backend)
            gradients = torch.autograd.grad(y.square().sum(), tensors)
        torch.testing.assert_close((y, *gradients), (expected, *expected_gradients))

    def test_mixed_dtypes_as_autocast_leaves_them(self, backend, map_arguments):
        dtypes = (*[torch.bfloat16] * 2, torch.float32, *[torch.bfloat16] * 2, torch.float32, torch.float32)
        tensors = [tensor.to(dtype).requires_grad_() for tensor, dtype in zip(map_arguments(), dtypes, strict=True)]
        y = selective_scan_2d(*tensors, backend=backend)
        assert y.dtype == torch.float32
        assert tuple(gradient.dtype for gradient in torch.autograd.grad(y.sum(), tensors)) == dtypes


class TestInAutograd(OnEachBackend):
    @pytest.mark.parametrize("wanted", range(7))
    def test_only_some_inputs_need_gradients(self, backend, map_arguments, wanted):
        tensors = map_arguments(dtype=torch.float32)
        for tensor in tensors:
            tensor.requires_grad_()
        everything = torch.autograd.grad(selective_scan_2d(*tensors, backend=backend).sum(), tensors)
        alone = [tensor.detach() for tensor in tensors]
        alone[wanted].requires_grad_()
        selective_scan_2d(*alone, backend=backend).sum().backward()
        assert torch.equal(alone[wanted].grad, everything[wanted])
        assert all(tensor.grad is None for index, tensor in enumerate(alone) if index != wanted)

    def test_no_gradients_at_all(self, backend, map_arguments):
        tensors = map_arguments(dtype=torch.float32)
        assert not selective_scan_2d(*tensors, backend=backend).requires_grad

    def test_any_strides(self, backend, map_arguments):
        def strided(tensor: Tensor) -> Tensor:
            """The same values, every other number of a transposed, larger tensor."""
            wide = torch.stack((tensor, tensor), dim=-1).transpose(0, -2).contiguous().transpose(0, -2)
            return wide[..., 0]

        tensors = [tensor.requires_grad_() for tensor in map_arguments(dtype=torch.float32)]
        expected = selective_scan_2d(*tensors, backend=backend)
        y = selective_scan_2d(*(strided(tensor) for tensor in tensors), backend=backend)
        torch.testing.assert_close(y, expected)
        torch.testing.assert_close(
            torch.autograd.grad(y.square().sum(), tensors), torch.autograd.grad(expected.square().sum(), tensors)
        )

    def test_activation_checkpointing(self, backend, map_arguments):
        tensors = [tensor.requires_grad_() for tensor in map_arguments(dtype=torch.float32)]
        expected = torch.autograd.grad(selective_scan_2d(*tensors, backend=backend).square().sum(), tensors)
        y = checkpoint(lambda *t: selective_scan_2d(*t, backend=backend), *tensors, use_reentrant=False)
        torch.testing.assert_close(torch.autograd.grad(y.square().sum(), tensors), expected)

    @pytest.mark.parametrize(
        ("scan", "maker"), [(scan_with_softplus, "sequence_arguments"), (selective_scan_2d, "map_arguments")]
    )
    def test_compiles_without_graph_break(self, backend, request, scan, maker):
        tensors = [tensor.requires_grad_() for tensor in request.getfixturevalue(maker)(dtype=torch.float32)]
        torch._dynamo.reset()
        compiled = torch.compile(scan, fullgraph=True, backend="aot_eager")
        y, expected = compiled(*tensors, backend=backend), scan(*tensors, backend=backend)
        torch.testing.assert_close(y, expected)
        torch.testing.assert_close(torch.autograd.grad(y.sum(), tensors), torch.autograd.grad(expected.sum(), tensors))


class TestOperators(OnEachBackend):
    @pytest.mark.parametrize("directions", [1, 4])
    @pytest.mark.parametrize("rank", [0, 2])
    def test_two_runs_give_the_same_bits(self, backend, map_arguments, directions, rank):
        tensors = map_arguments(2, 2, 3, 16, 4, directions, rank=rank, dtype=torch.float32)
        first, second = (scan_with_gradients(tensors, backend) for _ in range(2))
        assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))

    def test_states_are_kept_only_for_a_backward_pass(self, backend, map_arguments):
        tensors = map_arguments(dtype=torch.float32)
        kept = []
        hooks = torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor
        )
        with hooks:
            selective_scan_2d(*tensors, backend=backend)
            assert kept == []
            selective_scan_2d(*(tensor.requires_grad_() for tensor in tensors), backend=backend)
        known = {tensor.data_ptr() for tensor in tensors}
        assert [tensor.dtype for tensor in kept if tensor.data_ptr() not in known] == [torch.float32]

    @pytest.mark.parametrize(
        ("scan", "maker", "options"),
        [
            (scan_with_softplus, "sequence_arguments", {"length": 2, "channels": 1}),
            (selective_scan_2d, "map_arguments", {"height": 1, "width": 2, "directions": 1}),
            (selective_scan_2d, "map_arguments", {"height": 1, "width": 2, "rank": 2}),
        ],
    )
    def test_well_made(self, backend, request, scan, maker, options):
        """By PyTorch's own checks, of every operator that a scan calls, forward and backward."""
        tensors = request.getfixturevalue(maker)(dtype=torch.float32, **options)
        calls = Calls()
        with calls:
            y = scan(*(tensor.requires_grad_() for tensor in tensors), backend=backend)
            torch.autograd.grad(y.sum(), tensors)
        assert {operator.name().count("_backward") for operator, _ in calls.made} == {0, 1}
        for operator, arguments in calls.made:
            differentiable = "_backward" not in operator.name()
            leaves = [
                value.detach().requires_grad_(differentiable) if isinstance(value, Tensor) else value
                for value in arguments
            ]
            torch.library.opcheck(operator, tuple(leaves))


def test_float64_in_float64_out(map_arguments, sequence_arguments, reference_scan_2d, reference_scan):
    tensors = map_arguments()
    y = selective_scan_2d(*tensors)
    assert y.dtype == torch.float64
    torch.testing.assert_close(y, reference_scan_2d(*tensors))
    tensors = sequence_arguments()
    torch.testing.assert_close(selective_scan(*tensors, True), reference_scan(*tensors, True))


class TestBadArguments:
    @pytest.mark.parametrize("name", NAMES_2D)
    def test_wrong_number_of_axes_2d(self, map_arguments, name):
        arguments = dict(zip(NAMES_2D, map_arguments(), strict=True))
        arguments[name] = arguments[name][None]
        with pytest.raises(InputError, match=rf"selective_scan_2d: {name} has shape \(1, .*expected \("):
            selective_scan_2d(**arguments)

    @pytest.mark.parametrize("name", NAMES_1D[1:])
    def test_wrong_size_1d(self, sequence_arguments, name):
        arguments = dict(zip(NAMES_1D, sequence_arguments(), strict=True))
        arguments[name] = arguments[name].repeat_interleave(2, dim=0)
        with pytest.raises(InputError, match=f"selective_scan: {name} has shape"):
            selective_scan(**arguments)

    @pytest.mark.parametrize("name", NAMES_2D[1:])
    def test_wrong_last_axis_2d(self, map_arguments, name):
        arguments = dict(zip(NAMES_2D, map_arguments(), strict=True))
        arguments[name] = arguments[name][..., :-1]
        guilty = "B" if name == "A" else name  # one that comes first can't be told to be the wrong one
        with pytest.raises(InputError, match=rf"selective_scan_2d: {guilty} has shape"):
            selective_scan_2d(**arguments)

    def test_message_names_what_was_found_and_expected(self, map_arguments):
        x, delta, *rest = map_arguments(2, 3, 5, 6)
        expected = r"expected \(directions 4, batch 2, height 3, width 5, channels 6\)"
        with pytest.raises(InputError, match=r"delta has shape \(4, 2, 3, 4, 6\), " + expected):
            selective_scan_2d(x, delta[:, :, :, :4], *rest)

    def test_directions(self, map_arguments):
        with pytest.raises(InputError, match=r"delta has 2 directions \(axis 0\), expected 1 or 4"):
            selective_scan_2d(*map_arguments(directions=2))

    def test_groups(self, sequence_arguments):
        u, delta, A, B, C, *_ = sequence_arguments(groups=2, channels=3)
        with pytest.raises(InputError, match="B has 2 groups, C 1, and u 6 channels"):
            selective_scan(u, delta, A, B, C[:, 0])
        with pytest.raises(InputError, match="B has 4 groups, C 4, and u 6 channels"):
            selective_scan(u, delta, A, B.repeat(1, 2, 1, 1), C.repeat(1, 2, 1, 1))

    @pytest.mark.parametrize("axis", [1, 2, 3])
    def test_empty_axis(self, map_arguments, axis):
        sizes = [2, 3, 5, 4]
        sizes[axis] = 0
        with pytest.raises(InputError, match=r"x has shape .* none but the batch empty"):
            selective_scan_2d(*map_arguments(*sizes))

    def test_empty_sequence(self, sequence_arguments):
        with pytest.raises(InputError, match="u has shape"):
            selective_scan(*sequence_arguments(length=0))

    @pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.bool])
    def test_dtype(self, sequence_arguments, dtype):
        u, delta, A, *rest = sequence_arguments()
        with pytest.raises(InputError, match=f"A has dtype {dtype}, expected a real floating-point dtype"):
            selective_scan(u, delta, A.to(dtype), *rest)

    def test_device(self, sequence_arguments):
        u, delta, A, *rest = sequence_arguments()
        with pytest.raises(InputError, match="A is on meta, expected cpu like the first argument"):
            selective_scan(u, delta, A.to("meta"), *rest)

    @pytest.mark.parametrize("index", [0, 3, 4])
    def test_not_a_tensor(self, sequence_arguments, index):
        arguments = sequence_arguments()
        arguments[index] = arguments[index].numpy()
        with pytest.raises(InputError, match=f"{NAMES_1D[index]} is a ndarray, expected a tensor"):
            selective_scan(*arguments)

    def test_backend(self, sequence_arguments, map_arguments):
        with pytest.raises(InputError, match="backend=abacus: there is no such"):
            selective_scan(*sequence_arguments(), backend="abacus")
        with pytest.raises(InputError, match="backend=abacus: there is no such"):
            selective_scan_2d(*map_arguments(), backend="abacus")
