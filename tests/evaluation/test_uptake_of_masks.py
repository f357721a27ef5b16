"""Uptake of a reference and of its prediction, on a PET with a grid of its own."""

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from nnunetv2_cipa.cli import main
from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.evaluation import MEASURES, evaluate_folders, read_evaluation
from nnunetv2_cipa.evaluation.uptake_of_masks import Uptake, UptakeOfMask, find_pets, find_pets_of, pool_uptake


def save(file, values, spacing):
    file.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(file))


@pytest.fixture
def raw(tmp_path):
    """Two patients with two lesions of SUV 4 and 10; the prediction of the second one misses the hotter one.

    Labels have voxels of 4 mm, the PET has voxels of 8 mm, each of which holds eight of theirs.
    """
    pet = np.ones((4, 4, 6), dtype=np.float32)
    pet[0:2, 0:2, 0:2], pet[2:4, 2:4, 4:6] = 4, 10
    labels = np.where(pet > 1, 1, 0).astype(np.uint8).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    missed = labels.copy()
    missed[4:] = 0
    for case in ("0001", "0002"):
        save(tmp_path / "petTs" / f"{case}.nii.gz", pet, (8.0, 8.0, 8.0))
        save(tmp_path / "labelsTs" / f"{case}.nii.gz", labels, (4.0, 4.0, 4.0))
        save(tmp_path / "pred" / f"{case}.nii.gz", labels if case == "0001" else missed, (4.0, 4.0, 4.0))
        image = sitk.ReadImage(str(tmp_path / "petTs" / f"{case}.nii.gz"))
        image.SetOrigin((2.0, 2.0, 2.0))  # the first voxel begins where the first of the labels does
        sitk.WriteImage(image, str(tmp_path / "petTs" / f"{case}.nii.gz"))
    return tmp_path


def test_pet_beside_the_references_is_found_and_measured(raw):
    assert find_pets(raw / "labelsTs") == raw / "petTs"
    found = evaluate_folders(raw / "labelsTs", raw / "pred")
    volume = 8 * 8**3 / 1000
    whole, half = (case.uptake for case in found.cases)
    assert whole.reference == whole.prediction == half.reference
    assert (half.reference.lesions, half.reference.suv_max, half.reference.suv_mean) == (2, 10, 7)
    assert half.reference.mtv == pytest.approx(2 * volume)
    assert half.reference.tlg == pytest.approx(14 * volume)
    assert (half.prediction.lesions, half.prediction.suv_max, half.prediction.dmax) == (1, 4, 0)
    assert half.prediction.tlg == pytest.approx(4 * volume)
    assert found.figure(MEASURES["tlg_bias"]) == pytest.approx(-10 * volume / 2)
    assert found.figure(MEASURES["tlg_error"]) == pytest.approx(10 * volume / 2)
    assert found.figure(MEASURES["tlg_upper_limit"]) > 0 > found.figure(MEASURES["tlg_lower_limit"])


def test_the_command_shows_and_writes_uptake(raw, capsys):
    assert main(["evaluate", "-ref", str(raw / "labelsTs"), "-pred", str(raw / "pred"), "-np", "1"]) == 0
    shown = capsys.readouterr().out
    assert "TLG bias g" in shown
    assert "TLG concordance" in shown
    assert "Borders agree within 2 mm" in shown
    file = raw / "pred" / "evaluation.json"
    again = read_evaluation(file)
    assert again.cases[1].uptake.reference.suv_max == 10
    assert json.loads(file.read_text())["patients"][1]["uptake"]["prediction"]["suv_max"] == 4
    headings = file.with_suffix(".csv").read_text().splitlines()[0].split(",")
    assert {"tlg_bias_g", "reference_suv_peak", "prediction_tlg"} <= set(headings)


def test_a_pet_that_is_missing_or_no_suv_is_named(raw):
    (raw / "petTs" / "0002.nii.gz").unlink()
    with pytest.raises(InputError, match="petTs has no PET volume of 1 cases:\n    0002"):
        evaluate_folders(raw / "labelsTs", raw / "pred")
    with pytest.raises(InputError, match="nowhere is not a folder"):
        evaluate_folders(raw / "labelsTs", raw / "pred", pets=raw / "nowhere")
    save(raw / "petTs" / "0002.nii.gz", np.full((4, 4, 6), 5000.0, dtype=np.float32), (8.0, 8.0, 8.0))
    with pytest.raises(InputError, match=r"0002\.nii\.gz does not fit .*not in SUV"):
        evaluate_folders(raw / "labelsTs", raw / "pred")


def test_there_need_be_no_pet(tmp_path):
    (tmp_path / "labelsTs").mkdir()
    assert find_pets(tmp_path / "labelsTs") is None
    assert find_pets(tmp_path / "masks") is None
    assert find_pets_of([], tmp_path) == {}


def test_several_studies_of_a_patient_are_one():
    nothing = UptakeOfMask(0, math.nan, math.nan, math.nan, 0.0, 0.0, 0.0)
    one = UptakeOfMask(2, 8.0, 4.0, 6.0, 10.0, 40.0, 30.0)
    other = UptakeOfMask(1, 9.0, 2.0, 5.0, 30.0, 60.0, 0.0)
    pooled = pool_uptake([Uptake(one, nothing), Uptake(other, nothing)])
    assert pooled.reference == UptakeOfMask(3, 9.0, 2.5, 6.0, 40.0, 100.0, 30.0)
    assert math.isnan(pooled.prediction.suv_mean)
    assert math.isnan(pooled.prediction.suv_max)
    assert pool_uptake([]) is None
