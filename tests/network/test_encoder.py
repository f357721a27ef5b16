"""The shared encoder: sizes of its maps, the order of patches and neighbours, and where DropPath is."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnunetv2_cipa.network.encoder import Encoder, EncoderBlock, PatchEmbedding, PatchMerging
from nnunetv2_cipa.network.variants import Variant

SHALLOW = Variant(depths=(1, 1, 1, 1), channels=16, drop_path_rate=0.0)


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((64, 32), [(16, 8), (8, 4), (4, 2), (2, 1)]),
        ((50, 36), [(12, 9), (6, 5), (3, 3), (2, 2)]),
        ((4, 7), [(1, 1), (1, 1), (1, 1), (1, 1)]),
    ],
)
def test_sizes_of_the_maps(size, sizes):
    """A quarter, rounded down; then halves, rounded up."""
    with torch.no_grad():
        maps = Encoder(SHALLOW)(torch.randn(3, 1, *size))
    assert [tuple(x.shape) for x in maps] == [(3, *s, c) for s, c in zip(sizes, (16, 32, 64, 128), strict=True)]


def test_a_stage_goes_on_from_what_its_norm_did_not_change():
    """Maps are normalised on the way out only."""
    torch.manual_seed(0)
    encoder, images = Encoder(SHALLOW), torch.randn(1, 1, 32, 32)
    with torch.no_grad():
        before = encoder(images)
        for norm in encoder.output_norms:
            nn.init.normal_(norm.weight)  # of each channel another: what scales all alike the next norm takes back
            nn.init.normal_(norm.bias)
        after = encoder(images)
    for plain, scaled, norm in zip(before, after, encoder.output_norms, strict=True):
        torch.testing.assert_close(scaled, plain * norm.weight + norm.bias, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(plain.mean(-1), torch.zeros(plain.shape[:3]), rtol=0, atol=1e-5)
        torch.testing.assert_close(plain.var(-1, correction=0), torch.ones(plain.shape[:3]), rtol=0, atol=1e-2)


def test_drop_path_grows_from_0_block_by_block():
    encoder = Encoder(Variant(depths=(1, 2, 1, 2), channels=16, drop_path_rate=0.5))
    rates = [[block.drop_path.drop_prob for block in stage] for stage in encoder.stages]
    np.testing.assert_allclose(np.concatenate(rates), [0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert [len(stage) for stage in rates] == [1, 2, 1, 2]


def test_projections_start_small_and_scans_as_they_do():
    torch.manual_seed(0)
    encoder = Encoder(Variant(depths=(1, 1, 1, 1), channels=32, drop_path_rate=0.0))
    weights = [module.weight for module in encoder.modules() if isinstance(module, nn.Linear)]
    assert len(weights) == 4 * 2 + 3
    assert torch.cat([weight.flatten() for weight in weights]).std().item() == pytest.approx(0.02, rel=0.02)
    assert (encoder.stages[0][0].ss2d.scan.D == 1).all()


class TestPatchEmbedding:
    def test_equals_the_convolution(self):
        torch.manual_seed(0)
        layer, images = PatchEmbedding(6), torch.randn(2, 1, 12, 20)
        expected = layer.norm(layer.projection(images).permute(0, 2, 3, 1))
        torch.testing.assert_close(layer(images), expected, rtol=1e-4, atol=1e-5)

    def test_a_remainder_is_left_out(self):
        layer, images = PatchEmbedding(6), torch.randn(1, 1, 11, 14)
        torch.testing.assert_close(layer(images), layer(images[:, :, :8, :12]))
        assert layer(images).shape == (1, 2, 3, 6)


class TestPatchMerging:
    @pytest.fixture
    def merging(self):
        """Shows the first two of the four neighbours, or the last two."""
        layer = PatchMerging(1)
        layer.norm = nn.Identity()
        return layer

    def merged(self, layer, x):
        found = []
        for first in (0, 2):
            with torch.no_grad():
                layer.reduction.weight.copy_(torch.eye(4)[first : first + 2])
                found.append(layer(torch.tensor(x)[None, :, :, None]))
        return torch.cat(found, dim=-1)[0].tolist()

    def test_neighbours_are_taken_column_by_column(self, merging):
        assert self.merged(merging, [[1.0, 2, 5, 6], [3, 4, 7, 8]]) == [[[1, 3, 2, 4], [5, 7, 6, 8]]]

    def test_odd_sizes_are_padded_with_zeros_at_the_end(self, merging):
        found = self.merged(merging, [[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
        assert found == [[[1, 4, 2, 5], [3, 6, 0, 0]], [[7, 0, 8, 0], [9, 0, 0, 0]]]

    def test_neighbours_are_normalised_together(self):
        torch.manual_seed(0)
        layer, x = PatchMerging(3), torch.randn(1, 2, 2, 3)
        together = x[0].transpose(0, 1).reshape(12)
        expected = layer.reduction.weight @ F.layer_norm(together, (12,))
        torch.testing.assert_close(layer(x)[0, 0, 0], expected, rtol=1e-4, atol=1e-5)
        assert layer(x).shape == (1, 1, 1, 6)


class TestEncoderBlock:
    def test_a_silent_scan_leaves_the_map(self):
        block, x = EncoderBlock(8, 0.0), torch.randn(2, 3, 3, 8)
        nn.init.zeros_(block.ss2d.output_projection.weight)
        assert torch.equal(block(x), x)

    def test_drop_path_leaves_images_as_they_are_or_strengthens_what_is_added(self):
        """An image of the batch keeps the block with a probability of 1/2, and then has twice of it."""
        torch.manual_seed(0)
        block, x = EncoderBlock(8, 0.5), torch.randn(12, 2, 2, 8)
        added = block.eval()(x) - x
        found = block.train()(x) - x
        ratios = (found * added).sum(dim=(1, 2, 3)) / added.square().sum(dim=(1, 2, 3))
        assert {round(ratio, 3) for ratio in ratios.tolist()} == {0.0, 2.0}
