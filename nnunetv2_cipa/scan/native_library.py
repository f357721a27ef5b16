"""The compiled kernel in `native/`, called through its C interface.

It knows nothing of torch: it is given addresses and strides, so that one build works with every version.
"""

import ctypes
import functools
import importlib.util
import math

import torch
from torch import Tensor

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


def forward(
    x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, delta_bias: Tensor, softplus: bool
) -> Tensor:
    """Scan maps and sum the K orders by position, in float32.

    Args:
        x: (B, H, W, D), of any strides and dtype, like the others.
        delta: (K, B, H, W, D).
        A: (K, D, N).
        B: (B, H, W, K, N).
        C: (B, H, W, K, N).
        D: (K, D).
        delta_bias: (K, D).
        softplus: whether dt is softplus(delta + delta_bias) or delta + delta_bias.

    Returns:
        y (B, H, W, D), contiguous.
    """
    inputs = _Inputs(x, delta, A, B, C, D, delta_bias, softplus)
    y = torch.empty(x.shape, dtype=torch.float32)
    if y.numel():
        _check(_library().scan_forward(inputs.sizes, inputs.addresses, ctypes.c_void_p(y.data_ptr())))
    return y


def backward(
    grad_y: Tensor,
    x: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    delta_bias: Tensor,
    softplus: bool,
) -> list[Tensor]:
    """The gradients of `forward`'s seven tensors, float32 and contiguous, for the gradient of its y (B, H, W, D)."""
    tensors = (x, delta, A, B, C, D, delta_bias)
    if not x.numel():
        return [torch.zeros(tensor.shape, dtype=torch.float32) for tensor in tensors]
    inputs = _Inputs(*tensors, softplus)
    grad_y = grad_y.float().contiguous()
    gradients = [torch.empty(tensor.shape, dtype=torch.float32) for tensor in tensors]
    _check(
        _library().scan_backward(
            inputs.sizes, inputs.addresses, ctypes.c_void_p(grad_y.data_ptr()), _addresses(gradients)
        )
    )
    return gradients


class _Inputs:
    """The arguments of the C functions; keeps the tensors alive that they point to."""

    def __init__(
        self,
        x: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        delta_bias: Tensor,
        softplus: bool,
    ) -> None:
        x, B, C = (_by_position(tensor.float()) for tensor in (x, B, C))
        delta, A, D, delta_bias = (tensor.float().contiguous() for tensor in (delta, A, D, delta_bias))
        batch, height, width, channels = x.shape
        directions, _, states = A.shape
        self.tensors = (x, delta, A, B, C, D, delta_bias)
        self.addresses = _addresses(self.tensors)
        self.sizes = (ctypes.c_int64 * 13)(
            batch,
            height,
            width,
            channels,
            states,
            directions,
            _position_stride(x),
            _position_stride(B),
            B.stride(3),
            _position_stride(C),
            C.stride(3),
            softplus,
            torch.get_num_threads(),
        )


def _by_position(tensor: Tensor) -> Tensor:
    """The tensor (B, H, W, ...) if one stride leads from each position to the next and its last axis is dense."""
    uniform = math.prod(tensor.shape[:3]) <= 1 or all(
        tensor.shape[axis] == 1 or tensor.stride(axis) == math.prod(tensor.shape[axis + 1 : 3]) * stride
        for stride in (_position_stride(tensor),)
        for axis in range(3)
    )
    dense = tensor.shape[-1] <= 1 or tensor.stride(-1) == 1
    return tensor if uniform and dense else tensor.contiguous()


def _position_stride(tensor: Tensor) -> int:
    """The stride from one position of (B, H, W, ...) to the next: that of the innermost axis with several."""
    return next((tensor.stride(axis) for axis in (2, 1, 0) if tensor.shape[axis] != 1), 0)


def _addresses(tensors: tuple[Tensor, ...] | list[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * 7)(*(tensor.data_ptr() for tensor in tensors))


def _library() -> ctypes.CDLL:
    library = load()
    if isinstance(library, str):
        raise RuntimeError(library)
    return library


def _check(status: int) -> None:
    if status:
        raise MemoryError("The selective scan ran out of memory for its intermediate sums.")
