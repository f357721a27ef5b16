"""The Triton kernels of the selective scan over maps: sections of a scan, the carry between them, and its gradients.

Grids are (orders x blocks of channels, workers): a worker takes every so many of the items, which are the sections of
each image's scan. Arguments that many kernels share:

- x (B, L, D) with a stride of `x_position`; delta (B, L, K, R), or (K, B, L, D) where R is 0; B, C (B, L, K, N), dense:
  all in the caller's types; N and R are powers of two;
- rates (K, N, D): A times log2(e); weight (K, R, D); skip, bias (K, D), all float32 and dense;
- kept (B, K, intervals, N, D): the states that enter every `INTERVAL` positions of the order;
- entries, carries (B, K, sections, N, D): states that enter a section, gradients that enter it from its end.

A tile of states is (N, BLOCK), one axis over channels, which lie side by side in memory: that makes a thread hold all
states of its channels, so that the forward pass exchanges nothing between threads. `channels` is not specialised there,
because Triton would give each thread four neighbours in memory and spread the states over threads; the backward pass,
which adds over channels as well as over states, is faster so.
"""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)


@triton.jit
def softplus(z):
    """log(1 + exp(z)), exact also where that is tiny: 2 atanh(e / (2 + e)) with e = exp(-|z|), + z if z > 0."""
    e = tl.exp2(-tl.abs(z) * LOG2_E)
    s = e / (2.0 + e)
    q = s * s
    series = 1.0 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13))))))
    return tl.maximum(z, 0.0) + 2.0 * s * series


@triton.jit
def softplus_slope(step):
    """The derivative of softplus where its value is `step`: 1 - exp(-step), exact also where that is tiny."""
    series = step * (1.0 - step * (1 / 2 - step * (1 / 6 - step * (1 / 24 - step * (1 / 120)))))
    return tl.where(step < 0.1, series, 1.0 - tl.exp2(-step * LOG2_E))


