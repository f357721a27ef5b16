"""The Triton kernels of the selective scan's gradients; arguments and layouts are those of `triton_kernels`."""

import triton
import triton.language as tl

from nnunetv2_cipa.scan.triton_kernels import (
    load_part,
    load_projection,
    load_row,
    load_step,
    load_tile,
    matrix,
    position_at,
    softplus,
    softplus_slope,
    store_tile,
    stride_of,
    walk,
)

LN_2 = tl.constexpr(0.6931471805599453)
PART = tl.constexpr(16)  # columns of a projection in one matrix product: the fewest that every Triton takes


@triton.jit(do_not_specialize=["channels"])
def section_gradients(
    grad_y, delta, small, rates, weight, bias, carries, sums,
    batch, height, width, channels, blocks, sections, section_length,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Walk every section backwards from the gradient 0: that of the state which enters it, and the sum of its steps."""
    k = tl.program_id(0) // blocks
    d = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = d < channels
    length = height * width
    orders = tl.num_programs(0) // blocks
    stride = -stride_of(k, height, width)
    size: tl.constexpr = R + 2 * N
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    projection = load_tile(weight + k * R * channels, R, channels, d, inside) if R else 0.0
    offset = load_row(bias + k * channels, d, inside)
    for item in range(tl.program_id(1), batch * sections, tl.num_programs(1)):
        image = (item // sections).to(tl.int64)
        first = item % sections * section_length
        end = tl.minimum(first + section_length, length)
        own_grad_y = grad_y + image * length * channels
        own_small = small + (image * length * orders + k) * size
        own_delta = delta + (k * batch + image) * length * channels
        position = position_at(end - 1, k, height, width, WIDE)
        g = tl.zeros((N, BLOCK), tl.float32)
        total = tl.zeros((BLOCK,), tl.float32)
        for _ in range(first, end):
            here = own_small + position * (orders * size)
            step = load_step(here, own_delta + position * channels, d, inside, projection, offset, R, SOFTPLUS)
            dy = load_row(own_grad_y + position * channels, d, inside)
            c = tl.load(here + R + N + tl.arange(0, N))
            g = tl.exp2(step[None, :] * rate) * (g + c[:, None] * dy[None, :])
            total += step
            position = walk(position, stride, length)
        where = (image * orders + k) * sections + item % sections
        store_tile(carries + where * N * channels, g, N, channels, d, inside)
        tl.store(sums + where * channels + d, total, mask=inside)


@triton.jit
def step_gradients(g, total_rate, u, dy, step, decay, before, after, b, c, rate):
    """The gradients of one position from `g`, that of the state after it by way of later positions.

    Returns:
        Those of x and step (BLOCK), of B and C (N), of rate, but for the factor ln 2, added to `total_rate`, and of the
        state before (N, BLOCK).
    """
    dC = tl.sum(after * dy[None, :], axis=1)
    g += c[:, None] * dy[None, :]
    dB = tl.sum(g * (step * u)[None, :], axis=1)
    driven = tl.sum(g * b[:, None], axis=0)
    g *= decay
    exponent = g * before
    dstep = driven * u + LN_2 * tl.sum(exponent * rate, axis=0)
    return driven * step, dstep, dB, dC, total_rate + exponent * step[None, :], g


@triton.jit
def store_steps(
    own_steps, delta, small, weight, bias, positions, valid, channels, orders, d, inside,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Store the step sizes of ROWS positions; 0 where they are not `valid`."""
    places = positions[:, None] * channels + d[None, :]
    z = tl.zeros((ROWS, BLOCK), tl.float32)
    if R == 0:
        z = tl.load(delta + places, mask=valid[:, None] & inside[None, :], other=0.0).to(tl.float32)
    else:
        for r in range(0, R, PART):
            columns = r + tl.arange(0, PART)
            low = load_part(small, positions, valid, orders * (R + 2 * N), columns, R)
            projection = load_projection(weight, columns, channels, d, inside, R)
            z = tl.dot(low, projection, z, input_precision="ieee")
    z += load_row(bias, d, inside)[None, :]
    step = softplus(z) if SOFTPLUS else z
    tl.store(own_steps + matrix(ROWS, BLOCK), tl.where(valid[:, None], step, 0.0))


@triton.jit
def project_gradients(
    ddelta, dsmall, dweight, own_steps, own_gradients, small, weight, positions, valid, channels, orders, d, inside,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Those of delta and its weight from the gradients of ROWS steps; returns their sum, the gradient of its bias."""
    dz = tl.load(own_gradients + matrix(ROWS, BLOCK), mask=valid[:, None], other=0.0)  # outside channels have 0
    if SOFTPLUS:
        dz *= softplus_slope(tl.load(own_steps + matrix(ROWS, BLOCK)))
    if R == 0:
        tl.store(ddelta + positions[:, None] * channels + d[None, :], dz, mask=valid[:, None] & inside[None, :])
    else:
        for r in range(0, R, PART):
            columns = r + tl.arange(0, PART)
            projection = load_projection(weight, columns, channels, d, inside, R)
            dlow = tl.dot(dz, tl.trans(projection), input_precision="ieee")
            places = positions[:, None] * (orders * (R + 2 * N)) + columns[None, :]
            tl.store(dsmall + places, dlow, mask=valid[:, None] & (columns < R)[None, :])
            low = load_part(small, positions, valid, orders * (R + 2 * N), columns, R)
            so_far = load_projection(dweight, columns, channels, d, inside, R)
            so_far = tl.dot(tl.trans(low), dz, so_far, input_precision="ieee")
            places = columns[:, None] * channels + d[None, :]
            tl.store(dweight + places, so_far, mask=inside[None, :] & (columns < R)[:, None])
    return tl.sum(dz, axis=0)


@triton.jit
def scan_gradients(
    grad_y, x, delta, small, rates, weight, bias, kept, carries, scratch,
    dx, ddelta, dsmall, drates, dweight, dbias,
    batch, height, width, channels, blocks, sections, section_length, x_position,
    N: tl.constexpr, R: tl.constexpr, BLOCK: tl.constexpr, SOFTPLUS: tl.constexpr, WIDE: tl.constexpr,
    CUT: tl.constexpr, INTERVAL: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """The gradients of a scan, section by section and in each from its last interval to its first.

    An interval's steps are projected, it is scanned once more from its kept state, then its positions are met backwards
    in pairs, and at last the gradients of the steps are projected back; what passes from one part to the next (all
    steps, every second state, the gradients of the steps) is in this program's part of `scratch`.
    Sums that other programs add to are left apart: dx (K, B, L, D) by order; dsmall (blocks, B, L, K, R + 2 N) by block
    of channels; drates (workers, K, N, D), dbias (workers, K, D), dweight (workers, K, R, D), which begins with
    zeros, by worker. What y has of x times skip is left to the caller.
    """
    k = tl.program_id(0) // blocks
    block = tl.program_id(0) % blocks
    lanes = tl.arange(0, BLOCK)
    d = block * BLOCK + lanes
    inside = d < channels
    length = height * width
    orders = tl.num_programs(0) // blocks
    stride = stride_of(k, height, width)
    size: tl.constexpr = R + 2 * N
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    own_weight = weight + k * R * channels
    at_b = R + tl.arange(0, N)
    at_c = R + N + tl.arange(0, N)

    program = (tl.program_id(1) * tl.num_programs(0) + tl.program_id(0)).to(tl.int64)
    own_states = scratch + program * (INTERVAL // 2 * N + 2 * INTERVAL) * BLOCK
    own_steps = own_states + INTERVAL // 2 * N * BLOCK
    own_gradients = own_steps + INTERVAL * BLOCK

    worker = tl.program_id(1).to(tl.int64) * orders + k
    own_dweight = dweight + worker * R * channels
    total_rate = tl.zeros((N, BLOCK), tl.float32)
    total_bias = tl.zeros((BLOCK,), tl.float32)
    for item in range(tl.program_id(1), batch * sections, tl.num_programs(1)):
        image = (item // sections).to(tl.int64)
        first = item % sections * section_length
        end = tl.minimum(first + section_length, length)
        sequence = image * orders + k
        own_x = x + image * length * x_position
        own_grad_y = grad_y + image * length * channels
        own_dx = dx + (k * batch + image) * length * channels
        own_delta = delta + (k * batch + image) * length * channels
        own_ddelta = ddelta + (k * batch + image) * length * channels
        own_small = small + (image * length * orders + k) * size
        own_dsmall = dsmall + ((block * batch + image) * length * orders + k) * size
        g = tl.zeros((N, BLOCK), tl.float32)
        if CUT:
            g = load_tile(carries + (sequence * sections + item % sections) * N * channels, N, channels, d, inside)
        intervals = tl.cdiv(end - first, INTERVAL)
        for index in range(0, intervals):
            start = first + (intervals - 1 - index) * INTERVAL
            count = tl.minimum(INTERVAL, end - start)
            for i in range(0, INTERVAL, ROWS):
                times = start + i + tl.arange(0, ROWS)
                positions = position_at(tl.minimum(times, end - 1), k, height, width, WIDE)
                store_steps(
                    own_steps + i * BLOCK, own_delta, own_small, own_weight, bias + k * channels, positions,
                    times < end, channels, orders, d, inside, N, R, BLOCK, SOFTPLUS, ROWS,
                )  # fmt: skip
            tl.debug_barrier()

            interval = sequence * tl.cdiv(length, INTERVAL) + start // INTERVAL
            h = load_tile(kept + interval * N * channels, N, channels, d, inside)
            position = position_at(start, k, height, width, WIDE)
            pairs = tl.cdiv(count, 2)  # of positions; the last of the order may be a single one
            for pair in range(0, pairs):
                later = walk(position, stride, length)
                step = tl.load(own_steps + 2 * pair * BLOCK + lanes)
                later_step = tl.load(own_steps + (2 * pair + 1) * BLOCK + lanes)
                u = load_row(own_x + position * x_position, d, inside)
                later_u = load_row(own_x + later * x_position, d, inside)
                b = tl.load(own_small + position * (orders * size) + at_b)
                later_b = tl.load(own_small + later * (orders * size) + at_b)
                tl.store(own_states + pair * N * BLOCK + matrix(N, BLOCK), h)
                h = tl.exp2(step[None, :] * rate) * h + b[:, None] * (step * u)[None, :]
                h = tl.exp2(later_step[None, :] * rate) * h + later_b[:, None] * (later_step * later_u)[None, :]
                position = walk(later, stride, length)
            tl.debug_barrier()

            position = position_at(start + 2 * (pairs - 1), k, height, width, WIDE)
            later = position_at(start + count - 1, k, height, width, WIDE)
            for pair in range(0, pairs):
                i = 2 * (pairs - 1 - pair)
                two = inside & (i + 1 < count)
                here = position * (orders * size)
                there = later * (orders * size)
                step = tl.load(own_steps + i * BLOCK + lanes)
                later_step = tl.load(own_steps + (i + 1) * BLOCK + lanes)  # 0 if there is no such position
                u = load_row(own_x + position * x_position, d, inside)
                later_u = load_row(own_x + later * x_position, d, two)
                dy = load_row(own_grad_y + position * channels, d, inside)
                later_dy = load_row(own_grad_y + later * channels, d, two)
                b = tl.load(own_small + here + at_b)
                later_b = tl.load(own_small + there + at_b)
                before = tl.load(own_states + i // 2 * N * BLOCK + matrix(N, BLOCK))
                decay = tl.exp2(step[None, :] * rate)
                later_decay = tl.exp2(later_step[None, :] * rate)
                between = decay * before + b[:, None] * (step * u)[None, :]
                after = later_decay * between + later_b[:, None] * (later_step * later_u)[None, :]

                c = tl.load(own_small + there + at_c)
                du, dstep, db, dc, total_rate, g = step_gradients(
                    g, total_rate, later_u, later_dy, later_step, later_decay, between, after, later_b, c, rate
                )
                tl.store(own_dx + later * channels + d, du, mask=two)
                tl.store(own_gradients + (i + 1) * BLOCK + lanes, dstep)
                tl.store(own_dsmall + there + at_b, db)  # a single position's own follow
                tl.store(own_dsmall + there + at_c, dc)

                c = tl.load(own_small + here + at_c)
                du, dstep, db, dc, total_rate, g = step_gradients(
                    g, total_rate, u, dy, step, decay, before, between, b, c, rate
                )
                tl.store(own_dx + position * channels + d, du, mask=inside)
                tl.store(own_gradients + i * BLOCK + lanes, dstep)
                tl.store(own_dsmall + here + at_b, db)
                tl.store(own_dsmall + here + at_c, dc)
                later = walk(position, -stride, length)
                position = walk(later, -stride, length)
            tl.debug_barrier()

            for i in range(0, count, ROWS):
                times = start + i + tl.arange(0, ROWS)
                positions = position_at(tl.minimum(times, end - 1), k, height, width, WIDE)
                total_bias += project_gradients(
                    own_ddelta, own_dsmall, own_dweight, own_steps + i * BLOCK, own_gradients + i * BLOCK, own_small,
                    own_weight, positions, times < end, channels, orders, d, inside,
                    N, R, BLOCK, SOFTPLUS, ROWS,
                )  # fmt: skip
                tl.debug_barrier()

    store_tile(drates + worker * N * channels, total_rate, N, channels, d, inside)
    tl.store(dbias + worker * channels + d, total_bias, mask=inside)
