"""The Triton kernels of the selective scan's gradients; arguments and layouts are those of `triton_kernels`."""

import triton
import triton.language as tl

from nnunetv2_cipa.scan.triton_kernels import (
    COUNTS,
    load_position,
    load_row,
    load_tile,
    position_at,
    store_tile,
    stride_of,
    walk,
)

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)


@triton.jit
def softplus_slope(step):
    """The derivative of softplus where its value is `step`: 1 - exp(-step), exact also where that is tiny."""
    series = step * (1.0 - step * (1 / 2 - step * (1 / 6 - step * (1 / 24))))
    return tl.where(step < 0.03, series, 1.0 - tl.exp2(-step * LOG2_E))


@triton.jit
def matrix(ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Offsets (ROWS, COLUMNS) in a dense matrix."""
    return tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]


@triton.jit(do_not_specialize=[*COUNTS, "channels"])
def section_gradients(
    grad_y, steps, small, rates, carries, sums,
    batch, height, width, channels, blocks, orders, sections, section_length, workers,
    N: tl.constexpr, BLOCK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Walk every section backwards from the gradient 0: that of the state which enters it, and the sum of its steps."""
    block = tl.program_id(0) % blocks
    k = tl.program_id(0) // blocks % orders
    d = block * BLOCK + tl.arange(0, BLOCK)
    inside = d < channels
    length = height * width
    stride = -stride_of(k, height, width)
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    for item in range(tl.program_id(0) // (blocks * orders), batch * sections, workers):
        image = (item // sections).to(tl.int64)
        first = item % sections * section_length
        end = tl.minimum(first + section_length, length)
        own_grad_y = grad_y + image * length * channels
        own_c = small + (image * length * orders + k) * (2 * N) + N + tl.arange(0, N)
        own_steps = steps + (k * batch + image) * length * channels
        position = position_at(end - 1, k, height, width, WIDE)
        step = load_row(own_steps + position * channels, d, inside)
        dy = load_row(own_grad_y + position * channels, d, inside)
        c = tl.load(own_c + position * (orders * 2 * N))
        g = tl.zeros((N, BLOCK), tl.float32)
        total = tl.zeros((BLOCK,), tl.float32)
        for _ in range(first, end):
            position = walk(position, stride, length)
            next_step = load_row(own_steps + position * channels, d, inside)
            next_dy = load_row(own_grad_y + position * channels, d, inside)
            next_c = tl.load(own_c + position * (orders * 2 * N))
            g = tl.exp2(step[None, :] * rate) * (g + c[:, None] * dy[None, :])
            total += step
            step, dy, c = next_step, next_dy, next_c
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
def finish_steps(own_ddelta, own_steps, positions, valid, channels, d, inside):
    """Turn the gradients of some positions' steps into those before softplus, in place."""
    places = positions[:, None] * channels + d[None, :]
    mask = valid[:, None] & inside[None, :]
    slope = softplus_slope(tl.load(own_steps + places, mask=mask, other=0.0))
    tl.store(own_ddelta + places, tl.load(own_ddelta + places, mask=mask, other=0.0) * slope, mask=mask)


@triton.jit(do_not_specialize=COUNTS)
def scan_gradients(
    grad_y, x, steps, small, rates, kept, carries, scratch,
    dx, ddelta, dsmall, drates,
    batch, height, width, channels, blocks, orders, sections, section_length, workers, x_position,
    N: tl.constexpr, BLOCK: tl.constexpr, WIDE: tl.constexpr,
    SOFTPLUS: tl.constexpr, CUT: tl.constexpr, INTERVAL: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """The gradients of a scan, section by section and in each from its last interval to its first.

    An interval is scanned once more from its kept state, and every second state put aside in this program's part of
    `scratch`; then its positions are met backwards in pairs. Sums that other programs add to are left apart: dx
    (K, B, L, D) by order; dsmall (blocks, B, L, K, 2 N) by block of channels; drates (workers, K, N, D) by worker.
    ddelta (K, B, L, D) is the gradient of the steps, before softplus if SOFTPLUS. What y has of x times skip is left to
    the caller.
    """
    block = tl.program_id(0) % blocks
    k = tl.program_id(0) // blocks % orders
    lanes = tl.arange(0, BLOCK)
    d = block * BLOCK + lanes
    inside = d < channels
    length = height * width
    stride = stride_of(k, height, width)
    b_position = orders * 2 * N
    rate = load_tile(rates + k * N * channels, N, channels, d, inside)
    own_states = scratch + tl.program_id(0).to(tl.int64) * (INTERVAL // 2 * N * BLOCK)
    total_rate = tl.zeros((N, BLOCK), tl.float32)
    worker = tl.program_id(0) // (blocks * orders)
    for item in range(worker, batch * sections, workers):
        image = (item // sections).to(tl.int64)
        first = item % sections * section_length
        end = tl.minimum(first + section_length, length)
        sequence = image * orders + k
        own_x = x + image * length * x_position
        own_grad_y = grad_y + image * length * channels
        own_dx = dx + (k * batch + image) * length * channels
        own_steps = steps + (k * batch + image) * length * channels
        own_ddelta = ddelta + (k * batch + image) * length * channels
        own_b = small + (image * length * orders + k) * (2 * N) + tl.arange(0, N)
        own_db = dsmall + ((block * batch + image) * length * orders + k) * (2 * N) + tl.arange(0, N)
        g = tl.zeros((N, BLOCK), tl.float32)
        if CUT:
            g = load_tile(carries + (sequence * sections + item % sections) * N * channels, N, channels, d, inside)
        intervals = tl.cdiv(end - first, INTERVAL)
        for index in range(0, intervals):
            start = first + (intervals - 1 - index) * INTERVAL
            count = tl.minimum(INTERVAL, end - start)
            pairs = tl.cdiv(count, 2)  # of positions; the last of the order may be a single one
            interval = sequence * tl.cdiv(length, INTERVAL) + start // INTERVAL
            h = load_tile(kept + interval * N * channels, N, channels, d, inside)
            position = position_at(start, k, height, width, WIDE)
            later = walk(position, stride, length)
            step, u, b = load_position(own_steps, own_x, own_b, position, channels, x_position, b_position, d, inside)
            later_step, later_u, later_b = load_position(
                own_steps, own_x, own_b, later, channels, x_position, b_position, d, inside
            )
            for pair in range(0, pairs):
                position = walk(later, stride, length)
                later = walk(position, stride, length)
                next_step, next_u, next_b = load_position(
                    own_steps, own_x, own_b, position, channels, x_position, b_position, d, inside
                )
                next_later_step, next_later_u, next_later_b = load_position(
                    own_steps, own_x, own_b, later, channels, x_position, b_position, d, inside
                )
                tl.store(own_states + pair * N * BLOCK + matrix(N, BLOCK), h)
                h = tl.exp2(step[None, :] * rate) * h + b[:, None] * (step * u)[None, :]
                h = tl.exp2(later_step[None, :] * rate) * h + later_b[:, None] * (later_step * later_u)[None, :]
                step, u, b = next_step, next_u, next_b
                later_step, later_u, later_b = next_later_step, next_later_u, next_later_b
            tl.debug_barrier()

            position = position_at(start + 2 * (pairs - 1), k, height, width, WIDE)
            later = position_at(start + count - 1, k, height, width, WIDE)
            for pair in range(0, pairs):
                i = 2 * (pairs - 1 - pair)
                two = inside & (i + 1 < count)
                step, u, b = load_position(
                    own_steps, own_x, own_b, position, channels, x_position, b_position, d, inside
                )
                later_step, later_u, later_b = load_position(  # 0 if there is no such position
                    own_steps, own_x, own_b, later, channels, x_position, b_position, d, two
                )
                dy = load_row(own_grad_y + position * channels, d, inside)
                later_dy = load_row(own_grad_y + later * channels, d, two)
                c = tl.load(own_b + position * b_position + N)
                later_c = tl.load(own_b + later * b_position + N)
                before = tl.load(own_states + i // 2 * N * BLOCK + matrix(N, BLOCK))
                decay = tl.exp2(step[None, :] * rate)
                later_decay = tl.exp2(later_step[None, :] * rate)
                between = decay * before + b[:, None] * (step * u)[None, :]
                after = later_decay * between + later_b[:, None] * (later_step * later_u)[None, :]
                later_du, later_dstep, later_db, later_dc, total_rate, g = step_gradients(
                    g, total_rate, later_u, later_dy, later_step, later_decay, between, after, later_b, later_c, rate
                )
                du, dstep, db, dc, total_rate, g = step_gradients(
                    g, total_rate, u, dy, step, decay, before, between, b, c, rate
                )
                tl.store(own_dx + later * channels + d, later_du, mask=two)
                tl.store(own_ddelta + later * channels + d, later_dstep, mask=two)
                tl.store(own_db + later * b_position, later_db)  # a single position's own follow
                tl.store(own_db + later * b_position + N, later_dc)
                tl.store(own_dx + position * channels + d, du, mask=inside)
                tl.store(own_ddelta + position * channels + d, dstep, mask=inside)
                tl.store(own_db + position * b_position, db)
                tl.store(own_db + position * b_position + N, dc)
                later = walk(position, -stride, length)
                position = walk(later, -stride, length)
            tl.debug_barrier()

            if SOFTPLUS:
                for i in range(0, count, ROWS):
                    times = start + i + tl.arange(0, ROWS)
                    positions = position_at(tl.minimum(times, end - 1), k, height, width, WIDE)
                    finish_steps(own_ddelta, own_steps, positions, times < end, channels, d, inside)
                tl.debug_barrier()

    store_tile(drates + (worker.to(tl.int64) * orders + k) * N * channels, total_rate, N, channels, d, inside)
