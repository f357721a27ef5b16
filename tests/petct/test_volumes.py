import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.petct.volumes import Volumes, figure_warnings, figures, on_one_grid


def image(values, spacing, origin=(0.0, 0.0, 0.0)):
    volume = sitk.GetImageFromArray(values)
    volume.SetSpacing(spacing)
    volume.SetOrigin(origin)
    return volume


@pytest.fixture
def volumes():
    """A cylinder of 40 HU and SUV 2 in air, with a lesion of SUV 8."""
    _, y, x = np.ogrid[:20, :60, :60]
    inside = np.broadcast_to((x - 30) ** 2 + (y - 30) ** 2 < 25**2, (20, 60, 60))
    ct = np.where(inside, 40, -1000).astype(np.int16)
    pet = np.where(inside, 2, 0).astype(np.float32)[::2, ::2, ::2]
    label = np.zeros(ct.shape, np.uint8)
    label[6:12, 20:30, 20:30] = 1
    pet[3:6, 10:15, 10:15] = 8
    return Volumes(
        image(ct, (2.0, 2.0, 3.0)), image(pet, (4.0, 4.0, 6.0), (1.0, 1.0, 1.5)), [image(label, (2.0, 2.0, 3.0))], {}
    )


def test_figures_tell_units(volumes):
    found = figures(volumes)
    assert found["body_HU"] == 40
    assert found["thick_soft_tissue_SUV"] == 2
    assert found["max_SUV"] == 8
    assert not figure_warnings(found)
    wrong = Volumes(volumes.ct + 1024, volumes.pet * 1000, [], {})
    assert len(figure_warnings(figures(wrong))) == 2


@pytest.mark.parametrize("grid", ["ct", "pet"])
def test_everything_is_on_the_chosen_grid(volumes, grid):
    case = on_one_grid(volumes, grid)
    expected = volumes.ct if grid == "ct" else volumes.pet
    for placed in (case.ct, case.pet, case.label):
        assert placed.GetSize() == expected.GetSize()
        assert placed.GetSpacing() == expected.GetSpacing()
        assert placed.GetOrigin() == expected.GetOrigin()
    assert not case.warnings


def test_several_labels_are_united(volumes):
    other = sitk.GetArrayFromImage(volumes.labels[0])[:, ::-1] * 2
    volumes.labels.append(image(other, (2.0, 2.0, 3.0)))
    found = sitk.GetArrayFromImage(on_one_grid(volumes, "ct").label)
    assert np.array_equal(found, np.maximum(sitk.GetArrayFromImage(volumes.labels[0]), other))


def test_lost_lesions_and_volume_are_told(volumes):
    label = np.zeros((20, 60, 60), np.uint8)
    label[6, 20:30:2, 21] = 1
    volumes.labels[0] = image(label, (2.0, 2.0, 3.0))
    warnings = on_one_grid(volumes, "pet").warnings
    assert any("ml" in warning for warning in warnings)
    assert any("lesions" in warning for warning in warnings)


def test_a_label_beside_the_uptake_is_told(volumes):
    flipped = sitk.GetArrayFromImage(volumes.labels[0])
    volumes.labels[0] = image(np.roll(flipped, 35, axis=1), (2.0, 2.0, 3.0))
    assert any("shifted or flipped" in warning for warning in on_one_grid(volumes, "ct").warnings)
