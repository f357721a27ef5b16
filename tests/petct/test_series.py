import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.petct.headers import Header, read_folder
from nnunetv2_cipa.petct.series import Series, check_volume, group_series, read_volume
from nnunetv2_cipa.petct.tags import CT_IMAGE

pytest.importorskip("pydicom")


def stack(places, **changes):
    values = {
        "SOPClassUID": CT_IMAGE,
        "SeriesInstanceUID": "1.2",
        "ImageOrientationPatient": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        "PixelSpacing": (2.0, 1.0),
        "Rows": 4,
        "Columns": 5,
    }
    from pathlib import Path

    headers = [
        Header(
            Path(f"slice{index}"),
            {**values, "SOPInstanceUID": f"1.2.{index}", "ImagePositionPatient": place, **changes},
        )
        for index, place in enumerate(places)
    ]
    (series,) = group_series(headers)
    return series


def test_slices_are_sorted_by_place(study):
    headers = read_folder(study / "CT").headers
    assert [header.path.name for header in headers] == [f"IM{number:05d}" for number in range(1, 13)]
    (series,) = group_series(headers)
    assert np.all(np.diff(series.positions[:, 2]) > 0)


def test_real_ge_steps_are_regular():
    places = np.cumsum([0, 3.27, 3.27, 3.29, 3.19, 3.27])
    check_volume(stack([(0.0, 0.0, float(z)) for z in places]))


@pytest.mark.parametrize(
    ("places", "what"),
    [
        ([(0, 0, z) for z in (0, 3, 6, 12, 15)], "1 slices are missing"),
        ([(0, 0, z) for z in (0, 3, 6, 15, 18)], "2 slices are missing"),
        ([(0, 0, z) for z in (0, 3, 6, 7.5, 9)], "uneven"),
        ([(0, 0, z) for z in (0, 3, 3, 6, 9)], "several images"),
        ([(0, z * 0.1, z) for z in (0, 3, 6, 9)], "tilted"),
        ([(0, 0, 0)], "one slice"),
    ],
)
def test_other_stacks_are_refused(places, what):
    with pytest.raises(InputError, match=what):
        check_volume(stack([tuple(map(float, place)) for place in places]))


def test_oblique_slices_are_sorted_along_their_normal():
    normal = np.cross((1, 0, 0), (0, np.cos(0.4), np.sin(0.4)))
    places = [tuple((3.0 * number * normal).tolist()) for number in (3, 1, 0, 2)]
    series = stack(places, ImageOrientationPatient=(1.0, 0.0, 0.0, 0.0, float(np.cos(0.4)), float(np.sin(0.4))))
    check_volume(series)
    assert series.spacing == pytest.approx((1.0, 2.0, 3.0))
    assert [header.path.name for header in series.headers] == ["slice2", "slice1", "slice3", "slice0"]


def test_groups_by_size_and_orientation():
    first, second = stack([(0.0, 0.0, 0.0)] * 2), stack([(0.0, 0.0, 0.0)] * 3, Rows=8)
    assert len(group_series([*first.headers, *second.headers])) == 2


def test_projections_and_localizers_are_no_slices():
    for word in ("MIP", "PROJECTION IMAGE", "LOCALIZER"):
        series = stack([(0.0, 0.0, 0.0)] * 2)
        headers = [Header(one.path, {**one.values, "ImageType": ("DERIVED", word)}) for one in series.headers]
        assert group_series(headers) == []


def test_each_slice_has_its_own_slope(study, edit):
    paths = sorted((study / "CT").iterdir())
    (series,) = group_series(read_folder(study / "CT").headers)
    before = sitk.GetArrayFromImage(read_volume(series)) + 1024
    edit(paths, RescaleSlope=lambda dataset: str(1 + 0.37 * (int(dataset.InstanceNumber) - 1)))
    (series,) = group_series(read_folder(study / "CT").headers)
    after = sitk.GetArrayFromImage(read_volume(series)) + 1024
    slopes = 1 + 0.37 * np.arange(11, -1, -1)
    assert after == pytest.approx(before * slopes[:, None, None], abs=2e-3)


def test_a_series_tells_what_it_is(study):
    (series,) = group_series(read_folder(study / "CT").headers)
    assert "12 slices" in str(series)
    assert series.uid in series.identifiers
    assert isinstance(series, Series)
    assert not series.is_pet
