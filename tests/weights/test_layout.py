"""Names of parameters, published and ours: each has one, both ways, for every variant."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.weights.layout import our_key, published_key
from nnunetv2_cipa.weights.published import CHANNEL_ORDER


@pytest.fixture(scope="module")
def shapes():
    """Names and shapes of ours, as the published one for images of 512 pixels."""
    with torch.device("meta"):
        state_dict = CIPA((512, 512), num_classes=1).state_dict()
    return {name: tuple(value.shape) for name, value in state_dict.items()}


def test_every_published_weight_is_one_of_ours_and_of_its_size(published_keys_512, shapes):
    """But for the first convolution, which is published for three times the same image, and A and D by direction."""
    ours = {key: our_key(key) for key in published_keys_512}
    assert None not in ours.values()
    assert len(set(ours.values())) == len(ours)
    assert set(shapes) - set(ours.values()) == {CHANNEL_ORDER}
    for key, name in ours.items():
        published, mine = torch.Size(published_keys_512[key]).numel(), torch.Size(shapes[name]).numel()
        assert mine * (3 if key == "backbone.vssm.patch_embed.0.weight" else 1) == published, key


def test_both_ways_lead_back(published_keys_512):
    assert [published_key(our_key(key)) for key in published_keys_512] == list(published_keys_512)


def test_every_weight_of_the_deepest_variant_has_a_published_name():
    """The base one has the same names in other sizes."""
    with torch.device("meta"):
        names = CIPA((64, 64), variant="small").state_dict().keys()
    published = {name: published_key(name) for name in names}
    assert [name for name, key in published.items() if key is None] == [CHANNEL_ORDER]
    assert len(set(published.values())) == len(published)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("backbone.vssm.patch_embed.2.bias", "encoder.patch_embedding.norm.bias"),
        ("backbone.vssm.layers.2.blocks.26.op.A_logs", "encoder.stages.2.26.ss2d.scan.A_log"),
        ("backbone.vssm.layers.1.blocks.0.op.in_proj.weight", "encoder.stages.1.0.ss2d.input_projection.weight"),
        ("backbone.cross_mamba.3.channel_weights.mlp.3.Ds", "crm.3.channel_scan.scan.D"),
        ("backbone.region_patch.0.outer_convs.10.running_var", "dcim.0.region_convolutions.10.running_var"),
        ("decode_head.layers_up.3.blocks.1.scale2", "decoder.levels.2.1.attention_scale"),
        (
            "decode_head.layers_up.1.blocks.0.conv_blk.cab.3.fc.2.weight",
            "decoder.levels.0.0.attention.squeeze.2.weight",
        ),
        ("decode_head.output.weight", "decoder.seg_layers.0.weight"),
    ],
)
def test_some_by_hand(published, ours):
    assert our_key(published) == ours
    assert published_key(ours) == published


@pytest.mark.parametrize(
    "key",
    [
        "",
        "weight",
        "backbone.vssm.layers.4.blocks.0.norm.weight",
        "backbone.vssm.layers.2.blocks.27.norm.weight",
        "backbone.vssm.layers.0.blocks.0.norm.scale",
        "backbone.vssm.layers.0.blocks.0.norm.weight.more",
        "backbone.vssm.layers.0.blocks.0.op",
        "encoder.patch_embedding.norm.bias",
        "module.backbone.vssm.patch_embed.2.bias",
    ],
)
def test_other_names_have_none(key):
    assert our_key(key) is None


@pytest.mark.parametrize("key", ["channel_order", "encoder.stages.4.0.norm.weight", "decode_head.output.weight"])
def test_names_that_are_ours_alone_or_not_ours_have_no_published_one(key):
    assert published_key(key) is None


@given(st.text(alphabet="abcdefgrsvw.0123456789_", max_size=60))
def test_no_name_raises(key):
    assert our_key(key) is None or published_key(our_key(key)) == key
