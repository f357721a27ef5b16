import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from nnunetv2_cipa.petct.study_picture import _towards_feet_and_left, _turned, draw_study


def test_a_picture_is_drawn_with_and_without_label(tmp_path, phantom_images):
    ct, pet, label = phantom_images
    pet = sitk.Resample(pet, ct)
    pictures = []
    for number, mask in enumerate((label, None)):
        draw_study(tmp_path / f"{number}.png", ct, pet, mask, "case")
        pictures.append(np.asarray(Image.open(tmp_path / f"{number}.png").convert("RGB")).astype(int))
    red = [(picture[..., 0] - picture[..., 1] > 100).sum() for picture in pictures]
    assert red[0] > 20
    assert red[1] == 0


@pytest.mark.parametrize(
    "direction", [(1, 0, 0, 0, 1, 0, 0, 0, 1), (-1, 0, 0, 0, -1, 0, 0, 0, 1), (0, 0, 1, 1, 0, 0, 0, 1, 0)]
)
def test_pictures_show_the_head_above_and_the_left_on_the_right(direction):
    image = sitk.Image(4, 5, 6, sitk.sitkFloat32)
    image.SetDirection(direction)
    for index in np.ndindex(4, 5, 6):
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        image[index] = 10000 * z + 100 * y + x
    turned = _turned(image, _towards_feet_and_left(image))
    assert (np.diff(turned, axis=0) < -5000).all()
    assert (np.diff(turned, axis=1) > 50).all()
    assert np.allclose(np.diff(turned, axis=2), 1, atol=1e-2)
