"""The selective scan on GPUs by the kernels in `triton_kernels`, compiled by Triton, which comes with PyTorch on Linux.

A scan is cut into sections where the batch alone gives a GPU too little to do: each is scanned from the state 0, what
leaves it is carried to the next, and only then outputs are computed, from the states that truly enter. Long batches are
taken in parts, so that what directions and blocks of channels contribute to the same number can be stored apart and
added in a fixed order: no two runs differ in a bit. With `TRITON_INTERPRET=1` Triton's interpreter runs the kernels on
the processor, for tests; it takes about a millisecond a position.
"""

import functools
import importlib.util
import math
import os
import types
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.scan import triton_sizes
from nnunetv2_cipa.scan.backend import MapBackend
from nnunetv2_cipa.scan.layouts import position_stride, uniform_positions
from nnunetv2_cipa.scan.operators import Kernel, Scan

OLDEST_CAPABILITY = (7, 5)
LOG2_E = math.log2(math.e)
# Left to itself, the compiler spills rather than have less than 16 warps on a multiprocessor.
NVIDIA_OPTIONS = {"maxnreg": 255}


class Prepared(NamedTuple):
    """A scan's tensors as `triton_kernels` takes them: large ones in place, small ones in float32, dense and padded."""

    x: Tensor
    delta: Tensor
    small: Tensor
    rates: Tensor
    skip: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, scan: Scan, N: int, R: int) -> "Prepared":
        """Prepare a scan; of its large tensors only those are copied whose strides a kernel can't follow."""
        B, C = _padded(scan.B, N), _padded(scan.C, N)
        bias = scan.delta_bias.float().contiguous()
        return cls(
            uniform_positions(scan.x),
            bias if R else scan.delta.contiguous(),
            torch.cat((_padded(scan.delta, R), B, C) if R else (B, C), dim=-1),
            _padded(scan.A.float() * LOG2_E, N).transpose(1, 2).contiguous(),
            scan.D.float().contiguous(),
            bias if scan.delta_weight is None else _padded(scan.delta_weight, R).transpose(1, 2).contiguous(),
            bias,
        )


class TritonKernel(Kernel):
    """The kernels for maps of any size, up to `LARGEST_STATE_SIZE` states and `LARGEST_RANK`."""

    def kept_shape(self, scan: Scan) -> tuple[int, ...]:
        """See `Kernel`: the states (B, K, intervals, N, D) that enter every `INTERVAL` positions."""
        sizes = triton_sizes.cut(scan, 1)
        return sizes.batch, sizes.orders, sizes.intervals, sizes.N, sizes.channels

    def forward(self, scan: Scan, keep: bool) -> tuple[Tensor, Tensor | None]:
        """See `Kernel`."""
        triton_sizes.check(scan)
        y = scan.x.new_empty(scan.x.shape, dtype=torch.float32)
        kept = y.new_empty(self.kept_shape(scan) if keep else 0)
        for rows, part in triton_sizes.parts(scan):
            _forward_part(part, y[rows], kept[rows] if keep else kept, keep)
        return y, kept if keep else None

    def backward(self, grad_y: Tensor, kept: Tensor, scan: Scan) -> Sequence[Tensor]:
        """See `Kernel`."""
        per_image = {0, 3, 4} | ({1} if scan.delta_weight is not None else set())
        gradients = [torch.zeros_like(tensor, dtype=torch.float32).contiguous() for tensor in scan.tensors()]
        for rows, part in triton_sizes.parts(scan):
            for index, gradient in enumerate(_backward_part(part, grad_y[rows], kept[rows])):
                if index in per_image:
                    gradients[index][rows] = gradient
                elif index == 1:
                    gradients[index][:, rows] = gradient
                else:
                    gradients[index] += gradient
        return gradients


class TritonBackend(MapBackend):
    """Kernels in Triton: float32 states on NVIDIA and AMD GPUs, and in Triton's interpreter on the processor."""

    name = "triton"
    kernel = TritonKernel()

    def unavailable_reason(self) -> str | None:
        """None if Triton is installed and there is a GPU or its interpreter, else why not and what to do."""
        if importlib.util.find_spec("triton") is None:
            return (
                "Triton is not installed. PyTorch for CUDA or ROCm on Linux brings it; 'pip install triton-windows' on "
                "Windows. PyTorch for CPUs comes without it."
            )
        if is_interpreted():
            return None
        if torch.version.cuda is None and torch.version.hip is None:
            return "This PyTorch was built for CPUs only. Install one for your GPU: https://pytorch.org/get-started."
        if not torch.cuda.is_available():
            return (
                "Triton is installed, but PyTorch finds no GPU. It works on a machine with one, and for tests with "
                "TRITON_INTERPRET=1 in Triton's interpreter."
            )
        if torch.version.hip is None and torch.cuda.get_device_capability() < OLDEST_CAPABILITY:
            return "Triton's kernels need a GPU of compute capability 7.5 or newer. Install mamba-ssm for this one."
        return None

    def supports(self, device: torch.device, dtype: torch.dtype) -> bool:
        """Float32 on GPUs, on the processor in the interpreter."""
        return dtype == torch.float32 and (device.type == "cuda" or (device.type == "cpu" and is_interpreted()))

    def by_name_only(self, device: torch.device) -> bool:
        """The interpreter is for tests."""
        return device.type == "cpu"


