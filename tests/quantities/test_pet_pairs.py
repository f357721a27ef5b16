"""Which PET belongs to which mask."""

import json

import pytest

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.quantities.pet_pairs import find_pet_pairs


@pytest.fixture
def folders(tmp_path):
    """A function that makes empty files in the folders `imagesTr` and `masks`, and gives the two."""

    def make(pets, masks):
        for folder, files in (("imagesTr", pets), ("masks", masks)):
            (tmp_path / folder).mkdir()
            for name in files:
                (tmp_path / folder / name).touch()
        return tmp_path / "imagesTr", tmp_path / "masks"

    return make


def pairs(folders):
    return [(pair.case, pair.pet.name, pair.mask.name) for pair in find_pet_pairs(*folders)]


def test_files_of_the_same_name_belong_together_whatever_their_ending(folders):
    found = folders(("a.nii.gz", "b.nrrd", "more.nii"), ("b.mha", "a.nii.gz", ".hidden.nii.gz", "notes.txt"))
    assert pairs(found) == [("a", "a.nii.gz", "a.nii.gz"), ("b", "b.nrrd", "b.mha")]


def test_a_single_channel_is_the_pet(folders):
    assert pairs(folders(("a_0000.nii.gz",), ("a.nii.gz",))) == [("a", "a_0000.nii.gz", "a.nii.gz")]


@pytest.mark.parametrize("place", [".", "masks"])
@pytest.mark.parametrize(("channels", "pet"), [(("CT", "PET"), "a_0001.nii.gz"), (("PET", "CT"), "a_0000.nii.gz")])
def test_of_several_channels_dataset_json_names_the_pet(folders, place, channels, pet):
    images, masks = folders(("a_0000.nii.gz", "a_0001.nii.gz"), ("a.nii.gz",))
    (images.parent / place / "dataset.json").write_text(json.dumps({"channel_names": dict(enumerate(channels))}))
    assert pairs((images, masks)) == [("a", pet, "a.nii.gz")]


@pytest.mark.parametrize(
    ("pets", "masks", "message"),
    [
        (("a.nii.gz",), ("a.nii.gz", "b.nii.gz", "c.nii.gz"), r"no PET \(CASE\.nii\.gz\) of 2 masks:\n    b\n    c$"),
        (("a.nii.gz", "a.nrrd"), ("a.nii.gz",), "a twice: a.nii.gz and a.nrrd"),
        (("a.png",), ("a.nii.gz",), "imagesTr has no volume"),
        (("a.nii.gz",), (), "masks has no volume"),
        (("a_0000.nii.gz", "a_0001.nii.gz"), ("a.nii.gz",), "no dataset.json beside it says which"),
    ],
)
def test_what_does_not_fit_is_refused(folders, pets, masks, message):
    with pytest.raises(InputError, match=message):
        find_pet_pairs(*folders(pets, masks))


@pytest.mark.parametrize(
    ("content", "message"),
    [('{"channel_names": {"0": "T1", "1": "T2", "2": "PET"}}', "does not say which channel"), ("{", "not valid JSON")],
)
def test_a_dataset_json_that_does_not_tell_is_refused(folders, content, message):
    images, masks = folders(("a_0000.nii.gz", "a_0001.nii.gz"), ("a.nii.gz",))
    (images.parent / "dataset.json").write_text(content)
    with pytest.raises(InputError, match=rf"dataset\.json .*{message}"):
        find_pet_pairs(images, masks)


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder"):
        find_pet_pairs(tmp_path, tmp_path / "nowhere")
