"""The Triton kernels of the selective scan over maps: the sections of a scan and the carry between them.

Grids are (orders x blocks of channels x workers): a worker takes every so many of the items, which are the sections of
each image's scan. Arguments that many kernels share:

- x (B, L, D), in the caller's type, with a stride of `x_position`;
- steps (K, B, L, D): the step sizes, after softplus;
- small (B, L, K, 2 N): B and C, side by side; N is a power of two;
- rates (K, N, D): A times log2(e); skip (K, D);
- kept (B, K, intervals, N, D): the states that enter every `INTERVAL` positions of the order;
- entries, carries (B, K, sections, N, D): states that enter a section, gradients that enter it from its end.

All but x are float32 and dense. Offsets within one image are 32-bit integers unless WIDE.

A tile of states is (N, BLOCK), one axis over channels, which lie side by side in memory. Where Triton is not told that
`channels` and `x_position` are multiples of 16, a thread holds all states of its channel and a scan exchanges nothing
between threads; where it is told, as in the gradients' kernel, which adds over channels as well as over states, it
gives each thread four channels and spreads the states over four threads.

A position's numbers are loaded while the one before is computed: on a GPU a load takes as long as a hundred
instructions, and there are few warps to wait for it by turns.
"""

import triton
import triton.language as tl

# Numbers by which the machine code shall not differ: each further compilation takes a second of somebody's training.
COUNTS = ["batch", "height", "width", "blocks", "orders", "sections", "section_length", "workers"]


