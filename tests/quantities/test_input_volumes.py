"""What is refused as PET or as mask, and what a mask becomes."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.quantities.input_volumes import check_mask, check_suv, read_volume


class TestReading:
    @pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
    def test_whatever_simpleitk_knows(self, tmp_path, volume, ending):
        values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        sitk.WriteImage(volume(values, (1.0, 2.0, 3.0)), str(tmp_path / f"pet{ending}"))
        found = read_volume(tmp_path / f"pet{ending}")
        assert sitk.GetArrayFromImage(found).tolist() == values.tolist()
        assert found.GetSpacing() == (1, 2, 3)

    @pytest.mark.parametrize(("times", "dimensions"), [(1, 3), (2, 4)])
    def test_a_fourth_axis_of_length_1_is_left_out(self, tmp_path, volume, times, dimensions):
        image = sitk.JoinSeries([volume(np.full((2, 3, 4), time, dtype=np.int16)) for time in range(times)])
        sitk.WriteImage(image, str(tmp_path / "pet.nii"))
        found = read_volume(tmp_path / "pet.nii")
        assert found.GetDimension() == dimensions
        assert found.GetSize()[:3] == (4, 3, 2)

    def test_files_that_are_not_there_or_torn(self, tmp_path, volume):
        with pytest.raises(InputError, match=r"absent\.nii does not exist"):
            read_volume(tmp_path / "absent.nii")
        with pytest.raises(InputError, match="does not exist"):
            read_volume(tmp_path)
        sitk.WriteImage(volume(np.random.default_rng(0).random((9, 9, 9))), str(tmp_path / "whole.nii.gz"))
        (tmp_path / "torn.nii.gz").write_bytes((tmp_path / "whole.nii.gz").read_bytes()[:-50])
        with pytest.raises(InputError, match=r"torn\.nii\.gz cannot be read"):
            read_volume(tmp_path / "torn.nii.gz")


class TestSuv:
    @pytest.mark.parametrize("above", [0, 1, 2])
    def test_a_thousandth_of_the_voxels_may_exceed_100(self, volume, above):
        """Of 2000 voxels two may: a hot vial, or urine in a small field of view."""
        values = np.full((10, 10, 20), 100.0)
        values.flat[:above] = 5000
        check_suv(volume(values))

    def test_more_of_them_are_becquerels(self, volume):
        values = np.full((10, 10, 20), 1.0)
        values.flat[:3] = 5000
        with pytest.raises(InputError, match=r"not in SUV: the 99\.9th percentile .* is 5000, above 100\. .*Bq/ml"):
            check_suv(volume(values))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_no_numbers(self, volume, value):
        values = np.ones((2, 3, 4))
        values[1, 2, 3] = value
        with pytest.raises(InputError, match="no numbers"):
            check_suv(volume(values))

    def test_whole_numbers_will_do(self, volume):
        check_suv(volume(np.full((2, 3, 4), 7, dtype=np.int16)))


@pytest.mark.parametrize(("check", "name"), [(check_suv, "PET"), (check_mask, "mask")])
class TestVolumes:
    def test_slices_have_no_volume(self, check, name):
        with pytest.raises(InputError, match=f"The {name} has 2 dimensions: .* A slice has no ml"):
            check(sitk.Image(4, 4, sitk.sitkUInt8))

    def test_series_in_time_are_refused(self, check, name):
        with pytest.raises(InputError, match=f"The {name} has 4 dimensions"):
            check(sitk.Image([4, 4, 4, 2], sitk.sitkUInt8))

    def test_colours_are_refused(self, check, name):
        with pytest.raises(InputError, match=f"The {name} has 3 values a voxel: it must have one"):
            check(sitk.Image([4, 4, 4], sitk.sitkVectorUInt8, 3))


class TestMask:
    @pytest.mark.parametrize(
        "dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.int64, np.float32, np.float64]
    )
    def test_labels_of_any_type_become_16_bits_where_they_were(self, volume, dtype):
        values = np.array([[[0, 1], [2, 100]]], dtype=dtype)
        found = check_mask(volume(values, (2.0, 3.0, 4.0), (5.0, 6.0, 7.0), np.diag([-1.0, 1, -1])))
        assert found.GetPixelID() == sitk.sitkUInt16
        assert sitk.GetArrayFromImage(found).tolist() == [[[0, 1], [2, 100]]]
        assert (found.GetSpacing(), found.GetOrigin()) == ((2, 3, 4), (5, 6, 7))
        assert found.GetDirection() == (-1, 0, 0, 0, 1, 0, 0, 0, -1)

    @given(arrays(np.uint16, array_shapes(min_dims=3, max_dims=3, max_side=4)), st.floats(-0.0009, 0.0009))
    def test_values_within_a_thousandth_are_whole(self, values, off):
        image = sitk.GetImageFromArray(np.clip(values + off, -np.inf, 65535.0))
        assert np.array_equal(sitk.GetArrayFromImage(check_mask(image)), values)

    @pytest.mark.parametrize(
        ("values", "shown"),
        [
            ([0, 0.5, 1, 0.25], r"0\.25, 0\.5\."),
            ([0, 1.002, 1], r"1\.002\."),
            ([-1.0, 0, 1], r"-1\.0\."),
            ([65536.0, 0], r"65536\.0\."),
            ([np.nan, 1], r"nan\."),
            ([np.inf, 1], r"inf\."),
            ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], r"0\.1, 0\.2, 0\.3, 0\.4, 0\.5\."),
        ],
    )
    def test_other_values_are_named(self, volume, values, shown):
        with pytest.raises(InputError, match=f"values that are no labels: {shown} It must hold 0, 1, 2"):
            check_mask(volume(np.array([[values]], dtype=np.float64)))

    @pytest.mark.parametrize(
        ("dtype", "value"), [(np.int8, -1), (np.int16, -3), (np.int32, 65536), (np.uint32, 2**31), (np.int64, -(2**40))]
    )
    def test_whole_numbers_out_of_range_are_named(self, volume, dtype, value):
        with pytest.raises(InputError, match=f"no labels: {value}\\."):
            check_mask(volume(np.array([[[0, value]]], dtype=dtype)))

    def test_the_highest_label(self, volume):
        found = check_mask(volume(np.array([[[0, 65535]]], dtype=np.int32)))
        assert sitk.GetArrayFromImage(found).tolist() == [[[0, 65535]]]
