import numpy as np
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


def test_division_by_255_has_data_of_its_own(plans):
    changed = normalized(plans, "divide_by_255", "2d")["configurations"]["2d"]
    assert changed["normalization_schemes"] == [DIVISION_BY_255] * 2
    assert changed["data_identifier"] == "nnUNetCIPAPlans_2d"
    assert plans["configurations"]["2d"]["data_identifier"] == "nnUNetPlans_2d"


def test_what_is_divided_already_is_shared(plans):
    plans["configurations"]["2d"]["normalization_schemes"] = [DIVISION_BY_255] * 2
    assert normalized(plans, "divide_by_255", "2d")["configurations"]["2d"]["data_identifier"] == "nnUNetPlans_2d"


@pytest.mark.parametrize("extreme", [{"min": -900, "max": 100}, {"min": 0, "max": 4000}])
def test_other_than_8_bit_images_are_refused(plans, extreme):
    plans["foreground_intensity_properties_per_channel"]["0"] = extreme
    with pytest.raises(InputError, match="is for 8-bit images"):
        normalized(plans, "divide_by_255", "2d")


def test_dataset_normalizes_pet_as_nnunet_does_ct(plans):
    changed = normalized(plans, "dataset", "2d")
    assert changed["configurations"]["2d"]["normalization_schemes"] == ["CTNormalization", "CTNormalization"]
    assert changed["configurations"]["2d"]["data_identifier"] == "nnUNetCIPAPlans_2d"
    assert (
        changed["foreground_intensity_properties_per_channel"] == plans["foreground_intensity_properties_per_channel"]
    )


def test_dataset_takes_uptake_of_any_scale(plans):
    plans["foreground_intensity_properties_per_channel"]["0"] = {"min": -900, "max": 100}
    assert normalized(plans, "dataset", "2d") != plans


def test_nnunet_keeps_the_scale_of_uptake_with_that_scheme():
    from nnunetv2.preprocessing.normalization.default_normalization_schemes import CTNormalization

    statistics = {"mean": 5.0, "std": 2.0, "percentile_00_5": 1.0, "percentile_99_5": 20.0}
    cold, hot = (np.full((1, 4, 4), value, dtype=np.float32) for value in (3.0, 30.0))
    normalize = CTNormalization(use_mask_for_norm=False, intensityproperties=statistics).run
    assert (normalize(cold.copy()) == -1).all()
    assert (normalize(hot.copy()) == 7.5).all()
