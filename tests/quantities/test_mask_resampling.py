"""Masks on their way to the PET's voxels."""

from nnunetv2_cipa.quantities.mask_resampling import doubts, on_grid_of


def test_nothing_is_said_where_nothing_is_lost(two_lesions):
    assert doubts(*two_lesions) == []


def test_the_part_outside_of_the_pet_is_told(two_lesions):
    pet, mask = two_lesions
    mask.SetOrigin((0, 0, -20))  # five slices of 4 mm lower: two of three slices of a lesion are lost
    (doubt,) = doubts(pet, mask)
    assert doubt.startswith("2.05 of the mask's 3.2 ml lie outside of the PET")


def test_lesions_lost_between_voxels_are_told(volume, two_lesions):
    pet, _ = two_lesions
    fine = volume([[[1]]], (0.5, 0.5, 0.5), (2.0, 2.0, 2.0))  # between the centres of voxels
    fine = on_grid_of(fine, fine)
    (doubt,) = doubts(pet, fine)
    assert doubt == "the mask has 0.000125 ml within the PET, on its voxels 0 ml"
