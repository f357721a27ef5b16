"""The selective scan by mamba-ssm's CUDA extension (https://github.com/state-spaces/mamba), where it is installed."""

import functools
import importlib
import importlib.util

import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan.layouts import ScanSizes, ScanTensors
from nnunetv2_cipa.scan.sequence_backend import SequenceBackend, SequenceKernel

EXTENSION = "selective_scan_cuda"
POSITIONS_PER_STATE = 2048  # the extension keeps the states at the end of every so many positions
LARGEST_STATE_SIZE = 256
BLOCK = 2**25  # numbers of u in one launch: enough to fill a GPU, 128 MiB
HOW_TO_GET_IT = (
    "On a machine with an NVIDIA GPU run 'MAMBA_KEEP_CUDA_BUILD=TRUE pip install mamba-ssm --no-build-isolation' in "
    "this environment: it fetches a wheel for this PyTorch, CUDA and Python if there is one, else it compiles, which "
    "needs the CUDA toolkit (nvcc). Without that variable, newer versions of mamba-ssm leave the extension out."
)


class MambaSsmKernel(SequenceKernel):
    """The extension's `fwd` and `bwd`; `states` (B, G*D, chunks, 2*N) is its own record of states."""

    def batch_block(self, sizes: ScanSizes, device: torch.device) -> int:
        """See `SequenceKernel`."""
        return max(1, BLOCK // (sizes.groups * sizes.channels * sizes.length))

    def states_shape(self, sizes: ScanSizes, device: torch.device) -> tuple[int, ...]:
        """See `SequenceKernel`."""
        chunks = (sizes.length + POSITIONS_PER_STATE - 1) // POSITIONS_PER_STATE
        return sizes.batch, sizes.groups * sizes.channels, chunks, 2 * sizes.states

    def forward(self, inputs: ScanTensors, delta_softplus: bool) -> tuple[Tensor, Tensor]:
        """See `SequenceKernel`."""
        if inputs.A.shape[2] > LARGEST_STATE_SIZE:
            raise InputError(
                f"A has {inputs.A.shape[2]} states, the selective-scan backend 'mamba_ssm' takes at most "
                f"{LARGEST_STATE_SIZE}. Choose the backend 'torch'."
            )
        u, delta, A, B, C, D, delta_bias = _as_mamba(inputs)
        y, states, *_ = importlib.import_module(EXTENSION).fwd(u, delta, A, B, C, D, None, delta_bias, delta_softplus)
        return _from_mamba(y, inputs.A), states

    def backward(self, grad_y: Tensor, inputs: ScanTensors, delta_softplus: bool, states: Tensor) -> ScanTensors:
        """See `SequenceKernel`."""
        u, delta, A, B, C, D, delta_bias = _as_mamba(inputs)
        # The Nones are z, out and dz, which belong to a gate; the last False is for recomputing the gated output.
        du, ddelta, dA, dB, dC, dD, ddelta_bias, *_ = importlib.import_module(EXTENSION).bwd(
            u, delta, A, B, C, D, None, delta_bias, _channels_first(grad_y), states, None, None, delta_softplus, False
        )
        return ScanTensors(
            _from_mamba(du, inputs.A),
            _from_mamba(ddelta, inputs.A),
            dA.view(inputs.A.shape),
            dB.permute(3, 0, 1, 2),
            dC.permute(3, 0, 1, 2),
            dD.view(inputs.D.shape),
            ddelta_bias.view(inputs.D.shape),
        )


class MambaSsmBackend(SequenceBackend):
    """mamba-ssm's CUDA extension, called as its own `SelectiveScanFn` does, for float32 on NVIDIA and AMD GPUs."""

    name = "mamba_ssm"
    kernel = MambaSsmKernel()

    def unavailable_reason(self) -> str | None:
        """None if the extension can be loaded and PyTorch finds a GPU, else why not and what to do."""
        if reason := _reason_without_extension():
            return reason
        if not torch.cuda.is_available():
            return "mamba-ssm's CUDA extension is installed, but PyTorch finds no GPU. It works on a machine with one."
        return None

    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Float32 on GPUs; PyTorch calls AMD's cuda as well."""
        return device.type == "cuda" and dtype == torch.float32


def _as_mamba(inputs: ScanTensors) -> ScanTensors:
    """u, delta (B, G*D, L); A (G*D, N); B, C (B, G, N, L); D, delta_bias (G*D): contiguous float32."""
    return ScanTensors(
        _channels_first(inputs.u),
        _channels_first(inputs.delta),
        *(
            tensor.to(torch.float32).contiguous()
            for tensor in (
                inputs.A.flatten(0, 1),
                inputs.B.permute(1, 2, 3, 0),
                inputs.C.permute(1, 2, 3, 0),
                inputs.D.flatten(),
                inputs.delta_bias.flatten(),
            )
        ),
    )


def _channels_first(sequences: Tensor) -> Tensor:
    """(L, B, G, D) to (B, G*D, L), contiguous float32."""
    return sequences.permute(1, 2, 3, 0).flatten(1, 2).to(torch.float32).contiguous()


def _from_mamba(sequences: Tensor, A: Tensor) -> Tensor:
    """(B, G*D, L) to (L, B, G, D), G and D as those of A."""
    return sequences.unflatten(1, A.shape[:2]).permute(3, 0, 1, 2)


@functools.cache
def _reason_without_extension() -> str | None:
    """None if the extension can be imported, else why not and what to do."""
    if importlib.util.find_spec(EXTENSION) is None:
        if importlib.util.find_spec("mamba_ssm") is None:
            return f"mamba-ssm is not installed. {HOW_TO_GET_IT}"
        return f"mamba-ssm is installed without its CUDA extension, {EXTENSION}. Uninstall mamba-ssm. {HOW_TO_GET_IT}"
    try:
        importlib.import_module(EXTENSION)
    except ImportError as error:
        return (
            f"mamba-ssm's CUDA extension can't be loaded ({error}), most often because it was built for another "
            f"PyTorch. Uninstall mamba-ssm. {HOW_TO_GET_IT}"
        )
    return None
