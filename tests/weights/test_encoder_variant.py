"""Which variant a state dict is of, by published names and ours."""

from pathlib import Path

import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import VARIANTS
from nnunetv2_cipa.network.encoder import Encoder
from nnunetv2_cipa.weights.encoder_variant import encoder_variant

PUBLISHED, OURS = "backbone.vssm.layers.{}.blocks.{}.norm.weight", "encoder.stages.{}.{}.norm.weight"
FIRST = "first.weight"
FILE = Path("weights/file.pth")


def weights(channels, depths, name=PUBLISHED):
    """One weight for each block, and the first convolution's."""
    blocks = {name.format(stage, block): torch.zeros(1) for stage, depth in enumerate(depths) for block in range(depth)}
    return {FIRST: torch.zeros(channels, 1, 4, 4), **blocks}


@pytest.mark.parametrize("name", [PUBLISHED, OURS])
@pytest.mark.parametrize(
    ("variant", "channels", "depths"),
    [("tiny", 96, (2, 2, 9, 2)), ("small", 96, (2, 2, 27, 2)), ("base", 128, (2, 2, 27, 2))],
)
def test_each_variant(variant, channels, depths, name):
    assert encoder_variant(weights(channels, depths, name), FIRST, FILE) == variant


def test_published_weights_are_tiny(published_keys_512):
    shapes = {key: torch.empty(shape, device="meta") for key, shape in published_keys_512.items()}
    assert encoder_variant(shapes, "backbone.vssm.patch_embed.0.weight", FILE) == "tiny"


@pytest.mark.parametrize("variant", VARIANTS)
def test_networks_of_ours(variant):
    with torch.device("meta"):
        encoder = Encoder(VARIANTS[variant]).state_dict()
    weights = {f"encoder.{name}": value for name, value in encoder.items()}
    assert encoder_variant(weights, "encoder.patch_embedding.projection.weight", FILE) == variant


def test_several_weights_of_a_block_are_one_block():
    more = weights(96, (2, 2, 9, 2)) | {"backbone.vssm.layers.2.blocks.8.op.Ds": torch.zeros(1)}
    assert encoder_variant(more, FIRST, FILE) == "tiny"


def test_other_modules_are_no_blocks():
    """The decoder has levels of blocks, too, and a stage has a layer between its blocks and the next ones'."""
    others = ("decode_head.layers_up.1.blocks.9.norm1.weight", "decoder.levels.0.9.scan_norm.weight")
    others += ("backbone.vssm.layers.0.downsample.norm.weight", "encoder.downsamples.0.norm.weight")
    more = weights(96, (2, 2, 9, 2)) | {name: torch.zeros(1) for name in others}
    assert encoder_variant(more, FIRST, FILE) == "tiny"


@pytest.mark.parametrize(
    ("channels", "depths"), [(128, (2, 2, 9, 2)), (96, (2, 2, 8, 2)), (96, (2, 2, 5, 2)), (64, (2, 2, 27, 2))]
)
def test_other_encoders_are_described_beside_those_there_are(channels, depths):
    with pytest.raises(InputError) as raised:
        encoder_variant(weights(channels, depths), FIRST, FILE)
    message = str(raised.value)
    assert message.startswith(f"{FILE} has an encoder of {channels} channels and {depths} blocks")
    for variant in ("tiny has 96 and (2, 2, 9, 2)", "small has 96 and (2, 2, 27, 2)", "base has 128 and (2, 2, 27, 2)"):
        assert variant in message


def test_a_fifth_stage_does_not_count_as_another():
    """It is refused later, as a weight that has no place."""
    assert encoder_variant(weights(96, (2, 2, 9, 2, 1)), FIRST, FILE) == "tiny"