@triton.jit
def position_at(time, k, height, width, WIDE: tl.constexpr):
    """The position (row * width + column) that order k meets at a time: 1 and 3 go by columns, 2 and 3 backwards."""
    place = tl.where(k % 2 == 1, (time % height) * width + time // height, time)
    position = tl.where(k >= 2, height * width - 1 - place, place)
    return position.to(tl.int64) if WIDE else position


@triton.jit
def stride_of(k, height, width):
    """What leads from one position of order k to the next, within a row or a column; 0 if there is a single one."""
    along = tl.where((k % 2 == 1) & (height > 1), width, tl.where(height * width > 1, 1, 0))
    return along * tl.where(k >= 2, -1, 1)


@triton.jit
def walk(position, stride, length):
    """The position one `stride` on: past either end of the map in the next column; at the end of all in the map."""
    position += stride
    position = tl.where(position >= length, position - (length - 1), position)
    return tl.where(position < 0, position + (length - 1), position)


@triton.jit
def load_tile(values, SIZE: tl.constexpr, channels, d, inside):
    """A tile (SIZE, BLOCK) of an array (..., SIZE, D) that begins at `values`."""
    places = tl.arange(0, SIZE)[:, None] * channels + d[None, :]
    return tl.load(values + places, mask=inside[None, :], other=0.0)


@triton.jit
def store_tile(values, tile, SIZE: tl.constexpr, channels, d, inside):
    """Store a tile (SIZE, BLOCK) in an array (..., SIZE, D), from `values` on."""
    places = tl.arange(0, SIZE)[:, None] * channels + d[None, :]
    tl.store(values + places, tile, mask=inside[None, :])


@triton.jit
def load_row(values, d, inside):
    """The channels (BLOCK) of an array (..., D) at `values`, in float32."""
    return tl.load(values + d, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def load_position(steps, x, b, position, channels, x_position, b_position, d, inside):
    """What a position adds to a state: its steps and x (BLOCK), and its B (N), where `b` points to those of place 0."""
    step = load_row(steps + position * channels, d, inside)
    u = load_row(x + position * x_position, d, inside)
    return step, u, tl.load(b + position * b_position)


@triton.jit(do_not_specialize=[*COUNTS, "channels", "x_position"])
def scan_section_ends(
    x, steps, small, rates, ends, sums,
    batch, height, width, channels, blocks, orders, sections, section_length, workers, x_position,
    N: tl.constexpr, BLOCK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Scan every section from the state 0: the state at its end, and the sum of its steps (B, K, sections, D)."""
    block = tl.program_id(0) % blocks
    k = tl.program_id(0) // blocks % orders
    d = block * BLOCK + tl.arange(0, BLOCK)
    inside = d < channels
    length = height * width
    stride = stride_of(k, height, width)
    b_position = orders * 2 * N
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    for item in range(tl.program_id(0) // (blocks * orders), batch * sections, workers):
        image = (item // sections).to(tl.int64)
        first = item % sections * section_length
        own_x = x + image * length * x_position
        own_b = small + (image * length * orders + k) * (2 * N) + tl.arange(0, N)
        own_steps = steps + (k * batch + image) * length * channels
        position = position_at(first, k, height, width, WIDE)
        step, u, b = load_position(own_steps, own_x, own_b, position, channels, x_position, b_position, d, inside)
        h = tl.zeros((N, BLOCK), tl.float32)
        total = tl.zeros((BLOCK,), tl.float32)
        for _ in range(first, tl.minimum(first + section_length, length)):
            position = walk(position, stride, length)
            next_step, next_u, next_b = load_position(
                own_steps, own_x, own_b, position, channels, x_position, b_position, d, inside
            )
            h = tl.exp2(step[None, :] * rate) * h + b[:, None] * (step * u)[None, :]
            total += step
            step, u, b = next_step, next_u, next_b
        where = (image * orders + k) * sections + item % sections
        store_tile(ends + where * N * channels, h, N, channels, d, inside)
        tl.store(sums + where * channels + d, total, mask=inside)


@triton.jit(do_not_specialize=["channels", "orders", "sections"])
def carry_between_sections(
    rates, sums, ends, channels, orders, sections, N: tl.constexpr, BLOCK: tl.constexpr, REVERSE: tl.constexpr
):
    """Turn what leaves each section, starting from 0, into what enters it, in place; from the last one if REVERSE."""
    d = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = d < channels
    sequence = tl.program_id(1).to(tl.int64)  # image * orders + k
    rate = load_tile(rates + sequence % orders * N * channels, N, channels, d, inside)
    entry = tl.zeros((N, BLOCK), tl.float32)
    for index in range(0, sections):
        where = sequence * sections + ((sections - 1 - index) if REVERSE else index)
        total = load_row(sums + where * channels, d, inside)
        end = load_tile(ends + where * N * channels, N, channels, d, inside)
        store_tile(ends + where * N * channels, entry, N, channels, d, inside)
        entry = tl.exp2(total[None, :] * rate) * entry + end


@triton.jit(do_not_specialize=[*COUNTS, "channels", "x_position"])
def scan_sections(
    x, steps, small, rates, skip, entries, y, kept,
    batch, height, width, channels, blocks, orders, sections, section_length, workers, x_position,
    N: tl.constexpr, BLOCK: tl.constexpr, WIDE: tl.constexpr,
    CUT: tl.constexpr, KEEP: tl.constexpr, INTERVAL: tl.constexpr,
):  # fmt: skip
    """Scan every section from its entry state (from 0 unless CUT): y (K, B, L, D), by position, and the kept states."""
    block = tl.program_id(0) % blocks
    k = tl.program_id(0) // blocks % orders
    d = block * BLOCK + tl.arange(0, BLOCK)
    inside = d < channels
    length = height * width
    stride = stride_of(k, height, width)
    b_position = orders * 2 * N
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    direct = load_row(skip + k * channels, d, inside)
    for item in range(tl.program_id(0) // (blocks * orders), batch * sections, workers):
        image = (item // sections).to(tl.int64)
        first = item % sections * section_length
        end = tl.minimum(first + section_length, length)
        sequence = image * orders + k
        own_x = x + image * length * x_position
        own_b = small + (image * length * orders + k) * (2 * N) + tl.arange(0, N)
        own_steps = steps + (k * batch + image) * length * channels
        own_y = y + (k * batch + image) * length * channels
        position = position_at(first, k, height, width, WIDE)
        step, u, b = load_position(own_steps, own_x, own_b, position, channels, x_position, b_position, d, inside)
        c = tl.load(own_b + position * b_position + N)
        h = tl.zeros((N, BLOCK), tl.float32)
        if CUT:
            h = load_tile(entries + (sequence * sections + item % sections) * N * channels, N, channels, d, inside)
        for start in range(first, end, INTERVAL):
            if KEEP:
                interval = sequence * tl.cdiv(length, INTERVAL) + start // INTERVAL
                store_tile(kept + interval * N * channels, h, N, channels, d, inside)
            for _ in range(start, tl.minimum(start + INTERVAL, end)):
                following = walk(position, stride, length)
                next_step, next_u, next_b = load_position(
                    own_steps, own_x, own_b, following, channels, x_position, b_position, d, inside
                )
                next_c = tl.load(own_b + following * b_position + N)
                h = tl.exp2(step[None, :] * rate) * h + b[:, None] * (step * u)[None, :]
                out = tl.sum(c[:, None] * h, axis=0) + direct * u
                tl.store(own_y + position * channels + d, out, mask=inside)
                position, step, u, b, c = following, next_step, next_u, next_b, next_c
