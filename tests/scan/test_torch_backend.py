import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from nnunetv2_cipa.scan import registry, selective_scan, selective_scan_2d, torch_backend

BACKEND = next(backend for backend in registry.BACKENDS if backend.name == "torch")
SIZES = st.integers(1, 5)


def scan(*tensors: Tensor) -> Tensor:
    return selective_scan(*tensors, delta_softplus=True, backend="torch")


def scan_2d(*tensors: Tensor) -> Tensor:
    return selective_scan_2d(*tensors, backend="torch")


class TestGradcheck:
    @pytest.mark.parametrize("delta_softplus", [True, False])
    @pytest.mark.parametrize("with_D", [True, False])
    @pytest.mark.parametrize("with_bias", [True, False])
    def test_sequences(self, sequence_arguments, delta_softplus, with_D, with_bias):
        tensors = sequence_arguments(1, 2, 2, 4, 2, positive_steps=not delta_softplus)
        u, delta, A, B, C, D, delta_bias = (tensor.requires_grad_() for tensor in tensors)

        def function(u, delta, A, B, C, D, delta_bias) -> Tensor:
            D, delta_bias = D if with_D else None, delta_bias if with_bias else None
            return selective_scan(u, delta, A, B, C, D, delta_bias, delta_softplus, backend="torch")

        assert gradcheck(function, (u, delta, A, B, C, D, delta_bias))

    @pytest.mark.parametrize("directions", [1, 4])
    def test_maps(self, map_arguments, directions):
        tensors = [tensor.requires_grad_() for tensor in map_arguments(1, 2, 3, 2, 2, directions)]
        assert gradcheck(scan_2d, tensors)


class TestPieces:
    """However a scan is cut, it is the same scan."""

    @settings(max_examples=40)
    @given(
        batch=st.integers(0, 4),
        groups=st.integers(1, 2),
        channels=SIZES,
        length=st.integers(1, 40),
        states=SIZES,
        segment=st.integers(1, 1000),
        busy=st.integers(1, 200),
    )
    @example(batch=3, groups=1, channels=1, length=37, states=1, segment=20, busy=10)
    @example(batch=3, groups=1, channels=2, length=3, states=3, segment=12, busy=12)
    def test_any_cut(
        self,
        reference_scan,
        sequence_arguments,
        assert_accurate,
        batch,
        groups,
        channels,
        length,
        states,
        segment,
        busy,
    ):
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(torch_backend, "CPU_SEGMENT", segment)
            monkeypatch.setattr(torch_backend, "CPU_BUSY", busy)
            monkeypatch.setattr(torch_backend, "MINIMUM_STEPS", 1)
            tensors = sequence_arguments(batch, groups, channels, length, states)
            reference = lambda *arguments: reference_scan(*arguments, True)  # noqa: E731
            assert_accurate(scan, reference, tensors, forward=1e-12, gradients=1e-12)

    @settings(max_examples=30)
    @given(batch=st.integers(0, 3), height=SIZES, width=SIZES, channels=SIZES, states=SIZES, k=st.sampled_from([1, 4]))
    def test_any_map(
        self, reference_scan_2d, map_arguments, assert_accurate, batch, height, width, channels, states, k
    ):
        tensors = map_arguments(batch, height, width, channels, states, k)
        assert_accurate(scan_2d, reference_scan_2d, tensors, forward=1e-12, gradients=1e-12)

    def test_batch_entries_do_not_depend_on_the_batch_they_are_in(self, map_arguments):
        tensors = map_arguments(3, 4, 4, 8, 4, dtype=torch.float32)
        x, delta, A, B, C, D, delta_bias = tensors
        alone = torch.cat(
            [scan_2d(x[i, None], delta[:, i, None], A, B[i, None], C[i, None], D, delta_bias) for i in range(3)]
        )
        torch.testing.assert_close(scan_2d(*tensors), alone)


class TestAccuracy:
    """Float32 against the reference: 1e-5 forward, 1e-4 gradients, relative."""

    def check(self, tensors, reference_scan, assert_accurate) -> None:
        assert_accurate(scan, lambda *arguments: reference_scan(*arguments, True), tensors)

    @pytest.mark.parametrize(("channels", "length", "states"), [(2, 20_000, 2), (64, 700, 16)])
    @pytest.mark.slow
    def test_long_sequences(self, channels, length, states, sequence_arguments, reference_scan, assert_accurate):
        tensors = sequence_arguments(1, 1, channels, length, states, dtype=torch.float32)
        self.check(tensors, reference_scan, assert_accurate)

    @pytest.mark.parametrize("decay", [1e-3, 1.0, 1e3, 1e6])
    @pytest.mark.parametrize("step", [-20.0, 0.0, 20.0])
    @pytest.mark.parametrize("busy", [1, 1000])
    def test_extreme_steps_and_decays(
        self, decay, step, busy, sequence_arguments, reference_scan, assert_accurate, monkeypatch
    ):
        monkeypatch.setattr(torch_backend, "CPU_BUSY", busy)
        u, delta, A, *rest = sequence_arguments(2, 1, 3, 400, 3, dtype=torch.float32)
        self.check([u, delta + step, A * decay, *rest], reference_scan, assert_accurate)

    @pytest.mark.parametrize("busy", [1, 1000])
    def test_steps_from_tiny_to_large_in_one_sequence(
        self, busy, sequence_arguments, reference_scan, assert_accurate, monkeypatch
    ):
        monkeypatch.setattr(torch_backend, "CPU_BUSY", busy)
        u, delta, A, *rest = sequence_arguments(2, 1, 3, 500, 3, dtype=torch.float32)
        delta = torch.empty_like(delta).uniform_(-20, 20, generator=torch.Generator().manual_seed(1))
        self.check([u, delta, A, *rest], reference_scan, assert_accurate)

    @pytest.mark.parametrize("index", range(7))
    def test_zeros(self, index, sequence_arguments, reference_scan, assert_accurate):
        tensors = sequence_arguments(dtype=torch.float32)
        tensors[index].zero_()
        self.check(tensors, reference_scan, assert_accurate)


class TestMemory:
    def kept_for_backward(self, tensors) -> int:
        """Bytes beside the inputs."""
        known, total = {tensor.data_ptr() for tensor in tensors}, 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal total
            if tensor.data_ptr() not in known:
                total += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            scan_2d(*(tensor.requires_grad_() for tensor in tensors))
        return total

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_little_is_kept_for_backward(self, map_arguments, dtype):
        tensors = map_arguments(1, 64, 64, 96, 16, dtype=dtype)
        all_states = 64 * 64 * 4 * 96 * 16 * 4
        assert self.kept_for_backward(tensors) <= all_states / torch_backend.MINIMUM_STEPS


@given(length=st.integers(1, 300), chunks=st.integers(1, 7), steps=st.integers(1, 20))
def test_segments_cover_the_sequence_once(length, chunks, steps):
    plan = torch_backend.Plan(1, chunks, steps)
    cut = torch_backend.cut_segments(length, plan)
    assert len(cut) == torch_backend.count_segments(length, plan)
    numbers = torch.arange(length)
    covered = torch.cat([torch_backend.positions_of(numbers, segment).T.flatten() for segment in cut])
    assert torch.equal(covered, numbers)
