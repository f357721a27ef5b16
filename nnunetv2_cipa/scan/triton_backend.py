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


class Prepared(NamedTuple):
    """A scan's tensors as `triton_kernels` takes them: x in place, the others in float32, dense and padded."""

    x: Tensor
    low: Tensor | None  # what steps are projected from, if they are: the low-rank steps and a column of ones
    steps: Tensor
    small: Tensor
    rates: Tensor
    skip: Tensor

    @classmethod
    def of(cls, scan: Scan, N: int) -> "Prepared":
        """Prepare a scan; x is copied only if a kernel can't follow its strides."""
        low = None if scan.delta_weight is None else with_ones(scan.delta)
        return cls(
            uniform_positions(scan.x),
            low,
            steps(scan, low),
            torch.cat((_padded(scan.B, N), _padded(scan.C, N)), dim=-1),
            _padded(scan.A.float() * LOG2_E, N).transpose(1, 2).contiguous(),
            scan.D.float().contiguous(),
        )


def with_ones(delta: Tensor) -> Tensor:
    """Low-rank steps and a column of ones, by which the bias is multiplied: (K, B, L, R + 1), float32."""
    return F.pad(delta.float(), (0, 1), value=1.0).flatten(1, 2).permute(2, 0, 1, 3).contiguous()


def steps(scan: Scan, low: Tensor | None) -> Tensor:
    """The step sizes (K, B, L, D) of a scan in float32: projected from `low`, with their bias, and after softplus."""
    orders, channels = scan.delta_bias.shape
    bias = scan.delta_bias.float()
    if scan.delta_weight is None or low is None:
        z = scan.delta.float().flatten(1, 3).contiguous() + bias[:, None]
    else:
        weight = torch.cat((scan.delta_weight.float(), bias[..., None]), dim=-1)
        z = torch.bmm(low.flatten(1, 2), weight.transpose(1, 2))
    if scan.softplus:
        torch.ops.aten.softplus.out(z, out=z)
    return z.view(orders, len(scan.x), -1, channels)


class TritonKernel(Kernel):
    """The kernels for maps of any size, up to `LARGEST_STATE_SIZE` states."""

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
    kernels, sizes = _kernels("triton_kernels"), triton_sizes.cut(scan, _warps(scan.x.device, triton_sizes.FORWARD))
    x, _, steps, small, rates, skip = Prepared.of(scan, sizes.N)
    arguments, options = (*sizes.arguments(), position_stride(x)), _options(scan, sizes, triton_sizes.FORWARD)
    entries = y
    if sizes.sections > 1:
        entries, sums = _between_sections(sizes, y)
        kernels.scan_section_ends[(sizes.programs,)](x, steps, small, rates, entries, sums, *arguments, **options)
        _carry(sizes, rates, sums, entries, reverse=False)
    by_order = y if sizes.orders == 1 else y.new_empty(sizes.orders, *y.shape)
    kernels.scan_sections[(sizes.programs,)](
        x, steps, small, rates, skip, entries, by_order, kept, *arguments,
        CUT=sizes.sections > 1, KEEP=keep, INTERVAL=triton_sizes.INTERVAL, **options,
    )  # fmt: skip
    if sizes.orders > 1:
        torch.sum(by_order, 0, out=y)


