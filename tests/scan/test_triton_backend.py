"""The Triton backend: in the interpreter (a process of its own), compiled for GPUs that are not here, and its plan."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan import registry, selective_scan, selective_scan_2d, triton_backend, triton_sizes
from nnunetv2_cipa.scan.operators import Scan

BACKEND = next(backend for backend in registry.BACKENDS if backend.name == "triton")
CHECKOUT = Path(__file__).parents[2]
needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")
interpreted = pytest.mark.skipif(not triton_backend.is_interpreted(), reason="for the interpreter's process")
compiled = pytest.mark.skipif(triton_backend.is_interpreted(), reason="for a process without the interpreter")


def scan(*tensors: Tensor) -> Tensor:
    return selective_scan(*tensors, delta_softplus=True, backend="triton")


def scan_2d(*tensors: Tensor) -> Tensor:
    return selective_scan_2d(*tensors, backend="triton")


def room_for(warps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the device work on so many warps at once: many cut a scan in sections, one gives a program all of them."""
    for name in ("FORWARD", "BACKWARD"):
        monkeypatch.setattr(triton_sizes, name, getattr(triton_sizes, name)._replace(warps=warps))


@pytest.mark.slow
@needs_triton
@compiled
def test_in_the_interpreter():
    """What every backend must do, and the tests below that are for the interpreter."""
    files = [os.fspath(Path(__file__).with_name(name)) for name in ("test_interface.py", Path(__file__).name)]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files, "-k", "triton and not cuda"],
        env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-5000:]
    assert "passed" in result.stdout


