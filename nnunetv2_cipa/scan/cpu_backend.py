"""The selective scan on the processor, by the compiled kernel."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nnunetv2_cipa.native import library
from nnunetv2_cipa.scan.backend import MapBackend
from nnunetv2_cipa.scan.layouts import position_stride, uniform_positions
from nnunetv2_cipa.scan.operators import Kernel, Scan


class NativeKernel(Kernel):
    """The library's C interface; a low-rank delta is multiplied out within it, a few positions at a time."""

    def kept_shape(self, scan: Scan) -> tuple[int, ...]:
        """Shape of the states that `forward` keeps: (K, B, channels / block, chunks - 1, N, block), rounded up."""
        block, chunk = library.loaded().scan_block(), library.loaded().scan_chunk()
        batch, height, width, channels = scan.x.shape
        directions, _, states = scan.A.shape
        return directions, batch, -(-channels // block), max(-(-(height * width) // chunk) - 1, 0), states, block

    def forward(self, scan: Scan, keep: bool) -> tuple[Tensor, Tensor | None]:
        """Scan maps in float32: y (B, H, W, D), contiguous, and with `keep` some states for `backward`."""
        inputs = _Inputs(scan)
        y = torch.empty(scan.x.shape, dtype=torch.float32)
        kept = torch.empty(self.kept_shape(scan), dtype=torch.float32) if keep else None
        if y.numel():
            library.check(
                library.loaded().scan_forward(inputs.sizes, inputs.addresses, library.address(y), library.address(kept))
            )
        return y, kept

    def backward(self, grad_y: Tensor, kept: Tensor, scan: Scan) -> Sequence[Tensor]:
        """Gradients of a scan's tensors, float32 and contiguous, from that of its y (B, H, W, D) and what it kept."""
        inputs = _Inputs(scan)
        grad_y = grad_y.float().contiguous()
        make = torch.empty if scan.x.numel() else torch.zeros
        gradients = [make(tensor.shape, dtype=torch.float32) for tensor in scan.tensors()]
        if scan.x.numel():
            outputs = (library.address(kept), library.address(grad_y), library.addresses(gradients))
            library.check(library.loaded().scan_backward(inputs.sizes, inputs.addresses, *outputs))
        return gradients


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
        self.addresses = library.addresses(self.tensors)
        self.sizes = library.sizes(
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
