"""The Triton kernels of the selective scan over maps: the sections of a scan and the carry between them.

Grids are (orders x blocks of channels, workers): a worker takes every so many of the items, which are the sections of
each image's scan. Arguments that many kernels share:

- x (B, L, D), in the caller's type, with a stride of `x_position`;
- small (B, L, K, R + 2 N): low-rank steps, B and C, side by side; R and N are powers of two;
- delta (K, B, L, D), in the caller's type, where R is 0, else not used;
- rates (K, N, D): A times log2(e); weight (K, R, D); skip, bias (K, D);
- kept (B, K, intervals, N, D): the states that enter every `INTERVAL` positions of the order;
- entries, carries (B, K, sections, N, D): states that enter a section, gradients that enter it from its end.

All but x and delta are float32 and dense. Offsets within one image are 32-bit integers unless WIDE.

A tile of states is (N, BLOCK), one axis over channels, which lie side by side in memory. Where Triton is not told that
`channels` and `x_position` are multiples of 16, a thread holds all states of its channel and a scan exchanges nothing
between threads; where it is told, as in the gradients' kernel, which adds over channels as well as over states, it
gives each thread four channels and spreads the states over four threads.
"""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def softplus(z):
    """log(1 + exp(z)), exact also where that is tiny: 2 atanh(e / (2 + e)) with e = exp(-|z|), + z if z > 0.

    atanh(s) / s is a polynomial of s^2, fitted for s up to 1 / 3, where it is 2e-8 off.
    """
    e = tl.exp2(-tl.abs(z) * LOG2_E)
    root = tl.rsqrt(2.0 + e)  # cheaper than a division
    s = e * root * root
    q = s * s
    series = 1.0 + q * (0.333333202 + q * (0.200037803 + q * (0.141183099 + q * 0.13425749)))
    return tl.maximum(z, 0.0) + 2.0 * s * series


@triton.jit
def softplus_slope(step):
    """The derivative of softplus where its value is `step`: 1 - exp(-step), exact also where that is tiny."""
    series = step * (1.0 - step * (1 / 2 - step * (1 / 6 - step * (1 / 24))))
    return tl.where(step < 0.03, series, 1.0 - tl.exp2(-step * LOG2_E))


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
def load_step(small, delta, d, inside, weight, bias, R: tl.constexpr, SOFTPLUS: tl.constexpr):
    """The step sizes (BLOCK) at one position, whose numbers begin at `small` or `delta`."""
    if R:
        z = bias + tl.sum(weight * tl.load(small + tl.arange(0, R))[:, None], axis=0)
    else:
        z = bias + load_row(delta, d, inside)
    return softplus(z) if SOFTPLUS else z


