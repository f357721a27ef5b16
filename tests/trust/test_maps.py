"""Maps as files."""

import numpy as np
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from nnunetv2_cipa.nnunet.probabilities import Geometry
from nnunetv2_cipa.trust.maps import write_map


def test_pictures_are_scaled_to_8_bits(tmp_path):
    values = np.array([[[0, 0.5, 1.0]]], dtype=np.float32)
    file = write_map(tmp_path, "a", values, None, highest=1)
    assert file.name == "a.png"
    assert np.asarray(Image.open(file)).tolist() == [[0, 128, 255]]


def test_volumes_keep_values_and_place(tmp_path):
    values = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)
    geometry = Geometry((1.0, 2.0, 3.0), (-5.0, 6.0, 7.0), tuple(np.eye(3).ravel()))
    image = sitk.ReadImage(str(write_map(tmp_path, "a", values, geometry, highest=1)))
    assert (sitk.GetArrayFromImage(image) == values).all()
    assert image.GetSpacing() == (1.0, 2.0, 3.0)
    assert image.GetOrigin() == (-5.0, 6.0, 7.0)


def test_slices_with_a_place_are_flat_images(tmp_path):
    geometry = Geometry((1.0, 2.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    image = sitk.ReadImage(str(write_map(tmp_path, "a", np.ones((1, 4, 5), np.float32), geometry, highest=1)))
    assert image.GetSize()[:2] == (5, 4)


def test_stacks_without_a_place_are_volumes(tmp_path):
    file = write_map(tmp_path, "a", np.ones((3, 4, 5), np.float32), None, highest=1)
    assert sitk.ReadImage(str(file)).GetSize() == (5, 4, 3)
