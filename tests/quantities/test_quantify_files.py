"""The command: one case, folders, and what it refuses."""

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.quantities import quantify


@pytest.fixture
def folders(tmp_path, two_lesions, volume):
    """Folders of PET and of masks: a with two labels, b with one, c without any."""
    pet, mask = two_lesions
    labels = sitk.GetArrayFromImage(mask)
    labels[9] *= 2
    (tmp_path / "pet").mkdir()
    (tmp_path / "masks").mkdir()
    for case, values in {"a": labels, "b": labels % 2, "c": np.zeros_like(labels)}.items():
        sitk.WriteImage(pet, str(tmp_path / "pet" / f"{case}.nii.gz"))
        sitk.WriteImage(volume(values, (4.0, 4.0, 4.0)), str(tmp_path / "masks" / f"{case}.nii.gz"))
    return tmp_path


def command(folder, *more, pet="pet", seg="masks", output="out"):
    words = ["quantify", "-pet", str(folder / pet), "-seg", str(folder / seg), "-o", str(folder / output), *more]
    return main(words)


def rows(file):
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_one_case_gives_exactly_the_functions_result(tmp_path, two_lesions, capsys):
    pet, mask = two_lesions
    sitk.WriteImage(pet, str(tmp_path / "pet.nii.gz"))
    sitk.WriteImage(mask, str(tmp_path / "mask.nii.gz"))
    assert command(tmp_path, pet="pet.nii.gz", seg="mask.nii.gz", output="q.json") == 0
    assert json.loads((tmp_path / "q.json").read_text()) == quantify(pet, mask)
    assert "2 lesions, MTV 3.20 ml, TLG 16.00 g" in capsys.readouterr().out


def test_a_folder_gives_a_file_for_each_case_and_tables(folders, two_lesions):
    assert command(folders, "-np", "1") == 0
    a, b, c = (json.loads((folders / "out" / f"{case}.json").read_text()) for case in "abc")
    assert {key: a[key] for key in ("unit", "lesions", "total")} == quantify(*two_lesions)
    assert a["labels"]["1"]["lesions"] == a["lesions"][:1]
    assert a["labels"]["2"]["lesions"] == a["lesions"][1:]
    assert b["labels"]["2"] == {"lesions": [], "total": c["total"]}
    assert c["total"]["SUVmax"] is None
    totals = rows(folders / "out" / "quantities.csv")
    assert [(row["case"], row["label"]) for row in totals] == [(x, y) for x in "abc" for y in ("all", "1", "2")]
    assert totals[0]["MTV_ml"] == str(a["total"]["MTV_ml"])
    assert totals[-1]["SUVmax"] == ""
    assert totals[-1]["MTV_ml"] == "0.0"
    lesions = rows(folders / "out" / "lesions.csv")
    assert [(row["case"], row["label"], row["lesion"]) for row in lesions] == [
        ("a", "1", "1"),
        ("a", "2", "1"),
        ("b", "1", "1"),
    ]
    assert float(lesions[1]["centroid_z_mm"]) == 36


def test_labels_can_be_chosen(folders):
    assert command(folders, "-l", "2", "-np", "1") == 0
    totals = rows(folders / "out" / "quantities.csv")
    assert [row["lesions"] for row in totals] == ["1", "0", "0"]
    assert {row["label"] for row in totals} == {"all"}


def test_the_pet_channel_of_an_nnunet_dataset_is_found(folders):
    images = folders / "imagesTr"
    images.mkdir()
    for case in "abc":
        (folders / "pet" / f"{case}.nii.gz").rename(images / f"{case}_0000.nii.gz")
        sitk.WriteImage(sitk.Image(3, 3, 3, sitk.sitkInt16), str(images / f"{case}_0001.nii.gz"))
    dataset = {"channel_names": {"0": "PET", "1": "CT"}}
    (folders / "dataset.json").write_text(json.dumps(dataset))
    assert command(folders, "-np", "1", pet="imagesTr") == 0
    assert rows(folders / "out" / "quantities.csv")[0]["lesions"] == "2"


