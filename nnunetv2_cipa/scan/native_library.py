"""The compiled kernel in `native/`, called through its C interface.

It knows nothing of torch: it is given addresses and strides, so that one build works with every version.
"""

import ctypes
import functools
import importlib.util
from collections.abc import Sequence

import torch
from torch import Tensor

from nnunetv2_cipa.scan.layouts import position_stride, uniform_positions
from nnunetv2_cipa.scan.operators import Scan

LIBRARY = "nnunetv2_cipa.scan._native"
REINSTALL = (
    "Install a C++17 compiler (GCC or Clang), then install nnunetv2_cipa again where it came from with "
    "`pip install --force-reinstall --no-deps --no-cache-dir` to compile it."
)


@functools.cache
def load() -> ctypes.CDLL | str:
    """The library, or why there is none and what to do, in a sentence or two."""
    spec = importlib.util.find_spec(LIBRARY)
    if spec is None or spec.origin is None:
        return f"The CPU kernel was not compiled when nnunetv2_cipa was installed. {REINSTALL}"
    try:
        library = ctypes.CDLL(spec.origin)
    except OSError as error:
        return f"The CPU kernel can't be loaded ({error}). {REINSTALL}"
    library.scan_instruction_set.restype = ctypes.c_char_p
    return library


def instruction_set() -> str:
    """The instruction set whose kernels this processor runs: `avx512`, `avx2` or `baseline`."""
    return _library().scan_instruction_set().decode()


def forward(scan: Scan, keep: bool) -> tuple[Tensor, Tensor | None]:
    """Scan maps in float32: y (B, H, W, D), contiguous, and with `keep` some states for `backward`."""
    inputs = _Inputs(scan)
    y = torch.empty(scan.x.shape, dtype=torch.float32)
    kept = torch.empty(kept_shape(scan.x, scan.A), dtype=torch.float32) if keep else None
    if y.numel():
        _check(_library().scan_forward(inputs.sizes, inputs.addresses, _address(y), _address(kept)))
    return y, kept


def kept_shape(x: Tensor, A: Tensor) -> tuple[int, ...]:
    """Shape of the states that `forward` keeps: (K, B, channels / block, positions / chunk, N, block), rounded up."""
    block, chunk = _library().scan_block(), _library().scan_chunk()
    batch, height, width, channels = x.shape
    directions, _, states = A.shape
    return directions, batch, -(-channels // block), -(-(height * width) // chunk), states, block


def backward(grad_y: Tensor, kept: Tensor, scan: Scan) -> list[Tensor]:
    """The gradients of a scan's tensors, float32 and contiguous, from that of its y (B, H, W, D) and what it kept."""
    inputs = _Inputs(scan)
    grad_y = grad_y.float().contiguous()
    make = torch.empty if scan.x.numel() else torch.zeros
    gradients = [make(tensor.shape, dtype=torch.float32) for tensor in scan.tensors()]
    if scan.x.numel():
        addresses = (_address(kept), _address(grad_y), _addresses(gradients))
        _check(_library().scan_backward(inputs.sizes, inputs.addresses, *addresses))
    return gradients


class _Inputs:
    """The arguments of the C functions; keeps the tensors alive that they point to."""

    def __init__(self, scan: Scan) -> None:
        x, delta, A, B, C, D, delta_bias, delta_weight, softplus = scan
        x, B, C = (uniform_positions(tensor.float()) for tensor in (x, B, C))
        A, D, delta_bias = (tensor.float().contiguous() for tensor in (A, D, delta_bias))
        batch, height, width, channels = x.shape
        directions, _, states = A.shape
        if delta_weight is None:
            delta, rank = delta.float().contiguous(), 0
            delta_position, delta_direction = channels, x.numel()
        else:
            delta, delta_weight = uniform_positions(delta.float()), delta_weight.float().contiguous()
            rank = delta_weight.shape[-1]
            delta_position, delta_direction = position_stride(delta), delta.stride(3)
        self.tensors = (x, delta, A, B, C, D, delta_bias, delta_weight)
        self.addresses = _addresses(self.tensors)
        self.sizes = (ctypes.c_int64 * 16)(
            batch,
            height,
            width,
            channels,
            states,
            directions,
            rank,
            position_stride(x),
            delta_position,
            delta_direction,
            position_stride(B),
            B.stride(3),
            position_stride(C),
            C.stride(3),
            softplus,
            torch.get_num_threads(),
        )


def _addresses(tensors: Sequence[Tensor | None]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(tensors))(*(_address(tensor) for tensor in tensors))


def _address(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def _library() -> ctypes.CDLL:
    library = load()
    if isinstance(library, str):
        raise RuntimeError(library)
    return library


def _check(status: int) -> None:
    if status:
        raise MemoryError("The selective scan ran out of memory for its intermediate sums.")
