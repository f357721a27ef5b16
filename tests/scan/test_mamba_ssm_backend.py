"""The mamba_ssm backend without a GPU: a stand-in for the CUDA extension, driven by it and by mamba-ssm's Python."""

import importlib
import importlib.machinery
import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan import choose_backend, mamba_ssm_backend, registry

BACKEND = next(backend for backend in registry.BACKENDS if backend.name == "mamba_ssm")
CHUNK = 2048


class Extension(ModuleType):
    """`fwd` and `bwd` as csrc/selective_scan/selective_scan.cpp of mamba-ssm 2.3.2 defines them, on the CPU."""

    def __init__(self) -> None:
        super().__init__("selective_scan_cuda")
        self.__spec__ = importlib.machinery.ModuleSpec("selective_scan_cuda", None)
        self.calls: list[tuple] = []

    def fwd(self, u, delta, A, B, C, D, z, delta_bias, delta_softplus):
        self.calls.append(("fwd", *_described(u, delta, A, B, C, D, z, delta_bias, delta_softplus)))
        _check(u, delta, A, B, C, D, delta_bias)
        assert z is None
        with torch.no_grad():
            out = _recurrence(u, delta, A, B, C, D, delta_bias, delta_softplus)
        chunks = -(-u.shape[2] // CHUNK)
        states = torch.full((u.shape[0], u.shape[1], chunks, 2 * A.shape[1]), 0.5)
        return [out, states]

    def bwd(self, u, delta, A, B, C, D, z, delta_bias, dout, x, out, dz, delta_softplus, recompute_out_z):
        self.calls.append(
            ("bwd", *_described(u, delta, A, B, C, D, z, delta_bias, dout, x, out, dz, delta_softplus, recompute_out_z))
        )
        _check(u, delta, A, B, C, D, delta_bias, dout)
        assert z is None
        assert out is None
        assert x.shape == (u.shape[0], u.shape[1], -(-u.shape[2] // CHUNK), 2 * A.shape[1])
        assert (x == 0.5).all(), "not the states that fwd returned"
        tensors = [tensor.detach().requires_grad_() for tensor in (u, delta, A, B, C, D, delta_bias)]
        with ThreadPoolExecutor(1) as another_thread:  # in this one autograd is off: it is inside an operator
            return another_thread.submit(_gradients, tensors, delta_softplus, dout).result()


def _described(*arguments) -> list:
    return [
        (tuple(argument.shape), argument.stride(), argument.dtype) if isinstance(argument, Tensor) else argument
        for argument in arguments
    ]


def _check(u, delta, A, B, C, D, delta_bias, *others) -> None:
    """The extension's own checks, but for the device."""
    batch, dim, length = u.shape
    for tensor in (u, delta, B, C, D, delta_bias, *others):
        assert tensor.dtype == torch.float32
        assert tensor.stride(-1) == 1 or tensor.size(-1) == 1
    assert A.dtype == torch.float32
    assert A.shape[1] <= 256
    assert delta.shape == u.shape
    assert A.shape[0] == dim
    assert B.shape == C.shape == (batch, B.shape[1], A.shape[1], length)
    assert D.shape == delta_bias.shape == (dim,)
    assert batch > 0, "CUDA refuses an empty grid"


def _recurrence(u, delta, A, B, C, D, delta_bias, delta_softplus) -> Tensor:
    step = delta + delta_bias[:, None]
    step = F.softplus(step) if delta_softplus else step
    B, C = (tensor.repeat_interleave(u.shape[1] // tensor.shape[1], dim=1) for tensor in (B, C))
    state = u.new_zeros(*u.shape[:2], A.shape[1])
    outputs = []
    for t in range(u.shape[2]):
        state = torch.exp(step[:, :, t, None] * A) * state + (step * u)[:, :, t, None] * B[..., t]
        outputs.append((state * C[..., t]).sum(-1))
    return torch.stack(outputs, dim=-1) + D[:, None] * u


def _gradients(tensors, delta_softplus, dout) -> list[Tensor]:
    return list(torch.autograd.grad(_recurrence(*tensors, delta_softplus), tensors, dout))


@pytest.fixture
def extension(monkeypatch) -> Extension:
    stand_in = Extension()
    monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    mamba_ssm_backend._reason_without_extension.cache_clear()
    yield stand_in
    mamba_ssm_backend._reason_without_extension.cache_clear()


@pytest.fixture
def mamba_python(extension, monkeypatch) -> ModuleType:
    """mamba-ssm's `selective_scan_interface`; the package around it would import its language models."""
    for needed in ("mamba_ssm", "einops", "triton"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(
                f"{needed} is not installed; MAMBA_SKIP_CUDA_BUILD=TRUE MAMBA_FORCE_BUILD=TRUE pip install "
                "--no-build-isolation --no-deps mamba-ssm einops installs what this test needs"
            )
    package = ModuleType("mamba_ssm")
    package.__path__ = list(importlib.util.find_spec("mamba_ssm").submodule_search_locations)
    for name in [name for name in sys.modules if name.partition(".")[0] == "mamba_ssm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mamba_ssm", package)
    yield importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    for name in [name for name in sys.modules if name.startswith("mamba_ssm.")]:
        del sys.modules[name]


@pytest.mark.parametrize("delta_softplus", [True, False])
def test_calls_the_extension_as_mamba_ssm_does(mamba_python, extension, sequence_arguments, delta_softplus):
    arguments = sequence_arguments(length=9, dtype=torch.float32, positive_steps=not delta_softplus)
    u, delta, A, B, C, D, delta_bias = tensors = [tensor.requires_grad_() for tensor in arguments]
    theirs = mamba_python.selective_scan_fn(u, delta, A, B, C, D, None, delta_bias, delta_softplus)
    their_gradients = torch.autograd.grad(theirs.square().sum(), tensors)
    their_calls = list(extension.calls)
    extension.calls.clear()

    ours = BACKEND.selective_scan(*tensors, delta_softplus)
    our_gradients = torch.autograd.grad(ours.square().sum(), tensors)
    assert extension.calls == their_calls
    torch.testing.assert_close((ours, *our_gradients), (theirs, *their_gradients))


def test_agrees_with_the_reference_scan_of_mamba_ssm(mamba_python, sequence_arguments):
    u, delta, A, B, C, D, delta_bias = sequence_arguments(length=30, dtype=torch.float32)
    expected = mamba_python.selective_scan_ref(u, delta, A, B, C, D, None, delta_bias, True)
    assert torch.allclose(BACKEND.selective_scan(u, delta, A, B, C, D, delta_bias, True), expected, atol=1e-5)


def test_sequences_of_any_strides_and_more_than_one_record_of_states(
    extension, reference_scan, sequence_arguments, assert_accurate
):
    def strided(u, *others) -> Tensor:
        u = u.transpose(0, 2).contiguous().transpose(0, 2)
        return BACKEND.selective_scan(u, *others, True)

    arguments = sequence_arguments(1, 2, 2, 2100, 2, dtype=torch.float32)
    assert_accurate(strided, lambda *tensors: reference_scan(*tensors, True), arguments)
    assert extension.calls[0][1][0] == (1, 4, 2100)


@pytest.mark.parametrize("directions", [1, 4])
def test_maps(extension, reference_scan_2d, map_arguments, assert_accurate, directions):
    arguments = map_arguments(directions=directions, dtype=torch.float32)
    assert_accurate(BACKEND.selective_scan_2d, reference_scan_2d, arguments)
    assert [call[0] for call in extension.calls] == ["fwd", "bwd"], "one launch for all directions"


def test_half_precision_is_scanned_in_float32(extension, map_arguments):
    tensors = [tensor.requires_grad_() for tensor in map_arguments(dtype=torch.float16)]
    y = BACKEND.selective_scan_2d(*tensors)
    assert y.dtype == torch.float32
    assert {gradient.dtype for gradient in torch.autograd.grad(y.sum(), tensors)} == {torch.float16}


def test_empty_batch_never_reaches_the_extension(extension, map_arguments):
    tensors = [tensor.requires_grad_() for tensor in map_arguments(batch=0, dtype=torch.float32)]
    y = BACKEND.selective_scan_2d(*tensors)
    gradients = torch.autograd.grad(y.sum(), tensors)
    assert y.shape == tensors[0].shape
    assert all((gradient == 0).all() for gradient in gradients)
    assert extension.calls == []


@pytest.mark.parametrize(
    ("operator", "maker"), [("mamba_ssm_scan", "sequence_arguments"), ("mamba_ssm_scan_2d", "map_arguments")]
)
def test_operator_is_well_made(extension, request, operator, maker):
    tensors = [tensor.requires_grad_() for tensor in request.getfixturevalue(maker)(dtype=torch.float32)]
    torch.library.opcheck(getattr(torch.ops.nnunetv2_cipa, operator).default, (*tensors, None, True, True))


def test_more_states_than_the_extension_takes(extension, sequence_arguments):
    with pytest.raises(InputError, match=r"A has 257 states.*at most 256"):
        BACKEND.selective_scan(*sequence_arguments(length=2, states=257, dtype=torch.float32), True)


def test_supports_float32_on_gpus_only():
    assert BACKEND.supports(torch.device("cuda", 1), torch.float32)
    assert not BACKEND.supports(torch.device("cuda"), torch.float64)
    assert not BACKEND.supports(torch.device("cpu"), torch.float32)


class TestAvailability:
    def test_extension_and_gpu(self, extension, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        assert BACKEND.unavailable_reason() is None
        assert choose_backend(torch.device("cuda"), name="mamba_ssm") is BACKEND

    def test_extension_without_gpu(self, extension, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert "PyTorch finds no GPU" in BACKEND.unavailable_reason()

    @pytest.mark.parametrize(
        ("installed", "expected"),
        [(set(), "mamba-ssm is not installed"), ({"mamba_ssm"}, "installed without its CUDA extension")],
    )
    def test_no_extension(self, extension, monkeypatch, installed, expected):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in installed else None)
        assert expected in BACKEND.unavailable_reason()
        assert "MAMBA_KEEP_CUDA_BUILD=TRUE pip install mamba-ssm" in BACKEND.unavailable_reason()
        with pytest.raises(InputError, match=r"backend=mamba_ssm.*pip install mamba-ssm"):
            choose_backend(torch.device("cpu"), name="mamba_ssm")

    def test_extension_built_for_another_pytorch(self, extension, monkeypatch, tmp_path):
        monkeypatch.delitem(sys.modules, "selective_scan_cuda")
        (tmp_path / "selective_scan_cuda.py").write_text("raise ImportError('undefined symbol: _ZN3c10')")
        monkeypatch.syspath_prepend(tmp_path)
        assert "can't be loaded (undefined symbol: _ZN3c10)" in BACKEND.unavailable_reason()

    @pytest.mark.slow
    def test_nothing_of_mamba_ssm_is_imported_with_the_package(self):
        code = "import sys, nnunetv2_cipa.scan; assert not {'mamba_ssm', 'selective_scan_cuda'} & set(sys.modules)"
        subprocess.run([sys.executable, "-c", code], check=True)