def _backward_part(scan: Scan, grad_y: Tensor, kept: Tensor) -> list[Tensor]:
    kernels, sizes = _kernels("triton_gradients"), triton_sizes.cut(scan, _warps(scan.x.device, triton_sizes.BACKWARD))
    N, states = sizes.N, scan.A.shape[-1]
    grad_y = grad_y.float().contiguous()
    x, low, steps, small, rates, skip = Prepared.of(scan, N)
    arguments, options = sizes.arguments(), _options(scan, sizes, triton_sizes.BACKWARD)
    carries = grad_y
    if sizes.sections > 1:
        carries, sums = _between_sections(sizes, grad_y)
        kernels.section_gradients[(sizes.programs,)](
            grad_y, steps, small, rates, carries, sums, *arguments, **options
        )  # fmt: skip
        _carry(sizes, rates, sums, carries, reverse=True)
    dx = grad_y.new_empty(sizes.orders, *grad_y.shape)
    ddelta = torch.empty_like(steps)
    dsmall = grad_y.new_empty(sizes.blocks, *small.shape)
    drates = grad_y.new_empty(sizes.workers, sizes.orders, N, sizes.channels)
    kernels.scan_gradients[(sizes.programs,)](
        grad_y, x, steps, small, rates, kept, carries, grad_y.new_empty(sizes.programs * sizes.scratch),
        dx, ddelta, dsmall, drates, *arguments, position_stride(x),
        SOFTPLUS=scan.softplus, CUT=sizes.sections > 1, INTERVAL=triton_sizes.INTERVAL, ROWS=triton_sizes.ROWS,
        **options,
    )  # fmt: skip
    dB, dC = dsmall.sum(0).split((N, N), dim=-1)
    of_delta, of_bias, *of_weight = _projection_gradients(scan, low, ddelta)
    return [
        dx.sum(0).addcmul_(grad_y, skip.sum(0)),
        of_delta,
        drates.sum(0).transpose(1, 2)[..., :states],  # rates are A / ln 2, and a kernel leaves out the ln 2 of exp2
        dB[..., :states],
        dC[..., :states],
        (grad_y * x).sum((0, 1, 2)).expand_as(skip),  # the same in every order
        of_bias,
        *of_weight,
    ]


def _projection_gradients(scan: Scan, low: Tensor | None, ddelta: Tensor) -> list[Tensor]:
    """Those of delta, its bias and, if there is one, its weight from those of the projected steps (K, B, L, D)."""
    if scan.delta_weight is None or low is None:
        return [ddelta.view(scan.delta.shape), ddelta.sum((1, 2))]
    of_low = torch.bmm(ddelta.flatten(1, 2), scan.delta_weight.float())
    by_image = torch.bmm(ddelta.flatten(0, 1).transpose(1, 2), low.flatten(0, 1))
    of_weight = by_image.unflatten(0, ddelta.shape[:2]).sum(1)
    return [
        of_low.view(len(ddelta), *scan.x.shape[:3], -1).permute(1, 2, 3, 0, 4),
        of_weight[..., -1],
        of_weight[..., :-1],
    ]


def _options(scan: Scan, sizes: triton_sizes.Sizes, of: triton_sizes.Pass) -> dict[str, int | bool]:
    options = triton_sizes.compiled_for(scan, sizes)
    if scan.x.device.type == "cuda" and torch.version.hip is None:
        options |= {"maxnreg": of.registers}
    return options


def _between_sections(sizes: triton_sizes.Sizes, like: Tensor) -> tuple[Tensor, Tensor]:
    """Room for a state and the sum of the steps of each section."""
    shape = (sizes.batch, sizes.orders, sizes.sections)
    return like.new_empty(*shape, sizes.N, sizes.channels), like.new_empty(*shape, sizes.channels)


def _carry(sizes: triton_sizes.Sizes, rates: Tensor, sums: Tensor, states: Tensor, *, reverse: bool) -> None:
    _kernels("triton_kernels").carry_between_sections[sizes.blocks, sizes.batch * sizes.orders](
        rates, sums, states, sizes.channels, sizes.orders, sizes.sections,
        N=sizes.N, BLOCK=triton_sizes.BLOCK, REVERSE=reverse, num_warps=triton_sizes.warps_of(sizes.N),
    )  # fmt: skip


def _padded(tensor: Tensor, size: int) -> Tensor:
    """In float32, dense, with zeros up to `size` at the end of the last axis."""
    return F.pad(tensor.float(), (0, size - tensor.shape[-1])).contiguous()


def _kernels(module: str) -> types.ModuleType:
    """Kernels, imported where they are needed: Triton is not everywhere."""
    return importlib.import_module(f"nnunetv2_cipa.scan.{module}")


@functools.cache
def _warps(device: torch.device, of: triton_sizes.Pass) -> int:
    """Warps of a pass's kernels that a device works on at once; a processor that interprets takes those of one."""
    if device.type != "cuda":
        return of.warps
    properties = torch.cuda.get_device_properties(device)
    return properties.multi_processor_count * min(
        of.warps, properties.max_threads_per_multi_processor // triton_sizes.THREADS_A_PROGRAM
    )
