"""How a scan is cut for the Triton kernels: sections, programs, parts of a batch, and what kernels are compiled for."""

from collections.abc import Iterator
from typing import NamedTuple

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan.layouts import position_stride
from nnunetv2_cipa.scan.operators import Scan

BLOCK = 32  # channels of a program: one for each thread of a warp
INTERVAL = 64  # positions between two states that are kept
ROWS = 16  # positions whose gradients the backward pass finishes at once
PART_BYTES = 2**30  # of what is stored apart
LARGEST_STATE_SIZE = 64
FEWEST_SECTIONS = 3  # that are worth it: sections are scanned twice


class Pass(NamedTuple):
    """What a pass's kernels are given of a multiprocessor, measured on an H200 (`benchmarks/gpu_step.py`)."""

    warps: int  # at once
    registers: int  # of a thread; as many as leave room for those warps. Left to itself, the compiler takes more.


FORWARD = Pass(20, 96)
BACKWARD = Pass(12, 168)
# Programs are one warp, and a multiprocessor that has room for 1,536 threads may take no more than 16 of them.
THREADS_A_PROGRAM = 96


class Sizes(NamedTuple):
    """The sizes of a scan and how it is cut; N is the state size, rounded up to a power of two."""

    batch: int
    height: int
    width: int
    channels: int
    orders: int
    N: int
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
    def programs(self) -> int:
        """Programs of a kernel that works on sections."""
        return self.orders * self.blocks * self.workers

    @property
    def scratch(self) -> int:
        """Numbers that a program of the backward pass puts aside: every second state of an interval."""
        return INTERVAL // 2 * self.N * BLOCK

    def arguments(self) -> tuple[int, ...]:
        """As those kernels take them."""
        return (
            self.batch,
            self.height,
            self.width,
            self.channels,
            self.blocks,
            self.orders,
            self.sections,
            self.section_length,
            self.workers,
        )


def cut(scan: Scan, warps: int) -> Sizes:
    """Plan a pass for a GPU that works on so many warps at once.

    Where a batch alone gives it too few, its maps are cut into sections. All programs get equally many sections, or
    some get one less.
    """
    batch, height, width, channels = scan.x.shape
    orders, _, states = scan.A.shape
    blocks, length = -(-channels // BLOCK), height * width
    at_once = max(1, warps // (warps_of(states) * orders * blocks))  # of each order and block
    wanted = at_once // max(1, batch)
    intervals = -(-length // INTERVAL)
    section_length = -(-intervals // wanted) * INTERVAL if wanted >= FEWEST_SECTIONS else intervals * INTERVAL
    sections = -(-length // section_length)
    rounds = -(-batch * sections // at_once)
    return Sizes(
        batch,
        height,
        width,
        channels,
        orders,
        power_of_two(states),
        blocks,
        sections,
        section_length,
        -(-batch * sections // max(1, rounds)),
    )


def compiled_for(scan: Scan, sizes: Sizes) -> dict[str, int | bool]:
    """What kernels on sections are compiled for."""
    widest = max(position_stride(scan.x), sizes.channels, sizes.orders * 2 * sizes.N)
    return {
        "N": sizes.N,
        "BLOCK": BLOCK,
        "WIDE": sizes.length * widest >= 2**31,
        "num_warps": warps_of(sizes.N),
    }


def parts(scan: Scan) -> Iterator[tuple[slice, Scan]]:
    """Parts of the batch, of which what is stored apart takes no more than `PART_BYTES` (but for single images)."""
    sizes = cut(scan, 1)
    # The backward pass needs most: steps, their gradients and those of x in every order; those of B and C by block.
    numbers = sizes.orders * sizes.length * (3 * sizes.channels + sizes.blocks * 2 * sizes.N)
    size = max(1, PART_BYTES // (4 * numbers))
    for start in range(0, sizes.batch, size):
        rows = slice(start, min(start + size, sizes.batch))
        delta = scan.delta[:, rows] if scan.delta_weight is None else scan.delta[rows]
        yield rows, scan._replace(x=scan.x[rows], delta=delta, B=scan.B[rows], C=scan.C[rows])


def check(scan: Scan) -> None:
    """Raise `InputError` where a scan has more states than the kernels take."""
    states = scan.A.shape[-1]
    if states > LARGEST_STATE_SIZE:
        raise InputError(
            f"There are {states} states (A's last axis); the selective-scan backend 'triton' takes at most "
            f"{LARGEST_STATE_SIZE}. Choose the backend 'torch'."
        )


def warps_of(states: int) -> int:
    """Warps of a program: more than 16 states a channel do not fit one warp's registers in the backward pass."""
    return max(1, power_of_two(states) // 16)


def power_of_two(number: int) -> int:
    """The smallest one that is not less."""
    return 1 << (number - 1).bit_length()
