import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.body import suv_type_factor

MAN = {"PatientWeight": 80.0, "PatientSize": 1.8, "PatientSex": "M"}
WOMAN = {"PatientWeight": 60.0, "PatientSize": 1.65, "PatientSex": "F"}


@pytest.mark.parametrize(
    ("suv_type", "values", "expected"),
    [
        ("BW", {}, 1.0),
        ("BSA", MAN, 8.0 / 1.9964),
        ("LBMJAMES128", MAN, 80 / 62.716),
        ("LBMJAMES128", WOMAN, 60 / 44.630),
        ("LBMJANMA", MAN, 80 / 61.761),
        ("LBMJANMA", WOMAN, 60 / 39.249),
    ],
)
def test_factors(suv_type, values, expected):
    assert suv_type_factor(suv_type, values, None)[0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("suv_type", "changes", "tag"),
    [
        ("LBM", {}, "0054,1006"),
        ("IBW", {}, "0054,1006"),
        ("BSA", {"PatientSize": 180.0}, "0010,1020"),
        ("BSA", {"PatientSize": 0.0}, "0010,1020"),
        ("LBMJANMA", {"PatientSex": "O"}, "0010,0040"),
    ],
)
def test_what_is_not_defined_is_refused(suv_type, changes, tag):
    with pytest.raises(InputError, match=tag):
        suv_type_factor(suv_type, {**MAN, **changes}, None)
