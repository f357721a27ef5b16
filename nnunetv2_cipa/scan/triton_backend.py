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
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan.backend import MapBackend
from nnunetv2_cipa.scan.layouts import uniform_positions
from nnunetv2_cipa.scan.operators import Kernel, Scan

BLOCK = 32  # channels of a program: one for each thread of a warp
INTERVAL = 64  # positions between two states that are kept
WARPS_PER_PROCESSOR = 8  # two for each of a multiprocessor's schedulers, of what a scan's registers leave room for
PART_BYTES = 2**29  # of sums that are stored apart
LARGEST_STATE_SIZE = LARGEST_RANK = 64
OLDEST_CAPABILITY = (7, 5)
LOG2_E = math.log2(math.e)


class Sizes(NamedTuple):
    """The sizes of a scan and how it is cut; N and R are the state size and rank, rounded up to powers of two."""

    batch: int
    height: int
    width: int
    channels: int
    orders: int
    N: int
    R: int  # 0 where steps are given for each channel
    blocks: int  # of channels
    sections: int
    section_length: int
    workers: int  # programs that share the sections of all images, for each order and block

    @property
    def length(self) -> int:
        """Positions of a map."""
        return self.height * self.width

    @property
    def intervals(self) -> int:
        """States that are kept of each order."""
        return -(-self.length // INTERVAL)

    @property
    def grid(self) -> tuple[int, int]:
        """Programs of a kernel that works on sections."""
        return self.orders * self.blocks, self.workers

    def arguments(self) -> tuple[int, ...]:
        """As those kernels take them."""
        return (
            self.batch,
            self.height,
            self.width,
            self.channels,
            self.blocks,
            self.sections,
            self.section_length,
        )


def cut(scan: Scan, processors: int) -> Sizes:
    """Plan a scan for a GPU of so many multiprocessors: as many sections as give each of them enough warps."""
    batch, height, width, channels = scan.x.shape
    orders, _, states = scan.A.shape
    blocks, length = -(-channels // BLOCK), height * width
    sequences = batch * orders * blocks
    wanted = -(-processors * WARPS_PER_PROCESSOR // max(1, sequences))
    section_length = max(1, -(-length // INTERVAL) // wanted) * INTERVAL
    sections = -(-length // section_length)
    workers = -(-processors * WARPS_PER_PROCESSOR // (orders * blocks))
    rank = 0 if scan.delta_weight is None else scan.delta_weight.shape[-1]
    return Sizes(
        batch,
        height,
        width,
        channels,
        orders,
        _power_of_two(states),
        _power_of_two(rank) if rank else 0,
        blocks,
        sections,
        section_length,
        max(1, min(batch * sections, workers)),
    )


class Prepared(NamedTuple):
    """A scan's tensors as the kernels take them: x in place, the small ones in float32, dense and padded."""

    x: Tensor
    delta: Tensor
    rates: Tensor
    B: Tensor
    C: Tensor
    skip: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, scan: Scan, N: int, R: int) -> "Prepared":
        """Prepare a scan; of its large tensors only those are copied whose strides a kernel can't follow."""
        weight = scan.x.new_zeros(1, dtype=torch.float32) if scan.delta_weight is None else scan.delta_weight
        return cls(
            uniform_positions(scan.x),
            _padded(scan.delta, R) if R else scan.delta.contiguous(),
            _padded(scan.A * LOG2_E, N).transpose(1, 2).contiguous(),
            _padded(scan.B, N),
            _padded(scan.C, N),
            scan.D.float().contiguous(),
            _padded(weight, R).transpose(1, 2).contiguous() if R else weight,
            scan.delta_bias.float().contiguous(),
        )


class TritonKernel(Kernel):
    """The kernels for maps of any size, up to `LARGEST_STATE_SIZE` states and `LARGEST_RANK`."""

    def kept_shape(self, scan: Scan) -> tuple[int, ...]:
        """See `Kernel`: the states (B, K, intervals, N, D) that enter every `INTERVAL` positions."""
        sizes = cut(scan, 1)
        return sizes.batch, sizes.orders, sizes.intervals, sizes.N, sizes.channels

    def forward(self, scan: Scan, keep: bool) -> tuple[Tensor, Tensor | None]:
        """See `Kernel`."""
        _check(scan)
        y = scan.x.new_empty(scan.x.shape, dtype=torch.float32)
        kept = y.new_empty(self.kept_shape(scan) if keep else 0)
        for rows, part in _parts(scan):
            _forward_part(part, y[rows], kept[rows] if keep else kept, keep)
        return y, kept if keep else None

    def backward(self, grad_y: Tensor, kept: Tensor, scan: Scan) -> Sequence[Tensor]:
        """See `Kernel`."""
        per_image = {0, 3, 4} | ({1} if scan.delta_weight is not None else set())
        gradients = [torch.zeros_like(tensor, dtype=torch.float32).contiguous() for tensor in scan.tensors()]
        for rows, part in _parts(scan):
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
    kernels, sizes = _kernels(), cut(scan, _processors(scan.x.device))
    x, delta, rates, B, C, skip, weight, bias = Prepared.of(scan, sizes.N, sizes.R)
    constants = {"N": sizes.N, "R": sizes.R, "BLOCK": BLOCK, "SOFTPLUS": scan.softplus, "num_warps": _warps(sizes)}
    entries = y
    if sizes.sections > 1:
        entries, sums = _between_sections(sizes, y)
        kernels.scan_section_ends[sizes.grid](
            x, delta, rates, B, weight, bias, entries, sums, *sizes.arguments(), x.stride(2), **constants
        )
        _carry(sizes, rates, sums, entries, reverse=False)
    by_order = y if sizes.orders == 1 else y.new_empty(sizes.orders, *y.shape)
    kernels.scan_sections[sizes.grid](
        x, delta, rates, B, C, skip, weight, bias, entries, by_order, kept, *sizes.arguments(), x.stride(2),
        CUT=sizes.sections > 1, KEEP=keep, INTERVAL=INTERVAL, **constants,
    )  # fmt: skip
    if sizes.orders > 1:
        torch.sum(by_order, 0, out=y)


def _backward_part(scan: Scan, grad_y: Tensor, kept: Tensor) -> list[Tensor]:
    kernels, sizes = _kernels(), cut(scan, _processors(scan.x.device))
    N, R = sizes.N, sizes.R
    grad_y = grad_y.float().contiguous()
    x, delta, rates, B, C, skip, weight, bias = Prepared.of(scan, N, R)
    constants = {"N": N, "R": R, "BLOCK": BLOCK, "SOFTPLUS": scan.softplus, "num_warps": _warps(sizes)}
    carries = grad_y
    if sizes.sections > 1:
        carries, sums = _between_sections(sizes, grad_y)
        kernels.section_gradients[sizes.grid](
            grad_y, delta, rates, C, weight, bias, carries, sums, *sizes.arguments(), **constants
        )
        _carry(sizes, rates, sums, carries, reverse=True)
    programs = math.prod(sizes.grid)
    scratch = grad_y.new_empty(programs * (INTERVAL // 2 * N + 2 * INTERVAL) * BLOCK)
    maps, by_block = (sizes.orders, *grad_y.shape), (sizes.blocks, *grad_y.shape[:3], sizes.orders)
    by_worker = (sizes.workers, sizes.orders)
    dx = grad_y.new_empty(maps)
    ddelta = grad_y.new_empty((*by_block, R) if R else maps)
    dB, dC = grad_y.new_empty(*by_block, N), grad_y.new_empty(*by_block, N)
    drates = grad_y.new_empty(*by_worker, N, sizes.channels)
    dskip, dbias = (grad_y.new_empty(*by_worker, sizes.channels) for _ in range(2))
    dweight = grad_y.new_empty(*by_worker, max(R, 1), sizes.channels)
    kernels.scan_gradients[sizes.grid](
        grad_y, x, delta, rates, B, C, skip, weight, bias, kept, carries, scratch,
        dx, ddelta, dB, dC, drates, dskip, dweight, dbias, *sizes.arguments(), x.stride(2),
        CUT=sizes.sections > 1, INTERVAL=INTERVAL, **constants,
    )  # fmt: skip
    states = scan.A.shape[-1]
    gradients = [
        dx.sum(0),
        ddelta.sum(0)[..., : scan.delta.shape[-1]] if R else ddelta,
        drates.sum(0).transpose(1, 2)[
            ..., :states
        ],  # d rate = dA / log2(e) and the kernel leaves out ln 2: they cancel
        dB.sum(0)[..., :states],
        dC.sum(0)[..., :states],
        dskip.sum(0),
        dbias.sum(0),
    ]
    return [*gradients, dweight.sum(0).transpose(1, 2)[..., : scan.delta.shape[-1]]] if R else gradients


def _between_sections(sizes: Sizes, like: Tensor) -> tuple[Tensor, Tensor]:
    """Room for a state and the sum of the steps of each section."""
    shape = (sizes.batch, sizes.orders, sizes.sections)
    return like.new_empty(*shape, sizes.N, sizes.channels), like.new_empty(*shape, sizes.channels)


def _carry(sizes: Sizes, rates: Tensor, sums: Tensor, states: Tensor, *, reverse: bool) -> None:
    _kernels().carry_between_sections[sizes.blocks, sizes.batch * sizes.orders](
        rates, sums, states, sizes.channels, sizes.orders, sizes.sections,
        N=sizes.N, BLOCK=BLOCK, REVERSE=reverse, num_warps=_warps(sizes),
    )  # fmt: skip


def _parts(scan: Scan) -> Iterator[tuple[slice, Scan]]:
    """Parts of the batch, of which what is stored apart takes no more than `PART_BYTES` (but for single images)."""
    sizes = cut(scan, 1)
    numbers = sizes.orders * sizes.length * (sizes.channels + sizes.blocks * (2 * sizes.N + sizes.R))
    size = max(1, PART_BYTES // (4 * numbers))
    for start in range(0, sizes.batch, size):
        rows = slice(start, min(start + size, sizes.batch))
        delta = scan.delta[:, rows] if scan.delta_weight is None else scan.delta[rows]
        yield rows, scan._replace(x=scan.x[rows], delta=delta, B=scan.B[rows], C=scan.C[rows])


def _padded(tensor: Tensor, size: int) -> Tensor:
    """In float32, dense, with zeros up to `size` at the end of the last axis."""
    return F.pad(tensor.float(), (0, size - tensor.shape[-1])).contiguous()


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _warps(sizes: Sizes) -> int:
    """Warps of a program: more than 16 states a channel do not fit one warp's registers in the backward pass."""
    return max(1, sizes.N // 16)


def _check(scan: Scan) -> None:
    for name, size, largest in (
        ("states (A's last axis)", scan.A.shape[-1], LARGEST_STATE_SIZE),
        (
            "columns (delta_weight's last axis)",
            scan.delta.shape[-1] if scan.delta_weight is not None else 0,
            LARGEST_RANK,
        ),
    ):
        if size > largest:
            raise InputError(
                f"There are {size} {name}; the selective-scan backend 'triton' takes at most {largest}. "
                "Choose the backend 'torch'."
            )


def _kernels() -> types.ModuleType:
    """The kernels, imported where they are needed: Triton is not everywhere."""
    return importlib.import_module("nnunetv2_cipa.scan.triton_kernels")


@functools.cache
def _processors(device: torch.device) -> int:
    """Multiprocessors of a GPU; a processor that interprets is one."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
