from argparse import ArgumentParser

import pytest
from nnunetv2.preprocessing.normalization.map_channel_name_to_normalization import get_normalization_scheme

from nnunetv2_cipa.nnunet.normalizations import (
    CHANNEL_NAMES,
    SCHEMES,
    add_normalization_argument,
    default_normalization,
)


def parse(*words):
    parser = ArgumentParser()
    add_normalization_argument(parser)
    return parser.parse_args(words).normalization


def test_the_earlier_name_is_still_understood():
    assert parse() == "stock"
    assert parse("--normalization", "fixed") == parse("--normalization", "divide_by_255") == "divide_by_255"
    assert parse("--normalization", "dataset") == "dataset"
    with pytest.raises(SystemExit):
        parse("--normalization", "zscore")


@pytest.mark.parametrize("normalization", SCHEMES)
def test_nnunet_plans_that_scheme_for_channels_of_these_names(normalization):
    for name in CHANNEL_NAMES[normalization]:
        assert get_normalization_scheme(name).__name__ == SCHEMES[normalization]


@pytest.mark.parametrize(
    ("dataset_json", "expected"), [({"pet_unit": "SUV"}, "dataset"), ({}, "stock"), ({"pet_unit": "Bq/ml"}, "stock")]
)
def test_pet_in_suv_keeps_its_scale_unless_another_is_chosen(dataset_json, expected):
    assert default_normalization(dataset_json) == expected
    parser = ArgumentParser()
    add_normalization_argument(parser, default=None)
    assert parser.parse_args([]).normalization is None
    assert "dataset for PET in SUV" in " ".join(parser.format_help().split())