def is_interpreted() -> bool:
    """Whether Triton's interpreter was asked for, as `triton` itself reads the variable."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "true", "on", "yes", "y")


def _forward_part(scan: Scan, y: Tensor, kept: Tensor, keep: bool) -> None:
    kernels, sizes = _kernels("triton_kernels"), triton_sizes.cut(scan, _processors(scan.x.device))
    x, delta, small, rates, skip, weight, bias = Prepared.of(scan, sizes.N, sizes.R)
    arguments, options = (*sizes.arguments(), position_stride(x)), _options(scan, sizes)
    entries = y
    if sizes.sections > 1:
        entries, sums = _between_sections(sizes, y)
        kernels.scan_section_ends[sizes.grid](
            x, delta, small, rates, weight, bias, entries, sums, *arguments, **options
        )  # fmt: skip
        _carry(sizes, rates, sums, entries, reverse=False)
    by_order = y if sizes.orders == 1 else y.new_empty(sizes.orders, *y.shape)
    kernels.scan_sections[sizes.grid](
        x, delta, small, rates, skip, weight, bias, entries, by_order, kept, *arguments,
        CUT=sizes.sections > 1, KEEP=keep, INTERVAL=triton_sizes.INTERVAL, **options,
    )  # fmt: skip
    if sizes.orders > 1:
        torch.sum(by_order, 0, out=y)


def _backward_part(scan: Scan, grad_y: Tensor, kept: Tensor) -> list[Tensor]:
    kernels, sizes = _kernels("triton_gradients"), triton_sizes.cut(scan, _processors(scan.x.device))
    N, R = sizes.N, sizes.R
    grad_y = grad_y.float().contiguous()
    x, delta, small, rates, skip, weight, bias = Prepared.of(scan, N, R)
    arguments, options = sizes.arguments(), _options(scan, sizes)
    carries = grad_y
    if sizes.sections > 1:
        carries, sums = _between_sections(sizes, grad_y)
        kernels.section_gradients[sizes.grid](
            grad_y, delta, small, rates, weight, bias, carries, sums, *arguments, **options
        )  # fmt: skip
        _carry(sizes, rates, sums, carries, reverse=True)
    scratch = grad_y.new_empty(
        math.prod(sizes.grid) * (triton_sizes.INTERVAL // 2 * N + 2 * triton_sizes.INTERVAL) * triton_sizes.BLOCK
    )
    by_worker = (sizes.workers, sizes.orders)
    dx = grad_y.new_empty(sizes.orders, *grad_y.shape)
    ddelta = dx if R else torch.empty_like(dx)
    dsmall = grad_y.new_empty(sizes.blocks, *small.shape)
    drates = grad_y.new_empty(*by_worker, N, sizes.channels)
    dbias = grad_y.new_empty(*by_worker, sizes.channels)
    dweight = grad_y.new_zeros(*by_worker, R, sizes.channels)
    kernels.scan_gradients[sizes.grid](
        grad_y, x, delta, small, rates, weight, bias, kept, carries, scratch,
        dx, ddelta, dsmall, drates, dweight, dbias, *arguments, position_stride(x),
        CUT=sizes.sections > 1, INTERVAL=triton_sizes.INTERVAL, ROWS=triton_sizes.ROWS, **options,
    )  # fmt: skip
    states, rank = scan.A.shape[-1], scan.delta.shape[-1]
    dlow, dB, dC = dsmall.sum(0).split((R, N, N), dim=-1)
    return [
        dx.sum(0).addcmul_(grad_y, skip.sum(0)),
        dlow[..., :rank] if R else ddelta,
        drates.sum(0).transpose(1, 2)[..., :states],  # rates are A / ln 2, and a kernel leaves out the ln 2 of exp2
        dB[..., :states],
        dC[..., :states],
        (grad_y * x).sum((0, 1, 2)).expand_as(skip),  # the same in every order
        dbias.sum(0),
        *([dweight.sum(0).transpose(1, 2)[..., :rank]] if R else []),
    ]


def _options(scan: Scan, sizes: triton_sizes.Sizes) -> dict[str, int | bool]:
    options = triton_sizes.compiled_for(scan, sizes)
    if scan.x.device.type == "cuda" and torch.version.hip is None:
        options |= NVIDIA_OPTIONS
    return options


def _between_sections(sizes: triton_sizes.Sizes, like: Tensor) -> tuple[Tensor, Tensor]:
    """Room for a state and the sum of the steps of each section."""
    shape = (sizes.batch, sizes.orders, sizes.sections)
    return like.new_empty(*shape, sizes.N, sizes.channels), like.new_empty(*shape, sizes.channels)


def _carry(sizes: triton_sizes.Sizes, rates: Tensor, sums: Tensor, states: Tensor, *, reverse: bool) -> None:
    _kernels("triton_kernels").carry_between_sections[sizes.blocks, sizes.batch * sizes.orders](
        rates, sums, states, sizes.channels, sizes.orders, sizes.sections,
        N=sizes.N, BLOCK=triton_sizes.BLOCK, REVERSE=reverse, num_warps=triton_sizes.warps_of(sizes),
    )  # fmt: skip


def _padded(tensor: Tensor, size: int) -> Tensor:
    """In float32, dense, with zeros up to `size` at the end of the last axis."""
    return F.pad(tensor.float(), (0, size - tensor.shape[-1])).contiguous()


def _kernels(module: str) -> types.ModuleType:
    """Kernels, imported where they are needed: Triton is not everywhere."""
    return importlib.import_module(f"nnunetv2_cipa.scan.{module}")


@functools.cache
def _processors(device: torch.device) -> int:
    """Multiprocessors of a GPU; a processor that interprets is one."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
