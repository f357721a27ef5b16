"""What a file is recognised as, and which files are refused."""

import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.weights.input_scaling import IMAGENET, PUBLISHED
from nnunetv2_cipa.weights.source import published_shapes, read_source


@pytest.fixture
def save(tmp_path):
    def save(state_dict):
        torch.save({"model": state_dict}, tmp_path / "file.pth")
        return tmp_path / "file.pth"

    return save


def empty(variant, patch_size):
    """A file's worth of zeros in the published shapes, stored once."""
    shapes = published_shapes(variant, patch_size)
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}


def test_recognises_cipa(cipa_file, golden_weights):
    source = read_source(cipa_file)
    assert (source.layout, source.variant, source.patch_size) == ("CIPA", "tiny", (128, 128))
    assert source.scaling is PUBLISHED
    assert source.weights.keys() == golden_weights.keys()
    assert source.unused == []


@pytest.mark.parametrize(("variant", "size"), [("tiny", 512), ("small", 256), ("base", 512)])
def test_recognises_variant_and_patch_size(save, variant, size):
    source = read_source(save(empty(variant, (size, size))))
    assert (source.layout, source.variant, source.patch_size) == ("CIPA", variant, (size, size))


def test_shapes_are_the_published_ones(published_state_dict):
    published = {key: value.shape for key, value in published_state_dict(128).items()}
    assert published_shapes("tiny", (128, 128)) == published


@pytest.mark.parametrize("names", ["vmamba_state_dict", "old_vmamba_state_dict"])
def test_recognises_vmamba(save, request, names, golden_weights):
    source = read_source(save(request.getfixturevalue(names)))
    assert (source.layout, source.variant, source.patch_size) == ("VMamba", "tiny", None)
    assert source.scaling is IMAGENET
    assert len(source.weights) == 208
    assert len(source.unused) == 2
    for key, value in source.weights.items():
        assert torch.equal(value, golden_weights[key]), key


def test_wrappers_and_other_spellings_give_the_same(save):
    weights = empty("tiny", (128, 128))
    renamed = {
        "module." + key.replace("cross_mamba", "CRM").replace("channel_attn_mamba", "DCIM"): value
        for key, value in weights.items()
    }
    source = read_source(save(renamed | {"module.backbone.total_ops": torch.zeros(1)}))
    assert source.weights.keys() == weights.keys()
    assert source.unused == ["backbone.total_ops"]


def _without(key):
    return lambda weights: weights.pop(key)


def _other(key, shape):
    return lambda weights: weights.update({key: torch.zeros(shape)})


TOKENS = "backbone.cross_mamba.0.channel_weights.mlp.0.weight"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without("backbone.vssm.patch_embed.0.weight"), "neither a CIPA nor a VMamba checkpoint"),
        (_without("decode_head.norm_up.bias"), r"1 of its 848 weights are missing, decode_head\.norm_up\.bias"),
        (_without("backbone.vssm.layers.2.blocks.8.norm.weight"), r"1 of its 848 weights are missing"),
        (_without(TOKENS), r"mlp\.0\.weight is missing"),
        (_other(TOKENS, 1000), "has 1000 values, which no square image gives"),
        (_other(TOKENS, 4096), r"has shape \(1024,\) instead of \(4096,\)"),
        (_other("decode_head.output.weight", (5, 96, 1, 1)), r"has shape \(5, 96, 1, 1\) instead of \(1, 96, 1, 1\)"),
        (_other("backbone.vssm.layers.2.blocks.9.norm.weight", 384), r"96 channels and \(2, 2, 10, 2\) blocks"),
        (_other("encoder.patch_embedding.projection.weight", 3), r"3 channels and \(2, 2, 9, 2\) blocks"),
    ],
)
def test_refuses_what_does_not_fit(save, spoil, message):
    weights = empty("tiny", (128, 128))
    spoil(weights)
    with pytest.raises(InputError, match=message):
        read_source(save(weights))
