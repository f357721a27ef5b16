"""Published sizes, by the published weights' own shapes and by what others report."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import torch

from nnunetv2_cipa.network import VARIANTS, Variant, VariantName
from nnunetv2_cipa.network.encoder import Encoder

KEYS = Path(__file__).parents[1] / "golden" / "official_tiny_512_keys.json"


def number_of_weights(variant):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Encoder(VARIANTS[variant]).parameters())


def test_tiny_is_what_the_published_weights_have():
    keys = json.loads(KEYS.read_text())
    blocks = set(re.findall(r"vssm\.layers\.(\d)\.blocks\.(\d+)\.", " ".join(keys)))
    depths = tuple(sum(stage == str(number) for stage, _ in blocks) for number in range(4))
    channels = tuple(keys[f"backbone.vssm.layers.{number}.blocks.0.norm.weight"][0] for number in range(4))
    assert VARIANTS["tiny"].depths == depths
    assert VARIANTS["tiny"].stage_channels == channels


def test_small_is_as_much_larger_as_sigmas():
    """Sigma, with the same encoder, has 48.3 million weights with the tiny and 69.8 million with the small one."""
    assert (number_of_weights("small") - number_of_weights("tiny")) / 1e6 == pytest.approx(69.8 - 48.3, abs=0.1)


def test_base_is_wider_and_as_deep_as_small():
    assert VARIANTS["base"].stage_channels == (128, 256, 512, 1024)
    assert VARIANTS["base"].depths == VARIANTS["small"].depths


def test_deeper_encoders_drop_more():
    rates = [VARIANTS[name].drop_path_rate for name in ("tiny", "small", "base")]
    assert rates == sorted(set(rates))


def test_names_that_may_be_given_are_those_there_are():
    assert get_args(VariantName) == tuple(VARIANTS)


def test_channels_double_at_each_stage():
    assert Variant(depths=(1, 1, 1, 1), channels=3, drop_path_rate=0.0).stage_channels == (3, 6, 12, 24)
