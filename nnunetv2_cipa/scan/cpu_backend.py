"""The selective scan on the processor, by the compiled kernel."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nnunetv2_cipa.native import library
from nnunetv2_cipa.scan import native_scan
from nnunetv2_cipa.scan.backend import MapBackend
from nnunetv2_cipa.scan.operators import Kernel, Scan


class NativeKernel(Kernel):
    """The library; a low-rank delta is multiplied out within it, a few positions at a time."""

    def kept_shape(self, scan: Scan) -> tuple[int, ...]:
        """See `Kernel`."""
        return native_scan.kept_shape(scan.x, scan.A)

    def forward(self, scan: Scan, keep: bool) -> tuple[Tensor, Tensor | None]:
        """See `Kernel`."""
        return native_scan.forward(scan, keep)

    def backward(self, grad_y: Tensor, kept: Tensor, scan: Scan) -> Sequence[Tensor]:
        """See `Kernel`."""
        return native_scan.backward(grad_y, kept, scan)


class CpuBackend(MapBackend):
    """The compiled kernel: float32 on the processor, on as many threads as torch uses, with the same result for any."""

    name = "cpu"
    kernel = NativeKernel()

    def unavailable_reason(self) -> str | None:
        """None if the kernel was compiled, else why not and what to do."""
        kernels = library.load()
        return kernels if isinstance(kernels, str) else None

    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Float32 on the processor."""
        return device.type == "cpu" and dtype == torch.float32