@triton.jit
def first_place(time, k, height, width):
    """Where an order is at a time, counted in the order of rows (0, 2) or columns (1, 3), before it is mirrored."""
    return tl.where(k % 2 == 1, (time % height) * width + time // height, time)


@triton.jit
def mirrored(place, k, length):
    """The position (row * width + column) of a place; orders 2 and 3 walk backwards."""
    return tl.where(k >= 2, length - 1 - place, place)


@triton.jit
def next_place(place, stride, length):
    """The place one time later; past the last row the next column begins."""
    place += stride
    return tl.where(place >= length, place - length + 1, place)


@triton.jit
def previous_place(place, stride, length):
    """The place one time earlier."""
    place -= stride
    return tl.where(place < 0, place + length - 1, place)


@triton.jit
def load_vector(values, row, k, orders, SIZE: tl.constexpr):
    """The SIZE numbers of order k at position `row` of all images, of a dense array (B, L, K, SIZE)."""
    return tl.load(values + (row * orders + k) * SIZE + tl.arange(0, SIZE)[:, None]).to(tl.float32)


@triton.jit
def store_vector(values, row, rows, k, orders, block, vector, wanted, SIZE: tl.constexpr):
    """Store the SIZE numbers of order k at position `row` of all `rows` in block `block` of (blocks, B, L, K, SIZE)."""
    target = values + ((block * rows + row) * orders + k) * SIZE + tl.arange(0, SIZE)[:, None]
    tl.store(target, vector, mask=tl.full((SIZE, 1), 1, tl.int1) & wanted)


@triton.jit
def load_step(delta, row, rows, k, orders, channels, d, inside, weight, bias, R: tl.constexpr, SOFTPLUS: tl.constexpr):
    """The step sizes (1, BLOCK) at position `row` of all `rows`: projected if R, biased, through softplus."""
    if R == 0:
        raw = tl.load(delta + (k * rows + row) * channels + d, mask=inside, other=0.0)
        z = raw.to(tl.float32) + bias
    else:
        low = load_vector(delta, row, k, orders, R)
        z = bias + tl.sum(weight * low, axis=0, keep_dims=True)
    return softplus(z) if SOFTPLUS else z


@triton.jit
def load_tile(values, rows: tl.constexpr, channels, d, inside):
    """A tile (rows, BLOCK) of an array (..., rows, D) that begins at `values`."""
    return tl.load(values + tl.arange(0, rows)[:, None] * channels + d, mask=inside, other=0.0)


@triton.jit(do_not_specialize=["channels", "x_position"])
def scan_section_ends(
    x, delta, rates, B, weight, bias, ends, sums,
    batch, height, width, channels, blocks, sections, section_length,
    x_position,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr,
):  # fmt: skip
    """Scan every section from the state 0: the state at its end, and the sum of its steps (B, K, sections, D)."""
    k = tl.program_id(0) // blocks
    d = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = d < channels
    tile = tl.arange(0, N)[:, None] * channels + d
    length = height * width
    rows = length.to(tl.int64) * batch
    orders = tl.num_programs(0) // blocks
    stride = tl.where(k % 2 == 1, width, 1)
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    projection = load_tile(weight + k * R * channels, R, channels, d, inside) if R else 0.0
    offset = tl.load(bias + k * channels + d, mask=inside, other=0.0)
    for item in range(tl.program_id(1), batch * sections, tl.num_programs(1)):
        image = item // sections
        section = item % sections
        first = section * section_length
        place = first_place(first, k, height, width)
        h = tl.zeros((N, BLOCK), tl.float32)
        total = tl.zeros((1, BLOCK), tl.float32)
        for _ in range(first, tl.minimum(first + section_length, length)):
            row = image.to(tl.int64) * length + mirrored(place, k, length)
            step = load_step(delta, row, rows, k, orders, channels, d, inside, projection, offset, R, SOFTPLUS)
            u = tl.load(x + row * x_position + d, mask=inside, other=0.0).to(tl.float32)
            b = load_vector(B, row, k, orders, N)
            h = tl.exp2(step * rate) * h + b * (step * u)
            total += step
            place = next_place(place, stride, length)
        where = (image.to(tl.int64) * orders + k) * sections + section
        tl.store(ends + where * N * channels + tile, h, mask=inside)
        tl.store(sums + where * channels + d, total, mask=inside)


@triton.jit(do_not_specialize=["channels"])
def carry_between_sections(
    rates, sums, ends, channels, orders, sections, N: tl.constexpr, BLOCK: tl.constexpr, REVERSE: tl.constexpr
):
    """Turn what leaves each section, starting from 0, into what enters it, in place; from the last one if REVERSE."""
    d = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = d < channels
    tile = tl.arange(0, N)[:, None] * channels + d
    sequence = tl.program_id(1).to(tl.int64)  # image * orders + k
    rate = tl.load(rates + sequence % orders * N * channels + tile, mask=inside, other=0.0)
    entry = tl.zeros((N, BLOCK), tl.float32)
    for index in range(0, sections):
        where = sequence * sections + ((sections - 1 - index) if REVERSE else index)
        total = tl.load(sums + where * channels + d, mask=inside, other=0.0)
        end = tl.load(ends + where * N * channels + tile, mask=inside, other=0.0)
        tl.store(ends + where * N * channels + tile, entry, mask=inside)
        entry = tl.exp2(total * rate) * entry + end


@triton.jit(do_not_specialize=["channels", "x_position"])
def scan_sections(
    x, delta, rates, B, C, skip, weight, bias, entries, y, kept,
    batch, height, width, channels, blocks, sections, section_length,
    x_position,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr, CUT: tl.constexpr,
    KEEP: tl.constexpr, INTERVAL: tl.constexpr,
):  # fmt: skip
    """Scan every section from its entry state (from 0 unless CUT): y (K, B, L, D), by position, and the kept states."""
    k = tl.program_id(0) // blocks
    d = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = d < channels
    tile = tl.arange(0, N)[:, None] * channels + d
    length = height * width
    rows = length.to(tl.int64) * batch
    orders = tl.num_programs(0) // blocks
    stride = tl.where(k % 2 == 1, width, 1)
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    projection = load_tile(weight + k * R * channels, R, channels, d, inside) if R else 0.0
    offset = tl.load(bias + k * channels + d, mask=inside, other=0.0)
    direct = tl.load(skip + k * channels + d, mask=inside, other=0.0)
    for item in range(tl.program_id(1), batch * sections, tl.num_programs(1)):
        image = (item // sections).to(tl.int64)
        section = item % sections
        first = section * section_length
        end = tl.minimum(first + section_length, length)
        sequence = image * orders + k
        place = first_place(first, k, height, width)
        h = tl.zeros((N, BLOCK), tl.float32)
        if CUT:
            h = tl.load(entries + (sequence * sections + section) * N * channels + tile, mask=inside, other=0.0)
        for start in range(first, end, INTERVAL):
            if KEEP:
                interval = sequence * tl.cdiv(length, INTERVAL) + start // INTERVAL
                tl.store(kept + interval * N * channels + tile, h, mask=inside)
            for _ in range(start, tl.minimum(start + INTERVAL, end)):
                position = mirrored(place, k, length)
                row = image * length + position
                step = load_step(delta, row, rows, k, orders, channels, d, inside, projection, offset, R, SOFTPLUS)  # fmt: skip
                u = tl.load(x + row * x_position + d, mask=inside, other=0.0).to(tl.float32)
                b = load_vector(B, row, k, orders, N)
                c = load_vector(C, row, k, orders, N)
                h = tl.exp2(step * rate) * h + b * (step * u)
                out = tl.sum(c * h, axis=0, keep_dims=True) + direct * u
                target = y + (k * rows + row) * channels
                tl.store(target + d, out, mask=inside)
                place = next_place(place, stride, length)


@triton.jit(do_not_specialize=["channels"])
def section_gradients(
    grad_y, delta, rates, C, weight, bias, carries, sums,
    batch, height, width, channels, blocks, sections, section_length,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr,
):  # fmt: skip
    """Walk every section backwards from the gradient 0: that of the state which enters it, and the sum of its steps."""
    k = tl.program_id(0) // blocks
    d = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = d < channels
    tile = tl.arange(0, N)[:, None] * channels + d
    length = height * width
    rows = length.to(tl.int64) * batch
    orders = tl.num_programs(0) // blocks
    stride = tl.where(k % 2 == 1, width, 1)
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    projection = load_tile(weight + k * R * channels, R, channels, d, inside) if R else 0.0
    offset = tl.load(bias + k * channels + d, mask=inside, other=0.0)
    for item in range(tl.program_id(1), batch * sections, tl.num_programs(1)):
        image = (item // sections).to(tl.int64)
        section = item % sections
        first = section * section_length
        end = tl.minimum(first + section_length, length)
        place = first_place(end - 1, k, height, width)
        g = tl.zeros((N, BLOCK), tl.float32)
        total = tl.zeros((1, BLOCK), tl.float32)
        for _ in range(first, end):
            row = image * length + mirrored(place, k, length)
            step = load_step(delta, row, rows, k, orders, channels, d, inside, projection, offset, R, SOFTPLUS)
            dy = tl.load(grad_y + row * channels + d, mask=inside, other=0.0)
            c = load_vector(C, row, k, orders, N)
            g = tl.exp2(step * rate) * (g + c * dy)
            total += step
            place = previous_place(place, stride, length)
        where = (image * orders + k) * sections + section
        tl.store(carries + where * N * channels + tile, g, mask=inside)
        tl.store(sums + where * channels + d, total, mask=inside)


@triton.jit
def step_gradients(g, u, dy, step, decay, before, after, b, c, rate, direct):
    """The gradients of one position from `g`, that of the state after it by way of later positions.

    Returns:
        Those of x, step (both (1, BLOCK)), B, C (both (N, 1)), rate and the state before (both (N, BLOCK)).
    """
    dC = tl.sum(after * dy, axis=1, keep_dims=True)
    g += c * dy
    dB = tl.sum(g * (step * u), axis=1, keep_dims=True)
    driven = tl.sum(g * b, axis=0, keep_dims=True)
    g *= decay
    exponent = g * before  # the gradient of step * rate, but for the factor ln 2
    dstep = driven * u + LN_2 * tl.sum(exponent * rate, axis=0, keep_dims=True)
    return driven * step + direct * dy, dstep, dB, dC, exponent * step, g


@triton.jit
def scan_gradients(
    grad_y, x, delta, rates, B, C, skip, weight, bias, kept, carries, scratch,
    dx, ddelta, dB, dC, drates, dskip, dweight, dbias,
    batch, height, width, channels, blocks, sections, section_length,
    x_position,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr, CUT: tl.constexpr,
    INTERVAL: tl.constexpr,
):  # fmt: skip
    """The gradients of a scan, section by section and in each from its last interval to its first.

    An interval is scanned once more from its kept state; every second state and all steps go to this program's part of
    `scratch`. Then positions are met backwards in pairs. Sums that other programs add to are left apart: dx (K, B, L,
    D) by order; dB, dC (blocks, B, L, K, N) and ddelta (blocks, B, L, K, R) by block of channels, ddelta (K, B, L, D)
    where R is 0; drates (workers, K, N, D), dskip and dbias (workers, K, D), dweight (workers, K, R, D) by worker.
    """
    k = tl.program_id(0) // blocks
    block = tl.program_id(0) % blocks
    d = block * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = d < channels
    tile = tl.arange(0, N)[:, None] * channels + d
    length = height * width
    rows = length.to(tl.int64) * batch
    orders = tl.num_programs(0) // blocks
    stride = tl.where(k % 2 == 1, width, 1)
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    projection = load_tile(weight + k * R * channels, R, channels, d, inside) if R else 0.0
    offset = tl.load(bias + k * channels + d, mask=inside, other=0.0)
    direct = tl.load(skip + k * channels + d, mask=inside, other=0.0)

    program = (tl.program_id(1) * tl.num_programs(0) + tl.program_id(0)).to(tl.int64)
    own_states = scratch + program * (INTERVAL // 2 * N + 2 * INTERVAL) * BLOCK
    own_steps = own_states + INTERVAL // 2 * N * BLOCK
    own_slopes = own_steps + INTERVAL * BLOCK
    lanes = tl.arange(0, BLOCK)[None, :]
    own_tile = tl.arange(0, N)[:, None] * BLOCK + lanes

    total_rate = tl.zeros((N, BLOCK), tl.float32)
    total_skip = tl.zeros((1, BLOCK), tl.float32)
    total_bias = tl.zeros((1, BLOCK), tl.float32)
    total_weight = tl.zeros((R if R else 1, BLOCK), tl.float32)
    for item in range(tl.program_id(1), batch * sections, tl.num_programs(1)):
        image = (item // sections).to(tl.int64)
        section = item % sections
        first = section * section_length
        end = tl.minimum(first + section_length, length)
        sequence = image * orders + k
        g = tl.zeros((N, BLOCK), tl.float32)
        if CUT:
            g = tl.load(carries + (sequence * sections + section) * N * channels + tile, mask=inside, other=0.0)
        intervals = tl.cdiv(end - first, INTERVAL)
        for index in range(0, intervals):
            start = first + (intervals - 1 - index) * INTERVAL
            count = tl.minimum(INTERVAL, end - start)

            interval = sequence * tl.cdiv(length, INTERVAL) + start // INTERVAL
            h = tl.load(kept + interval * N * channels + tile, mask=inside, other=0.0)
            place = first_place(start, k, height, width)
            for i in range(0, count):
                if i % 2 == 0:
                    tl.store(own_states + i // 2 * N * BLOCK + own_tile, h)
                row = image * length + mirrored(place, k, length)
                step = load_step(delta, row, rows, k, orders, channels, d, inside, projection, offset, R, SOFTPLUS)
                tl.store(own_steps + i * BLOCK + lanes, step)
                u = tl.load(x + row * x_position + d, mask=inside, other=0.0).to(tl.float32)
                b = load_vector(B, row, k, orders, N)
                h = tl.exp2(step * rate) * h + b * (step * u)
                place = next_place(place, stride, length)
            tl.debug_barrier()

            pairs = tl.cdiv(count, 2)
            place = first_place(start + 2 * (pairs - 1), k, height, width)
            for pair in range(0, pairs):
                i = 2 * (pairs - 1 - pair)
                two = i + 1 < count  # the last pair of the order may be a single position
                later = tl.where(two, next_place(place, stride, length), place)
                row = image * length + mirrored(place, k, length)
                later_row = image * length + mirrored(later, k, length)
                both = inside & two
                step = tl.load(own_steps + i * BLOCK + lanes)
                later_step = tl.load(own_steps + (i + 1) * BLOCK + lanes, mask=two, other=0.0)
                u = tl.load(x + row * x_position + d, mask=inside, other=0.0).to(tl.float32)
                later_u = tl.load(x + later_row * x_position + d, mask=both, other=0.0).to(tl.float32)
                dy = tl.load(grad_y + row * channels + d, mask=inside, other=0.0)
                later_dy = tl.load(grad_y + later_row * channels + d, mask=both, other=0.0)
                b = load_vector(B, row, k, orders, N)
                later_b = load_vector(B, later_row, k, orders, N)
                before = tl.load(own_states + i // 2 * N * BLOCK + own_tile)
                decay = tl.exp2(step * rate)
                later_decay = tl.exp2(later_step * rate)
                between = decay * before + b * (step * u)
                after = later_decay * between + later_b * (later_step * later_u)

                c = load_vector(C, later_row, k, orders, N)
                du, dstep, db, dc, drate, g = step_gradients(
                    g, later_u, later_dy, later_step, later_decay, between, after, later_b, c, rate, direct
                )
                dz = dstep * softplus_slope(later_step) if SOFTPLUS else tl.where(two, dstep, 0.0)
                tl.store(dx + (k * rows + later_row) * channels + d, du, mask=both)
                store_vector(dB, later_row, rows, k, orders, block, db, two, N)
                store_vector(dC, later_row, rows, k, orders, block, dc, two, N)
                tl.store(own_slopes + (i + 1) * BLOCK + lanes, dz)
                if R == 0:
                    tl.store(ddelta + (k * rows + later_row) * channels + d, dz, mask=both)
                total_rate += drate
                total_bias += dz

                c = load_vector(C, row, k, orders, N)
                du, dstep, db, dc, drate, g = step_gradients(g, u, dy, step, decay, before, between, b, c, rate, direct)
                dz = dstep * softplus_slope(step) if SOFTPLUS else dstep
                tl.store(dx + (k * rows + row) * channels + d, du, mask=inside)
                store_vector(dB, row, rows, k, orders, block, db, True, N)
                store_vector(dC, row, rows, k, orders, block, dc, True, N)
                tl.store(own_slopes + i * BLOCK + lanes, dz)
                if R == 0:
                    tl.store(ddelta + (k * rows + row) * channels + d, dz, mask=inside)
                total_rate += drate
                total_bias += dz
                total_skip += dy * u + later_dy * later_u
                place = previous_place(previous_place(place, stride, length), stride, length)
            tl.debug_barrier()

            if R:
                place = first_place(start, k, height, width)
                for i in range(0, count):
                    row = image * length + mirrored(place, k, length)
                    dz = tl.load(own_slopes + i * BLOCK + lanes)
                    low = load_vector(delta, row, k, orders, R)
                    total_weight += low * dz
                    store_vector(
                        ddelta, row, rows, k, orders, block, tl.sum(projection * dz, axis=1, keep_dims=True), True, R
                    )
                    place = next_place(place, stride, length)
                tl.debug_barrier()

    worker = tl.program_id(1).to(tl.int64) * orders + k
    tl.store(drates + worker * N * channels + tile, total_rate, mask=inside)
    tl.store(dskip + worker * channels + d, total_skip, mask=inside)
    tl.store(dbias + worker * channels + d, total_bias, mask=inside)
    if R:
        r_tile = tl.arange(0, R)[:, None] * channels + d
        tl.store(dweight + worker * R * channels + r_tile, total_weight, mask=inside)