@interpreted
class TestInterpreted:
    @pytest.fixture(autouse=True)
    def small_pieces(self, monkeypatch):
        """Intervals of four positions, so that small maps have several, and sections of them."""
        monkeypatch.setattr(triton_sizes, "INTERVAL", 4)
        monkeypatch.setattr(triton_sizes, "ROWS", 4)

    @settings(max_examples=6)
    @given(
        batch=st.integers(0, 2),
        height=st.integers(1, 4),
        width=st.integers(1, 4),
        channels=st.sampled_from([1, 2, 33]),
        states=st.sampled_from([1, 3, 16]),
        rank=st.sampled_from([0, 1, 6, 20]),
        warps=st.sampled_from([1, 64]),
        directions=st.sampled_from([1, 1, 4]),
    )
    def test_any_shape(
        self, map_arguments, reference_scan_2d, assert_accurate, batch, height, width, channels, states, rank, warps,
        directions,
    ):  # fmt: skip
        with pytest.MonkeyPatch.context() as monkeypatch:
            room_for(warps, monkeypatch)
            sizes = (batch, height, width, channels, states, directions)
            tensors = map_arguments(*sizes, rank=rank, dtype=torch.float32)
            assert_accurate(scan_2d, reference_scan_2d, tensors)

    @pytest.mark.parametrize("length", [3, 4, 5, 8, 13])
    def test_borders_of_intervals_and_sections(
        self, monkeypatch, length, map_arguments, reference_scan_2d, assert_accurate
    ):
        room_for(64, monkeypatch)
        tensors = map_arguments(1, length, 1, 2, 2, 1, rank=2, dtype=torch.float32)
        assert_accurate(scan_2d, reference_scan_2d, tensors)

    @pytest.mark.parametrize("decay", [1e-3, 1e3, 1e30])
    @pytest.mark.parametrize("step", [-20.0, 20.0])
    def test_extreme_steps_and_decays(
        self, monkeypatch, decay, step, sequence_arguments, reference_scan, assert_accurate
    ):
        room_for(64, monkeypatch)
        u, delta, A, *rest = sequence_arguments(1, 1, 3, 11, 2, dtype=torch.float32)
        reference = lambda *tensors: reference_scan(*tensors, True)  # noqa: E731
        assert_accurate(scan, reference, [u, delta + step, A * decay, *rest])

    def test_largest_states_and_a_high_rank(self, map_arguments, reference_scan_2d, assert_accurate):
        tensors = map_arguments(1, 3, 1, 2, 64, 1, rank=100, dtype=torch.float32)
        assert_accurate(scan_2d, reference_scan_2d, tensors)

    def test_a_batch_in_parts(self, monkeypatch, map_arguments):
        tensors = map_arguments(3, 2, 2, 2, 2, 1, rank=2, dtype=torch.float32)
        whole = scan_2d(*tensors)
        monkeypatch.setattr(triton_sizes, "PART_BYTES", 1)
        assert torch.equal(scan_2d(*tensors), whole)

    def test_offsets_of_64_bits_give_the_same_bits(self, monkeypatch, map_arguments):
        tensors = map_arguments(1, 3, 2, 2, 2, dtype=torch.float32)
        narrow = scan_2d(*tensors)
        compiled_for = triton_sizes.compiled_for
        monkeypatch.setattr(triton_sizes, "compiled_for", lambda *sizes: compiled_for(*sizes) | {"WIDE": True})
        assert torch.equal(scan_2d(*tensors), narrow)

    def test_x_is_read_in_place_and_only_entry_states_are_kept(self, monkeypatch, map_arguments):
        x, *rest = map_arguments(1, 4, 2, 4, 2, rank=2, dtype=torch.float32)
        x = torch.cat([x, x], dim=-1)[..., :4]
        prepared = triton_backend.Prepared.of(Scan(x, *rest), 2)
        assert prepared.x.data_ptr() == x.data_ptr()
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda tensor: tensor):
            scan_2d(x.requires_grad_(), *rest)
        known = {tensor.data_ptr() for tensor in (x, *rest)}
        assert [tuple(tensor.shape) for tensor in kept if tensor.data_ptr() not in known] == [(1, 4, 2, 2, 4)]

    def test_too_many_states(self, map_arguments):
        with pytest.raises(InputError, match=r"65 states .* at most 64"):
            scan_2d(*map_arguments(1, 1, 1, 1, 65, dtype=torch.float32))

    def test_a_small_network_learns_as_with_the_cpu_backend(self, monkeypatch):
        """Two steps of a CIPA with one narrow block a stage, on an image of 8x8: the same losses."""
        from nnunetv2_cipa.network import CIPA, crm, variants

        monkeypatch.setitem(variants.VARIANTS, "tiny", variants.Variant((1, 1, 1, 1), 32, 0.0))
        monkeypatch.setattr(crm, "EMBEDDING", 16)
        monkeypatch.setattr(triton_sizes, "BLOCK", 512)  # the interpreter's time is that of programs, not of channels

        def losses(backend: str) -> list[float]:
            monkeypatch.setenv(registry.ENVIRONMENT_VARIABLE, backend)
            torch.manual_seed(0)
            network, x = CIPA((8, 8)), torch.randn(1, 2, 8, 8)
            target = (x[:, 1] > 0).long()
            optimizer = torch.optim.AdamW(network.parameters(), 3e-4)
            values = []
            for _ in range(2):
                loss = F.cross_entropy(network(x), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                values.append(loss.item())
            with torch.no_grad():
                return [*values, F.cross_entropy(network(x), target).item()]

        expected = losses("cpu")
        assert expected[-1] < expected[0]
        assert losses("triton") == pytest.approx(expected, rel=1e-4)


@pytest.fixture(scope="module")
def model(request):
    """The benchmark that compiles the kernels and reads their machine code."""
    folder = CHECKOUT / "benchmarks"
    if not (folder / "scan_gpu_model.py").is_file():
        pytest.skip("the benchmarks are not here")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(folder)
        import scan_gpu_model

        yield scan_gpu_model


@pytest.mark.slow
@needs_triton
@compiled
class TestMachineCode:
    def compile(self, model, name: str, target, states=16, **options):
        kernel, constants = model.kernels_of(states, **options)[name]
        return model.compile_kernel(kernel, constants, target)

    def inner_loops(self, model, *arguments, **options):
        return [loop for loop in model.loops(self.compile(model, *arguments, **options).asm["cubin"]) if loop.inside]

    @pytest.mark.parametrize("capability", [80, 86, 89, 90, 100, 120])
    @pytest.mark.parametrize(
        ("name", "most"),
        [("scan_section_ends", 0), ("scan_sections", 0), ("section_gradients", 0), ("scan_gradients", 32)],
    )
    def test_what_is_spilled_for_every_position(self, model, capability, name, most):
        for loop in self.inner_loops(model, name, model.GPUTarget("cuda", capability, 32)):
            assert loop.instructions["LDL"] + loop.instructions["STL"] <= most

    @pytest.mark.parametrize(("states", "wide"), [(4, False), (16, True)])
    @pytest.mark.parametrize("name", ["scan_section_ends", "scan_sections"])
    def test_other_sizes_of_the_network(self, model, name, states, wide):
        for loop in self.inner_loops(model, name, model.GPUTarget("cuda", 90, 32), states, wide=wide):
            assert not {"LDL", "STL"} & set(loop.instructions)

    @pytest.mark.parametrize("name", ["scan_section_ends", "scan_sections", "section_gradients"])
    def test_threads_exchange_no_states_in_the_inner_loop(self, model, name):
        inner = [
            loop for loop in self.inner_loops(model, name, model.GPUTarget("cuda", 90, 32)) if loop.exponentials >= 16
        ]
        assert len(inner) == 1
        assert "SHFL" not in inner[0].instructions
        assert inner[0].total <= 1.2 * 128

    def test_for_amd(self, model):
        for name in model.kernels_of(16):
            assert "amdgcn" in self.compile(model, name, model.GPUTarget("hip", "gfx942", 64)).asm

    def test_loops_of_a_disassembly(self, model):
        lines = [
            ".L_x_0:", "        /*0000*/                   MOV R1, R2 ;",
            ".L_x_1:", "        /*0010*/                   FADD R1, R1, R2 ;",
            "        /*0020*/                   MUFU.EX2 R1, R1 ;",
            "        /*0030*/              @P0  BRA `(.L_x_1) ;",
            "        /*0040*/             @!P1  BRA `(.L_x_0) ;",
            ".L_x_2:", "        /*0050*/                   BRA `(.L_x_2) ;",
        ]  # fmt: skip
        outer, inner = model.find_loops(lines)
        assert (inner.total, inner.exponentials, inner.inside) == (3, 1, True)
        assert (outer.total, outer.inside) == (5, False)
        assert inner.clocks() == {"issue": 3, "exponentials": 8, "arithmetic": 1, "integers": 0, "memory": 0}


@compiled
class TestAvailability:
    def test_without_triton(self, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        assert "Triton is not installed" in BACKEND.unavailable_reason()

    @needs_triton
    def test_without_a_gpu(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert "PyTorch finds no GPU" in BACKEND.unavailable_reason()

    @needs_triton
    def test_an_old_gpu(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 0))
        assert "7.5 or newer" in BACKEND.unavailable_reason()
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 6))
        assert BACKEND.unavailable_reason() is None

    def test_supports(self):
        assert BACKEND.supports(torch.device("cuda", 1), torch.float32)
        assert not BACKEND.supports(torch.device("cuda"), torch.float64)
        assert not BACKEND.supports(torch.device("cpu"), torch.float32)
        assert BACKEND.by_name_only(torch.device("cpu"))
        assert not BACKEND.by_name_only(torch.device("cuda"))

    @pytest.mark.slow
    def test_triton_is_not_imported_with_the_package(self):
        code = "import sys, nnunetv2_cipa.scan; assert 'nnunetv2_cipa.scan.triton_kernels' not in sys.modules"
        subprocess.run([sys.executable, "-c", code], check=True)
