"""Folders in nnU-Net's raw format: what they lack is added, and what is there stays."""

import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.dataset_conversion.petct_raw_dataset import adopt_raw_dataset, count_raw_dataset, is_raw_dataset
from nnunetv2_cipa.errors import InputError

ADA, BOB = ("fdg_00000ada_2003-07-11", "fdg_00000ada_2003-08-11"), ("psma_00000b0b_2003-07-12",)
CY = "psma_00000c7c_2003-07-13"


@pytest.fixture
def write_case():
    def write(folder, case, subset="Tr", *, label=True, spacing=1.0):
        image = sitk.GetImageFromArray(np.zeros((3, 4, 5), dtype=np.int16))
        image.SetSpacing((spacing, 1.0, 1.0))
        names = [f"images{subset}/{case}_0000", f"images{subset}/{case}_0001", *[f"labels{subset}/{case}"] * label]
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))

    return write


@pytest.fixture
def raw_format(tmp_path, write_case):
    """Two patients for training, one for testing, whose label is not there."""
    folder = tmp_path / "data"
    for case in (*ADA, *BOB):
        write_case(folder, case)
    write_case(folder, CY, "Ts", label=False)
    return folder


def adopt(folder, dataset_id=606, name="Own", *, overwrite=False, dry=False):
    return adopt_raw_dataset(folder, dataset_id, name, overwrite=overwrite, dry=dry)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_it_is_known_by_its_second_channel(raw_format, tmp_path):
    assert is_raw_dataset(raw_format)
    for file in (raw_format / "imagesTr").glob("*_0001.nii.gz"):
        file.unlink()
    assert not is_raw_dataset(raw_format)
    assert not is_raw_dataset(tmp_path)


def test_cases_are_counted(raw_format, write_case):
    counts = count_raw_dataset(raw_format)
    assert (counts.training, counts.test, counts.pixels, counts.test_labels) == (3, 1, 60, False)
    write_case(raw_format, CY, "Ts")
    assert count_raw_dataset(raw_format).test_labels


def test_a_dry_run_says_what_would_be_added_and_writes_nothing(raw_format, nnunet_raw):
    before = names(raw_format)
    said = adopt(raw_format, dry=True)
    assert "3 cases for training, 1 for testing" in said
    assert "Would be added: dataset.json, patients.json, splits_final.json, petTr, petTs." in said
    assert names(raw_format) == before
    assert not nnunet_raw.exists()


def test_a_complete_dataset_is_made_beside(raw_format, nnunet_raw):
    before = names(raw_format)
    adopt(raw_format)
    dataset = nnunet_raw / "Dataset606_Own"
    assert names(raw_format) == before
    content = json.loads((dataset / "dataset.json").read_text())
    assert content["channel_names"] == {"0": "CT", "1": "PET"}
    assert content["modalities"] == ["CT", "PET"]
    assert content["numTraining"] == 3
    assert set(json.loads((dataset / "patients.json").read_text())) == {*ADA, *BOB, CY}
    for fold in json.loads((dataset / "splits_final.json").read_text()):
        assert set(ADA) <= set(fold["train"]) or set(ADA) <= set(fold["val"])
    pet = dataset / "petTr" / f"{ADA[0]}.nii.gz"
    assert pet.samefile(dataset / "imagesTr" / f"{ADA[0]}_0001.nii.gz")
    assert "Would be added: nothing" in adopt(dataset, dry=True)


def test_another_dataset_of_the_name_is_kept(raw_format, nnunet_raw):
    adopt(raw_format)
    with pytest.raises(InputError, match="--overwrite"):
        adopt(raw_format)
    (nnunet_raw / "Dataset606_Own" / "note").touch()
    adopt(raw_format, overwrite=True)
    assert not (nnunet_raw / "Dataset606_Own" / "note").exists()


def test_folds_of_the_users_are_kept_and_mixed_patients_told(raw_format, nnunet_raw):
    folds = [{"train": [ADA[0], BOB[0]], "val": [ADA[1]]}]
    (raw_format / "splits_final.json").write_text(json.dumps(folds))
    (raw_format / "patients.json").write_text(json.dumps(dict.fromkeys(ADA, "Ada") | {BOB[0]: "B", CY: "C"}))
    said = adopt(raw_format)
    assert "WARNING: fold 0 of " in said
    assert "trains and validates on Ada" in said
    assert json.loads((nnunet_raw / "Dataset606_Own" / "splits_final.json").read_text()) == folds


def test_one_patient_has_no_folds(tmp_path, write_case, nnunet_raw):
    for case in ADA:
        write_case(tmp_path / "data", case)
    (tmp_path / "data" / "patients.json").write_text(json.dumps(dict.fromkeys(ADA, "Ada")))
    assert "all training cases are of one patient" in adopt(tmp_path / "data")
    assert not (nnunet_raw / "Dataset606_Own" / "splits_final.json").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: (folder / "imagesTr" / f"{ADA[0]}_0001.nii.gz").unlink(),
            rf"1 of 3 .*\n.*{ADA[0]}: .* missing",
        ),
        (
            lambda folder: (folder / "imagesTr" / f"{ADA[0]}_0000.nii.gz").unlink(),
            rf"1 of 3 .*\n.*{ADA[0]}: .* missing",
        ),
        (lambda folder: (folder / "labelsTr" / f"{BOB[0]}.nii.gz").unlink(), rf"1 of 3 .*\n.*{BOB[0]}: .* missing"),
        (lambda folder: (folder / "dataset.json").write_text("{"), "dataset.json is not valid JSON"),
    ],
)
def test_incomplete_cases_and_damaged_files_are_named(raw_format, nnunet_raw, spoil, message):
    spoil(raw_format)
    with pytest.raises(InputError, match=message):
        adopt(raw_format)
    assert not list(nnunet_raw.glob("**/*"))


def test_a_label_on_another_grid_is_named(raw_format, nnunet_raw, write_case, tmp_path):
    write_case(tmp_path / "other", BOB[0], spacing=2.0)
    (tmp_path / "other" / "labelsTr" / f"{BOB[0]}.nii.gz").replace(raw_format / "labelsTr" / f"{BOB[0]}.nii.gz")
    with pytest.raises(InputError, match=rf"{BOB[0]}\.nii\.gz has another grid than {BOB[0]}_0000"):
        count_raw_dataset(raw_format)


def test_a_case_without_its_ct_is_counted_as_incomplete(raw_format):
    for file in (raw_format / "imagesTr").glob("*_0000.nii.gz"):
        file.unlink()
    with pytest.raises(InputError, match="3 of 3 cases"):
        count_raw_dataset(raw_format)
