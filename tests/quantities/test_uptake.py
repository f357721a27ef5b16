"""Quantities by hand, by loops over cc3d's components, and of real volumes."""

import itertools
from pathlib import Path

import cc3d
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.quantities import quantify

VOLUMES = Path(__file__).parents[3] / "shared" / "data" / "sts_volumes"


def test_by_hand(two_lesions):
    found = quantify(*two_lesions)
    assert found["unit"] == "SUV"
    large, small = found["lesions"]
    assert large == {
        "SUVmax": 9,
        "SUVmean": pytest.approx((47 * 5 + 9) / 48),
        "SUVpeak": pytest.approx((18 * 5 + 9) / 19),
        "MTV_ml": pytest.approx(48 * 0.064),
        "TLG": pytest.approx((47 * 5 + 9) * 0.064),
        "centroid_mm": pytest.approx([22, 22, 16]),
    }
    assert small == {
        "SUVmax": 3,
        "SUVmean": 3,
        "SUVpeak": pytest.approx((2 * 3 + 17) / 19),
        "MTV_ml": pytest.approx(0.128),
        "TLG": pytest.approx(0.384),
        "centroid_mm": pytest.approx([48, 62, 36]),
    }
    assert found["total"] == {
        "lesions": 2,
        "SUVmax": 9,
        "SUVmean": pytest.approx((244 + 6) / 50),
        "SUVpeak": large["SUVpeak"],
        "MTV_ml": pytest.approx(50 * 0.064),
        "TLG": pytest.approx(250 * 0.064),
        "Dmax_mm": pytest.approx(np.sqrt(26**2 + 40**2 + 20**2)),
    }


def test_without_a_lesion_volumes_are_0_and_suv_undefined(two_lesions):
    pet, mask = two_lesions
    assert quantify(pet, mask * 0) == {
        "unit": "SUV",
        "lesions": [],
        "total": {
            "lesions": 0,
            "SUVmax": None,
            "SUVmean": None,
            "SUVpeak": None,
            "MTV_ml": 0,
            "TLG": 0,
            "Dmax_mm": 0,
        },
    }


def test_one_lesion_has_no_distance_to_another(two_lesions):
    pet, mask = two_lesions
    mask[12, 15, 9] = 0
    mask[12, 16, 9] = 0
    assert quantify(pet, mask)["total"]["Dmax_mm"] == 0


@given(data=st.data(), spacing=st.tuples(*3 * [st.floats(1, 6)]))
@settings(max_examples=40, deadline=None)
def test_agrees_with_loops_on_oblique_grids(data, spacing):
    shape = data.draw(st.tuples(*3 * [st.integers(2, 8)]))
    suv = data.draw(arrays(np.float32, shape, elements=st.floats(0, 50, width=32)))
    mask = data.draw(arrays(np.uint8, shape, elements=st.integers(0, 1)))
    turned = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5)
    images = []
    for values in (suv, mask):
        image = sitk.GetImageFromArray(values)
        image.SetSpacing(spacing)
        image.SetOrigin((-120.5, 33.25, 7.0))
        image.SetDirection(turned.GetMatrix())
        images.append(image)
    found = quantify(*images)
    matrix = np.array(turned.GetMatrix()).reshape(3, 3)
    numbers = cc3d.connected_components(mask, connectivity=18)
    expected = []
    for label in range(1, numbers.max() + 1):
        inside = numbers == label
        centre = matrix @ (np.argwhere(inside).mean(axis=0)[::-1] * spacing) + (-120.5, 33.25, 7.0)
        volume = inside.sum() * np.prod(spacing) / 1000
        values = suv[inside].astype(float)
        expected.append((volume, values.max(), values.mean(), values.mean() * volume, *centre))
    measured = [
        (one["MTV_ml"], one["SUVmax"], one["SUVmean"], one["TLG"], *one["centroid_mm"]) for one in found["lesions"]
    ]
    assert np.allclose(np.array(sorted(measured)).ravel(), np.array(sorted(expected)).ravel(), rtol=1e-6, atol=1e-6)
    distances = [np.linalg.norm(np.subtract(a[4:], b[4:])) for a, b in itertools.combinations(expected, 2)]
    assert found["total"]["Dmax_mm"] == pytest.approx(max(distances, default=0), abs=1e-6)
    total = found["total"]
    assert total["lesions"] == len(expected)
    assert (total["MTV_ml"], total["TLG"]) == pytest.approx(
        (sum(one[0] for one in expected), sum(one[3] for one in expected)), rel=1e-6
    )
    inside = suv[mask == 1].astype(float)
    if not inside.size:
        assert (total["SUVmax"], total["SUVmean"], total["SUVpeak"]) == (None, None, None)
        return
    assert (total["SUVmax"], total["SUVmean"]) == pytest.approx((inside.max(), inside.mean()), rel=1e-6)
    assert total["SUVpeak"] == max(one["SUVpeak"] for one in found["lesions"])