@triton.jit
def matrix(ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Offsets (ROWS, COLUMNS) in a dense matrix."""
    return tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]


@triton.jit
def load_part(small, positions, valid, stride, columns, R: tl.constexpr):
    """Some columns of the low-rank steps (ROWS, R) at positions `stride` apart; 0 past the last."""
    places = positions[:, None] * stride + columns[None, :]
    return tl.load(small + places, mask=valid[:, None] & (columns < R)[None, :], other=0.0)


@triton.jit
def load_projection(values, columns, channels, d, inside, R: tl.constexpr):
    """The same of an array (R, D) that projects such steps, as (columns, BLOCK)."""
    places = columns[:, None] * channels + d[None, :]
    return tl.load(values + places, mask=inside[None, :] & (columns < R)[:, None], other=0.0)


@triton.jit(do_not_specialize=["channels", "x_position"])
def scan_section_ends(
    x, delta, small, rates, weight, bias, ends, sums,
    batch, height, width, channels, blocks, sections, section_length, x_position,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Scan every section from the state 0: the state at its end, and the sum of its steps (B, K, sections, D)."""
    k = tl.program_id(0) // blocks
    d = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = d < channels
    length = height * width
    orders = tl.num_programs(0) // blocks
    stride = stride_of(k, height, width)
    size: tl.constexpr = R + 2 * N
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    projection = load_tile(weight + k * R * channels, R, channels, d, inside) if R else 0.0
    offset = load_row(bias + k * channels, d, inside)
    for item in range(tl.program_id(1), batch * sections, tl.num_programs(1)):
        image = (item // sections).to(tl.int64)
        first = item % sections * section_length
        own_x = x + image * length * x_position
        own_small = small + (image * length * orders + k) * size
        own_delta = delta + (k * batch + image) * length * channels
        position = position_at(first, k, height, width, WIDE)
        h = tl.zeros((N, BLOCK), tl.float32)
        total = tl.zeros((BLOCK,), tl.float32)
        for _ in range(first, tl.minimum(first + section_length, length)):
            here = own_small + position * (orders * size)
            step = load_step(here, own_delta + position * channels, d, inside, projection, offset, R, SOFTPLUS)
            u = load_row(own_x + position * x_position, d, inside)
            b = tl.load(here + R + tl.arange(0, N))
            h = tl.exp2(step[None, :] * rate) * h + b[:, None] * (step * u)[None, :]
            total += step
            position = walk(position, stride, length)
        where = (image * orders + k) * sections + item % sections
        store_tile(ends + where * N * channels, h, N, channels, d, inside)
        tl.store(sums + where * channels + d, total, mask=inside)


@triton.jit(do_not_specialize=["channels"])
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


@triton.jit(do_not_specialize=["channels", "x_position"])
def scan_sections(
    x, delta, small, rates, skip, weight, bias, entries, y, kept,
    batch, height, width, channels, blocks, sections, section_length, x_position,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr, WIDE: tl.constexpr,
    CUT: tl.constexpr, KEEP: tl.constexpr, INTERVAL: tl.constexpr,
):  # fmt: skip
    """Scan every section from its entry state (from 0 unless CUT): y (K, B, L, D), by position, and the kept states."""
    k = tl.program_id(0) // blocks
    d = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = d < channels
    length = height * width
    orders = tl.num_programs(0) // blocks
    stride = stride_of(k, height, width)
    size: tl.constexpr = R + 2 * N
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    projection = load_tile(weight + k * R * channels, R, channels, d, inside) if R else 0.0
    offset = load_row(bias + k * channels, d, inside)
    direct = load_row(skip + k * channels, d, inside)
    for item in range(tl.program_id(1), batch * sections, tl.num_programs(1)):
        image = (item // sections).to(tl.int64)
        first = item % sections * section_length
        end = tl.minimum(first + section_length, length)
        sequence = image * orders + k
        own_x = x + image * length * x_position
        own_small = small + (image * length * orders + k) * size
        own_delta = delta + (k * batch + image) * length * channels
        own_y = y + (k * batch + image) * length * channels
        position = position_at(first, k, height, width, WIDE)
        h = tl.zeros((N, BLOCK), tl.float32)
        if CUT:
            h = load_tile(entries + (sequence * sections + item % sections) * N * channels, N, channels, d, inside)
        for start in range(first, end, INTERVAL):
            if KEEP:
                interval = sequence * tl.cdiv(length, INTERVAL) + start // INTERVAL
                store_tile(kept + interval * N * channels, h, N, channels, d, inside)
            for _ in range(start, tl.minimum(start + INTERVAL, end)):
                here = own_small + position * (orders * size)
                step = load_step(here, own_delta + position * channels, d, inside, projection, offset, R, SOFTPLUS)
                u = load_row(own_x + position * x_position, d, inside)
                b = tl.load(here + R + tl.arange(0, N))
                c = tl.load(here + R + N + tl.arange(0, N))
                h = tl.exp2(step[None, :] * rate) * h + b[:, None] * (step * u)[None, :]
                out = tl.sum(c[:, None] * h, axis=0) + direct * u
                tl.store(own_y + position * channels + d, out, mask=inside)
                position = walk(position, stride, length)
