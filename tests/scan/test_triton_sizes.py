"""How scans are cut for the Triton kernels."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.scan import triton_sizes
from nnunetv2_cipa.scan.operators import Scan

WARPS = 132 * 20  # of an H100


def sizes_of(batch: int, side: int, channels: int, warps: int = WARPS) -> triton_sizes.Sizes:
    x = torch.empty(batch, side, side, channels, device="meta")
    A = torch.empty(4, channels, 16, device="meta")
    weight = torch.empty(4, channels, 6, device="meta")
    return triton_sizes.cut(Scan(x, x, A, x, x, x, x, weight), warps)


def test_a_small_batch_is_cut_in_sections():
    sizes = sizes_of(2, 128, 192)
    assert 0.8 * WARPS < sizes.programs <= WARPS
    assert sizes.section_length % triton_sizes.INTERVAL == 0


@pytest.mark.parametrize(("batch", "side"), [(64, 128), (4096, 4)])
def test_a_large_batch_is_not(batch, side):
    assert sizes_of(batch, side, 192).sections == 1


def test_two_sections_are_not_worth_scanning_them_twice():
    batch = WARPS // (4 * 6 * 2)
    assert (sizes_of(batch, 128, 192).sections, sizes_of(batch // 2, 128, 192).sections) == (1, 4)


def test_many_small_maps_share_programs():
    assert 0.8 * WARPS < sizes_of(4096, 4, 192).programs <= WARPS


@given(side=st.integers(1, 1024), batch=st.integers(0, 300), warps=st.integers(1, 5000))
def test_sections_cover_the_map_once_and_programs_share_them_evenly(side, batch, warps):
    sizes = sizes_of(batch, side, 96, warps)
    assert (sizes.sections - 1) * sizes.section_length < side**2 <= sizes.sections * sizes.section_length
    items = batch * sizes.sections
    rounds = math.ceil(items / max(1, sizes.workers))
    assert sizes.workers <= max(1, items)
    assert items == 0 or sizes.workers == math.ceil(items / rounds)
    assert sizes.programs <= max(warps, sizes.orders * sizes.blocks)


def test_offsets_of_64_bits_where_an_image_needs_them():
    def scan_of(channels: int) -> Scan:
        x = torch.empty(1, 1024, 1024, channels, device="meta")
        return Scan(x, x, torch.empty(4, channels, 16, device="meta"), x, x, x, x)

    for channels, wide in ((2047, False), (2048, True)):
        scan = scan_of(channels)
        assert triton_sizes.compiled_for(scan, triton_sizes.cut(scan, 1))["WIDE"] is wide


@pytest.mark.parametrize(("number", "power"), [(1, 1), (3, 4), (16, 16), (17, 32), (64, 64)])
def test_powers_of_two(number, power):
    assert triton_sizes.power_of_two(number) == power
