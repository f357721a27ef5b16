"""The selective scan by mamba-ssm's CUDA extension (https://github.com/state-spaces/mamba), where it is installed."""

import functools
import importlib
import importlib.util

import torch
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan.kernel import ScanTensors, SequenceKernel
from nnunetv2_cipa.scan.sequence_backend import SequenceBackend

EXTENSION = "selective_scan_cuda"
POSITIONS_PER_STATE = 2048  # the extension keeps the states at the end of every so many positions
LARGEST_STATE_SIZE = 256
HOW_TO_GET_IT = (
    "On a machine with an NVIDIA GPU run 'pip install mamba-ssm --no-build-isolation' in this environment: it fetches "
    "a wheel for this PyTorch, CUDA and Python if there is one, else it compiles, which needs the CUDA toolkit (nvcc)."
)


class MambaSsmBackend(SequenceBackend):
    """mamba-ssm's CUDA extension, called as its own `SelectiveScanFn` does, for float32 on NVIDIA and AMD GPUs."""

    name = "mamba_ssm"

    def __init__(self) -> None:
        super().__init__(MambaSsmKernel())

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


class MambaSsmKernel(SequenceKernel):
    """The extension's `fwd` and `bwd`; `states` (B, G*D, chunks, 2*N) is its own record of states."""

    def states_shape(self, inputs: ScanTensors) -> tuple[int, ...]:
        """See `SequenceKernel`."""
        batch, groups, length, channels = inputs.u.shape
        chunks = (length + POSITIONS_PER_STATE - 1) // POSITIONS_PER_STATE
        return batch, groups * channels, chunks, 2 * inputs.A.shape[2]

    def forward(self, inputs: ScanTensors, delta_softplus: bool) -> tuple[Tensor, Tensor]:
        """See `SequenceKernel`."""
        if inputs.A.shape[2] > LARGEST_STATE_SIZE:
            raise InputError(
                f"A has {inputs.A.shape[2]} states, the selective-scan backend 'mamba_ssm' takes at most "
                f"{LARGEST_STATE_SIZE}. Choose the backend 'torch'."
            )
        if inputs.u.shape[0] == 0:  # a grid of no blocks can't be launched
            y = torch.empty_like(inputs.u, dtype=torch.float32)
            return y, y.new_empty(self.states_shape(inputs))
        u, delta, A, B, C, D, delta_bias = _as_mamba(inputs)
        y, states, *_ = importlib.import_module(EXTENSION).fwd(u, delta, A, B, C, D, None, delta_bias, delta_softplus)
        return _from_mamba(y, inputs), states

    def backward(self, grad_y: Tensor, inputs: ScanTensors, delta_softplus: bool, states: Tensor) -> ScanTensors:
        """See `SequenceKernel`."""
        if inputs.u.shape[0] == 0:
            return ScanTensors(*(torch.zeros_like(tensor, dtype=torch.float32) for tensor in inputs))
        u, delta, A, B, C, D, delta_bias = _as_mamba(inputs)
        # The Nones are z, out and dz, which belong to a gate; the last False is for recomputing the gated output.
        du, ddelta, dA, dB, dC, dD, ddelta_bias, *_ = importlib.import_module(EXTENSION).bwd(
            u, delta, A, B, C, D, None, delta_bias, _channels_first(grad_y), states, None, None, delta_softplus, False
        )
        return ScanTensors(
            _from_mamba(du, inputs),
            _from_mamba(ddelta, inputs),
            dA.view(inputs.A.shape),
            dB.transpose(2, 3),
            dC.transpose(2, 3),
            dD.view(inputs.D.shape),
            ddelta_bias.view(inputs.D.shape),
        )


def _as_mamba(inputs: ScanTensors) -> ScanTensors:
    """u, delta (B, G*D, L); A (G*D, N); B, C (B, G, N, L); D, delta_bias (G*D): contiguous float32."""
    return ScanTensors(
        _channels_first(inputs.u),
        _channels_first(inputs.delta),
        *(
            tensor.to(torch.float32).contiguous()
            for tensor in (
                inputs.A.flatten(0, 1),
                inputs.B.transpose(2, 3),
                inputs.C.transpose(2, 3),
                inputs.D.flatten(),
                inputs.delta_bias.flatten(),
            )
        ),
    )


def _channels_first(sequences: Tensor) -> Tensor:
    """(B, G, L, D) to (B, G*D, L), contiguous float32."""
    return sequences.transpose(2, 3).flatten(1, 2).to(torch.float32).contiguous()


def _from_mamba(sequences: Tensor, inputs: ScanTensors) -> Tensor:
    """(B, G*D, L) to (B, G, L, D)."""
    _, groups, _, channels = inputs.u.shape
    return sequences.unflatten(1, (groups, channels)).transpose(2, 3)


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
