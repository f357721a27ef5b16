"""The compiled kernels' library, called through its C interface.

It knows nothing of torch: it is given addresses and sizes, so that one build works with every version.
"""

import ctypes
import functools
import importlib.util
from collections.abc import Sequence

from torch import Tensor

LIBRARY = "nnunetv2_cipa.native._kernels"
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
    library.native_instruction_set.restype = ctypes.c_char_p
    return library


def loaded() -> ctypes.CDLL:
    """The library.

    Raises:
        RuntimeError: there is none; the message says why.
    """
    library = load()
    if isinstance(library, str):
        raise RuntimeError(library)
    return library


def instruction_set() -> str:
    """The instruction set whose kernels this processor runs: `avx512`, `avx2` or `baseline`."""
    return loaded().native_instruction_set().decode()


def sizes(*values: int) -> ctypes.Array[ctypes.c_int64]:
    """Integers as the C functions take them."""
    return (ctypes.c_int64 * len(values))(*values)


def floating(value: float) -> ctypes.c_float:
    """A number as the C functions take it."""
    return ctypes.c_float(value)


def addresses(tensors: Sequence[Tensor | None]) -> ctypes.Array[ctypes.c_void_p]:
    """The addresses of tensors, which the caller keeps alive."""
    return (ctypes.c_void_p * len(tensors))(*(address(tensor) for tensor in tensors))


def address(tensor: Tensor | None) -> ctypes.c_void_p:
    """The address of a tensor's first element, or null."""
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def check(status: int) -> None:
    """Raise MemoryError for the status of a function that ran out of memory."""
    if status:
        raise MemoryError("A compiled kernel ran out of memory for its intermediate sums.")
