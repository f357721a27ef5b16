"""Every spelling of a published name means the same parameter."""

import pytest

from nnunetv2_cipa.weights.layout import our_key
from nnunetv2_cipa.weights.names import canonical


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("module.backbone.CRM.2.channel_weights.mlp.0.weight", "backbone.cross_mamba.2.channel_weights.mlp.0.weight"),
        ("_orig_mod.module.backbone.DCIM.0.inner_norm1.bias", "backbone.channel_attn_mamba.0.inner_norm1.bias"),
        ("patch_embed.proj.weight", "backbone.vssm.patch_embed.0.weight"),
        ("module.patch_embed.norm.bias", "backbone.vssm.patch_embed.2.bias"),
        ("layers.2.blocks.8.ln_1.weight", "backbone.vssm.layers.2.blocks.8.norm.weight"),
        ("layers.0.blocks.1.self_attention.A_logs", "backbone.vssm.layers.0.blocks.1.op.A_logs"),
        ("layers.1.downsample.reduction.weight", "backbone.vssm.layers.1.downsample.reduction.weight"),
        ("layers.1.downsample.norm.weight", "backbone.vssm.layers.1.downsample.norm.weight"),
    ],
)
def test_spellings(key, expected):
    assert canonical(key) == expected
    assert our_key(expected) is not None


@pytest.mark.parametrize("key", ["norm.weight", "head.weight", "classifier.norm.weight"])
def test_the_classifier_means_nothing_here(key):
    assert our_key(canonical(key)) is None


def test_canonical_names_stay(golden_weights):
    assert [canonical(key) for key in golden_weights] == list(golden_weights)