def test_a_mask_on_a_finer_grid_is_brought_to_the_pets_voxels(two_lesions, volume):
    pet, mask = two_lesions
    fine = np.kron(sitk.GetArrayFromImage(mask), np.ones((2, 4, 4), dtype=np.uint8))
    finer = volume(fine, (1.0, 1.0, 2.0), (-1.5, -1.5, -1.0))  # the same corner of the first voxel
    assert quantify(pet, finer) == quantify(pet, mask)


def test_all_that_is_not_0_is_lesion(two_lesions):
    pet, mask = two_lesions
    assert quantify(pet, mask * 3) == quantify(pet, mask)
    assert quantify(pet, sitk.Cast(mask, sitk.sitkFloat32) * 0.9999999) == quantify(pet, mask)


def test_bq_per_ml_is_refused(two_lesions):
    pet, mask = two_lesions
    with pytest.raises(InputError, match=r"not in SUV: the 99.9th percentile .* Bq/ml"):
        quantify(pet * 4000, mask)


def test_a_hot_bladder_is_no_reason_to_refuse(two_lesions):
    pet, mask = two_lesions
    pet[0, 0, 0] = 150
    assert quantify(pet, mask)["total"]["lesions"] == 2


def test_images_that_mean_nothing_are_refused(two_lesions, volume):
    pet, mask = two_lesions
    with pytest.raises(InputError, match=r"PET has 2 dimensions.*no ml"):
        quantify(pet[:, :, 0], mask)
    with pytest.raises(InputError, match="mask has 2 dimensions"):
        quantify(pet, mask[:, :, 0])
    with pytest.raises(InputError, match="3 values a voxel"):
        quantify(sitk.Compose(pet, pet, pet), mask)
    with pytest.raises(InputError, match=r"no labels: 0\.4"):
        quantify(pet, sitk.Cast(mask, sitk.sitkFloat64) * 0.4)
    with pytest.raises(InputError, match=r"no labels: -1"):
        quantify(pet, sitk.Cast(mask, sitk.sitkInt16) * -1)
    with pytest.raises(InputError, match="no numbers"):
        quantify(pet / 0, mask)


def test_a_mask_of_another_frame_is_refused(two_lesions):
    pet, mask = two_lesions
    mask.SetOrigin((1000, 0, 0))
    with pytest.raises(InputError, match=r"outside of the PET.*1000"):
        quantify(pet, mask)


@pytest.mark.skipif(not VOLUMES.is_dir(), reason="the optional data ../shared is not there")
@pytest.mark.parametrize("patient", ["STS_019", "STS_025", "STS_035"])
def test_real_volumes_agree_with_simpleitk(patient):
    pet = sitk.ReadImage(str(VOLUMES / patient / "PET_image.nii.gz"))
    mask = sitk.ReadImage(str(VOLUMES / patient / "PET_mask.nii.gz"))
    found = quantify(pet, mask)
    statistics = sitk.LabelIntensityStatisticsImageFilter()
    statistics.Execute(sitk.Cast(mask != 0, sitk.sitkUInt8), pet)
    total = found["total"]
    assert total["SUVmax"] == pytest.approx(statistics.GetMaximum(1))
    assert total["SUVmean"] == pytest.approx(statistics.GetMean(1), rel=1e-6)
    assert total["MTV_ml"] == pytest.approx(statistics.GetPhysicalSize(1) / 1000)
    assert total["TLG"] == pytest.approx(statistics.GetSum(1) * np.prod(pet.GetSpacing()) / 1000, rel=1e-6)
    assert total["SUVmean"] < total["SUVpeak"] < total["SUVmax"]
