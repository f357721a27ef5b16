import ctypes
import os
import shutil
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnunetv2_cipa.native import library
from nnunetv2_cipa.scan import cpu_backend, registry, selective_scan, selective_scan_2d
from nnunetv2_cipa.scan.cpu_backend import CpuBackend
from nnunetv2_cipa.scan.operators import Scan

pytestmark = pytest.mark.skipif(
    CpuBackend().unavailable_reason() is not None, reason=f"no compiled kernel: {CpuBackend().unavailable_reason()}"
)


def scan(*tensors: Tensor) -> Tensor:
    return selective_scan(*tensors, delta_softplus=True, backend="cpu")


def scan_2d(*tensors: Tensor) -> Tensor:
    return selective_scan_2d(*tensors, backend="cpu")


def scan_with_gradients(tensors: list[Tensor]) -> list[Tensor]:
    y = scan_2d(*(tensor.requires_grad_() for tensor in tensors))
    return [y, *torch.autograd.grad(y, tensors, torch.ones_like(y).cumsum(1))]


@pytest.fixture
def set_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(params=["avx512", "avx2", "baseline"])
def instruction_set(request, tmp_path, monkeypatch):
    """The kernel, loaded once more and told to use an instruction set."""
    copy = shutil.copy(library.load()._name, tmp_path / "kernel.so")
    monkeypatch.setenv("NNUNETV2_CIPA_ISA", request.param)
    kernels = ctypes.CDLL(copy)
    kernels.native_instruction_set.restype = ctypes.c_char_p
    monkeypatch.setattr(library, "load", lambda: kernels)
    if library.instruction_set() != request.param:
        pytest.skip(f"this processor has no {request.param}")


class TestShapes:
    @pytest.mark.parametrize(
        ("channels", "states", "directions"), [(32, 16, 4), (48, 4, 4), (16, 5, 1), (20, 16, 4), (3, 4, 1)]
    )
    def test_every_instruction_set(
        self, instruction_set, channels, states, directions, map_arguments, reference_scan_2d, assert_accurate
    ):
        tensors = map_arguments(2, 5, 9, channels, states, directions, dtype=torch.float32)
        assert_accurate(scan_2d, reference_scan_2d, tensors)

    @settings(max_examples=30)
    @given(
        batch=st.integers(0, 3),
        height=st.integers(1, 9),
        width=st.integers(1, 9),
        channels=st.integers(1, 40),
        states=st.integers(1, 20),
        directions=st.sampled_from([1, 4]),
    )
    def test_any(
        self, map_arguments, reference_scan_2d, assert_accurate, batch, height, width, channels, states, directions
    ):
        tensors = map_arguments(batch, height, width, channels, states, directions, dtype=torch.float32)
        assert_accurate(scan_2d, reference_scan_2d, tensors)

    @settings(max_examples=20)
    @given(size=st.integers(1, 9), channels=st.integers(1, 40), states=st.integers(1, 20), rank=st.integers(1, 20))
    def test_any_rank(self, map_arguments, reference_scan_2d, assert_accurate, size, channels, states, rank):
        tensors = map_arguments(2, size, 5, channels, states, rank=rank, dtype=torch.float32)
        assert_accurate(scan_2d, reference_scan_2d, tensors)

    def test_every_instruction_set_with_a_rank(
        self, instruction_set, map_arguments, reference_scan_2d, assert_accurate
    ):
        tensors = map_arguments(2, 5, 9, 40, 16, rank=6, dtype=torch.float32)
        assert_accurate(scan_2d, reference_scan_2d, tensors)

    def test_more_regions_than_parts_of_the_backward_pass(self, map_arguments, reference_scan_2d, assert_accurate):
        assert_accurate(scan_2d, reference_scan_2d, map_arguments(70, 4, 4, 17, 16, dtype=torch.float32))


class TestAccuracy:
    """Against the float64 reference: 1e-5 forward, 1e-4 gradients, relative."""

    def check(self, tensors, reference_scan, assert_accurate) -> None:
        assert_accurate(scan, lambda *arguments: reference_scan(*arguments, True), tensors)

    @pytest.mark.parametrize("length", [31, 32, 33, 5_000])
    @pytest.mark.slow
    def test_long_sequences(self, length, sequence_arguments, reference_scan, assert_accurate):
        self.check(sequence_arguments(1, 1, 16, length, 4, dtype=torch.float32), reference_scan, assert_accurate)

    @pytest.mark.parametrize("decay", [1e-3, 1.0, 1e3, 1e6, 1e30])
    @pytest.mark.parametrize("step", [-20.0, 0.0, 20.0])
    def test_extreme_steps_and_decays(self, decay, step, sequence_arguments, reference_scan, assert_accurate):
        u, delta, A, *rest = sequence_arguments(2, 1, 16, 300, 4, dtype=torch.float32)
        self.check([u, delta + step, A * decay, *rest], reference_scan, assert_accurate)

    def test_slow_decay_is_not_rounded_to_none(self, sequence_arguments, reference_scan, assert_accurate):
        """exp(delta A) rounds to 1 at each of 20,000 steps; their product is 0.9993."""
        u, delta, A, B, C, D, bias = sequence_arguments(1, 1, 16, 20_000, 4, dtype=torch.float32)
        tensors = [u, torch.full_like(delta, -20), torch.full_like(A, -16), B, C, torch.zeros_like(D), bias * 0]
        expected = reference_scan(*tensors, True)
        assert (scan(*tensors) - expected).abs().amax() < 1e-5 * expected.abs().amax()

    def test_steps_from_tiny_to_large_in_one_sequence(self, sequence_arguments, reference_scan, assert_accurate):
        u, delta, A, *rest = sequence_arguments(2, 1, 16, 500, 16, dtype=torch.float32)
        delta = torch.empty_like(delta).uniform_(-20, 20, generator=torch.Generator().manual_seed(1))
        self.check([u, delta, A, *rest], reference_scan, assert_accurate)

    @pytest.mark.parametrize("index", range(7))
    def test_zeros(self, index, sequence_arguments, reference_scan, assert_accurate):
        tensors = sequence_arguments(dtype=torch.float32)
        tensors[index].zero_()
        self.check(tensors, reference_scan, assert_accurate)

    @pytest.mark.parametrize("index", range(7))
    def test_nan_is_not_swallowed(self, index, map_arguments):
        tensors = map_arguments(1, 2, 2, 16, 16, dtype=torch.float32)
        tensors[index].view(-1)[0] = torch.nan
        assert scan_2d(*tensors).isnan().any()