def test_several_channels_without_a_dataset_json_are_refused(folders, capsys):
    (folders / "pet" / "a.nii.gz").rename(folders / "pet" / "a_0000.nii.gz")
    sitk.WriteImage(sitk.Image(3, 3, 3, sitk.sitkInt16), str(folders / "pet" / "a_0001.nii.gz"))
    assert command(folders) == 1
    assert "which is the PET" in capsys.readouterr().err


def test_every_mask_without_a_pet_is_named(folders, capsys):
    (folders / "pet" / "a.nii.gz").unlink()
    (folders / "pet" / "c.nii.gz").unlink()
    assert command(folders) == 1
    error = capsys.readouterr().err
    assert "2 masks:\n    a\n    c" in error
    assert not (folders / "out").exists()


def test_every_bad_case_is_named_and_nothing_is_left(folders, two_lesions, capsys):
    sitk.WriteImage(two_lesions[0] * 5000, str(folders / "pet" / "b.nii.gz"))
    torn = (folders / "masks" / "c.nii.gz").read_bytes()
    (folders / "masks" / "c.nii.gz").write_bytes(torn[:-20])
    assert command(folders, "-np", "1") == 1
    error = capsys.readouterr().err
    assert "2 of 3 cases cannot be quantified" in error
    assert "b.nii.gz: The PET is not in SUV" in error
    assert "c.nii.gz cannot be read" in error
    assert not (folders / "out").exists()


@pytest.mark.parametrize(
    ("more", "names", "message"),
    [
        ((), {"output": "out.json"}, "need a folder"),
        ((), {"pet": "pet/a.nii.gz"}, "both be files, or both folders"),
        ((), {"pet": "pet/a.nii.gz", "seg": "masks/a.nii.gz"}, "must end with .json"),
        ((), {"pet": "pet/x.nii.gz", "seg": "masks/a.nii.gz", "output": "q.json"}, "x.nii.gz does not exist"),
        (("-l", "0"), {}, "1 or more"),
        ((), {"output": "masks"}, "exists already"),
        (("-np", "0"), {}, "-np from 1"),
    ],
)
def test_bad_arguments(folders, capsys, more, names, message):
    assert command(folders, *more, **names) == 1
    assert message in capsys.readouterr().err


def test_slices_are_refused(tmp_path, capsys):
    for name in ("pet", "masks"):
        (tmp_path / name).mkdir()
        sitk.WriteImage(sitk.Image(4, 4, sitk.sitkUInt8), str(tmp_path / name / "a.png"))
    assert command(tmp_path) == 1
    assert "slices such as PNG have no ml" in capsys.readouterr().err


def test_what_was_lost_on_the_way_is_told(folders, capsys):
    mask = sitk.ReadImage(str(folders / "masks" / "a.nii.gz"))
    mask.SetOrigin((0, 0, -20))
    sitk.WriteImage(mask, str(folders / "masks" / "a.nii.gz"))
    assert command(folders, "-np", "1") == 0
    assert "a: 2.05 of the mask's 3.2 ml lie outside of the PET" in capsys.readouterr().out


def test_a_fourth_axis_of_length_1_is_left_out(tmp_path, two_lesions):
    pet, mask = two_lesions
    sitk.WriteImage(sitk.JoinSeries(pet), str(tmp_path / "pet.nii.gz"))
    sitk.WriteImage(mask, str(tmp_path / "mask.nii"))
    assert command(tmp_path, pet="pet.nii.gz", seg="mask.nii", output="q.json") == 0
    assert json.loads((tmp_path / "q.json").read_text()) == quantify(pet, mask)
    sitk.WriteImage(sitk.JoinSeries(pet, pet), str(tmp_path / "pet.nii.gz"))
    assert command(tmp_path, "--overwrite", pet="pet.nii.gz", seg="mask.nii", output="q.json") == 1
