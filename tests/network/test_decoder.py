"""The decoder's layers on numbers that can be followed by hand, and against the published order of operations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnunetv2_cipa.network.decoder import (
    ChannelAttentionBlock,
    Decoder,
    DecoderBlock,
    Head,
    PatchExpansion,
    Upsampling,
)

CHANNELS = (32, 64, 128, 256)


def maps(batch, *sizes):
    random = torch.Generator().manual_seed(0)
    return [torch.randn(batch, *size, width, generator=random) for size, width in zip(sizes, CHANNELS, strict=True)]


@pytest.fixture(scope="module")
def decoder():
    torch.manual_seed(0)
    return Decoder(CHANNELS, num_classes=3).eval()


class TestDecoder:
    @pytest.mark.parametrize(
        ("size", "sizes"),
        [
            ((32, 64), [(8, 16), (4, 8), (2, 4), (1, 2)]),
            ((50, 36), [(12, 9), (6, 5), (3, 3), (2, 2)]),
            ((4, 7), [(1, 1), (1, 1), (1, 1), (1, 1)]),
        ],
    )
    def test_logits_have_the_images_size(self, decoder, size, sizes):
        with torch.no_grad():
            assert decoder(maps(2, *sizes), size).shape == (2, 3, *size)

    @pytest.mark.parametrize("changed", range(4))
    def test_each_map_counts(self, decoder, changed):
        fused = maps(1, (8, 8), (4, 4), (2, 2), (1, 1))
        with torch.no_grad():
            before = decoder(fused, (32, 32))
            fused[changed] = fused[changed].flip(-1)
            assert (decoder(fused, (32, 32)) - before).abs().max() > 1e-3

    def test_drop_path_grows_towards_the_coarse(self, decoder):
        """Rates from 0 to 0.1 over four levels of four blocks; the coarsest level is the expansion, without blocks."""
        rates = [[block.drop_path.drop_prob for block in level] for level in decoder.levels]
        every = np.arange(16).reshape(4, 4) / 150
        np.testing.assert_allclose(rates, every[[2, 1, 0]])

    def test_widths_of_the_levels(self, decoder):
        assert [level[0].scan_scale.numel() for level in decoder.levels] == [128, 64, 32]

    def test_nnunet_finds_the_layer_of_the_classes(self, decoder):
        """By the name, to leave it new when it fine-tunes."""
        found = {key: tuple(value.shape) for key, value in decoder.state_dict().items() if "seg_layers." in key}
        assert found == {"seg_layers.0.weight": (3, 32, 1, 1)}

    def test_convolutions_start_as_kaiming_has_it(self, decoder):
        """Their biases are 0 and their weights' variance is 2 / fan-in."""
        of_blocks = [block.attention.convolutions[0] for block in decoder.levels[0]]
        weights = torch.cat([layer.weight.flatten() for layer in of_blocks])
        assert weights.std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)
        assert all((layer.bias == 0).all() for layer in of_blocks)

    def test_a_map_too_few(self, decoder):
        with pytest.raises(ValueError, match="zip"):
            decoder(maps(1, (8, 8), (4, 4), (2, 2), (1, 1))[1:], (32, 32))


def test_patch_expansion_gives_each_part_its_place():
    """Of a position's 2C projected channels the first quarter goes top left, the second right, the third below."""
    layer = PatchExpansion(4)
    layer.norm = nn.Identity()
    nn.init.zeros_(layer.projection.weight)
    with torch.no_grad():
        layer.projection.weight[range(8), [0, 0, 1, 1, 2, 2, 3, 3]] = torch.tensor([1.0, 10, 1, 10, 1, 10, 1, 10])
        found = layer(torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]]).view(1, 1, 2, 4))
    assert found[0, :, :, 0].tolist() == [[1, 2, 5, 6], [3, 4, 7, 8]]
    assert found[0, :, :, 1].tolist() == [[10, 20, 50, 60], [30, 40, 70, 80]]


def test_patch_expansion_normalises_each_new_position():
    layer = PatchExpansion(64)
    found = layer(torch.randn(1, 2, 3, 64))
    assert found.shape == (1, 4, 6, 32)
    torch.testing.assert_close(found.mean(-1), torch.zeros(1, 4, 6), rtol=0, atol=1e-5)


def test_upsampling_interpolates_between_centres():
    """Pixel centres of the fine grid lie a quarter beside those of the coarse one; at the edge values go on."""
    layer = Upsampling(2)
    layer.norm = nn.Identity()
    with torch.no_grad():
        layer.projection.weight.copy_(torch.tensor([[1.0, -1.0]]))
        found = layer(torch.tensor([[9.0, 1], [4, 0]]).view(1, 1, 2, 2))
    assert found[0, :, :, 0].tolist() == [[8, 7, 5, 4]] * 2


def test_the_head_does_what_the_published_one_does():
    """Project, double, project, double, normalise, convolve."""
    torch.manual_seed(0)
    head, norm, classes, x = Head(12), nn.LayerNorm(12), nn.Conv2d(12, 3, 1, bias=False), torch.randn(2, 3, 5, 12)
    for layer in (norm, head.norm):
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)

    def doubled(y):
        y = F.interpolate(y.permute(0, 3, 1, 2), scale_factor=2, mode="bilinear", align_corners=False)
        return y.permute(0, 2, 3, 1)

    y = doubled(F.linear(norm(x), head.projection1.weight))
    y = head.norm(doubled(F.linear(y, head.projection2.weight)))
    torch.testing.assert_close(head(x, norm, classes), classes(y.permute(0, 3, 1, 2)), rtol=1e-3, atol=1e-4)


class TestChannelAttention:
    def test_without_a_squeeze_every_channel_has_half(self):
        block, x = ChannelAttentionBlock(30), torch.randn(2, 4, 5, 30)
        nn.init.zeros_(block.squeeze[2].weight)
        expected = block.convolutions(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1) / 2
        torch.testing.assert_close(block(x), expected)

    def test_weights_come_from_average_and_maximum(self):
        torch.manual_seed(0)
        block, x = ChannelAttentionBlock(60), torch.randn(2, 3, 4, 60)
        y = block.convolutions(x.permute(0, 3, 1, 2))
        pooled = F.adaptive_avg_pool2d(y, 1), F.adaptive_max_pool2d(y, 1)
        weights = torch.sigmoid(sum(block.squeeze(values) for values in pooled))
        torch.testing.assert_close(block(x), (y * weights).permute(0, 2, 3, 1), rtol=1e-4, atol=1e-5)

    def test_too_few_channels_for_a_squeeze(self):
        """A thirtieth of the channels decides; below 30 there would be none."""
        with pytest.warns(UserWarning, match="zero-element"):
            assert ChannelAttentionBlock(29).squeeze[0].out_channels == 0


def test_a_block_scales_what_passes_it_twice():
    """Where the scan and the attention add nothing, the two scales remain."""
    block, x = DecoderBlock(30, 0.0), torch.randn(2, 3, 4, 30)
    nn.init.zeros_(block.ss2d.output_projection.weight)
    for parameter in block.attention.convolutions[2].parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(block.scan_scale, 2)
    nn.init.constant_(block.attention_scale, 3)
    torch.testing.assert_close(block(x), 6 * x)