class TestDeterminism:
    @pytest.mark.parametrize("shape", [(1, 7, 9, 96, 16), (5, 6, 6, 40, 4), (70, 4, 4, 16, 16)])
    def test_any_number_of_threads_gives_the_same_bits(self, shape, map_arguments, set_threads):
        results = []
        for threads in (1, 2, 5):
            set_threads(threads)
            results.append(scan_with_gradients(map_arguments(*shape, dtype=torch.float32)))
        for other in results[1:]:
            assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))

    def test_batch_entries_do_not_depend_on_the_batch_they_are_in(self, map_arguments):
        x, delta, A, B, C, D, bias = tensors = map_arguments(3, 4, 5, 32, 4, dtype=torch.float32)
        alone = [scan_2d(x[i, None], delta[:, i, None], A, B[i, None], C[i, None], D, bias) for i in range(3)]
        assert torch.equal(scan_2d(*tensors), torch.cat(alone))


class TestProcesses:
    @pytest.mark.slow
    def test_after_fork(self):
        """A forked worker has none of its parent's threads, and must not wait for them."""
        code = """if True:
            import os, torch
            from nnunetv2_cipa.scan import selective_scan_2d
            torch.set_num_threads(3)
            random = torch.Generator().manual_seed(0)
            shapes = (2, 8, 8, 64), (4, 2, 8, 8, 64), (4, 64, 16), (2, 8, 8, 4, 16), (2, 8, 8, 4, 16), (4, 64), (4, 64)
            tensors = [torch.rand(shape, generator=random) for shape in shapes]
            tensors[2].neg_()
            y = selective_scan_2d(*tensors, backend="cpu")
            child = os.fork()
            if child == 0:
                os._exit(0 if torch.equal(selective_scan_2d(*tensors, backend="cpu"), y) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        """
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

    def test_without_an_openmp_pool(self):
        """Where torch brings no libgomp the kernel starts threads of its own."""
        code = f"""if True:
            import ctypes
            library = ctypes.CDLL({library.load()._name!r})
            assert not hasattr(ctypes.CDLL(None), "GOMP_parallel")
            channels = 64
            floats = lambda count: (ctypes.c_float * count)(*([0.5] * count))
            zeros = (ctypes.c_float * channels)()
            inputs = [*(floats(n) for n in (channels * 9, channels * 9, channels, 9, 9)), zeros, zeros, None]
            addresses = (ctypes.c_void_p * 8)(*(i and ctypes.addressof(i) for i in inputs))
            outputs = []
            for threads in (1, 3):
                sizes = (ctypes.c_int64 * 16)(1, 3, 3, channels, 1, 1, 0, channels, channels, 0, 1, 1, 1, 1, 0, threads)
                outputs.append(floats(channels * 9))
                assert library.scan_forward(sizes, addresses, outputs[-1], None) == 0
            assert list(outputs[0]) == list(outputs[1]) and outputs[0][0] == 0.5**4  # the first position's delta x B C
        """
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


class TestLayout:
    def test_views_of_one_projection_are_not_copied(self, map_arguments):
        x, _, A, _, _, D, bias, weight = map_arguments(2, 4, 5, 32, 16, rank=6, dtype=torch.float32)
        both = torch.cat([x, x], dim=-1)
        delta, B, C = torch.randn(2, 4, 5, 4, 6 + 32).split([6, 16, 16], dim=-1)
        inputs = cpu_backend._Inputs(Scan(both[..., :32], delta, A, B, C, D, bias, weight, True))
        given = (both, delta, A, B, C, D, bias, weight)
        assert [tensor.data_ptr() for tensor in inputs.tensors] == [tensor.data_ptr() for tensor in given]

    @pytest.mark.parametrize("change", [lambda t: t.expand(3, *t.shape[1:]), lambda t: t.transpose(1, 2)])
    def test_other_strides(self, change, map_arguments):
        x, delta, A, B, C, D, bias = map_arguments(1, 4, 5, 16, 4, dtype=torch.float32)
        x, B, C = change(x), change(B), change(C)
        delta = torch.stack([change(maps) for maps in delta])
        plain = scan_2d(x.contiguous(), delta, A, B.contiguous(), C.contiguous(), D, bias)
        assert torch.equal(scan_2d(x, delta, A, B, C, D, bias), plain)


def test_it_is_chosen_for_float32_on_the_processor():
    assert os.environ.get(registry.ENVIRONMENT_VARIABLE) or registry.choose_backend(torch.device("cpu")).name == "cpu"
