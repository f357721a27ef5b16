"""How scans are cut for the Triton kernels."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.scan import triton_sizes
from nnunetv2_cipa.scan.operators import Scan


def sizes_of(batch: int, side: int, channels: int, states: int, processors: int) -> triton_sizes.Sizes:
    x = torch.empty(batch, side, side, channels, device="meta")
    A = torch.empty(4, channels, states, device="meta")
    weight = torch.empty(4, channels, 6, device="meta")
    return triton_sizes.cut(Scan(x, x, A, x, x, x, x, weight), processors)


def test_a_small_batch_is_cut_in_sections():
    sizes = sizes_of(2, 128, 192, 16, 132)
    assert 132 * 8 <= sizes.batch * sizes.orders * sizes.blocks * sizes.sections < 132 * 16
    assert sizes.section_length % triton_sizes.INTERVAL == 0


def test_a_large_batch_is_not():
    assert sizes_of(64, 128, 192, 16, 132).sections == 1
    assert sizes_of(4096, 4, 192, 16, 132).sections == 1


def test_many_small_maps_share_programs():
    sizes = sizes_of(4096, 4, 192, 16, 132)
    assert 132 * 8 <= sizes.grid[0] * sizes.grid[1] < 132 * 16


@given(side=st.integers(1, 1024), batch=st.integers(0, 30), processors=st.integers(1, 200))
def test_sections_cover_the_map_once(side, batch, processors):
    sizes = sizes_of(batch, side, 96, 16, processors)
    assert (sizes.sections - 1) * sizes.section_length < side**2 <= sizes.sections * sizes.section_length
    assert sizes.workers >= 1


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
