import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.nnunet.plans import DIVISION_BY_255
from nnunetv2_cipa.planning.normalization import normalized


@pytest.fixture
def plans():
    return {
        "plans_name": "nnUNetCIPAPlans",
        "foreground_intensity_properties_per_channel": {"0": {"min": 3, "max": 255.0}, "1": {"min": 0.0, "max": 200}},
        "configurations": {
            "2d": {"normalization_schemes": ["CTNormalization", "ZScore"], "data_identifier": "nnUNetPlans_2d"}
        },
    }


def test_stock_shares_the_stock_plans_data(plans):
    assert normalized(plans, "stock", "2d") == plans


def test_fixed_has_data_of_its_own(plans):
    changed = normalized(plans, "fixed", "2d")["configurations"]["2d"]
    assert changed["normalization_schemes"] == [DIVISION_BY_255] * 2
    assert changed["data_identifier"] == "nnUNetCIPAPlans_2d"
    assert plans["configurations"]["2d"]["data_identifier"] == "nnUNetPlans_2d"


def test_what_is_fixed_already_is_shared(plans):
    plans["configurations"]["2d"]["normalization_schemes"] = [DIVISION_BY_255] * 2
    assert normalized(plans, "fixed", "2d")["configurations"]["2d"]["data_identifier"] == "nnUNetPlans_2d"


@pytest.mark.parametrize("extreme", [{"min": -900, "max": 100}, {"min": 0, "max": 4000}])
def test_other_than_8_bit_images_are_refused(plans, extreme):
    plans["foreground_intensity_properties_per_channel"]["0"] = extreme
    with pytest.raises(InputError, match="is for 8-bit images"):
        normalized(plans, "fixed", "2d")
