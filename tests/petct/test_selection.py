from pathlib import Path

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.headers import Header
from nnunetv2_cipa.petct.selection import choose_pair, covered, is_sharp
from nnunetv2_cipa.petct.series import Series, group_series
from nnunetv2_cipa.petct.tags import CT_IMAGE, PET_IMAGE


def series(uid, *, first=0.0, step=3.0, number=40, kind=CT_IMAGE, **changes):
    values = {
        "SOPClassUID": kind,
        "SeriesInstanceUID": uid,
        "FrameOfReferenceUID": "9.9",
        "ImageOrientationPatient": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        "PixelSpacing": (2.0, 2.0),
        "Rows": 64,
        "Columns": 64,
        "CorrectedImage": ("ATTN", "DECY"),
        **changes,
    }
    headers = [
        Header(
            Path(f"{uid}/{index}"),
            {**values, "SOPInstanceUID": f"{uid}.{index}", "ImagePositionPatient": (0.0, 0.0, first + step * index)},
        )
        for index in range(number)
    ]
    (one,) = group_series(headers)
    return one


PET = series("1.1", kind=PET_IMAGE)


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ({"ConvolutionKernel": "B60f"}, "2.1"),
        ({"ConvolutionKernel": "LUNG"}, "2.1"),
        ({"number": 20}, "2.1"),
        ({"step": 5.0, "number": 24}, "2.1"),
        ({"step": 1.5, "number": 80}, "2.2"),
        ({"step": 1.5, "number": 80, "ConvolutionKernel": "BONE"}, "2.1"),
        ({"FrameOfReferenceUID": "8.8", "step": 1.5, "number": 80}, "2.1"),
        ({"number": 9}, "2.1"),
        ({"ImageOrientationPatient": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)}, "2.1"),
        ({"RescaleType": "OD", "step": 1.5, "number": 80}, "2.1"),
    ],
)
def test_the_ct_that_fits_best_is_chosen_and_the_others_are_told(others, chosen):
    choice = choose_pair([PET, series("2.1", ConvolutionKernel="B30f"), series("2.2", **others)])
    assert choice.ct.uid == chosen
    assert len(choice.passed_over) == 1


def test_equal_cts_are_refused_unless_one_is_named():
    with pytest.raises(InputError, match="--series"):
        choose_pair([PET, series("2.1"), series("2.2")])
    assert choose_pair([PET, series("2.1"), series("2.2")], named_series=["2.2"]).ct.uid == "2.2"


@pytest.mark.parametrize("missing", [[PET], [series("2.1")], []])
def test_a_pair_needs_both(missing):
    with pytest.raises(InputError, match="There is no"):
        choose_pair(missing)


def test_coverage():
    assert covered(PET, series("2.1")) == 1
    assert covered(PET, series("2.1", number=20)) == pytest.approx(20 / 40)
    assert covered(PET, series("2.1", first=500.0)) == 0


def test_a_ct_of_a_part_is_told_and_one_of_less_than_half_refused():
    choice = choose_pair([PET, series("2.1", number=30)])
    assert any("75%" in warning for warning in choice.warnings)
    with pytest.raises(InputError, match="covers only"):
        choose_pair([PET, series("2.1", number=15)])


@pytest.mark.parametrize("kernel", ["B60f", "Br59f", "H60s", "LUNG", "BONEPLUS", "YA", ("I70f", "3")])
def test_sharp_kernels(kernel):
    assert is_sharp(kernel)


@pytest.mark.parametrize("kernel", ["B30f", "Br38", "STANDARD", "SOFT", "C", None, ("I31f", "3")])
def test_soft_kernels(kernel):
    assert not is_sharp(kernel)


def test_a_dynamic_series_beside_a_static_one_is_passed_over():
    dynamic = Series(tuple(header for header in PET.headers for _ in range(2)))
    choice = choose_pair([PET, dynamic, series("2.1")])
    assert choice.pet is PET
    assert any("several images" in reason for reason in choice.passed_over)


def test_images_that_are_no_slices_are_told_where_nothing_is_left():
    with pytest.raises(InputError, match="LOCALIZER"):
        choose_pair([PET], unusable=["series 2.3: ImageType (0008,0008) has LOCALIZER"])
