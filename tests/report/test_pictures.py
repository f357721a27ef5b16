"""What the viewer shows of a case, decoded again."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from PIL import Image

from nnunetv2_cipa.report.outlines import outline
from nnunetv2_cipa.report.pictures import data_url, grey_levels, picture, shown_slices
from nnunetv2_cipa.report.sources import find_sources


def decoded(url):
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        return np.asarray(image)


def test_a_slice_is_shown_as_it_is(comparison):
    case = find_sources(comparison)[1]
    shown = picture(case, NaturalImage2DIO, [(1,)])
    (only,) = shown["slices"]
    assert (shown["height"], shown["width"], shown["pixel"], shown["first"]) == (40, 48, 1, 0)
    assert shown["ranges"] == [(0, 255), (0, 255)]
    for url, file in zip(only["images"], case.images, strict=True):
        assert np.array_equal(decoded(url), np.asarray(Image.open(file)))
    files = (case.reference, *case.predictions)
    assert only["outlines"] == [[outline(np.asarray(Image.open(file)) > 0) for file in files]]


def test_without_images_there_are_outlines(comparison):
    shown = picture(replace(find_sources(comparison)[0], images=None), NaturalImage2DIO, [(1,)])
    assert shown["ranges"] == shown["slices"][0]["images"] == []
    assert shown["slices"][0]["outlines"][0][0]


def test_of_a_volume_slices_with_foreground_are_shown(volumes):
    shown = picture(find_sources(volumes)[0], SimpleITKIO, [(1,)])
    assert [slice_["number"] for slice_ in shown["slices"]] == [2, 3, 4]
    assert shown["pixel"] == 2
    (low, high), pet = shown["ranges"]
    assert (low, high) == pytest.approx((-1000, 1000), abs=1)
    assert pet == (1, 9.5)
    levels = decoded(shown["slices"][0]["images"][0])
    assert levels[0, 0] == 0
    assert levels[0, -1] == 255


def test_it_begins_with_the_largest_tumour(volumes, tmp_path):
    case = find_sources(volumes)[0]
    labels = sitk.ReadImage(str(case.reference))
    values = sitk.GetArrayFromImage(labels)
    values[3, 20:30, 20:40] = 1
    changed = sitk.GetImageFromArray(values)
    changed.CopyInformation(labels)
    sitk.WriteImage(changed, str(tmp_path / case.reference.name))
    shown = picture(replace(case, reference=tmp_path / case.reference.name), SimpleITKIO, [(1,)])
    assert shown["slices"][shown["first"]]["number"] == 3


def test_images_against_the_patients_axes_are_turned(volumes, tmp_path):
    case = find_sources(volumes)[0]
    upright = picture(case, SimpleITKIO, [(1,)])

    def turned(file):
        image = sitk.ReadImage(str(file))
        changed = sitk.GetImageFromArray(sitk.GetArrayFromImage(image)[:, ::-1, ::-1])
        changed.SetSpacing(image.GetSpacing())
        changed.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
        new = tmp_path / file.parent.name / file.name
        new.parent.mkdir(exist_ok=True)
        sitk.WriteImage(changed, str(new))
        return new

    other = replace(
        case,
        reference=turned(case.reference),
        predictions=tuple(map(turned, case.predictions)),
        images=tuple(map(turned, case.images)),
    )
    assert picture(other, SimpleITKIO, [(1,)]) == upright


@given(arrays(bool, st.integers(1, 200)))
def test_slices_with_foreground_are_shown(has_foreground):
    with_foreground = np.flatnonzero(has_foreground).tolist()
    assert shown_slices(has_foreground) == (with_foreground or [len(has_foreground) // 2])


def test_each_choice_of_labels_has_its_outlines_and_lesions(volumes):
    shown = picture(find_sources(volumes)[0], SimpleITKIO, [(1, 2), (1,), (2,)])
    together, one, none = shown["slices"][0]["outlines"]
    assert together == one
    assert none == [""] * 4
    assert [len(of_labels) for of_labels in shown["lesions"]] == [len(shown["lesions"][0])] * 2 + [0]


@given(arrays(np.uint8, array_shapes(min_dims=3, max_dims=3)))
def test_eight_bits_are_kept(values):
    levels, range_ = grey_levels(values.astype(np.float32))
    assert np.array_equal(levels, values)
    assert range_ == (0, 255)


@given(arrays(np.float32, (1, 5, 5), elements=st.floats(-2000, 4000, width=32)))
@example(np.pad(np.full((1, 1, 1), np.finfo(np.float32).tiny), ((0, 0), (0, 4), (0, 4))))
def test_other_values_are_found_again_within_a_level(values):
    levels, (low, high) = grey_levels(values)
    if (low, high) == (0, 255):
        return
    found = low + levels / 255 * (high - low)
    assert np.abs(found - np.clip(values, low, high)).max() <= (high - low) / 255 / 2 + 0.01


def test_an_even_image_has_a_range():
    levels, (low, high) = grey_levels(np.full((1, 2, 2), -7.5, dtype=np.float32))
    assert (low, high) == (-7.5, -6.5)
    assert not levels.any()


def test_data_urls_are_pngs():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert data_url(image).startswith("data:image/png;base64,")
    assert np.array_equal(decoded(data_url(image)), image)
