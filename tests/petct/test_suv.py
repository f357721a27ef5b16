import json
import math

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.suv import suv_scale

HALF_LIFE = 6586.2
AT_START = 80_000 / 4e8 * 2 ** (3600 / HALF_LIFE)

REAL_HEADERS = {
    "SIEMENS": 4.274832e-4,
    "GE_MEDICAL_AND_BQML": 5.367388e-4,
    "PHILIPS_BQML": 7.463747e-4,
    "PHILIPS_CNTS_AND_BQML_SUV": 5.51e-4,
    "PHILIPS_CNTS_AND_SUV": 7.28e-4,
    "BQML_AC_DT_lessThan_S_DT_SIEMENS": 4.069157e-4,
    "CPS_AND_BQML_AC_DT_-_S_DT": 2.650331e-4,
    "RADIOPHARM_DATETIME_UNDEFINED": 3.721089e-4,
}


@pytest.mark.parametrize(("name", "factor"), REAL_HEADERS.items())
def test_real_headers_give_their_factors(shared_data, name, factor):
    slices = []
    for header in json.loads((shared_data / "dicom" / "headers" / f"{name}.json").read_text()):
        private = header.pop("PhilipsPETPrivateGroup")
        item = {key: header.pop(key) for key in list(header) if key.startswith("Radio")}
        values = {**header, "RadiopharmaceuticalInformationSequence": (item,), "RescaleIntercept": 0}
        values["PhilipsSUVScaleFactor"] = private.get("SUVScaleFactor")
        values["PhilipsActivityScaleFactor"] = private.get("ActivityConcentrationScaleFactor")
        slices.append({key: value for key, value in values.items() if value is not None})
    assert suv_scale(slices).factors == pytest.approx([factor] * len(slices), rel=1e-6)


def test_start_is_corrected_to_the_series_for_all_beds(pet_slices):
    assert suv_scale(pet_slices()).factors == pytest.approx([AT_START] * 4)


def test_admin_does_not_decay(pet_slices):
    assert suv_scale(pet_slices(DecayCorrection="ADMIN")).factors == pytest.approx([2e-4] * 4)


