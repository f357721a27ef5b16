"""How a scan is cut for the Triton kernels: sections, programs, parts of a batch, and what kernels are compiled for."""

from collections.abc import Iterator
from typing import NamedTuple

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan.layouts import position_stride
from nnunetv2_cipa.scan.operators import Scan

BLOCK = 32  # channels of a program: one for each thread of a warp
INTERVAL = 64  # positions between two states that are kept
ROWS = 16  # positions whose steps the backward pass projects at once
WARPS_PER_PROCESSOR = 8  # two for each of a multiprocessor's schedulers, of what a scan's registers leave room for
PART_BYTES = 2**29  # of sums that are stored apart
LARGEST_STATE_SIZE = LARGEST_RANK = 64
SMALLEST_RANK = 8  # of a matrix product in Triton


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

    @property
    def scratch(self) -> int:
        """Numbers that a program of the backward pass puts aside: every second state, steps, and their gradients."""
        return (INTERVAL // 2 * self.N + 2 * INTERVAL) * BLOCK

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
        power_of_two(states),
        max(SMALLEST_RANK, power_of_two(rank)) if rank else 0,
        blocks,
        sections,
        section_length,
        max(1, min(batch * sections, workers)),
    )


def compiled_for(scan: Scan, sizes: Sizes) -> dict[str, int | bool]:
    """What kernels on sections are compiled for."""
    widest = max(position_stride(scan.x), sizes.channels, sizes.orders * (sizes.R + 2 * sizes.N))
    return {
        "N": sizes.N,
        "R": sizes.R,
        "BLOCK": BLOCK,
        "SOFTPLUS": scan.softplus,
        "WIDE": sizes.length * widest >= 2**31,
        "num_warps": warps_of(sizes),
    }


def parts(scan: Scan) -> Iterator[tuple[slice, Scan]]:
    """Parts of the batch, of which what is stored apart takes no more than `PART_BYTES` (but for single images)."""
    sizes = cut(scan, 1)
    numbers = sizes.orders * sizes.length * (sizes.channels + sizes.blocks * (2 * sizes.N + sizes.R))
    size = max(1, PART_BYTES // (4 * numbers))
    for start in range(0, sizes.batch, size):
        rows = slice(start, min(start + size, sizes.batch))
        delta = scan.delta[:, rows] if scan.delta_weight is None else scan.delta[rows]
        yield rows, scan._replace(x=scan.x[rows], delta=delta, B=scan.B[rows], C=scan.C[rows])


def check(scan: Scan) -> None:
    """Raise `InputError` where a scan has more states, or a higher rank, than the kernels take."""
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


def warps_of(sizes: Sizes) -> int:
    """Warps of a program: more than 16 states a channel do not fit one warp's registers in the backward pass."""
    return max(1, sizes.N // 16)


def power_of_two(number: int) -> int:
    """The smallest one that is not less."""
    return 1 << (number - 1).bit_length()