def test_uncorrected_slices_decay_each_from_its_own_time(pet_slices):
    slices = pet_slices(DecayCorrection="NONE", CorrectedImage=("ATTN",))
    rate = math.log(2) / HALF_LIFE
    mean = rate * 290 / (1 - math.exp(-rate * 290))
    expected = [2e-4 * math.exp(rate * uptake) * mean for uptake in (3600, 3600, 3900, 3900)]
    assert suv_scale(slices).factors == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Units": "GML"}, 1.0),
        ({"Units": "GML", "SUVType": "BW", "PatientWeight": None}, 1.0),
        ({"Units": "CM2ML"}, 8.0 / (0.007184 * 180**0.725 * 80**0.425)),
        ({"Units": "GML", "SUVType": "BSA"}, 8.0 / (0.007184 * 180**0.725 * 80**0.425)),
        ({"Units": "GML", "SUVType": "LBMJAMES128"}, 80 / (1.10 * 80 - 128 * (80 / 180) ** 2)),
        ({"Units": "GML", "SUVType": "LBMJANMA"}, 80 / (9270 * 80 / (6680 + 216 * 80 / 1.8**2))),
        ({"Units": "CNTS", "PhilipsSUVScaleFactor": "0.00072"}, 0.00072),
        ({"Units": "CNTS", "PhilipsSUVScaleFactor": "0", "PhilipsActivityScaleFactor": "1.5"}, 1.5 * AT_START),
        ({"PhilipsSUVScaleFactor": "0.00072"}, AT_START),
    ],
)
def test_units(pet_slices, changes, expected):
    assert suv_scale(pet_slices(**changes)).factors == pytest.approx([expected] * 4)


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"Units": "PROPCNTS"}, r"Units \(0054,1001\) is PROPCNTS"),
        ({"Units": "NONE"}, "0054,1001"),
        ({"Units": None}, r"0054,1001\) is missing"),
        ({"Units": "CNTS"}, "7053,1000"),
        ({"Units": "CNTS", "PhilipsSUVScaleFactor": "0"}, "7053,1009"),
        ({"Units": "CNTS", "PhilipsSUVScaleFactor": "-0.0007"}, "7053,1000"),
        ({"Units": "CNTS", "PhilipsActivityScaleFactor": "1,5"}, "7053,1009"),
        ({"Units": "GML", "SUVType": "LBM"}, "0054,1006"),
        ({"Units": "GML", "SUVType": "IBW"}, "0054,1006"),
        ({"Units": "GML", "SUVType": "BSA", "PatientSize": None}, "0010,1020"),
        ({"Units": "GML", "SUVType": "LBMJANMA", "PatientSex": "O"}, "0010,0040"),
        ({"RescaleIntercept": -3.0}, "0028,1052"),
        ({"CorrectedImage": ("DECY",)}, "0028,0051"),
        ({"CorrectedImage": None}, "0028,0051"),
        ({"CorrectedImage": ("ATTN",)}, "DECY"),
        ({"DecayCorrection": "NONE"}, "0054,1102"),
        ({"DecayCorrection": None}, "0054,1102"),
        ({"PatientWeight": None}, r"PatientWeight \(0010,1030\) is missing"),
        ({"PatientWeight": 0.0}, "0010,1030"),
        ({"PatientWeight": -70.0}, "0010,1030"),
        ({"PatientWeight": "seventy"}, "seventy"),
        ({"radiopharmaceutical": {"RadionuclideTotalDose": None}}, "0018,1074"),
        ({"radiopharmaceutical": {"RadionuclideTotalDose": 0}}, "0018,1074"),
        ({"radiopharmaceutical": {"RadionuclideHalfLife": None}}, "0018,1075"),
        ({"radiopharmaceutical": {"RadiopharmaceuticalStartTime": None}}, "0018,1072"),
        ({"RadiopharmaceuticalInformationSequence": ({}, {})}, "2 items"),
        ({"RadiopharmaceuticalInformationSequence": None}, "0 items"),
        ({"AcquisitionTime": None}, "0008,0032"),
        ({"slice_changes": lambda index: {"PatientWeight": 80.0 + index}}, "differs"),
        ({"slice_changes": lambda index: {"Units": ("BQML", "GML")[index % 2]}}, "differs"),
        ({"slice_changes": lambda index: {"SeriesTime": f"11000{index}"}}, "differs"),
    ],
)
def test_what_is_unknown_or_contradictory_is_refused_with_its_tag(pet_slices, changes, tag):
    with pytest.raises(InputError, match=tag):
        suv_scale(pet_slices(**changes))


def test_dose_in_megabecquerels_and_weight_in_grams_are_seen_and_said(pet_slices):
    scale = suv_scale(pet_slices(PatientWeight=80_000.0, radiopharmaceutical={"RadionuclideTotalDose": 400}))
    assert scale.factors == pytest.approx([AT_START] * 4)
    assert any("MBq" in warning for warning in scale.warnings)
    assert any("grams" in warning for warning in scale.warnings)


def test_a_given_weight_replaces_a_missing_one(pet_slices):
    assert suv_scale(pet_slices(PatientWeight=None), weight=80).factors == pytest.approx([AT_START] * 4)


def test_unusual_uptake_and_a_second_opinion_are_said(pet_slices):
    scale = suv_scale(
        pet_slices(radiopharmaceutical={"RadiopharmaceuticalStartTime": "103000"}, FrameReferenceTime=900_000)
    )
    assert any("0054,1300" in warning for warning in scale.warnings)
    early = suv_scale(pet_slices(radiopharmaceutical={"RadiopharmaceuticalStartTime": "105000"}))
    assert any("10 min from injection" in warning for warning in early.warnings)
    assert not suv_scale(pet_slices()).warnings
